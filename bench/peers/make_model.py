"""Writes one ResNet-50 for all contestants: `resnet50.safetensors` and, with the same weights, `resnet50.onnx`.

    python make_model.py FOLDER SIDE IMAGE...

The weights are random. The statistics of the batch norms are those of the images, and residual branches are weaker than
their shortcuts, as in a trained network: otherwise the levels would not look like features, how small they become would
mean nothing, and a deep network would amplify every rounding.
"""

import sys
from pathlib import Path

import torch
from image import load_image
from network import LEVELS, Backbone
from safetensors.torch import save_file

BRANCH_GAIN = 0.5

folder, side, images = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
torch.manual_seed(0)
model = Backbone()

with torch.no_grad():
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # averages over all batches
            if name.endswith(".bn3"):
                module.weight.fill_(BRANCH_GAIN)
    for image in images:
        model.train()(torch.from_numpy(load_image(image, side)))
model.eval()

state = {name: tensor for name, tensor in model.resnet.state_dict().items() if "num_batches" not in name}
save_file(state, folder / "resnet50.safetensors")
example = torch.zeros(1, 3, side, side)
names = {"input_names": ["image"], "output_names": LEVELS}
torch.onnx.export(model, (example,), folder / "resnet50.onnx", external_data=False, verbose=False, **names)
