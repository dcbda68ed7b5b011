"""Detectron2's feature pyramid in PyTorch, as part of a detector around a backbone.

It convolves every C level 1x1, adds to it the coarser sum with every position repeated, and convolves every sum 3x3;
all without activation, and with biases, or with a norm of their own (`fpn_lateral2.norm`) instead. `p6` is a max-pool 1x1 with stride 2 of the coarsest output. Tensors are named
`backbone.bottom_up.`, `backbone.fpn_lateral{2-5}` and `backbone.fpn_output{2-5}`.
"""

CHANNELS = 256


def detector(bottom_up, widths, norm=None):
    """A module that gives {"C1": [1, channels, height, width], ... "P6"}; `widths` are the channels of C2 to C5."""
    from torch import nn
    from torch.nn.functional import interpolate, max_pool2d

    class Conv(nn.Conv2d):
        def __init__(self, inputs, size):
            super().__init__(inputs, CHANNELS, size, padding=size // 2, bias=norm is None)
            if norm:
                self.norm = norm(CHANNELS)

        def forward(self, x):
            y = super().forward(x)
            return self.norm(y) if norm else y

    class Fpn(nn.Module):
        def __init__(self):
            super().__init__()
            for level, width in enumerate(widths, 2):
                self.add_module(f"fpn_lateral{level}", Conv(width, 1))
                self.add_module(f"fpn_output{level}", Conv(CHANNELS, 3))
            self.bottom_up = bottom_up

        def forward(self, x):
            maps = self.bottom_up(x)
            above, outputs = None, {}
            for level in (5, 4, 3, 2):
                y = self.get_submodule(f"fpn_lateral{level}")(maps[f"C{level}"])
                above = y if above is None else y + interpolate(above, scale_factor=2.0, mode="nearest")
                outputs[f"P{level}"] = self.get_submodule(f"fpn_output{level}")(above)
            return maps | outputs | {"P6": max_pool2d(outputs["P5"], kernel_size=1, stride=2, padding=0)}

    class Detector(nn.Module):
        """What is left of a detector here: its backbone, under its name."""

        def __init__(self):
            super().__init__()
            self.backbone = Fpn()

        def forward(self, x):
            return self.backbone(x)

    return Detector()


def pyramid_of(detector):
    """The pyramid's own convolutions."""
    from torch import nn

    return nn.ModuleList(child for name, child in detector.backbone.named_children() if name != "bottom_up")
