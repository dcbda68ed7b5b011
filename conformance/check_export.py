"""Exported ONNX files in Python's ONNX Runtime, which knows nothing of Cairn: the levels of `cairn extract`."""

import json

import numpy as np

from cairn import export_onnx, extract_levels
from compare import error_ratio

SIDE = 256
NETWORKS = {
    "mask-rcnn-resnet18": ("C1", "C5", "P2", "P6"),
    # Zeros around values that may be negative, which ONNX Runtime's optimizer would merge into the pool after them.
    "keras-v2-resnet50v2": ("C2", "C5"),
    "detectron2-resnet50": ("C3", "P5"),
}
"""{model: levels}: a normalisation of each kind, post- and pre-activation, with and without a pyramid."""

BAR = 1e-5
"""The same operations by the same library in another build: only the order of sums may differ."""


def check_export(results, scratch):
    for model, levels in NETWORKS.items():
        case = f"export/{model}"
        if not results.wants(case):
            continue
        with results.case(case), scratch.folder() as folder:
            options = dict(model=model, weights="seeded:3", side=SIDE, levels=levels)
            line, path = export_onnx(folder / "network.onnx", **options)
            check_file(results, case, path, line)
            image, pixels = scratch.photo(SIDE)
            expected = extract_levels(image, folder, **options)
            # A batch, whose second image is another.
            found = run(path, np.stack([pixels, pixels[::-1]]))
            results.check(f"{case} outputs", list(found) == list(levels), str(list(found)))
            for name in levels:
                ratio = error_ratio(found[name][0], expected[name])
                results.check(f"{case} {name}", ratio <= BAR, f"largest error ratio {ratio:.1e}")
            integers = export_onnx(folder / "integers.onnx", **options, dtype="uint8", layout="nchw")[1]
            check_integers(results, case, run(integers, pixels[None]), expected)


def check_file(results, case, path, line):
    """The file is well-formed, and says what it is."""
    import onnx

    onnx.checker.check_model(str(path), full_check=True)
    told = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    same = told["weightsDigest"] == line["weightsDigest"] and told["levels"].split(",") == line["levels"]
    same = same and "mean" in json.loads(told["preprocessing"])
    results.check(f"{case} metadata", same, "" if same else str(told))


def check_integers(results, case, found, expected):
    for name, values in expected.items():
        scale, zero = found[f"{name}/scale"][0], found[f"{name}/zeroPoint"][0]
        decoded = (found[name][0].astype(np.float32) - zero) * scale
        apart = float(np.abs(decoded.transpose(1, 2, 0) - values).max() / scale)
        results.check(f"{case} {name} in uint8", apart <= 0.51, f"{apart:.3f} steps")


def run(path, pixels):
    """{output: array} of a batch of uint8 [batch, side, side, 3]."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"images": np.ascontiguousarray(pixels)}), strict=True))
