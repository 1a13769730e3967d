"""An export is killed or interrupted at any moment: the next start goes on, to the same bytes."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from export_runs import Made, make_run, texts_of
from fault_runs import (
    BAD_INPUT,
    DONE,
    INTERRUPTED,
    STOPPED,
    finish,
    kill_session,
    run,
    session_of,
    start,
    until,
    with_limits,
    workers_of,
)

NUM_TEXTS = 12_000
"""Fourteen shards: long enough to be killed in the middle."""
SPLIT = ("--split", "train=0.9,val=0.1")
LOCKS = (".lock", ".workers.lock")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A run in tar shards."""
    out = tmp_path_factory.mktemp("run") / "out"
    return make_run(out, texts_of(NUM_TEXTS), container="tar")


@pytest.fixture(scope="module")
def undisturbed(
    made: Made, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], dict[str, bytes]]:
    """Return the files of an export to a format that nothing happened to."""
    known: dict[str, dict[str, bytes]] = {}

    def files(to: str) -> dict[str, bytes]:
        if to not in known:
            dest = tmp_path_factory.mktemp("undisturbed") / "dest"
            run("export", made.out, "--to", to, dest, *SPLIT, "--workers", 1).expect(DONE)
            known[to] = files_of(dest)
        return known[to]

    return files


def files_of(dest: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(dest)): path.read_bytes()
        for path in sorted(dest.rglob("*"))
        if path.is_file() and path.name not in LOCKS
    }


def num_done(dest: Path) -> int:
    """Shards that are written."""
    return len(list(dest.glob(".shmtext/*/done/*.json")))


def begin(made: Made, to: str, dest: Path, workers: int) -> subprocess.Popen[str]:
    return start("export", made.out, "--to", to, dest, *SPLIT, "--workers", workers)


def is_over(main: subprocess.Popen[str]) -> bool:
    return main.poll() is not None


@pytest.mark.parametrize(
    ("to", "workers"),
    [("lmdb", 1), ("gt", 3), ("mds", 1), ("imagefolder", 3)],
)
def test_an_export_that_is_killed_goes_on_with_other_workers(
    tmp_path: Path,
    made: Made,
    undisturbed: Callable[[str], dict[str, bytes]],
    to: str,
    workers: int,
) -> None:
    dest = tmp_path / "dest"
    for wanted in (1, 4, 9):
        main = begin(made, to, dest, workers)
        until(lambda: num_done(dest) >= wanted or is_over(main))  # noqa: B023
        main.kill()
        until(lambda: not session_of(main))  # noqa: B023
        finish(main)
    again = run("export", made.out, "--to", to, dest, *SPLIT, "--workers", 4 - workers)

    again.expect(DONE)
    assert files_of(dest) == undisturbed(to)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("to", "workers"), [("gt", 1), ("gt", 3), ("lmdb", 1)])
def test_an_export_that_is_interrupted_says_so_and_goes_on(
    tmp_path: Path,
    made: Made,
    undisturbed: Callable[[str], dict[str, bytes]],
    to: str,
    workers: int,
    number: signal.Signals,
) -> None:
    dest = tmp_path / "dest"
    main = begin(made, to, dest, workers)
    until(lambda: num_done(dest) >= 2)
    main.send_signal(number)
    finish(main).expect(INTERRUPTED, "interrupted", "run the same command again", num_lines=1)
    assert not session_of(main)
    assert num_done(dest) >= 2

    run("export", made.out, "--to", to, dest, *SPLIT).expect(DONE)
    assert files_of(dest) == undisturbed(to)


def test_a_worker_that_dies_ends_the_export_which_goes_on(
    tmp_path: Path, made: Made, undisturbed: Callable[[str], dict[str, bytes]]
) -> None:
    dest = tmp_path / "dest"
    main = begin(made, "gt", dest, 2)
    until(lambda: num_done(dest) >= 1)
    for worker in workers_of(main.pid)[:1]:
        worker.kill()
    finish(main).expect(STOPPED, "a worker of the export ended", "SIGKILL", num_lines=1)
    assert not session_of(main)

    run("export", made.out, "--to", "gt", dest, *SPLIT).expect(DONE)
    assert files_of(dest) == undisturbed("gt")


def test_an_environment_that_can_not_grow_is_one_error_and_goes_on(
    tmp_path: Path, made: Made, undisturbed: Callable[[str], dict[str, bytes]]
) -> None:
    dest = tmp_path / "dest"
    command = ("export", made.out, "--to", "lmdb", dest, *SPLIT)
    stopped = run(*command, prefix=["prlimit", "--fsize=1000000"])
    stopped.expect(STOPPED, "data.mdb", "then run the same command again", num_lines=1)
    assert num_done(dest) >= 1

    run(*command).expect(DONE)
    assert files_of(dest) == undisturbed("lmdb")


def test_a_second_signal_ends_workers_in_the_middle_of_a_shard(tmp_path: Path, made: Made) -> None:
    dest = tmp_path / "dest"
    main = start(
        *("export", made.out, "--to", "gt", dest, "--workers", 2),
        program=with_limits(drain_s=1e6),
    )
    until(lambda: len(workers_of(main.pid)) == 2 and num_done(dest) >= 1)
    main.send_signal(signal.SIGINT)
    main.send_signal(signal.SIGTERM)
    assert finish(main).returncode == INTERRUPTED
    assert not session_of(main)


def test_two_exports_into_one_folder_do_not_meet(tmp_path: Path, made: Made) -> None:
    dest = tmp_path / "dest"
    main = begin(made, "gt", dest, 1)
    until(lambda: num_done(dest) >= 1)
    main.send_signal(signal.SIGSTOP)
    run("export", made.out, "--to", "gt", dest, *SPLIT).expect(
        BAD_INPUT, "another run is writing", num_lines=1
    )
    kill_session(main)
    finish(main)
