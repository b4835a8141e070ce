"""Training on a folder drawn by us: it learns something, resumes exactly, and refuses what cannot be resumed."""
import dataclasses
import inspect
import json

import numpy as np
import pytest
import torch
from PIL import Image

import train as training
from augment import training_sample
from checkpoint import CheckpointError, deepen_backbone, narrow_rpn, read_checkpoint, steps_of, widen_backbone
from configuration import Configuration
from dataset import DataError, MetaphaseSet
from golden import STRIPS, draw_picture
from network import DeepACE
from tiny_run import CONFIG


def weights(run):
    return read_checkpoint(run / "last.pt")


def test_a_resumed_run_equals_an_uninterrupted_one(drawn, tmp_path):
    training.train(drawn, tmp_path / "whole", CONFIG, "cpu")
    training.train(drawn, tmp_path / "parts", CONFIG, "cpu", stop_at=3)
    assert weights(tmp_path / "parts")["step"] == 3
    training.train(drawn, tmp_path / "parts", CONFIG, "cpu")
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert whole["step"] == parts["step"] == 6
    for kind in ("model", "ema"):
        for name, value in whole[kind].items():
            torch.testing.assert_close(parts[kind][name], value, rtol=0, atol=0, msg=f"{kind} {name}")
    assert any(not torch.equal(whole["model"][n], whole["ema"][n]) for n in whole["ema"])


@pytest.mark.parametrize("workers", (1, 2))
def test_what_draws_the_samples_is_closed_at_the_end(drawn, tmp_path, monkeypatch, workers):
    feeds, batches = [], training.batches
    monkeypatch.setattr(training, "batches", lambda *given: feeds.append(batches(*given)) or feeds[0])
    training.train(drawn, tmp_path / "run", CONFIG, "cpu", stop_at=2, workers=workers)
    assert [inspect.getgeneratorstate(feed) for feed in feeds] == [inspect.GEN_CLOSED]


def test_samples_drawn_by_processes_are_those_of_a_thread(drawn, tmp_path):
    training.train(drawn, tmp_path / "thread", CONFIG, "cpu", stop_at=3)
    training.train(drawn, tmp_path / "processes", CONFIG, "cpu", stop_at=3, workers=2)
    thread, processes = weights(tmp_path / "thread"), weights(tmp_path / "processes")
    for name, value in thread["model"].items():
        torch.testing.assert_close(processes["model"][name], value, rtol=0, atol=0, msg=name)
    with pytest.raises(ValueError, match="workers: expected at least 1, got 0"):
        training.train(drawn, tmp_path / "none", CONFIG, "cpu", workers=0)


def test_images_that_are_counted_wrongly_are_shown_more_often(drawn, tmp_path):
    metaphases = MetaphaseSet(drawn, "train", tmp_path / "cache")
    hard = tmp_path / "hard.json"
    for errors, times in ((1, 2), (9, 1 + training.MOST_REPEATS)):
        hard.write_text(json.dumps({"2.png": errors}))
        shown = training.shown_images(metaphases, hard)
        assert shown == [0] + [1] * times
        epochs = 3
        config = dataclasses.replace(CONFIG, batch=len(shown))
        order = [training.order_of_images(step, shown, config) for step in range(epochs)]
        assert all(sorted(images) == shown for images in order)
    assert training.shown_images(metaphases, None) == [0, 1]


@pytest.mark.parametrize(
    "content, message",
    (
        (None, "expected the JSON of hard_images.py, got .*No such file"),
        ("[", "expected the JSON of hard_images.py, got Expecting value"),
        ("[1]", "expected the errors of each image"),
        ('{"2.png": "many"}', "expected the errors of each image"),
        ('{"2.png": -1}', "expected the errors of each image"),
        ('{"3.png": 1}', "expected names of training images, got 3.png"),
    ),
)
def test_errors_of_images_that_cannot_be_used_are_refused_by_their_file(drawn, tmp_path, content, message):
    hard = tmp_path / "hard.json"
    if content is not None:
        hard.write_text(content)
    with pytest.raises(DataError, match=f"hard.json: {message}"):
        training.train(drawn, tmp_path / "run", CONFIG, "cpu", stop_at=1, hard=hard)


def test_a_run_is_not_resumed_with_other_images_shown_more_often(drawn, tmp_path):
    hard = tmp_path / "hard.json"
    hard.write_text('{"1.png": 1}')
    training.train(drawn, tmp_path / "run", CONFIG, "cpu", stop_at=1, hard=hard)
    with pytest.raises(CheckpointError, match="another configuration .samples: 3 an epoch, .* -> 2 an epoch"):
        training.train(drawn, tmp_path / "run", CONFIG, "cpu", stop_at=2)
    hard.write_text('{"2.png": 1}')
    with pytest.raises(CheckpointError, match="another configuration .samples: 3 an epoch, .* -> 3 an epoch"):
        training.train(drawn, tmp_path / "run", CONFIG, "cpu", stop_at=2, hard=hard)
    hard.write_text('{"1.png": 1}')
    training.train(drawn, tmp_path / "run", CONFIG, "cpu", stop_at=2, hard=hard)
    assert weights(tmp_path / "run")["step"] == 2


