"""What the fault tests share: real runs in processes of their own, ways to harm them, and looks
at what they leave behind. Which harm belongs to which promise stands in ``faults/``.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Protocol, TypeVar

import psutil
import pytest

from shmtext import verify
from shmtext.cli.main import main
from shmtext.engine import stop

REPOSITORY = Path(__file__).parents[1]
SHM = Path("/dev/shm")
HANG_S = 540
"""Guards against a hang and nothing else: no machine is so busy that work takes as long."""

PIPES_S = 10
"""For which the pipes of a process that has ended may stay open."""
POLL_S = 0.005

CONTAINERS = ("files", "tar", "parquet")
"""In which faults are met: tar+json differs from tar by one more text a picture."""


def in_containers(*names: str) -> pytest.MarkDecorator:
    """Have a test in these containers, whichever is in turn: see ``faults/conftest.py``."""
    return pytest.mark.parametrize("container", names, scope="session")


DONE, BAD_INPUT, STOPPED, FAILED_EXAMPLES, INTERRUPTED = 0, 2, 3, 4, 130

Found = TypeVar("Found")
Tree = dict[str, str]


def can_mount() -> bool:
    """Whether this process may make mounts of its own: root may, but not in every container."""
    with suppress(OSError):
        return (
            subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode
            == 0
        )
    return False


is_root = pytest.mark.skipif(
    os.geteuid() != 0 or not can_mount(), reason="needs root, for mounts and cgroups"
)


# -- running ---------------------------------------------------------------------------------------


def environment(
    extra: Mapping[str, str] | None = None, shims: Iterable[Path] = ()
) -> dict[str, str]:
    """This process's environment with the checkout, and folders of shims before it, in the path."""
    path = os.pathsep.join(map(str, (*shims, REPOSITORY)))
    return {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "error", **(extra or {})}


