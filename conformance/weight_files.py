"""Writers for the weight files that Cairn reads: Keras HDF5 in its several layouts, and safetensors.

A Keras HDF5 file has the attribute `layer_names` at its root (or in a group `model_weights`, when the whole model was
saved) and one group a layer, whose attribute `weight_names` lists datasets relative to that group:

    keras2          <layer>/<layer>/kernel:0    weight_names "<layer>/kernel:0"   (Keras 2: the published files)
    keras3-legacy   <layer>/<layer>/kernel      weight_names "<layer>/kernel"     (Keras 3 saving as .h5)
    older           <layer>/kernel:0            weight_names "kernel:0"
    keras1          <layer>/<layer>_W:0         weight_names "<layer>_W:0"        (Keras 1: the first published files)

Keras 1 has its own words for some parameters: W, b, running_mean and running_std, which holds the variance. A parameter
that bears its layer's name already, as a scale layer's do, keeps its name.

Layers without parameters are listed too; Keras writes their empty list as a float64 array of no elements.
Names are fixed-length byte strings, or variable-length ones, by the version of h5py that wrote them.
"""

import h5py
import numpy as np

DATASET_NAMES = {
    "keras2": "{layer}/{parameter}:0",
    "keras3-legacy": "{layer}/{parameter}",
    "older": "{parameter}:0",
    "keras1": "{layer}_{parameter}:0",
}
KERAS_VERSIONS = {"keras3-legacy": "3.15.1", "keras1": np.bytes_("1.2.2")}
KERAS1_WORDS = {"kernel": "W", "bias": "b", "moving_mean": "running_mean", "moving_variance": "running_std"}
LAYERS_WITHOUT_PARAMETERS = ("input_image", "zero_padding2d_1", "activation_1", "max_pooling2d_1", "add_1")


def dataset_name(layout, layer, parameter):
    if layout == "keras1":
        parameter = KERAS1_WORDS.get(parameter, parameter).removeprefix(f"{layer}_")
    return DATASET_NAMES[layout].format(layer=layer, parameter=parameter)


def write_keras_hdf5(path, weights, layout="keras2", group=None, variable_length=False):
    """Writes a WeightSet (see weights.py) as a Keras HDF5 file; a name `a/b` puts layer `b` in the group `a`.

    The layout `older` has no place for nested layers: two of them in one group raise ValueError.
    """
    groups = {name: {} for name in LAYERS_WITHOUT_PARAMETERS}
    for name, parameters in weights.items():
        outer, _, inner = name.rpartition("/")
        groups.setdefault(outer or inner, {})[inner] = parameters

    def write_names(holder, attribute, values):
        kind = {"dtype": h5py.string_dtype()} if variable_length and values else {}
        holder.attrs.create(attribute, values if kind else [value.encode() for value in values], **kind)

    with h5py.File(path, "w") as file:
        root = file.create_group(group) if group else file
        write_names(root, "layer_names", list(groups))
        root.attrs["backend"] = "tensorflow" if variable_length else np.bytes_("tensorflow")
        root.attrs["keras_version"] = KERAS_VERSIONS.get(layout, np.bytes_("2.1.6"))
        for name, layers in groups.items():
            holder = root.create_group(name)
            datasets = [
                (dataset_name(layout, layer, parameter), values)
                for layer, parameters in layers.items()
                for parameter, values in parameters.items()
            ]
            write_names(holder, "weight_names", [dataset for dataset, _ in datasets])
            for dataset, values in datasets:
                holder.create_dataset(dataset, data=values)
        if layout == "keras3-legacy":
            write_names(root.create_group("top_level_model_weights"), "weight_names", [])


def write_safetensors(path, weights):
    """Writes a WeightSet as safetensors: tensors named `<layer>/<parameter>`, the layouts unchanged (HWIO)."""
    from safetensors.numpy import save_file

    save_file({f"{layer}/{name}": values for layer, named in weights.items() for name, values in named.items()}, path)
