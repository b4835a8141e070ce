import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "model-assets" / "training"))

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def model_assets():
    return ROOT / "model-assets"


@pytest.fixture(scope="session")
def tiny_network():
    """Random weights, small, with batch-norm statistics that are not the identity: folding them must matter."""
    from configuration import Configuration
    from network import DeepACE

    torch.manual_seed(3)
    network = DeepACE(Configuration(channels=16, rpn_channels=16, fc=32)).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
            torch.nn.init.uniform_(module.weight, 0.5, 1.0)
    torch.nn.init.normal_(network.deltas.weight, std=0.05)
    return network


@pytest.fixture(scope="session")
def tiny_scout():
    from scout import Scout

    torch.manual_seed(4)
    return Scout().eval()


@pytest.fixture(scope="session")
def tiny_close_up():
    from close_up import CloseUp

    torch.manual_seed(6)
    network = CloseUp().eval()
    torch.nn.init.normal_(network.deltas.weight, std=0.05)
    return network


@pytest.fixture(scope="session")
def tiny_relation():
    """For the heads of `tiny_network`; unlike an untrained one it says something."""
    from relation import Relation

    torch.manual_seed(7)
    network = Relation(hidden=32).eval()
    torch.nn.init.normal_(network.said.weight, std=0.05)
    return network


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """Two images of the golden strips; boxes from the strips' geometry, generous by their bend."""
    from golden import STRIPS, draw_picture

    folder = tmp_path_factory.mktemp("drawn")
    images, annotations = [], []
    for number in (1, 2):
        name = f"{number}.png"
        Image.fromarray(draw_picture(seed=number)).save(folder / name)
        images.append({"id": number, "file_name": name, "width": 256, "height": 128})
        for x, y, length, thickness, angle, bend in STRIPS:
            half_x = abs(np.cos(np.radians(angle))) * length / 2 + thickness / 2 + abs(bend)
            half_y = abs(np.sin(np.radians(angle))) * length / 2 + thickness / 2 + abs(bend)
            bbox = [float(v) for v in (x - half_x, y - half_y, 2 * half_x, 2 * half_y)]
            annotations.append({"id": len(annotations), "image_id": number, "category_id": 1, "bbox": bbox})
    value = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "C7"}]}
    (folder / "train.json").write_text(json.dumps(value))
    return folder
