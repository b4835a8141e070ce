import numpy as np
import pytest
from PIL import Image

from preprocess import (
    PreprocessError,
    measure_tone,
    pad_to_multiple,
    percentile,
    histogram,
    read_gray8,
    resample,
    round_half_up,
    stretch_contrast,
    to_gray8,
)


def test_halves_round_up_as_in_javascript():
    assert [round_half_up(v) for v in (0.5, 1.5, 2.5, 2.4999)] == [1, 2, 3, 2]


def test_luma_by_hand():
    pixel = np.array([[[10, 200, 30], [255, 255, 255]]], np.uint8)
    assert to_gray8(pixel).tolist() == [[124, 255]]  # 2.99 + 117.4 + 3.42 = 123.81


def test_more_bits_are_stretched_over_their_own_range():
    assert to_gray8(np.array([[100, 300], [200, 4100]], np.uint16)).tolist() == [[0, 13], [6, 255]]
    assert to_gray8(np.full((2, 3), 700, np.uint16)).tolist() == [[0, 0, 0]] * 2


@pytest.mark.parametrize("pixels", [np.zeros((0, 4), np.uint8), np.zeros((2, 2, 5), np.uint8), np.zeros(4, np.uint8)])
def test_other_shapes_are_refused(pixels):
    with pytest.raises(PreprocessError, match="expected"):
        to_gray8(pixels)


def test_nan_is_refused():
    with pytest.raises(PreprocessError, match="finite"):
        to_gray8(np.array([[0.0, np.nan]]))


def test_unreadable_file_is_named(tmp_path):
    path = tmp_path / "cell.png"
    path.write_bytes(b"not a picture")
    with pytest.raises(PreprocessError, match="cell.png"):
        read_gray8(path)


def test_gray_stored_as_rgb_stays_gray(tmp_path):
    gray = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    Image.fromarray(np.stack([gray] * 3, axis=-1)).save(tmp_path / "cell.png")
    assert read_gray8(tmp_path / "cell.png").tolist() == gray.tolist()


def test_percentile_is_the_smallest_value_that_reaches_the_share():
    counts = histogram(np.array([3, 3, 7, 9], np.uint8))
    assert [percentile(counts, q) for q in (0.0, 0.5, 0.51, 0.75, 1.0)] == [0, 3, 7, 7, 9]


def field(ground: int, objects: int) -> np.ndarray:
    gray = np.full((60, 80), ground, np.uint8)
    gray[10:20, 10:40] = objects
    return gray


def test_polarity():
    dark = measure_tone(field(220, 60))
    bright = measure_tone(field(35, 195))
    assert (dark.inverted, bright.inverted) == (False, True)
    assert (dark.low, dark.high) == (60, 220)
    assert (bright.low, bright.high) == (255 - 195, 255 - 35)


@pytest.mark.parametrize("is_bright", [False, True])
def test_polarity_where_the_light_falls_off(is_bright):
    """Two thirds of the frame dim, the rest four times as bright: the whole histogram's longest tail is the light."""
    y, x = np.mgrid[:120, :160]
    value = np.where((x % 20 < 4) & (y % 15 < 6), 90, 225)
    lit = np.round(value * np.where(x < 100, 0.25, 0.25 + (x - 100) / 60 * 0.75)).astype(np.uint8)
    p01, p50, p99 = (percentile(histogram(lit), q) for q in (0.01, 0.5, 0.99))
    assert p99 - p50 > p50 - p01
    assert measure_tone(255 - lit if is_bright else lit).inverted == is_bright


def test_contrast_of_a_blank_field_is_not_stretched():
    blank = field(200, 199)
    tone = measure_tone(blank)
    stretched = stretch_contrast(blank.astype(np.float32), tone)
    assert int(stretched.max()) - int(stretched.min()) <= 16


def test_contrast_reaches_both_ends():
    stretched = stretch_contrast(field(220, 60).astype(np.float32), measure_tone(field(220, 60)))
    assert sorted(set(stretched.reshape(-1).tolist())) == [0, 255]


def test_with_steps_a_small_change_of_the_frame_leaves_the_contrast_alone():
    ends = {(tone.low, tone.high) for shift in (-2, -1, 0, 1) for tone in [measure_tone(field(220 + shift, 60 + shift), steps=32)]}
    assert ends == {(60, 220)}
    moved = measure_tone(field(224, 64), steps=32)
    assert (moved.low, moved.high) == (64, 224)
    narrow = measure_tone(field(140, 101), steps=32)
    assert (narrow.low, narrow.high) == (101, 140)


def test_resampling_reads_around_its_region():
    """The triangle filter takes pixels outside the region where the frame has them: cutting first differs."""
    gray = np.random.RandomState(0).randint(0, 255, (50, 70)).astype(np.uint8)
    inside = resample(gray, (20, 10, 60, 40), 20, 15)
    cut = resample(gray[10:40, 20:60], (0, 0, 40, 30), 20, 15)
    assert inside.shape == (15, 20)
    np.testing.assert_allclose(inside[2:-2, 2:-2], cut[2:-2, 2:-2], atol=1e-3)
    assert np.abs(inside - cut).max() > 1


def test_shrinking_averages():
    stripes = np.tile(np.array([0, 255], np.uint8), (8, 40))
    small = resample(stripes, (0, 0, 80, 8), 8, 4)
    assert np.abs(small - 127.5).max() < 30


def test_padding_is_right_and_bottom():
    padded = pad_to_multiple(np.zeros((33, 64), np.uint8))
    assert padded.shape == (64, 64)
    assert (padded[:33] == 0).all() and (padded[33:] == 255).all()
    assert pad_to_multiple(np.zeros((32, 96), np.uint8)).shape == (32, 96)
