import numpy as np
import pytest

from export import default_manifest
from size_policy import plan_size, scout_size

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
