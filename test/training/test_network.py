"""Every backbone that a configuration may name: its levels, and the shapes that anchors and heads rely on."""
import pytest
import torch

from configuration import BACKBONES, TYPES, Configuration
from network import DeepACE, normalise

# channels of the levels of stride 8, 16 and 32
CHANNELS = {
    "resnet18-half": (64, 128, 256),
    "resnet24-half": (64, 128, 256),
    "resnet18-slim": (128, 256, 256),
    "resnet18": (128, 256, 512),
    "resnet50": (512, 1024, 2048),
    "resnet101": (512, 1024, 2048),
    "vgg16": (256, 512, 512),
}


def test_all_backbones_are_tried():
    assert set(CHANNELS) == set(BACKBONES)


@pytest.mark.parametrize("name", BACKBONES)
def test_a_backbone_has_the_levels_that_the_pyramid_expects(name):
    torch.manual_seed(0)
    network = DeepACE(Configuration(backbone=name, channels=8, rpn_channels=4, fc=8)).eval()
    image = torch.randint(0, 256, (1, 1, 64, 96), dtype=torch.uint8)
    with torch.no_grad():
        levels = network.backbone(normalise(image))
        features, objectness, deltas = network.dense(image)
        scores, moves, embeddings, types, hidden = network.heads(features, torch.tensor([[8.0, 8, 40, 30], [20, 0, 60, 64]]))
    assert [tuple(level.shape) for level in levels] == [(1, c, 64 // s, 96 // s) for c, s in zip(CHANNELS[name], (8, 16, 32))]
    assert network.backbone.outputs == CHANNELS[name]
    assert features.shape == (1, 8, 8, 12) and objectness.shape == (1, 36, 8, 12) and deltas.shape == (1, 144, 8, 12)
    assert scores.shape == embeddings.shape == (2,) and moves.shape == (2, 4) and types.shape == (2, len(TYPES))
    assert hidden.shape == (2, 8)
    assert all(level.max() > 0 for level in levels)
    assert all(torch.isfinite(value).all() for value in (*levels, objectness, deltas, scores, moves, embeddings, types))
