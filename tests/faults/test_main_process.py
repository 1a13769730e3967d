"""The main process is killed, interrupted or terminated, at any moment: what is committed stays,
nothing else does.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from fault_runs import (
    BAD_INPUT,
    DONE,
    INTERRUPTED,
    Tree,
    are_pictures_written,
    assert_committed_is_whole,
    finish,
    in_namespace,
    is_at_work,
    is_root,
    kill_session,
    locked_segments_of,
    num_committed,
    orphaned_segments,
    poison_shim,
    run,
    run_here,
    segments_of,
    session_of,
    start,
    tree,
    until,
    with_limits,
    workers_of,
    write_shim,
    write_texts,
)

pytestmark = pytest.mark.usefixtures("no_segment_left")

Undisturbed = Callable[..., Tree]
OPTIONS = ("--max-images", 3_000)
MANY = ("--character-frequency", 1_500)
FOR_GOOD_S = 1e6
"""More than two workers render in a second."""
WORKERS = ("--engine", "processes", "--workers", 2)
SERIAL = ("--engine", "serial")
MOMENTS: dict[str, Callable[[subprocess.Popen[str], Path], bool]] = {
    "workers start": lambda main, _: bool(workers_of(main.pid)),
    "the corpus is placed": lambda main, _: len(segments_of(main)) == 2,
    "workers are at work": lambda main, _: any(map(is_at_work, workers_of(main.pid))),
    "pictures are written": lambda _, out: are_pictures_written(out),
    "a shard is committed": lambda _, out: num_committed(out) >= 1,
    "all is committed": lambda _, out: num_committed(out) >= 7,
    "the labels are merged": lambda _, out: any(out.glob("_stage/metadata*")),
}


def render(out: Path, container: str = "files", **settings: object) -> subprocess.Popen[str]:
    options = (*OPTIONS, "--container", container)
    return start("render", out, *options, *WORKERS, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_main_process_leaves_nothing_alive(
    container: str, out: Path, undisturbed: Undisturbed, moment: str
) -> None:
    main = render(out, container)
    until(lambda: MOMENTS[moment](main, out) or main.poll() is not None)
    segments = segments_of(main)
    main.kill()
    until(lambda: not session_of(main))
    finish(main)
    assert not any(segment.exists() for segment in segments)
    if (out / "run.json").exists():
        assert_committed_is_whole(out)
    run_here("render", out, *OPTIONS, "--container", container, *SERIAL).expect(DONE, num_lines=0)
    assert tree(out) == undisturbed(*OPTIONS, "--container", container)


def test_many_kills_in_a_row_lose_nothing(
    container: str, out: Path, undisturbed: Undisturbed
) -> None:
    choice = random.Random(7)
    for _ in range(4):
        main = render(out, container)
        until(lambda main=main: workers_of(main.pid) or main.poll() is not None)
        wait_for_death_or(main, choice.uniform(0.1, 0.8))
        main.kill()
        finish(main)
        until(lambda main=main: not session_of(main))
    run_here("render", out, *OPTIONS, "--container", container, *SERIAL).expect(DONE)
    assert tree(out) == undisturbed(*OPTIONS, "--container", container)


def wait_for_death_or(main: subprocess.Popen[str], seconds: float) -> None:
    """A moment of one's own choice: nothing is waited for but the clock."""
    end_s = time.monotonic() + seconds
    until(lambda: main.poll() is not None or time.monotonic() >= end_s)


def test_a_resume_waits_for_workers_that_outlive_their_main_process(
    container: str, out: Path, undisturbed: Undisturbed
) -> None:
    main = render(out, container)
    until(lambda: num_committed(out) >= 1)
    main.kill()
    # At once: the workers of the first run may still be about.
    run("render", out, *OPTIONS, "--container", container, *WORKERS).expect(DONE)
    finish(main)
    assert tree(out) == undisturbed(*OPTIONS, "--container", container)


def test_the_next_start_sweeps_a_killed_groups_segments_and_no_live_ones(
    tmp_path: Path, undisturbed: Undisturbed
) -> None:
    killed = render(tmp_path / "killed")
    live = render(tmp_path / "live")
    until(lambda: len(locked_segments_of(killed)) == 2)
    until(lambda: len(locked_segments_of(live)) == 2)
    # Held still, so that it outlasts the sweep; it may be busy with anything.
    os.kill(live.pid, signal.SIGSTOP)
    orphans, in_use = segments_of(killed), segments_of(live)
    assert len(orphans) == len(in_use) == 2
    # From here on any run on this machine may sweep them, other tests' runs, too.
    kill_session(killed)
    finish(killed)
    until(lambda: not session_of(killed))
    try:
        run_here("render", tmp_path / "third", "--max-images", 5, *SERIAL).expect(DONE)
        assert not any(segment.exists() for segment in orphans)
        assert all(segment.exists() for segment in in_use)
    finally:
        os.kill(live.pid, signal.SIGCONT)
    finish(live).expect(DONE)
    assert tree(tmp_path / "live") == undisturbed(*OPTIONS)


