"""torchvision's and Detectron2's detectors in the files that people have, against the networks in float64.

The networks are the publishers' own constructors; torch.save writes them in both of its forms, and pickle as Detectron2
does. Cairn's levels are no further from the network in float64 than PyTorch's in float32 are, by more than half; those of
networks with group norms, which ONNX Runtime adds up less exactly, within a wider margin.
"""

import numpy as np

from cairn import extract_levels
from compare import error_ratio
from families import PKL, PTH, PTH_OLDER
from formats import save
from networks import detectron2, torchvision

LEVELS = ("C1", "C2", "C3", "C4", "C5", "P2", "P3", "P4", "P5", "P6")
SIDE = 256
SEED = 7
BAR = 1e-4
"""Of the largest value of a level, against PyTorch in float32."""

MARGIN = 1.5
"""How much further from float64 than PyTorch in float32."""

GROUP_NORM_MARGIN = 5
"""Likewise with group norms: ONNX Runtime adds up the values of a group in one go, PyTorch in parts."""

FLOAT32_STEP = float(np.finfo(np.float32).eps)
"""Errors below one step of the largest value are rounding of the result itself."""

DETECTORS = {
    "maskrcnn_resnet50_fpn": (
        "torchvision-detection-resnet50",
        lambda: torchvision.build_detector("resnet50", frozen_norms=True),
        (PTH, PTH_OLDER),
    ),
    "maskrcnn_resnet50_fpn_v2": (
        "torchvision-detection-v2-resnet50",
        lambda: torchvision.build_detector_v2("resnet50"),
        (PTH, PTH_OLDER),
    ),
    "mask_rcnn_R_50_FPN": ("detectron2-resnet50", lambda: detectron2.build_pyramid("resnet50"), (PKL,)),
    "mask_rcnn_R_50_FPN_syncbn": ("detectron2-bn-resnet50", lambda: detectron2.build_normed("resnet50", "BN"), (PKL,)),
    "mask_rcnn_R_50_FPN_gn": ("detectron2-gn-resnet50", lambda: detectron2.build_normed("resnet50", "GN"), (PKL,)),
}


def check_torch_files(results, scratch):
    for name, (model, build, files) in DETECTORS.items():
        case = f"torch-files/{name}"
        if not results.wants(case):
            continue
        with results.case(case), scratch.folder() as folder:
            image, pixels = scratch.photo(SIDE)
            network = build()
            network.randomise(pixels, SEED)
            single = network.run(pixels).levels
            double = network.run_in_double(pixels)
            for file in files:
                weights = save(network, folder, file)
                ours = extract_levels(image, folder, model=model, weights=weights, levels=LEVELS, side=SIDE)
                compare(results, f"{case}/{file}", model, ours, single, double)


def compare(results, case, model, ours, single, double):
    worst = {}
    for level in LEVELS:
        ratio = error_ratio(ours[level], single[level])
        results.check(f"{case} {level}", ratio <= BAR, f"largest error ratio {ratio:.1e}")
        own, theirs = (error_ratio(maps[level], double[level]) for maps in (ours, single))
        margin = GROUP_NORM_MARGIN if "-gn-" in model else MARGIN
        near = own <= max(margin * theirs, FLOAT32_STEP)
        results.check(f"{case} {level} against float64", near, f"{own:.1e}, PyTorch {theirs:.1e}")
        worst[level] = (own, theirs)
    results.add_row("torch files", case=case, model=model, worst=worst)
