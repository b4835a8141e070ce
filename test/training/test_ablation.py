import dataclasses
from types import SimpleNamespace
from pathlib import Path

import numpy as np
import pytest

import ablation
import train as training
from checkpoint import CheckpointError
from configuration import Configuration
from dataset import Metaphase
from network import DeepACE
from preview import draw_preview

OPTIONS = SimpleNamespace(data=Path("data"), runs=Path("runs"), steps=100, device="cpu", set=["canvas=256"])


def test_every_run_is_a_valid_configuration_and_they_differ():
    seen = set()
    for name in ablation.RUNS:
        command = ablation.train_command(name, OPTIONS)
        settings = training.parse_settings(command[command.index("--set") + 1:])
        config = dataclasses.replace(Configuration(), **settings)
        assert config.canvas == 256
        for key, value in ablation.RUNS[name].items():
            assert getattr(config, key) == value
        seen.add(config)
    assert len(seen) == len(ablation.RUNS)


def test_every_run_has_the_losses_and_the_sampling_of_the_paper_but_for_what_the_user_sets():
    paper = {"box_beta": 1, "box_weight": 1, "balanced": False, "regress_from": 0.5, "truth_jitter": 0, "push_by_overlap": False, "soft_scores": False}
    for name in ablation.RUNS:
        settings = training.parse_settings(ablation.settings_of(name, OPTIONS))
        assert {key: settings[key] for key in paper} == paper
    changed = training.parse_settings(ablation.settings_of("full", SimpleNamespace(set=["soft_scores=true", "box_beta=0.5"])))
    assert changed["soft_scores"] is True and changed["box_beta"] == 0.5 and changed["box_weight"] == 1


def saved(folder, **settings):
    config = Configuration(channels=16, rpn_channels=16, fc=16, **settings)
    folder.mkdir()
    training.save(folder / "last.pt", config=config.to_dict(), model=DeepACE(config).state_dict(), step=100)


def test_a_run_of_other_settings_is_not_taken_for_a_finished_one(tmp_path):
    options = SimpleNamespace(runs=tmp_path, steps=100, set=[])
    saved(tmp_path / "ablation-full", **ablation.PAPER, **ablation.RUNS["full"])
    assert ablation.finished("full", options)
    saved(tmp_path / "ablation-hnas", **{**ablation.PAPER, "box_weight": 0.4}, **ablation.RUNS["hnas"])
    with pytest.raises(CheckpointError, match="ablation-hnas.last.pt.*box_weight: 0.4 -> 1.0"):
        ablation.finished("hnas", options)


class Measured(Exception):
    """Carries the manifest that a cell was to be measured with."""


def stop_at_the_manifest(*arguments):
    raise Measured(next(a for a in arguments if isinstance(a, dict)))


@pytest.mark.parametrize("refined_rois, looks", [(0, 1), (64, 2)])
def test_a_network_is_measured_with_the_looks_that_it_was_trained_for(tmp_path, monkeypatch, refined_rois, looks):
    saved(tmp_path / "ablation-full", refined_rois=refined_rois)
    monkeypatch.setattr(ablation, "load_scout", lambda _: DeepACE(Configuration(channels=16, rpn_channels=16, fc=16)))
    monkeypatch.setattr(ablation, "run_images", stop_at_the_manifest)
    options = SimpleNamespace(runs=tmp_path, steps=100, limit=None, tuning=1, scout=None, device="cpu")
    with pytest.raises(Measured) as measured:
        ablation.measure_run("full", options, [], [])
    assert measured.value.args[0]["refinement"]["looks"] == looks


@pytest.mark.parametrize("refined_rois, looks", [(0, 1), (64, 2)])
def test_a_preview_looks_as_often_as_the_network_was_trained_for(tmp_path, monkeypatch, refined_rois, looks):
    network = DeepACE(Configuration(channels=16, rpn_channels=16, fc=16, refined_rois=refined_rois))
    item = Metaphase("a.png", 64, 64, np.array([[10, 10, 40, 30]], np.float32), np.array([3]))

    class Cells:
        items = [item]
        __len__ = lambda self: 1
        image = lambda self, index: np.full((64, 64), 200, np.uint8)

    monkeypatch.setattr("preview.detect_chromosomes", stop_at_the_manifest)
    with pytest.raises(Measured) as measured:
        draw_preview(network, network.state_dict(), Cells(), tmp_path / "preview.png", count=1)
    assert measured.value.args[0]["refinement"]["looks"] == looks


def test_a_wrong_setting_is_told_before_anything_is_trained(tmp_path, capsys):
    with pytest.raises(SystemExit):
        ablation.main(["--data", str(tmp_path), "--scout", str(tmp_path / "last.pt"), "--set", "colour=red"])
    assert "--set colour=red: expected one of" in capsys.readouterr().err


def test_tables_name_only_known_runs():
    assert set(ablation.TABLES) == {"II", "V", "VI", "VII", "VIII", "X"} == set(ablation.COLUMNS)
    assert {run for rows in ablation.TABLES.values() for _, run, _ in rows} == set(ablation.RUNS)
    assert ablation.methods_of("full") >= {"hard", "soft", "eg", "eg:printed"}


def row(errors):
    value = {name: 0.5 for name in (*ablation.OVERALL, "map75", "precision", "recall")}
    return {**value, "overlapped": {"f1": 0.25, "precision": 0.25, "recall": 0.25, "acc": 0.25}, "errorsPerImage": errors}


def test_tables_show_missing_runs_and_the_paired_test():
    random = np.random.RandomState(0)
    worse = random.poisson(4, 80)
    better = np.maximum(worse - random.randint(0, 3, 80), 0)
    measured = {"faster-rcnn": {"hard": row(worse.tolist()), "soft": row(worse.tolist())}, "full": {"eg": row(better.tolist())}}
    lines = ablation.format_tables(measured).splitlines()
    table = lines[lines.index("Table II"):]
    assert table[4] == "| Faster R-CNN | 50.00 | 50.00 | 50.00 | 50.00 | 50.00 | 50.00 | reference |  |"
    assert table[5].endswith("| +0.000 (+0.000 to +0.000) | 1.0000 |")
    assert "not run" in table[6]
    assert float(table[8].split("|")[-2]) < 0.01
    overlapped = lines[lines.index("Table V (severely overlapped chromosomes only)") + 4]
    assert overlapped.startswith("| Faster R-CNN | 25.00 |")


def test_missing_checkpoint_is_not_finished(tmp_path):
    assert not ablation.finished("full", SimpleNamespace(runs=tmp_path, steps=1, set=[]))
