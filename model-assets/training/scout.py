"""The scout: a small network that looks at the whole frame at low resolution and tells where chromosomes lie and how
large they are, so that the detector is fed the cell alone, at the scale it was trained on (see `size_policy.py`).

Input u8 [N, 1, h, w] (scout px, multiples of 32) -> f32 [N, 2, h/4, w/4]: the logit "inside the core of a
chromosome's box" and log2(sqrt(box area) / 16), scout px. Not in the paper: its images had one size.

    python scout.py --data <folder> --run .runs/scout [--steps 2500]
"""
from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import json
import math
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from augment import degrade, draw_dust, draw_nuclei, place_metaphase, stretch_limits, tone_table
from checkpoint import CheckpointError, check_finite, load_weights, read_checkpoint, refuse_other_settings
from configuration import Configuration
from dataset import DataError, MetaphaseSet
from network import convolution, normalise

STRIDE = 4
SIZE_UNIT = 16.0
LONG_SIDE = 384
LEARNING_RATE = 2e-3  # at its highest
CORE = 0.6  # share of a box's sides that counts as its inside


class Scout(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList((
            nn.Sequential(convolution(1, 16, 5, 2), nn.ReLU(), convolution(16, 32, 3, 2), nn.ReLU(), convolution(32, 32, 3), nn.ReLU()),
            nn.Sequential(convolution(32, 64, 3, 2), nn.ReLU(), convolution(64, 64, 3), nn.ReLU()),
            nn.Sequential(convolution(64, 96, 3, 2), nn.ReLU(), convolution(96, 96, 3), nn.ReLU()),
            nn.Sequential(convolution(96, 96, 3, 2), nn.ReLU(), convolution(96, 96, 3), nn.ReLU()),
        ))
        self.lateral = nn.ModuleList(nn.Conv2d(inputs, 48, 1) for inputs in (32, 64, 96, 96))
        self.merge = nn.Sequential(convolution(48, 48, 3), nn.ReLU())
        self.output = nn.Conv2d(48, 2, 1)
        nn.init.normal_(self.output.weight, std=0.01)
        nn.init.zeros_(self.output.bias)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = normalise(image)
        levels = []
        for block in self.down:
            x = block(x)
            levels.append(x)
        top = self.lateral[3](levels[3])
        for index in (2, 1, 0):
            top = self.lateral[index](levels[index]) + F.interpolate(top, scale_factor=2.0, mode="nearest")
        return self.output(self.merge(top))


def scout_targets(boxes: np.ndarray, side: int):
    """boxes [G, 4] scout px -> (label [s, s] 1 core, 0 background, -1 ignored; log2 size [s, s])."""
    cells = side // STRIDE
    label = np.zeros((cells, cells), np.float32)
    size = np.zeros((cells, cells), np.float32)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    order = np.argsort(-areas)
    for index in order:
        x0, y0, x1, y1 = boxes[index] / STRIDE
        label[max(int(y0), 0):int(math.ceil(y1)), max(int(x0), 0):int(math.ceil(x1))] = -1
    for index in order:  # the smaller box, drawn last, wins
        x0, y0, x1, y1 = boxes[index]
        cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
        half_w, half_h = max((x1 - x0) * CORE, STRIDE) / 2, max((y1 - y0) * CORE, STRIDE) / 2
        left, right = int(math.ceil((cx - half_w) / STRIDE - 0.5)), int(math.floor((cx + half_w) / STRIDE - 0.5))
        top, bottom = int(math.ceil((cy - half_h) / STRIDE - 0.5)), int(math.floor((cy + half_h) / STRIDE - 0.5))
        window = (slice(max(top, 0), max(bottom + 1, 0)), slice(max(left, 0), max(right + 1, 0)))
        label[window] = 1
        size[window] = math.log2(max(math.sqrt(areas[index]), 1.0) / SIZE_UNIT)
    return label, size


def scout_sample(metaphases: MetaphaseSet, index: int, config: Configuration, generator: np.random.Generator):
    """A frame as the scout sees it: the cell anywhere, of any size, often small in a wide field with nuclei and dust."""
    cv2.setRNGSeed(int(generator.integers(2 ** 31)))
    side = LONG_SIDE
    height = side if generator.random() < 0.3 else int(side * generator.uniform(0.6, 1.0))
    item, image = metaphases.items[index], metaphases.image(index)
    fit = side / max(item.width, item.height) * item.size  # size at which the stored crop fills the frame
    wanted = math.exp(generator.uniform(math.log(5.0), math.log(70.0))) if generator.random() < 0.6 else fit * math.exp(generator.uniform(-0.3, 0.2))
    limits = stretch_limits(image)
    frame = dataclasses.replace(config, canvas=side, canonical_size=wanted)
    canvas, boxes = place_metaphase(image, item, frame, generator, limits)
    canvas = cv2.LUT(canvas, tone_table(limits, generator))
    shown = boxes.clip(0, side)
    shown[:, [1, 3]] = boxes[:, [1, 3]].clip(0, height)
    keep = ((shown[:, 2] - shown[:, 0]) > 2) & ((shown[:, 3] - shown[:, 1]) > 2)
    boxes, shown = boxes[keep], shown[keep]
    if generator.random() < 0.6:
        draw_nuclei(canvas, shown, generator)
    if generator.random() < 0.4:
        draw_dust(canvas, generator)
    canvas = degrade(canvas, generator)
    low, span = stretch_limits(canvas[:height])
    canvas = np.clip((canvas.astype(np.float32) - low) * (255.0 / span) + 0.5, 0, 255).astype(np.uint8)
    canvas[height:] = 255
    label, size = scout_targets(shown, side)
    valid = -(-height // STRIDE)
    label[valid:] = 0
    return canvas, label, size


def make_batch(step: int, batch: int, metaphases: MetaphaseSet, config: Configuration):
    samples = []
    for place in range(batch):
        generator = np.random.default_rng((config.seed, 77, step, place))
        samples.append(scout_sample(metaphases, int(generator.integers(len(metaphases))), config, generator))
    return tuple(torch.from_numpy(np.stack(part)) for part in zip(*samples))


def scout_loss(output: torch.Tensor, label: torch.Tensor, size: torch.Tensor):
    known = label >= 0
    positive = label == 1
    score = F.binary_cross_entropy_with_logits(output[:, 0][known], label[known])
    error = F.smooth_l1_loss(output[:, 1][positive], size[positive], beta=0.1)
    return score, error


def train_scout(data: Path, run: Path, steps: int, batch: int = 8):
    run.mkdir(parents=True, exist_ok=True)
    config = Configuration()
    torch.manual_seed(config.seed)
    metaphases = MetaphaseSet(data, "train", run.parent / "cache")
    model = Scout().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    settings = {"steps": steps, "batch": batch, "learning_rate": LEARNING_RATE}
    start, last = 0, run / "last.pt"
    if last.exists():
        state = read_checkpoint(last)
        refuse_other_settings(last, state.get("settings", {}), settings)
        load_weights(model, state["model"], last)
        optimizer.load_state_dict(state["optimizer"])
        start = state["step"]
    loader = concurrent.futures.ThreadPoolExecutor(1)
    ahead = loader.submit(make_batch, start, batch, metaphases, config)
    began = time.monotonic()
    for step in range(start, steps):
        images, label, size = ahead.result()
        ahead = loader.submit(make_batch, step + 1, batch, metaphases, config)
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(1.0, (step + 1) / 100) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        output = model(images.unsqueeze(1).contiguous(memory_format=torch.channels_last))
        score, error = scout_loss(output, label, size)
        losses = {"score": score, "size": error}
        check_finite("loss", score + error, step, losses, last)
        optimizer.zero_grad(set_to_none=True)
        (score + 0.5 * error).backward()
        # Clipped to no norm: only asked for it.
        check_finite("gradient", torch.nn.utils.clip_grad_norm_(model.parameters(), math.inf), step, losses, last)
        optimizer.step()
        done = step + 1
        if done % 50 == 0 or done == steps:
            row = {"step": done, "seconds": round(time.monotonic() - began, 1), "score": float(score), "size": float(error)}
            print(json.dumps(row), flush=True)
        if done % 250 == 0 or done == steps:
            partial = last.with_suffix(".partial")
            content = {"config": config.to_dict(), "settings": settings, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save({**content, "step": done}, partial)
            partial.replace(last)
    loader.shutdown()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2500)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        train_scout(arguments.data, arguments.run, arguments.steps)
    except (DataError, CheckpointError, FloatingPointError) as error:
        sys.exit(f"scout: {error}")


if __name__ == "__main__":
    main()
