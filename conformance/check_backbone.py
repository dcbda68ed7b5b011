"""C1 to C5 from a Keras HDF5 file, Cairn against Keras; and each archive against the safetensors export."""

import numpy as np

import matterport
from cairn import extract, extract_levels
from check_archive import check_archive, check_packing
from check_jpeg import QUALITY, check_jpeg
from compare import error_ratio, within_one_ulp
from results import ERROR_BAR
from weights import give_to

LEVELS = ("C1", "C2", "C3", "C4", "C5")


def check_backbone(results, scratch, architecture, stage5, side, archives=True):
    """One architecture, with or without stage 5, at one canvas side; `archives` reads the archives as well."""
    case = f"backbone/{architecture}/{'stage5' if stage5 else 'no-stage5'}/{side}"
    if not results.wants(case):
        return
    with results.case(case), scratch.folder() as folder:
        image, pixels = scratch.photo(side)
        levels = LEVELS if stage5 else LEVELS[:-1]
        weights = scratch.hdf5(architecture)
        asked = dict(model=f"mask-rcnn-{architecture}", weights=weights, levels=levels, side=side, stage5=stage5)
        attributes = dict(architecture=architecture, stage5=stage5, size=side, window=[0, 0, side, side], scale=1)

        model = matterport.backbone(architecture, stage5, side)
        give_to(model, scratch.backbone_weights(architecture))
        reference = matterport.run(model, pixels)
        ours = extract_levels(image, folder, **asked)
        ratios = compare_levels(results, case, ours, reference)
        results.add_row("backbone", architecture=architecture, stage5=stage5, side=side, **ratios)

        if not archives:
            return
        archive = extract(image, folder, file_format="zarr", **asked)
        check_archive(results, f"{case}/float32", archive, ours, attributes)
        if stage5:
            archive.unlink()
            half = extract_levels(image, folder, dtype="float16", **asked)
            rounded = all(within_one_ulp(level, ours[name]) for name, level in half.items())
            results.check(f"{case} float16 is float32 rounded", rounded)
            archive = extract(image, folder, dtype="float16", file_format="zarr", **asked)
            check_archive(results, f"{case}/float16", archive, half, attributes)
            archive.unlink()
            integers = extract_levels(image, folder, dtype="uint8", **asked)
            archive = extract(image, folder, dtype="uint8", file_format="zarr", **asked)
            check_archive(results, f"{case}/uint8", archive, integers, attributes)
            check_packing(results, f"{case}/uint8", archive, ours)
            for layout in ("nhwc", "nchw"):
                stored = dict(dtype="uint8", layout=layout, quality=QUALITY, file_format="zarr")
                archive = extract(image, folder, **stored, **asked)
                expected = integers if layout == "nhwc" else {name: q.transpose(2, 0, 1) for name, q in integers.items()}
                check_jpeg(results, f"{case}/jpeg/{layout}", archive, expected)


def check_seeded(results, scratch, architecture, seed, side=256):
    """Cairn's seeded weights against their numpy implementation, through Keras."""
    from seeded import seeded_weights

    case = f"seeded/{architecture}/{seed}/{side}"
    if not results.wants(case):
        return
    with results.case(case), scratch.folder() as folder:
        image, pixels = scratch.photo(side)
        model = matterport.backbone(architecture, side=side)
        give_to(model, seeded_weights(architecture, seed=seed))
        reference = matterport.run(model, pixels)
        weights = f"seeded:{seed}"
        model_name = f"mask-rcnn-{architecture}"
        ours = extract_levels(image, folder, model=model_name, weights=weights, levels=LEVELS, side=side)
        ratios = compare_levels(results, case, ours, reference)
        results.add_row("backbone", architecture=f"{architecture}, {weights}", stage5=True, side=side, **ratios)


def compare_levels(results, case, ours, reference):
    """One check a level; returns {level: error ratio}."""
    ratios = {}
    results.check(f"{case} levels", sorted(ours) == sorted(reference), " ".join(sorted(ours)))
    for name, level in reference.items():
        ratios[name] = error_ratio(ours[name], level) if name in ours else np.inf
        results.check(f"{case} {name}", ratios[name] <= ERROR_BAR, f"largest error ratio {ratios[name]:.1e}")
    return ratios
