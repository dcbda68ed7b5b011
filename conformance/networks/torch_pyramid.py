"""The feature pyramids of torchvision and of Detectron2, in PyTorch, as parts of a detector around a backbone.

Both convolve every C level 1x1, add to it the coarser sum with every position repeated, and convolve every sum 3x3; all
with biases and without activation. Both end with a level that is a max-pool 1x1 with stride 2 of the coarsest output
(torchvision calls it `pool`, Detectron2 `p6`). What differs are names and how they upsample:

- torchvision: `backbone.body.`, `backbone.fpn.inner_blocks.{0-3}.0` and `.layer_blocks.{0-3}.0`, counted from the
  finest level; upsampled to the size of the finer map. Before the convolutions were wrapped, names had no `.0`.
- Detectron2: `backbone.bottom_up.`, `backbone.fpn_lateral{2-5}` and `backbone.fpn_output{2-5}`; upsampled by two.

`forward` gives {"C1": [1, channels, height, width], ... "P6"}.
"""

CHANNELS = 256
MAPS = ("C2", "C3", "C4", "C5")


def torchvision_detector(body, widths):
    """`widths` are the channels of C2 to C5."""
    from torch import nn
    from torch.nn.functional import interpolate, max_pool2d

    class FeaturePyramid(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner_blocks = nn.ModuleList(nn.Sequential(nn.Conv2d(width, CHANNELS, 1)) for width in widths)
            self.layer_blocks = nn.ModuleList(
                nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)) for _ in widths
            )

        def forward(self, maps):
            sums = [inner(x) for inner, x in zip(self.inner_blocks, maps, strict=True)]
            for i in reversed(range(len(sums) - 1)):
                sums[i] = sums[i] + interpolate(sums[i + 1], size=sums[i].shape[2:], mode="nearest")
            outputs = [layer(x) for layer, x in zip(self.layer_blocks, sums, strict=True)]
            return [*outputs, max_pool2d(outputs[-1], 1, stride=2)]

    class BackboneWithFpn(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = body
            self.fpn = FeaturePyramid()

        def forward(self, x):
            maps = self.body(x)
            outputs = self.fpn([maps[name] for name in MAPS])
            return maps | {f"P{level}": output for level, output in enumerate(outputs, 2)}

    return detector(BackboneWithFpn())


def detectron2_detector(bottom_up, widths):
    """`widths` are the channels of C2 to C5."""
    from torch import nn
    from torch.nn.functional import interpolate, max_pool2d

    class Fpn(nn.Module):
        def __init__(self):
            super().__init__()
            for level, width in enumerate(widths, 2):
                self.add_module(f"fpn_lateral{level}", nn.Conv2d(width, CHANNELS, 1))
                self.add_module(f"fpn_output{level}", nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1))
            self.bottom_up = bottom_up

        def forward(self, x):
            maps = self.bottom_up(x)
            above, outputs = None, {}
            for level in (5, 4, 3, 2):
                y = self.get_submodule(f"fpn_lateral{level}")(maps[f"C{level}"])
                above = y if above is None else y + interpolate(above, scale_factor=2.0, mode="nearest")
                outputs[f"P{level}"] = self.get_submodule(f"fpn_output{level}")(above)
            return maps | outputs | {"P6": max_pool2d(outputs["P5"], kernel_size=1, stride=2, padding=0)}

    return detector(Fpn())


def detector(backbone):
    """What is left of a detector here: its backbone, under its name."""
    from torch import nn

    class Detector(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = backbone

        def forward(self, x):
            return self.backbone(x)

    return Detector()
