"""Repeats the paper's Tables II, V, VI, VII, VIII and X on our data with the fast backbone, at equal budgets.

    python ablation.py --data <folder> --scout .runs/scout/last.pt --runs .runs --steps 2000 [--only NAME ...]

Every configuration is one training run of the same number of steps, seed and images; a run that was interrupted goes on
where it stopped, a finished one is not repeated. All six are trained with the losses and the sampling of the paper, not
with what train.py does beyond it (PAPER, below); they look at every box twice, but with `--set refined_rois=0` once, as
the paper does. What --set says comes last. `--report-only` tells which runs are missing, and writes the tables of those
that are there. Thresholds come from a slice of train; p from a paired test over the validation images (errors of
each image). One run each: the paper's p over ten repeats is not what is given here.
"""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import torch

from checkpoint import CheckpointError, configuration_of, read_checkpoint, refuse_other_settings
from dataset import DataError, MetaphaseSet
from detect import torch_stages
from evaluate import choose_threshold, match_all, measure, progress, run_images, select_all, spread_indices, with_variant
from export import DEFAULT_VARIANT, default_manifest, load_network, load_scout
from metrics import paired_test
from train import parse_settings

# Settings of Configuration that all runs share: nothing of the losses and of the sampling is beyond the paper.
PAPER = {
    "box_beta": 1.0,
    "box_weight": 1.0,
    "balanced": False,
    "regress_from": 0.5,
    "truth_jitter": 0.0,
    "push_by_overlap": False,
    "soft_scores": False,
}

# name: settings of Configuration that differ from the full model (HNASv2 + TNRL + Template Module)
RUNS = {
    "faster-rcnn": {"hnas": "off", "repulsion": "off", "template_module": False},
    "hnas": {"hnas": "v2", "repulsion": "off", "template_module": False},
    "hnas-tnrl": {"hnas": "v2", "repulsion": "tnrl", "template_module": False},
    "full": {"hnas": "v2", "repulsion": "tnrl", "template_module": True},
    "full-hnas-v1": {"hnas": "v1", "repulsion": "tnrl", "template_module": True},
    "full-repulsion": {"hnas": "v2", "repulsion": "rep", "template_module": True},
}

# table: its rows, each (label, run, method); each is compared with the first, image by image
TABLES = {
    "II": (
        ("Faster R-CNN", "faster-rcnn", "hard"),
        ("Faster R-CNN + SOFT", "faster-rcnn", "soft"),
        ("DeepACEv2", "full", "hard"),
        ("DeepACEv2 [SOFT]", "full", "soft"),
        ("DeepACEv2 [EG]", "full", "eg"),
    ),
    "V": (("Faster R-CNN", "faster-rcnn", "hard"), ("DeepACEv2 [EG]", "full", "eg")),
    "VI": (
        ("Single1", "faster-rcnn", "hard"),
        ("+ HNAS", "hnas", "hard"),
        ("+ HNAS + TNRL", "hnas-tnrl", "hard"),
        ("+ HNAS + TNRL + TM", "full", "hard"),
        ("+ HNAS + TNRL + TM [SOFT]", "full", "soft"),
        ("+ HNAS + TNRL + TM [EG]", "full", "eg"),
        ("+ HNAS + TNRL + TM [EG, as printed]", "full", "eg:printed"),
    ),
    "VII": (("HNASv1", "full-hnas-v1", "eg"), ("HNASv2", "full", "eg")),
    "VIII": (("w/o TNRL", "hnas", "hard"), ("w TNRL", "hnas-tnrl", "hard"), ("Repulsion loss, TM [EG]", "full-repulsion", "eg")),
    "X": (("w SOFT", "full", "soft"), ("w EG", "full", "eg")),
}
OVERALL = ("wcr", "aer", "acc", "f1", "map50", "mr2")
COLUMNS = {"II": OVERALL, "V": ("f1", "precision", "recall", "acc"), "VI": OVERALL, "VII": OVERALL, "VIII": ("map50", "map75"), "X": ("precision", "recall")}


def run_folder(options, name: str) -> Path:
    return options.runs / f"ablation-{name}"


def settings_of(name: str, options) -> list[str]:
    """NAME=VALUE of one run, as train.py takes them: the last of a name counts."""
    settings = {**PAPER, **RUNS[name]}
    return [f"{key}={json.dumps(value) if isinstance(value, bool) else value}" for key, value in settings.items()] + options.set


def train_command(name: str, options) -> list[str]:
    return [
        sys.executable,
        str(Path(__file__).with_name("train.py")),
        "--data",
        str(options.data),
        "--run",
        str(run_folder(options, name)),
        "--steps",
        str(options.steps),
        "--device",
        options.device,
        "--set",
        *settings_of(name, options),
    ]


