"""One set of weights in every file format and layout gives the same bits."""

from cairn import extract_levels
from check_backbone import LEVELS
from compare import levels_with_same_bits
from weight_files import write_keras_hdf5, write_safetensors

HDF5_VARIANTS = {
    "keras3-legacy": dict(layout="keras3-legacy"),
    "older": dict(layout="older"),
    "model_weights group": dict(group="model_weights"),
    "variable-length names": dict(variable_length=True),
    "keras3-legacy, model_weights group, variable-length names": dict(
        layout="keras3-legacy", group="model_weights", variable_length=True
    ),
}


def check_weight_files(results, scratch, architecture="resnet50", side=256):
    case = f"weight-files/{architecture}"
    if not results.wants(case):
        return
    with results.case(case):
        image, _ = scratch.photo(side)
        weights = scratch.backbone_weights(architecture)
        model = f"mask-rcnn-{architecture}"

        def extracted(path):
            with scratch.folder() as folder:
                return extract_levels(image, folder, model=model, weights=path, levels=LEVELS, side=side)

        expected = extracted(scratch.hdf5(architecture))
        with scratch.folder() as folder:
            path = folder / "weights.safetensors"
            write_safetensors(path, weights)
            same = levels_with_same_bits(extracted(path), expected)
            results.check(f"{case} safetensors equals HDF5 bit for bit", same)
        for name, options in HDF5_VARIANTS.items():
            with results.case(f"{case} {name}"), scratch.folder() as folder:
                path = folder / "weights.h5"
                write_keras_hdf5(path, weights, **options)
                same = levels_with_same_bits(extracted(path), expected)
                results.check(f"{case} {name} equals keras2 bit for bit", same)
