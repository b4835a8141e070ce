"""Averages the weights of training runs that followed each other, each to the end of its schedule, and measures the
statistics of batch normalisation anew (stochastic weight averaging: Izmailov et al., UAI 2018; for detectors Zhang et al.,
"SWA Object Detection", 2020). The averaged network is as fast as one of them.

    python average.py --data <folder> --out .runs/mean/last.pt .runs/a/last.pt .runs/b/last.pt .runs/c/last.pt

The result is a checkpoint as train.py leaves it, of the configuration and with the steps of the last one named.
"""
from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

import cv2
import torch

from checkpoint import CheckpointError, best_state, configuration_of, load_weights, read_checkpoint
from dataset import DataError, MetaphaseSet
from network import DeepACE, normalise
from train import batch_of, make_samples, save, shown_images

BATCHES = 120  # for the statistics
SEED = 99


def mean_of(states: list) -> dict:
    """Of weights of the same shapes; whole numbers are the last one's."""
    last = states[-1]
    return {name: sum(state[name] for state in states) / len(states) if value.dtype.is_floating_point else value for name, value in last.items()}


def measure_statistics(model: DeepACE, metaphases: MetaphaseSet, batches: int = BATCHES) -> None:
    """Mean and variance of every batch normalisation over so many batches, augmented as at the end of a run. Averaged
    weights have other activations than the mean of those of each."""
    config = dataclasses.replace(model.config, seed=SEED, calm_share=1.0)
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    momentum = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean of all batches
    model.train()
    shown = shown_images(metaphases, None)
    with torch.no_grad():
        for step in range(batches):
            images, _, _ = batch_of(make_samples(step, metaphases, shown, config))
            model.backbone(normalise(images).contiguous(memory_format=torch.channels_last))
    for norm, value in zip(norms, momentum):
        norm.momentum = value


def average(data: Path, paths: list, out: Path, batches: int = BATCHES) -> None:
    checkpoints = [read_checkpoint(path) for path in paths]
    config = configuration_of(checkpoints[-1], paths[-1])
    model = DeepACE(config)
    states = [best_state(checkpoint) for checkpoint in checkpoints]
    for path, state in zip(paths, states):
        load_weights(model, state, path)  # refuses another network's
    model.load_state_dict(mean_of(states))
    measure_statistics(model.to(memory_format=torch.channels_last), MetaphaseSet(data, "train", out.parent.parent / "cache"), batches)
    out.parent.mkdir(parents=True, exist_ok=True)
    last = checkpoints[-1]
    save(out, config=config.to_dict(), model=model.state_dict(), step=last["step"], before=last.get("before", 0))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder in the form of cil54816/")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint to write")
    parser.add_argument("checkpoints", type=Path, nargs="+", help="last.pt of each run, in their order")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        average(arguments.data, arguments.checkpoints, arguments.out)
    except (DataError, CheckpointError) as error:
        sys.exit(f"average: {error}")


if __name__ == "__main__":
    main()
