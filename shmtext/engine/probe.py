"""Unknown fonts are drawn in throw-away processes first: FreeType may crash on a damaged one.

A child does font after font and answers each; if it dies, the font that it was at is named and a
new child goes on with those after it. Drawing also finds out which of the doubtful characters leave
ink. Many fonts are shared out among as many children as the machine lends, which read and draw in
one go; a file that one of them ends at is read again by itself.
Fonts that come with the package are not probed; what came of others is remembered by ``known.py``.
"""

from __future__ import annotations

import json
import os
import resource
import selectors
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import IO, Any, Literal, Self, cast

from shmtext.draw.faces import (
    FaceSource,
    FontFile,
    Readings,
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

Answer = tuple[Any, bytes]
"""What a child says of an item, and bytes that go with it."""

READ_BYTES = 1 << 20
"""Of what a child says, at a time."""

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


def try_out(fonts: Sequence[FontFile], sizes_px: Sequence[int]) -> list[Trial]:
    """Draw with each font in another process; return what came of it.

    Raises ``FontError`` if that process does not even begin.
    """
    answers = _answers(_Work("draw", list(map(_to_draw, fonts)), sizes_px))
    return [_trial(font, answer) for font, answer in zip(fonts, answers, strict=True)]


def read_apart(files: Sequence[Path], sizes_px: Sequence[int]) -> Readings:
    """Read files in other processes, which draw with their fonts at once.

    Yield what came of each while they go on. Where a font can't be drawn with, the file was only
    read: what is wrong is for ``try_out`` to say. Raises ``FontError`` if these processes do not
    even begin.
    """
    paths = list(map(os.fspath, files))
    with closing(_answers(_Work("read", paths, sizes_px))) as answers:
        for path, answer in zip(paths, answers, strict=True):
            if isinstance(answer, _Ending):
                # Drawing may have ended it.
                (answer,) = _answers(_Work("read", [path]))
            yield _reading(Path(path), answer)


def _to_draw(font: FontFile) -> tuple[Any, ...]:
    """What drawing takes of a font."""
    return astuple(font.stored), font.axes, probe_characters(font), font.doubtful.tolist()


def _trial(font: FontFile, answer: Answer | _Ending) -> Trial:
    if isinstance(answer, _Ending):
        return Trial(f"{font.asked_as} {answer.reason}")
    (fault, blank), _ = answer
    return Trial(f"{font.asked_as} cannot be drawn ({fault})" if fault else "", blank)


def _reading(path: Path, answer: Answer | _Ending) -> Reading | FontError:
    if isinstance(answer, _Ending):
        return FontError(f"{path} {answer.reason}")
    fault, data = answer
    return FontError(fault) if fault else reading_of(data).at(path)


def _answers(work: _Work) -> Generator[Answer | _Ending, None, None]:
    """Have children do all items; yield each one's answer, or a child's ending, in order."""
    answers: dict[int, Answer | _Ending] = {}
    waiting = list(range(len(work.items)))
    due = 0
    while waiting:
        num_children = min(default_num_workers(), -(-len(waiting) // FONTS_PER_CHILD))
        parts = [waiting[first::num_children] for first in range(num_children)]
        waiting = []
        with ExitStack() as stack, selectors.DefaultSelector() as selector:
            for part in parts:
                child = stack.enter_context(closing(_Child.start(work, part)))
                selector.register(child.stdout, selectors.EVENT_READ, child)
            while selector.get_map():
                speaking: list[_Child] = [key.data for key, _ in selector.select(2 * TIMEOUT_S)]
                if not speaking:
                    # Its own alarm ends a child, unless it was stopped or storage does not answer.
                    for key in selector.get_map().values():
                        key.data.give_up()
                for child in speaking:
                    answers.update(child.listen())
                    if child.has_ended:
                        selector.unregister(child.stdout)
                        for item in child.items[:1]:
                            answers[item] = _Ending(child.ending())
                        waiting += child.items[1:]
                while due in answers:
                    yield answers.pop(due)
                    due += 1


class _Child:
    """A process at work on some of the items, in their order."""

    def __init__(self, popen: subprocess.Popen[bytes], complaints: int, items: list[int]) -> None:
        self.items = items
        """Those that it has not answered."""
        self.has_ended = False
        self.stdout = cast("IO[bytes]", popen.stdout)
        self._popen, self._complaints = popen, complaints
        self._said = b""
        """What it has said last, if that is not whole yet."""
        self._is_ready = self._is_given_up = False

    @classmethod
    def start(cls, work: _Work, items: list[int]) -> Self:
        """Start a process for some of the items."""
        task = {
            "kind": work.kind,
            "items": [work.items[item] for item in items],
            "sizes_px": list(work.sizes_px),
            "timeout_s": TIMEOUT_S,
        }
        complaints = -1
        try:
            # In memory, as nobody reads it before the end: a full pipe would be waited for.
            complaints = os.memfd_create("shmtext-probe")
            with os.fdopen(os.memfd_create("shmtext-probe"), "w+b") as given:
                given.write(json.dumps(task).encode())
                given.seek(0)
                popen = subprocess.Popen(
                    python_command(CHILD),
                    stdin=given,
                    stdout=subprocess.PIPE,
                    stderr=complaints,
                    start_new_session=True,  # Ctrl-C is for this process, which ends it in time
                )
        except OSError as error:
            if complaints >= 0:
                os.close(complaints)
            what = "a process to try the fonts in"
            raise WorkersError.cannot_start(what, error.strerror) from error
        return cls(popen, complaints, items)

    def listen(self) -> list[tuple[int, Answer]]:
        """Wait for what it says next, or for its end; return what it has answered."""
        more = os.read(self.stdout.fileno(), READ_BYTES)
        self.has_ended = not more
        found, self._said = _parted(self._said + more)
        if found and not self._is_ready:
            self._is_ready = found.pop(0) == (READY, b"")
        answered = list(zip(self.items, found, strict=False))
        self.items = self.items[len(answered) :]
        return answered

    def give_up(self) -> None:
        """End it, which takes too long."""
        self._is_given_up = True
        self._popen.kill()

    def ending(self) -> str:
        """Say how it ended, before it had answered all. Raises ``FontError`` if at once."""
        return_code = self._popen.wait()
        with os.fdopen(self._complaints, "rb", closefd=False) as complaints:
            complaints.seek(0)
            ending = _describe(return_code, complaints.read())
        if not self._is_ready:
            raise FontError(f"fonts can't be tried out: the process that is to draw them {ending}")
        return TOO_SLOW if self._is_given_up else ending

    def close(self) -> None:
        """End it, if it is still there."""
        self._popen.kill()
        self.stdout.close()
        self._popen.wait()
        os.close(self._complaints)


def _describe(return_code: int, complaints: bytes) -> str:
    """Say how a child ended, and what it said last."""
    if return_code == -signal.SIGALRM:
        return TOO_SLOW
    if return_code < 0:
        return f"crashes the font library ({signal.Signals(-return_code).name})"
    said = [line for line in complaints.decode(errors="replace").splitlines() if line.strip()]
    reason = f": {said[-1].strip()}" if said else ""
    return f"ends the process that draws it (exit code {return_code}{reason})"


def _parted(said: bytes) -> tuple[list[Answer], bytes]:
    """Part what a child has said into answers, and what is not whole."""
    answers: list[Answer] = []
    at = 0
    while (end := said.find(b"\n", at)) >= 0:
        line, num_bytes = json.loads(said[at:end])
        after = end + 1 + num_bytes
        if after > len(said):
            break
        answers.append((line, said[end + 1 : after]))
        at = after
    return answers, said[at:]


def serve() -> None:
    """Be the child: say that it begins, then do each item and answer it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The default ends this process in the middle of FreeType; a handler would wait for its return.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    task = json.loads(sys.stdin.read())
    _answer(READY)
    for item in task["items"]:
        signal.alarm(task["timeout_s"])
        sizes_px = task["sizes_px"]
        is_read = task["kind"] == "read"
        answer = _read(item, sizes_px) if is_read else (_drawn(item, sizes_px), b"")
        # Whoever reads it may be slow, which is no font's fault.
        signal.alarm(0)
        _answer(*answer)


def _read(path: str, sizes_px: Sequence[int]) -> Answer:
    """Read a file and, if sizes are given, draw with its fonts as they are by default."""
    try:
        reading = read_file(Path(path))
    except FontError as error:
        return str(error), b""
    return "", to_bytes(_drawn_with(reading, sizes_px) if sizes_px else reading)


def _drawn_with(reading: Reading, sizes_px: Sequence[int]) -> Reading:
    """Draw with a file's fonts; what was read, where that can't be."""
    drawn = []
    for each in reading.fonts:
        fault, blank = _drawn(_to_draw(each.font), sizes_px)
        if fault:
            return reading
        drawn.append(replace(each, blank=tuple(blank)))
    return replace(reading, fonts=tuple(drawn), drawn_px=tuple(sizes_px))


def _drawn(item: Any, sizes_px: Sequence[int]) -> tuple[str, list[int]]:
    """Why a font can't be drawn with, or nothing; its characters in doubt that leave no ink."""
    stored, axes, some, doubtful = item
    try:
        source = FaceSource(StoredFont(*stored), axes)
        draw_probe(source, some, sizes_px)
        return "", blank_characters(source, doubtful)
    except (OSError, ValueError) as error:
        return str(error), []
    # Anything else ends this process, and what Python says of it is the reason given.


def _answer(line: object, data: bytes = b"") -> None:
    head = json.dumps((line, len(data))).encode()
    sys.stdout.buffer.write(head + b"\n" + data)
    sys.stdout.buffer.flush()
