import hashlib
import json

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

import export
from checkpoint import CheckpointError
from close_up import CloseUp
from detect import detect_chromosomes, onnx_stages, read_manifest, select_detections, torch_stages
from export import GRAPH_FILES, ExportError, compare, export_model, load_network
from golden import draw_picture, make_golden, read_golden
from relation import Relation


@pytest.fixture(scope="module")
def exported(tiny_network, tiny_scout, tiny_close_up, tiny_relation, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "deepacev2-tiny"
    training = {"data": "random weights", "date": "2026-01-01", "steps": 0}
    result = export_model(
        tiny_network, tiny_scout, tiny_close_up, tiny_relation, folder, model_id="deepacev2-tiny", version="0.0.1", training=training
    )
    return folder, result


def test_graphs_agree_with_pytorch(exported):
    """export_model compares on two sizes, heads on 29, 1 and 0 RoIs, close-up and relation network on 29 and 1 boxes, or raises."""
    errors = exported[1]["errors"]
    assert set(errors) == {"scout", "dense", "heads", "closeUp", "relation"}
    for name, error in errors.items():
        assert 0 < error["fp32"] < 1e-4, name
        assert error["fp32"] < error["fp16"] < 2e-2, name  # rounding the weights shows, and stays small


def test_weights_are_stored_as_fp16(exported):
    folder, _ = exported
    for name in GRAPH_FILES.values():
        model = onnx.load(str(folder / name))
        assert model.opset_import[0].version == 16
        large = [w for w in model.graph.initializer if int(np.prod(w.dims)) >= 256]
        assert large and all(w.data_type == TensorProto.FLOAT16 for w in large)
        operators = {node.op_type for node in model.graph.node}
        assert "BatchNormalization" not in operators
        # what ONNX Runtime's WebGPU provider has not
        assert not operators & {"NonMaxSuppression", "NonZero", "GridSample", "If", "Loop"}
        targets = {a.i for node in model.graph.node if node.op_type == "Cast" for a in node.attribute if a.name == "to"}
        assert targets == ({TensorProto.FLOAT})


def test_no_path_of_this_machine_is_in_the_files(exported):
    folder, _ = exported
    for name in GRAPH_FILES.values():
        content = (folder / name).read_bytes()
        assert b"/training/" not in content and b"site-packages" not in content


def test_manifest_is_valid_and_tells_the_files(exported, model_assets):
    jsonschema = pytest.importorskip("jsonschema")
    folder, result = exported
    manifest = read_manifest(folder)
    assert manifest == json.loads(json.dumps(result["manifest"]))
    jsonschema.validate(manifest, json.loads((model_assets / "manifest.schema.json").read_text()))
    for entry in manifest["files"].values():
        content = (folder / entry["path"]).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (entry["sha256"], entry["bytes"])


def test_golden_set_is_what_the_exported_model_gives(exported):
    folder, _ = exported
    manifest = read_manifest(folder)
    arrays, values, _ = read_golden(folder / "golden")
    again, values_again = make_golden(draw_picture(), manifest, onnx_stages(folder, manifest))
    assert values == values_again
    assert set(arrays) == set(again)
    for name in arrays:
        assert arrays[name].dtype == again[name].dtype, name
        np.testing.assert_array_equal(arrays[name], again[name], err_msg=name)


def test_golden_steps_follow_from_each_other(exported):
    """Shapes and ranges that a reader relies on."""
    arrays, values, tolerances = read_golden(exported[0] / "golden")
    count, candidates = len(arrays["rois"]), len(arrays["candidateScores"])
    assert arrays["gray8"].shape == (values["height"], values["width"])
    assert arrays["networkInput"].shape[2] % 32 == 0 and arrays["networkInput"].shape[3] % 32 == 0
    assert arrays["features"].shape[2:] == tuple(s // 8 for s in arrays["networkInput"].shape[2:])
    assert arrays["types"].shape == (count, 24)
    np.testing.assert_allclose(arrays["types"].sum(axis=1), 1, atol=1e-4)
    assert arrays["candidateBoxes"].shape == (candidates, 4)
    assert (np.diff(arrays["candidateScores"]) <= 0).all()
    settings = read_manifest(exported[0])["closeUp"]
    fed = len(arrays["closeUpRows"])
    shapes = {"Crops": (fed, 1, settings["side"], settings["side"]), "Boxes": (fed, 4), "HeadScores": (fed,)}
    for name, shape in {**shapes, "Scores": (fed,), "Deltas": (fed, 4), "Types": (fed, 24), "Hidden": (fed, 256)}.items():
        assert arrays["closeUp" + name].shape == shape
    np.testing.assert_array_equal(arrays["closeUpBoxes"], arrays["boxes"][arrays["closeUpRows"]])
    boxes = len(arrays["boxes"])
    shapes = {"Boxes": (boxes, 4), "Hidden": (boxes, 32), "CloseHidden": (boxes, 256), "Types": (boxes, 24)}
    for name, shape in {**shapes, **dict.fromkeys(("Scores", "HeadScores", "Embeddings", "Looked"), (boxes,))}.items():
        assert arrays["relation" + name].shape == shape
    np.testing.assert_array_equal(np.flatnonzero(arrays["relationLooked"]), arrays["closeUpRows"])
    np.testing.assert_array_equal(arrays["relationCloseHidden"][arrays["closeUpRows"]], arrays["closeUpHidden"])
    assert arrays["candidateRois"].max() < boxes
    for method in ("eg", "soft", "hard"):
        assert (np.diff(arrays[method + "Scores"]) <= 0).all()
        assert arrays[method + "Indices"].max() < candidates
    assert all(value > 0 for value in tolerances.values())


def test_a_new_close_up_leaves_the_detector_as_it_is(exported, tmp_path):
    """export.py --detector: for a close-up that is trained on a shipped model's boxes, and for the relation network that is
    trained on what both say; an old one does not know the new close-up's words and goes."""
    folder, result = exported
    torch.manual_seed(9)
    close_up, options = CloseUp().eval(), {"model_id": "next", "version": "0.0.2", "training": {}, "detector": folder}
    export_model(None, None, close_up, None, tmp_path / "part", **options)
    assert set(read_manifest(tmp_path / "part")["files"]) == set(result["manifest"]["files"]) - {"relation"}
    export_model(None, None, close_up, Relation(32).eval(), tmp_path / "next", **options)
    assert changed_files(result["manifest"], tmp_path / "next") - {"golden"} == {"closeUp", "relation", "goldenData"}


def test_a_new_relation_network_leaves_the_rest_as_it_is(exported, tmp_path):
    folder, result = exported
    torch.manual_seed(9)
    export_model(None, None, None, Relation(32).eval(), tmp_path / "next", model_id="next", version="0.0.2", training={}, detector=folder)
    assert changed_files(result["manifest"], tmp_path / "next") - {"golden"} == {"relation", "goldenData"}


@pytest.mark.parametrize("with_close_up", [False, True])
def test_the_detector_alone_is_a_model_that_can_be_run(tiny_network, tiny_scout, tiny_close_up, tmp_path, with_close_up):
    """What the close-up, and then the relation network, are trained on."""
    close_up = tiny_close_up if with_close_up else None
    export_model(tiny_network, tiny_scout, close_up, None, tmp_path / "part", model_id="part", version="0.0.1", training={})
    manifest = read_manifest(tmp_path / "part")
    assert ("closeUp" in manifest["files"]) == with_close_up and "relation" not in manifest["files"]
    assert len(detect_chromosomes(draw_picture(), manifest, onnx_stages(tmp_path / "part", manifest)).candidates) > 0


def changed_files(before: dict, folder) -> set:
    after = read_manifest(folder)["files"]
    return {name for name, file in before["files"].items() if file["sha256"] != after[name]["sha256"]}


def test_without_a_new_close_up_every_graph_stays_and_the_manifest_is_new(exported, tmp_path):
    """export.py --detector alone: for another size policy or other thresholds."""
    folder, _ = exported
    export_model(None, None, None, None, tmp_path / "next", model_id="next", version="0.0.3", training={}, detector=folder, proposals={"minLogit": -50.0, "nmsIou": 0.65})
    for name in GRAPH_FILES.values():
        assert (tmp_path / "next" / name).read_bytes() == (folder / name).read_bytes()
    assert read_manifest(tmp_path / "next")["version"] == "0.0.3"
    assert read_manifest(tmp_path / "next")["proposals"] == {"preNms": 6000, "minLogit": -50, "nmsIou": 0.65, "postNms": 300, "minSide": 2}
    export_model(None, None, None, None, tmp_path / "after", model_id="after", version="0.0.4", training={}, detector=tmp_path / "next")
    assert read_manifest(tmp_path / "after")["proposals"] == read_manifest(tmp_path / "next")["proposals"]


def test_truncated_golden_data_is_refused(exported, tmp_path):
    (tmp_path / "golden.json").write_bytes((exported[0] / "golden" / "golden.json").read_bytes())
    (tmp_path / "golden.bin").write_bytes((exported[0] / "golden" / "golden.bin").read_bytes()[:-8])
    with pytest.raises(ValueError, match="expected .* bytes"):
        read_golden(tmp_path)


@pytest.mark.parametrize("size", [(33, 70), (200, 64), (150, 310)])
def test_whole_pipeline_agrees_between_pytorch_and_onnx_runtime(exported, tiny_network, tiny_scout, size):
    """Same plan; scores of the same proposals close. Another size than any of the export."""
    folder, _ = exported
    manifest = read_manifest(folder)
    gray = draw_picture(size[1], size[0], strips=((20, 15, 24, 9, 30, 2),), seed=8)
    first, second = {}, {}
    a = detect_chromosomes(gray, manifest, torch_stages(tiny_network, tiny_scout), first)
    b = detect_chromosomes(gray, manifest, onnx_stages(folder, manifest), second)
    assert (a.tone, a.plan.region) == (b.tone, b.plan.region)
    np.testing.assert_array_equal(first["network_input"], second["network_input"])
    scale = np.abs(first["objectness"]).max()
    np.testing.assert_allclose(second["objectness"], first["objectness"], atol=0.02 * scale)
    assert len(select_detections(b.candidates, manifest, "soft", 0.0)) > 0


def test_other_method_is_refused(exported):
    manifest = read_manifest(exported[0])
    cell = detect_chromosomes(draw_picture(), manifest, onnx_stages(exported[0], manifest))
    with pytest.raises(ValueError, match="expected one of eg, soft, hard, got 'best'"):
        select_detections(cell.candidates, manifest, "best")


@pytest.mark.parametrize("picture", [np.zeros((0, 5), np.uint8), np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9), np.float32)])
def test_other_pictures_are_refused(exported, picture):
    manifest = read_manifest(exported[0])
    with pytest.raises(ValueError, match=r"expected \[H, W\] uint8"):
        detect_chromosomes(picture, manifest, onnx_stages(exported[0], manifest))


