"""The relation network: what it may know and what not, in both forms; and its training on a folder drawn by us."""
import dataclasses
import math

import numpy as np
import pytest
import torch

import augment
import train_relation
import views
from box_coder import HEAD_WEIGHTS, decode_boxes
from checkpoint import CheckpointError, read_checkpoint
from dataset import MetaphaseSet
from close_up import CloseUp
from crops import cut_crops
from detect import detect_chromosomes, torch_stages
from export import example_candidates
from nms import iou_matrix
from relation import Relation, RelationInput, pair_values
from train import save
from train_relation import Networks, fed, judged_boxes, neighbours_of, relation_losses
from views import Seen, changed_view


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
    given = given_of(values)
    pairs, near = pair_values(given.boxes, given.scores, given.types)
    some = neighbours_of(given.boxes, given.scores, given.types)
    assert int(near.sum(dim=1).max()) <= some[1].shape[1]
    with torch.no_grad():
        for one, other in zip(tiny_relation(given, pairs, near), tiny_relation(given, *some)):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_changed_view_keeps_its_truth():
    """A dark block in a bright field, whatever is done to the field: its box is where it is dark."""
    seen = set()
    for seed in range(16):
        gray = np.full((120, 200), 220, np.uint8)
        gray[20:50, 130:190] = 40
        view, boxes = changed_view(gray, np.array([[130, 20, 190, 50]], np.float32), np.random.default_rng(seed))
        rows, columns = np.nonzero(view < (int(view.min()) + int(np.median(view))) / 2)
        found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_allclose(boxes[0], found, atol=4)
        seen.add((view.shape[0] > view.shape[1], boxes[0][0] < view.shape[1] / 2, boxes[0][1] < view.shape[0] / 2))
    assert len(seen) == 8


def seen_of_two(rows=()) -> Seen:
    """Two chromosomes; of the first a sure box and a second one, of the other a doubtful one. `rows` are looked at closely."""
    image = np.full((96, 96), 255, np.uint8)
    image[12:28, 12:58], image[14:60, 58:72] = 60, 90
    boxes = np.array([[10, 10, 60, 30], [12, 11, 60, 32], [55, 12, 75, 60]], np.float32)
    values = example_candidates(3, 16)
    truths, kinds = np.array([[10, 10, 61, 30], [55, 12, 75, 62]], np.float32), np.array([3, 7])
    scores = np.array([0.9, 0.8, 0.4], np.float32)
    hidden = values["hidden"].astype(np.float16)
    return Seen(image, (96, 96), boxes, scores, values["embeddings"], values["types"], hidden, np.array(rows, np.int64), truths, kinds)


def train_on(networks, cell, steps: int):
    optimizer = torch.optim.AdamW(networks.parameters(), lr=1e-3)
    for _ in range(steps):
        losses = relation_losses(networks, [cell, cell])
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()


def test_it_learns_that_a_second_box_is_none_and_a_neighbour_is_one(tiny_close_up):
    torch.manual_seed(0)
    networks, cell = Networks(tiny_close_up, Relation(16, dropout=0.0)), fed(seen_of_two(), None)
    train_on(networks, cell, 150)
    with torch.no_grad():
        given = networks.look_closely([cell])[0]
        scores, deltas, embeddings, types = networks.relation.eval().judge(given)
    assert ((scores > 0.5).tolist()) in ([True, False, True], [False, True, True])
    assert types.argmax(dim=1).tolist() == [3, 3, 7]
    made = decode_boxes(deltas, given.boxes, HEAD_WEIGHTS).numpy()
    assert iou_matrix(made, cell.seen.truths).max(axis=1).min() > 0.95
    assert float((embeddings[0] - embeddings[1]).abs()) < 0.3


def test_what_is_asked_of_the_relation_network_teaches_the_close_up(tiny_close_up, monkeypatch):
    """Without its own task too: by what it hands on."""
    monkeypatch.setattr(train_relation, "OWN_TASK_WEIGHT", 0.0)
    relation = Relation(16, dropout=0.0)
    torch.nn.init.normal_(relation.said.weight, std=0.05)
    networks = Networks(CloseUp().train(), relation)
    sum(relation_losses(networks, [fed(seen_of_two((1, 2)), None)]).values()).backward()
    assert float(networks.close_up.fc1.weight.grad.abs().max()) > 0
    networks.zero_grad()
    sum(relation_losses(networks, [fed(seen_of_two(), None)]).values()).backward()
    assert networks.close_up.fc1.weight.grad is None  # it looked at nothing


