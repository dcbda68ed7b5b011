"""The detector's layers from the Mask R-CNN HDF5 file whose backbone and pyramid run in Cairn."""

import h5py
import numpy as np

LAYERS = (
    "rpn_conv_shared",
    "rpn_class_raw",
    "rpn_bbox_pred",
    "mrcnn_class_conv1",
    "mrcnn_class_bn1",
    "mrcnn_class_conv2",
    "mrcnn_class_bn2",
    "mrcnn_class_logits",
    "mrcnn_bbox_fc",
)


def read_weights(path):
    """{layer: {parameter: float32 array}}; kernels are HWIO, or [in, out] of dense layers.

    Datasets lie at `<layer>/<layer>/kernel:0`, those of the RPN at `rpn_model/<layer>/kernel:0`; Keras 3 leaves out the
    `:0`. What counts is the last group's name and the dataset's.
    """
    found = {}

    def visit(name, item):
        layer, _, parameter = name.rpartition("/")
        layer = layer.rpartition("/")[2]
        if isinstance(item, h5py.Dataset) and layer in LAYERS:
            found.setdefault(layer, {})[parameter.removesuffix(":0")] = item[...].astype(np.float32)

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    missing = [layer for layer in LAYERS if layer not in found]
    if missing:
        raise SystemExit(f"{path} is not the file of a whole Mask R-CNN: it lacks {', '.join(missing)}")
    return found
