"""A ResNet-50 in PyTorch, set up as its documentation advises for inference on a CPU."""

import torch
import torch._inductor.config
from image import load_image
from network import LEVELS, Backbone
from safetensors.torch import load_file

MODES = {"eager": torch.float32, "compiled": torch.float32, "bfloat16": torch.bfloat16}
"""{mode: the type in which the network is computed}; all but `eager` are compiled."""

AXES = ["y", "x", "channel"]
"""Of the levels: channels last is the order in which PyTorch's convolutions are fastest."""


class Pyramids:
    """Computes pyramids of images: {level: float16 [height, width, channels]}."""

    def __init__(self, weights, side, mode):
        self.side = side
        self.dtype = MODES[mode]
        backbone = Backbone()
        backbone.resnet.load_state_dict(load_file(weights), strict=False)  # the file does not count batches
        model = backbone.eval().to(dtype=self.dtype, memory_format=torch.channels_last)
        if mode != "eager":
            torch._inductor.config.freezing = True  # weights are constants: batch norms fold, kernels are packed
            model = torch.compile(model)
        self.model = model

    def load(self, file):
        batch = torch.from_numpy(load_image(file, self.side))
        return batch.to(dtype=self.dtype, memory_format=torch.channels_last)

    @torch.inference_mode()
    def compute(self, batch):
        levels = self.model(batch)
        return {name: level[0].permute(1, 2, 0).numpy() for name, level in zip(LEVELS, levels, strict=True)}
