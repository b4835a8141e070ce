import dataclasses
from types import SimpleNamespace
from pathlib import Path

import numpy as np

import ablation
import train as training
from configuration import Configuration

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
    assert not ablation.finished(tmp_path, 1)
