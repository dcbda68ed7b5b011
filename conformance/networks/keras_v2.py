"""`keras.applications.ResNet50V2`, `101V2` and `152V2` as shipped.

Levels are the raw outputs of the stacks, before any norm or activation: the last block of a stack has the stride, so
C2 to C5 have strides 8, 16, 32 and 32, and C1, which nothing activates either, is the max-pool. All are signed.

The input is RGB in -1..1, by Keras's own `preprocess_input`.
"""

from networks.keras_network import KerasNetwork

BLOCKS = {"resnet50v2": (3, 4, 6, 3), "resnet101v2": (3, 4, 23, 3), "resnet152v2": (3, 8, 36, 3)}
ARCHITECTURES = tuple(BLOCKS)


def build(architecture, classes=1000):
    from keras import applications, layers

    constructor = getattr(applications, architecture.replace("resnet", "ResNet").replace("v2", "V2"))
    base = constructor(include_top=False, weights=None, input_shape=(None, None, 3))
    levels = {"C1": base.get_layer("pool1_pool").output}
    for stage, last in zip((2, 3, 4, 5), BLOCKS[architecture], strict=True):
        levels[f"C{stage}"] = base.get_layer(f"conv{stage}_block{last}_out").output
    x = layers.GlobalAveragePooling2D(name="avg_pool")(base.output)
    probabilities = layers.Dense(classes, activation="softmax", name="predictions")(x)
    return KerasNetwork(architecture, base.input, levels, probabilities, preprocess, branch_end="_3_conv")


def preprocess(pixels):
    from keras.applications.resnet_v2 import preprocess_input

    return preprocess_input(pixels.astype("float32"))
