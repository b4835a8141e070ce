"""Reading what train.py and scout.py saved."""
from __future__ import annotations

from pathlib import Path

import torch

# A checkpoint is a pickle: load nothing but weights where PyTorch can (1.13 knows the option but refuses plain floats).
WEIGHTS_ONLY = int(torch.__version__.split(".")[0]) >= 2


class CheckpointError(ValueError):
    """A file that is no checkpoint of this recipe."""


def read_checkpoint(path: Path, device: str = "cpu") -> dict:
    """-> config, model, step, and where they were kept ema and optimizer."""
    try:
        checkpoint = torch.load(path, map_location=device, weights_only=WEIGHTS_ONLY)
    except Exception as error:  # torch raises pickle, zip and OS errors alike
        raise CheckpointError(f"{path}: expected a checkpoint of this recipe, got {error}") from error
    missing = {"config", "model", "step"} - set(checkpoint)
    if missing:
        raise CheckpointError(f"{path}: expected config, model, step in the checkpoint, missing {', '.join(sorted(missing))}")
    return checkpoint


def refuse_other_settings(path: Path, was: dict, now: dict, changeable=()) -> None:
    """`was` of the checkpoint, `now` of the run; what an older checkpoint did not keep is not compared."""
    different = [f"{name}: {was[name]} -> {value}" for name, value in now.items() if name in was and was[name] != value and name not in changeable]
    if different:
        raise CheckpointError(f"{path}: checkpoint of another configuration ({'; '.join(different)})")


def best_state(checkpoint: dict) -> dict:
    """The averaged weights where there are some, else the raw ones."""
    return checkpoint.get("ema") or checkpoint["model"]


def steps_of(checkpoint: dict) -> int:
    """All steps behind the weights, those of the checkpoint that a run began from included."""
    return int(checkpoint["step"]) + int(checkpoint.get("before", 0))


def narrow_rpn(state: dict, rpn_channels: int) -> dict:
    """The weights with an RPN of so many hidden channels: those that weigh most in what it says. A wider one is cut, so
    that training goes on from it; one that is narrow enough is left as it is."""
    if len(state["rpn.bias"]) <= rpn_channels:
        return state
    said = torch.cat([state["rpn_objectness.weight"], state["rpn_deltas.weight"]]).flatten(1).norm(dim=0)
    heard = state["rpn.weight"].flatten(1).norm(dim=1)
    kept = (said * heard).argsort(descending=True)[:rpn_channels].sort().values
    cut = {name: state[name][kept] for name in ("rpn.weight", "rpn.bias")}
    cut.update({name: state[name][:, kept] for name in ("rpn_objectness.weight", "rpn_deltas.weight")})
    return {**state, **cut}
