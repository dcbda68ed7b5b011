"""torchvision's ResNet-18 to -152, written from `torchvision.models.resnet`'s convention in plain PyTorch.

Convolutions have no bias; batch norm has epsilon 1e-5; the stem pads by 3 and its max-pool by 1; a stage's first block
has its stride in the 3x3 (of a basic block, the first) and in the shortcut, which is projected only where the shape
changes. Tensors are named `layer{1-4}.{i}.conv{1-3}`, `.bn{1-3}`, `.downsample.{0,1}`, blocks counted from 0. The input
is RGB in 0..1 minus ImageNet's mean, over its standard deviation.

`build_detection` is the same ResNet-50 as the backbone of `maskrcnn_resnet50_fpn` with its first COCO weights: tensors
begin with `backbone.body.`, norms are frozen, and their epsilon is 0, which torchvision sets when it loads those.
"""

import numpy as np

from networks.torch_network import TorchNetwork
from networks.torch_pyramid import torchvision_detector

BLOCKS = {
    "resnet18": (2, 2, 2, 2),
    "resnet34": (3, 4, 6, 3),
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
    "resnet152": (3, 8, 36, 3),
}
ARCHITECTURES = tuple(BLOCKS)
BASIC = ("resnet18", "resnet34")
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
RPN = "rpn.head.conv.0.0.weight"
BESIDE = {"backbone.fpn.inner_blocks.0.0.weight": (256, 256, 1, 1), RPN: (256, 256, 3, 3)}


def build(architecture, classes=1000):
    module = resnet(architecture, 1e-5, classes)
    return TorchNetwork(module, preprocess, branch_end(architecture), classifier=module.fc)


def build_detection(architecture):
    module = resnet(architecture, 0.0)
    end = branch_end(architecture)
    return TorchNetwork(module, preprocess, end, rename=body_name, frozen_norms=True, beside=BESIDE)


def build_pyramid(architecture, epsilon=1e-5, frozen_norms=False):
    """The network with torchvision's feature pyramid, in the modules of a detector."""
    widths = [(64 if architecture in BASIC else 256) * 2**i for i in range(4)]
    module = torchvision_detector(resnet(architecture, epsilon), widths)
    options = dict(frozen_norms=frozen_norms, beside={RPN: BESIDE[RPN]})
    return TorchNetwork(module, preprocess, branch_end(architecture), **options)


def branch_end(architecture):
    return ".bn2" if architecture in BASIC else ".bn3"


def body_name(name):
    return f"backbone.body.{name}"


def preprocess(pixels):
    return (pixels.astype(np.float32) / np.float32(255) - MEAN) / DEVIATION


def resnet(architecture, epsilon, classes=None):
    import torch
    from torch import nn

    def conv(inputs, outputs, size, stride=1):
        return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)

    def norm(channels):
        return nn.BatchNorm2d(channels, eps=epsilon)

    class Block(nn.Module):
        """`parts` are (outputs, kernel size, stride) of its convolutions, in order."""

        def __init__(self, inputs, parts, stride):
            super().__init__()
            outputs, self.length = parts[-1][0], len(parts)
            self.downsample = None
            if stride != 1 or inputs != outputs:
                self.downsample = nn.Sequential(conv(inputs, outputs, 1, stride), norm(outputs))
            for i, (channels, size, step) in enumerate(parts, 1):
                setattr(self, f"conv{i}", conv(inputs, channels, size, step))
                setattr(self, f"bn{i}", norm(channels))
                inputs = channels

        def forward(self, x):
            y = x
            for i in range(1, self.length + 1):
                y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
                y = torch.relu(y) if i < self.length else y
            return torch.relu(y + (x if self.downsample is None else self.downsample(x)))

    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = conv(3, 64, 7, 2)
            self.bn1 = norm(64)
            self.maxpool = nn.MaxPool2d(3, 2, padding=1)
            inputs = 64
            for stage, count in enumerate(BLOCKS[architecture], 1):
                width = 32 * 2**stage
                blocks = []
                for i in range(count):
                    stride = 2 if i == 0 and stage > 1 else 1
                    bottleneck = [(width, 1, 1), (width, 3, stride), (4 * width, 1, 1)]
                    parts = [(width, 3, stride), (width, 3, 1)] if architecture in BASIC else bottleneck
                    blocks.append(Block(inputs, parts, stride))
                    inputs = parts[-1][0]
                setattr(self, f"layer{stage}", nn.Sequential(*blocks))
            self.fc = None if classes is None else nn.Linear(inputs, classes)

        def forward(self, x):
            maps = {"C1": self.maxpool(torch.relu(self.bn1(self.conv1(x))))}
            for stage in (1, 2, 3, 4):
                maps[f"C{stage + 1}"] = getattr(self, f"layer{stage}")(maps[f"C{stage}"])
            if self.fc is not None:
                maps["probabilities"] = torch.softmax(self.fc(maps["C5"].mean((2, 3))), 1)
            return maps

    return ResNet()
