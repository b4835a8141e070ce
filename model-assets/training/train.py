"""Trains the detector. One code for CPU and CUDA; resumes exactly.

    python train.py --data <folder> --run .runs/main [--steps 6000] [--device auto] [--set hnas=off ...]

Every checkpoint holds model, averaged weights, optimizer and step; samples and their order follow from (seed, step), so
a resumed run sees what an uninterrupted one would have seen. Written while it trains: last.pt (every four minutes),
log.jsonl, curves.png, and preview.png where the data have a validation part.
"""
from __future__ import annotations

import argparse
import collections
import concurrent.futures
import contextlib
import dataclasses
import json
import math
import multiprocessing
import os
import sys
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import torch

from augment import training_sample
from checkpoint import best_state, check_finite, configuration_of, deepen_backbone, load_weights, narrow_rpn, read_checkpoint, refuse_other_settings, steps_of, widen_backbone
from configuration import Configuration
from dataset import DataError, MetaphaseSet
from network import DeepACE
from precision import has_fast_bf16
from preview import draw_preview
from targets import AnchorSample, batch_losses, draw_anchors

SAVE_EVERY_S = 240
PREVIEW_EVERY = 1000  # steps
MOST_REPEATS = 2  # of an image that is counted wrongly, in an epoch
# What a resumed run may change; anything else makes the checkpoint one of another configuration.
CHANGEABLE = ("steps", "extra_share", "refined_rois", "calm_share")


def learning_rate(step: int, config: Configuration) -> float:
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    progress = (step - config.warmup) / max(config.steps - config.warmup, 1)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))


def shown_images(metaphases: MetaphaseSet, hard: Path | None) -> list[int]:
    """Images of one epoch: each once, and once more for each error that `hard` (of hard_images.py) has of it, up to two."""
    errors = read_hard(hard) if hard else {}
    unknown = set(errors) - {item.file_name for item in metaphases.items}
    if unknown:
        raise DataError(f"{hard}: expected names of training images, got {min(unknown)}")
    return [index for index, item in enumerate(metaphases.items) for _ in range(1 + min(errors.get(item.file_name, 0), MOST_REPEATS))]


def read_hard(path: Path) -> dict[str, int]:
    """Errors by the name of their image, as hard_images.py writes them."""
    try:
        errors = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected the JSON of hard_images.py, got {error}") from None
    if not isinstance(errors, dict) or not all(type(number) is int and number > 0 for number in errors.values()):
        raise DataError(f"{path}: expected the errors of each image, 1 and more, by its name")
    return errors


def order_of_images(step: int, shown: list[int], config: Configuration) -> list[int]:
    """Images of one step: each epoch is one seeded permutation of those `shown`."""
    result = []
    for position in range(step * config.batch, (step + 1) * config.batch):
        epoch, place = divmod(position, len(shown))
        result.append(shown[permutation(epoch, len(shown), config.seed)[place]])
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


def make_samples(step: int, metaphases: MetaphaseSet, shown: list[int], config: Configuration, extra: MetaphaseSet | None = None) -> list:
    """-> of each image of a step its Sample and the anchors drawn for it, as arrays, which cross between processes cheaply."""
    samples = []
    strength = augmentation_strength(step, config)
    for place, index in enumerate(order_of_images(step, shown, config)):
        generator = np.random.default_rng((config.seed, step, place))
        source = metaphases
        if extra is not None and generator.random() < config.extra_share * strength:
            source, index = extra, int(generator.integers(len(extra)))
        sample = training_sample(source, index, config, generator, strength)
        draw = torch.Generator().manual_seed(int(generator.integers(2 ** 31)))
        drawn = draw_anchors(torch.from_numpy(sample.boxes), torch.from_numpy(sample.ignored), config.canvas, config, draw)
        samples.append((sample, drawn.positive.numpy(), drawn.negative.numpy(), drawn.deltas.numpy()))
    return samples


def batch_of(samples: list):
    """-> images u8 [N, 1, S, S], truths and drawn anchors of `batch_losses`."""
    images = torch.from_numpy(np.stack([sample.image for sample, *_ in samples])).unsqueeze(1)
    truths = [tuple(torch.from_numpy(v) for v in (sample.boxes, sample.types, sample.ignored)) for sample, *_ in samples]
    return images, truths, [AnchorSample(*map(torch.from_numpy, drawn)) for _, *drawn in samples]


_work: tuple = ()  # what `make_samples` is given beside the step; forked processes inherit it


def _samples_of(step: int) -> list:
    return make_samples(step, *_work)


