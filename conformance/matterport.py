"""The ResNet backbone of Matterport's Mask R-CNN (`resnet_graph` in its `mrcnn/model.py`), in Keras 3.

Written from that network's convention, not from Cairn's own graph, so that the two can disagree:

- every convolution has a bias, and padding is `valid` except for the 3x3, which is `same`;
- batch norm has epsilon 1e-3 (the old Keras default) and runs on its stored statistics;
- the stem pads by 3, convolves 7x7 with stride 2, and max-pools 3x3 with stride 2 and TensorFlow's SAME padding
  (at an even side that pads the bottom and the right only);
- the first block of stages 3 to 5 has stride 2 in its first 1x1 and in its shortcut;
- blocks are named a, b, c, ...; ResNet-101's stage 4 ends at w.

Tensors are float32 NHWC.
"""

from dataclasses import dataclass

STAGE4_IDENTITY_BLOCKS = {"resnet50": 5, "resnet101": 22}
"""Number of identity blocks after stage 4's first block."""

EPSILON = 1e-3
MEAN_RGB = (123.7, 116.8, 103.9)
"""`MEAN_PIXEL` of Matterport's config: subtracted from 0..255 RGB, after padding; nothing is divided."""


@dataclass(frozen=True)
class Block:
    """One bottleneck block: `input_channels` -> `filters[2]`, with a projection shortcut when `projects`."""

    stage: int
    letter: str
    input_channels: int
    filters: tuple
    stride: int
    projects: bool

    @property
    def output_name(self):
        return f"res{self.stage}{self.letter}_out"

    def convolution(self, branch):
        return f"res{self.stage}{self.letter}_branch{branch}"

    def batch_norm(self, branch):
        return f"bn{self.stage}{self.letter}_branch{branch}"


def residual_blocks(architecture, stage5=True):
    """The blocks of stages 2 to 5 (or 4), in order."""
    last_letter = {2: "c", 3: "d", 4: chr(ord("a") + STAGE4_IDENTITY_BLOCKS[architecture]), 5: "c"}
    blocks = []
    channels = 64
    for stage in (2, 3, 4, 5) if stage5 else (2, 3, 4):
        width = 64 * 2 ** (stage - 2)
        for code in range(ord("a"), ord(last_letter[stage]) + 1):
            first = chr(code) == "a"
            stride = 2 if first and stage > 2 else 1
            blocks.append(Block(stage, chr(code), channels, (width, width, 4 * width), stride, first))
            channels = 4 * width
    return blocks


def backbone(architecture, stage5=True, side=1024):
    """A Keras model [batch, side, side, 3] -> {"C1": [batch, side/4, side/4, 64], ..., "C5"}.

    The input is mean-subtracted RGB. "C5" is absent when `stage5` is false.
    """
    import keras
    from keras import layers

    def convolution(x, filters, size, name, stride=1, padding="valid"):
        return layers.Conv2D(filters, size, strides=stride, padding=padding, use_bias=True, name=name)(x)

    def batch_norm(x, name):
        return layers.BatchNormalization(epsilon=EPSILON, name=name)(x, training=False)

    def residual(x, block):
        narrow, middle, wide = block.filters
        y = convolution(x, narrow, 1, block.convolution("2a"), stride=block.stride)
        y = layers.Activation("relu")(batch_norm(y, block.batch_norm("2a")))
        y = convolution(y, middle, 3, block.convolution("2b"), padding="same")
        y = layers.Activation("relu")(batch_norm(y, block.batch_norm("2b")))
        y = batch_norm(convolution(y, wide, 1, block.convolution("2c")), block.batch_norm("2c"))
        shortcut = x
        if block.projects:
            shortcut = convolution(x, wide, 1, block.convolution("1"), stride=block.stride)
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

    centred = pixels.astype(np.float32) - np.array(MEAN_RGB, np.float32)
    return {name: np.asarray(level)[0] for name, level in model(centred[None], training=False).items()}
