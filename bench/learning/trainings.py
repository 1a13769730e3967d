"""Trainings side by side, each in a process with one thread: what they are given, how far they are.

PyTorch is imported in these processes alone.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.learning.sets import Pictures

LOOK_S = 0.5
"""How often the bar moves."""


@dataclass(frozen=True, slots=True)
class Training:
    """What one training is given."""

    pictures: Path
    """As ``Pictures.save`` writes them."""
    num_steps: int
    seed: int
    """Of the order of pictures and, where nothing is known at the start, of weights."""
    start: Path | None = None
    """Weights to begin with, as ``Reader.save`` writes them; none: random ones."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a training came to."""

    loss: float
    cpu_s: float
    said: dict[str, list[str]]
    """Of each set that was read, by its name."""


@dataclass(frozen=True, slots=True)
class Job:
    """One training, and what is read after it."""

    training: Training
    sets: Mapping[str, Path]
    """To be read, as ``Pictures.save`` writes them."""
    save: Path | None = None
    """Where the weights are kept."""


def train_all(jobs: Sequence[Job], workers: int, name: str) -> list[Reading]:
    """Train and read, ``workers`` at a time, with a bar where there is a terminal.

    A training that fails ends the others and raises what it raised; so does Ctrl-C. They end with
    this process, too, however it ends.
    """
    spawn = multiprocessing.get_context("spawn")  # threads of libraries don't survive a fork
    progress = _Progress(spawn.Value("q", 0), spawn.Event())
    with (
        _bar(name, sum(job.training.num_steps for job in jobs)) as show,
        ProcessPoolExecutor(
            min(workers, len(jobs)), mp_context=spawn, initializer=_begin, initargs=(progress,)
        ) as pool,
    ):
        futures = [pool.submit(_train, job) for job in jobs]
        try:
            _watch(futures, lambda: show(progress.num_steps.value))
        except BaseException:
            progress.is_over.set()
            pool.shutdown(cancel_futures=True)
            raise
        return [future.result() for future in futures]


def _watch(futures: Sequence[Future[Any]], look: Callable[[], None]) -> None:
    waiting = set(futures)
    while waiting:
        done, waiting = wait(waiting, LOOK_S, FIRST_COMPLETED)
        for future in done:
            future.result()
        look()


@contextmanager
def _bar(name: str, total: int) -> Iterator[Callable[[int], None]]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *(*columns, TextColumn("steps"), TimeRemainingColumn()),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(name, total=total)
        yield lambda done: progress.update(task, completed=done)


@dataclass(frozen=True, slots=True)
class _Progress:
    """What trainings share with whoever waits for them."""

    num_steps: Synchronized[int]
    """Done by all together."""
    is_over: Event
    """Nobody waits any more."""


class _Over(Exception):  # noqa: N818 - nothing failed here
    """A training need not go on."""


_progress: _Progress | None = None
"""Set in the trainings' processes."""


def _begin(progress: _Progress) -> None:
    global _progress
    _progress = progress
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C: whoever waits says so
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = "1"  # read when PyTorch is imported


def _end_with_parent() -> None:
    """End when whoever waits was killed: a pool's idle processes wait for one another for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _train(job: Job) -> Reading:
    from bench.learning.recogniser import Reader  # noqa: PLC0415 - imports PyTorch

    training = job.training
    reader = Reader(training.start, training.seed)
    pictures = Pictures.load(training.pictures)
    begin_s = time.process_time()
    loss = reader.learn(pictures, training.num_steps, training.seed, _stepped)
    cpu_s = time.process_time() - begin_s
    if job.save is not None:
        reader.save(job.save)
    said = {name: reader.read(Pictures.load(path)) for name, path in job.sets.items()}
    return Reading(loss, cpu_s, said)


def _stepped() -> None:
    assert _progress is not None
    if _progress.is_over.is_set():
        raise _Over
    with _progress.num_steps.get_lock():
        _progress.num_steps.value += 1
