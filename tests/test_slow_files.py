"""Where files take long to make, a run says so once, and what would be faster."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import pytest

from shmtext import BalancedText, Output, Renderer, RunConfig
from shmtext.engine import run as run_module
from shmtext.engine.progress import Progress, ShardDone
from shmtext.engine.run import WORTH_A_NOTE_S, slow_files_note


class Notes:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        """Keep it."""
        self.lines.append(line)

    def progress(self, progress: Progress) -> None:
        """Drop it."""


def done(store_us: int) -> ShardDone:
    return ShardDone(0, 100, 0, 0, 0, 1_000, store_us)


def test_slow_files_are_told_of_with_the_time_that_they_take() -> None:
    note = slow_files_note("files", done(900), 1_000_000)

    assert note is not None
    assert "a file takes 0.9 ms" in note
    assert "1,000,000 more take a worker 900 s" in note
    assert "--container tar or parquet" in note


@pytest.mark.parametrize(
    ("container", "store_us", "num_left"),
    [
        ("files", 100, 10**9),  # a disk as it should be
        ("files", 0, 10**9),  # not known
        ("files", 900, int(WORTH_A_NOTE_S * 1e6 / 900)),  # soon over
        ("tar", 900, 10**9),
        ("parquet", 900, 10**9),
    ],
)
def test_nothing_is_said_where_nothing_would_be_gained(
    container: str, store_us: int, num_left: int
) -> None:
    assert slow_files_note(container, done(store_us), num_left) is None


@pytest.mark.parametrize("container", ["files", "tar"])
def test_a_run_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, container: Any
) -> None:
    ticks = itertools.count(step=10**9)  # a second for each look at the clock
    monkeypatch.setattr(time, "monotonic_ns", lambda: next(ticks))
    monkeypatch.setattr(run_module, "WORTH_A_NOTE_S", 0)
    notes = Notes()
    config = RunConfig(
        corpus=BalancedText(character_frequency=100), output=Output(container=container)
    )
    with Renderer(config, engine="serial", observer=notes) as renderer:
        renderer.render(tmp_path / "out")

    assert (container == "files") == len(notes.lines)
    assert all("ms to make here" in line for line in notes.lines)
