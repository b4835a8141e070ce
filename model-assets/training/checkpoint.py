"""Reading what train.py, scout.py and train_close_up.py saved, and refusing what does not fit."""
from __future__ import annotations

from pathlib import Path

import torch

from configuration import Configuration

# A checkpoint is a pickle: load nothing but weights where PyTorch can (1.13 knows the option but refuses plain floats).
WEIGHTS_ONLY = int(torch.__version__.split(".")[0]) >= 2
MISFITS_NAMED = 3


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


def configuration_of(checkpoint: dict, path: Path) -> Configuration:
    """Of a checkpoint of train.py."""
    try:
        return Configuration.from_dict(checkpoint["config"])
    except ValueError as error:
        raise CheckpointError(f"{path}: expected a checkpoint of train.py, got {error}") from None


def load_weights(network: torch.nn.Module, state: dict, path: Path) -> None:
    """Puts the weights of a checkpoint into a network; CheckpointError where they are those of another."""
    own = network.state_dict()
    misfits = [f"{n} {list(state[n].shape)} for {list(v.shape)}" for n, v in own.items() if n in state and state[n].shape != v.shape]
    misfits += [f"no {name}" for name in own if name not in state] + [f"{name}, unknown" for name in state if name not in own]
    if misfits:
        more = f" and {len(misfits) - MISFITS_NAMED} more" if len(misfits) > MISFITS_NAMED else ""
        raise CheckpointError(f"{path}: expected weights of this {type(network).__name__}, got {'; '.join(misfits[:MISFITS_NAMED])}{more}")
    network.load_state_dict(state)


def check_finite(what: str, value: torch.Tensor, step: int, losses: dict, last: Path) -> None:
    """Stops a run before its weights are spoilt; `value` is its loss, or the norm of its gradient."""
    if not torch.isfinite(value):
        detail = ", ".join(f"{name} {float(loss):.3g}" for name, loss in losses.items())
        good = f"the last good checkpoint is {last}" if last.exists() else "no checkpoint was saved yet"
        raise FloatingPointError(f"step {step}: {what} is not finite ({detail}); {good}")


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
    that training goes on from it; one that is narrow enough is left as it is, and so is a network without one."""
    if "rpn.bias" not in state or len(state["rpn.bias"]) <= rpn_channels:
        return state
    said = torch.cat([state["rpn_objectness.weight"], state["rpn_deltas.weight"]]).flatten(1).norm(dim=0)
    heard = state["rpn.weight"].flatten(1).norm(dim=1)
    kept = (said * heard).argsort(descending=True)[:rpn_channels].sort().values
    cut = {name: state[name][kept] for name in ("rpn.weight", "rpn.bias")}
    cut.update({name: state[name][:, kept] for name in ("rpn_objectness.weight", "rpn_deltas.weight")})
    return {**state, **cut}


def deepen_backbone(state: dict, network: torch.nn.Module) -> dict:
    """The weights of a ResNet with fewer blocks in a stage, made to fit `network`, which then says the same (Net2DeeperNet,
    Chen et al., ICLR 2016). The blocks that it has more are those that it was made with: the scale of a new block's last
    norm is zero, so it passes on what it is fed. `network` must be fresh.
    """

    def is_added(name: str) -> bool:
        stage, block = name.split(".")[2:4]
        return f"backbone.stages.{stage}.0.first.0.weight" in state and f"backbone.stages.{stage}.{block}.first.0.weight" not in state

    added = {name: value for name, value in network.state_dict().items() if name.startswith("backbone.stages.") and is_added(name)}
    return {**state, **added}


def widen_backbone(state: dict, network: torch.nn.Module, generator: torch.Generator) -> dict:
    """The weights of a network whose backbone is narrower, made to fit `network`, which then says the same (Net2WiderNet,
    Chen et al., ICLR 2016). New channels are copies of the old ones in turn; what reads a channel and its copies divides
    its weight among them at random, so that they part in training. What is not narrower is left as it is.
    """
    own = network.state_dict()
    return {
        name: widened(value, own[name].shape, generator) if name.startswith(("backbone.", "pyramid.lateral.")) and name in own else value
        for name, value in state.items()
    }


def widened(value: torch.Tensor, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    """A convolution's weight [out, in, k, k], or values of its outputs [out], of more channels."""
    if value.shape[2:] != shape[2:] or any(new < old for new, old in zip(shape, value.shape)):
        return value
    for dimension, (old, new) in enumerate(zip(value.shape[:2], shape[:2])):
        if new == old:
            continue
        copies = torch.arange(new) % old
        value = value.index_select(dimension, copies)
        if dimension == 1:
            part = torch.rand(value.shape[:2], generator=generator) + 0.1
            whole = torch.zeros(len(value), old).index_add(1, copies, part)
            value = value * (part / whole[:, copies])[..., None, None]
    return value
