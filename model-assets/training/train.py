"""Trains the detector. One code for CPU and CUDA; resumes exactly.

    python train.py --data <folder> --run .runs/main [--steps 6000] [--device auto] [--set hnas=off ...]

Every checkpoint holds model, averaged weights, optimizer and step; samples and their order follow from (seed, step), so
a resumed run sees what an uninterrupted one would have seen. Written while it trains: last.pt (every four minutes),
log.jsonl, curves.png, and preview.png where the data have a validation part.
"""
from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import dataclasses
import json
import math
import os
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from augment import training_sample
from checkpoint import best_state, check_finite, configuration_of, load_weights, narrow_rpn, read_checkpoint, refuse_other_settings, steps_of, widen_backbone
from configuration import Configuration
from dataset import DataError, MetaphaseSet
from network import DeepACE
from preview import draw_preview
from targets import batch_losses

SAVE_EVERY_S = 240
PREVIEW_EVERY = 1000  # steps
# What a resumed run may change; anything else makes the checkpoint one of another configuration.
CHANGEABLE = ("steps", "extra_share", "refined_rois", "calm_share")


def learning_rate(step: int, config: Configuration) -> float:
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    progress = (step - config.warmup) / max(config.steps - config.warmup, 1)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))


def order_of_images(step: int, count: int, config: Configuration) -> list[int]:
    """Images of one step: each epoch is one seeded permutation."""
    result = []
    for position in range(step * config.batch, (step + 1) * config.batch):
        epoch, place = divmod(position, count)
        result.append(int(permutation(epoch, count, config.seed)[place]))
    return result


_permutations: dict = {}


def permutation(epoch: int, count: int, seed: int) -> np.ndarray:
    key = (epoch, count, seed)
    if key not in _permutations:
        _permutations.clear()
        _permutations[key] = np.random.default_rng((seed, epoch)).permutation(count)
    return _permutations[key]


def augmentation_strength(step: int, config: Configuration) -> float:
    return 0.5 if step >= config.steps * (1 - config.calm_share) else 1.0


def make_batch(step: int, metaphases: MetaphaseSet, config: Configuration, extra: MetaphaseSet | None = None):
    samples = []
    strength = augmentation_strength(step, config)
    for place, index in enumerate(order_of_images(step, len(metaphases), config)):
        generator = np.random.default_rng((config.seed, step, place))
        if extra is not None and generator.random() < config.extra_share * strength:
            samples.append(training_sample(extra, int(generator.integers(len(extra))), config, generator, strength))
        else:
            samples.append(training_sample(metaphases, index, config, generator, strength))
    images = torch.from_numpy(np.stack([s.image for s in samples])).unsqueeze(1)
    truths = [(torch.from_numpy(s.boxes), torch.from_numpy(s.types), torch.from_numpy(s.ignored)) for s in samples]
    return images, truths


def make_optimizer(model, config: Configuration):
    decay = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decay, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=config.learning_rate, momentum=0.9)
    return torch.optim.AdamW(groups, lr=config.learning_rate)


class Average:
    """Exponential average of the weights, warmed up so that the first steps are forgotten."""

    def __init__(self, model, decay: float):
        self.decay = decay
        self.state = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model, step: int):
        decay = min(self.decay, (1 + step) / (10 + step))
        for key, value in model.state_dict().items():
            if value.dtype.is_floating_point:
                self.state[key].lerp_(value, 1 - decay)
            else:
                self.state[key].copy_(value)


def save(path: Path, **content):
    partial = path.with_suffix(".partial")
    torch.save(content, partial)
    os.replace(partial, path)


def draw_curves(log: Path, picture: Path):
    try:
        import matplotlib
    except ImportError:
        return
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = [json.loads(line) for line in log.read_text().splitlines()]
    figure, axes = plt.subplots(figsize=(9, 5))
    for name in [k for k in rows[-1] if k not in ("step", "seconds", "rate")]:
        axes.plot([r["step"] for r in rows if name in r], [r[name] for r in rows if name in r], label=name)
    axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel("weighted loss")
    axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(picture)
    plt.close(figure)


def parse_settings(pairs) -> dict:
    values = {}
    types = {f.name: type(f.default) for f in dataclasses.fields(Configuration)}
    for pair in pairs:
        name, _, text = pair.partition("=")
        if name not in types:
            raise ValueError(f"--set {pair}: expected one of {', '.join(types)}")
        values[name] = text == "true" if types[name] is bool else types[name](text)
    return values


