"""A shipped model -> checkpoints from which training goes on, where those of its run are gone.

    python restore.py ../deepacev2-r24h --data <folder> --out .runs/restored [--images 24]

Writes scout.pt, main.pt, close-up.pt and relation.pt: what train.py, train_close_up.py, train_relation.py and export.py
take. An exported graph has its batch norm folded into the convolution before it; each norm gets back the mean and variance
that its convolution shows on training images, and the scale and shift with which it changes nothing; then the convolution
gets back its size. The relation network has no such norm: its weights come back as they are. The optimizer's state is not
in a model: a schedule begins anew.
"""
from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from checkpoint import CheckpointError, load_weights
from close_up import CloseUp, beside
from configuration import Configuration
from dataset import DataError, MetaphaseSet
from detect import onnx_stages, read_manifest
from evaluate import spread_indices
from network import DeepACE
from relation import Relation
from scout import Scout
from train_close_up import collect, crop_darkness


class RestoreError(ValueError):
    """A graph that this recipe did not export."""


def module_path(node_name: str) -> str:
    """/backbone/stages.0/stages.0.1/first/first.0/Conv -> backbone.stages.0.1.first.0: a container's name is repeated in
    that of what it holds."""
    parts = node_name.strip("/").split("/")[:-1]
    return ".".join(part for part, after in zip(parts, parts[1:] + [""]) if not after.startswith(part + "."))


def stored_weights(path: Path) -> tuple:
    """-> (nodes of a graph, name: f32 array of all that it stores)."""
    graph = onnx.load(str(path)).graph
    values = {weight.name: numpy_helper.to_array(weight).astype(np.float32) for weight in graph.initializer}
    for node in graph.node:  # weights are stored as fp16 with a Cast, equal ones once
        if node.op_type in ("Cast", "Identity") and node.input[0] in values:
            values[node.output[0]] = values[node.input[0]]
    return graph.node, values


def relation_weights(path: Path) -> dict:
    """-> the state of a `Relation`. The exporter keeps the names of all weights but of layers over three axes, of which it
    stores the transposed matrix."""
    nodes, values = stored_weights(path)
    state = {name[len("relation."):]: torch.from_numpy(value.copy()) for name, value in values.items() if name.startswith("relation.")}
    for node in nodes:
        if node.op_type == "MatMul" and node.input[1] in values:
            state[f"{module_path(node.name)[len('relation.'):]}.weight"] = torch.from_numpy(values[node.input[1]].T.copy())
    return {name: value for name, value in state.items() if not name.endswith(".fp16")}


def layer_weights(path: Path) -> dict:
    """-> module path: (weight, bias) f32 of every convolution and full layer of a graph."""
    nodes, values = stored_weights(path)
    layers = {}
    for node in nodes:
        if node.op_type in ("Conv", "Gemm"):
            weight, bias = (torch.from_numpy(values[name]) for name in node.input[1:3])
            layers[module_path(node.name)] = (weight, bias)
    return layers


def take_weights(network: nn.Module, layers: dict, prefix: str = "") -> None:
    """In place; a folded norm becomes one that only shifts."""
    modules = dict(network.named_modules())
    for path, (weight, bias) in layers.items():
        name = path[len(prefix):] if path.startswith(prefix) else path
        layer = modules.get(name)
        if layer is None or layer.weight.shape != weight.shape:
            raise RestoreError(f"{path}: expected a layer of {type(network).__name__} of this shape, got {list(weight.shape)}")
        layer.weight.data.copy_(weight)
        if layer.bias is not None:
            layer.bias.data.copy_(bias)
            continue
        parent, place = name.rsplit(".", 1)
        norm = modules[f"{parent}.{int(place) + 1}"]
        norm.running_mean.zero_()
        norm.running_var.fill_(1.0)
        norm.weight.data.fill_((1.0 + norm.eps) ** 0.5)
        norm.bias.data.copy_(bias)


def natural_scale(network: nn.Module) -> None:
    """Gives convolutions whose folded norm made them small the size they had to begin with, in place; the norm behind them
    undoes it. An optimizer's step knows no scale: a small weight would be learned anew."""
    for parent in network.modules():
        if not isinstance(parent, nn.Sequential):
            continue
        for layer, norm in zip(parent, list(parent)[1:]):
            if not (isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)):
                continue
            wanted = (2 / (layer.out_channels * layer.kernel_size[0] ** 2)) ** 0.5
            factor = max(1.0, wanted / float(layer.weight.data.square().mean().sqrt().clamp(min=1e-12)))
            before = (norm.running_var + norm.eps).sqrt()
            layer.weight.data.mul_(factor)
            norm.running_mean.mul_(factor)
            norm.running_var.mul_(factor ** 2)
            norm.weight.data.mul_((norm.running_var + norm.eps).sqrt() / before / factor)