def test_a_run_that_begins_from_another_adds_to_its_steps(drawn, tmp_path):
    training.train(drawn, tmp_path / "first", CONFIG, "cpu", stop_at=2)
    training.train(drawn, tmp_path / "second", CONFIG, "cpu", stop_at=1, initial=tmp_path / "first" / "last.pt")
    training.train(drawn, tmp_path / "second", CONFIG, "cpu", stop_at=3)
    assert weights(tmp_path / "second")["step"] == 3
    assert steps_of(weights(tmp_path / "second")) == 5


def test_an_rpn_is_cut_to_the_channels_that_weigh_most(drawn, tmp_path):
    torch.manual_seed(1)
    wide, narrow = DeepACE(CONFIG).eval(), DeepACE(dataclasses.replace(CONFIG, rpn_channels=5)).eval()
    silent = torch.arange(16) % 3 != 0  # ten say next to nothing, six much
    for layer in (wide.rpn_objectness, wide.rpn_deltas):
        torch.nn.init.normal_(layer.weight)
        layer.weight.data[:, silent] *= 1e-9
    least = int(wide.rpn.weight.data[::3].flatten(1).norm(dim=1).argmin()) * 3
    wide.rpn.weight.data[least] *= 1e-9
    narrow.load_state_dict(narrow_rpn(wide.state_dict(), 5))
    picture = torch.from_numpy(draw_picture())[None, None]
    with torch.no_grad():
        for got, wanted in zip(narrow.dense(picture), wide.dense(picture)):
            torch.testing.assert_close(got, wanted, rtol=0, atol=1e-5)
    state = wide.state_dict()
    assert narrow_rpn(state, 16) is state
    training.train(drawn, tmp_path / "first", CONFIG, "cpu", stop_at=1)
    training.train(drawn, tmp_path / "cut", dataclasses.replace(CONFIG, rpn_channels=5), "cpu", stop_at=1, initial=tmp_path / "first" / "last.pt")
    assert weights(tmp_path / "cut")["model"]["rpn.bias"].shape == (5,)


def as_trained(network):
    """Norms as training leaves them; a fresh block's last scale is 0."""
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            for values in (layer.weight.data, layer.running_var):
                torch.nn.init.uniform_(values, 0.5, 1.5)
    return network


def assert_same_dense(one, other):
    picture = torch.from_numpy(draw_picture())[None, None]
    with torch.no_grad():
        for got, wanted in zip(one.eval().dense(picture), other.eval().dense(picture)):
            torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4)


def test_a_widened_backbone_says_the_same_and_its_copies_part_in_training(drawn, tmp_path):
    torch.manual_seed(1)
    wider = dataclasses.replace(CONFIG, backbone="resnet18-slim")
    narrow, wide = as_trained(DeepACE(CONFIG)), DeepACE(wider)
    state = narrow.state_dict()
    wide.load_state_dict(widen_backbone(state, wide, torch.Generator().manual_seed(2)))
    assert_same_dense(wide, narrow)
    for fits, other in ((state, narrow), (wide.state_dict(), narrow)):  # never cut
        same = widen_backbone(fits, other, torch.Generator())
        assert all(torch.equal(same[name], value) for name, value in fits.items())

    training.train(drawn, tmp_path / "narrow", CONFIG, "cpu", stop_at=1)
    training.train(drawn, tmp_path / "wide", wider, "cpu", stop_at=2, initial=tmp_path / "narrow" / "last.pt")
    stem = weights(tmp_path / "wide")["model"]["backbone.stem.0.weight"]
    assert stem.shape[0] == 64 and not torch.equal(stem[:32], stem[32:])


def test_a_deepened_backbone_says_the_same_and_its_new_blocks_learn(drawn, tmp_path):
    torch.manual_seed(3)
    deeper = dataclasses.replace(CONFIG, backbone="resnet24-half")
    shallow, deep = as_trained(DeepACE(CONFIG)), DeepACE(deeper)
    deep.load_state_dict(deepen_backbone(shallow.state_dict(), deep))
    assert_same_dense(deep, shallow)
    for other in (deep, DeepACE(dataclasses.replace(CONFIG, backbone="vgg16"))):  # that is whole, and that has no such blocks
        same = deepen_backbone(other.state_dict(), DeepACE(deeper))
        assert same.keys() == other.state_dict().keys()

    training.train(drawn, tmp_path / "shallow", CONFIG, "cpu", stop_at=1)
    training.train(drawn, tmp_path / "deep", deeper, "cpu", stop_at=2, initial=tmp_path / "shallow" / "last.pt")
    scale = weights(tmp_path / "deep")["model"]["backbone.stages.2.3.second.1.weight"]
    assert scale.abs().max() > 0


