"""DeepACEv2 as two stages: `dense` (backbone, FPN, RPN; section II-A, II-B) and `heads` (RoIAlign, detection branch,
Template Module; section II-C). The input is gray u8 [N, 1, H, W], H and W multiples of 32; normalisation is inside.
"""
from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from anchors import STRIDE, anchor_sizes
from configuration import TYPES, Configuration
from roi_align import roi_align

# Mean and deviation of gray after the contrast stretch of preprocess, measured on the training part.
GRAY_MEAN = 190.0
GRAY_DEVIATION = 60.0
NUM_ANCHORS = len(anchor_sizes())


def normalise(image: torch.Tensor) -> torch.Tensor:
    return (image.float() - GRAY_MEAN) * (1.0 / GRAY_DEVIATION)


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs))


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int):
        super().__init__()
        self.first = convolution(inputs, width, 3, stride)
        self.second = convolution(width, width, 3)
        same = stride == 1 and inputs == width
        self.shortcut = nn.Identity() if same else convolution(inputs, width, 1, stride)
        nn.init.zeros_(self.second[1].weight)

    def forward(self, x):
        return F.relu(self.second(F.relu(self.first(x))) + self.shortcut(x))


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int):
        super().__init__()
        outputs = width * 4
        self.first = convolution(inputs, width, 1)
        self.second = convolution(width, width, 3, stride)
        self.third = convolution(width, outputs, 1)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else convolution(inputs, outputs, 1, stride)
        nn.init.zeros_(self.third[1].weight)

    def forward(self, x):
        return F.relu(self.third(F.relu(self.second(F.relu(self.first(x))))) + self.shortcut(x))


class ResNet(nn.Module):
    """C3, C4, C5 of a ResNet for one gray channel; `widths` are the channels of C2 to C5 before expansion."""

    def __init__(self, block, layers, widths):
        super().__init__()
        stem = min(64, widths[0])
        self.stem = convolution(1, stem, 7, 2)
        stages, inputs = [], stem
        for index, (depth, width) in enumerate(zip(layers, widths)):
            blocks = []
            for position in range(depth):
                blocks.append(block(inputs, width, 2 if index and not position else 1))
                inputs = width * block.expansion
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.outputs = tuple(width * block.expansion for width in widths[1:])

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.stem(x)), 3, 2, 1)
        levels = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        return levels[1:]


class VGG16(nn.Module):
    """conv3_3, conv4_3, conv5_3 of VGG16 with batch normalisation, at strides 8, 16 and 32."""

    outputs = (256, 512, 512)

    def __init__(self):
        super().__init__()
        stages, inputs = [], 1
        for widths in ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)):
            layers = []
            for outputs in widths:
                layers += [*convolution(inputs, outputs, 3), nn.ReLU()]
                inputs = outputs
            stages.append(nn.Sequential(*layers))
        self.stages = nn.ModuleList(stages)

    def forward(self, x):
        levels = []
        for stage in self.stages:
            x = F.max_pool2d(stage(x), 2)
            levels.append(x)
        return levels[2:]


def make_backbone(name: str) -> nn.Module:
    if name == "vgg16":
        return VGG16()
    full = (64, 128, 256, 512)
    block, layers, widths = {
        "resnet18-half": (BasicBlock, (2, 2, 2, 2), (32, 64, 128, 256)),
        # Deeper where a chromosome is 8 or 4 places long: a quarter more multiplications.
        "resnet24-half": (BasicBlock, (2, 3, 4, 2), (32, 64, 128, 256)),
        # All of ResNet-18's width but in C5, which would hold three quarters of its weights.
        "resnet18-slim": (BasicBlock, (2, 2, 2, 2), (64, 128, 256, 256)),
        "resnet18": (BasicBlock, (2, 2, 2, 2), full),
        "resnet50": (Bottleneck, (3, 4, 6, 3), full),
        "resnet101": (Bottleneck, (3, 4, 23, 3), full),
    }[name]
    return ResNet(block, layers, widths)