@is_root
def test_a_sweep_spares_live_segments_of_other_pid_namespaces(tmp_path: Path) -> None:
    live = render(tmp_path / "live")
    until(lambda: len(locked_segments_of(live)) == 2)
    os.kill(live.pid, signal.SIGSTOP)
    in_use = segments_of(live)
    try:
        prefix = in_namespace(options="-pf --mount-proc")
        other = tmp_path / "other"
        run("render", other, "--max-images", 5, *SERIAL, prefix=prefix).expect(DONE)
        assert all(segment.exists() for segment in in_use)
    finally:
        os.kill(live.pid, signal.SIGCONT)
    finish(live).expect(DONE)


SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize(
    ("number", "after_ms"),
    [
        *((signal.SIGINT, after_ms) for after_ms in (0, 5, 20, 50, 200, None)),
        *((signal.SIGTERM, after_ms) for after_ms in (0, 50, None)),
    ],
)
def test_a_signal_ends_a_run_quietly_and_resumably(
    container: str,
    out: Path,
    undisturbed: Undisturbed,
    number: signal.Signals,
    after_ms: int | None,
) -> None:
    main = start("render", out, *MANY, "--container", container, *WORKERS)
    until(lambda: listens(main.pid))
    if after_ms is None:
        until(lambda: num_committed(out) >= 1)
    else:
        wait_for_death_or(main, after_ms / 1000)
    # As a terminal does it: to the whole group, workers included.
    os.killpg(main.pid, number)
    ended = finish(main).expect(INTERRUPTED)
    assert len(ended.stderr.splitlines()) <= 3, ended.stderr
    until(lambda: not session_of(main))
    assert_resumable(out, undisturbed, container)


@pytest.mark.parametrize(
    ("after_ms", "number"), [(0, signal.SIGINT), (5, signal.SIGTERM), (20, signal.SIGINT)]
)
def test_a_signal_before_the_programs_first_line_harms_nothing(
    out: Path, number: signal.Signals, after_ms: int
) -> None:
    main = start("render", out, *OPTIONS, *WORKERS)
    wait_for_death_or(main, after_ms / 1000)
    os.killpg(main.pid, number)
    code = finish(main).returncode
    # Until Python has come that far, a signal does to it what it does to any Python program: ends
    # it, or, within the first imports of its own, makes it leave with 1, or is lost in a callback.
    assert code in (INTERRUPTED, -number, 1, DONE)
    until(lambda: not session_of(main))
    if code == DONE:
        assert_committed_is_whole(out)
    else:
        assert code == INTERRUPTED or not out.exists()


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_signal_after_the_last_line_changes_nothing(
    out: Path, tmp_path: Path, number: str
) -> None:
    shim = write_shim(
        tmp_path / "shim",
        f"""
        if not IS_WORKER:
            import atexit
            atexit.register(do, {number!r})
        """,
    )
    run("render", out, "--max-images", 10, shims=[shim]).expect(DONE, num_lines=0)


def listens(pid: int) -> bool:
    """Whether a process has a handler for SIGTERM, the first thing that the program sees to."""
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        caught = next(line for line in lines if line.startswith("SigCgt:")).split()[1]
        return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)
    return False


def assert_resumable(out: Path, undisturbed: Undisturbed, container: str = "files") -> None:
    options = (*MANY, "--container", container)
    if (out / "run.json").exists():
        assert_committed_is_whole(out)
    run_here("render", out, *options, *SERIAL).expect(DONE, num_lines=0)
    assert tree(out) == undisturbed(*options)


def test_sighup_ends_a_run_as_ctrl_c_does(container: str, out: Path) -> None:
    main = render(out, container)
    until(lambda: num_committed(out) >= 1)
    main.send_signal(signal.SIGHUP)
    finish(main).expect(INTERRUPTED, "SIGHUP", num_lines=1)
    assert_committed_is_whole(out)


def test_a_terminal_that_closes_ends_a_run_quietly(container: str, out: Path) -> None:
    main = render(out, container)
    until(lambda: num_committed(out) >= 1)
    os.killpg(main.pid, signal.SIGHUP)
    finish(main).expect(INTERRUPTED, "SIGHUP", num_lines=1)
    until(lambda: not session_of(main))


def test_a_killed_resource_tracker_goes_unnoticed(
    container: str, out: Path, undisturbed: Undisturbed
) -> None:
    main = render(out, container)
    # Not once it has two segments open: for a moment it looks at those of other runs.
    until(lambda: any(map(is_at_work, workers_of(main.pid))))
    segments = segments_of(main)
    for each in session_of(main):
        if "resource_tracker import main" in " ".join(each.cmdline()):
            each.kill()
    finish(main).expect(DONE, num_lines=0)
    until(lambda: not session_of(main))
    assert not any(segment.exists() for segment in segments)
    assert tree(out) == undisturbed(*OPTIONS, "--container", container)


