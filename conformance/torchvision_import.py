"""Imports torchvision, whichever PyTorch it was built for.

A wheel of torchvision that is linked to the CUDA build of PyTorch cannot load its C++ operators beside the CPU build.
Its models and its Python form of RoIAlign work without them, but the import fails unless two operators are declared.
Non-maximum suppression, which detectors need, is then written here by its definition.

    python torchvision_import.py SCRIPT [ARGUMENTS]     runs a script that imports torchvision
"""

import runpy
import sys
from pathlib import Path

MISSING = ("nms", "qnms")
_declared = []
"""PyTorch forgets the operators of a library that is collected."""


def load_torchvision():
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        declare_missing_operators()
        import torchvision

        torchvision.ops.boxes.nms = suppress
    return torchvision


def declare_missing_operators():
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for name in MISSING:
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _declared.append(library)


def suppress(boxes, scores, iou_threshold):
    """torchvision's `nms`: indices of the boxes that no better one overlaps by more than the threshold, best first."""
    import torch

    order = torch.argsort(scores, descending=True, stable=True)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept = []
    while order.numel():
        best, order = order[0], order[1:]
        kept.append(best)
        corner = torch.maximum(boxes[order, :2], boxes[best, :2])
        shared = (torch.minimum(boxes[order, 2:], boxes[best, 2:]) - corner).clamp(min=0).prod(1)
        order = order[shared <= iou_threshold * (areas[order] + areas[best] - shared)]
    return torch.stack(kept) if kept else torch.empty(0, dtype=torch.int64)


if __name__ == "__main__":
    load_torchvision()
    sys.argv = sys.argv[1:]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    runpy.run_path(sys.argv[0], run_name="__main__")
