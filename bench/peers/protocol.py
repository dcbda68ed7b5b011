"""Work by the line: what the benchmark writes to stdin, and its answers on stdout.

A line is {"images": [file, ...], "out": folder}; the answer, once all archives are written, is {"images": count}.
"""

import json
import sys
from pathlib import Path


def serve(extract):
    """Calls `extract(image file, folder)`, which starts to write an archive and gives futures, for each image.

    The archive of one image is written while the next image runs.
    """
    for line in sys.stdin:
        work = json.loads(line)
        writing = []
        for image in work["images"]:
            started = extract(image, Path(work["out"]) / Path(image).stem)
            finish(writing)
            writing = started
        finish(writing)
        print(json.dumps({"images": len(work["images"])}), flush=True)


def finish(writing):
    for future in writing:
        future.result()
