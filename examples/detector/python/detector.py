"""A Mask R-CNN detector on top of Cairn, in NumPy.

    python detector.py --server http://127.0.0.1:8080 --weights mask_rcnn_coco.h5
    python detector.py --server http://127.0.0.1:8080 --weights mask_rcnn_coco.h5 --features 6d6b…

The first subscribes to the feature sets that Cairn completes, as a consumer of a group: start any number of detectors,
each with a name of its own. The second processes one set and exits. Both print one line of JSON per image on stdout.
"""

import argparse
import json
import socket
from pathlib import Path

from detect import detect
from server import Refused, Server
from sse import Subscription
from weights import read_weights

MOST_DELIVERIES = 5
"""A set that was delivered more often is a poison set, which ends this program each time: log it and skip it."""


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", metavar="URL", default="http://127.0.0.1:8080")
    parser.add_argument("--weights", metavar="FILE", required=True, help="the Mask R-CNN HDF5 that Cairn loads as well")
    parser.add_argument("--features", metavar="ID", help="only this feature set; no subscription")
    parser.add_argument("--group", default="detectors")
    parser.add_argument("--consumer", default=socket.gethostname(), help="this detector's name (default: %(default)s)")
    parser.add_argument("--model", help="only sets of this model, e.g. mask-rcnn-resnet101")
    parser.add_argument("--once", metavar="N", type=int, help="ends after N sets")
    parser.add_argument("--outputs", metavar="FOLDER", type=Path, help="keeps what the networks gave, as safetensors")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    server = Server(arguments.server)
    weights = read_weights(arguments.weights)

    def run(features, **where):
        detections = detect(server, features, weights)
        if arguments.outputs:
            keep(arguments.outputs, features, detections.outputs)
        tell(features=features, **where, **{name: getattr(detections, name).tolist() for name in SHOWN})

    if arguments.features:
        run(arguments.features)
        return

    seen = 0

    def work(announcement):
        nonlocal seen
        features = announcement["features"]["id"]
        where = {name: announcement[name] for name in ("job", "batch") if name in announcement}
        try:
            if announcement["delivery"] > MOST_DELIVERIES:
                raise Refused(f"delivered {announcement['delivery']} times")
            run(features, **where)
        except Refused as error:
            tell(features=features, **where, error=str(error))
        seen += 1
        return seen != arguments.once

    filters = {"model": arguments.model} if arguments.model else {}
    Subscription(server, arguments.group, arguments.consumer, **filters).each(work)


SHOWN = ("boxes", "classes", "scores")


def tell(**line):
    print(json.dumps(line), flush=True)


def keep(folder, features, outputs):
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file(outputs, folder / f"{features}.safetensors")


if __name__ == "__main__":
    try:
        main()
    except Refused as error:
        raise SystemExit(f"refused: {error}") from error
    except KeyboardInterrupt:
        pass
