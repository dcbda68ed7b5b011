"""Images to pyramids with ONNX Runtime and TensorStore.

    python onnxruntime_peer.py MODEL.onnx SIDE
"""

import sys

import onnxruntime
from image import load_image
from protocol import serve
from pyramid import write_pyramid

model, side = sys.argv[1], int(sys.argv[2])
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
names = [output.name for output in session.get_outputs()]


def extract(image, folder):
    levels = session.run(names, {"image": load_image(image, side)})
    # ONNX Runtime puts channels first.
    return write_pyramid(folder, {name: level[0] for name, level in zip(names, levels, strict=True)}, ["channel", "y", "x"])


serve(extract)
