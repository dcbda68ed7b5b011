"""The ResNet-50 of keras-applications from 1.0.6 to its end, before its layers were renamed.

Like `keras.applications.ResNet50` but for two things: batch norm has epsilon 1e-3, then Keras's default, and layers
bear Caffe's names (`res2a_branch2a`, `bn2a_branch2a`). From 1.0.6 on the stem's max-pool has a zero-padding layer of 1
before it (`pool1_pad`) and pads no further. Every convolution has a bias; a stage's first block has its stride in the
first 1x1 and in the shortcut. The input is BGR minus Caffe's mean.
"""

from networks.keras_network import KerasNetwork
from networks.keras_v1 import preprocess

ARCHITECTURES = ("resnet50",)
STAGES = {2: "abc", 3: "abcd", 4: "abcdef", 5: "abc"}
EPSILON = 1e-3


def build(architecture, classes=1000):
    import keras
    from keras import layers

    def norm(x, name):
        return layers.BatchNormalization(epsilon=EPSILON, name=name)(x)

    def block(x, filters, stride, stage, letter):
        def part(x, branch, channels, size, stride=1):
            name = f"{stage}{letter}_branch{branch}"
            y = layers.Conv2D(channels, size, strides=stride, padding="same", name=f"res{name}")(x)
            return norm(y, f"bn{name}")

        y = layers.Activation("relu")(part(x, "2a", filters, 1, stride))
        y = layers.Activation("relu")(part(y, "2b", filters, 3))
        y = part(y, "2c", 4 * filters, 1)
        shortcut = part(x, "1", 4 * filters, 1, stride) if letter == "a" else x
        return layers.Activation("relu")(layers.Add()([y, shortcut]))

    image = keras.Input([None, None, 3], name="input_1")
    x = layers.ZeroPadding2D(3, name="conv1_pad")(image)
    x = norm(layers.Conv2D(64, 7, strides=2, name="conv1")(x), "bn_conv1")
    x = layers.ZeroPadding2D(1, name="pool1_pad")(layers.Activation("relu")(x))
    x = layers.MaxPooling2D(3, strides=2)(x)
    levels = {"C1": x}
    for stage, letters in STAGES.items():
        for letter in letters:
            stride = 2 if letter == "a" and stage > 2 else 1
            x = block(x, 2 ** (stage + 4), stride, stage, letter)
        levels[f"C{stage}"] = x
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    probabilities = layers.Dense(classes, activation="softmax", name="fc1000")(x)
    return KerasNetwork(architecture, image, levels, probabilities, preprocess, branch_end="_branch2c")
