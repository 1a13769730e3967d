"""Where files take long to make, a run says so once, and what would be faster."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import pytest
from fault_runs import Notes

import shmtext
from shmtext import BalancedText, Output, Renderer, RunConfig
from shmtext.engine import slow_files
from shmtext.engine.slow_files import WORTH_A_NOTE_S, slow_files_note


def test_slow_files_are_told_of_with_the_time_that_they_take() -> None:
    note = slow_files_note(900, 1_000_000, "write fewer")

    assert note is not None
    assert "a file takes 0.9 ms" in note
    assert "1,000,000 more take a process 900 s; write fewer" in note


@pytest.mark.parametrize(
    ("file_us", "num_left"),
    [
        (100, 10**9),  # a disk as it should be
        (0, 10**9),  # not known
        (900, int(WORTH_A_NOTE_S * 1e6 / 900)),  # soon over
    ],
)
def test_nothing_is_said_where_nothing_would_be_gained(file_us: int, num_left: int) -> None:
    assert slow_files_note(file_us, num_left, "") is None


@pytest.fixture
def _slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every look at the clock find it a second later, and everything worth a note."""
    ticks = itertools.count(step=10**9)
    monkeypatch.setattr(time, "monotonic_ns", lambda: next(ticks))
    monkeypatch.setattr(slow_files, "WORTH_A_NOTE_S", 0)


@pytest.mark.parametrize("container", ["files", "tar"])
@pytest.mark.usefixtures("_slow")
def test_a_run_says_so_once(tmp_path: Path, container: Any) -> None:
    notes = Notes()
    config = RunConfig(
        corpus=BalancedText(character_frequency=100), output=Output(container=container)
    )
    with Renderer(config, engine="serial", observer=notes) as renderer:
        renderer.render(tmp_path / "out")

    assert (container == "files") == len(notes.lines)
    assert all("ms to make here" in line and "--container" in line for line in notes.lines)


@pytest.mark.parametrize(("to", "says"), [("gt", 1), ("jsonl", 1), ("webdataset", 0), ("lmdb", 0)])
@pytest.mark.usefixtures("_slow")
def test_an_export_says_so_once(tmp_path: Path, to: str, says: int) -> None:
    notes = Notes()
    config = RunConfig(corpus=BalancedText(character_frequency=100), output=Output(container="tar"))
    shmtext.render(config, tmp_path / "out", engine="serial")
    shmtext.export(tmp_path / "out", to, tmp_path / "dest", observer=notes)

    assert says == len(notes.lines)
    assert all("ms to make here" in line and "hf-parquet" in line for line in notes.lines)