def train(data: Path, run: Path, config: Configuration, device: str, stop_at: int | None = None, initial: Path | None = None, extra: Path | None = None):
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config.seed)
    metaphases = MetaphaseSet(data, "train", run.parent / "cache")
    drawn = MetaphaseSet(extra, "train", run.parent / "cache" / extra.name) if extra else None
    validation = MetaphaseSet(data, "val", run.parent / "cache") if (data / "val.json").exists() else None
    model = DeepACE(config).to(device).to(memory_format=torch.channels_last)
    before = 0
    if initial:
        begun = read_checkpoint(initial, device)
        weights = narrow_rpn(best_state(begun), config.rpn_channels)
        load_weights(model, widen_backbone(weights, model, torch.Generator().manual_seed(config.seed)), initial)
        before = steps_of(begun)
    optimizer = make_optimizer(model, config)
    average = Average(model, config.ema)
    last = run / "last.pt"
    start = 0
    if last.exists():
        state = read_checkpoint(last, device)
        refuse_other_settings(last, configuration_of(state, last).to_dict(), config.to_dict(), CHANGEABLE)
        load_weights(model, state["model"], last)
        optimizer.load_state_dict(state["optimizer"])
        average.state = state["ema"]
        start, before = state["step"], state.get("before", 0)
        print(f"resumed at step {start} of {config.steps}", flush=True)

    def autocast():
        return torch.autocast(device.split(":")[0], torch.bfloat16) if config.bf16 else contextlib.nullcontext()

    log = run / "log.jsonl"
    end = min(config.steps, stop_at or config.steps)
    loader = concurrent.futures.ThreadPoolExecutor(1)
    ahead = loader.submit(make_batch, start, metaphases, config, drawn)
    sums: dict = {}
    began = saved = time.monotonic()
    model.train()
    for step in range(start, end):
        images, truths = ahead.result()
        if step + 1 < end:
            ahead = loader.submit(make_batch, step + 1, metaphases, config, drawn)
        images = images.to(device).contiguous(memory_format=torch.channels_last)
        rate = learning_rate(step, config)
        for group in optimizer.param_groups:
            group["lr"] = rate
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
        losses = batch_losses(model, images, truths, config, generator, autocast)
        total = sum(losses.values())
        check_finite("loss", total, step, losses, last)
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        check_finite("gradient", torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0), step, losses, last)
        optimizer.step()
        average.update(model, step)
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + float(value)
        done = step + 1
        if done % 50 == 0:
            row = {"step": done, "seconds": round((time.monotonic() - began) / 50, 3), "rate": rate}
            row.update({k: round(v / 50, 5) for k, v in sums.items()})
            with open(log, "a") as file:
                file.write(json.dumps(row) + "\n")
            print(" ".join(f"{k} {v:.4g}" for k, v in row.items()), flush=True)
            sums, began = {}, time.monotonic()
        if done == end or time.monotonic() - saved > SAVE_EVERY_S:
            save(last, config=config.to_dict(), model=model.state_dict(), ema=average.state, optimizer=optimizer.state_dict(), step=done, before=before)
            if log.exists():
                draw_curves(log, run / "curves.png")
            saved = time.monotonic()
        if validation and done % PREVIEW_EVERY == 0:
            precision, recall = draw_preview(model, average.state, validation, run / "preview.png")
            print(f"preview: precision {precision:.3f} recall {recall:.3f} on the pictured images", flush=True)
    loader.shutdown()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder in the form of cil54816/")
    parser.add_argument("--run", type=Path, required=True, help="folder of this run; resumed when it holds last.pt")
    parser.add_argument("--config", type=Path, help="JSON of a Configuration")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="change single values of the configuration")
    parser.add_argument("--steps", type=int, help="length of the schedule")
    parser.add_argument("--stop-at", type=int, help="stop after this step, to be resumed")
    parser.add_argument("--initial", type=Path, help="checkpoint whose averaged weights to start from")
    parser.add_argument("--extra", type=Path, help="a second such folder, mixed in with the share `extra_share`")
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    try:
        config = Configuration.read(arguments.config) if arguments.config else Configuration()
        changes = parse_settings(arguments.set)
        if arguments.steps:
            changes["steps"] = arguments.steps
        config = dataclasses.replace(config, **changes)
        device = arguments.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        cv2.setNumThreads(1)
        train(arguments.data, arguments.run, config, device, arguments.stop_at, arguments.initial, arguments.extra)
    except (DataError, ValueError, FloatingPointError) as error:
        sys.exit(f"train: {error}")


if __name__ == "__main__":
    main()
