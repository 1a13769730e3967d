"""Unknown fonts are drawn in throw-away processes first: FreeType may crash on a damaged one.

A child does font after font and answers each; if it dies, the font that it was at is named and a
new child goes on with those after it. Drawing also finds out which of the doubtful characters leave
ink. Many fonts are shared out among as many children as the machine lends, which read and draw in
one go; a file that one of them ends at is read again by itself.
Fonts that come with the package are not probed; what came of others is remembered by ``known.py``.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Literal, Self

from shmtext.draw.faces import (
    FaceSource,
    FontFile,
    Trial,
    blank_characters,
    draw_probe,
    probe_characters,
)
from shmtext.draw.reading import Reading, read_file
from shmtext.draw.reading_bytes import reading_of, to_bytes
from shmtext.draw.stored import StoredFont
from shmtext.engine.machine import default_num_workers
from shmtext.engine.spawn import python_command
from shmtext.errors import FontError, WorkersError

TIMEOUT_S = 20
"""For one font at all sizes; DejaVu Sans takes 5 ms a size."""

TOO_SLOW = f"takes more than {TIMEOUT_S} s to draw"
READY = "ready"
CHILD = "from shmtext.engine.probe import serve; serve()"

Drawn = tuple[str, list[int]]
"""Why a font can't be drawn with, or nothing; and those of its doubtful characters without ink."""

FONTS_PER_CHILD = 32
"""Fewer take less time than another child's start, some 0.25 s of CPU."""


@dataclass(frozen=True, slots=True)
class _Work:
    """What children are to do. Travels as JSON."""

    kind: Literal["read", "draw"]
    items: Sequence[Any]
    """Paths to read, or what drawing takes of a font."""
    sizes_px: Sequence[int] = ()
    """To draw at; none: nothing is drawn."""


@dataclass(frozen=True, slots=True)
class _Ending:
    """What stands in an answer's place: how the child ended that was at it."""

    reason: str


def try_out(
    fonts: Sequence[FontFile], sizes_px: Sequence[int], drawn: Mapping[str, Drawn] | None = None
) -> list[Trial]:
    """Draw with each font in another process; return what came of it.

    ``drawn`` is what has come of some already. Raises ``FontError`` if that process does not even
    begin.
    """
    answers: dict[str, Any] = dict(drawn or {})
    left = [font for font in fonts if font.digest not in answers]
    found = _answers(_Work("draw", list(map(_to_draw, left)), sizes_px))
    answers.update(zip((font.digest for font in left), found, strict=True))
    return [_trial(font, answers[font.digest]) for font in fonts]


def read_apart(
    files: Sequence[Path], sizes_px: Sequence[int]
) -> tuple[list[Reading | FontError], dict[str, Drawn]]:
    """Read files in other processes, which draw with their fonts at once.

    Return what came of each, as ``read_file`` has it, and for ``try_out`` what came of drawing.
    Raises ``FontError`` if these processes do not even begin.
    """
    paths = [os.fspath(path) for path in files]
    answers = _answers(_Work("read", paths, sizes_px))
    # Drawing may have ended it: what a font does then is for ``try_out`` to find.
    ended = [at for at, answer in enumerate(answers) if isinstance(answer, _Ending)]
    for at, answer in zip(ended, _answers(_Work("read", [paths[at] for at in ended])), strict=True):
        answers[at] = answer
    readings = [_reading(path, answer) for path, answer in zip(files, answers, strict=True)]
    whole = (answer for answer in answers if not isinstance(answer, _Ending))
    return readings, {digest: drawn for _, _, by_digest in whole for digest, drawn in by_digest}


def _to_draw(font: FontFile) -> tuple[Any, ...]:
    """What drawing takes of a font."""
    return astuple(font.stored), font.axes, probe_characters(font), font.doubtful.tolist()


def _trial(font: FontFile, answer: Any) -> Trial:
    if isinstance(answer, _Ending):
        return Trial(f"{font.asked_as} {answer.reason}")
    fault, blank = answer
    return Trial(f"{font.asked_as} cannot be drawn ({fault})" if fault else "", blank)


def _reading(path: Path, answer: Any) -> Reading | FontError:
    if isinstance(answer, _Ending):
        return FontError(f"{path} {answer.reason}")
    fault, data, _ = answer
    return FontError(fault) if fault else reading_of(base64.b64decode(data)).at(path)


