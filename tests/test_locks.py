"""Who may write to a folder at once: whole runs, parts, and workers of killed ones, in pairs."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from dataset_runs import open_fds

from shmtext.dataset import locks
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.locks import holders, lock, lock_note, share_worker_lock
from shmtext.errors import FolderError, StorageError
from shmtext.parts import Part

HOLD_LOCK = """
import sys
from pathlib import Path
from shmtext.dataset import locks
from shmtext.dataset.folder import OutputFolder
from shmtext.parts import Part
part = Part.parse(sys.argv[3]) if sys.argv[3] else None
folder = OutputFolder.open(Path(sys.argv[1]), create=True, part=part)
getattr(locks, sys.argv[2])(folder)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@contextmanager
def holding(out: Path, function: str = "lock", part: str = "") -> Iterator[subprocess.Popen[str]]:
    """A process that holds a lock until its standard input is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK, str(out), function, part],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def opened(out: Path, part: str = "") -> OutputFolder:
    return OutputFolder.open(out, create=True, part=Part.parse(part) if part else None)


def test_a_second_run_is_refused_and_the_first_unharmed(out: Path) -> None:
    with holding(out) as process, opened(out) as folder:
        with pytest.raises(FolderError, match=rf"another run .*\(process {process.pid} on"):
            lock(folder)
        assert [who.partition(" on ")[0] for who in holders(folder)] == [f"process {process.pid}"]
        assert process.poll() is None


def test_the_lock_of_a_killed_run_is_free(out: Path) -> None:
    with holding(out) as process:
        process.kill()
        process.communicate()
    with opened(out) as folder:
        assert holders(folder) == []
        lock(folder)


@pytest.mark.parametrize("part", ["", "0/2"])
def test_the_lock_is_given_back_on_close(out: Path, part: str) -> None:
    before = open_fds()
    for _ in range(2):
        with opened(out, part) as folder:
            lock(folder)
    assert before == open_fds()


@pytest.mark.parametrize(
    ("orphan", "starts"),
    [("", ""), ("", "0/2"), ("0/2", ""), ("0/2", "0/2"), ("0/2", "0/3")],
    ids=lambda part: part or "whole",
)
def test_nobody_starts_beside_the_workers_of_a_killed_run_that_has_the_same_shards(
    out: Path, monkeypatch: pytest.MonkeyPatch, orphan: str, starts: str
) -> None:
    monkeypatch.setattr(locks, "ORPHANS_DEADLINE_S", 0.1)
    with (
        holding(out, "share_worker_lock", orphan),
        opened(out, starts) as folder,
        pytest.raises(FolderError, match="workers of a run that was killed"),
    ):
        lock(folder)
    with opened(out, starts) as folder:
        lock(folder)


def test_a_part_starts_beside_the_workers_of_a_killed_part_that_has_other_shards(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "ORPHANS_DEADLINE_S", 0.1)
    with holding(out, "share_worker_lock", "0/2"), opened(out, "1/2") as folder:
        lock(folder)


@pytest.mark.parametrize("part", ["", "2/3"])
def test_workers_share_their_lock_beside_the_run(out: Path, part: str) -> None:
    with opened(out, part) as run, opened(out, part) as one, opened(out, part) as other:
        lock(run)
        share_worker_lock(one)
        share_worker_lock(other)

        assert run.identity == one.identity


def test_parts_of_one_number_run_beside_one_another_and_are_named_in_their_order(
    out: Path,
) -> None:
    with (
        holding(out, part="2/11") as one,
        holding(out, part="10/11") as other,
        opened(out, "3/11") as folder,
    ):
        lock(folder)
        found = [who.partition(" on ")[0] for who in holders(folder)]

    assert found == [
        f"part 2/11: process {one.pid}",
        f"part 3/11: process {os.getpid()}",
        f"part 10/11: process {other.pid}",
    ]


@pytest.mark.parametrize(
    ("held", "refused", "why"),
    [
        ("0/2", "0/2", "part 0/2 .*is being rendered"),
        ("0/2", "1/3", "part 0/2 .*has shards of 1/3.*all parts of 2 have ended"),
        ("0/2", "", "another run is writing"),
        ("", "0/2", "another run is writing .*no part of one"),
    ],
)
def test_what_has_the_same_shards_is_refused(out: Path, held: str, refused: str, why: str) -> None:
    with holding(out, part=held) as process, opened(out, refused) as folder:
        with pytest.raises(FolderError, match=rf"{why}.*|.*process {process.pid} on") as caught:
            lock(folder)
        assert f"process {process.pid} on" in str(caught.value)
    with opened(out, refused) as folder:
        lock(folder)


def test_of_two_that_start_at_once_with_other_numbers_of_parts_one_is_refused(out: Path) -> None:
    """Whatever the moment: each pair is refused once, never twice and never not at all."""
    out.mkdir()
    script = HOLD_LOCK.replace("getattr", "sys.stdin.readline()\ngetattr")
    for _ in range(5):
        with ExitStack() as stack:
            both = [
                stack.enter_context(
                    subprocess.Popen(
                        [sys.executable, "-c", script, str(out), "lock", part],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL,
                        text=True,
                        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
                    )
                )
                for part in ("0/2", "0/3")
            ]
            for process in both:
                assert process.stdin is not None
                process.stdin.write("go\n")
                process.stdin.flush()
            said = [process.stdout.readline() for process in both if process.stdout is not None]
            for process in both:
                process.kill()

        assert sorted(said) == ["", "held\n"]


def test_a_whole_run_leaves_no_lock_of_a_part(out: Path) -> None:
    for part in ("0/2", "1/2", "0/1000000"):
        with opened(out, part) as folder, opened(out, part) as worker:
            lock(folder)
            share_worker_lock(worker)
    (out / ".lock.2-of-2").touch()  # nobody's: there is no such part
    with opened(out) as folder:
        lock(folder)

    assert sorted(os.listdir(out)) == [".lock", ".lock.2-of-2", ".workers.lock"]


@pytest.mark.parametrize("part", ["", "0/2"])
@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_without_locks_a_run_goes_on_and_says_so(
    out: Path, monkeypatch: pytest.MonkeyPatch, part: str, code: int
) -> None:
    def flock(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    with opened(out, part) as folder, opened(out, part) as worker:
        assert lock_note(folder) == ""
        lock(folder)
        share_worker_lock(worker)

        assert f"has no locks ({os.strerror(code)})" in lock_note(folder)
        assert holders(folder) == []


def test_another_failure_of_a_lock_is_no_file_system_without_locks(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    before = open_fds()
    monkeypatch.setattr(fcntl, "flock", flock)
    with opened(out) as folder, pytest.raises(StorageError, match="cannot lock"):
        lock(folder)

    assert before == open_fds()
