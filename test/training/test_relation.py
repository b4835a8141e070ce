"""The relation network: what it may know and what not, in both forms; and its training on a folder drawn by us."""
import dataclasses
import json
import math
import pickle

import numpy as np
import pytest
import torch

import hard_images
import train_relation
from box_coder import HEAD_WEIGHTS, decode_boxes
from checkpoint import CheckpointError, read_checkpoint
from dataset import DataError, MetaphaseSet
from detect import torch_stages
from export import example_candidates, load_relation
from nms import iou_matrix
from relation import Relation, RelationInput, pair_values
from train import save
from train_relation import Cell, cell_of, changed_view, relation_losses


def given_of(values: dict) -> RelationInput:
    return RelationInput(*(torch.from_numpy(value) for value in values.values()))


def taken(given: RelationInput, rows) -> RelationInput:
    return RelationInput(*(getattr(given, field.name)[rows] for field in dataclasses.fields(RelationInput)))


def test_pair_values_by_hand():
    boxes = torch.tensor([[0.0, 0, 40, 20], [30, 10, 50, 50], [300, 300, 320, 340]])
    types = torch.eye(3, 24)
    types[1, 0], types[1, 1] = 0.25, 0.75
    values, near = pair_values(boxes, torch.tensor([0.5, 0.8, 0.5]), types)
    assert near.tolist() == [[True, True, False], [True, True, False], [False, False, True]]
    shared = 10 * 10
    iou = shared / (800 + 800 - shared)
    lead = math.log(0.8 / 0.2) / 4
    expected = [iou, iou ** 3, shared / 800, shared / 800, 20 / 40, 20 / 20, 0.5, 1.0, math.log(20 / 40), math.log(40 / 20), lead, math.tanh(4 * lead), 0.25]
    np.testing.assert_allclose(values[0, 1], expected, rtol=1e-5)
    assert float(values[1, 0, 10]) == pytest.approx(-lead, rel=1e-5)


def test_a_narrow_gap_is_near_and_a_wide_one_is_not():
    """A quarter of the shorter side, in x and in y: the halves of one chromosome that were boxed apart."""
    boxes = torch.tensor([[0.0, 0, 40, 20], [49, 0, 89, 20], [0, 26, 40, 46]])
    near = pair_values(boxes, torch.full((3,), 0.5), torch.full((3, 24), 1 / 24))[1]
    assert near.tolist() == [[True, True, False], [True, True, False], [False, False, True]]


def test_untrained_it_changes_nothing():
    given = given_of(example_candidates(20, 512))
    scores, deltas, embeddings, types = Relation().eval().judge(given)
    torch.testing.assert_close(scores, given.scores.clamp(1e-4, 1 - 1e-4), rtol=1e-4, atol=1e-6)
    assert not deltas.any()
    torch.testing.assert_close(embeddings, given.embeddings)
    torch.testing.assert_close(types, given.types, atol=5e-3, rtol=0)


