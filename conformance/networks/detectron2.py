"""Detectron2's ResNet-50 and -101 with the MSRA weights' convention, written in plain PyTorch.

Convolutions have no bias and own their norm (`conv1.norm`), which is frozen, with epsilon 1e-5. `build_normed` is
Detectron2 with `BN` or `GN` in backbone and pyramid, as its model zoo has them: the stride is in the 3x3. The stem pads by 3 and
its max-pool by 1. `STRIDE_IN_1X1`: a stage's first block has its stride in the first 1x1 and in the shortcut. Tensors
of a detector's file begin with `backbone.bottom_up.`; stages are res2 to res5, blocks are counted from 0. The
classifier is called `linear`. The input is BGR minus the MSRA mean; nothing is divided.
"""

import numpy as np

from networks.detectron2_pyramid import detector, pyramid_of
from networks.torch_network import TorchNetwork

BLOCKS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}
ARCHITECTURES = tuple(BLOCKS)
MEAN_BGR = np.array([103.530, 116.280, 123.675], np.float32)
EPSILON = 1e-5
RPN = "proposal_generator.rpn_head.conv.weight"
BESIDE = {"backbone.fpn_lateral2.weight": (256, 256, 1, 1), RPN: (256, 256, 3, 3)}


def build(architecture, classes=1000):
    module = resnet(BLOCKS[architecture], classes)
    options = dict(classifier=module.linear, rename=published_name, frozen_norms=True, beside=BESIDE)
    return TorchNetwork(module, preprocess, "conv3.norm", **options)


def build_pyramid(architecture):
    """The network with Detectron2's feature pyramid, in the modules of a detector."""
    module = detector(resnet(BLOCKS[architecture]), (256, 512, 1024, 2048))
    options = dict(pyramid=pyramid_of(module), frozen_norms=True, beside={RPN: BESIDE[RPN]})
    return TorchNetwork(module, preprocess, "conv3.norm", **options)


def build_normed(architecture, norm):
    """`norm` is "BN" or "GN", of 32 groups."""
    from torch import nn

    norms = {"BN": lambda width: nn.BatchNorm2d(width, eps=EPSILON), "GN": lambda width: nn.GroupNorm(32, width)}
    bottom_up = resnet(BLOCKS[architecture], norm=norms[norm], stride_in_1x1=False)
    module = detector(bottom_up, (256, 512, 1024, 2048), norms[norm])
    return TorchNetwork(module, preprocess, "conv3.norm", pyramid=pyramid_of(module), beside={RPN: BESIDE[RPN]})


def published_name(name):
    return name if name.startswith("linear.") else f"backbone.bottom_up.{name}"


def preprocess(pixels):
    return (pixels[..., ::-1].astype(np.float32) - MEAN_BGR).transpose(2, 0, 1)


def resnet(counts, classes=None, norm=None, stride_in_1x1=True):
    import torch
    from torch import nn

    norm = norm or (lambda width: nn.BatchNorm2d(width, eps=EPSILON))

    class Conv(nn.Conv2d):
        def __init__(self, inputs, outputs, size, stride=1):
            super().__init__(inputs, outputs, size, stride, padding=size // 2, bias=False)
            self.norm = norm(outputs)

        def forward(self, x):
            return self.norm(super().forward(x))

    class Stem(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = Conv(3, 64, 7, 2)

        def forward(self, x):
            return nn.functional.max_pool2d(torch.relu(self.conv1(x)), 3, 2, padding=1)

    class Bottleneck(nn.Module):
        def __init__(self, inputs, width, stride):
            super().__init__()
            changes = stride != 1 or inputs != 4 * width
            self.shortcut = Conv(inputs, 4 * width, 1, stride) if changes else nn.Identity()
            self.conv1 = Conv(inputs, width, 1, stride if stride_in_1x1 else 1)
            self.conv2 = Conv(width, width, 3, 1 if stride_in_1x1 else stride)
            self.conv3 = Conv(width, 4 * width, 1)

        def forward(self, x):
            y = torch.relu(self.conv2(torch.relu(self.conv1(x))))
            return torch.relu(self.conv3(y) + self.shortcut(x))

    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = Stem()
            inputs = 64
            for stage, count in enumerate(counts, 2):
                width = 16 * 2**stage
                blocks = []
                for i in range(count):
                    blocks.append(Bottleneck(inputs, width, 2 if i == 0 and stage > 2 else 1))
                    inputs = 4 * width
                setattr(self, f"res{stage}", nn.Sequential(*blocks))
            self.linear = None if classes is None else nn.Linear(inputs, classes)

        def forward(self, x):
            maps = {"C1": self.stem(x)}
            for stage in (2, 3, 4, 5):
                maps[f"C{stage}"] = getattr(self, f"res{stage}")(maps[f"C{stage - 1}"])
            if self.linear is None:
                return maps
            pooled = nn.functional.adaptive_avg_pool2d(maps["C5"], 1).flatten(1)
            return maps | {"probabilities": torch.softmax(self.linear(pooled), 1)}

    return ResNet()
