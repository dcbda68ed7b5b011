"""Images to pyramids with PyTorch and TensorStore.

    python pytorch_peer.py WEIGHTS.safetensors SIDE eager|compiled|bfloat16
"""

import sys

from protocol import serve
from pyramid import write_pyramid
from pytorch import AXES, Pyramids

weights, side, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
pyramids = Pyramids(weights, side, mode)


def extract(image, folder):
    return write_pyramid(folder, pyramids.compute(pyramids.load(image)), AXES)


serve(extract)
