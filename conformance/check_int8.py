"""The network in 8-bit integers, against ONNX Runtime's own quantiser on the same float network and ranges."""

import json
import subprocess

import numpy as np

from cairn import run_cairn
from paths import ROOT

MODELS = {"mask-rcnn-resnet18": ("C2", "C5", "P2", "P6"), "mask-rcnn-resnet50": ("C2", "C5")}
SIDE = 256
QUANTIZED = ("QLinearConv", "QLinearAdd")
"""Operators that ONNX Runtime's optimiser makes of the QDQ form."""


def check_int8(results, scratch, quick):
    for model in list(MODELS)[: 1 if quick else None]:
        case = f"int8/{model}"
        if results.wants(case):
            with results.case(case), scratch.folder() as folder:
                compare_with_quantizer(results, case, model, MODELS[model], scratch, folder)


def compare_with_quantizer(results, case, model, levels, scratch, folder):
    photo, canvas = scratch.photo(SIDE)
    calibration = folder / "calibration.json"
    run_cairn("calibrate", model, photo, "--weights", "seeded", "--size", SIDE, "--out", calibration)
    script = ROOT / "conformance" / "write-models.mjs"
    subprocess.run(["node", script, model, ",".join(levels), str(SIDE), calibration, folder], check=True, cwd=ROOT)
    known = json.loads((folder / "ranges.json").read_text())
    quantize(folder / "float.onnx", folder / "reference.onnx", known)

    ours, our_kernels = run(folder / "int8.onnx", canvas, folder)
    theirs, their_kernels = run(folder / "reference.onnx", canvas, folder)
    results.check(f"{case} the same kernels", our_kernels == their_kernels, f"{our_kernels} {their_kernels}")
    for level in levels:
        values = np.unique(ours[level])
        step = np.diff(values).min()
        worst = np.abs(ours[level] - theirs[level]).max() / step
        equal = np.mean(ours[level] == theirs[level])
        detail = f"largest difference {worst:.3f} steps, {equal:.4%} equal"
        results.check(f"{case} {level} within one step of the scale", worst <= 1.001, detail)


def quantize(source, target, known):
    """ONNX Runtime's QDQ quantiser: uint8 activations, int8 weights per channel, with the given ranges."""
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantType, TensorData, TensorsData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    model = onnx.load(source)
    named = {node.output[0]: node for node in model.graph.node}
    ranges = {name: tuple(ends) for name, ends in known["ranges"].items()}
    # The quantiser wants a range for every value, also where it takes another's.
    first = next(node for node in model.graph.node if node.op_type == "Conv")
    ranges[first.input[0]] = tuple(known["input"])
    for node in model.graph.node:
        if node.output[0] in ranges or node.output[0] not in known["nodes"]:
            continue
        # Pools and repetitions have the range of what they read, a convolution or sum before a ReLU has the ReLU's.
        readers = [reader.output[0] for reader in model.graph.node if node.output[0] in reader.input]
        moves = node.op_type in ("MaxPool", "Resize", "Pad")
        ranges[node.output[0]] = ranges[node.input[0] if moves else readers[0]]
    data = {
        name: TensorData(lowest=np.float32(low), highest=np.float32(high)) for name, (low, high) in ranges.items()
    }
    quantizer = QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, data),
        nodes_to_quantize=[named[name].name for name in known["nodes"] if name in named],
        nodes_to_exclude=[],
        op_types_to_quantize=["Conv", "Relu", "Add", "MaxPool", "AveragePool", "Resize", "Pad"],
        extra_options={"WeightSymmetric": True, "ActivationSymmetric": False},
    )
    quantizer.quantize_model()
    onnx.save(quantizer.model.model, target)


def run(path, canvas, folder):
    """Levels of a canvas by name, and how many integer kernels ONNX Runtime made of the model."""
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    # Without an integer dot product the default kernels saturate.
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs() if "/" not in output.name]
    levels = dict(zip(names, session.run(names, {"images": canvas[np.newaxis]}), strict=True))
    operators = [node.op_type for node in onnx.load(folder / "optimized.onnx").graph.node]
    return levels, {operator: operators.count(operator) for operator in QUANTIZED}
