"""Storage that is full, read-only, gone or failing at any single call: the run stops with one
line, keeps every commit, and the same command finishes it with the same bytes.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fault_runs import (
    BAD_INPUT,
    DONE,
    STOPPED,
    Finished,
    Tree,
    assert_committed_is_whole,
    finish,
    is_root,
    num_committed,
    run,
    run_here,
    start,
    tree,
    until,
    write_shim,
)
from stored import shard_path

from shmtext import Output, Renderer, RunConfig, ShmtextError, TextFile
from shmtext.config.settings import Container

pytestmark = pytest.mark.usefixtures("no_segment_left")

Undisturbed = Callable[..., Tree]
OPTIONS = ("--max-images", 600)
"""Four shards of 196; 2.4 MB on a file system with blocks of 4 KiB."""
ENGINES = {"serial": ("--engine", "serial"), "workers": ("--engine", "processes", "--workers", 2)}


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount tmpfs file systems with options; gone after the test."""
    mounted: list[Path] = []

    def mount(options: str) -> Path:
        folder = tmp_path / f"mount{len(mounted)}"
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "shmtext", folder], check=True)
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def options(container: str) -> tuple[object, ...]:
    return *OPTIONS, "--container", container


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)


def assert_stopped_and_whole(ended: Finished, out: Path, *says: str) -> None:
    ended.expect(STOPPED, *says, num_lines=1)
    files = [path for path in out.glob("images/**/*") if path.is_file()]
    assert not [path for path in files if path.stat().st_size == 0]
    if (out / "run.json").exists():
        assert_committed_is_whole(out)


@is_root
@pytest.mark.parametrize(
    ("engine", "size_kib"), [("serial", 64), ("workers", 500), ("serial", 1000), ("workers", 2000)]
)
def test_a_full_disk_stops_the_run_and_room_finishes_it(
    options: tuple[object, ...],
    small: Callable[[str], Path],
    undisturbed: Undisturbed,
    engine: str,
    size_kib: int,
) -> None:
    folder = small(f"size={size_kib}k")
    out = folder / "out"
    assert_stopped_and_whole(run("render", out, *options, *ENGINES[engine]), out, "free some")
    remount(folder, "size=16m")
    run_here("render", out, *options, "--engine", "serial").expect(DONE)
    assert tree(out) == undisturbed(*options)


@is_root
def test_a_disk_that_fills_up_during_the_run_keeps_what_is_committed(
    container: str, small: Callable[[str], Path], undisturbed: Undisturbed
) -> None:
    folder = small("size=64m")
    out = folder / "out"
    options = ("--character-frequency", 1_000, "--container", container)
    main = start("render", out, *options, *ENGINES["workers"])
    until(lambda: num_committed(out) >= 1)
    with pytest.raises(OSError, match="No space"), (folder / "filler").open("wb", 0) as filler:
        while True:
            filler.write(bytes(1 << 16))
    assert_stopped_and_whole(finish(main), out, "free some")
    assert num_committed(out) >= 1
    (folder / "filler").unlink()
    run_here("render", out, *options, "--engine", "serial").expect(DONE)
    assert tree(out) == undisturbed(*options)


@is_root
@pytest.mark.parametrize(("engine", "part"), [("workers", 0), ("serial", 1), ("workers", 2)])
def test_a_device_without_inodes_stops_the_run(
    options: tuple[object, ...],
    small: Callable[[str], Path],
    undisturbed: Undisturbed,
    container: str,
    engine: str,
    part: int,
) -> None:
    num_inodes = {"files": (4, 300, 610)}.get(container, (4, 12, 18))[part]
    folder = small(f"size=16m,nr_inodes={num_inodes}")
    out = folder / "out"
    assert_stopped_and_whole(run("render", out, *options, *ENGINES[engine]), out, "inodes")
    remount(folder, "nr_inodes=5000")
    run_here("render", out, *options, "--engine", "serial").expect(DONE)
    assert tree(out) == undisturbed(*options)


@is_root
def test_a_read_only_file_system_stops_a_resume(
    options: tuple[object, ...],
    container: str,
    small: Callable[[str], Path],
    undisturbed: Undisturbed,
) -> None:
    folder = small("size=16m")
    out = folder / "out"
    run_here("render", out, *options, "--engine", "serial").expect(DONE)
    (out / "_SUCCESS.json").unlink()
    remove_shard(out / shard_path(container, 1))
    remount(folder, "ro")
    run("render", out, *options).expect(STOPPED, "read-only", num_lines=1)
    run("render", folder / "new", *options).expect(STOPPED, "read-only", num_lines=1)
    remount(folder, "rw")
    run_here("render", out, *options, "--engine", "serial").expect(DONE)
    assert tree(out) == undisturbed(*options)


