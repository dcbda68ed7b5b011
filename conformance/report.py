"""Writes the measured numbers into docs/conformance.md, between two marker comments."""

from importlib.metadata import PackageNotFoundError, version

from check_backbone import LEVELS
from check_pyramid import PYRAMID_LEVELS
from families import FAMILIES
from paths import DOCUMENT
from pyramids import PYRAMIDS

BEGIN, END = "<!-- conformance:begin -->", "<!-- conformance:end -->"
OVER_SIDES = ("family", "architecture", "compared with", "weight files", "sides")
PACKAGES = ("keras", "tensorflow-cpu", "torch", "torchvision", "scikit-image", "tensorstore")


def write_report(results):
    """Replaces what lies between the markers; the rest of the page is written by hand."""
    made_with = ", ".join(f"{name} {installed(name)}" for name in PACKAGES)
    parts = [
        f"{results.summary()}, with {made_with}.",
        "Mask R-CNN's backbones, the largest error ratio of each level:",
        backbone_table([row for row in results.rows if row["table"] == "backbone"]),
        "The other families: the largest error ratio of each level over all sides, and the largest difference of a\n"
        "probability at sides 224 and 256. The first of the files named was compared; the others gave the same bits.",
        family_table([row for row in results.rows if row["table"] == "family"]),
        "Feature pyramids: likewise, from files that also hold a pyramid. Where a family's stem makes maps that are\n"
        "not twice as large as the next, the finer levels do not exist, and requesting them is an error.",
        pyramid_table([row for row in results.rows if row["table"] == "pyramid"]),
        "Detectors as torch.save and pickle write them: the largest distance of a level from the network in float64, of\n"
        "Cairn and of PyTorch in float32.",
        torch_file_table([row for row in results.rows if row["table"] == "torch files"]),
        "Regions, each method's largest error ratio:",
        region_table([row for row in results.rows if row["table"] == "regions"]),
        "The example detectors, with a full Mask R-CNN of random weights: the largest error ratio of the networks'\n"
        "outputs, the detections end to end, and the largest difference of a box's side in pixels of the photo.",
        detector_table([row for row in results.rows if row["table"] == "detector"]),
        "Preprocessing, every pixel of the canvas:",
        preprocess_table([row for row in results.rows if row["table"] == "preprocess"]),
    ]
    before, rest = DOCUMENT.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    DOCUMENT.write_text("\n\n".join([before + BEGIN, *parts, END + after]), encoding="utf-8")


def backbone_table(rows):
    return table(
        ["architecture", "stage 5", "side", *LEVELS],
        [[row["architecture"], "yes" if row["stage5"] else "no", row["side"], *errors(row, LEVELS)] for row in rows],
    )


def family_table(rows):
    return table([*OVER_SIDES, *LEVELS, "probabilities"], over_sides(rows, FAMILIES, (*LEVELS, "top")))


def pyramid_table(rows):
    return table([*OVER_SIDES, *PYRAMID_LEVELS], over_sides(rows, PYRAMIDS, PYRAMID_LEVELS))


def over_sides(rows, entries, columns):
    """One line for each architecture of `entries`, over all its sides."""
    lines = []
    for family, entry in entries.items():
        for architecture, files in entry.files.items():
            sides = [row for row in rows if (row["family"], row["architecture"]) == (family, architecture)]
            worst = {name: max(row[name] for row in sides if name in row) for name in set().union(*sides) & {*columns}}
            names = family, architecture, entry.reference, ", ".join(files)
            lines.append([*names, ", ".join(str(row["side"]) for row in sides), *errors(worst, columns)])
    return lines


def errors(row, names):
    return [f"{row[name]:.1e}" if name in row else "–" for name in names]


def torch_file_table(rows):
    def cells(row):
        own, theirs = zip(*row["worst"].values(), strict=True)
        return [*row["case"].split("/")[1:], row["model"], f"{max(own):.1e}", f"{max(theirs):.1e}"]

    return table(["detector", "file", "model", "Cairn", "PyTorch"], [cells(row) for row in rows])


def region_table(rows):
    return table(
        ["method", "compared with", "boxes", "largest error ratio"],
        [[row["method"], row["reference"], row["boxes"], f"{row['ratio']:.1e}"] for row in rows],
    )


def detector_table(rows):
    return table(
        ["detector", "side", "photo", "outputs", "detections", "the same", "sides of boxes"],
        [
            [*row["case"].split("/")[2:], f"{row['worst']:.1e}", row["detections"], row["same"], f"{row['apart']:.1e}"]
            for row in rows
        ],
    )


def preprocess_table(rows):
    return table(
        ["image", "pixels", "side", "window", "largest difference"],
        [
            [row["image"], row["original"], row["side"], row["window"], f"{row['difference']} of 255"]
            for row in rows
        ],
    )


def table(header, rows):
    """A Markdown table, its columns padded as Prettier pads them."""
    cells = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(map(str.ljust, row, widths))} |" for row in cells)


def installed(name):
    try:
        return version(name)
    except PackageNotFoundError:  # tensorflow-cpu is plain tensorflow on macOS
        return version(name.removesuffix("-cpu"))
