"""Which feature pyramids Cairn is compared with, and the weight files it reads of each."""

from typing import NamedTuple

import matterport
from families import KERAS1, KERAS2, KERAS3, KERAS3_MODEL, PKL, PKL_2, PTH, PTH_OLDER, TORCH, TORCH_NPZ
from networks import detectron2, keras_legacy, keras_v1, scale, small_stem, torchvision
from networks.keras_pyramid import KerasPyramid
from weights import give_to, head_weights, random_weights

TORCH_OLDER, TORCH_PARALLEL = "safetensors of older torchvision", "safetensors of a DataParallel"
SEED = 7


class Pyramid(NamedTuple):
    reference: str
    """What the report calls the other side of the comparison."""
    build: callable
    """Takes an architecture and a photograph to calibrate on; returns a network whose weights are drawn."""
    files: dict
    """{architecture: its formats}, smallest first. Numbers are compared on the first format, the others bit for bit."""
    large: str | None = None
    """The architecture that is run at the largest canvas as well."""
    finest: int = 2
    """Number of the finest level that the family's maps allow: the finer ones are not half as large as the next."""


def matterport_pyramid(architecture, _):
    heads = head_weights()
    beside = {name: parameters for name, parameters in heads.items() if not name.startswith("fpn_")}
    network = KerasPyramid(matterport.backbone(architecture, side=None), matterport.preprocess, beside=beside)
    give_to(network.published, random_weights(architecture) | heads)
    return network


def keras_pyramid(family, finest=2):
    """Matterport's pyramid on the network of another Keras family."""

    def build(architecture, pixels):
        backbone = family.build(architecture)
        backbone.randomise(pixels, SEED)
        network = KerasPyramid(backbone.levels, backbone.preprocess, finest)
        network.draw_pyramid(SEED)
        return network

    return build


def torch_pyramid(build, **options):
    def build_and_draw(architecture, pixels):
        network = build(architecture, **options)
        network.randomise(pixels, SEED)
        return network

    return build_and_draw


PYRAMIDS = {
    "mask-rcnn": Pyramid(
        "Matterport's Mask R-CNN, written in Keras",
        matterport_pyramid,
        {"resnet50": (KERAS2, KERAS3_MODEL, KERAS3, KERAS1), "resnet101": (KERAS2,)},
        large="resnet50",
    ),
    "keras": Pyramid(
        "Matterport's pyramid on keras.applications",
        keras_pyramid(keras_v1),
        {"resnet18": (KERAS3_MODEL,), "resnet50": (KERAS3, KERAS2)},
    ),
    "keras-legacy": Pyramid(
        "Matterport's pyramid on keras-applications 1.0.6",
        keras_pyramid(keras_legacy),
        {"resnet50": (KERAS2,)},
    ),
    "scale": Pyramid(
        "Matterport's pyramid on the Caffe conversion",
        keras_pyramid(scale, finest=3),
        {"resnet101": (KERAS2,)},
        finest=3,
    ),
    "torchvision": Pyramid(
        "torchvision's own Mask R-CNN, norms not frozen",
        torch_pyramid(torchvision.build_detector),
        {"resnet18": (TORCH, TORCH_PARALLEL), "resnet50": (TORCH, TORCH_OLDER, TORCH_PARALLEL)},
    ),
    "torchvision-detection": Pyramid(
        "torchvision's own Mask R-CNN",
        torch_pyramid(torchvision.build_detector, frozen_norms=True),
        {"resnet50": (TORCH, TORCH_OLDER, TORCH_PARALLEL, PTH, PTH_OLDER)},
    ),
    "torchvision-detection-v2": Pyramid(
        "torchvision's own `maskrcnn_resnet50_fpn_v2`",
        torch_pyramid(torchvision.build_detector_v2),
        {"resnet50": (PTH, PTH_OLDER, TORCH)},
    ),
    "detectron2": Pyramid(
        "Detectron2's MSRA ResNet with FPN, written in PyTorch",
        torch_pyramid(detectron2.build_pyramid),
        {"resnet50": (TORCH, TORCH_NPZ, TORCH_PARALLEL, PKL, PKL_2), "resnet101": (PKL,)},
    ),
    "detectron2-bn": Pyramid(
        "Detectron2 with batch norms in backbone and pyramid, written in PyTorch",
        torch_pyramid(detectron2.build_normed, norm="BN"),
        {"resnet50": (PKL, PTH), "resnet101": (PKL,)},
    ),
    "detectron2-gn": Pyramid(
        "Detectron2 with group norms in backbone and pyramid, written in PyTorch",
        torch_pyramid(detectron2.build_normed, norm="GN"),
        {"resnet50": (PKL, PTH), "resnet101": (PKL_2,)},
    ),
    "basic-small-stem": Pyramid(
        "Matterport's pyramid on the TensorFlow 2 course ResNet-18",
        keras_pyramid(small_stem, finest=4),
        {"resnet18": (KERAS2,)},
        finest=4,
    ),
}
