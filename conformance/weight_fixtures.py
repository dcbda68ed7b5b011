"""Makes the weight-file fixtures under test/fixtures/weights: a few hundred bytes of weights in each HDF5 layout."""

import json

import numpy as np

from paths import WEIGHTS
from weight_files import write_keras_hdf5

VALUES = {
    "conv1": {"kernel": [[[[0.5, -1.25], [2, 0.0625], [-0.75, 3]]]], "bias": [0.125, -8]},
    "bn_conv1": {
        "gamma": [1.5, 0.25],
        "beta": [-0.5, 4],
        "moving_mean": [10, -0.03125],
        "moving_variance": [0.75, 256],
    },
}
"""{layer: {parameter: values}}; the kernel is [1, 1, 3, 2] (HWIO). All are exact in float32."""


def write_weight_fixtures():
    """Writes the same values in every layout, `values.json` with them, and a file cut in half."""
    WEIGHTS.mkdir(parents=True, exist_ok=True)
    weights = {
        layer: {name: np.array(values, np.float32) for name, values in parameters.items()}
        for layer, parameters in VALUES.items()
    }
    write_keras_hdf5(WEIGHTS / "keras2.h5", weights)
    write_keras_hdf5(WEIGHTS / "keras3-legacy.h5", weights, layout="keras3-legacy", variable_length=True)
    write_keras_hdf5(WEIGHTS / "older.h5", weights, layout="older")
    write_keras_hdf5(WEIGHTS / "model-weights-group.h5", weights, group="model_weights", variable_length=True)
    (WEIGHTS / "values.json").write_text(json.dumps(VALUES, indent=2) + "\n")
    whole = (WEIGHTS / "keras2.h5").read_bytes()
    (WEIGHTS / "truncated.h5").write_bytes(whole[: len(whole) // 2])
