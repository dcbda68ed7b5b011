"""Saves the networks of `networks/` in the files that people publish, written by the framework itself where it can.

Cairn reads no checkpoints of TensorFlow; `checkpoint_to_npz` converts as docs/weights.md says.
"""

import pickle
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from weight_files import write_keras_hdf5


class Format(NamedTuple):
    suffix: str
    save: callable
    """Takes a network and a path (str)."""


def keras3_weights(network, path):
    network.published.save_weights(path)


def keras3_model(network, path):
    network.published.save(path)


def keras2_weights(network, path):
    write_keras_hdf5(path, network.weights(), layout="keras2")


def keras1_weights(network, path):
    write_keras_hdf5(path, network.weights(), layout="keras1")


def torch_safetensors(network, path):
    save_torch(network.state(), path)


def save_torch(state, path):
    from safetensors.torch import save_file

    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path, {"format": "pt"})


def torch_pth(network, path):
    import torch

    torch.save(network.state(), path)


def torch_legacy_pth(network, path):
    """A whole training checkpoint, in the form before PyTorch 1.6."""
    import torch

    state = network.state()
    momentum = {0: {"momentum_buffer": torch.zeros(1000)}}
    checkpoint = {"model": state, "optimizer": {"state": momentum, "param_groups": []}, "epoch": 3}
    torch.save(checkpoint, path, _use_new_zipfile_serialization=False)


def detectron2_pickle(network, path, protocol=4):
    """As Detectron2's model zoo is published."""
    arrays = {name: tensor.numpy() for name, tensor in network.state().items()}
    with open(path, "wb") as file:
        pickle.dump({"model": arrays, "__author__": "Detectron2 Model Zoo"}, file, protocol=protocol)


def detectron2_pickle_2(network, path):
    """Protocol 2, in which bytes are text."""
    detectron2_pickle(network, path, protocol=2)


def torch_npz(network, path):
    np.savez(path, **{name: tensor.numpy() for name, tensor in network.state().items()})


def older_torchvision(network, path):
    """Before torchvision wrapped a pyramid's convolutions: `inner_blocks.0.weight`, not `inner_blocks.0.0.weight`."""
    state = network.state().items()
    save_torch({re.sub(r"(_blocks\.\d)\.0\.", r"\1.", name): tensor for name, tensor in state}, path)


def torch_parallel(network, path):
    """The names that a model has in `torch.nn.DataParallel`, which calls it `module`."""
    save_torch({f"module.{name}": tensor for name, tensor in network.state().items()}, path)


def tensorflow_safetensors(network, path):
    from safetensors.numpy import save_file

    save_file(network.variables, path)


def tensorflow_npz(network, path):
    np.savez(path, **network.variables)


def tensorflow_checkpoint(network, path):
    """A checkpoint of TensorFlow's own, with the step counter and the mean that published ones have as well."""
    import tensorflow as tf

    beside = {"global_step": np.int64(7), "mean_rgb": np.zeros(3, np.float32)}
    variables = {name: tf.Variable(values) for name, values in (network.variables | beside).items()}
    checkpoint = str(Path(path).with_suffix(".ckpt"))
    tf.compat.v1.train.Saver(variables).save(None, checkpoint, write_meta_graph=False)
    checkpoint_to_npz(checkpoint, path)


def checkpoint_to_npz(checkpoint, path):
    """Keeps float variables only: others count steps, or hold bytes."""
    import tensorflow as tf

    file = tf.train.load_checkpoint(checkpoint)
    names = [name for name, dtype in file.get_variable_to_dtype_map().items() if dtype.is_floating]
    np.savez(path, **{name: file.get_tensor(name) for name in names})


FORMATS = {
    "Keras 3 .weights.h5": Format(".weights.h5", keras3_weights),
    "Keras 3 whole-model .h5": Format(".h5", keras3_model),
    "Keras 2 .h5": Format(".h5", keras2_weights),
    "Keras 1 .h5": Format(".h5", keras1_weights),
    "PyTorch safetensors": Format(".safetensors", torch_safetensors),
    "safetensors of older torchvision": Format(".safetensors", older_torchvision),
    "safetensors of a DataParallel": Format(".safetensors", torch_parallel),
    "PyTorch .pth": Format(".pth", torch_pth),
    "older PyTorch .pth": Format(".pth", torch_legacy_pth),
    "Detectron2 .pkl": Format(".pkl", detectron2_pickle),
    "Detectron2 .pkl, protocol 2": Format(".pkl", detectron2_pickle_2),
    "PyTorch-named npz": Format(".npz", torch_npz),
    "TensorFlow-named safetensors": Format(".safetensors", tensorflow_safetensors),
    "TensorFlow-named npz": Format(".npz", tensorflow_npz),
    "TensorFlow checkpoint as npz": Format(".npz", tensorflow_checkpoint),
}


def save(network, folder, name):
    """Saves into `folder`; returns the path."""
    path = folder / f"weights{FORMATS[name].suffix}"
    FORMATS[name].save(network, str(path))
    return path
