import dataclasses

import numpy as np
import pytest

from detect import find_cell
from export import default_manifest
from preprocess import measure_tone
from size_policy import SizePlan, closer_look, plan_size, scout_size

POLICY = default_manifest("test", "0.0.0", 60.0)["sizePolicy"]


def scout_map(scouted, cells, size_log2):
    """Logits of -9 but +4 on `cells` [(row, column)], every size the same."""
    rows, columns = -(-scouted.height // 32) * 8, -(-scouted.width // 32) * 8
    output = np.zeros((1, 2, rows, columns), np.float32)
    output[0, 0] = -9
    output[0, 1] = size_log2
    for row, column in cells:
        output[0, 0, row, column] = 4
    return output


def test_long_side_is_the_policys():
    for width, height in ((1600, 1200), (500, 450), (300, 700)):
        scouted = scout_size(width, height, POLICY)
        assert max(scouted.width, scouted.height) == 384
        assert scouted.width / scouted.height == pytest.approx(width / height, rel=0.01)


def test_region_and_scale_by_hand():
    """1536 x 1152, scout 384 x 288 (1/4). Chromosomes of 16 * 2^0.5 = 22.6 scout px = 90.5 px: log2(60 / 90.5) = -0.593,
    nearest to -5/8; 32 network px are 49.35. Cells (40..49, 30..39) are 480..640 x 640..800 px, grown by half of 90.5:
    434.7, 594.7, 685.3, 845.3, which is 8.8, 12.05, 13.9, 17.1 of these."""
    scouted = scout_size(1536, 1152, POLICY)
    cells = [(row, column) for row in range(40, 50) for column in range(30, 40)]
    plan = plan_size(scout_map(scouted, cells, 0.5), scouted, 1536, 1152, POLICY)
    assert plan.size_px == pytest.approx(90.51, abs=0.01)
    assert plan.network_scale == pytest.approx(2 ** (-5 / 8))
    assert plan.region == pytest.approx([place * 32 / 2 ** (-5 / 8) for place in (8, 12, 14, 18)])
    assert (plan.network_width, plan.network_height) == (6 * 32, 6 * 32)
    assert (plan.num_positives, plan.flags) == (100, ())


def test_a_small_change_of_the_frame_changes_no_plan():
    """The size of the chromosomes a hundredth apart, as another codec or one chromosome less makes it."""
    scouted = scout_size(1536, 1152, POLICY)
    cells = [(row, column) for row in range(40, 50) for column in range(30, 40)]
    one, other = (plan_size(scout_map(scouted, cells, size), scouted, 1536, 1152, POLICY) for size in (0.49, 0.495))
    assert one.size_px != other.size_px
    assert (one.region, one.network_scale) == (other.region, other.network_scale)


def test_region_stays_in_the_frame_and_is_fed_at_the_very_scale():
    scouted = scout_size(641, 481, POLICY)
    plan = plan_size(scout_map(scouted, [(0, 0), (0, 1), (71, 95)], 1.0), scouted, 641, 481, POLICY)
    for start, end, frame, network in zip(plan.region[:2], plan.region[2:], (641, 481), (plan.network_width, plan.network_height)):
        assert start == 0
        assert 0 <= (frame - end) * plan.network_scale < 1
        assert network / end == pytest.approx(plan.network_scale)


def test_padding_is_no_cell():
    """Scout 384 x 216: rows from 54 on are padding."""
    scouted = scout_size(1600, 900, POLICY)
    plan = plan_size(scout_map(scouted, [(row, 50) for row in range(54, 56)] + [(10, 10), (10, 11)], 0.0), scouted, 1600, 900, POLICY)
    assert plan.num_positives == 2
    assert plan.flags == ("noCellFound",)
    assert plan.region == pytest.approx((0, 0, 1600, 900), abs=1)


def test_a_large_frame_is_limited():
    scouted = scout_size(4000, 3000, POLICY)
    plan = plan_size(scout_map(scouted, [], 0.0), scouted, 4000, 3000, POLICY)
    assert plan.network_width * plan.network_height <= POLICY["maxNetworkPixels"] * 1.01
    assert plan.network_width / plan.network_height == pytest.approx(4 / 3, rel=0.01)


def test_scale_is_clamped():
    scouted = scout_size(384, 384, POLICY)
    cells = [(50, column) for column in range(48, 53)]
    assert plan_size(scout_map(scouted, cells, -3.0), scouted, 384, 384, POLICY).network_scale == POLICY["maxScale"]


def test_median_is_the_upper_middle():
    scouted = scout_size(384, 384, POLICY)
    output = scout_map(scouted, [(10, 10), (10, 11), (10, 12), (10, 13)], 0.0)
    output[0, 1, 10, 10:14] = (0.0, 1.0, 2.0, 3.0)
    assert plan_size(output, scouted, 384, 384, POLICY).size_px == pytest.approx(64.0)


def seen(region, size_px, num_positives=9, core=None):
    return SizePlan(region, 1.0, 1, 1, size_px, num_positives, () if num_positives else ("noCellFound",), core or region)


def test_a_closer_look_by_hand():
    """As in sizePolicy.test.ts: at where chromosomes of less than 16 scout px lie, grown by four of them and by six tenths of it at most; at a cell of less
    than seven; at the whole, finer, where nothing was seen."""
    first = scout_size(2592, 1944, POLICY)

    def after(plan, scouted=first):
        look = closer_look(scouted, plan, 2592, 1944, POLICY)
        return look and (look.box, look.width, look.height)

    assert after(seen((800, 400, 1000, 560), 54)) == ((680, 280, 1120, 680), 384, 349)
    assert after(seen((2400, 20, 2580, 200), 20))[0] == (2320, 0, 2592, 280)
    assert after(seen((800, 400, 1100, 700), 110))[0] == (620, 220, 1280, 880)
    assert after(seen((100, 100, 1600, 1400), 200)) is None
    assert after(seen((700, 300, 1800, 1200), 200)) is None
    fine = dataclasses.replace(first, scale=0.6)
    assert after(seen((800, 400, 1100, 700), 40), fine)[0] == (640, 240, 1260, 860)
    assert after(seen((800, 400, 1500, 700), 40), fine) is None
    nothing = seen((0, 0, 2592, 1944), 60, 0)
    finer = closer_look(first, nothing, 2592, 1944, POLICY)
    finest = closer_look(finer, nothing, 2592, 1944, POLICY)
    assert (finer.width, finest.width, after(nothing, finest)) == (768, 1536, None)
    assert after(seen((0, 0, 2592, 1944), 60))[1] == 768
    assert closer_look(scout_size(640, 480, POLICY), nothing, 640, 480, POLICY) is None


def test_a_speck_far_off_is_no_part_of_the_core():
    """As in sizePolicy.test.ts."""
    assert closer_look(scout_size(2592, 1944, POLICY), seen((0, 0, 2592, 1944), 30, 200, (1000, 1000, 1300, 1200)), 2592, 1944, POLICY).box == (880, 880, 1420, 1320)
    scouted = scout_size(1536, 1152, POLICY)
    cells = [(40 + i % 5, 50 + i // 5) for i in range(30)]
    assert plan_size(scout_map(scouted, [*cells, (2, 90)], 0.0), scouted, 1536, 1152, POLICY).core == (800, 640, 896, 720)


def test_what_a_closer_look_sees_lies_where_its_part_of_the_frame_does():
    scouted = dataclasses.replace(scout_size(384, 288, POLICY), box=(1000, 500, 1384, 788))
    cells = [(10, 20), (11, 25), (15, 22)]
    plan = plan_size(scout_map(scouted, cells, np.log2(50 / 16)), scouted, 2592, 1944, {**POLICY, "regionMargin": 0, "regionGrid": 4, "canonicalSize": 50})
    assert plan.region == (1080, 540, 1104, 564)
    assert plan.size_px == pytest.approx(50)


def test_a_small_cell_is_found_and_its_contrast_is_its_own():
    """Forty strips of 20 x 9 px, gray 60 to 120, in a frame of 2592 x 1944: too few pixels for the frame's contrast."""
    manifest = default_manifest("test", "0.0.0", 60.0)
    frame = np.full((1944, 2592), 230, np.uint8)
    for index in range(40):
        x, y = 1500 + index % 8 * 26, 700 + index // 8 * 26
        frame[y : y + 9, x : x + 20] = np.linspace(60, 120, 20)
    looks = []

    def scout(image):
        """Every dark place is of a chromosome, whose size it knows from how fine the picture is."""
        looks.append(image.shape)
        dark = image[0, 0, ::4, ::4] < 128
        scale = 384 / 2592 if len(looks) == 1 else 1.3
        return np.stack((np.where(dark, 4.0, -9.0), np.full(dark.shape, np.log2(13.4 * scale / 16))))[None].astype(np.float32)

    tone = measure_tone(frame, low=0.005, high=0.995, steps=32)
    assert tone.low > 200  # as of a blank field
    trace = {}
    plan, tone = find_cell(frame, tone, manifest, scout, trace)
    assert len(looks) >= 2
    assert tone.low <= 128
    assert plan.region[0] <= 1500 and plan.region[1] <= 700 and plan.region[2] >= 1702 and plan.region[3] >= 813
    assert trace["scouted"].box != (0, 0, 2592, 1944)


def test_a_closer_look_that_finds_nothing_is_not_believed():
    manifest = default_manifest("test", "0.0.0", 60.0)
    frame = np.full((1200, 1600), 230, np.uint8)
    looks = []

    def scout(image):
        looks.append(image.shape)
        output = np.full((1, 2, image.shape[2] // 4, image.shape[3] // 4), -9, np.float32)
        if len(looks) == 1:
            output[0, 1] = -1.0
            output[0, 0, 20:24, 30:34] = 4
        return output

    tone = measure_tone(frame, low=0.005, high=0.995, steps=32)
    plan, kept = find_cell(frame, tone, manifest, scout, {})
    assert len(looks) == 2
    assert plan.num_positives == 16 and plan.flags == ()
    assert kept == tone
