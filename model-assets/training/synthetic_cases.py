"""Draws hard cases of our own making and what the exported model finds in them, for the model card.

    python synthetic_cases.py ../deepacev2-r24h --out ../synthetic-cases.jpg

Each case is the plain picture above and the found boxes below, with the true and the found count in the name printed to
the screen. Strips are (centre x, y, length, thickness, angle, bend), golden.py.
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import torch

from detect import detect_chromosomes, onnx_stages, read_manifest, select_detections
from golden import draw_picture

WIDTH, HEIGHT = 300, 240
# Six apart from each other, so that the scout knows the size; the hard group takes the middle.
AROUND = (
    (40, 40, 46, 11, 20, 4),
    (250, 40, 40, 12, 75, -3),
    (40, 200, 44, 11, 150, 2),
    (250, 200, 46, 12, 110, 6),
    (150, 28, 40, 11, 5, 0),
    (150, 214, 44, 12, 170, -5),
)
CASES = {
    "crossing": ((150, 120, 56, 11, 35, 0), (150, 120, 52, 11, 125, 0)),
    "side by side": ((144, 120, 54, 11, 80, 2), (157, 120, 54, 11, 80, 2)),
    "head to head": ((128, 112, 44, 11, 20, 0), (170, 127, 44, 11, 20, 0)),
    "three in a heap": ((150, 120, 58, 11, 20, 3), (152, 118, 54, 11, 80, -3), (148, 122, 50, 11, 140, 0)),
    "strongly bent": ((150, 120, 56, 11, 0, 24),),
    "on top of each other": ((150, 120, 56, 11, 40, 0), (154, 122, 50, 11, 52, 0)),
}


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    manifest = read_manifest(options.model)
    stages = onnx_stages(options.model, manifest)
    columns = []
    for name, group in CASES.items():
        gray = draw_picture(WIDTH, HEIGHT, strips=AROUND + group)
        found = select_detections(detect_chromosomes(gray, manifest, stages).candidates, manifest)
        print(f"{name}: {len(AROUND) + len(group)} drawn, {len(found)} found")
        plain = cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR)
        marked = plain.copy()
        for x0, y0, x1, y1 in np.round(found.boxes).astype(int):
            cv2.rectangle(marked, (int(x0), int(y0)), (int(x1), int(y1)), (0, 0, 200), 1)
        cv2.putText(marked, f"{name}: {len(AROUND) + len(group)} drawn, {len(found)} found", (6, HEIGHT - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
        columns.append(np.vstack([plain, marked]))
    cv2.imwrite(str(options.out), np.vstack([np.hstack(columns[:3]), np.hstack(columns[3:])]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
