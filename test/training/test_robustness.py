"""Changed pictures keep their truth; every change is measured on every image."""
import json
import shutil

import numpy as np
import pytest

import robustness
from export import export_model
from robustness import CHANGES, in_a_frame

BOX = np.array([[90, 30, 130, 60]], np.float64)


def field() -> np.ndarray:
    gray = np.random.default_rng(0).normal(200, 3, (120, 180)).astype(np.uint8)
    gray[30:60, 90:130] = 60
    return gray


DARK_BESIDE = ("corners at four tenths of the light", "chromosomes laid at others", "a black surround of 80 px")


@pytest.mark.parametrize("name", [name for name in CHANGES if name not in DARK_BESIDE])
def test_the_box_holds_the_chromosome_whatever_the_change(name):
    gray, boxes = CHANGES[name](field(), BOX, np.random.default_rng(1))
    assert gray.dtype == np.uint8 and boxes.shape == (1, 4)
    dark = 255 - gray if name == "bright on dark" else gray
    rows, columns = np.nonzero(dark < (int(dark.min()) + int(np.median(dark))) / 2)
    np.testing.assert_allclose(boxes[0], [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], atol=2)
    if name != "as it is":
        assert gray.shape != field().shape or (gray != field()).any()
    assert (BOX == [[90, 30, 130, 60]]).all()


def test_laid_chromosomes_come_with_their_boxes():
    gray, loose = field(), np.array([-6, -6, 6, 6])
    gray[80:110, 30:70] = 60
    given, boxes = gray.copy(), (np.concatenate((BOX, BOX + [-60, 50, -60, 50])) + loose).astype(np.float32)
    more, truths = CHANGES["chromosomes laid at others"](gray, boxes, np.random.default_rng(1))
    assert len(truths) > len(boxes) and (truths[:2] == boxes).all()
    assert (more < 150).sum() > (gray < 150).sum()
    assert (gray == given).all()


def test_a_surround_lies_about_the_picture():
    gray, boxes = CHANGES["a black surround of 80 px"](field(), BOX, np.random.default_rng(1))
    (x0, y0), (x1, y1) = (boxes - BOX)[0, :2].astype(int), (boxes - BOX)[0, 2:].astype(int)
    assert (x0, y0, x1, y1) == (80, 80, 80, 80)
    np.testing.assert_array_equal(gray[80:-80, 80:-80], field())
    assert gray.sum() == field().sum()


def test_light_falls_off_towards_the_corners():
    gray, boxes = CHANGES["corners at four tenths of the light"](field(), BOX, np.random.default_rng(1))
    assert (boxes == BOX).all()
    assert (gray[:2, :2] / field()[:2, :2]).mean() == pytest.approx(0.4, abs=0.03)
    assert (gray[65:75, 85:95] / field()[65:75, 85:95]).mean() == pytest.approx(1, abs=0.03)


def test_a_frame_is_as_large_as_a_camera_and_a_larger_picture_stays():
    change = CHANGES["in a frame of 1600x1200"]
    gray, boxes = change(field(), BOX, np.random.default_rng(1))
    assert gray.shape == (1200, 1600)
    x, y = (boxes - BOX)[0, :2].astype(int)
    np.testing.assert_array_equal(gray[y:y + 120, x:x + 180], field())
    large = np.full((1300, 100), 200, np.uint8)
    assert change(large, BOX, np.random.default_rng(1))[0] is large
    small, boxes = in_a_frame(640, 480, 15)(field(), BOX, np.random.default_rng(1))
    assert small.shape == (480, 640)
    assert np.sqrt(np.prod(boxes[0, 2:] - boxes[0, :2])) == pytest.approx(15, rel=0.03)


def test_all_images_are_counted_under_each_change(drawn, tiny_network, tiny_scout, tiny_close_up, tiny_relation, tmp_path, monkeypatch, capsys):
    model = tmp_path / "tiny"
    export_model(tiny_network, tiny_scout, tiny_close_up, tiny_relation, model, model_id="tiny", version="0.0.1", training={})
    data = tmp_path / "data"
    shutil.copytree(drawn, data)
    shutil.copy(data / "train.json", data / "val.json")
    monkeypatch.setattr(robustness, "CHANGES", {name: CHANGES[name] for name in ("as it is", "bright on dark")})
    arguments = ["--data", str(data), "--cache", str(tmp_path / "cache"), "--model", str(model), "--out", str(tmp_path / "out" / "rows.json")]
    assert robustness.main(arguments) == 0
    rows = json.loads((tmp_path / "out" / "rows.json").read_text())
    truths = len(json.loads((data / "val.json").read_text())["annotations"])
    assert [(name, row["images"], row["tp"] + row["fn"]) for name, row in rows.items()] == [("as it is", 2, truths), ("bright on dark", 2, truths)]
    assert "| bright on dark |" in capsys.readouterr().out
    # The sessions of the graphs are inherited by forked processes.
    assert robustness.main([*arguments[:-1], str(tmp_path / "by-two.json"), "--workers", "2"]) == 0
    assert json.loads((tmp_path / "by-two.json").read_text()) == rows
    with pytest.raises(SystemExit):
        robustness.main([*arguments, "--workers", "0"])
    assert "--workers: expected at least 1, got 0" in capsys.readouterr().err


def test_a_folder_without_data_is_named(tiny_network, tiny_scout, tiny_close_up, tiny_relation, tmp_path):
    model = tmp_path / "tiny"
    export_model(tiny_network, tiny_scout, tiny_close_up, tiny_relation, model, model_id="tiny", version="0.0.1", training={})
    with pytest.raises(SystemExit, match="none: expected a folder with val.json and its images, found none"):
        robustness.main(["--data", str(tmp_path / "none"), "--model", str(model), "--out", str(tmp_path / "rows.json")])