@is_root
@pytest.mark.parametrize("engine", ENGINES)
def test_a_folder_made_unchangeable_during_the_run_stops_it(
    container: str, out: Path, undisturbed: Undisturbed, engine: str
) -> None:
    options = ("--max-images", 3_000, "--container", container)
    main = start("render", out, *options, *ENGINES[engine])
    until(lambda: num_committed(out) >= 1)
    with immutable(out / "fragments"):
        assert_stopped_and_whole(finish(main), out, "make", "writable")
    run_here("render", out, *options, "--engine", "serial").expect(DONE)
    assert tree(out) == undisturbed(*options)


def remove_shard(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def unfinished(out: Path, options: tuple[object, ...]) -> None:
    """Make a folder of a run that was killed when some of its shards were committed."""
    run_here("render", out, *options, "--engine", "serial").expect(DONE)
    (out / "_SUCCESS.json").unlink()
    for name in ("00001.json", "00003.json"):
        (out / "fragments" / name).unlink()
    (out / "_stage").mkdir()
    (out / "_stage" / "left").touch()


@is_root
@pytest.mark.parametrize("engine", ENGINES)
def test_an_unfinished_run_in_a_lower_layer_is_finished(
    options: tuple[object, ...], small: Callable[[str], Path], undisturbed: Undisturbed, engine: str
) -> None:
    # As ``docker commit`` or ``COPY out/`` leave it: overlayfs can't rename what lies below it.
    top = small("size=64m")
    lower, upper, work, merged = (top / name for name in ("lower", "upper", "work", "merged"))
    for folder in (lower, upper, work, merged):
        folder.mkdir()
    unfinished(lower / "out", options)
    layers = f"lowerdir={lower},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "-o", layers, "shmtext", merged], check=True)
    try:
        run("render", merged / "out", *options, *ENGINES[engine]).expect(DONE, num_lines=0)
        assert tree(merged / "out") == undisturbed(*options)
    finally:
        subprocess.run(["umount", "-l", merged], check=True)


@is_root
@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_whose_pictures_are_on_a_mount_is_finished(
    options: tuple[object, ...],
    container: str,
    out: Path,
    small: Callable[[str], Path],
    undisturbed: Undisturbed,
    engine: str,
) -> None:
    unfinished(out, options)
    pictures = small("size=64m")
    shutil.copytree(out / "images", pictures, dirs_exist_ok=True)
    # What a start leaves that is killed while it copies.
    left = pictures / f".{Path(shard_path(container, 1)).name}"
    left.mkdir()
    (left / "left").touch()
    subprocess.run(["mount", "--bind", pictures, out / "images"], check=True)
    try:
        run("render", out, *options, *ENGINES[engine]).expect(DONE, num_lines=0)
        assert tree(out) == undisturbed(*options)
        assert not [name for name in os.listdir(pictures) if name.startswith(".")]
    finally:
        subprocess.run(["umount", "-l", out / "images"], check=True)


@contextmanager
def immutable(folder: Path) -> Iterator[None]:
    """What ``chattr +i`` does: not even root may change the folder."""
    get_flags, set_flags, is_immutable = 0x80086601, 0x40086602, 0x10
    fd = os.open(folder, os.O_RDONLY)
    try:
        flags = struct.unpack("l", fcntl.ioctl(fd, get_flags, bytes(8)))[0]
        fcntl.ioctl(fd, set_flags, struct.pack("l", flags | is_immutable))
    except OSError as error:
        os.close(fd)
        pytest.skip(f"this file system knows no immutable folders ({error.strerror})")
    try:
        yield
    finally:
        fcntl.ioctl(fd, set_flags, struct.pack("l", flags))
        os.close(fd)


@pytest.mark.parametrize(
    ("engine", "num_bytes"), [("serial", 100), ("workers", 5_000), ("serial", 20_000)]
)
def test_a_limit_on_file_sizes_stops_the_run(
    options: tuple[object, ...], out: Path, undisturbed: Undisturbed, engine: str, num_bytes: int
) -> None:
    limited = ("prlimit", f"--fsize={num_bytes}")
    ended = run("render", out, *options, *ENGINES[engine], prefix=limited)
    assert_stopped_and_whole(ended, out)
    assert "larger than a file may be" in ended.stderr or "File too large" in ended.stderr
    run_here("render", out, *options, "--engine", "serial").expect(DONE)
    assert tree(out) == undisturbed(*options)


@pytest.mark.parametrize(
    ("engine", "num_files"),
    [("serial", 18), *(("workers", num_files) for num_files in (18, 24, 40, 64))],
)
def test_a_limit_on_open_files_is_kept_or_named(
    options: tuple[object, ...], out: Path, undisturbed: Undisturbed, engine: str, num_files: int
) -> None:
    prefix = ("prlimit", f"--nofile={num_files}")
    ended = run("render", out, *options, *ENGINES[engine], prefix=prefix)
    if ended.returncode != DONE:
        assert ended.returncode in (STOPPED, BAD_INPUT), ended.stderr
        ended.expect(ended.returncode, "open files", num_lines=1)
        run_here("render", out, *options, "--engine", "serial").expect(DONE)
    assert tree(out) == undisturbed(*options)


@pytest.mark.parametrize(
    ("engine", "replaced_by"),
    [("serial", "nothing"), ("workers", "nothing"), ("serial", "a folder"), ("workers", "a link")],
)
def test_a_folder_taken_away_during_the_run_stops_it_and_nothing_is_written_elsewhere(
    container: str,
    out: Path,
    tmp_path: Path,
    undisturbed: Undisturbed,
    engine: str,
    replaced_by: str,
) -> None:
    options = ("--max-images", 3_000, "--container", container)
    main = start("render", out, *options, *ENGINES[engine])
    until(lambda: num_committed(out) >= 1)
    aside, elsewhere = tmp_path / "aside", tmp_path / "elsewhere"
    elsewhere.mkdir()
    out.rename(aside)
    if replaced_by == "a folder":
        out.mkdir()
    elif replaced_by == "a link":
        out.symlink_to(elsewhere)
    finish(main).expect(STOPPED, "removed or replaced", num_lines=1)
    assert list(elsewhere.iterdir()) == []
    if replaced_by == "a folder":
        assert list(out.iterdir()) == []
        out.rmdir()
    elif replaced_by == "a link":
        out.unlink()
    aside.rename(out)
    assert_committed_is_whole(out)
    run_here("render", out, *options, "--engine", "serial").expect(DONE)
    assert tree(out) == undisturbed(*options)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_folder_deleted_during_the_run_stops_it(out: Path, container: str, engine: str) -> None:
    options = ("--max-images", 3_000, "--container", container)
    main = start("render", out, *options, *ENGINES[engine])
    until(lambda: num_committed(out) >= 1)
    # Files that are still being made may keep the tree from going at the first try.
    until(lambda: not shutil.rmtree(out, ignore_errors=True) and not out.exists())
    finish(main).expect(STOPPED, "removed or replaced", num_lines=1)
    assert not out.exists()


def test_a_folder_that_goes_between_start_and_first_shard_is_one_line(
    options: tuple[object, ...], out: Path, tmp_path: Path
) -> None:
    # Both workers find no folder when they come to it, with a task on its way to them.
    shim = write_shim(
        tmp_path / "shim",
        f"""
        if not IS_WORKER:
            @after_import("shmtext.engine.supervisor")
            def rename_first(module):
                real = module.Workers.run

                def run(self, *arguments):
                    if once({str(tmp_path / "renamed")!r}):
                        os.rename({str(out)!r}, {str(out) + "2"!r})
                    return real(self, *arguments)

                module.Workers.run = run
        """,
    )
    ended = run("render", out, *options, *ENGINES["workers"], shims=[shim])
    ended.expect(STOPPED, "removed or replaced", num_lines=1)


# -- every single call -----------------------------------------------------------------------------

LINES = "\n".join(f"text {i}" if i in (0, 7, 66, 68) else "" for i in range(70))
"""Two shards, of 67 and 3 lines; few pictures, so that every single call can be made to fail."""
CALLS = ("open", "write", "fsync", "rename", "close", "mkdir", "unlink")
CODES = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS, errno.EMFILE)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "texts.txt"
    path.write_text(LINES)
    return path


