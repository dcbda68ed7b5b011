"""Objects in photos: backbone and pyramid run in Cairn, the heads here.

    python detect.py --weights .cairn/weights/torchvision-detection-resnet50.pth photo.jpg …

The file is that of torchvision's `maskrcnn_resnet50_fpn`, the same that the server has for `torchvision-detection-resnet50`.
Prints one line of JSON per photo: boxes `[x0, y0, x1, y1]` in its pixels, labels of COCO, scores.
"""

import argparse
import json

import torch
from cairn_client import Cairn
from torchvision.models.detection import maskrcnn_resnet50_fpn

from heads import KEYS, detect, to_photo

MODEL = "torchvision-detection-resnet50"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="+")
    parser.add_argument("--server", default="http://127.0.0.1:8080")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--size", type=int, default=1024)
    arguments = parser.parse_args()
    model = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None).eval()
    model.load_state_dict(torch.load(arguments.weights, weights_only=True))
    options = dict(model=MODEL, size=arguments.size, levels=list(KEYS), layout="nchw", dtype="float32")
    with Cairn(arguments.server) as cairn:
        for found in cairn.batch(arguments.photos, **options):
            if found.error is not None:
                print(json.dumps({"photo": found.name, "error": found.error.code}), flush=True)
                continue
            detections = detect(model, found.levels, arguments.size)
            boxes = to_photo(detections["boxes"], found.levels.metadata)
            line = {"photo": found.name, "boxes": boxes.tolist()}
            line |= {name: detections[name].tolist() for name in ("labels", "scores")}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
