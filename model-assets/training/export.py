"""Checkpoints -> a model directory: scout.onnx, dense.onnx, heads.onnx, close-up.onnx, relation.onnx, golden/, manifest.json.

    python export.py .runs/main/last.pt --scout .runs/scout/last.pt --close-up .runs/close-up/last.pt \\
        --relation .runs/relation/last.pt --out ../deepacev2-r24h [--evaluation evaluation.json]

Without --close-up: the detector alone, on whose boxes the close-up is trained; without --relation: what is measured
without it. The viewer takes neither. With --detector <exported model> in place of the checkpoint and --scout: a new
close-up, a new relation network or both beside graphs that stay as they are; to a new close-up belongs a new relation
network.

Opset 16 (see docs: GridSample-20 and later Resize forms are not on ONNX Runtime's WebGPU provider), batch norm folded,
weights stored as fp16 with a Cast that the runtime folds at load: half the size at the same speed and fp32 arithmetic.
Every graph is compared with PyTorch on two sizes, heads also on zero proposals, before anything is written in place.
"""
from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from anchors import RATIOS, SIDES, STRIDE
from box_coder import HEAD_WEIGHTS, MAX_LOG_RATIO, RPN_WEIGHTS
from close_up import ALONE_IOU, CONTEXT, DELTA_SHARE, SIDE, SURE_SCORE, CloseUp, beside, fused_score
from close_up import FC as CLOSE_UP_WIDTH
from checkpoint import CheckpointError, best_state, load_weights, read_checkpoint, steps_of
from configuration import TYPES, Configuration
from crops import cut_crops
from detect import RELATION_OUTPUTS, onnx_stages, read_manifest
from embedding_nms import VARIANTS
from golden import draw_picture, make_golden, write_golden
from network import DeepACE
from relation import Relation, RelationInput
from roi_align import roi_align
from scout import Scout

OPSET = 16
GRAPH_FILES = {"scout": "scout.onnx", "dense": "dense.onnx", "heads": "heads.onnx", "closeUp": "close-up.onnx", "relation": "relation.onnx"}
POOLED = 7
# Of Embedding-Guided NMS, until evaluate.py has chosen: the best without a relation network.
DEFAULT_VARIANT = "intendedCubic"
INTENDED_USE = (
    "For Research Use Only. Not for use in diagnostic procedures. Marks and counts chromosomes in light-microscope "
    "images of single Giemsa-banded metaphase cells; every box is to be checked by a reader."
)
# Two sizes, so that nothing of the traced size is frozen into a graph.
COMPARED_SIZES = ((160, 192), (256, 224))
FP32_TOLERANCE = 2e-3  # largest |difference| / max(1, largest |value|), PyTorch against ONNX Runtime, same fp32 weights
FP16_TOLERANCE = 2e-2  # the same after rounding the weights to fp16, root mean square

class ExportError(RuntimeError):
    """An exported graph that does not compute what the network computes."""


class _OnnxRoiAlign(torch.autograd.Function):
    """roi_align of one image for PyTorch, the RoiAlign operator for the exporter."""

    @staticmethod
    def forward(ctx, features, rois, spatial_scale, output):
        return roi_align(features, rois, torch.zeros(len(rois), dtype=torch.long), spatial_scale, output)

    @staticmethod
    def symbolic(g, features, rois, spatial_scale, output):
        # ConstantOfShape instead of a Cast to int64, which ONNX Runtime's WebGPU provider has not.
        count = g.op("Slice", g.op("Shape", rois), *(g.op("Constant", value_t=torch.tensor([v])) for v in (0, 1)))
        image_index = g.op("ConstantOfShape", count, value_t=torch.tensor([0]))
        return g.op(
            "RoiAlign",
            features,
            rois,
            image_index,
            coordinate_transformation_mode_s="half_pixel",
            mode_s="avg",
            output_height_i=output,
            output_width_i=output,
            sampling_ratio_i=2,
            spatial_scale_f=spatial_scale,
        )