@pytest.fixture(scope="module")
def serial(texts: Path, container: Container) -> Iterator[Renderer]:
    """One renderer for hundreds of runs: a run then takes some 10 ms."""
    config = RunConfig(corpus=TextFile(texts), output=Output(container=container))
    with Renderer(config, engine="serial") as renderer:
        yield renderer


@pytest.fixture(scope="module")
def whole(serial: Renderer, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    out = tmp_path_factory.mktemp("whole") / "out"
    serial.render(out)
    return tree(out)


@contextmanager
def failing(function: str, at: int, code: int) -> Iterator[list[int]]:
    """Let the ``at``-th call of ``os.<function>`` fail; lends the number of calls so far."""
    real, calls = getattr(os, function), [0]

    def shim(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] != at:
            return real(*args, **kwargs)
        if function == "close":  # a failed close has closed all the same
            real(*args)
        if function == "write":  # on a disk that fills up, part of it is written
            real(args[0], bytes(args[1])[:10])
        raise OSError(code, os.strerror(code))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, function, shim)
        yield calls


@pytest.mark.parametrize("function", CALLS)
def test_whatever_call_fails_a_resume_gives_the_same_bytes(
    serial: Renderer, whole: Tree, tmp_path: Path, function: str
) -> None:
    fds = len(os.listdir("/proc/self/fd"))
    at, num_failed = 0, 0
    while True:
        at += 1
        out = tmp_path / str(at)
        with failing(function, at, CODES[at % len(CODES)]) as calls:
            try:
                serial.render(out)
            except ShmtextError as error:
                num_failed += 1
                assert error.exit_code == STOPPED, error
                assert "\n" not in str(error)
        if calls[0] < at:
            break
        assert serial.render(out).digest
        assert tree(out) == whole, f"call {at} of {function}"
        shutil.rmtree(out)
    assert num_failed > 0
    assert len(os.listdir("/proc/self/fd")) == fds


