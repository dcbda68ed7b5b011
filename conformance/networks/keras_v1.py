"""`keras.applications.ResNet50`, `101` and `152` as shipped, and ResNet-18 and -34 written by their rules.

The rules, for the two that Keras does not ship: every convolution has a bias; batch norm has epsilon 1.001e-5; the stem
pads by 3, convolves 7x7 with stride 2, pads by 1 and max-pools 3x3 with stride 2 without further padding; a basic block
is two 3x3 with `same` padding, the first of which has the stride; the shortcut is projected only where the shape
changes; blocks are counted from 1 in `conv{2-5}_block{i}`, and `_0_` is the shortcut's part.

The input is BGR minus Caffe's mean, by Keras's own `preprocess_input`.
"""

from networks.keras_network import KerasNetwork

BASIC_BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}
SHIPPED = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3), "resnet152": (3, 8, 36, 3)}
ARCHITECTURES = (*BASIC_BLOCKS, *SHIPPED)
EPSILON = 1.001e-5


def build(architecture, classes=1000):
    from keras import applications, layers

    if architecture in SHIPPED:
        constructor = getattr(applications, architecture.replace("resnet", "ResNet"))
        base = constructor(include_top=False, weights=None, input_shape=(None, None, 3))
        blocks = SHIPPED[architecture]
    else:
        base = basic_resnet(BASIC_BLOCKS[architecture])
        blocks = BASIC_BLOCKS[architecture]
    levels = {"C1": base.get_layer("pool1_pool").output}
    for stage, last in zip((2, 3, 4, 5), blocks, strict=True):
        levels[f"C{stage}"] = base.get_layer(f"conv{stage}_block{last}_out").output
    x = layers.GlobalAveragePooling2D(name="avg_pool")(base.output)
    probabilities = layers.Dense(classes, activation="softmax", name="predictions")(x)
    branch_end = "_2_bn" if architecture in BASIC_BLOCKS else "_3_bn"
    return KerasNetwork(architecture, base.input, levels, probabilities, preprocess, branch_end)


def preprocess(pixels):
    from keras.applications.resnet import preprocess_input

    return preprocess_input(pixels.astype("float32"))


def basic_resnet(blocks):
    """A Keras model without a top, like `ResNet50(include_top=False)`."""
    import keras
    from keras import layers

    def norm(x, name):
        return layers.BatchNormalization(epsilon=EPSILON, name=name)(x)

    def block(x, filters, stride, name):
        y = layers.Conv2D(filters, 3, strides=stride, padding="same", name=f"{name}_1_conv")(x)
        y = layers.Activation("relu", name=f"{name}_1_relu")(norm(y, f"{name}_1_bn"))
        y = layers.Conv2D(filters, 3, padding="same", name=f"{name}_2_conv")(y)
        y = norm(y, f"{name}_2_bn")
        if stride != 1 or x.shape[-1] != filters:
            x = norm(layers.Conv2D(filters, 1, strides=stride, name=f"{name}_0_conv")(x), f"{name}_0_bn")
        return layers.Activation("relu", name=f"{name}_out")(layers.Add(name=f"{name}_add")([x, y]))

    image = keras.Input([None, None, 3])
    x = layers.ZeroPadding2D(3, name="conv1_pad")(image)
    x = norm(layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x), "conv1_bn")
    x = layers.ZeroPadding2D(1, name="pool1_pad")(layers.Activation("relu", name="conv1_relu")(x))
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    for stage, count in zip((2, 3, 4, 5), blocks, strict=True):
        for i in range(1, count + 1):
            x = block(x, 2 ** (stage + 4), 2 if i == 1 and stage > 2 else 1, f"conv{stage}_block{i}")
    return keras.Model(image, x)
