"""torchvision's ResNet-50 as a backbone: an image in, C2 to C5 in float16 out."""

from torch import nn
from torchvision_import import load_torchvision

LEVELS = ("C2", "C3", "C4", "C5")


class Backbone(nn.Module):
    """float32 [1, 3, height, width] → four float16 maps [1, channels, height / stride, width / stride]."""

    def __init__(self):
        super().__init__()
        self.resnet = load_torchvision().models.resnet50(weights=None)

    def forward(self, x):
        resnet = self.resnet
        x = resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(x))))
        levels = []
        for stage in (resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4):
            x = stage(x)
            levels.append(x.half())
        return levels
