"""Whole runs with looks: the same bytes whoever renders them, killed or not, and one by one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fault_runs import (
    end_started,
    finish,
    kill_session,
    num_committed,
    run_here,
    session_of,
    start,
    tree,
    until,
)

import shmtext
from shmtext import BalancedText, Output, RunConfig, Style, render, verify
from shmtext.config.looks import LooksKind
from shmtext.errors import FolderError

LOOKS = ["scan", "fax", "photo", "receipt", "screen", "clean=0.5"]
RUN = RunConfig(
    corpus=BalancedText(character_frequency=400),
    style=Style(font_sizes=(18, 28)),
    output=Output(boxes="words", column="effects"),
    look=LooksKind().take("look", LOOKS),
    max_images=1_000,
)
"""In four shards."""
OPTIONS = (
    *("--character-frequency", 400, "--font-sizes", 18, "--font-sizes", 28),
    *("--boxes", "words", "--column", "effects", "--max-images", 1_000),
    *(part for look in LOOKS for part in ("--look", look)),
)


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that nobody changes."""
    out = tmp_path_factory.mktemp("looks") / "out"
    summary = render(RUN, out, engine="serial")
    assert summary.num_images > 950
    return out


@pytest.mark.parametrize(
    ("engine", "workers"), [("threads", 2), ("processes", 1), ("processes", 3)]
)
def test_every_engine_and_number_of_workers_writes_the_same_bytes(
    tmp_path: Path, serial: Path, engine: Any, workers: int
) -> None:
    render(RUN, tmp_path, workers, engine)

    assert tree(serial) == tree(tmp_path)


def test_a_run_that_was_killed_is_continued_to_the_same_bytes(tmp_path: Path, serial: Path) -> None:
    out = tmp_path / "out"
    try:
        main = start("render", out, *OPTIONS, "--engine", "processes", "--workers", 2)
        until(lambda: num_committed(out) >= 1 or main.poll() is not None)
        kill_session(main)
        until(lambda: not session_of(main))
        finish(main)
    finally:
        end_started()
    assert num_committed(out) >= 1
    run_here("render", out, *OPTIONS, "--engine", "serial", "--resume", "must").expect(0)

    assert tree(serial) == tree(out)


def test_every_picture_is_drawn_again_from_its_row(serial: Path) -> None:
    assert verify(serial, checksums=True).whole
    with shmtext.open(serial) as stored:
        looks = set()
        for index in range(0, len(stored), 16):
            example = stored[index]
            looks.add(example.row["look"])
            assert np.array_equal(example.picture, stored.render(index))
    assert looks == {look.name for look in RUN.look.looks}


@pytest.mark.parametrize(
    ("look", "difference"),
    [
        ([*LOOKS[:-1], "clean=0.6"], "look.clean.share: 0.5 in the folder, 0.6 asked for"),
        ([], "look.clean: "),
        (
            {**dict.fromkeys(LOOKS[:-1], 1), "clean": 0.5, "mine": {"base": "clean", "blur": {}}},
            "look.mine: null in the folder",
        ),
    ],
)
def test_other_looks_are_refused(serial: Path, look: Any, difference: str) -> None:
    before = tree(serial)
    with pytest.raises(FolderError, match="another run") as caught:
        render(replace(RUN, look=LooksKind().take("look", look)), serial, engine="serial")

    assert difference in str(caught.value)
    assert "\n" not in str(caught.value)
    assert before == tree(serial)


@pytest.mark.parametrize(
    ("output", "difference"),
    [
        ({"boxes": "characters"}, 'output.boxes: "words" in the folder, "characters" asked for'),
        ({"boxes": "none"}, 'output.boxes: "words" in the folder, "none" asked for'),
        ({"column": ()}, 'output.column: ["effects"] in the folder, [] asked for'),
    ],
)
def test_other_columns_are_refused(serial: Path, output: Any, difference: str) -> None:
    with pytest.raises(FolderError, match="another run") as caught:
        render(replace(RUN, output=replace(RUN.output, **output)), serial, engine="serial")

    assert difference in str(caught.value)
