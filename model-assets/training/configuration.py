"""The choices of one training run: every module of the paper can be switched here.

Naming: `hnas` II-B, `template_module` II-C, `repulsion` II-E of DeepACEv2 (Xiao et al., IEEE TMI 2020).
"""
from __future__ import annotations

import dataclasses
import json
from pathlib import Path

BACKBONES = ("resnet18-half", "resnet24-half", "resnet18-slim", "resnet18", "resnet50", "resnet101", "vgg16")
HNAS = ("off", "v1", "v2")
REPULSION = ("off", "rep", "tnrl")

TYPES = tuple(
    "A1 A2 A3 B4 B5 C6 C7 C8 C9 C10 C11 C12 D13 D14 D15 E16 E17 E18 F19 F20 G21 G22 X Y".split()
)


@dataclasses.dataclass(frozen=True)
class Configuration:
    """One run. Sizes are in network px; the seed rules every random choice."""

    backbone: str = "resnet18-half"
    channels: int = 128  # of P3
    rpn_channels: int = 128  # of the RPN's hidden layer
    fc: int = 512  # width of the two FC layers of the heads
    hnas: str = "v2"
    template_module: bool = True
    repulsion: str = "tnrl"
    types: bool = True
    canonical_size: float = 60.0  # area-weighted median sqrt(box area) that the network is fed
    canvas: int = 544  # side of the square training canvas
    batch: int = 4
    steps: int = 6000
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    warmup: int = 200
    optimizer: str = "adamw"  # or "sgd", as in III-C
    ema: float = 0.999
    anchors_sampled: int = 512
    train_pre_nms: int = 1200
    train_post_nms: int = 300
    rois_sampled: int = 128
    refined_rois: int = 64  # RoIs of the second look, sampled from the boxes of the first; 0: one look
    soft_scores: bool = False  # the heads' score is that of the box they make, not of the RoI (beyond the paper)
    balanced: bool = False  # every chromosome trains alike, however many anchors and RoIs lie on it (beyond the paper)
    regress_from: float = 0.5  # IoU from which on the boxes of RoIs are pulled; lower ones are no positives (0.5: the paper)
    truth_jitter: float = 0.0  # of the truths among the RoIs, in shares of their sides (0: as they are)
    push_by_overlap: bool = False  # chromosomes are pushed apart the more, the more they overlap (beyond Eq. 5)
    # Of both smooth L1 losses; 1: Fast R-CNN. There most residuals of a box that is nearly right lie in the quadratic
    # part, which hardly pulls, and where two chromosomes cross it settles on the mean of their boxes.
    box_beta: float = 1.0 / 9.0
    # Of the heads' box loss, so that it weighs about as much as the score's: six RoIs in ten are positive here. 1: Eq. 12.
    box_weight: float = 0.4
    alpha: float = 0.1  # weight of the pull loss, Eq. 12
    beta: float = 0.1  # weight of the push loss
    gamma: float = 0.5  # weight of the repulsion loss
    type_weight: float = 0.25
    calm_share: float = 0.25  # the last part of the run, where augmentation is halved: it ends near to real cells
    extra_share: float = 0.0  # share of the samples that come from --extra (drawn cells), the rest from --data
    touching: float = 0.0  # share of the samples in which chromosomes are laid at the ends and flanks of others
    stains: float = 0.0  # share of the samples that are shown as other stains, optics and capture programs would show them
    bf16: bool = False
    seed: int = 7

    def __post_init__(self):
        for name, allowed in (("backbone", BACKBONES), ("hnas", HNAS), ("repulsion", REPULSION)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name}: expected one of {', '.join(allowed)}, got {getattr(self, name)!r}")
        if self.rpn_channels < 1:
            raise ValueError(f"rpn_channels: expected at least 1, got {self.rpn_channels}")
        if self.canvas % 32:
            raise ValueError(f"canvas: expected a multiple of 32, got {self.canvas}")

    @property
    def looks(self) -> int:
        """Runs of the heads that a network of this configuration was trained for; `refinement.looks` of its manifest."""
        return 2 if self.refined_rois else 1

    def to_dict(self) -> dict:
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(values: dict) -> "Configuration":
        known = {f.name for f in dataclasses.fields(Configuration)}
        unknown = set(values) - known
        if unknown:
            raise ValueError(f"configuration: unknown {', '.join(sorted(unknown))}")
        return Configuration(**values)

    @staticmethod
    def read(path: Path) -> "Configuration":
        return Configuration.from_dict(json.loads(Path(path).read_text()))
