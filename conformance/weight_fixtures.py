"""Makes the weight-file fixtures under test/fixtures/weights: the same 14 numbers in each format, layout and type that
Cairn reads, and in those that it refuses, written by the libraries whose formats they are.

`python conformance/run.py --write-golden` writes them with everything else.
"""

import json
import os
import pickle
from argparse import Namespace
from collections import OrderedDict

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
"""{layer: {parameter: values}}; the kernel is [1, 1, 3, 2] (HWIO). All are exact in bfloat16 and float16."""

APPLICATIONS = ("ResNet50", "ResNet101V2")


def write_weight_fixtures():
    """Writes the values in every format, `values.json` with them, a file cut in half, and Keras's numbers of layers."""
    WEIGHTS.mkdir(parents=True, exist_ok=True)
    (WEIGHTS / "values.json").write_text(json.dumps(VALUES, indent=2) + "\n")
    write_hdf5_fixtures(weights_as(np.float32))
    write_keras3_fixtures()
    write_numpy_fixtures()
    write_torch_fixtures()
    write_tensorflow_fixtures()
    write_keras_layer_numbers()


def weights_as(dtype):
    """A WeightSet (see weights.py) of VALUES."""
    return {
        layer: {name: np.array(values, dtype) for name, values in parameters.items()}
        for layer, parameters in VALUES.items()
    }


def write_hdf5_fixtures(weights):
    write_keras_hdf5(WEIGHTS / "keras2.h5", weights)
    write_keras_hdf5(WEIGHTS / "keras3-legacy.h5", weights, layout="keras3-legacy", variable_length=True)
    write_keras_hdf5(WEIGHTS / "older.h5", weights, layout="older")
    write_keras_hdf5(WEIGHTS / "model-weights-group.h5", weights, group="model_weights", variable_length=True)
    write_keras_hdf5(WEIGHTS / "keras1.h5", weights, layout="keras1")
    write_keras_hdf5(WEIGHTS / "float16.h5", weights_as(np.float16))
    write_keras_hdf5(WEIGHTS / "big-endian.h5", weights_as(">f4"))
    write_both_halves(WEIGHTS / "float16-and-bfloat16.h5")
    whole = (WEIGHTS / "keras2.h5").read_bytes()
    (WEIGHTS / "truncated.h5").write_bytes(whole[: len(whole) // 2])


def write_both_halves(path):
    """The values as float16, and beside them a dataset whose type HDF5 knows to be bfloat16."""
    import h5py

    write_keras_hdf5(path, weights_as(np.float16))
    bfloat16 = h5py.h5t.IEEE_F16LE.copy()
    bfloat16.set_fields(15, 7, 8, 0, 7)
    bfloat16.set_ebias(127)
    timeless = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    timeless.set_obj_track_times(False)
    with h5py.File(path, "a") as file:
        group = file.create_group("head")
        h5py.h5d.create(group.id, b"kernel:0", bfloat16, h5py.h5s.create_simple((2,)), timeless)


def write_keras3_fixtures():
    """Keras's own `.weights.h5`, in float32 and in the type in which Keras stores bytes and says what they are."""
    keras_model("float32").save_weights(WEIGHTS / "keras3.weights.h5")
    keras_model("bfloat16").save_weights(WEIGHTS / "keras3-bfloat16.weights.h5")


def keras_model(dtype):
    import keras

    image = keras.Input([8, 8, 3], name="image")
    convolved = keras.layers.Conv2D(2, 1, dtype=dtype, name="conv1")(image)
    model = keras.Model(image, keras.layers.BatchNormalization(dtype=dtype, name="bn_conv1")(convolved))
    for layer, parameters in weights_as(np.float32).items():
        model.get_layer(layer).set_weights(list(parameters.values()))
    return model


def write_numpy_fixtures():
    weights = weights_as(np.float32)
    flat = {f"{layer}/{name}": array for layer, named in weights.items() for name, array in named.items()}
    np.savez(WEIGHTS / "numpy.npz", **flat)
    beside = {"step": np.int64(3), "config": np.array({"a": 1}, dtype=object)}
    halves = {name: np.asfortranarray(array.astype(np.float16)) for name, array in flat.items()}
    np.savez_compressed(WEIGHTS / "numpy-compressed-float16.npz", **halves, **beside)
    np.savez(WEIGHTS / "numpy-objects.npz", params=np.array(flat, dtype=object))
    write_pickles(flat)


class Python2Pickler(pickle._Pickler):
    """Writes texts and bytes as Python 2 did: both are its `str`."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_str(self, value):
        data = value if isinstance(value, bytes) else value.encode("ascii")
        short = len(data) < 256
        head = pickle.SHORT_BINSTRING + bytes([len(data)]) if short else pickle.BINSTRING + len(data).to_bytes(4, "little")
        self.write(head + data)
        self.memoize(value)

    dispatch[bytes] = dispatch[str] = save_str


def write_pickles(flat):
    """Detectron2's layout by each protocol, and by Python 2; `large` has an array that is too long to be held."""
    long = (np.arange(4 * 300) * 7919 % 1000 / 8).astype(np.float32).reshape(4, 300)
    for protocol in (2, 4, 5):
        with open(WEIGHTS / f"pickled-{protocol}.pkl", "wb") as file:
            pickle.dump({"model": flat, "__author__": "Detectron2 Model Zoo"}, file, protocol=protocol)
        with open(WEIGHTS / f"large-{protocol}.pkl", "wb") as file:
            pickle.dump({"model": {"big": long, "turned": long.T}}, file, protocol=protocol)
    with open(WEIGHTS / "pickled-python2.pkl", "wb") as file:
        Python2Pickler(file, protocol=2).dump({"model": OrderedDict(flat), "matching_heuristics": True})
    with open(WEIGHTS / "large-python2.pkl", "wb") as file:
        Python2Pickler(file, protocol=2).dump({"model": {"big": long, "turned": long.T}})


def write_torch_fixtures():
    """A state_dict: kernels OIHW, the norm's counter beside its statistics.

    The legacy file names storages by their addresses: it differs with every run.
    """
    import torch
    from safetensors.torch import save_file

    modules = OrderedDict(conv1=torch.nn.Conv2d(3, 2, 1), bn1=torch.nn.BatchNorm2d(2))
    for module, parameters in zip(modules.values(), weights_as(np.float32).values()):
        names = ("weight", "bias", "running_mean", "running_var")
        for name, array in zip(names, parameters.values()):
            array = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
            getattr(module, name).data = torch.from_numpy(np.ascontiguousarray(array))
    state = torch.nn.Sequential(modules).state_dict()
    save_file(state, WEIGHTS / "torch.safetensors", {"format": "pt"})
    for name, dtype in (("float16", torch.float16), ("bfloat16", torch.bfloat16)):
        cast = {key: tensor.to(dtype) if tensor.is_floating_point() else tensor for key, tensor in state.items()}
        save_file(cast, WEIGHTS / f"torch-{name}.safetensors", {"format": "pt"})
    torch.save(state, WEIGHTS / "torch.pth")
    torch.save(state, WEIGHTS / "torch-legacy.pth", _use_new_zipfile_serialization=False)
    halves = {key: tensor.to(torch.bfloat16) if tensor.is_floating_point() else tensor for key, tensor in state.items()}
    torch.save(halves, WEIGHTS / "torch-bfloat16.pth")
    doubles = {key: tensor.double() if tensor.is_floating_point() else tensor for key, tensor in state.items()}
    torch.save(doubles, WEIGHTS / "torch-float64-legacy.pth", _use_new_zipfile_serialization=False)
    torch.save({key: as_view(tensor) for key, tensor in state.items()}, WEIGHTS / "torch-views.pth")
    torch.save(checkpoint(torch.nn.Sequential(modules)), WEIGHTS / "torch-checkpoint.pth")


def as_view(tensor):
    """The same tensor as a part of a larger storage, its elements not in order."""
    import torch

    wide = torch.full((*tensor.shape[::-1], 3), 99, dtype=tensor.dtype)
    view = wide[..., 1].permute(list(reversed(range(tensor.ndim))))
    view.copy_(tensor)
    return view


def checkpoint(model):
    """What a training script saves: averaged weights, an optimizer that has made a step, and its arguments."""
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5])
    averaged = torch.optim.swa_utils.AveragedModel(model)
    other = OrderedDict((key, torch.zeros_like(tensor)) for key, tensor in model.state_dict().items())
    model.eval()
    model(torch.ones(1, 3, 2, 2)).sum().backward()
    optimizer.step()
    schedule.step()
    arguments = Namespace(lr=0.1, device="cuda", tags={"a"}, size=torch.Size([2]), dtype=torch.float16)
    return {
        "epoch": np.float64(1.5),
        "model": other,
        "model_ema": averaged.state_dict(),
        "optimizer": optimizer.state_dict(),
        "lr_scheduler": schedule.state_dict(),
        "args": arguments,
    }


