import sys
from pathlib import Path

import pytest
import torch

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
