"""Uneven light is levelled, even light is left alone, and nothing in the frame is taken for its light."""
import numpy as np
import pytest

from export import default_manifest
from light import level_light

SETTINGS = default_manifest("light", "0.0.0", 60.0)["input"]["light"]
HEIGHT, WIDTH = 180, 240
Y, X = np.mgrid[:HEIGHT, :WIDTH]
EVEN = np.where((X % 24 < 6) & (Y % 18 < 12), 70, 220).astype(np.float64)
ACROSS, DOWN = X / (WIDTH - 1), Y / (HEIGHT - 1)


def in_light(light) -> np.ndarray:
    return np.round(EVEN * light).astype(np.uint8)


@pytest.mark.parametrize("light", [1 - ACROSS / 2, 1 - (ACROSS + DOWN) / 4, 1 - (ACROSS - 0.5) ** 2 - (DOWN - 0.5) ** 2], ids=["side", "corner", "around"])
def test_uneven_light_is_levelled(light):
    error = np.abs(level_light(in_light(light), SETTINGS) / EVEN - 1)
    assert error.mean() < 0.03
    assert error.max() < 0.11  # in the outermost corners, where light falls off within one part


@pytest.mark.parametrize(
    "frame",
    [
        in_light(1.0),
        in_light(1 - 0.15 * ACROSS),
        np.full((HEIGHT, WIDTH), 220, np.uint8),
        np.zeros((HEIGHT, WIDTH), np.uint8),
        in_light(ACROSS < 0.5),
        np.where((X < WIDTH / 2) & (Y < HEIGHT / 2), 80, EVEN).astype(np.uint8),
        np.arange(64, dtype=np.uint8).reshape(8, 8),
    ],
    ids=["even", "a little uneven", "blank", "black", "half black", "a nucleus over a quarter", "fewer pixels than parts"],
)
def test_other_frames_stay_as_they_are(frame):
    assert level_light(frame, SETTINGS) is frame


def test_a_nucleus_in_uneven_light_stays_as_dark_beside_its_ground():
    nucleus = np.hypot(X - 180, Y - 60) < 40
    lit = (np.where(nucleus, 110, EVEN) * (1 - ACROSS / 2)).astype(np.uint8)
    assert level_light(lit, SETTINGS)[60, 180] / 220 == pytest.approx(0.5, abs=0.05)
