"""The Caffe ResNet-101 and -152 as they were converted to Keras 1, with a `Scale` layer after every batch norm.

- Convolutions have no bias. Batch norm has epsilon 1.1e-5 and an affine part of its own, and the scale layer another;
  the scale's variables are called `<layer>_gamma` and `<layer>_beta`, as all variables were in Keras 1.
- The stem pads by 3, convolves 7x7 with stride 2, and max-pools 3x3 with stride 2 and no padding at all.
- A zero-padding layer of 1 stands before each 3x3. The stride is in the first 1x1 and in the shortcut.
- Blocks are named a, b1, b2, ... in stages 3 and 4, and a, b, c in 2 and 5.
- The top is a 7x7 average pool without padding, flattened; it fits maps whose sides are 7 to 13.

The input is BGR minus Caffe's mean.
"""

from networks.keras_network import KerasNetwork
from networks.keras_v1 import preprocess

LONG_STAGES = {"resnet101": (4, 23), "resnet152": (8, 36)}
"""Number of blocks in stages 3 and 4; there are three in stages 2 and 5."""
ARCHITECTURES = tuple(LONG_STAGES)
EPSILON = 1.1e-5
FEATURES = 2048


def build(architecture, classes=1000):
    import keras
    from keras import layers

    class Scale(layers.Layer):
        def build(self, shape):
            self.gamma = self.add_weight(name=f"{self.name}_gamma", shape=shape[-1:], initializer="ones")
            self.beta = self.add_weight(name=f"{self.name}_beta", shape=shape[-1:], initializer="zeros")

        def call(self, x):
            return x * self.gamma + self.beta

    def scaled_norm(x, suffix):
        x = layers.BatchNormalization(epsilon=EPSILON, name=f"bn{suffix}")(x)
        return Scale(name=f"scale{suffix}")(x)

    def block(x, filters, stride, name):
        def part(x, branch, channels, size, stride=1):
            suffix = f"{name}_branch{branch}"
            x = layers.ZeroPadding2D(1, name=f"res{suffix}_zeropadding")(x) if size == 3 else x
            y = layers.Conv2D(channels, size, strides=stride, use_bias=False, name=f"res{suffix}")(x)
            return scaled_norm(y, suffix)

        y = layers.Activation("relu")(part(x, "2a", filters, 1, stride))
        y = layers.Activation("relu")(part(y, "2b", filters, 3))
        y = part(y, "2c", 4 * filters, 1)
        shortcut = part(x, "1", 4 * filters, 1, stride) if name.endswith("a") else x
        return layers.Activation("relu", name=f"res{name}_relu")(layers.Add(name=f"res{name}")([y, shortcut]))

    image = keras.Input([None, None, 3], name="data")
    x = layers.ZeroPadding2D(3, name="conv1_zeropadding")(image)
    x = layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1")(x)
    x = layers.Activation("relu", name="conv1_relu")(scaled_norm(x, "_conv1"))
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    levels = {"C1": x}
    for stage, names in stages(architecture).items():
        for name in names:
            stride = 2 if name == "a" and stage > 2 else 1
            x = block(x, 2 ** (stage + 4), stride, f"{stage}{name}")
        levels[f"C{stage}"] = x
    x = layers.AveragePooling2D(7, name="avg_pool")(x)
    x = layers.Reshape([FEATURES])(x)  # flattens, and keeps the dense layer's width known at any canvas side
    probabilities = layers.Dense(classes, activation="softmax", name="fc1000")(x)
    return KerasNetwork(architecture, image, levels, probabilities, preprocess, branch_end="_branch2c")


def stages(architecture):
    """{stage: names of its blocks}."""
    third, fourth = (["a", *(f"b{i}" for i in range(1, count))] for count in LONG_STAGES[architecture])
    return {2: "abc", 3: third, 4: fourth, 5: "abc"}
