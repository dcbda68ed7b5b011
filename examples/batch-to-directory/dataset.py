"""The folder that pipeline.py fills, as a dataset: in PyTorch's terms a map-style one, but it does not need PyTorch.

    loader = torch.utils.data.DataLoader(FeatureFolder("features"), batch_size=None, shuffle=True, num_workers=4)

    python dataset.py features/        prints its contents
"""

import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file


class FeatureFolder:
    """Complete sets only. Sets that arrive later are in the next FeatureFolder that is created."""

    def __init__(self, folder):
        # The JSON is written after the tensors; only sets have a number as their name.
        self._sets = sorted(path for path in Path(folder).glob("*.json") if path.stem.isdigit())

    def __len__(self):
        return len(self._sets)

    def __getitem__(self, index):
        """{level: float array [height, width, channels]}, and the JSON of the set: "name", "line", "description", …"""
        path = self._sets[index]
        about = json.loads(path.read_text(encoding="utf-8"))
        return decoded(load_file(path.with_suffix(".safetensors")), about["description"]["levels"]), about


def decoded(arrays, levels):
    """Arrays of uint8 as the float32 values that they stand for: the folder holds integers, a quarter of the bytes."""
    quantizations = {level["name"]: level.get("quantization") for level in levels}
    for name, array in arrays.items():
        if array.dtype == np.uint8:
            scale, zero_point = (np.float32(quantizations[name][key]) for key in ("scale", "zeroPoint"))
            arrays[name] = (array.astype(np.float32) - zero_point) * scale
    return arrays


if __name__ == "__main__":
    dataset = FeatureFolder(sys.argv[1])
    for index in range(len(dataset)):
        levels, about = dataset[index]
        print(about["name"], " ".join(f"{name}{list(level.shape)}" for name, level in levels.items()))