CRASHES = '''
import os, shutil, signal, sys
from pathlib import Path
from shmtext import Output, Renderer, RunConfig, TextFile

out_root, texts = map(Path, sys.argv[1:3])
config = RunConfig(corpus=TextFile(texts), output=Output(container=sys.argv[3]))
renderer = Renderer(config, engine="serial")
renderer.render(out_root / "warm")


def child(out, at):
    """Die before the at-th change of the disk; leave with 0 if there are fewer."""
    calls = 0

    def dying(function):
        real = getattr(os, function)

        def shim(*args, **kwargs):
            nonlocal calls
            changes_disk = function != "open" or args[1] & os.O_CREAT
            calls += bool(changes_disk)
            if changes_disk and calls == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return shim

    for function in ("open", "write", "fsync", "rename", "mkdir", "unlink", "rmdir"):
        setattr(os, function, dying(function))
    renderer.render(out)
    os._exit(0)


at = 1
while True:
    out = out_root / str(at)
    pid = os.fork()
    if pid == 0:
        try:
            child(out, at)
        finally:
            os._exit(1)
    status = os.waitpid(pid, 0)[1]
    if status == 0:
        break
    assert status == signal.SIGKILL, status
    # The next process, which knows nothing of the first.
    pid = os.fork()
    if pid == 0:
        try:
            print(at, renderer.render(out).digest, flush=True)
            shutil.rmtree(out)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    at += 1
'''


def test_a_death_between_any_two_steps_loses_nothing(
    serial: Renderer, whole: Tree, texts: Path, tmp_path: Path, container: str
) -> None:
    expected = serial.render(tmp_path / "whole").digest
    assert tree(tmp_path / "whole") == whole
    ended = run(tmp_path, texts, container, program=("-W", "ignore", "-c", CRASHES))
    ended.expect(DONE)
    digests = dict(line.split() for line in ended.stdout.splitlines())
    assert len(digests) > 60
    assert set(digests.values()) == {expected}


@pytest.mark.parametrize(
    ("to", "code", "said"),
    [("> /dev/full", STOPPED, "cannot write to standard output"), (">&-", DONE, "")],
)
def test_a_summary_that_nobody_takes_is_one_line_at_most(
    out: Path, undisturbed: Undisturbed, to: str, code: int, said: str
) -> None:
    options = ("--max-images", 100)
    ended = run("render", out, *options, prefix=("sh", "-c", f'exec "$@" {to}', "sh"))
    ended.expect(code, said, num_lines=1 if said else 0)
    assert tree(out) == undisturbed(*options)
    ended = run("verify", out, prefix=("sh", "-c", f'exec "$@" {to}', "sh"))
    ended.expect(code, said, num_lines=1 if said else 0)


def test_a_log_on_the_full_disk_leaves_the_exit_code_right(out: Path) -> None:
    prefix = ("prlimit", "--fsize=100", "sh", "-c", 'exec "$@" 2> /dev/full', "sh")
    run("render", out, "--max-images", 100, prefix=prefix).expect(STOPPED)