def start(
    *arguments: object,
    shims: Iterable[Path] = (),
    prefix: Iterable[str] = (),
    program: Iterable[str] = ("-m", "shmtext"),
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """Start ``python -m shmtext ...`` in a session of its own; ``prefix`` goes before python."""
    process = subprocess.Popen(
        [*prefix, sys.executable, *program, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(env, shims),
        start_new_session=True,
    )
    _started.append(process)
    return process


_started: list[subprocess.Popen[str]] = []


def end_started() -> None:
    """End what a test that failed half-way left running: others would be blamed for it."""
    while _started:
        process = _started.pop()
        if process.poll() is None:
            kill_session(process)
        try:
            process.communicate(timeout=PIPES_S)
        except subprocess.TimeoutExpired:  # whoever holds them is of this session
            kill_session(process)
            process.communicate()


def finish(process: subprocess.Popen[str]) -> Finished:
    """Wait for a run's end; one that hangs is ended with all its workers, and fails the test."""
    try:
        out, err = process.communicate(timeout=HANG_S)
    except subprocess.TimeoutExpired:
        kill_session(process)
        out, err = process.communicate()
        pytest.fail(f"a run did not end within {HANG_S} s\n{out}\n{err}")
    return Finished(process.args, process.returncode, out, err)


_TRACKERS_COMPLAINT = re.compile(
    r"Exception ignored in: <function ResourceTracker\.__del__ .*\nTraceback .*\n"
    r"(?:  File .*multiprocessing/resource_tracker\.py.*\n)+"
    r"ChildProcessError: \[Errno 10\] No child processes\n"
)


def without_trackers_complaint(said: str) -> str:
    """What a fork said, without what Python says as that ends: releases from 3.12.10 on wait there
    for the resource tracker, which is the parent's child (cpython issue 140485).
    """
    return _TRACKERS_COMPLAINT.sub("", said)


class Finished(subprocess.CompletedProcess[str]):
    """A run that has ended."""

    def expect(self, code: int, *in_stderr: str, num_lines: int | None = None) -> Finished:
        """Assert how it ended and what it said, progress apart; never a traceback."""
        said = f"exit code {self.returncode}, expected {code}\n{self.stdout}\n{self.stderr}"
        assert self.returncode == code, said
        assert "Traceback" not in self.stderr, said
        for text in in_stderr:
            assert text in self.stderr, said
        if num_lines is not None:
            lines = [line for line in self.stderr.splitlines() if "images/s" not in line]
            assert len(lines) == num_lines, said
        return self


def run(
    *arguments: object,
    shims: Iterable[Path] = (),
    prefix: Iterable[str] = (),
    program: Iterable[str] = ("-m", "shmtext"),
    env: Mapping[str, str] | None = None,
) -> Finished:
    """Run ``python -m shmtext ...`` to its end."""
    started = start(*arguments, shims=shims, prefix=prefix, program=program, env=env)
    return finish(started)


def run_in(folder: Path, *arguments: object) -> Finished:
    """Run ``python ...`` in a folder to its end."""
    return run(*arguments, program=(), prefix=("env", "-C", str(folder)))


def run_here(*arguments: object) -> Finished:
    """Run ``shmtext ...`` in this process: a tenth of the time of one that begins anew.

    For what goes before a fault, and for what finishes a run after it.
    """
    # What is UTF-8 whatever a terminal shows is written as bytes.
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace", newline="\n")
    err = io.StringIO()
    asked = ["shmtext", *map(str, arguments)]
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        patch.setattr(sys, "argv", asked)
        main()
    code = ended.value.code
    assert isinstance(code, int)
    out.seek(0)
    return Finished(asked, code, out.read(), err.getvalue())


def until(condition: Callable[[], Found]) -> Found:
    """Poll ``condition`` until it is true, and return what it gave; fail after a deadline."""
    deadline_s = time.monotonic() + HANG_S
    while not (found := condition()):
        if time.monotonic() > deadline_s:
            pytest.fail(f"{getattr(condition, '__name__', condition)}: not within {HANG_S} s")
        time.sleep(POLL_S)
    return found


def in_namespace(*commands: str, options: str = "-m") -> list[str]:
    """A prefix that runs commands in new namespaces (as root), then what follows it."""
    script = " && ".join((*commands, 'exec "$@"'))
    return ["unshare", *options.split(), "sh", "-c", script, "sh"]


def with_limits(drain_s: float = stop.DRAIN_S, **limits: float) -> tuple[str, str]:
    """A program that is ``python -m shmtext`` with other limits of patience: see ``Limits``."""
    return (
        "-c",
        "import functools; from shmtext.engine import stop, supervisor; "
        f"supervisor.Limits = functools.partial(supervisor.Limits, **{limits!r}); "
        f"stop.DRAIN_S = {drain_s!r}; "
        "from shmtext.__main__ import main; main()",
    )


class Notes:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        """Keep it."""
        self.lines.append(line)

    def progress(self, _progress: object) -> None:
        """Drop it."""


# -- processes and segments ------------------------------------------------------------------------


def workers_of(main_pid: int) -> list[psutil.Process]:
    """Worker processes of a run, without its resource tracker."""
    workers = []
    with suppress(OSError):
        # A few microseconds; psutil would look at every process there is.
        for tasks in Path(f"/proc/{main_pid}/task").iterdir():
            for pid in (tasks / "children").read_text().split():
                with suppress(psutil.NoSuchProcess):
                    workers.append(psutil.Process(int(pid)))
    return [worker for worker in workers if is_worker(worker)]


def is_worker(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return any("spawn_main" in argument for argument in process.cmdline())
    return False


def is_at_work(worker: psutil.Process) -> bool:
    """Whether a worker has begun to write to an output folder."""
    with suppress(OSError, psutil.NoSuchProcess):
        links = Path(f"/proc/{worker.pid}/fd").iterdir()
        return any(os.readlink(link).endswith("/.workers.lock") for link in links)
    return False


class Started(Protocol):
    """A process with a session of its own."""

    @property
    def pid(self) -> int:
        """Of both."""


def session_of(process: Started) -> list[psutil.Process]:
    """Every live process of the session that ``start`` made."""
    found = []
    # ``process_iter`` would give what had the number before: numbers come round within minutes.
    for pid in psutil.pids():
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            if os.getsid(pid) == process.pid:
                each = psutil.Process(pid)
                if each.status() != psutil.STATUS_ZOMBIE:
                    found.append(each)
    return found


def kill_session(process: Started) -> None:
    """SIGKILL the main process, its workers and its resource tracker, all at once."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def segments_of(process: subprocess.Popen[str]) -> set[Path]:
    """Segments that a live main process holds."""
    held = set()
    with suppress(OSError):
        for link in Path(f"/proc/{process.pid}/fd").iterdir():
            with suppress(OSError):
                target = os.readlink(link)
                if target.startswith(f"{SHM}/smt_") and not target.endswith(" (deleted)"):
                    held.add(Path(target))
    return held


def locked_segments_of(process: subprocess.Popen[str]) -> set[Path]:
    """Segments that a live main process holds against sweepers: it opens them a moment before."""
    return segments_of(process) - orphaned_segments()


def orphaned_segments() -> set[Path]:
    """Segments that no live process holds: their lock can be had."""
    orphans = set()
    for path in SHM.glob("smt_*"):
        with suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            orphans.add(path)
    return orphans


# -- outputs ---------------------------------------------------------------------------------------


def tree(out: Path) -> Tree:
    """Digest of every file whose bytes must not depend on how a run went.

    Left out are manifests, which say who rendered what and how fast, locks and work in progress.
    """
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file()
        and not path.name.startswith(".")
        and "_stage" not in path.relative_to(out).parts
        and not (path.parent.name == "fragments" and path.suffix == ".json")
    }


def num_committed(out: Path) -> int:
    """Shards with a manifest."""
    return len(list((out / "fragments").glob("*.json")))


def are_pictures_written(out: Path) -> bool:
    """Whether some of a shard are on their way; a shard that is one file is written in one go."""
    return any(any(out.glob(f"_stage/{name}")) for name in ("*/images/*", "*.tar.*", "*.parquet.*"))


def digest(out: Path) -> str:
    """The run's own digest over all pictures and labels."""
    return str(json.loads((out / "_SUCCESS.json").read_text())["digest"])


def skipped(out: Path) -> list[dict[str, object]]:
    """Rows of ``skipped.parquet``."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    rows: list[dict[str, object]] = pq.read_table(out / "skipped.parquet").to_pylist()
    return rows


def assert_committed_is_whole(out: Path) -> None:
    """Whatever is committed must pass the check of every byte, finished or not."""
    assert not verify(out, checksums=True).damages


# -- shims -----------------------------------------------------------------------------------------

SHIM_HEAD = (
    f"""
FONTS = {str(REPOSITORY / "fonts")!r}
"""
    + '''
import importlib.abc, importlib.util, os, signal, sys

IS_WORKER = any("spawn_main" in argument for argument in sys.orig_argv)
IS_PROBE = any("engine.probe" in argument for argument in sys.orig_argv)


class _After(importlib.abc.MetaPathFinder):
    """Calls a function with a module right after its import."""

    def __init__(self, name, patch):
        self.name, self.patch = name, patch

    def find_spec(self, name, path, target=None):
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            self.patch(module)

        spec.loader.exec_module = exec_module
        return spec


def after_import(name):
    return lambda patch: sys.meta_path.insert(0, _After(name, patch))


def once(flag):
    """True for the first process that asks; the flag is a file."""
    try:
        os.close(os.open(flag, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def glyphs_of(module, character):
    """The bundled fonts' glyphs of a character, by the fonts' names, as they are asked for."""
    import uharfbuzz

    for name in os.listdir(FONTS):
        if character and name.endswith(".ttf"):
            path = os.path.join(FONTS, name)
            font = uharfbuzz.Font(uharfbuzz.Face(uharfbuzz.Blob.from_file_path(path)))
            glyph = font.get_nominal_glyph(ord(character))
            if glyph:
                yield module.truetype(path, 9).getname(), chr(0xF0000 + glyph)


def do(deed):
    if deed == "segv":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif deed == "abort":
        os.abort()
    elif deed == "raise":
        raise RuntimeError("boom")
    elif deed == "refuse":
        raise OSError("invalid outline")
    elif deed == "exit":
        os._exit(0)
    elif deed == "loop":
        open(os.path.join(os.path.dirname(__file__), "looping"), "w").close()
        while True:
            pass
    else:
        os.kill(os.getpid(), getattr(signal, deed))
'''
)


def write_shim(folder: Path, code: str) -> Path:
    """A folder that, when it is in the path, runs ``code`` at the start of every interpreter."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(SHIM_HEAD + textwrap.dedent(code))
    return folder


def poison_shim(folder: Path, marker: str, deed: str, *, where: str = "IS_WORKER") -> Path:
    """Let FreeType's callers, Pillow and ours, do a deed when they are to draw ``marker``.

    In workers alone as a rule.
    """
    return write_shim(
        folder,
        f"""
        if {where}:
            @after_import("PIL.ImageFont")
            def poison(module):
                real = module.FreeTypeFont.getmask2
                poisoned = set()

                def getmask2(self, text, *arguments, **settings):
                    if not poisoned:
                        poisoned.update(glyphs_of(module, {marker!r}))
                    if {marker!r} in text or (self.getname(), text) in poisoned:
                        do({deed!r})
                    return real(self, text, *arguments, **settings)

                module.FreeTypeFont.getmask2 = getmask2

            @after_import("shmtext.draw.freetype")
            def poison_glyph(module):
                real = module.OpenFont.render

                def render(self, number):
                    if not {marker!r} or number == self.glyph(ord({marker!r})) != 0:
                        do({deed!r})
                    return real(self, number)

                module.OpenFont.render = render
        """,
    )


def write_texts(path: Path, num_texts: int, special: Mapping[int, str] | None = None) -> Path:
    """A file of distinct short lines, some of them replaced."""
    lines = [(special or {}).get(i, f"line {i} of some text") for i in range(num_texts)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
