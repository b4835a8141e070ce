"""The mean of several runs' weights, and batch statistics that belong to it."""
import dataclasses

import pytest
import torch

import train as training
from average import SEED, average, mean_of, measure_statistics
from checkpoint import CheckpointError, best_state, read_checkpoint, steps_of
from dataset import MetaphaseSet
from export import load_network
from network import DeepACE, normalise
from tiny_run import CONFIG


def test_mean_of_weights():
    one = {"w": torch.tensor([1.0, 5.0]), "seen": torch.tensor(3)}
    other = {"w": torch.tensor([2.0, -1.0]), "seen": torch.tensor(8)}
    mean = mean_of([one, other])
    assert mean["w"].tolist() == [1.5, 2.0] and mean["seen"].item() == 8
    assert one["w"].tolist() == [1.0, 5.0]


def test_statistics_are_those_of_the_batches(drawn, tmp_path):
    torch.manual_seed(1)
    model, metaphases = DeepACE(CONFIG), MetaphaseSet(drawn, "train", tmp_path)
    norm = model.backbone.stem[1]
    norm.running_mean.fill_(1e3)
    measure_statistics(model, metaphases, batches=2)
    config = dataclasses.replace(CONFIG, seed=SEED, calm_share=1.0)
    with torch.no_grad():
        images = [training.batch_of(training.make_samples(step, metaphases, [0, 1], config))[0] for step in range(2)]
        seen = [model.backbone.stem[0](normalise(batch)).transpose(0, 1).flatten(1) for batch in images]
    torch.testing.assert_close(norm.running_mean, sum(v.mean(dim=1) for v in seen) / 2, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(norm.running_var, sum(v.var(dim=1) for v in seen) / 2, rtol=1e-3, atol=1e-4)
    assert norm.momentum == 0.1


def test_a_checkpoint_of_two_runs(drawn, tmp_path):
    training.train(drawn, tmp_path / "a", CONFIG, "cpu", stop_at=2)
    training.train(drawn, tmp_path / "b", dataclasses.replace(CONFIG, seed=8), "cpu", stop_at=3, initial=tmp_path / "a" / "last.pt")
    paths = [tmp_path / name / "last.pt" for name in "ab"]
    out = tmp_path / "mean" / "last.pt"
    average(drawn, paths, out, batches=1)
    made = read_checkpoint(out)
    assert steps_of(made) == 5
    states = [best_state(read_checkpoint(path)) for path in paths]
    torch.testing.assert_close(made["model"]["fc1.weight"], (states[0]["fc1.weight"] + states[1]["fc1.weight"]) / 2)
    load_network(out)  # as export.py reads it


def test_another_network_is_refused_by_its_file(drawn, tmp_path):
    for name, config in (("a", CONFIG), ("wider", dataclasses.replace(CONFIG, fc=24))):
        training.save(tmp_path / f"{name}.pt", config=config.to_dict(), model=DeepACE(config).state_dict(), step=3)
    with pytest.raises(CheckpointError, match=r"wider.pt: expected weights of this DeepACE, got fc1.weight"):
        average(drawn, [tmp_path / "wider.pt", tmp_path / "a.pt"], tmp_path / "mean" / "last.pt", batches=1)
    assert not (tmp_path / "mean").exists()
