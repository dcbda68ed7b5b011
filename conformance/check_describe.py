"""`cairn describe` against Keras's own count of parameters and its own shapes."""

import math

import matterport
from cairn import describe


def count(variables):
    return sum(math.prod(variable.shape) for variable in variables)


def check_describe(results, architecture, stage5, side=256):
    case = f"describe/{architecture}/{'stage5' if stage5 else 'no-stage5'}"
    if not results.wants(case):
        return
    with results.case(case):
        model = matterport.backbone(architecture, stage5, side)
        ours = describe(f"mask-rcnn-{architecture}", side, stage5)
        expected = {
            "total": model.count_params(),
            "trainable": count(model.trainable_variables),
            "nonTrainable": count(model.non_trainable_variables),
        }
        found = {name: ours["parameters"][name] for name in expected}
        results.check(f"{case} parameters", found == expected, str(found))
        shapes = {level["name"]: level["shape"] for level in ours["levels"] if level["name"].startswith("C")}
        expected = {name: list(level.shape[1:]) for name, level in model.output.items()}
        results.check(f"{case} shapes", shapes == expected, str(shapes))