class DenseStage(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, image):
        return self.network.dense(image)


class HeadsStage(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, features, rois):
        scores, deltas, embeddings, types, hidden = self.network.classify(_OnnxRoiAlign.apply(features, rois, 1.0 / STRIDE, POOLED))
        return scores.sigmoid(), deltas, embeddings, types.softmax(dim=1), hidden


class CloseUpStage(torch.nn.Module):
    """What heads and close-up say of the score is fused inside the graph."""

    def __init__(self, close_up):
        super().__init__()
        self.close_up = close_up

    def forward(self, crops, boxes, scores):
        levels, deltas, types, hidden = self.close_up(crops, beside(boxes, scores))
        return fused_score(scores, levels), deltas * DELTA_SHARE, types.softmax(dim=1), hidden


class RelationStage(torch.nn.Module):
    """How the boxes of a pair lie is computed inside the graph, so that nobody else has to."""

    def __init__(self, relation):
        super().__init__()
        self.relation = relation

    def forward(self, *given):
        return self.relation.judge(RelationInput(*given))


def load_network(path: Path):
    """-> (DeepACE in eval mode, its checkpoint)."""
    checkpoint = read_checkpoint(path)
    config = checkpoint["config"]
    network = DeepACE(config if isinstance(config, Configuration) else Configuration.from_dict(config))
    load_weights(network, best_state(checkpoint), path)
    return network.eval(), checkpoint


def load_scout(path: Path) -> torch.nn.Module:
    scout = Scout()
    load_weights(scout, best_state(read_checkpoint(path)), path)
    return scout.eval()


def load_close_up(path: Path) -> torch.nn.Module:
    close_up = CloseUp()
    load_weights(close_up, best_state(read_checkpoint(path)), path)
    return close_up.eval()


def load_relation(path: Path) -> torch.nn.Module:
    state = best_state(read_checkpoint(path))
    first = state.get("from_heads.weight")
    relation = Relation() if first is None else Relation(first.shape[1])
    load_weights(relation, state, path)
    return relation.eval()