def hanging_run(out: Path, tmp_path: Path, **limits: float) -> subprocess.Popen[str]:
    """A run that has committed something and hangs in one worker, for good."""
    texts = write_texts(tmp_path / "texts.txt", 600, dict.fromkeys(range(300, 600), "hang ß"))
    shim = poison_shim(tmp_path / "shim", "ß", "loop")
    program = with_limits(hang_s=FOR_GOOD_S, **limits)
    main = start("render", out, "--texts", texts, *WORKERS, shims=[shim], program=program)
    until(lambda: num_committed(out) >= 1 and (tmp_path / "shim" / "looping").exists())
    return main


def test_a_drain_that_takes_too_long_is_cut_short(out: Path, tmp_path: Path) -> None:
    main = hanging_run(out, tmp_path)
    main.terminate()
    finish(main).expect(INTERRUPTED, "SIGTERM", num_lines=1)
    until(lambda: not session_of(main))
    assert_committed_is_whole(out)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_ends_a_run_whatever_is_under_way(
    out: Path, tmp_path: Path, number: signal.Signals
) -> None:
    main = hanging_run(out, tmp_path, drain_s=FOR_GOOD_S)
    os.killpg(main.pid, number)
    wait_for_death_or(main, 0.3)
    assert main.poll() is None
    os.killpg(main.pid, number)
    finish(main).expect(INTERRUPTED, number.name, num_lines=1)
    until(lambda: not session_of(main))
    assert_committed_is_whole(out)


@pytest.mark.parametrize("engine", ["serial", "threads"])
def test_a_second_signal_ends_a_run_without_workers_whatever_is_under_way(
    out: Path, tmp_path: Path, engine: str
) -> None:
    shim = write_shim(
        tmp_path / "shim",
        """
        import time

        @after_import("shmtext.dataset.containers.files")
        def slow_down(module):
            real = module.FilesShard.take

            def take(self, names, data):
                for each in zip(names, data):
                    time.sleep(0.05)  # a shard takes most of a minute
                    real(self, [each[0]], [each[1]])

            module.FilesShard.take = take
        """,
    )
    options = ("--max-images", 20_000, "--engine", engine, "--workers", 2)
    program = with_limits(drain_s=FOR_GOOD_S)
    main = start("render", out, *options, shims=[shim], program=program)
    until(lambda: any(out.glob("_stage/*/images/*")))
    main.send_signal(signal.SIGINT)
    wait_for_death_or(main, 0.3)
    assert main.poll() is None
    main.send_signal(signal.SIGINT)
    finish(main).expect(INTERRUPTED, num_lines=1)
    assert num_committed(out) == 0


@is_root
@pytest.mark.parametrize("number", SIGNALS)
def test_signals_end_a_run_that_is_pid_1(
    out: Path, undisturbed: Undisturbed, number: signal.Signals
) -> None:
    prefix = in_namespace(options="-pf --mount-proc")
    outer = start("render", out, *MANY, *WORKERS, prefix=prefix)
    until(lambda: num_committed(out) >= 1)
    (main,) = psutil.Process(outer.pid).children()
    main.send_signal(number)
    finish(outer).expect(INTERRUPTED, number.name, num_lines=1)
    assert_resumable(out, undisturbed)


def test_a_second_run_in_a_folder_is_refused_and_the_first_unharmed(
    container: str, out: Path, undisturbed: Undisturbed
) -> None:
    first = render(out, container)
    until(lambda: num_committed(out) >= 1)
    os.kill(first.pid, signal.SIGSTOP)
    try:
        second = run("render", out, *OPTIONS, "--container", container, *WORKERS)
        second.expect(BAD_INPUT, "another run is writing", f"process {first.pid}", num_lines=1)
    finally:
        os.kill(first.pid, signal.SIGCONT)
    finish(first).expect(DONE)
    assert tree(out) == undisturbed(*OPTIONS, "--container", container)


def test_a_paused_run_takes_no_worker_for_hung(
    container: str, out: Path, undisturbed: Undisturbed
) -> None:
    main = render(out, container)
    until(lambda: num_committed(out) >= 1)
    stopped = [psutil.Process(main.pid), *workers_of(main.pid)]
    for each in stopped:
        each.suspend()
    wait_for_death_or(main, 0.5)
    for each in reversed(stopped):
        each.resume()
    finish(main).expect(DONE, num_lines=0)
    assert tree(out) == undisturbed(*OPTIONS, "--container", container)


def test_no_orphans_stay_when_the_run_ends_by_itself(out: Path) -> None:
    before = orphaned_segments()
    run("render", out, *OPTIONS, *WORKERS).expect(DONE, num_lines=0)
    assert orphaned_segments() <= before
    run("render", out, "--max-images", 10, *WORKERS).expect(BAD_INPUT)
    assert orphaned_segments() <= before