def test_comparison_sees_a_difference():
    a = np.linspace(-2, 2, 50)
    assert compare("x", [a], [a + 1e-5], 1e-4, rms=False) == pytest.approx(5e-6, rel=0.01)
    with pytest.raises(ExportError, match="within"):
        compare("x", [a], [a + 1e-2], 1e-4, rms=False)
    with pytest.raises(ExportError, match="shape"):
        compare("x", [a], [a[:-1]], 1e-4, rms=False)
    with pytest.raises(ExportError, match="nan"):
        compare("x", [a], [a * np.nan], 1e-4, rms=False)


def test_nothing_is_written_when_a_graph_differs(tiny_network, tiny_scout, tiny_close_up, tiny_relation, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "FP16_TOLERANCE", 1e-9)
    with pytest.raises(ExportError):
        export_model(tiny_network, tiny_scout, tiny_close_up, tiny_relation, tmp_path / "out", model_id="x", version="0.0.1", training={})
    assert not (tmp_path / "out").exists()


def test_checkpoint_prefers_the_averaged_weights(tiny_network, tmp_path):
    state = tiny_network.state_dict()
    averaged = {k: v + 1 if k == "score.bias" else v for k, v in state.items()}
    torch.save({"config": tiny_network.config.to_dict(), "model": state, "ema": averaged, "step": 5}, tmp_path / "last.pt")
    network, checkpoint = load_network(tmp_path / "last.pt")
    assert checkpoint["step"] == 5
    assert float(network.score.bias) == pytest.approx(float(tiny_network.score.bias) + 1)


def test_broken_checkpoints_are_named(tmp_path):
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match="broken.pt"):
        load_network(broken)
    torch.save({"model": {}}, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="other.pt.*missing config, step"):
        load_network(tmp_path / "other.pt")


def test_metrics_of_other_weights_are_refused(exported):
    manifest = read_manifest(exported[0])
    evaluation = {"modelSha256": {"dense": "0" * 64}}
    with pytest.raises(ExportError, match="measured on another dense.onnx"):
        export.use_evaluation(manifest, evaluation)


def test_a_checkpoint_of_another_network_is_named_by_the_command(tiny_scout, tmp_path, capsys):
    path = tmp_path / "scout.pt"
    torch.save({"config": {}, "model": tiny_scout.state_dict(), "step": 1}, path)
    assert export.main([str(path), "--out", str(tmp_path / "model")]) == 1
    assert f"{path}: expected weights of this DeepACE" in capsys.readouterr().err
    assert export.main(["--relation", str(path), "--out", str(tmp_path / "model")]) == 1
    assert f"{path}: expected weights of this Relation" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()
