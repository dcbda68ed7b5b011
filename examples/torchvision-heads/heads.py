"""The heads of torchvision's detectors on features that Cairn has computed: everything behind the backbone."""

import json
from collections import OrderedDict

import torch
from torchvision.models.detection.image_list import ImageList

KEYS = {"P2": "0", "P3": "1", "P4": "2", "P5": "3", "P6": "pool"}
"""{level: key in the output of torchvision's backbone}"""


@torch.inference_mode()
def detect(model, levels, size):
    """{"boxes", "labels", "scores"} and with Mask R-CNN "masks", boxes xyxy in pixels of the canvas, best first.

    `model` is any of torchvision's detectors with a feature pyramid (Faster, Mask or Keypoint R-CNN) in evaluation mode;
    `levels` are P2 to P6 float32 with channels first, `size` is the side of their canvas. The model's own backbone does not run.
    """
    features = OrderedDict((key, torch.tensor(levels[name])[None]) for name, key in KEYS.items())
    # The pixels are not looked at, only how many there are.
    images = ImageList(torch.empty(1, 3, size, size), [(size, size)])
    proposals, _ = model.rpn(images, features)
    (detections,), _ = model.roi_heads(features, proposals, images.image_sizes)
    return detections


def to_photo(boxes, metadata):
    """Boxes of the canvas as boxes of the photo, whose `metadata` are those of its levels."""
    top, left, *_ = json.loads(metadata["window"])
    height, width, *_ = json.loads(metadata["originalShape"])
    corner, limit = torch.tensor([left, top] * 2), torch.tensor([width, height] * 2)
    return ((boxes - corner) / float(metadata["scale"])).clamp(min=torch.zeros(4), max=limit.float())