def test_the_order_of_the_candidates_does_not_matter(tiny_relation):
    given = given_of(example_candidates(20, 32))
    order = torch.randperm(20, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for one, other in zip(tiny_relation.judge(given), tiny_relation.judge(taken(given, order))):
            torch.testing.assert_close(one[order], other, rtol=1e-4, atol=1e-5)


def test_it_hears_neighbours_and_nobody_else(tiny_relation):
    """Another cell far away in the frame, however large, changes nothing: no prior on how many there are."""
    given = given_of(example_candidates(20, 32))
    far = dataclasses.replace(given, boxes=given.boxes + 5000)
    both = RelationInput(*(torch.cat((getattr(given, f.name), getattr(far, f.name))) for f in dataclasses.fields(RelationInput)))
    with torch.no_grad():
        alone, together = tiny_relation.judge(given), tiny_relation.judge(both)
        for one, other in zip(alone, together):
            torch.testing.assert_close(one, other[:20], rtol=1e-4, atol=1e-5)
        near = pair_values(given.boxes, given.scores, given.types)[1]
        heard = int(near[0, 1:].nonzero()[0]) + 1
        changed = tiny_relation.judge(dataclasses.replace(given, hidden=given.hidden.index_fill(0, torch.tensor([heard]), 3.0)))
        assert not torch.allclose(alone[0][0], changed[0][0], atol=1e-4)


def test_training_and_inference_compute_alike(tiny_relation):
    """Training gathers some neighbours of many cells, inference weighs all of one."""
    values = example_candidates(20, 32)
    values["boxes"][:, 2:] = np.minimum(values["boxes"][:, 2:], values["boxes"][:, :2] + 40)
    cell = cell_of(values, np.zeros((1, 4), np.float32), np.zeros(1, np.int64))
    given = RelationInput(*(getattr(cell.given, f.name).float() for f in dataclasses.fields(RelationInput)))
    pairs, near = pair_values(given.boxes, given.scores, given.types)
    assert int(near.sum(dim=1).max()) <= cell.near.shape[1]
    with torch.no_grad():
        for one, other in zip(tiny_relation(given, pairs, near), tiny_relation(given, cell.pairs, cell.near, cell.neighbours)):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_changed_view_keeps_its_truth():
    """A dark block in a bright field, whatever is done to the field: its box is where it is dark."""
    seen = set()
    for seed in range(48):
        gray = np.full((120, 200), 220, np.uint8)
        gray[20:50, 130:190] = 40
        view, boxes = changed_view(gray, np.array([[130, 20, 190, 50]], np.float32), np.random.default_rng(seed))
        rows, columns = np.nonzero(view < (int(view.min()) + int(np.median(view))) / 2)
        found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_allclose(boxes[0], found, atol=4)
        seen.add((view.shape[0] > view.shape[1], boxes[0][0] < view.shape[1] / 2, boxes[0][1] < view.shape[0] / 2))
    assert len(seen) == 8


def cell_of_two() -> Cell:
    """Two chromosomes; of the first a sure box and a second one, of the other a doubtful one."""
    boxes = np.array([[10, 10, 60, 30], [12, 11, 60, 32], [55, 12, 75, 60]], np.float32)
    values = {**example_candidates(3, 16), "boxes": boxes, "scores": np.array([0.9, 0.8, 0.4], np.float32)}
    return cell_of(values, np.array([[10, 10, 61, 30], [55, 12, 75, 62]], np.float32), np.array([3, 7]))


def learnt(cell: Cell):
    """What a small network says of the cell that it has learned by heart: scores, boxes that it makes, embeddings, types."""
    torch.manual_seed(0)
    network = Relation(16, dropout=0.0)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    for _ in range(150):
        losses = relation_losses(network, [cell, cell])
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    given = RelationInput(*(getattr(cell.given, f.name).float() for f in dataclasses.fields(RelationInput)))
    with torch.no_grad():
        scores, deltas, embeddings, types = network.eval().judge(given)
    return scores, decode_boxes(deltas, given.boxes, HEAD_WEIGHTS).numpy(), embeddings, types


def test_it_learns_that_a_second_box_is_none_and_a_neighbour_is_one():
    cell = cell_of_two()
    scores, made, embeddings, types = learnt(cell)
    assert ((scores > 0.5).tolist()) in ([True, False, True], [False, True, True])
    assert types.argmax(dim=1).tolist() == [3, 3, 7]
    assert iou_matrix(made, cell.truths).max(axis=1).min() > 0.95
    assert float((embeddings[0] - embeddings[1]).abs()) < 0.3


def test_a_box_that_is_made_to_fit_is_one():
    """As it was given it lies beside the chromosome by the rule of the count: an IoU below one half."""
    boxes = np.array([[10, 10, 60, 30], [55, 20, 75, 106]], np.float32)
    values = {**example_candidates(2, 16), "boxes": boxes, "scores": np.array([0.9, 0.4], np.float32)}
    cell = cell_of(values, cell_of_two().truths, cell_of_two().types)
    assert 0.4 < iou_matrix(boxes, cell.truths)[1, 1] < 0.5
    scores, made, _, _ = learnt(cell)
    assert iou_matrix(made, cell.truths)[1, 1] > 0.9
    assert (scores > 0.5).tolist() == [True, True]


@pytest.fixture()
def run(drawn, tiny_network, tiny_scout, tiny_close_up, tmp_path, monkeypatch):
    """run(name, **changes of train's arguments) on a drawn folder and random networks, of which every score is hopeful."""
    for name, network in (("main", tiny_network), ("scout", tiny_scout), ("close-up", tiny_close_up)):
        config = network.config.to_dict() if name == "main" else {}
        save(tmp_path / f"{name}.pt", config=config, model=network.state_dict(), step=1)
    monkeypatch.setattr(train_relation, "TUNING", 1)
    monkeypatch.setattr(train_relation, "BATCH_CELLS", 1)
    monkeypatch.setattr(train_relation, "manifest_of", untrained_manifest)

    def train(name, **changes):
        options = {"views": 2, "epochs": 3, "workers": 1, **changes}
        paths = (tmp_path / "main.pt", tmp_path / "scout.pt", tmp_path / "close-up.pt")
        train_relation.train(drawn, *paths, tmp_path / name, **options)
        return read_checkpoint(tmp_path / name / "last.pt")

    return train


def untrained_manifest(network) -> dict:
    manifest = MANIFEST_OF(network)
    manifest["proposals"].update(minLogit=-100.0, postNms=20)
    return manifest


MANIFEST_OF = train_relation.manifest_of


def test_training_resumes_where_it_stopped(run, tmp_path, monkeypatch):
    """Three epochs at once, and three that were interrupted after the first, end on the same weights."""
    whole = run("whole")
    real, calls = train_relation.save, []

    def interrupted(*arguments, **content):
        real(*arguments, **content)
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(train_relation, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run("parts")
    parts = run("parts")
    assert whole["step"] == parts["step"] == 3
    for name, value in whole["ema"].items():
        torch.testing.assert_close(value, parts["ema"][name], msg=name)
    assert any(not torch.equal(whole["model"][name], whole["ema"][name]) for name in whole["ema"])


def test_a_new_run_goes_on_from_the_averaged_weights_of_another(run, tmp_path):
    first = run("first", epochs=1)["ema"]["from_heads.weight"]
    following = run("next", epochs=1, initial=tmp_path / "first" / "last.pt")["ema"]["from_heads.weight"]
    anew = run("anew", epochs=1)["ema"]["from_heads.weight"]
    torch.testing.assert_close(anew, first)
    assert not torch.equal(following, first)
    assert float((following - first).abs().max()) < 0.01 < float((following - Relation(32).from_heads.weight).abs().max())


def test_views_of_earlier_weights_are_learned_from_as_well(run, tmp_path):
    """Without them an epoch of one step sees the one cell of the one view; with them it draws from three."""
    first = run("first", epochs=1, views=1)
    numbers = []
    for name, earlier in (("alone", ()), ("more", (tmp_path / "first", tmp_path / "first"))):
        state = run(name, epochs=1, views=1, initial=tmp_path / "first" / "last.pt", earlier=earlier)
        numbers.append((state["step"], state["config"]["cells"]))
    assert numbers == [(first["step"], 1), (first["step"], 3)]


def test_a_folder_without_earlier_views_is_told(run, tmp_path):
    with pytest.raises(DataError, match="nothing: expected the folder of a run with view-<n>.pkl, found none"):
        run("run", earlier=(tmp_path / "nothing",))


def test_images_that_are_counted_wrongly_are_told_by_their_errors(run, drawn, tmp_path):
    run("run", epochs=1)
    view = tmp_path / "run" / "view-0.pkl"
    (index, given, _, _), = train_relation.read_view(view)
    boxes = given["boxes"][:2] = np.float32([[10, 10, 60, 30], [40, 10, 90, 30]])
    apart = boxes + np.float32(1000)
    relation = Relation(32).eval()  # untrained: boxes and scores as given
    surest = {**given, "scores": np.r_[np.full(2, 0.9), np.full(len(given["scores"]) - 2, 0.1)].astype(np.float16)}
    types = np.zeros(2, np.int64)
    assert hard_images.errors_of(relation, surest, boxes, types) == 0
    assert hard_images.errors_of(relation, surest, boxes[:1], types[:1]) == 1  # a false box
    assert hard_images.errors_of(relation, surest, np.concatenate((boxes, apart)), np.zeros(4, np.int64)) == 2  # two missed
    assert hard_images.errors_of(relation, surest, apart, types) == 4

    options = ["--data", drawn, "--cache", tmp_path / "cache", "--relation", tmp_path / "run" / "last.pt", "--out", tmp_path / "hard.json"]
    assert hard_images.main([*map(str, options), "--seen", str(view.parent)]) == 0
    errors = json.loads((tmp_path / "hard.json").read_text())
    name = MetaphaseSet(drawn, "train", tmp_path / "cache").items[index].file_name
    wanted = hard_images.errors_of(load_relation(tmp_path / "run" / "last.pt"), *train_relation.read_view(view)[0][1:])
    assert errors == {name: wanted} and wanted > 0


def test_images_of_a_run_that_kept_none_are_asked_for(drawn, tmp_path, capsys):
    save(tmp_path / "relation.pt", config={}, model=Relation(32).state_dict(), step=1)
    options = ["--data", drawn, "--cache", tmp_path, "--seen", tmp_path, "--relation", tmp_path / "relation.pt", "--out", tmp_path / "hard.json"]
    assert hard_images.main([*map(str, options)]) == 1
    assert "expected the folder of a run with view-0.pkl, found none" in capsys.readouterr().err


def test_views_are_made_once_for_the_same_weights(run, tmp_path, monkeypatch):
    run("run", epochs=1)
    (tmp_path / "run" / "last.pt").unlink()
    monkeypatch.setattr(train_relation, "collect", lambda *_: pytest.fail("collected anew"))
    assert run("run", epochs=1)["step"] == 1


def test_views_are_made_anew_where_they_are_drawn_otherwise(run, tmp_path, monkeypatch):
    run("run", epochs=1)
    (tmp_path / "run" / "last.pt").unlink()
    changed = tmp_path / "touching.py"
    changed.write_text("GAP = (0, 1)")
    monkeypatch.setattr(train_relation, "VIEW_SOURCES", (changed,))
    monkeypatch.setattr(train_relation, "collect", lambda *_: pytest.fail("collected anew"))
    with pytest.raises(pytest.fail.Exception, match="collected anew"):
        run("run", epochs=1)


def test_a_view_of_an_earlier_version_is_refused(run, tmp_path):
    run("run", epochs=1)
    view = tmp_path / "run" / "view-0.pkl"
    kept = pickle.loads(view.read_bytes())
    view.write_bytes(pickle.dumps({**kept, "cells": [cell[1:] for cell in kept["cells"]]}))
    with pytest.raises(DataError, match="view-0.pkl: expected image, values, truths and types"):
        train_relation.read_view(view)


def test_a_run_of_another_length_is_not_resumed(run):
    run("run", epochs=1)
    with pytest.raises(CheckpointError, match="epochs: 1 -> 2"):
        run("run", epochs=2)


def test_a_gradient_that_is_not_finite_is_told(run, monkeypatch):
    monkeypatch.setattr(train_relation, "relation_losses", lambda network, _: {"box": (network.said.weight.sum() * 0).sqrt()})
    with pytest.raises(FloatingPointError, match="step 0: gradient is not finite"):
        run("run")


def test_what_is_fed_in_training_is_what_inference_gathers(drawn, tiny_network, tiny_scout, tiny_close_up, tmp_path):
    """The first view of a cell is the cell as it is."""
    metaphases = MetaphaseSet(drawn, "train", tmp_path)
    stages = torch_stages(tiny_network, tiny_scout, "cpu", tiny_close_up)
    manifest = untrained_manifest(tiny_network)
    index, given, truths, types = train_relation.look_at(metaphases, 0, 0, manifest, stages)
    assert index == 0
    trace: dict = {}
    plan = train_relation.detect_chromosomes(metaphases.image(0), manifest, stages, trace).plan
    np.testing.assert_array_equal(given["boxes"], trace["related"]["given"]["boxes"])
    np.testing.assert_allclose(given["hidden"], trace["related"]["given"]["hidden"], rtol=1e-2, atol=1e-2)
    assert len(truths) == len(types) == len(metaphases.items[0].boxes)
    back = truths / np.array([plan.scale_x, plan.scale_y] * 2) + np.array(plan.region[:2] * 2)
    np.testing.assert_allclose(back, metaphases.items[0].boxes, atol=1e-3)