def calibrate_norms(network: nn.Module, passes) -> None:
    """Gives each norm that only shifts the statistics of what it is fed in `passes` (callables on the network), and the
    scale and shift that keep its output."""
    seen: dict = {}

    def watch(norm):
        def hook(_, inputs):
            x = inputs[0].detach().double()
            number, total, squares = seen.get(norm, (0, 0.0, 0.0))
            seen[norm] = (number + x.numel() // x.shape[1], total + x.sum((0, 2, 3)), squares + (x ** 2).sum((0, 2, 3)))

        return hook

    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(watch(norm)) for norm in norms]
    network.eval()
    with torch.no_grad():
        for run in passes:
            run(network)
    for hook in hooks:
        hook.remove()
    for norm in norms:
        number, total, squares = seen[norm]
        mean = total / number
        variance = (squares / number - mean ** 2).clamp(min=1e-8)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.data.copy_((norm.running_var + norm.eps).sqrt())
        norm.bias.data.add_(norm.running_mean)


def restore(model: Path, data: Path, out: Path, images: int, cache: Path) -> None:
    manifest = read_manifest(model)
    detector = {**manifest, "files": {name: file for name, file in manifest["files"].items() if name not in ("closeUp", "relation")}}
    metaphases = MetaphaseSet(data, "train", cache)
    stages = onnx_stages(model, detector)
    scouted = []

    def scout_seen(image):
        scouted.append(torch.from_numpy(image))
        return stages.scout(image)

    cells = collect(metaphases, spread_indices(len(metaphases), images), detector, dataclasses.replace(stages, scout=scout_seen), 0, 0, lambda *_: None)
    pictures = [torch.from_numpy(np.ascontiguousarray(cell.image[None, None])) for cell in cells]

    def crops(cell):
        shape = beside(torch.from_numpy(cell.boxes), torch.from_numpy(cell.scores))
        return torch.from_numpy(crop_darkness(cell.image, cell.boxes)).unsqueeze(1), shape

    config = Configuration.from_dict(manifest["training"]["configuration"])
    restored = {
        "scout": (Scout(), ("scout",), "", [lambda n, x=x: n(x) for x in scouted]),
        "main": (DeepACE(config), ("dense", "heads"), "network.", [lambda n, x=x: n.dense(x) for x in pictures]),
    }
    if "closeUp" in manifest["files"]:
        looks = [crops(cell) for cell in cells if len(cell.boxes)]
        restored["close-up"] = (CloseUp(), ("closeUp",), "close_up.", [lambda n, x=x: n(*x) for x in looks])
    out.mkdir(parents=True, exist_ok=True)

    def keep(network: nn.Module, name: str) -> None:
        state = {key: value.clone() for key, value in network.state_dict().items()}
        step = manifest["training"].get("steps", 0)
        torch.save({"config": config.to_dict(), "model": state, "ema": state, "step": step}, out / f"{name}.pt")
        print(f"{out / name}.pt: {sum(v.numel() for v in network.parameters())} weights")

    for name, (network, graphs, prefix, passes) in restored.items():
        for graph in graphs:
            take_weights(network, layer_weights(model / manifest["files"][graph]["path"]), prefix)
        calibrate_norms(network, passes)
        natural_scale(network)
        keep(network, name)
    if "relation" in manifest["files"]:
        relation, path = Relation(config.fc), model / manifest["files"]["relation"]["path"]
        load_weights(relation, relation_weights(path), path)
        keep(relation, "relation")


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="exported model directory")
    parser.add_argument("--data", type=Path, required=True, help="folder in the form of cil54816/")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", type=int, default=24, help="train images that give the norms their statistics")
    parser.add_argument("--cache", type=Path, default=Path(".runs/cache"), help="where decoded images are kept")
    options = parser.parse_args(arguments)
    try:
        restore(options.model, options.data, options.out, options.images, options.cache)
    except (DataError, RestoreError, CheckpointError, OSError) as error:
        print(f"restore: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
