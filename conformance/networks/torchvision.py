"""torchvision's own ResNet-18 to -152, and the backbones of its detectors.

`build` takes a classification model. `build_detector` takes a whole Mask R-CNN: the published weights of
`maskrcnn_resnet50_fpn` have frozen norms, whose epsilon torchvision sets to 0 when it loads them.
"""

from networks.torch_network import TorchNetwork
from torchvision_import import load_torchvision

ARCHITECTURES = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
BASIC = ("resnet18", "resnet34")
LEVELS = {"maxpool": "C1", "layer1": "C2", "layer2": "C3", "layer3": "C4", "layer4": "C5"}
"""{module of a ResNet: the level that it outputs}"""

OUTPUTS = {"0": "P2", "1": "P3", "2": "P4", "3": "P5", "pool": "P6"}
"""{key in the output of a backbone with a feature pyramid: level}"""

COCO_CLASSES = 91


def build(architecture, classes=1000):
    import torch

    model = load_torchvision().models.get_model(architecture, weights=None, num_classes=classes)

    def top(batch):
        return {"probabilities": torch.softmax(model(batch), 1)}

    forward = with_levels(model, top)
    return TorchNetwork(model, preprocess, branch_end(architecture), forward=forward, classifier=model.fc)


def build_detector(architecture, frozen_norms=False):
    """Frozen norms come with epsilon 0, as `maskrcnn_resnet50_fpn` has them with its published weights."""
    from torch import nn

    detection = load_torchvision().models.detection
    norms = {} if frozen_norms else {"norm_layer": nn.BatchNorm2d}
    backbone = detection.backbone_utils.resnet_fpn_backbone(backbone_name=architecture, weights=None, **norms)
    model = detection.MaskRCNN(backbone, COCO_CLASSES)
    detection._utils.overwrite_eps(model, 0.0)
    return detector_network(model, architecture)


def build_detector_v2(_architecture):
    """`maskrcnn_resnet50_fpn_v2`: batch norms in backbone and pyramid, none of them frozen."""
    model = load_torchvision().models.detection.maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None)
    return detector_network(model, "resnet50")


def detector_network(model, architecture):
    """The levels of a detector's backbone and pyramid."""
    backbone = model.backbone

    def pyramid(batch):
        return {OUTPUTS[name]: level for name, level in backbone(batch).items()}

    options = dict(forward=with_levels(backbone.body, pyramid), backbone=backbone.body, pyramid=backbone.fpn)
    return TorchNetwork(model, preprocess, branch_end(architecture), **options)


def with_levels(resnet, run):
    """A function that returns what `run` does, and the ResNet's levels on the way."""
    levels = {}

    def keep(level):
        def hook(_module, _inputs, output):
            levels[level] = output

        return hook

    for name, level in LEVELS.items():
        resnet.get_submodule(name).register_forward_hook(keep(level))

    def forward(batch):
        outputs = run(batch)
        return levels | outputs

    return forward


def branch_end(architecture):
    return ".bn2" if architecture in BASIC else ".bn3"


def preprocess(pixels):
    """With torchvision's own functions, mean and deviation, without its resizing."""
    torchvision = load_torchvision()
    preset = torchvision.models.ResNet50_Weights.IMAGENET1K_V1.transforms()
    functional = torchvision.transforms.functional
    return functional.normalize(functional.to_tensor(pixels.copy()), preset.mean, preset.std)
