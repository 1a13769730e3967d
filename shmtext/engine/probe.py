"""Drawing with unknown fonts in a throw-away process first: FreeType may crash on a damaged one.

The child draws font after font and says which one it turns to; if it dies, that font is named and
a new child goes on with those after it. Fonts that come with the package are not probed.
"""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence

from shmtext.engine.spawn import search_path
from shmtext.errors import WorkersError
from shmtext.render.faces import FontFile, draw_probe

TIMEOUT_S = 20
"""For one font at all sizes; DejaVu Sans takes 5 ms a size."""

TOO_SLOW = f"takes more than {TIMEOUT_S} s to draw"
CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from shmtext.engine.probe import serve; serve()"
)


def find_faults(fonts: Sequence[FontFile], sizes_px: Sequence[int]) -> list[str]:
    """Draw with each font in another process; return a line for each that can't be drawn."""
    left = list(fonts)
    faults: list[str] = []
    while left:
        found, num_probed = _probe(left, sizes_px)
        faults += found
        left = left[num_probed:]
    return faults


def _probe(fonts: Sequence[FontFile], sizes_px: Sequence[int]) -> tuple[list[str], int]:
    """Run one child; return the faults it found and how many fonts it has dealt with."""
    paths = [font.path for font in fonts]
    task = json.dumps({"paths": paths, "sizes_px": list(sizes_px), "timeout_s": TIMEOUT_S})
    try:
        child = subprocess.Popen(
            # -P: nothing from the working folder. The child finds the package where this does.
            [sys.executable, "-P", "-c", CHILD, search_path()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for this process, which ends the child in time
        )
    except OSError as error:
        what = "a process to try the fonts in"
        raise WorkersError.cannot_start(what, error.strerror) from error
    try:
        # Its own alarm ends it first, unless it was stopped or its storage does not answer.
        output, _ = child.communicate(task.encode(), timeout=TIMEOUT_S * (len(fonts) + 1))
        ending = _describe(child.returncode)
    except subprocess.TimeoutExpired:
        child.kill()
        output, _ = child.communicate()
        ending = TOO_SLOW
    except BaseException:
        child.kill()
        child.wait()
        raise
    lines = [json.loads(line) for line in output.splitlines()]
    faults = [f"{fonts[i].path} cannot be drawn ({line})" for i, line in enumerate(lines) if line]
    if len(lines) < len(fonts):
        faults.append(f"{fonts[len(lines)].path} {ending}")
    return faults, len(lines) + (len(lines) < len(fonts))


def _describe(return_code: int) -> str:
    if return_code == -signal.SIGALRM:
        return TOO_SLOW
    if return_code < 0:
        return f"crashes the font library ({signal.Signals(-return_code).name})"
    return f"ends the process that draws it (exit code {return_code})"


def serve() -> None:
    """Be the child: draw each font, and write a line for each: its fault, or an empty string."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The default ends this process in the middle of FreeType; a handler would wait for its return.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    task = json.loads(sys.stdin.read())
    for path in task["paths"]:
        signal.alarm(task["timeout_s"])
        fault = ""
        try:
            draw_probe(path, task["sizes_px"])
        except (OSError, ValueError) as error:
            fault = str(error)
        print(json.dumps(fault), flush=True)
