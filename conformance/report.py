"""Writes the measured numbers into docs/conformance.md, between two marker comments."""

from importlib.metadata import PackageNotFoundError, version

from check_backbone import LEVELS
from paths import DOCUMENT

BEGIN, END = "<!-- conformance:begin -->", "<!-- conformance:end -->"
PACKAGES = ("keras", "tensorflow-cpu", "scikit-image", "tensorstore")


def table(header, rows):
    """A Markdown table, its columns padded as Prettier pads them."""
    cells = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(map(str.ljust, row, widths))} |" for row in cells)


def write_report(results):
    """Replaces what lies between the markers; the rest of the page is written by hand."""
    backbone = [row for row in results.rows if row["table"] == "backbone"]
    preprocess = [row for row in results.rows if row["table"] == "preprocess"]
    levels = table(
        ["family", "architecture", "stage 5", "side", *LEVELS],
        [
            [row["family"], row["architecture"], "yes" if row["stage5"] else "no", row["side"]]
            + [f"{row[level]:.1e}" if level in row else "–" for level in LEVELS]
            for row in backbone
        ],
    )
    images = table(
        ["image", "pixels", "side", "window", "largest difference"],
        [
            [row["image"], row["original"], row["side"], row["window"], f"{row['difference']} of 255"]
            for row in preprocess
        ],
    )
    made_with = ", ".join(f"{name} {installed(name)}" for name in PACKAGES)
    measured = (
        f"{results.summary()}, with {made_with}.\n\nLargest error ratio of each level:\n\n{levels}\n\n"
        f"Preprocessing, every pixel of the canvas:\n\n{images}"
    )
    before, rest = DOCUMENT.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{measured}\n\n{END}{after}", encoding="utf-8")


def installed(name):
    try:
        return version(name)
    except PackageNotFoundError:  # tensorflow-cpu is plain tensorflow on macOS
        return version(name.removesuffix("-cpu"))