def _answers(work: _Work) -> list[Any]:
    """Have children do all items; return each one's answer, or a child's ending."""
    answers: list[Any] = [None] * len(work.items)
    waiting = list(range(len(answers)))
    most = default_num_workers()
    while waiting:
        num_children = min(most, -(-len(waiting) // FONTS_PER_CHILD))
        parts = [waiting[first::num_children] for first in range(num_children)]
        waiting = []
        children: list[_Child] = []
        try:
            for part in parts:
                children.append(_Child.start(work, part))
            for child, part in zip(children, parts, strict=True):
                found, ending = child.finish(len(part))
                for item, answer in zip(part, found, strict=False):
                    answers[item] = answer
                if len(found) < len(part):
                    answers[part[len(found)]] = _Ending(ending)
                    waiting += part[len(found) + 1 :]
        finally:
            for child in children:
                child.close()
    return answers


@dataclass(frozen=True, slots=True, eq=False)
class _Child:
    """A process at work, and the file in memory that its answers go to.

    A pipe would have to be read all the time: the child waits where one is full.
    """

    popen: subprocess.Popen[bytes]
    output: int

    @classmethod
    def start(cls, work: _Work, part: Sequence[int]) -> Self:
        """Start a process for some of the items."""
        task = {
            "kind": work.kind,
            "items": [work.items[item] for item in part],
            "sizes_px": list(work.sizes_px),
            "timeout_s": TIMEOUT_S,
        }
        output = -1
        try:
            output = os.memfd_create("shmtext-probe")
            with os.fdopen(os.memfd_create("shmtext-probe"), "w+b") as given:
                given.write(json.dumps(task).encode())
                given.seek(0)
                popen = subprocess.Popen(
                    python_command(CHILD),
                    stdin=given,
                    stdout=output,
                    stderr=subprocess.PIPE,
                    start_new_session=True,  # Ctrl-C is for this process, which ends it in time
                )
        except OSError as error:
            if output >= 0:
                os.close(output)
            what = "a process to try the fonts in"
            raise WorkersError.cannot_start(what, error.strerror) from error
        return cls(popen, output)

    def finish(self, num_items: int) -> tuple[list[Any], str]:
        """Wait for its end; return its answers, and how it ended."""
        try:
            # Its own alarm ends it first, unless it was stopped or its storage does not answer.
            _, complaints = self.popen.communicate(timeout=TIMEOUT_S * (num_items + 1))
            ending = _describe(self.popen.returncode, complaints)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.communicate()
            ending = TOO_SLOW
        with os.fdopen(self.output, "rb", closefd=False) as output:
            output.seek(0)
            # The last line is not whole where it died in the middle of it.
            lines = output.read().split(b"\n")[:-1]
        answers = list(map(json.loads, lines))
        if answers[:1] != [READY]:
            raise FontError(f"fonts can't be tried out: the process that is to draw them {ending}")
        return answers[1:], ending

    def close(self) -> None:
        """End it, if it is still there."""
        self.popen.kill()
        if self.popen.stderr is not None:
            self.popen.stderr.close()
        self.popen.wait()
        os.close(self.output)


def _describe(return_code: int, complaints: bytes) -> str:
    """Say how a child ended, and what it said last."""
    if return_code == -signal.SIGALRM:
        return TOO_SLOW
    if return_code < 0:
        return f"crashes the font library ({signal.Signals(-return_code).name})"
    said = [line for line in complaints.decode(errors="replace").splitlines() if line.strip()]
    reason = f": {said[-1].strip()}" if said else ""
    return f"ends the process that draws it (exit code {return_code}{reason})"


def serve() -> None:
    """Be the child: say that it begins, then do each item and write a line for each."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The default ends this process in the middle of FreeType; a handler would wait for its return.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    task = json.loads(sys.stdin.read())
    _answer(READY)
    for item in task["items"]:
        signal.alarm(task["timeout_s"])
        do = _read if task["kind"] == "read" else _drawn
        _answer(do(item, task["sizes_px"]))


def _read(path: str, sizes_px: Sequence[int]) -> tuple[str, str, list[tuple[str, Drawn]]]:
    """Read a file and, if sizes are given, draw with its fonts as they are by default."""
    try:
        reading = read_file(Path(path))
    except FontError as error:
        return str(error), "", []
    fonts = [each.font for each in reading.fonts] if sizes_px else []
    drawn = [(font.digest, _drawn(_to_draw(font), sizes_px)) for font in fonts]
    return "", base64.b64encode(to_bytes(reading)).decode(), drawn


def _drawn(item: Any, sizes_px: Sequence[int]) -> Drawn:
    stored, axes, some, doubtful = item
    try:
        source = FaceSource(StoredFont(*stored), axes)
        draw_probe(source, some, sizes_px)
        return "", blank_characters(source, doubtful)
    except (OSError, ValueError) as error:
        return str(error), []
    # Anything else ends this process, and what Python says of it is the reason given.


def _answer(line: object) -> None:
    print(json.dumps(line), flush=True)
