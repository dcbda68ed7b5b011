"""The ResNet backbone of Matterport's Mask R-CNN (`resnet_graph` in its `mrcnn/model.py`), in Keras 3.

Written from that network's convention, not from Cairn's own graph, so that the two can disagree:

- every convolution has a bias, and padding is `valid` except for the 3x3, which is `same`;
- batch norm has epsilon 1e-3 (the old Keras default) and runs on its stored statistics;
- the stem pads by 3, convolves 7x7 with stride 2, and max-pools 3x3 with stride 2 and TensorFlow's SAME padding
  (at an even side that pads the bottom and the right only);
- the first block of stages 3 to 5 has stride 2 in its first convolution and in its shortcut;
- blocks are named a, b, c, ...; ResNet-101's stage 4 ends at w.

Matterport has ResNet-50 and -101 only. ResNet-152 is the same with more blocks. ResNet-18 and -34 are the same rules
with the basic block: branch2a and branch2b are 3x3 with padding `same`, the stride is on branch2a, and branch1 is there
only where the shape changes, so not in stage 2.

Tensors are float32 NHWC.
"""

from dataclasses import dataclass

BLOCK_COUNTS = {
    "resnet18": (2, 2, 2, 2),
    "resnet34": (3, 4, 6, 3),
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
    "resnet152": (3, 8, 36, 3),
}
"""Number of blocks in stages 2 to 5."""

BASIC = ("resnet18", "resnet34")
"""Architectures of basic blocks; the others have bottlenecks."""

EPSILON = 1e-3
MEAN_RGB = (123.7, 116.8, 103.9)
"""`MEAN_PIXEL` of Matterport's config: subtracted from 0..255 RGB, after padding; nothing is divided."""


@dataclass(frozen=True)
class Block:
    """One block: `input_channels` -> `filters[-1]`. A bottleneck has three filters, a basic block two."""

    stage: int
    letter: str
    input_channels: int
    filters: tuple
    stride: int

    @property
    def projects(self):
        """Whether its shortcut is a convolution."""
        return self.stride != 1 or self.input_channels != self.filters[-1]

    @property
    def branch(self):
        """(name, kernel size, filters, stride) of each convolution of the residual branch, in order."""
        sizes = (3, 3) if len(self.filters) == 2 else (1, 3, 1)
        strides = (self.stride, 1, 1)
        return list(zip(("2a", "2b", "2c"), sizes, self.filters, strides, strict=False))

    @property
    def output_name(self):
        return f"res{self.stage}{self.letter}_out"

    def convolution(self, branch):
        return f"res{self.stage}{self.letter}_branch{branch}"

    def batch_norm(self, branch):
        return f"bn{self.stage}{self.letter}_branch{branch}"


def residual_blocks(architecture, stage5=True):
    """The blocks of stages 2 to 5 (or 4), in order."""
    blocks = []
    channels = 64
    for stage, count in zip((2, 3, 4, 5) if stage5 else (2, 3, 4), BLOCK_COUNTS[architecture], strict=False):
        width = 64 * 2 ** (stage - 2)
        filters = (width, width) if architecture in BASIC else (width, width, 4 * width)
        for i in range(count):
            stride = 2 if i == 0 and stage > 2 else 1
            blocks.append(Block(stage, chr(ord("a") + i), channels, filters, stride))
            channels = filters[-1]
    return blocks


def backbone(architecture, stage5=True, side=1024):
    """A Keras model [batch, side, side, 3] -> {"C1": [batch, side/4, side/4, 64], ..., "C5"}.

    The input is mean-subtracted RGB. "C5" is absent when `stage5` is false; `side` None takes any side.
    """
    import keras
    from keras import layers

    def convolution(x, filters, size, name, stride=1):
        padding = "same" if size == 3 else "valid"
        return layers.Conv2D(filters, size, strides=stride, padding=padding, use_bias=True, name=name)(x)

    def batch_norm(x, name):
        return layers.BatchNormalization(epsilon=EPSILON, name=name)(x, training=False)

    def residual(x, block):
        y = x
        for i, (name, size, filters, stride) in enumerate(block.branch):
            y = layers.Activation("relu")(y) if i else y
            y = convolution(y, filters, size, block.convolution(name), stride=stride)
            y = batch_norm(y, block.batch_norm(name))
        shortcut = x
        if block.projects:
            shortcut = convolution(x, block.filters[-1], 1, block.convolution("1"), stride=block.stride)
            shortcut = batch_norm(shortcut, block.batch_norm("1"))
        return layers.Activation("relu", name=block.output_name)(layers.Add()([y, shortcut]))

    image = keras.Input([side, side, 3], name="input_image")
    x = layers.ZeroPadding2D(3)(image)
    x = batch_norm(convolution(x, 64, 7, "conv1", stride=2), "bn_conv1")
    x = layers.MaxPooling2D(3, strides=2, padding="same")(layers.Activation("relu")(x))
    levels = {"C1": x}
    for block in residual_blocks(architecture, stage5):
        x = residual(x, block)
        levels[f"C{block.stage}"] = x  # the last block of a stage is the one that stays
    return keras.Model(image, levels, name=f"mask_rcnn_{architecture}")


def run(model, pixels):
    """Runs one image: uint8 RGB [side, side, 3] -> {level: float32 [height, width, channels]}."""
    import numpy as np

    return {name: np.asarray(level)[0] for name, level in model(preprocess(pixels[None]), training=False).items()}


def preprocess(pixels):
    import numpy as np

    return pixels.astype(np.float32) - np.array(MEAN_RGB, np.float32)
