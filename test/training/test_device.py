"""The network on another device than truths and samples, as on a GPU: nothing meets across, and the numbers are the same."""
import copy
import dataclasses

import numpy as np
import pytest
import torch

import tiny_run
import train as training
from checkpoint import read_checkpoint
from detect import torch_stages
from far_device import DEVICE, FarDevice, FarTensor
from golden import draw_picture

CONFIG = dataclasses.replace(tiny_run.CONFIG, balanced=True, truth_jitter=0.1, push_by_overlap=True)


def test_the_far_device_is_strict():
    with FarDevice():
        far = torch.ones(3).to(DEVICE) + torch.ones(3, device=DEVICE)
        assert isinstance(far, FarTensor) and far.cpu().tolist() == [2, 2, 2]
        with pytest.raises(RuntimeError, match="aten::add: tensors on two devices"):
            far + torch.ones(3)


def test_a_run_on_another_device_goes_on_where_one_on_the_cpu_stopped(drawn, tmp_path, monkeypatch):
    training.train(drawn, tmp_path / "cpu", CONFIG, "cpu", stop_at=3)
    training.train(drawn, tmp_path / "far", CONFIG, "cpu", stop_at=1)
    saved = {}
    monkeypatch.setattr(training, "save", lambda path, **content: saved.update(content))
    with FarDevice():
        training.train(drawn, tmp_path / "far", CONFIG, DEVICE, stop_at=3)
    wanted = read_checkpoint(tmp_path / "cpu" / "last.pt")
    assert saved["step"] == wanted["step"] == 3
    for kind in ("model", "ema"):
        for name, value in wanted[kind].items():
            assert isinstance(saved[kind][name], FarTensor)
            torch.testing.assert_close(saved[kind][name].near, value, rtol=0, atol=2e-3, msg=f"{kind} {name}")


def test_stages_on_another_device_say_the_same(tiny_network, tiny_scout, tiny_close_up):
    picture = draw_picture()[None, None]
    rois = np.float32([[8, 8, 60, 40], [30, 20, 90, 100]])
    crops, scores = np.full((2, 1, 80, 80), 90, np.uint8), np.float32([0.4, 0.8])

    def said(device):
        networks = [copy.deepcopy(network).to(device) for network in (tiny_network, tiny_scout, tiny_close_up)]
        stages = torch_stages(networks[0], networks[1], device, networks[2])
        features, *rest = stages.dense(picture)
        return [stages.scout(picture), features, *rest, *stages.heads(features, rois), *stages.close_up(crops, rois, scores)]

    wanted = said("cpu")
    with FarDevice():
        got = said(DEVICE)
    for one, other in zip(got, wanted):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
