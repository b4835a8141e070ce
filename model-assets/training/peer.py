"""The peer of the benchmark: torchvision's Faster R-CNN ResNet-50-FPN, exported to ONNX the usual way.

Random weights, since only its speed is compared. Needs torchvision, which the recipe itself does not.

    python peer.py --out .cache/peer/fasterrcnn-r50-fpn.onnx
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch


def export_peer(path: Path) -> None:
    from torchvision.models.detection import fasterrcnn_resnet50_fpn

    torch.manual_seed(0)
    # At 800x600 its transform leaves the frame as it is; a larger frame it shrinks to a short side of 600 px.
    model = fasterrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=2, min_size=600, max_size=2000, rpn_post_nms_top_n_test=300
    ).eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        model, ([torch.rand(3, 600, 800)],), str(path), opset_version=16, input_names=["image"],
        output_names=["boxes", "labels", "scores"], dynamic_axes={"image": {1: "height", 2: "width"}},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        export_peer(arguments.out)
    except ImportError as error:
        sys.exit(f"peer: expected torchvision beside torch, got {error}")
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