def finished(name: str, options) -> bool:
    """Also asks whether what is there was trained with these settings: the tables would tell of others."""
    path = run_folder(options, name) / "last.pt"
    if not path.exists():
        return False
    checkpoint = read_checkpoint(path)
    refuse_other_settings(path, configuration_of(checkpoint, path).to_dict(), parse_settings(settings_of(name, options)))
    return int(checkpoint["step"]) >= options.steps


def methods_of(name: str) -> set:
    return {method for rows in TABLES.values() for _, run, method in rows if run == name}


def measure_run(name: str, options, train: MetaphaseSet, val: MetaphaseSet) -> dict:
    """Rows by method of one trained run, kept beside it; measured again only when asked with another budget."""
    path = run_folder(options, name) / "ablation.json"
    network, _ = load_network(run_folder(options, name) / "last.pt")
    manifest = default_manifest(name, "0.0.0", float(network.config.canonical_size), network.config.looks)
    budget = {"steps": options.steps, "limit": options.limit, "tuning": options.tuning, "looks": manifest["refinement"]["looks"]}
    if path.exists():
        kept = json.loads(path.read_text())
        if kept["budget"] == budget:
            return kept["rows"]
    stages = torch_stages(network.to(options.device), load_scout(options.scout).to(options.device), options.device)
    tuning = run_images(train, spread_indices(len(train), options.tuning), manifest, stages, progress(f"{name}: train slice"))
    validation = run_images(val, spread_indices(len(val), options.limit), manifest, stages, progress(f"{name}: validation"))
    rows = {}
    for method in sorted(methods_of(name)):
        kind, _, variant = method.partition(":")
        form = with_variant(manifest, variant or DEFAULT_VARIANT)
        threshold, _ = choose_threshold(match_all(tuning, select_all(tuning, form, kind)))
        rows[method] = measure(validation, select_all(validation, form, kind), threshold)
    path.write_text(json.dumps({"budget": budget, "rows": rows}) + "\n")
    return rows


def format_tables(measured: dict) -> str:
    """Markdown; percent; p of the errors against the table's first row that was run. A missing run shows as such."""
    lines = []
    for table, rows in TABLES.items():
        columns = COLUMNS[table]
        subset = " (severely overlapped chromosomes only)" if table == "V" else ""
        lines += [f"Table {table}{subset}", "", f"| | {' | '.join(columns)} | errors an image, difference (95 %) | p |"]
        lines.append("|---" * (len(columns) + 3) + "|")
        reference = None
        for label, run, method in rows:
            row = measured.get(run, {}).get(method)
            if row is None:
                lines.append(f"| {label} " + "| not run " * (len(columns) + 2) + "|")
                continue
            source = row["overlapped"] if table == "V" else row
            cells = [f"{100 * source[column]:.2f}" for column in columns]
            if reference is None:
                reference = row["errorsPerImage"]
                cells += ["reference", ""]
            else:
                test = paired_test(reference, row["errorsPerImage"])
                cells += [f"{test['difference']:+.3f} ({test['low']:+.3f} to {test['high']:+.3f})", f"{test['p']:.4f}"]
            lines.append(f"| {label} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scout", type=Path, required=True, help="last.pt of scout.py, shared by all runs")
    parser.add_argument("--runs", type=Path, default=Path(".runs"), help="each run goes to ablation-NAME in it; its cache is shared")
    parser.add_argument("--steps", type=int, default=2000, help="of every run")
    parser.add_argument("--only", nargs="*", choices=sorted(RUNS), help="these runs; default all")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings shared by all runs")
    parser.add_argument("--limit", type=int, help="so many validation images; default all")
    parser.add_argument("--tuning", type=int, default=100)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--report-only", action="store_true", help="no training")
    options = parser.parse_args(arguments)
    try:
        parse_settings(options.set)
    except ValueError as error:
        parser.error(str(error))
    measured, missing = {}, []
    try:
        train = MetaphaseSet(options.data, "train", options.runs / "cache")
        val = MetaphaseSet(options.data, "val", options.runs / "cache")
        for name in options.only or RUNS:
            if not finished(name, options):
                if options.report_only:
                    missing.append(name)
                    continue
                print(f"{name}: training", file=sys.stderr, flush=True)
                subprocess.run(train_command(name, options), check=True)
            measured[name] = measure_run(name, options, train, val)
            (options.runs / "ablation.md").write_text(format_tables(measured))
    except subprocess.CalledProcessError as error:
        print(f"ablation: training of {name} ended with {error.returncode}; run again to resume", file=sys.stderr)
        return 1
    except (DataError, CheckpointError) as error:
        print(f"ablation: {error}", file=sys.stderr)
        return 1
    print(format_tables(measured))
    for name in missing:
        print(f"not run: {name}; run it with\n  " + " ".join(train_command(name, options)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
