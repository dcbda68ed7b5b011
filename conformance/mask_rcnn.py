"""Matterport's Mask R-CNN up to its detections, in Keras and TensorFlow: the reference of the example detectors.

Written from the convention of `mrcnn/model.py`: `rpn_graph`, `ProposalLayer`, `PyramidROIAlign`,
`fpn_classifier_graph`, `refine_detections_graph` and `unmold_detections`, with `tf.image.crop_and_resize` and
`tf.image.non_max_suppression`.
The only differences: proposals are not filled up with empty boxes, and boxes are not rounded to whole pixels.
"""

from typing import NamedTuple

import numpy as np

import matterport
from networks.keras_network import measure_statistics
from networks.random_weights import RandomWeights, root_mean_square
from pyramids import PYRAMIDS

LEVELS = ("P2", "P3", "P4", "P5", "P6")
SCALES = (32, 64, 128, 256, 512)
RATIOS = (0.5, 1, 2)
CLASSES = 81
POOL = 7
DEVIATION = np.array([0.1, 0.1, 0.2, 0.2], np.float32)
BEFORE_SUPPRESSION, PROPOSALS, PROPOSAL_OVERLAP = 6000, 1000, 0.7
CONFIDENCE, DETECTIONS, OVERLAP = 0.7, 100, 0.3
SEED = 11

SPREADS = {
    "rpn_class_raw": 1.5,
    "rpn_bbox_pred": 1.0,
    "mrcnn_class_logits": 3.0,
    "mrcnn_bbox_fc": 1.0,
}
"""Standard deviations over all places of what the output layers give: some scores pass 0.7 and most do not."""


class Detections(NamedTuple):
    boxes: np.ndarray
    """[y0, x0, y1, x1] in pixels of the photo, not rounded; best first."""
    classes: np.ndarray
    scores: np.ndarray


class MaskRcnn:
    """A network of random weights, settled on one canvas so that what its heads give is spread as it should be."""

    def __init__(self, architecture, pixels):
        import keras
        from keras import layers

        self._pyramid = PYRAMIDS["mask-rcnn"].build(architecture, pixels)
        level = keras.Input([None, None, 256])
        shared = layers.Conv2D(512, 3, padding="same", activation="relu", name="rpn_conv_shared")(level)
        logits = layers.Conv2D(2 * len(RATIOS), 1, name="rpn_class_raw")(shared)
        deltas = layers.Conv2D(4 * len(RATIOS), 1, name="rpn_bbox_pred")(shared)
        self._rpn = keras.Model(level, [logits, deltas])

        region = keras.Input([POOL, POOL, 256])
        x = region
        for number, size in ((1, POOL), (2, 1)):
            x = layers.Conv2D(1024, size, name=f"mrcnn_class_conv{number}")(x)
            x = layers.BatchNormalization(epsilon=matterport.EPSILON, name=f"mrcnn_class_bn{number}")(x)
            x = layers.Activation("relu")(x)
        x = layers.Flatten()(x)
        logits = layers.Dense(CLASSES, name="mrcnn_class_logits")(x)
        self._head = keras.Model(region, [logits, layers.Dense(4 * CLASSES, name="mrcnn_bbox_fc")(x)])
        self._settle(pixels)

    def weights(self):
        """A WeightSet (see weights.py) with everything that a detector needs; the mask branch is left out."""
        rpn, head = (
            {layer.name: {v.name: np.asarray(v) for v in layer.weights} for layer in model.layers if layer.weights}
            for model in (self._rpn, self._head)
        )
        return self._pyramid.weights() | {f"rpn_model/{name}": values for name, values in rpn.items()} | head

    def levels(self, pixels):
        """{"P2": float32 [height, width, 256], ...} of a canvas, uint8 RGB [side, side, 3]."""
        every = self._pyramid.run(pixels).levels
        return {name: every[name] for name in LEVELS}

    def score(self, levels):
        """{"scores" [anchors], "deltas" [anchors, 4]} of the region proposal network."""
        import tensorflow as tf

        given = [self._rpn(level[None], training=False) for level in levels.values()]
        scores = tf.concat([tf.nn.softmax(tf.reshape(logits, [-1, 2]))[:, 1] for logits, _ in given], axis=0)
        deltas = tf.concat([tf.reshape(deltas, [-1, 4]) for _, deltas in given], axis=0)
        return dict(scores=scores.numpy(), deltas=deltas.numpy())

    def classify(self, levels, proposals, side):
        """{"probabilities" [proposals, classes], "box_deltas" [proposals, classes, 4]}."""
        import tensorflow as tf

        logits, deltas = self._head(pool(levels, proposals, side), training=False)
        return dict(probabilities=tf.nn.softmax(logits).numpy(), box_deltas=deltas.numpy().reshape(-1, CLASSES, 4))

    def _settle(self, pixels):
        random = RandomWeights(SEED)
        levels = self.levels(pixels)
        side = pixels.shape[0]
        self._draw(self._rpn, random, root_mean_square(levels["P3"]))
        outputs = [self._rpn(level[None], training=False) for level in levels.values()]
        for index, name in enumerate(("rpn_class_raw", "rpn_bbox_pred")):
            given = [np.asarray(output[index]) for output in outputs]
            rows = np.concatenate([level.reshape(-1, level.shape[-1]) for level in given])
            spread_out(self._rpn.get_layer(name), rows, random)

        regions = pool(levels, propose(levels, side, **self.score(levels)), side)
        self._draw(self._head, random, root_mean_square(regions))
        norms = [self._head.get_layer(f"mrcnn_class_bn{number}") for number in (1, 2)]
        measure_statistics(norms, lambda: self._head(regions, training=True))
        for norm in norms:
            norm.set_weights(random.moved(*norm.get_weights()))
        outputs = self._head(regions, training=False)
        for name, given in zip(("mrcnn_class_logits", "mrcnn_bbox_fc"), outputs, strict=True):
            spread_out(self._head.get_layer(name), np.asarray(given), random)

    def _draw(self, model, random, input_scale):
        """Random parameters for every layer; what the output layers give is spread out later."""
        normed = model is self._head
        for layer in model.layers:
            if layer.name in SPREADS:
                shape = layer.kernel.shape
                kernel, bias = random.dense((np.prod(shape[:-1]), shape[-1]))
                layer.set_weights([kernel.reshape(shape), bias])
            elif hasattr(layer, "kernel"):
                layer.set_weights(random.convolution(layer.kernel.shape, normed, input_scale=input_scale))
                input_scale = 1.0
            elif layer.weights:
                layer.set_weights([*random.affine(layer.gamma.shape), *layer.get_weights()[2:]])


