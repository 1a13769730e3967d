"""Drawing with unknown fonts in a throw-away process first: FreeType may crash on a damaged one.

The child draws font after font and says which one it turns to; if it dies, that font is named and
a new child goes on with those after it. It also finds out which of the doubtful characters leave
ink. Fonts that come with the package are not probed.
"""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import astuple

from shmtext.draw.faces import FaceSource, FontFile, Trial, blank_characters, draw_probe
from shmtext.draw.stored import StoredFont
from shmtext.engine.spawn import python_command
from shmtext.errors import FontError, WorkersError

TIMEOUT_S = 20
"""For one font at all sizes; DejaVu Sans takes 5 ms a size."""

TOO_SLOW = f"takes more than {TIMEOUT_S} s to draw"
READY = "ready"
CHILD = "from shmtext.engine.probe import serve; serve()"


def try_out(fonts: Sequence[FontFile], sizes_px: Sequence[int]) -> list[Trial]:
    """Draw with each font in another process; return what came of it.

    Raises ``FontError`` if that process does not even begin.
    """
    trials: list[Trial] = []
    while len(trials) < len(fonts):
        trials += _probe(fonts[len(trials) :], sizes_px)
    return trials


def _probe(fonts: Sequence[FontFile], sizes_px: Sequence[int]) -> list[Trial]:
    """Run one child; return what came of the fonts that it has dealt with, at least one."""
    task = {
        "fonts": [(astuple(font.stored), font.axes, font.doubtful.tolist()) for font in fonts],
        "sizes_px": list(sizes_px),
        "timeout_s": TIMEOUT_S,
    }
    try:
        child = subprocess.Popen(
            python_command(CHILD),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for this process, which ends the child in time
        )
    except OSError as error:
        what = "a process to try the fonts in"
        raise WorkersError.cannot_start(what, error.strerror) from error
    try:
        # Its own alarm ends it first, unless it was stopped or its storage does not answer.
        output, complaints = child.communicate(
            json.dumps(task).encode(), timeout=TIMEOUT_S * (len(fonts) + 1)
        )
        ending = _describe(child.returncode, complaints)
    except subprocess.TimeoutExpired:
        child.kill()
        output, _ = child.communicate()
        ending = TOO_SLOW
    except BaseException:
        child.kill()
        child.wait()
        raise
    lines = [json.loads(line) for line in output.splitlines()]
    if lines[:1] != [READY]:
        raise FontError(f"fonts can't be tried out: the process that is to draw them {ending}")
    trials = [
        Trial(f"{font.asked_as} cannot be drawn ({fault})" if fault else "", blank)
        for font, (fault, blank) in zip(fonts, lines[1:], strict=False)
    ]
    if len(trials) < len(fonts):
        trials.append(Trial(f"{fonts[len(trials)].asked_as} {ending}"))
    return trials


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
    """Be the child: say that it begins, then draw each font and write a line for each."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The default ends this process in the middle of FreeType; a handler would wait for its return.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    task = json.loads(sys.stdin.read())
    _answer(READY)
    for stored, axes, doubtful in task["fonts"]:
        signal.alarm(task["timeout_s"])
        fault: str = ""
        blank: list[int] = []
        try:
            source = FaceSource(StoredFont(*stored), axes)
            draw_probe(source, task["sizes_px"])
            blank = blank_characters(source, doubtful)
        except (OSError, ValueError) as error:
            fault = str(error)
        # Anything else ends this process, and what Python says of it is the reason given.
        _answer([fault, blank])


def _answer(line: object) -> None:
    print(json.dumps(line), flush=True)
