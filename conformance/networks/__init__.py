"""The networks that Cairn is compared with, one module a family: the package itself where it can be installed, else written
from the published convention.

A module has `build(architecture)`, which returns a network with random weights still to be drawn. Every network can

    randomise(pixels, seed)   draw its weights (see random_weights.py); `pixels` is a photograph to calibrate on
    run(pixels, top=True)     run it on one uint8 RGB image [side, side, 3]; returns an `Output`
    parameter_counts()        {"total", "trainable", "nonTrainable"} without the classifier

and be saved in the formats of formats.py. Any canvas side works with one network.
"""
