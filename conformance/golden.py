"""Writes what the TypeScript tests compare with: `python conformance/run.py --write-golden`.

Goldens under test/golden come from Keras, scikit-image and numpy, never from Cairn; fixtures under test/fixtures are
the images and weight files they speak of. Everything is deterministic up to Keras's float rounding.
"""

import json

from golden_samples import preprocess_sample, pyramid_sample, seeded_sample
from image_fixtures import write_image_fixtures
from paths import GOLDEN
from seeded import DEFAULT_SEED
from weight_fixtures import write_weight_fixtures

PREPROCESS_CASES = (
    ("landscape.jpg", 1024),
    ("landscape.jpg", 256),
    ("portrait.png", 1024),
    ("tiny.png", 1024),
    ("square-1024.png", 1024),
    ("grey-exif6.jpg", 1024),
)
SEEDED_CASES = (
    ("resnet50", "conv1", "kernel"),
    ("resnet50", "conv1", "bias"),
    ("resnet50", "bn_conv1", "gamma"),
    ("resnet50", "bn_conv1", "moving_mean"),
    ("resnet50", "bn_conv1", "moving_variance"),
    ("resnet50", "res2a_branch1", "bias"),
    ("resnet50", "bn3b_branch2c", "beta"),
    ("resnet50", "res5c_branch2b", "kernel"),
    ("resnet50", "bn5c_branch2c", "gamma"),
    ("resnet50", "bn5c_branch2c", "moving_variance"),
    ("resnet101", "bn4w_branch2a", "moving_variance"),
)


def write_golden():
    GOLDEN.mkdir(parents=True, exist_ok=True)
    write_image_fixtures()
    write_weight_fixtures()
    write("seeded-weights.json", {"seed": DEFAULT_SEED, "parameters": [seeded_sample(*case) for case in SEEDED_CASES]})
    write("preprocess.json", [preprocess_sample(*case) for case in PREPROCESS_CASES])
    for architecture in ("resnet50", "resnet101"):
        write(f"pyramid-mask-rcnn-{architecture}.json", pyramid_sample(architecture))


def write(name, value):
    """JSON with one line for each entry of the outer two levels, so that a change reads well as a diff."""

    def lines(value, depth):
        if depth == 0 or not isinstance(value, (dict, list)):
            return json.dumps(value, separators=(",", ":"))
        if isinstance(value, dict):
            entries = [f"{json.dumps(key)}:{lines(item, depth - 1)}" for key, item in value.items()]
            return "{\n" + ",\n".join(entries) + "\n}"
        return "[\n" + ",\n".join(lines(item, depth - 1) for item in value) + "\n]"

    (GOLDEN / name).write_text(lines(value, 2) + "\n")
    print(f"{name}: {(GOLDEN / name).stat().st_size} bytes")
