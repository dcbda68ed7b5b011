"""The ResNet-18 of many TensorFlow 2 courses, made for images of 32 pixels.

- The stem is a 3x3 without padding and stride 1, batch norm with Keras's default epsilon 1e-3, ReLU, and a max-pool
  2x2 with stride 1 and `same` padding. So strides are 1, 1, 2, 4 and 8, and an image of 224 gives maps of 222.
- Blocks are basic, every convolution has a bias, and the shortcut is projected only where a block has stride 2, by a
  1x1 convolution that no norm follows.

The published code leaves the names of its layers to Keras; those given here say what each layer is. It feeds the
network RGB in 0..1.
"""

from networks.keras_network import KerasNetwork

ARCHITECTURES = ("resnet18",)


def build(architecture, classes=1000):
    import keras
    from keras import layers

    def norm(x, name):
        return layers.BatchNormalization(name=name)(x)

    def block(x, filters, stride, name):
        y = layers.Conv2D(filters, 3, strides=stride, padding="same", name=f"{name}_conv1")(x)
        y = layers.ReLU(name=f"{name}_relu1")(norm(y, f"{name}_bn1"))
        y = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv2")(y)
        y = norm(y, f"{name}_bn2")
        if stride != 1:
            x = layers.Conv2D(filters, 1, strides=stride, name=f"{name}_downsample")(x)
        return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_add")([y, x]))

    image = keras.Input([None, None, 3], name="input")
    x = norm(layers.Conv2D(64, 3, name="stem_conv")(image), "stem_bn")
    x = layers.MaxPooling2D(2, strides=1, padding="same", name="stem_pool")(layers.ReLU(name="stem_relu")(x))
    levels = {"C1": x}
    for stage in (2, 3, 4, 5):
        x = block(x, 2 ** (stage + 4), 1 if stage == 2 else 2, f"stage{stage}_block1")
        x = block(x, 2 ** (stage + 4), 1, f"stage{stage}_block2")
        levels[f"C{stage}"] = x
    x = layers.GlobalAveragePooling2D(name="avgpool")(x)
    probabilities = layers.Dense(classes, activation="softmax", name="fc")(x)
    return KerasNetwork(architecture, image, levels, probabilities, preprocess, branch_end="_bn2")


def preprocess(pixels):
    return pixels.astype("float32") / 255
