"""Which networks Cairn is compared with beyond Mask R-CNN's, and the weight files it reads of each."""

from functools import partial
from typing import NamedTuple

from networks import detectron2, keras_legacy, keras_v1, keras_v2, scale, slim_v2, small_stem, torchvision

KERAS3, KERAS3_MODEL = "Keras 3 .weights.h5", "Keras 3 whole-model .h5"
KERAS2, KERAS1 = "Keras 2 .h5", "Keras 1 .h5"
TORCH, TORCH_NPZ = "PyTorch safetensors", "PyTorch-named npz"
PTH, PTH_OLDER = "PyTorch .pth", "older PyTorch .pth"
PKL, PKL_2 = "Detectron2 .pkl", "Detectron2 .pkl, protocol 2"
SLIM_SAFETENSORS, SLIM_NPZ = "TensorFlow-named safetensors", "TensorFlow-named npz"
SLIM_CHECKPOINT = "TensorFlow checkpoint as npz"


class Family(NamedTuple):
    reference: str
    """What the report calls the other side of the comparison."""
    build: callable
    """Takes an architecture and, in families with a classifier, `classes`."""
    files: dict
    """{architecture: its formats}, smallest first. Numbers are compared on the first format, the others bit for bit."""
    large: str
    """The architecture that is run at the largest canvas as well."""
    classes: int | None = 1000
    """Of the classifier; None where the published files have none."""


FAMILIES = {
    "keras": Family(
        "keras.applications (18 and 34: written in Keras by its rules)",
        keras_v1.build,
        {
            "resnet18": (KERAS3,),
            "resnet34": (KERAS3_MODEL,),
            "resnet50": (KERAS3, KERAS3_MODEL, KERAS2),
            "resnet101": (KERAS3,),
            "resnet152": (KERAS2,),
        },
        large="resnet50",
    ),
    "keras-legacy": Family(
        "keras-applications 1.0.6, written in Keras",
        keras_legacy.build,
        {"resnet50": (KERAS2, KERAS1, KERAS3)},
        large="resnet50",
    ),
    "keras-v2": Family(
        "keras.applications",
        keras_v2.build,
        {"resnet50v2": (KERAS3, KERAS3_MODEL, KERAS2), "resnet101v2": (KERAS3_MODEL,), "resnet152v2": (KERAS2,)},
        large="resnet50v2",
    ),
    "scale": Family(
        "the Caffe conversion with Scale layers, written in Keras",
        scale.build,
        {"resnet101": (KERAS2, KERAS1), "resnet152": (KERAS1,)},
        large="resnet101",
    ),
    "slim-v2": Family(
        "TensorFlow-Slim's resnet_v2, written in TensorFlow operations",
        slim_v2.build,
        {
            "resnet50v2": (SLIM_NPZ, SLIM_SAFETENSORS, SLIM_CHECKPOINT),
            "resnet101v2": (SLIM_SAFETENSORS,),
            "resnet152v2": (SLIM_NPZ,),
            "resnet200v2": (SLIM_CHECKPOINT,),
        },
        large="resnet50v2",
        classes=1001,
    ),
    "torchvision": Family(
        "torchvision's own models",
        torchvision.build,
        {name: (TORCH, PTH, PTH_OLDER) if name == "resnet18" else (PTH,) for name in torchvision.ARCHITECTURES},
        large="resnet50",
    ),
    "torchvision-detection": Family(
        "the backbone of torchvision's own Mask R-CNN",
        partial(torchvision.build_detector, frozen_norms=True),
        {"resnet50": (TORCH,)},
        large="resnet50",
        classes=None,
    ),
    "detectron2": Family(
        "Detectron2's MSRA ResNet, written in PyTorch",
        detectron2.build,
        {"resnet50": (TORCH, TORCH_NPZ, PKL), "resnet101": (PKL_2,)},
        large="resnet50",
    ),
    "basic-small-stem": Family(
        "the TensorFlow 2 course ResNet-18, written in Keras",
        small_stem.build,
        {"resnet18": (KERAS2, KERAS3)},
        large="resnet18",
        classes=10,
    ),
}


def build(family, architecture):
    classes = FAMILIES[family].classes
    return FAMILIES[family].build(architecture, *([] if classes is None else [classes]))