def test_checkpoint_of_another_configuration_is_refused(drawn, tmp_path):
    training.train(drawn, tmp_path / "run", CONFIG, "cpu", stop_at=1)
    other = Configuration(**{**CONFIG.to_dict(), "hnas": "off"})
    with pytest.raises(ValueError, match="another configuration.*hnas: v2 -> off"):
        training.train(drawn, tmp_path / "run", other, "cpu")


def test_weights_of_another_network_are_refused_by_their_file_and_what_does_not_fit(drawn, tmp_path, tiny_scout):
    wider = dataclasses.replace(CONFIG, fc=24)
    saved = {"wider": DeepACE(wider), "scout": tiny_scout}
    for name, network in saved.items():
        training.save(tmp_path / f"{name}.pt", config=wider.to_dict(), model=network.state_dict(), step=3)
    with pytest.raises(CheckpointError, match=r"wider.pt: expected weights of this DeepACE, got fc1.weight \[24, 784\] for \[16, 784\]; .* more"):
        training.train(drawn, tmp_path / "run", CONFIG, "cpu", initial=tmp_path / "wider.pt")
    with pytest.raises(CheckpointError, match=r"scout.pt: expected weights of this DeepACE, got no backbone.stem"):
        training.train(drawn, tmp_path / "run", CONFIG, "cpu", initial=tmp_path / "scout.pt")
    assert not (tmp_path / "run" / "last.pt").exists()


def test_a_run_is_not_resumed_from_what_another_program_left(drawn, tmp_path, tiny_scout):
    (tmp_path / "run").mkdir()
    last = tmp_path / "run" / "last.pt"
    training.save(last, config={"detector": "abc"}, model=tiny_scout.state_dict(), step=3)
    with pytest.raises(CheckpointError, match="last.pt: expected a checkpoint of train.py, got configuration: unknown detector"):
        training.train(drawn, tmp_path / "run", CONFIG, "cpu")
    training.save(last, config=CONFIG.to_dict(), model=tiny_scout.state_dict(), step=3)
    with pytest.raises(CheckpointError, match="last.pt: expected weights of this DeepACE"):
        training.train(drawn, tmp_path / "run", CONFIG, "cpu")


def test_gradient_that_is_not_finite_is_named_and_never_saved(drawn, tmp_path, monkeypatch):
    """The root of zero: a loss of 0 whose gradient is infinity times zero."""

    def steep(model, *_):
        return {"score": (model.score.weight.sum() * 0).sqrt()}

    with monkeypatch.context() as patch:
        patch.setattr(training, "batch_losses", steep)
        with pytest.raises(FloatingPointError, match=r"step 0: gradient is not finite \(score -?0\); no checkpoint was saved yet"):
            training.train(drawn, tmp_path / "run", CONFIG, "cpu", stop_at=1)
    training.train(drawn, tmp_path / "run", CONFIG, "cpu", stop_at=1)
    monkeypatch.setattr(training, "batch_losses", steep)
    with pytest.raises(FloatingPointError, match="step 1: gradient is not finite .*the last good checkpoint is .*last.pt"):
        training.train(drawn, tmp_path / "run", CONFIG, "cpu", stop_at=2)
    assert weights(tmp_path / "run")["step"] == 1


def test_loss_that_is_not_finite_is_named(drawn, tmp_path):
    explosive = Configuration(**{**CONFIG.to_dict(), "learning_rate": 1e30, "warmup": 0})
    with pytest.raises(FloatingPointError, match="step .*loss is not finite"):
        training.train(drawn, tmp_path / "run", explosive, "cpu")


def test_settings_of_the_command_line():
    assert training.parse_settings(["hnas=off", "template_module=false", "canvas=256", "gamma=0.25"]) == {
        "hnas": "off",
        "template_module": False,
        "canvas": 256,
        "gamma": 0.25,
    }
    with pytest.raises(ValueError, match="colour"):
        training.parse_settings(["colour=red"])


def test_augmentation_of_strength_0_keeps_the_scale(drawn, tmp_path):
    metaphases = MetaphaseSet(drawn, "train", tmp_path / "cache")
    config = Configuration(canvas=544)

    def area(seed, strength):
        boxes = training_sample(metaphases, 0, config, np.random.default_rng(seed), strength).boxes
        return float(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sum())

    calm, full = ([area(seed, strength) for seed in range(12)] for strength in (0.0, 1.0))
    np.testing.assert_allclose(calm, calm[0], rtol=1e-3)
    assert max(full) > 1.3 * min(full)


def test_the_last_part_of_a_run_is_calm():
    config = Configuration(steps=100, calm_share=0.25)
    assert [training.augmentation_strength(step, config) for step in (0, 74, 75, 99)] == [1.0, 1.0, 0.5, 0.5]
