"""What tests of streams share: a small config, batches as values, and scripts that hold a stream.

A script is a fork of one process that has imported all there is to import: half of what a stream's
start costs. It is a session of its own, and ends as any Python does.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import select
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dis import opname
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import numpy as np
import pytest
from fault_runs import HANG_S, REPOSITORY, environment, kill_session, session_of
from small_fonts import BOX, Contours, small_font

import shmtext
from shmtext import RunConfig, StreamBatch
from shmtext.config import config_from_options

BATCH = 8
SIZE = (12, 60)
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789 ß"

PACKAGE = f"{Path(shmtext.__file__).parent}/"

Row = tuple[int, int, int, str]
"""Of a picture: its position, its example, its width and a hash of its pixels."""


def write_font(folder: Path) -> Path:
    """A font that is read in no time, of letters none of which looks like another."""

    def letter(number: int) -> Contours:
        return [[(50, 0), (50, 100 + 15 * number), (550, 700), (550, 0)]]

    glyphs = {character: letter(number) for number, character in enumerate(LETTERS)}
    return small_font(folder / "letters.ttf", {**glyphs, " ": BOX[:0]})


def options_of(folder: Path, texts: Iterable[str] | int = 60, **more: Any) -> dict[str, Any]:
    """Options of a config with these texts, or with so many, in a font and a file of ``folder``."""
    if isinstance(texts, int):
        texts = [f"text {number}" for number in range(texts)]
    path = folder / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    fonts = [str(write_font(folder))]
    return {"texts": f"{path}::text", "fonts": fonts, "font_sizes": [12], **more}


def config_of(folder: Path, texts: Iterable[str] | int = 60, **more: Any) -> RunConfig:
    """The config of these options."""
    return config_from_options(options_of(folder, texts, **more))


def rows_of(batch: Any) -> list[Row]:
    """All that a batch shows, of numpy or of tensors."""
    columns = (np.asarray(each).tolist() for each in (batch.positions, batch.indices, batch.widths))
    digests = [hashlib.sha256(image.tobytes()).hexdigest() for image in np.asarray(batch.images)]
    return list(zip(*columns, digests, strict=True))


def take(batches: Iterable[Any], num: int) -> list[Row]:
    """What the next so many batches show."""
    return [row for batch in itertools.islice(batches, num) for row in rows_of(batch)]


def undisturbed(config: RunConfig, num: int, **more: Any) -> list[Row]:
    """What a stream's first batches show when this process draws them."""
    with shmtext.stream(config, BATCH, SIZE, workers=0, **more) as stream:
        return take(stream, num)


def address_of(batch: StreamBatch) -> int:
    """Where a batch's pictures are in memory."""
    address: int = batch.images.__array_interface__["data"][0]
    return address


class CtrlC:
    """Presses Ctrl-C at the ``at``-th moment of a block in which Python would notice it while it
    runs this package: a function begins, a call has ended, a loop begins anew."""

    def __init__(self, at: int) -> None:
        self._at, self._num = at, 0
        self._last: dict[FrameType, str] = {}
        """What each frame has just done."""

    @property
    def was_pressed(self) -> bool:
        """Whether the block had as many moments."""
        return self._num >= self._at

    def __enter__(self) -> Self:
        self._before = sys.gettrace()
        sys.settrace(self._in_any)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        sys.settrace(self._before)
        self._last.clear()

    def _in_any(self, frame: FrameType, _event: str, _: object) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        frame.f_trace = self._in_ours  # else Python 3.13 traces opcodes from the next call on
        frame.f_trace_opcodes = True
        return self._in_ours

    def _in_ours(self, frame: FrameType, event: str, _: object) -> Any:
        if event == "opcode":
            last = self._last.get(frame, "")
            self._last[frame] = opname[frame.f_code.co_code[frame.f_lasti]]
            if last.startswith(("RESUME", "CALL", "JUMP_BACKWARD")):
                self._num += 1
                if self._num == self._at:
                    signal.raise_signal(signal.SIGINT)
        return self._in_ours


@contextmanager
def interrupts_raise() -> Iterator[None]:
    """Have Ctrl-C do what it does in a Python of its own, whatever runs the tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


# -- scripts ---------------------------------------------------------------------------------------

LAUNCHER = """
import os, sys
import shmtext.ring.stream, shmtext.corpus.sources, fontTools.ttLib, uharfbuzz
for path in sys.stdin:
    path = path.rstrip()
    sys.stdout.flush()
    child = os.fork()
    if not child:
        break
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    os._exit(0)
os.setsid()
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
for fd, name in enumerate(("out", "err"), 1):
    os.dup2(os.open(f"{path}.{name}", os.O_CREAT | os.O_WRONLY | os.O_APPEND), fd)
with open(path) as file:
    code = compile(file.read(), path, "exec")
exec(code)
"""


@dataclass(frozen=True, slots=True)
class Script:
    """One that was started."""

    pid: int
    path: Path
    launcher: subprocess.Popen[bytes]

    @property
    def stdout(self) -> str:
        """What it has said so far."""
        return Path(f"{self.path}.out").read_text()

    @property
    def stderr(self) -> str:
        """Likewise, on standard error, with all that it has started."""
        return Path(f"{self.path}.err").read_text()

    def wait(self) -> int:
        """Wait for its end; return its exit code."""
        return int(answer_of(self.launcher))


def answer_of(launcher: subprocess.Popen[bytes]) -> str:
    assert launcher.stdout is not None
    if not select.select([launcher.stdout], [], [], HANG_S)[0]:
        pytest.fail(f"a script did not end within {HANG_S} s")
    return launcher.stdout.readline().decode()


class Launcher:
    """Starts scripts, one at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # what is read of its answers is not there to be waited for
            # A fork has no threads but its own, and is to have lost none.
            env=environment({"OPENBLAS_NUM_THREADS": "1"}, shims=[REPOSITORY / "tests"]),
            start_new_session=True,
        )
        self._started: list[Script] = []

    def start(self, path: Path, code: str) -> Script:
        """Start ``code``, which is written to ``path``."""
        path.write_text(textwrap.dedent(code))
        for name in ("out", "err"):
            Path(f"{path}.{name}").touch()
        assert self._process.stdin is not None
        self._process.stdin.write(f"{path}\n".encode())
        script = Script(int(answer_of(self._process)), path, self._process)
        self._started.append(script)
        return script

    def close(self) -> None:
        """End all that was left, and itself."""
        for script in self._started:
            if session_of(script):
                kill_session(script)
        self._process.communicate()