class FeaturePyramid(nn.Module):
    """FPN whose only output is P3 (section II-A)."""

    def __init__(self, inputs, channels: int):
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(i, channels, 1) for i in inputs)
        self.output = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, levels):
        top = self.lateral[2](levels[2])
        top = self.lateral[1](levels[1]) + F.interpolate(top, scale_factor=2.0, mode="nearest")
        top = self.lateral[0](levels[0]) + F.interpolate(top, scale_factor=2.0, mode="nearest")
        return self.output(top)


def template_masks() -> torch.Tensor:
    """[5, 7, 7]: T_D, T_TD, T_H, T_V, T_C of Eq. 1."""
    x = (torch.arange(7.0) - 3).view(7, 1)  # x_row
    y = (torch.arange(7.0) - 3).view(1, 7)  # y_col
    exponents = ((x - y) ** 2, (x + y) ** 2, (y ** 2).expand(7, 7), (x ** 2).expand(7, 7), (x ** 2 + y ** 2 - 5).abs())
    return torch.stack([torch.exp(-e / 3) for e in exponents])


class TemplateModule(nn.Module):
    """One embedding for each RoI (section II-C, Fig. 4): 1x1 convolution, five masks, one FC layer of 245 inputs."""

    def __init__(self, channels: int):
        super().__init__()
        self.fuse = nn.Conv2d(channels, 1, 1)
        self.embed = nn.Linear(5 * 49, 1)
        self.register_buffer("masks", template_masks(), persistent=False)
        for layer in (self.fuse, self.embed):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, pooled):
        fused = F.relu(self.fuse(pooled))  # [R, 1, 7, 7]
        return self.embed((fused * self.masks).flatten(1)).squeeze(1)


class DeepACE(nn.Module):
    def __init__(self, config: Configuration):
        super().__init__()
        self.config = config
        self.backbone = make_backbone(config.backbone)
        self.pyramid = FeaturePyramid(self.backbone.outputs, config.channels)
        self.rpn = nn.Conv2d(config.channels, config.rpn_channels, 3, padding=1)
        self.rpn_objectness = nn.Conv2d(config.rpn_channels, NUM_ANCHORS, 1)
        self.rpn_deltas = nn.Conv2d(config.rpn_channels, NUM_ANCHORS * 4, 1)
        self.fc1 = nn.Linear(config.channels * 49, config.fc)
        self.fc2 = nn.Linear(config.fc, config.fc)
        self.score = nn.Linear(config.fc, 1)
        self.deltas = nn.Linear(config.fc, 4)
        self.type_logits = nn.Linear(config.fc, len(TYPES))
        self.template = TemplateModule(config.channels)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is None:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        for layer in (self.rpn, self.rpn_objectness, self.rpn_deltas, self.score, self.type_logits):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)
        # Prior of Lin et al. (RetinaNet 4.1): most anchors are background, and the first steps must not explode.
        nn.init.constant_(self.rpn_objectness.bias, -3.0)
        nn.init.normal_(self.deltas.weight, std=0.001)
        nn.init.zeros_(self.deltas.bias)

    def dense(self, image: torch.Tensor):
        """u8 [N, 1, H, W] -> P3 [N, C, H/8, W/8], logits [N, 36, H/8, W/8], deltas [N, 144, H/8, W/8]."""
        x = normalise(image)
        features = self.pyramid(self.backbone(x))
        hidden = F.relu(self.rpn(features))
        return features, self.rpn_objectness(hidden), self.rpn_deltas(hidden)

    def pool(self, features: torch.Tensor, rois: torch.Tensor, image_index: torch.Tensor) -> torch.Tensor:
        return roi_align(features, rois, image_index, 1.0 / STRIDE)

    def classify(self, pooled: torch.Tensor):
        """[R, C, 7, 7] -> score logits [R], deltas [R, 4], embeddings [R], type logits [R, 24], and what all but the
        embedding were read from [R, fc]."""
        hidden = F.relu(self.fc2(F.relu(self.fc1(pooled.flatten(1)))))
        return self.score(hidden).squeeze(1), self.deltas(hidden), self.template(pooled), self.type_logits(hidden), hidden

    def heads(self, features: torch.Tensor, rois: torch.Tensor):
        """One image: features [1, C, h, w], rois [R, 4] network px."""
        return self.classify(self.pool(features, rois, torch.zeros(len(rois), dtype=torch.long, device=rois.device)))