def spread_out(layer, given, random):
    """Scales and shifts an output layer, so that each column of `given`, its outputs, gets the spread of SPREADS."""
    kernel, bias = layer.get_weights()
    factor = SPREADS[layer.name] / given.std(axis=0)
    _, noise = random.dense((1, len(bias)))
    layer.set_weights([kernel * factor, (bias - given.mean(axis=0)) * factor + noise])


def propose(levels, side, scores, deltas):
    """Normalised boxes [at most 1000, 4], best first."""
    import tensorflow as tf

    best = tf.math.top_k(scores, min(BEFORE_SUPPRESSION, len(scores))).indices
    boxes = apply_deltas(tf.gather(anchors(levels, side), best), tf.gather(deltas, best) * DEVIATION)
    boxes = tf.clip_by_value(boxes, 0, 1)
    kept = tf.image.non_max_suppression(boxes, tf.gather(scores, best), PROPOSALS, PROPOSAL_OVERLAP)
    return tf.gather(boxes, kept).numpy()


def anchors(levels, side):
    """`generate_pyramid_anchors`, normalised: a scale a level, centres on the cells' upper left corners."""
    boxes = []
    for level, scale in zip(levels.values(), SCALES, strict=True):
        height, width = level.shape[:2]
        for row in range(height):
            centres = np.array([[row * side / height, column * side / width] for column in range(width)])
            sides = np.array([[scale / ratio**0.5, scale * ratio**0.5] for ratio in RATIOS])
            corners = [np.hstack([centre - sides / 2, centre + sides / 2]) for centre in centres]
            boxes.append(np.vstack(corners))
    return normalise(np.vstack(boxes), side)


def normalise(boxes, side):
    return ((boxes - np.array([0, 0, 1, 1])) / (side - 1)).astype(np.float32)


def apply_deltas(boxes, deltas):
    import tensorflow as tf

    y0, x0, y1, x1 = tf.unstack(boxes, axis=1)
    dy, dx, dh, dw = tf.unstack(deltas, axis=1)
    height, width = y1 - y0, x1 - x0
    y, x = y0 + 0.5 * height + dy * height, x0 + 0.5 * width + dx * width
    height, width = height * tf.exp(dh), width * tf.exp(dw)
    return tf.stack([y - 0.5 * height, x - 0.5 * width, y + 0.5 * height, x + 0.5 * width], axis=1)


def pool(levels, boxes, side):
    """float32 [boxes, 7, 7, 256]: each box from the level that `PyramidROIAlign` chooses."""
    import tensorflow as tf

    from check_regions import matterport_levels

    numbers = matterport_levels(boxes, side)
    regions = np.zeros((len(boxes), POOL, POOL, 256), np.float32)
    for number in np.unique(numbers):
        some = np.flatnonzero(numbers == number)
        of_image = np.zeros(len(some), np.int32)
        level = levels[f"P{number}"][None]
        regions[some] = tf.image.crop_and_resize(level, boxes[some], of_image, (POOL, POOL), method="bilinear")
    return regions


def refine(proposals, probabilities, box_deltas, canvas):
    """The detections of a preprocess.Canvas from what the head gave for its proposals."""
    import tensorflow as tf

    side = canvas.pixels.shape[0]
    classes = np.argmax(probabilities, axis=1)
    indices = np.stack([np.arange(len(classes)), classes], axis=1)
    scores = tf.gather_nd(probabilities, indices)
    window = normalise(np.array(canvas.window), side)
    boxes = apply_deltas(proposals, tf.gather_nd(box_deltas, indices) * DEVIATION)
    boxes = tf.clip_by_value(boxes, window[[0, 1, 0, 1]], window[[2, 3, 2, 3]])
    kept = []
    for number in range(1, CLASSES):
        some = np.flatnonzero((classes == number) & (scores.numpy() >= CONFIDENCE))
        if len(some):
            alone = tf.gather(boxes, some), tf.gather(scores, some)
            chosen = tf.image.non_max_suppression(*alone, DETECTIONS, OVERLAP)
            kept.extend(some[chosen.numpy()])
    kept = sorted(kept, key=lambda index: -scores[index])[:DETECTIONS]
    boxes = boxes.numpy()[kept].astype(np.float64)
    full = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) > 0
    kept, boxes = np.array(kept, int)[full], boxes[full]
    height, width, _ = canvas.original_shape
    shift, scale = window[[0, 1, 0, 1]], (window[2:] - window[:2])[[0, 1, 0, 1]]
    boxes = (boxes - shift) / scale * np.array([height - 1, width - 1] * 2) + np.array([0, 0, 1, 1])
    return Detections(boxes, classes[kept], scores.numpy()[kept])
