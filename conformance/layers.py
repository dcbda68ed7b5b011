"""The parameters of Matterport's ResNet as a flat list, and the second moment that reaches each of its layers.

Both the random weights (weights.py) and the seeded ones (seeded.py) need activations that stay within a sane range
through up to 50 residual blocks, so both scale by the mean square value ("second moment") expected at each layer.
Rules, with `m` the moment that comes in: a He-uniform convolution makes 2m; a batch norm whose gamma is about g makes
g*g; a ReLU halves it, except after an addition, where it stays; a max-pool makes 2m; an addition sums; padding keeps.
"""

from dataclasses import dataclass

from matterport import residual_blocks

IMAGE_MOMENT = 5000.0
"""Mean square of a mean-subtracted 0..255 pixel."""

BRANCH_END_GAIN = 0.5
"""Gamma's scale in the last batch norm of a residual branch; 1 elsewhere."""

CONVOLUTION_PARAMETERS = ("kernel", "bias")
BATCH_NORM_PARAMETERS = ("gamma", "beta", "moving_mean", "moving_variance")


@dataclass(frozen=True)
class Layer:
    """A convolution (`kernel` is its HWIO shape) or a batch norm (`kernel` is None) and the moment that reaches it."""

    name: str
    channels: int
    moment: float
    kernel: tuple = None
    gain: float = 1.0

    @property
    def parameters(self):
        """{parameter: shape}, in the order in which Keras keeps them."""
        if self.kernel:
            return {"kernel": self.kernel, "bias": (self.channels,)}
        return {parameter: (self.channels,) for parameter in BATCH_NORM_PARAMETERS}


def backbone_layers(architecture, stage5=True):
    """Every layer with parameters, in the order in which the graph is built."""
    layers = []

    def convolve(convolution, batch_norm, kernel, moment, gain=1.0):
        """Adds a convolution and its batch norm; returns the moment that leaves them."""
        layers.append(Layer(convolution, kernel[3], moment, kernel=kernel))
        layers.append(Layer(batch_norm, kernel[3], 2 * moment, gain=gain))
        return gain * gain

    def relu(moment):
        return moment / 2

    moment = 2 * relu(convolve("conv1", "bn_conv1", (7, 7, 3, 64), IMAGE_MOMENT))  # ReLU, then max-pool
    for block in residual_blocks(architecture, stage5):

        def branch(name, kernel, incoming, gain=1.0):
            return convolve(block.convolution(name), block.batch_norm(name), kernel, incoming, gain)

        y, channels = moment, block.input_channels
        for i, (name, size, filters, _) in enumerate(block.branch, 1):
            last = i == len(block.branch)
            y = branch(name, (size, size, channels, filters), y, BRANCH_END_GAIN if last else 1.0)
            y, channels = y if last else relu(y), filters
        shortcut = branch("1", (1, 1, block.input_channels, channels), moment) if block.projects else moment
        moment = y + shortcut
    return layers
