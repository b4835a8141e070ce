import math

import numpy as np
import pytest
import torch

import train_close_up
from box_coder import HEAD_WEIGHTS, decode_boxes, encode_boxes
from checkpoint import CheckpointError, read_checkpoint
from close_up import CONTEXT, HEADS_SHARE, LEVEL_SHARES, SIDE, beside, fused_score
from crops import cut_crops
from detect import look_closely
from golden import draw_picture
from roi_align import roi_align
from train import save
from train_close_up import Boxed, crop_darkness, sample, turn


@pytest.mark.parametrize("context", [1.0, CONTEXT])
def test_crops_are_what_roi_align_cuts(context):
    """Also of a box half beyond the picture, where white lies."""
    image = draw_picture(256, 192)
    boxes = np.array([[70, 50, 120, 90], [-12, 100, 20, 130], [225.3, 160.2, 262.1, 190.9], [100, 20, 112, 130]], np.float32)
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) * (context / 2)
    rois = torch.from_numpy(np.concatenate((centre - half, centre + half), axis=1))
    darkness = 255.0 - torch.from_numpy(image).float()[None, None]
    exact = roi_align(darkness, rois, torch.zeros(len(rois), dtype=torch.long), 1.0, SIDE)[:, 0].numpy()
    crops = cut_crops(image, boxes, SIDE, context)
    assert crops.max() > 100
    assert np.abs(crops - exact).max() <= 0.51  # rounded to whole values


def test_training_sees_the_crops_of_inference():
    image = draw_picture(256, 192)
    boxes = np.array([[70, 50, 120, 90], [-12, 100, 20, 130], [225.3, 160.2, 262.1, 190.9], [100, 20, 112, 130]], np.float32)
    fast, exact = crop_darkness(image, boxes).astype(float), cut_crops(image, boxes, SIDE, CONTEXT).astype(float)
    # the warp knows places to a thirty-second of a pixel; at the border the nearest pixel is repeated, the warp fades
    assert np.abs(fast - exact)[[0, 3]].max() < 8
    assert np.abs(fast - exact).mean() < 0.5


def test_boxes_that_are_sure_and_stand_alone_are_not_looked_at():
    image, asked = draw_picture(256, 192), []

    def close_up(crops, boxes, scores):
        asked.append((crops.shape, boxes, scores))
        return scores / 2, np.zeros((len(scores), 4), np.float32), np.full((len(scores), 24), 1 / 24, np.float32)

    # the first two share 10 of 50 px in each row, the third is alone and sure, the fourth alone and doubtful
    boxes = np.array([[70, 50, 100, 90], [90, 50, 120, 90], [20, 30, 60, 44], [150, 60, 180, 90]], np.float32)
    scores = np.array([0.99, 0.98, 0.97, 0.6], np.float32)
    manifest = {"closeUp": {"side": SIDE, "context": CONTEXT, "sureScore": 0.95, "aloneIou": 0.15}}
    close = look_closely(image, boxes, scores, close_up, manifest)
    assert close["rows"].tolist() == [0, 1, 3]
    assert asked[0][0] == (3, 1, SIDE, SIDE)
    np.testing.assert_array_equal(asked[0][1], boxes[[0, 1, 3]])
    np.testing.assert_array_equal(asked[0][2], scores[[0, 1, 3]])
    assert look_closely(image, boxes[2:3], scores[2:3], close_up, manifest) == {}
    assert len(asked) == 1


def test_score_by_hand():
    """The weighted mean of logits, once written out."""
    levels = torch.tensor([[2.0, -7.0, 1.0, 5.0]])
    logit = HEADS_SHARE * math.log(0.8 / 0.2) + LEVEL_SHARES[0] * 2.0 + LEVEL_SHARES[2] * 1.0
    assert LEVEL_SHARES[1] == LEVEL_SHARES[3] == 0
    assert float(fused_score(torch.tensor([0.8]), levels)) == pytest.approx(1 / (1 + math.exp(-logit)), rel=1e-5)
    for score in (0.0, 1.0):
        assert 0 < float(fused_score(torch.tensor([score]), torch.zeros(1, 4))) < 1


@pytest.mark.parametrize("which", range(8))
def test_a_turned_crop_keeps_its_truth(which):
    """Turned crop and turned deltas are those of the turned picture: a truth to the upper right stays where it is seen."""
    image = draw_picture(256, 192)[:192, :192]
    box = np.array([[70, 50, 120, 90]], np.float32)
    truth = np.array([[76, 46, 130, 84]], np.float32)

    def seen(image, box, truth):
        deltas = encode_boxes(torch.from_numpy(truth), torch.from_numpy(box), HEAD_WEIGHTS).numpy()
        return crop_darkness(image, box), deltas, beside(torch.from_numpy(box), torch.tensor([0.7])).numpy()

    def moved(box):
        x0, y0, x1, y1 = box[0]
        if which & 1:
            x0, x1 = 192 - x1, 192 - x0
        if which & 2:
            y0, y1 = 192 - y1, 192 - y0
        return np.array([[y0, x0, y1, x1] if which & 4 else [x0, y0, x1, y1]], np.float32)

    turned_image = image[:, ::-1] if which & 1 else image
    turned_image = turned_image[::-1] if which & 2 else turned_image
    turned_image = turned_image.T if which & 4 else turned_image
    expected = seen(np.ascontiguousarray(turned_image), moved(box), moved(truth))
    for got, wanted in zip(turn(*seen(image, box, truth), which), expected):
        np.testing.assert_allclose(got.astype(float), wanted, atol=1.01)