def write_tensorflow_fixtures():
    """A checkpoint with slim's names, and the npz that the two lines in Cairn's refusal make of it."""
    import tensorflow as tf

    weights = weights_as(np.float32)
    scope = "resnet_v2_50"
    variables = {
        f"{scope}/conv1/weights": weights["conv1"]["kernel"],
        f"{scope}/conv1/biases": weights["conv1"]["bias"],
        **{f"{scope}/postnorm/{name}": array for name, array in weights["bn_conv1"].items()},
        f"{scope}/conv1/weights/Momentum": weights["conv1"]["kernel"] + 1,
        "global_step": np.int64(7),
    }
    checkpoint = str(WEIGHTS / "slim.ckpt")
    saver = tf.compat.v1.train.Saver({name: tf.Variable(array) for name, array in variables.items()})
    saver.save(None, checkpoint, write_meta_graph=False, write_state=False)
    c = tf.train.load_checkpoint(checkpoint)  # what Cairn tells to do
    npz = {n: c.get_tensor(n) for n, t in c.get_variable_to_dtype_map().items() if t.is_floating}
    np.savez(WEIGHTS / "slim.npz", **{name: npz[name] for name in sorted(npz)})


def write_keras_layer_numbers():
    """{model: {group in a `.weights.h5` that does not name its layers: layer}}, as Keras numbers the layers."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    from keras.src.utils.naming import to_snake_case

    numbers = {}
    for application in APPLICATIONS:
        groups, counts = {}, {}
        for layer in getattr(keras.applications, application)(weights=None).layers:
            name = to_snake_case(layer.__class__.__name__)
            count = counts[name] = counts.get(name, -1) + 1
            if layer.weights:
                groups[f"layers/{name}_{count}" if count else f"layers/{name}"] = layer.name
        numbers[application] = groups
        keras.backend.clear_session()
    lines = [f"{json.dumps(name)}:{json.dumps(groups, separators=(',', ':'))}" for name, groups in numbers.items()]
    (WEIGHTS / "keras-layer-numbers.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
