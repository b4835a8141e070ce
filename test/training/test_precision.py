"""bf16 only where this processor and this torch have it: a convolution tells what it was computed in."""
import pytest
import torch

import precision
from precision import fastest_autocast, has_fast_bf16


@pytest.mark.parametrize("supported, computed", [(True, torch.bfloat16), (False, torch.float32)])
def test_a_convolution_is_computed_in_what_pays(supported, computed, monkeypatch):
    monkeypatch.setattr(precision, "has_fast_bf16", lambda: supported)
    with fastest_autocast():
        assert torch.nn.Conv2d(1, 1, 1)(torch.zeros(1, 1, 2, 2)).dtype == computed


def test_a_torch_without_onednn_has_none(monkeypatch):
    monkeypatch.setattr(torch, "ops", object())
    assert has_fast_bf16() is False
