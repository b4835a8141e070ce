"""The scout's training on two frames of noise: what it resumes, and what it refuses."""
import numpy as np
import pytest
import torch

import scout
from checkpoint import CheckpointError, read_checkpoint
from scout import scout_targets


def frames(step, batch, *_):
    generator = torch.Generator().manual_seed(step)
    images = torch.randint(0, 256, (batch, 64, 64), generator=generator, dtype=torch.uint8)
    label, size = scout_targets(np.array([[10, 10, 40, 30]], np.float32), 64)
    return images, torch.from_numpy(np.stack([label] * batch)), torch.from_numpy(np.stack([size] * batch))


@pytest.fixture()
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(scout, "MetaphaseSet", lambda *_: [])
    monkeypatch.setattr(scout, "make_batch", frames)

    def train(steps=1, batch=2):
        scout.train_scout(tmp_path, tmp_path / "run", steps, batch)
        return read_checkpoint(tmp_path / "run" / "last.pt")

    return train


def test_a_run_of_other_steps_rate_or_batch_is_not_resumed(run, monkeypatch):
    assert run()["step"] == run()["step"] == 1
    for changes, told in (({"steps": 2}, "steps: 1 -> 2"), ({"batch": 1}, "batch: 2 -> 1")):
        with pytest.raises(CheckpointError, match=f"last.pt: checkpoint of another configuration .{told}"):
            run(**changes)
    monkeypatch.setattr(scout, "LEARNING_RATE", 1e-3)
    with pytest.raises(CheckpointError, match="learning_rate: 0.002 -> 0.001"):
        run()


def test_a_checkpoint_of_another_network_is_refused(run, tmp_path, tiny_close_up):
    (tmp_path / "run").mkdir()
    torch.save({"config": {}, "model": tiny_close_up.state_dict(), "step": 0}, tmp_path / "run" / "last.pt")
    with pytest.raises(CheckpointError, match="last.pt: expected weights of this Scout, got no down"):
        run()


def test_what_is_not_finite_is_named_and_never_saved(run, tmp_path, monkeypatch):
    for what, value in (("loss", float("nan")), ("gradient", 0.0)):
        # The root of zero: a loss of 0 whose gradient is infinity times zero.
        monkeypatch.setattr(scout, "scout_loss", lambda output, *_: ((output.sum() * 0 + value).sqrt(), output.sum() * 0))
        with pytest.raises(FloatingPointError, match=f"step 0: {what} is not finite .score .*size .*no checkpoint was saved yet"):
            run()
    assert not (tmp_path / "run" / "last.pt").exists()
