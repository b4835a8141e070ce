"""The same task for each of many images, shared among processes: two of one thread each count images faster than one of two."""
from __future__ import annotations

import multiprocessing
from typing import Callable, Sequence

import torch

_task: Callable | None = None  # forked processes inherit it, and with it networks and sessions, which cannot cross


def _do(item):
    return _task(item)


def each(task: Callable, items: Sequence, workers: int = 1, report: Callable = lambda done, total: None) -> list:
    """`task` of every item, in the order of the items; `report(done, total)` after each. One worker is this process."""
    global _task
    if workers < 1:
        raise ValueError(f"workers: expected at least 1, got {workers}")
    if workers == 1:
        return _gathered(map(task, items), len(items), report)
    _task = task
    # A forked process hangs in threads of PyTorch, which it has not inherited.
    with multiprocessing.get_context("fork").Pool(workers, torch.set_num_threads, (1,)) as pool:
        return _gathered(pool.imap(_do, items), len(items), report)


def _gathered(results, total: int, report: Callable) -> list:
    done = []
    for result in results:
        done.append(result)
        report(len(done), total)
    return done
