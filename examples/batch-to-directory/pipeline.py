"""Fills a folder with the features of many images, for a training job.

    python pipeline.py photos/ features/ --options 'model=mask-rcnn-resnet50&levels=P2,P3,P4,P5,P6'
    python pipeline.py manifest.ndjson features/

Run the same command again to resume after an interruption. It needs only Python 3.11 or newer. Every image gets
`<line>.safetensors` with its levels and `<line>.json` with its name and how the set was made; the JSON is written last,
so a set that has one is complete. `dataset.py` reads the folder.
"""

import argparse
import json
from pathlib import Path

from files import write_whole
from receive import Receiver
from server import Server
from submit import submit

STATE = "state.json"
FAILED = "failed.ndjson"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="a folder of images, or a manifest (NDJSON, see docs/batches.md)")
    parser.add_argument("out", type=Path, help="the folder to fill; holds the state as well")
    parser.add_argument("--server", metavar="URL", default="http://127.0.0.1:8080")
    parser.add_argument("--options", metavar="QUERY", default="", help="of a job: model, levels, dtype, …")
    parser.add_argument("--levels", help="receive only these, of those that are extracted")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    server = Server(arguments.server)
    state = out / STATE
    if not state.exists():
        batch = submit(server, arguments.source, out, arguments.options)
        write_whole(state, json.dumps({"batch": batch}).encode())
    batch = json.loads(state.read_text())["batch"]
    receiver = Receiver(server, batch, out, arguments.levels, state)
    receiver.receive()
    receiver.keep_failures(out / FAILED)


if __name__ == "__main__":
    main()
