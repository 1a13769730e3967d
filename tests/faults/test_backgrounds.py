"""A run with backgrounds, harmed: photographs are in memory once, and gone with the run."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from fault_runs import (
    BAD_INPUT,
    DONE,
    INTERRUPTED,
    Finished,
    Tree,
    assert_committed_is_whole,
    finish,
    in_namespace,
    is_at_work,
    is_root,
    kill_session,
    locked_segments_of,
    num_committed,
    orphaned_segments,
    run,
    run_here,
    segments_of,
    session_of,
    start,
    tree,
    until,
    workers_of,
)
from photographs import SCENES, write_scenes

pytestmark = pytest.mark.usefixtures("no_segment_left")

LOOK = """
[look.print]
base = "clean"
[look.print.colors]
[look.print.photograph]
probability = 0.5
"""
OPTIONS = ("--max-images", 2_000, "--mode", "gray")
WORKERS = ("--engine", "processes", "--workers", 2)


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    return write_scenes(tmp_path / "photos")


def asked(folder: Path) -> tuple[object, ...]:
    """What a run with photographs is asked for with, given a folder that has them."""
    (folder / "look.toml").write_text(LOOK)
    return (*OPTIONS, "--config", folder / "look.toml", "--backgrounds", folder / "photos")


@pytest.fixture
def options(scenes: Path) -> tuple[object, ...]:
    """Likewise, in a test's folder."""
    return asked(scenes.parent)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """What such a run comes to when nothing happens."""
    folder = tmp_path_factory.mktemp("undisturbed")
    write_scenes(folder / "photos")
    run_here("render", folder / "out", *asked(folder), "--engine", "serial").expect(DONE)
    return tree(folder / "out")


def largest_map_of(pid: int, segments: set[Path]) -> tuple[Path, str]:
    """The segment that a process has mapped most of, and what it may do with it."""
    found = {}
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        place, rights, *_, path = line.split(maxsplit=5)
        if Path(path) in segments:
            first, last = (int(each, 16) for each in place.split("-"))
            found[last - first] = Path(path), rights
    return found[max(found)]


def test_workers_map_one_bank_for_reading(out: Path, options: tuple[object, ...]) -> None:
    # Long enough for both to be seen at work on a machine that does other things, too.
    more = ("--character-frequency", 12_000, "--max-images", 60_000)
    main = start("render", out, *options, *WORKERS, *more)
    until(lambda: all(map(is_at_work, w := workers_of(main.pid))) and len(w) == 2)
    os.kill(main.pid, signal.SIGSTOP)
    try:
        segments, workers = segments_of(main), workers_of(main.pid)
        maps = {largest_map_of(worker.pid, segments) for worker in workers}
    finally:
        os.kill(main.pid, signal.SIGCONT)
    os.kill(main.pid, signal.SIGINT)
    finish(main).expect(INTERRUPTED)

    # The slots', the corpus's and this.
    assert 3 == len(segments)
    assert 1 == len(maps)
    assert "r--s" == maps.pop()[1]
    assert not any(segment.exists() for segment in segments)


MOMENTS = {
    "workers start": lambda main, _: bool(workers_of(main.pid)),
    "the bank is there": lambda main, _: len(segments_of(main)) >= 2,
    "workers are at work": lambda main, _: any(map(is_at_work, workers_of(main.pid))),
    "a shard is committed": lambda _, out: num_committed(out) >= 1,
}


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        *((signal.SIGKILL, moment) for moment in MOMENTS),
        *((signal.SIGINT, moment) for moment in ("the bank is there", "workers are at work")),
    ],
)
def test_a_run_that_is_ended_leaves_no_photographs_and_can_go_on(
    out: Path,
    options: tuple[object, ...],
    undisturbed: Tree,
    moment: str,
    number: int,
) -> None:
    main = start("render", out, *options, *WORKERS)
    until(lambda: MOMENTS[moment](main, out) or main.poll() is not None)
    segments = segments_of(main)
    os.kill(main.pid, number)
    ended = finish(main)
    until(lambda: not session_of(main))
    assert not any(segment.exists() for segment in segments)
    if number == signal.SIGINT:
        ended.expect(INTERRUPTED, num_lines=1)
    if (out / "run.json").exists():
        assert_committed_is_whole(out)
    run_here("render", out, *options, "--engine", "serial").expect(DONE, num_lines=0)
    assert undisturbed == tree(out)


def test_photographs_of_a_killed_session_are_swept(
    out: Path, tmp_path: Path, options: tuple[object, ...]
) -> None:
    main = start("render", out, *options, *WORKERS)
    until(lambda: len(locked_segments_of(main)) == 3)
    segments = segments_of(main)
    kill_session(main)
    finish(main)
    until(lambda: not session_of(main))
    run_here("render", tmp_path / "next", "--max-images", 5).expect(DONE)
    assert not segments & orphaned_segments()


@is_root
def test_a_small_dev_shm_puts_photographs_in_a_file(
    out: Path, options: tuple[object, ...], undisturbed: Tree
) -> None:
    prefix = in_namespace("mount -t tmpfs -o size=1m shm /dev/shm")
    ended = run("render", out, *options, *WORKERS, prefix=prefix)
    ended.expect(DONE, "the bank of photographs (", "/dev/shm has only", num_lines=1)
    assert undisturbed == tree(out)
    assert not list(out.glob("_stage/*"))


def refused(out: Path, options: tuple[object, ...], *words: str) -> Finished:
    return run_here("render", out, *options).expect(BAD_INPUT, *words, num_lines=1)


def test_folders_that_are_none_are_one_line(
    out: Path, tmp_path: Path, options: tuple[object, ...]
) -> None:
    (tmp_path / "empty").mkdir()
    for folder, words in {
        "missing": "check the path",
        "look.toml": "is no folder",
        "empty": "holds no picture",
    }.items():
        refused(out, (*options[:-1], tmp_path / folder), words)
    refused(out, (*OPTIONS, "--backgrounds", tmp_path), "the effect photograph")


def test_bad_pictures_with_any_name_are_one_line(
    out: Path, scenes: Path, options: tuple[object, ...]
) -> None:
    bad = os.fsdecode(b"\xff\xe9\n\x1b[2J.jpg")
    (scenes / bad).write_bytes(b"\xff\xd8\xff" + bytes(99))
    run("render", out, *options).expect(
        DONE, f"left out 1 of {len(SCENES) + 1} backgrounds: ", "\\udce9\\n\\x1b[2J", num_lines=1
    )


def test_a_folder_that_changes_between_runs_is_told(
    out: Path, scenes: Path, options: tuple[object, ...]
) -> None:
    main: subprocess.Popen[str] = start("render", out, *options, *WORKERS)
    until(lambda: num_committed(out) >= 1)
    main.kill()
    finish(main)
    (scenes / "wall.png").unlink()
    refused(out, options, "photographs.num_pictures: 7 in the folder, 6 asked for")