def batches(steps: range, workers: int, *work):
    """The batch of each step, made ahead by so many processes, or by one thread. They begin with the call: a process that is
    forked once the network is on a GPU would share what it must not."""
    global _work
    _work = work
    if workers < 1:
        raise ValueError(f"workers: expected at least 1, got {workers}")
    if workers == 1:
        pool = concurrent.futures.ThreadPoolExecutor(1)
    else:
        # One thread each: a forked process hangs in those of PyTorch, which it has not inherited.
        pool = concurrent.futures.ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), torch.set_num_threads, (1,))
    ahead = collections.deque(pool.submit(_samples_of, step) for step in steps[: 2 * workers])

    def made():
        with pool:
            for step in steps:
                samples = ahead.popleft().result()
                if step + 2 * workers in steps:
                    ahead.append(pool.submit(_samples_of, step + 2 * workers))
                yield batch_of(samples)

    return made()


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


def train(
    data: Path,
    run: Path,
    config: Configuration,
    device: str,
    stop_at: int | None = None,
    initial: Path | None = None,
    extra: Path | None = None,
    workers: int = 1,
    hard: Path | None = None,
):
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config.seed)
    metaphases = MetaphaseSet(data, "train", run.parent / "cache")
    shown = shown_images(metaphases, hard)
    samples = f"{len(shown)} an epoch, checksum {zlib.crc32(np.int32(shown).tobytes()):08x}"
    drawn = MetaphaseSet(extra, "train", run.parent / "cache" / extra.name) if extra else None
    validation = MetaphaseSet(data, "val", run.parent / "cache") if (data / "val.json").exists() else None
    model = DeepACE(config)
    before = start = 0
    last = run / "last.pt"
    state = read_checkpoint(last) if last.exists() else None
    if state:
        was = {**configuration_of(state, last).to_dict(), "samples": state.get("samples", samples)}
        refuse_other_settings(last, was, {**config.to_dict(), "samples": samples}, CHANGEABLE)
        load_weights(model, state["model"], last)
        start, before = state["step"], state.get("before", 0)
        print(f"resumed at step {start} of {config.steps}", flush=True)
    elif initial:
        begun = read_checkpoint(initial)
        weights = deepen_backbone(narrow_rpn(best_state(begun), config.rpn_channels), model)
        load_weights(model, widen_backbone(weights, model, torch.Generator().manual_seed(config.seed)), initial)
        before = steps_of(begun)
    end = min(config.steps, stop_at or config.steps)
    feed = batches(range(start, end), workers, metaphases, shown, config, drawn)
    model = model.to(device).to(memory_format=torch.channels_last)
    optimizer = make_optimizer(model, config)
    average = Average(model, config.ema)
    if state:
        optimizer.load_state_dict(state["optimizer"])
        average.state = {name: value.to(device) for name, value in state["ema"].items()}

    def autocast():
        return torch.autocast(device.split(":")[0], torch.bfloat16) if config.bf16 else contextlib.nullcontext()

    log = run / "log.jsonl"
    sums: dict = {}
    began = saved = time.monotonic()
    model.train()
    # Strict, so that the feed is read to its end, where it closes its pool: at Python's own end it no longer can.
    for step, (images, truths, anchors) in zip(range(start, end), feed, strict=True):
        images = images.to(device).contiguous(memory_format=torch.channels_last)
        rate = learning_rate(step, config)
        for group in optimizer.param_groups:
            group["lr"] = rate
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
        losses = batch_losses(model, images, truths, anchors, config, generator, autocast)
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
            save(last, config=config.to_dict(), model=model.state_dict(), ema=average.state, optimizer=optimizer.state_dict(), step=done, before=before, samples=samples)
            if log.exists():
                draw_curves(log, run / "curves.png")
            saved = time.monotonic()
        if validation and done % PREVIEW_EVERY == 0:
            precision, recall = draw_preview(model, average.state, validation, run / "preview.png")
            print(f"preview: precision {precision:.3f} recall {recall:.3f} on the pictured images", flush=True)


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
    parser.add_argument("--hard", type=Path, help="errors of each image, from hard_images.py: those counted wrongly are shown more often")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw the samples; 1: a thread of this one")
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
        if config.bf16 and device == "cpu" and not has_fast_bf16():
            print("train: this processor has no instructions for bf16: f32 (bf16=false) is several times faster", file=sys.stderr)
        cv2.setNumThreads(1)
        torch.backends.cudnn.benchmark = True  # every batch has the same canvas
        train(arguments.data, arguments.run, config, device, arguments.stop_at, arguments.initial, arguments.extra, arguments.workers, arguments.hard)
    except (DataError, ValueError, FloatingPointError) as error:
        sys.exit(f"train: {error}")


if __name__ == "__main__":
    main()