def test_a_sample_tells_the_truth_of_its_boxes():
    truths = np.array([[70, 50, 120, 90], [130, 55, 160, 100]], np.float32)
    boxes = np.array([[70, 50, 120, 90], [72, 50, 125, 88], [10, 10, 40, 40]], np.float32)
    cell = Boxed(draw_picture(256, 192), boxes, np.array([0.5, 0.5, 0.1], np.float32), truths, np.array([4, 9]))
    crops, shape, iou, deltas, types = sample(cell, np.random.default_rng(1))
    assert crops.shape == (3, SIDE, SIDE) and shape.shape == (3, 3) and deltas.shape == (3, 4)
    assert sorted((iou > 0.7).tolist()) == [False, True, True]
    assert set(types[iou > 0.7]) == {4}
    assert crops[iou > 0.7].max() > 60


def test_a_tenth_of_the_cells_is_of_the_second_folder():
    box = np.array([[70, 50, 120, 90]], np.float32)
    real, drawn = ([Boxed(draw_picture(256, 192), box, np.ones(1, np.float32), box, np.array([t]))] for t in (4, 9))
    types = np.concatenate([train_close_up.make_batch(step, real, drawn)[4].numpy() for step in range(50)])
    assert 10 <= (types == 9).sum() <= 30 and len(types) == 200
    assert set(train_close_up.make_batch(0, real, [])[4].tolist()) == {4}


@pytest.fixture()
def run(tmp_path, monkeypatch):
    """run(name, **changes of train's arguments), on one cell and with whatever detector `run.detector` names."""
    generator = np.random.default_rng(0)
    truths = np.array([[70, 50, 120, 90], [130, 55, 160, 100]], np.float32)
    boxes = np.concatenate((truths, truths + generator.normal(0, 5, truths.shape).astype(np.float32)))
    cells = [Boxed(draw_picture(256, 192), boxes, np.full(4, 0.5, np.float32), truths, np.array([4, 9]))]

    def train(name, **changes):
        train_close_up.train(**{"data": tmp_path, "model": tmp_path, "run": tmp_path / name, "steps": 4, **changes})
        return read_checkpoint(tmp_path / name / "last.pt")

    train.detector = "one"
    monkeypatch.setattr(train_close_up, "boxed_cells", lambda *_: cells)
    monkeypatch.setattr(train_close_up, "MetaphaseSet", lambda *_: [])
    monkeypatch.setattr(train_close_up, "read_manifest", lambda _: {"files": {n: {"sha256": train.detector} for n in ("scout", "dense", "heads")}})
    return train


def test_training_resumes_where_it_stopped(run):
    """Four steps at once and two and two end on the same weights."""
    whole = run("whole")
    run("parts", stop_at=2)
    parts = run("parts")
    assert whole["step"] == parts["step"] == 4
    for name, value in whole["ema"].items():
        torch.testing.assert_close(value, parts["ema"][name], msg=name)


def test_a_run_of_another_detector_steps_rate_or_batch_is_not_resumed(run, monkeypatch):
    run("run", stop_at=1)
    for changes, told in (({"steps": 5}, "steps: 4 -> 5"), ({"learning_rate": 1e-3}, "learning_rate: 0.002 -> 0.001")):
        with pytest.raises(CheckpointError, match=f"last.pt: checkpoint of another configuration .{told}"):
            run("run", **changes)
    with monkeypatch.context() as patch:
        patch.setattr(train_close_up, "CELL_BOXES", 32)
        with pytest.raises(CheckpointError, match="cell_boxes: 64 -> 32"):
            run("run")
    run.detector = "two"
    # told before the candidates of the first are replaced
    monkeypatch.setattr(train_close_up, "boxed_cells", lambda *_: pytest.fail("the boxes were collected anew"))
    with pytest.raises(CheckpointError, match="detector: [0-9a-f]+ -> [0-9a-f]+"):
        run("run")


def test_a_checkpoint_that_kept_its_steps_alone_is_compared_by_them(run, tmp_path):
    last = run("run", stop_at=1)
    save(tmp_path / "run" / "last.pt", **{**last, "config": {"steps": 4}})
    assert run("run", stop_at=2)["step"] == 2
    save(tmp_path / "run" / "last.pt", **{**last, "config": {"steps": 9}})
    with pytest.raises(CheckpointError, match="steps: 9 -> 4"):
        run("run")


def test_weights_of_another_network_are_refused(run, tmp_path, tiny_scout):
    save(tmp_path / "scout.pt", config={}, model=tiny_scout.state_dict(), step=1)
    with pytest.raises(CheckpointError, match="scout.pt: expected weights of this CloseUp, got no stem"):
        run("run", initial=tmp_path / "scout.pt")


def test_gradient_that_is_not_finite_is_never_saved(run, tmp_path, monkeypatch):
    run("run", stop_at=1)
    monkeypatch.setattr(train_close_up, "close_up_losses", lambda network, _: {"box": (network.deltas.weight.sum() * 0).sqrt()})
    with pytest.raises(FloatingPointError, match="step 1: gradient is not finite .*the last good checkpoint is .*last.pt"):
        run("run", stop_at=2)
    assert read_checkpoint(tmp_path / "run" / "last.pt")["step"] == 1