def test_a_box_is_judged_by_the_better_of_what_it_was_and_what_it_becomes():
    truths = np.array([[0, 0, 40, 20], [60, 0, 100, 20]], np.float32)
    given = np.array([[0, 0, 40, 20], [60, 8, 100, 28]], np.float32)
    made = np.array([[30, 0, 70, 20], [60, 1, 100, 21]], np.float32)  # one moved away, one mended
    assert judged_boxes(given, made, truths).tolist() == [given[0].tolist(), made[1].tolist()]


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


def test_views_are_made_once_for_the_same_weights(run, tmp_path, monkeypatch):
    run("run", epochs=1)
    (tmp_path / "run" / "last.pt").unlink()
    monkeypatch.setattr(train_relation, "collect", lambda *_: pytest.fail("collected anew"))
    assert run("run", epochs=1)["step"] == 1


def test_a_run_of_another_length_is_not_resumed(run):
    run("run", epochs=1)
    with pytest.raises(CheckpointError, match="epochs: 1 -> 2"):
        run("run", epochs=2)


def test_a_gradient_that_is_not_finite_is_told(run, monkeypatch):
    monkeypatch.setattr(train_relation, "relation_losses", lambda networks, _: {"box": (networks.relation.said.weight.sum() * 0).sqrt()})
    with pytest.raises(FloatingPointError, match="step 0: gradient is not finite"):
        run("run")


def test_it_goes_on_from_another_run(run, tmp_path):
    """What export.py takes is what the next run begins from."""
    run("first", epochs=1)
    first = read_checkpoint(tmp_path / "first" / "relation.pt")["model"]
    run("next", epochs=1, initial=tmp_path / "first" / "relation.pt")
    next_ = read_checkpoint(tmp_path / "next" / "relation.pt")["model"]
    run("anew", epochs=1)
    anew = read_checkpoint(tmp_path / "anew" / "relation.pt")["model"]
    name = "from_heads.weight"
    torch.testing.assert_close(anew[name], first[name])
    assert not torch.equal(next_[name], first[name])
    assert float((next_[name] - first[name]).abs().max()) < 0.01


def test_what_is_fed_in_training_is_what_inference_gathers(drawn, tiny_network, tiny_scout, tiny_close_up, tmp_path):
    """The first view of a cell is the cell as it is; crops are cut by a faster way, and the arithmetic is half as fine."""
    metaphases = MetaphaseSet(drawn, "train", tmp_path)
    manifest = untrained_manifest(tiny_network)
    seen = views.look_at(metaphases, 0, 0, [0], manifest, torch_stages(tiny_network, tiny_scout, "cpu"))
    trace: dict = {}
    plan = detect_chromosomes(metaphases.image(0), manifest, torch_stages(tiny_network, tiny_scout, "cpu", tiny_close_up), trace).plan
    expected = trace["related"]["given"]
    assert len(seen.rows) and len(seen.boxes) == len(expected["boxes"])
    np.testing.assert_array_equal(seen.rows, trace["close"]["rows"])
    exact = cut_crops(seen.image, seen.boxes[seen.rows], 80, 1.8)
    assert np.abs(fed(seen, None).crops[:, 0].astype(float) - exact).mean() < 1
    with torch.no_grad():
        given, _ = Networks(tiny_close_up, Relation(32)).look_closely([fed(seen, None)])
    for name, value in zip(expected, (getattr(given, f.name).numpy() for f in dataclasses.fields(RelationInput))):
        size = max(1.0, float(np.abs(expected[name]).max()))
        assert np.sqrt(np.mean((value - expected[name]) ** 2)) / size < 0.02, name
    back = seen.truths / np.array([plan.scale_x, plan.scale_y] * 2) + np.array(plan.region[:2] * 2)
    np.testing.assert_allclose(back, metaphases.items[0].boxes, atol=1e-3)
    assert len(seen.kinds) == len(seen.truths)


def test_a_changed_view_may_hold_chromosomes_of_another_cell(drawn, tiny_network, tiny_scout, tmp_path, monkeypatch):
    monkeypatch.setattr(views, "PASTED_SHARE", 1.0)
    monkeypatch.setattr(augment, "DONOR_MARGIN", -200.0)  # the drawn ones' boxes overlap
    metaphases = MetaphaseSet(drawn, "train", tmp_path)
    stages = torch_stages(tiny_network, tiny_scout, "cpu")
    there = len(metaphases.items[0].boxes)
    counts = [len(views.look_at(metaphases, 0, view, [1], untrained_manifest(tiny_network), stages).truths) for view in (0, 1)]
    assert counts[0] == there < counts[1]
