"""A network of PyTorch modules."""

import numpy as np

from networks.output import as_output
from networks.random_weights import RandomWeights, root_mean_square, sharpening

STATISTICS = ("running_mean", "running_var")
"""Of a batch norm; the rest of its tensors count as trainable, frozen or not."""


class TorchNetwork:
    def __init__(
        self,
        module,
        preprocess,
        branch_end,
        *,
        forward=None,
        backbone=None,
        pyramid=None,
        classifier=None,
        rename=str,
        frozen_norms=False,
        beside=None,
    ):
        """`forward(batch)` gives {"C1": [1, channels, height, width], ...}, "P2" to "P6" of a pyramid, and
        "probabilities" of a classifier; by default the module itself does. `backbone` and `pyramid` are the submodules
        whose parameters are counted; by default everything but the classifier is the backbone.

        `preprocess` turns uint8 RGB [side, side, 3] into float32 [3, side, side]. `branch_end` is how the name of
        every residual branch's last norm ends. `rename` gives a tensor's published name for the module's own. Frozen
        batch norms do not count batches: no `num_batches_tracked`. `beside` is {name: shape} of some of a detector's
        other tensors, which are in its file as well.
        """
        self._module = module.eval()
        self._preprocess = preprocess
        self._branch_end = branch_end
        self._forward = forward or module
        self._backbone = backbone or module
        self._pyramid = pyramid
        self._classifier = classifier
        self._rename = rename
        self._frozen_norms = frozen_norms
        self._beside = beside or {}

    @property
    def module(self):
        """The network itself."""
        return self._module

    def _batch(self, pixels):
        import torch

        return torch.as_tensor(np.ascontiguousarray(self._preprocess(pixels)))[None]

    def randomise(self, pixels, seed):
        import torch
        from torch import nn

        random = RandomWeights(seed)
        batch = self._batch(pixels)
        norms = [module for module in self._module.modules() if is_norm(module)]
        with torch.no_grad():
            for name, module in self._module.named_modules():
                if isinstance(module, nn.Conv2d):
                    outputs, inputs, *size = module.weight.shape
                    scale = root_mean_square(batch.numpy()) if inputs == 3 else 1.0
                    normed = module.bias is None
                    kernel, bias = random.convolution((*size, inputs, outputs), normed, input_scale=scale)
                    assign([kernel.transpose(3, 2, 0, 1)], module.weight)
                    assign([] if normed else [bias], *([] if normed else [module.bias]))
                elif is_norm(module):
                    affine = random.affine(module.weight.shape, name.endswith(self._branch_end))
                    assign(affine, module.weight, module.bias)
                elif isinstance(module, nn.GroupNorm):
                    assign(random.affine(module.weight.shape, name.endswith(self._branch_end)), module.weight, module.bias)
            if self._classifier is not None:
                kernel, bias = random.dense(self._classifier.weight.shape[::-1])
                assign((kernel.T, bias), self._classifier.weight, self._classifier.bias)
            measure_statistics(norms, self._forward, batch)
            for norm in norms:
                parameters = norm.weight, norm.bias, norm.running_mean, norm.running_var
                assign(random.moved(*(values.numpy() for values in parameters)), *parameters)
            if self._classifier is not None:
                factor = float(sharpening(self.run(pixels).probabilities))
                self._classifier.weight *= factor
                self._classifier.bias *= factor

    def run(self, pixels, top=True):
        import torch

        with torch.no_grad():
            output = as_output(self._forward(self._batch(pixels)), channels_first=True)
        return output if top else output._replace(probabilities=None)

    def run_in_double(self, pixels):
        """The levels of the same network in float64, from the same float32 parameters and input."""
        import torch

        self._module.double()
        try:
            with torch.no_grad():
                return as_output(self._forward(self._batch(pixels).double()), channels_first=True).levels
        finally:
            self._module.float()

    def state(self):
        """{published name: tensor}."""
        import torch

        left_out = "num_batches_tracked" if self._frozen_norms else None
        state = {name: tensor for name, tensor in self._module.state_dict().items() if name.split(".")[-1] != left_out}
        beside = {name: torch.full(shape, 0.5) for name, shape in self._beside.items()}
        return {self._rename(name): tensor for name, tensor in state.items()} | beside

    def parameter_counts(self):
        top = 0 if self._classifier is None else count(self._classifier.parameters())
        state = self._backbone.state_dict().items()
        fixed = count(tensor for name, tensor in state if name.endswith(STATISTICS))
        total = count(tensor for _, tensor in state if tensor.is_floating_point()) - top
        return {"total": total, "trainable": total - fixed, "nonTrainable": fixed}

    def pyramid_parameters(self):
        return count(tensor for tensor in self._pyramid.state_dict().values() if tensor.is_floating_point())


def is_norm(module):
    """Whether it is a batch norm, frozen or not."""
    return hasattr(module, "running_var")


def count(tensors):
    return sum(tensor.numel() for tensor in tensors)


def assign(values, *tensors):
    import torch

    for tensor, value in zip(tensors, values, strict=True):
        tensor.copy_(torch.from_numpy(np.ascontiguousarray(value)))


def measure_statistics(norms, forward, batch):
    """Runs once, every norm's stored statistics becoming those of what reaches it; its epsilon may be 0."""

    def measure(norm, inputs):
        norm.running_mean.copy_(inputs[0].mean((0, 2, 3)))
        norm.running_var.copy_(inputs[0].var((0, 2, 3)))

    hooks = [norm.register_forward_pre_hook(measure) for norm in norms]
    forward(batch)
    for hook in hooks:
        hook.remove()
