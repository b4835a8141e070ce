"""Work that is shared among processes is what one process does, in the same order."""
import os

import pytest

from workers import each


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_results_are_in_the_order_of_the_items(workers):
    told = []
    state = {"offset": 5}  # inherited, as networks are
    assert each(lambda item: item + state["offset"], range(7), workers, lambda done, total: told.append((done, total))) == list(range(5, 12))
    assert told == [(done, 7) for done in range(1, 8)]


def test_one_worker_is_this_process_and_two_are_others():
    assert set(each(lambda _: os.getpid(), range(4))) == {os.getpid()}
    assert os.getpid() not in each(lambda _: os.getpid(), range(4), 2)


def test_an_error_comes_back_from_where_it_happened():
    def refuse(item):
        raise ValueError(f"image {item}")

    with pytest.raises(ValueError, match="image 3"):
        each(refuse, [3], 2)


def test_no_worker_is_refused():
    with pytest.raises(ValueError, match="workers: expected at least 1, got 0"):
        each(str, [], 0)
