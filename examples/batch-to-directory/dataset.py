"""The folder that pipeline.py fills, as a dataset. It is what PyTorch calls map-style, and needs no PyTorch:

    loader = torch.utils.data.DataLoader(FeatureFolder("features"), batch_size=None, shuffle=True, num_workers=4)

    python dataset.py features/        what is in it
"""

import json
import sys
from pathlib import Path

from safetensors.numpy import load_file


class FeatureFolder:
    """Whole sets only; those that come while a training job runs are seen by the next one made."""

    def __init__(self, folder):
        # Where the JSON is, the tensors are; the names of other files are no numbers.
        self._sets = sorted(path for path in Path(folder).glob("*.json") if path.stem.isdigit())

    def __len__(self):
        return len(self._sets)

    def __getitem__(self, index):
        """{level: array [height, width, channels]}, and what is known of it: "name", "line", "description", …"""
        about = self._sets[index]
        return load_file(about.with_suffix(".safetensors")), json.loads(about.read_text(encoding="utf-8"))


if __name__ == "__main__":
    dataset = FeatureFolder(sys.argv[1])
    for index in range(len(dataset)):
        levels, about = dataset[index]
        print(about["name"], " ".join(f"{name}{list(level.shape)}" for name, level in levels.items()))