def export_graph(module, inputs, path: Path, input_names, output_names, dynamic_axes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracer warnings on shapes; the comparison on two sizes is the check
        torch.onnx.export(
            module,
            inputs,
            str(path),
            opset_version=OPSET,
            input_names=input_names,
            output_names=output_names,
            dynamic_axes=dynamic_axes,
        )
    onnx.checker.check_model(str(path))


def store_weights_as_fp16(source: Path, target: Path) -> None:
    """fp32 initializers become fp16 ones, each with a Cast to fp32 behind it. Small vectors stay fp32."""
    model = onnx.load(str(source))
    casts, kept = [], []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if weight.data_type != TensorProto.FLOAT or values.size < 256:
            kept.append(weight)
            continue
        if np.abs(values).max() > np.finfo(np.float16).max:
            raise ExportError(f"{source.name}: weight {weight.name} does not fit fp16")
        kept.append(numpy_helper.from_array(values.astype(np.float16), weight.name + ".fp16"))
        casts.append(helper.make_node("Cast", [weight.name + ".fp16"], [weight.name], to=TensorProto.FLOAT))
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(casts + nodes)
    del model.graph.value_info[:]
    for node in model.graph.node:  # the tracer writes source paths of this machine here
        node.ClearField("doc_string")
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def compare(name: str, expected, got, tolerance: float, *, rms: bool) -> float:
    """Largest error over the outputs, relative to each output's scale; ExportError beyond the tolerance."""
    worst = 0.0
    for index, (a, b) in enumerate(zip(expected, got)):
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        if a.shape != b.shape:
            raise ExportError(f"{name} output {index}: expected shape {a.shape}, got {b.shape}")
        if a.size == 0:
            continue
        difference = a - b
        scale = np.sqrt((a ** 2).mean()) if rms else np.abs(a).max()
        size = np.sqrt((difference ** 2).mean()) if rms else np.abs(difference).max()
        error = float(size / max(1.0, scale))
        if not error <= tolerance:  # NaN is not
            raise ExportError(f"{name} output {index}: expected PyTorch and ONNX Runtime within {tolerance}, got {error:.2g}")
        worst = max(worst, error)
    return worst


def run_onnx(path: Path, feeds: dict):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run(None, feeds)


def example_image(height: int, width: int) -> np.ndarray:
    return draw_picture(width, height)[None, None]


def example_rois(width: int, height: int, count: int) -> np.ndarray:
    """[count, 4] f32 inside the picture, of all shapes, some touching its border."""
    random = np.random.RandomState(count)
    low = random.uniform(0, 0.7, (count, 2)) * (width, height)
    high = np.minimum(low + random.uniform(4, 120, (count, 2)), (width, height))
    return np.concatenate([low, high], axis=1).astype(np.float32)


def example_crops(image: np.ndarray, rois: np.ndarray) -> torch.Tensor:
    """u8 [R, 1, SIDE, SIDE] of an `example_image`."""
    return torch.from_numpy(cut_crops(image[0, 0], rois, SIDE, CONTEXT)).unsqueeze(1)


def example_candidates(count: int, hidden: int) -> dict:
    """Of `count` candidates what `detect.relation_input` gathers: seeded, some near each other."""
    random = np.random.RandomState(count)
    types = random.uniform(0, 1, (count, len(TYPES))) ** 4
    return {
        "boxes": example_rois(224, 160, count),
        "scores": random.uniform(0, 1, count).astype(np.float32),
        "headScores": random.uniform(0, 1, count).astype(np.float32),
        "embeddings": random.normal(0, 1, count).astype(np.float32),
        "types": (types / types.sum(axis=1, keepdims=True)).astype(np.float32),
        "hidden": random.uniform(0, 1, (count, hidden)).astype(np.float32),
        "closeHidden": random.uniform(0, 1, (count, CLOSE_UP_WIDTH)).astype(np.float32),
        "looked": (np.arange(count) % 2).astype(np.float32),
    }


def export_stages(network, scout, close_up, relation, folder: Path) -> dict:
    """Writes the graphs into `folder`; -> errors found, by graph. Raises ExportError where one differs."""
    height, width = COMPARED_SIZES[0]
    image = torch.from_numpy(example_image(height, width))
    rois = torch.from_numpy(example_rois(width, height, 13))
    with torch.no_grad():
        features = network.dense(image)[0]
    spatial = {2: "height", 3: "width"}
    reduced = {2: "rows", 3: "columns"}
    stages = {
        "scout": (scout, (image,), ["image"], ["scout"], {"image": spatial, "scout": reduced}),
        "dense": (
            DenseStage(network).eval(),
            (image,),
            ["image"],
            ["features", "objectness", "deltas"],
            {"image": spatial, "features": reduced, "objectness": reduced, "deltas": reduced},
        ),
        "heads": (
            HeadsStage(network).eval(),
            (features, rois),
            ["features", "rois"],
            ["scores", "deltas", "embeddings", "types", "hidden"],
            {"features": reduced, **{n: {0: "numRois"} for n in ("rois", "scores", "deltas", "embeddings", "types", "hidden")}},
        ),
        **stages_after(close_up, relation),
    }
    return write_stages(stages, network, folder)


def stages_after(close_up, relation) -> dict:
    """The graphs beside the detector's that there are."""
    stages = {}
    if close_up:
        stages["closeUp"] = close_up_stage(close_up)
    if relation:
        stages["relation"] = relation_stage(relation)
    return stages


def relation_stage(relation) -> tuple:
    given = example_candidates(13, relation.from_heads.in_features)
    return (
        RelationStage(relation).eval(),
        tuple(torch.from_numpy(value) for value in given.values()),
        list(given),
        list(RELATION_OUTPUTS),
        {n: {0: "numBoxes"} for n in (*given, *RELATION_OUTPUTS)},
    )


def close_up_stage(close_up) -> tuple:
    image = example_image(*COMPARED_SIZES[0])
    rois = example_rois(image.shape[3], image.shape[2], 13)
    return (
        CloseUpStage(close_up).eval(),
        (example_crops(image, rois), torch.from_numpy(rois), torch.linspace(0.1, 0.9, len(rois))),
        ["crops", "boxes", "headScores"],
        ["scores", "deltas", "types", "hidden"],
        {n: {0: "numBoxes"} for n in ("crops", "boxes", "headScores", "scores", "deltas", "types", "hidden")},
    )


def write_stages(stages: dict, network, folder: Path) -> dict:
    """stages: graph -> (module, example inputs, input names, output names, dynamic axes)."""
    errors = {}
    for name, (module, inputs, input_names, output_names, axes) in stages.items():
        plain, final = folder / f"{name}.fp32.onnx", folder / GRAPH_FILES[name]
        export_graph(module, inputs, plain, input_names, output_names, axes)
        store_weights_as_fp16(plain, final)
        errors[name] = {"fp32": 0.0, "fp16": 0.0}
        for feeds in _compared_feeds(name, network, module):
            with torch.no_grad():
                expected = module(*(torch.from_numpy(v) for v in feeds.values()))
            expected = [expected] if isinstance(expected, torch.Tensor) else expected
            expected = [e.numpy() for e in expected]
            fp32 = compare(f"{name} fp32", expected, run_onnx(plain, feeds), FP32_TOLERANCE, rms=False)
            fp16 = compare(f"{name} fp16", expected, run_onnx(final, feeds), FP16_TOLERANCE, rms=True)
            errors[name] = {"fp32": max(errors[name]["fp32"], fp32), "fp16": max(errors[name]["fp16"], fp16)}
        plain.unlink()
    return errors


def _compared_feeds(name: str, network, module):
    if name == "relation":
        for count in (29, 1):
            yield example_candidates(count, module.relation.from_heads.in_features)
        return
    for height, width in COMPARED_SIZES:
        image = example_image(height, width)
        if name == "closeUp":
            for count in (29, 1):
                boxes = example_rois(width, height, count)
                scores = np.linspace(0, 1, count, dtype=np.float32)
                yield {"crops": example_crops(image, boxes).numpy(), "boxes": boxes, "headScores": scores}
            continue
        if name != "heads":
            yield {"image": image}
            continue
        with torch.no_grad():
            features = network.dense(torch.from_numpy(image))[0].numpy()
        for count in (29, 1, 0):
            yield {"features": features, "rois": example_rois(width, height, count)}


def default_manifest(model_id: str, version: str, canonical_size: float, looks: int = 2, hidden: int = Configuration.fc) -> dict:
    """Everything but the files, the training and what was measured."""
    return {
        "schemaVersion": 1,
        "id": model_id,
        "version": version,
        "date": datetime.date.today().isoformat(),
        "intendedUse": INTENDED_USE,
        "files": {},
        "input": {
            "polarity": "auto",
            "light": {"parts": 12, "ground": 0.9, "tolerance": 0.06, "explained": 0.6, "darkest": 0.75},
            "contrast": {"low": 0.005, "high": 0.995, "steps": 32, "minRange": 16},
            "padValue": 255,
            "padMultiple": 32,
        },
        "sizePolicy": {
            "scoutLongSide": 384,
            "scoutStride": 4,
            "scoutLooks": 5,
            "scoutFinestSide": 1536,
            "scoutMinSize": 16,
            "scoutSpan": 7,
            "scoutMargin": 4,
            "scoutMarginShare": 0.6,
            "scoutZoom": 1.5,
            "scoutSureZoom": 3,
            "scoutSizeUnit": 16,
            "positiveLogit": 0,
            "regionLogit": -2,
            "regionMargin": 0.5,
            "minPositives": 3,
            "canonicalSize": canonical_size,
            "scaleSteps": 8,
            "regionGrid": 32,
            "minScale": 0.1,
            "maxScale": 6,
            "maxNetworkPixels": 1400000,
        },
        "stride": STRIDE,
        "anchors": {"sides": list(SIDES), "ratios": list(RATIOS)},
        "coder": {"rpnWeights": list(RPN_WEIGHTS), "headWeights": list(HEAD_WEIGHTS), "maxLogRatio": MAX_LOG_RATIO},
        "proposals": {"preNms": 6000, "minLogit": -100, "nmsIou": 0.7, "postNms": 300, "minSide": 2},
        "refinement": {"looks": looks, "minScore": 0.05, "duplicateIou": 0.8},
        "closeUp": {"side": SIDE, "context": CONTEXT, "sureScore": SURE_SCORE, "aloneIou": ALONE_IOU},
        "relation": {"hidden": hidden, "closeHidden": CLOSE_UP_WIDTH},
        "suppression": {
            "candidateFloor": 0.002,
            "maxDetections": 200,
            "default": "eg",
            "hard": {"iou": 0.5},
            "soft": {"sigma": 0.5},
            "eg": {"sigma": 0.5, "delta": 0.3, "base": 1.5, **VARIANTS[DEFAULT_VARIANT]},
        },
        "thresholds": {"eg": 0.5, "soft": 0.5, "hard": 0.5},
        "types": list(TYPES),
    }


def describe_file(folder: Path, path: str) -> dict:
    data = (folder / path).read_bytes()
    return {"path": path, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def use_evaluation(manifest: dict, evaluation: dict) -> None:
    """Thresholds, suppression and metrics that evaluate.py found; they must have been measured on these very weights."""
    for name, digest in evaluation["modelSha256"].items():
        if digest != manifest["files"][name]["sha256"]:
            raise ExportError(f"evaluation: measured on another {name}.onnx ({digest[:12]}), expected {manifest['files'][name]['sha256'][:12]}")
    manifest["thresholds"] = evaluation["thresholds"]
    manifest["suppression"] = evaluation["suppression"]
    manifest["metrics"] = evaluation["manifestMetrics"]


def export_model(
    network,
    scout,
    close_up,
    relation,
    out: Path,
    *,
    model_id: str,
    version: str,
    training: dict,
    evaluation: dict | None = None,
    detector: Path | None = None,
    proposals: dict | None = None,
) -> dict:
    """Writes a complete model directory; nothing of an old one is touched before everything has been compared. With
    `detector`, an exported model, `network` and `scout` are None and only the close-up and the relation network are written
    anew, or no graph at all where both are None: what changes is how they are used. `proposals` changes single values of
    the manifest's; what it does not name is as in the detector, or as in the paper."""
    exported = read_manifest(detector) if detector else None
    if exported:
        canonical_size, looks = exported["sizePolicy"]["canonicalSize"], exported["refinement"]["looks"]
        hidden = exported["relation"]["hidden"]
    else:
        canonical_size, looks, hidden = network.config.canonical_size, network.config.looks, network.config.fc
    manifest = default_manifest(model_id, version, float(canonical_size), looks, hidden)
    if exported:
        manifest["proposals"].update(exported["proposals"])
    manifest["proposals"].update(proposals or {})
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if detector:
            errors = write_stages(stages_after(close_up, relation), None, folder)
            for name in kept_graphs(exported, close_up, relation):
                shutil.copyfile(detector / GRAPH_FILES[name], folder / GRAPH_FILES[name])
        else:
            errors = export_stages(network, scout, close_up, relation, folder)
        for name in GRAPH_FILES:
            if (folder / GRAPH_FILES[name]).exists():
                manifest["files"][name] = describe_file(folder, GRAPH_FILES[name])
        manifest["training"] = training
        manifest["metrics"] = {"command": "none: not evaluated"}
        if evaluation is not None:
            use_evaluation(manifest, evaluation)
        arrays, values = make_golden(draw_picture(), manifest, onnx_stages(folder, manifest))
        write_golden(folder / "golden", arrays, values)
        manifest["files"]["golden"] = describe_file(folder, "golden/golden.json")
        manifest["files"]["goldenData"] = describe_file(folder, "golden/golden.bin")
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
        out.mkdir(parents=True, exist_ok=True)
        (out / "golden").mkdir(exist_ok=True)
        # The manifest last: until then the old hashes refuse the new files, never the other way round.
        for path in [f["path"] for f in manifest["files"].values()] + ["manifest.json"]:
            shutil.copyfile(folder / path, out / path)
    return {"errors": errors, "manifest": manifest, "golden": values}


def kept_graphs(exported: dict, close_up, relation) -> list:
    """The graphs of an exported model that stay beside a new close-up or relation network."""
    replaced = {"closeUp": close_up is not None, "relation": close_up is not None or relation is not None}
    return [name for name in GRAPH_FILES if name in exported["files"] and not replaced.get(name, False)]


def what_to_export(options) -> tuple:
    """-> (network, scout, close-up, relation network, training) of the command line: each None where there is none to write."""
    network = scout = None
    if options.detector:
        training = read_manifest(options.detector)["training"]
    else:
        network, step = DeepACE(Configuration()).eval(), 0
        if options.checkpoint:
            network, checkpoint = load_network(options.checkpoint)
            step = steps_of(checkpoint)
        scout = load_scout(options.scout) if options.scout else Scout().eval()
        training = {"data": options.data, "steps": step, "configuration": network.config.to_dict()}
    close_up = relation = None
    if not options.checkpoint and not options.detector:
        close_up, relation = CloseUp().eval(), Relation(network.config.fc).eval()
    if options.close_up:
        close_up = load_close_up(options.close_up)
    if options.relation:
        relation = load_relation(options.relation)
    return network, scout, close_up, relation, {**training, "date": options.date or datetime.date.today().isoformat()}


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, nargs="?", help="last.pt of train.py; left out: random weights, for development")
    parser.add_argument("--scout", type=Path, help="last.pt of the scout's training; left out: random weights, for development")
    parser.add_argument("--close-up", type=Path, help="last.pt of train_close_up.py; left out: none, or random weights for development")
    parser.add_argument("--relation", type=Path, help="last.pt of train_relation.py; left out: none, or random weights for development")
    parser.add_argument("--detector", type=Path, help="exported model whose graphs stay as they are, but for a --close-up or --relation")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--version", default="0.1.0")
    parser.add_argument("--date", help="of the training, YYYY-MM-DD; default today")
    parser.add_argument("--data", default="CIL:54816 (Tseng et al. 2023, doi 10.7295/W9CIL54816), train part")
    parser.add_argument("--evaluation", type=Path, help="JSON of evaluate.py on the same weights")
    parser.add_argument("--min-logit", type=float, help="anchors of lower objectness are left out; default: the detector's, else none is")
    parser.add_argument("--nms-iou", type=float, help="of the proposals; default: the detector's, else 0.7")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if options.detector and (options.checkpoint or options.scout):
        parser.error("--detector takes the place of the checkpoint and --scout")
    try:
        network, scout, close_up, relation, training = what_to_export(options)
        result = export_model(
            network,
            scout,
            close_up,
            relation,
            options.out,
            model_id=options.out.name,
            version=options.version,
            training=training,
            evaluation=json.loads(options.evaluation.read_text()) if options.evaluation else None,
            detector=options.detector,
            proposals={name: value for name, value in (("minLogit", options.min_logit), ("nmsIou", options.nms_iou)) if value is not None},
        )
    except (CheckpointError, ExportError) as error:
        print(f"export: {error}", file=sys.stderr)
        return 1
    total = sum(f["bytes"] for f in result["manifest"]["files"].values())
    print(f"{options.out}: step {training['steps']}, {total / 1e6:.1f} MB")
    for name, errors in result["errors"].items():
        print(f"  {name}: PyTorch - ONNX Runtime {errors['fp32']:.1e} (fp32 weights, max), {errors['fp16']:.1e} (fp16 weights, rms)")
    print(f"  golden: {result['golden']['counts']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
