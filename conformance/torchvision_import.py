"""Imports torchvision, whichever PyTorch it was built for.

A wheel of torchvision that is linked to the CUDA build of PyTorch cannot load its C++ operators beside the CPU build.
Its models and its Python form of RoIAlign work without them, but the import fails unless two operators are declared.
"""

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
    return torchvision


def declare_missing_operators():
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for name in MISSING:
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _declared.append(library)
