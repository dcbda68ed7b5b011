"""Compares Cairn with Keras, TensorFlow, torchvision, ONNX Runtime's quantiser, scikit-image and TensorStore.

`npm run conformance` runs it in its own environment:

    python conformance/run.py                    everything; writes docs/conformance.md
    python conformance/run.py --quick            small canvas sides, of each family the smallest architecture, few
                                                 pyramids
    python conformance/run.py --only TEXT        the cases whose name contains TEXT, e.g. preprocess, keras-v2/
    python conformance/run.py --write-golden     no comparison: writes test/golden and test/fixtures

Ends with a line `N passed, N failed`. Exit status: 0 all passed, 1 something failed, 2 called wrongly or Cairn is not
built.
"""

import argparse
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # plain float32 sums, and no notice about them
os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")  # torchvision compiles its RoIAlign, which needs a C++ compiler

PUBLISHED = ("resnet50", "resnet101")
"""Mask R-CNN's architectures that have published weights: compared with and without stage 5, archives and all."""

SIDES = (256, 1024)
LEVELS_ONLY = {
    "resnet18": (224, 256),
    "resnet34": (224, 256),
    "resnet152": (224, 256),
    "resnet50": (224,),
    "resnet101": (224,),
}
"""{architecture: sides} of Mask R-CNN's remaining cases."""


QUICK_PYRAMIDS = (
    "mask-rcnn",
    "torchvision-detection",
    "torchvision-detection-v2",
    "detectron2",
    "detectron2-gn",
    "basic-small-stem",
)
"""One of each way to name a pyramid and of each norm in it, and one that has no P2."""


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sides, few architectures")
    parser.add_argument("--only", metavar="TEXT", help="only the cases whose name contains TEXT")
    parser.add_argument("--write-golden", action="store_true", help="write test/golden and test/fixtures instead")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if arguments.write_golden:
        from golden import write_golden

        write_golden()
        return 0

    from paths import CLI

    if not CLI.exists():
        print("Cairn is not built: run `node scripts/setup.mjs --no-redis` first.", file=sys.stderr)
        return 2
    results = compare(arguments)
    if results.passed + results.failed == 0:
        print(f"No case's name contains {arguments.only!r}.", file=sys.stderr)
        return 2
    if not arguments.quick and not arguments.only:
        from report import write_report

        write_report(results)
    print(results.summary())
    return 1 if results.failed else 0


def compare(arguments):
    """Every case that the arguments leave in, the quick ones first."""
    from check_backbone import check_backbone, check_seeded
    from check_batch_example import check_batch_example
    from check_batch_stream import check_batch_stream
    from check_describe import check_describe
    from check_detectors import check_detectors
    from check_export import check_export
    from check_family import check_family
    from check_grpc import check_grpc
    from check_int8 import check_int8
    from check_int8_loss import check_int8_loss
    from check_layout import check_layout
    from check_preprocess import check_preprocess
    from check_pyramid import check_pyramid
    from check_regions import check_regions
    from check_torch_files import check_torch_files
    from check_torchvision_heads import check_torchvision_heads
    from check_weight_files import check_weight_files
    from families import FAMILIES
    from pyramids import PYRAMIDS
    from results import Results
    from scratch import Scratch

    results = Results(arguments.only)
    with Scratch() as scratch:
        check_preprocess(results, scratch)
        for architecture in PUBLISHED:
            for stage5 in (True, False):
                check_describe(results, architecture, stage5)
        check_seeded(results, scratch, "resnet18", 0)
        check_seeded(results, scratch, "resnet50", 0)
        check_seeded(results, scratch, "resnet50", 7)
        check_seeded(results, scratch, "resnet101", 0)
        check_weight_files(results, scratch)
        check_torch_files(results, scratch)
        check_layout(results, scratch)
        check_export(results, scratch)
        check_grpc(results, scratch)
        check_int8(results, scratch, arguments.quick)
        if not arguments.quick:
            check_int8_loss(results, scratch)
        check_regions(results, scratch)
        check_detectors(results, scratch, arguments.quick)
        check_torchvision_heads(results, scratch, arguments.quick)
        check_batch_example(results, scratch)
        check_batch_stream(results, scratch)
        for architecture in PUBLISHED:
            for side in SIDES[:1] if arguments.quick else SIDES:
                for stage5 in (True, False):
                    check_backbone(results, scratch, architecture, stage5, side)
        for architecture, sides in list(LEVELS_ONLY.items())[: 1 if arguments.quick else None]:
            if architecture not in PUBLISHED:
                check_describe(results, architecture, stage5=True)
            for side in sides[:1] if arguments.quick else sides:
                check_backbone(results, scratch, architecture, stage5=True, side=side, archives=False)
        for name, family in FAMILIES.items():
            for architecture in list(family.files)[:1] if arguments.quick else family.files:
                check_family(results, scratch, name, architecture, arguments.quick)
        for name, pyramid in PYRAMIDS.items():
            if arguments.quick and name not in QUICK_PYRAMIDS:
                continue
            for architecture in list(pyramid.files)[:1] if arguments.quick else pyramid.files:
                check_pyramid(results, scratch, name, architecture, arguments.quick)
    return results


if __name__ == "__main__":
    sys.exit(main())
