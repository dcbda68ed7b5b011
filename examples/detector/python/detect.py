"""One feature set to detections: levels as they arrive, proposals, regions, head."""

import json
from typing import NamedTuple

import numpy as np

from anchors import LEVELS, level_anchors
from head import choose, run_head, to_photo
from rpn import propose, run_rpn
from safetensors_stream import read_header, read_tensors


class Detections(NamedTuple):
    boxes: np.ndarray
    """float [detections, 4]: [y0, x0, y1, x1] in pixels of the photo, best first."""
    classes: np.ndarray
    """int [detections]: 1 and above; 0 is the background."""
    scores: np.ndarray
    outputs: dict
    """The networks' outputs before boxes were selected, arrays by name."""


def detect(server, features, weights):
    """Runs the detector on the feature set with this id. Raises server.Refused if it lacks one of P2 to P6."""
    found = {}
    # Whatever type the levels are stored in, the server sends their values in float32.
    path = f"/v1/features/{features}.safetensors?levels={','.join(LEVELS)}&order=coarse-first&as=float32"
    with server.open(path) as stream:
        metadata, tensors = read_header(stream)
        size = int(metadata["size"])
        for name, level in read_tensors(stream, tensors):
            # P6 is a three-hundredth of all bytes: the network runs on it while the others are still arriving.
            scores, deltas = run_rpn(level, weights)
            found[name] = level_anchors(name, level.shape[:2], size), scores, deltas
    # Matterport concatenates the levels finest first; for equal scores the order decides.
    anchors, scores, deltas = (np.concatenate(parts) for parts in zip(*map(found.get, LEVELS), strict=True))
    proposals = propose(anchors, scores, deltas)
    probabilities, box_deltas = run_head(pool(server, features, proposals), weights)

    window = json.loads(metadata["window"])
    boxes, classes, confidences = choose(proposals, probabilities, box_deltas, window, size)
    boxes = to_photo(boxes, window, size, json.loads(metadata["originalShape"]))
    outputs = dict(scores=scores, deltas=deltas, proposals=proposals)
    outputs |= dict(probabilities=probabilities, box_deltas=box_deltas)
    return Detections(boxes, classes, confidences, outputs)


def pool(server, features, proposals):
    """float32 [proposals, 7, 7, 256], each pooled by Cairn from the level of P2 to P5 that fits its size."""
    question = {"boxes": proposals.tolist(), "coordinates": "normalized", "method": "matterport", "outputSize": 7}
    with server.open(f"/v1/features/{features}/roi-align", question) as stream:
        _, tensors = read_header(stream)
        return dict(read_tensors(stream, tensors))["regions"]
