"""``python -m shmtext``, and where the installed command begins.

A signal in the first moments, while libraries are imported and nothing is under way yet, ends the
process with the exit code of an interruption and without a word. A signal in the last moments,
when all is done and said, changes nothing.
"""

from __future__ import annotations

import gc
import io
import os
import resource
import signal
import sys
from types import FrameType

STOPPED, INTERRUPTED = 3, 130
MIN_STACK_BYTES = 128 << 10
"""Of which the imports of the libraries take more than half."""
FEW_COLLECTIONS = 50_000
"""New objects before those in cycles are looked for. What libraries import stays: to look through
that after every 700 takes 30 ms."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


def _check_stack() -> None:
    """End with one line where the libraries would end this process with a silent SIGSEGV.

    Python itself needs some 70 KiB, and gets as far as this with little more.
    """
    limit_bytes, _ = resource.getrlimit(resource.RLIMIT_STACK)
    if limit_bytes != resource.RLIM_INFINITY and limit_bytes < MIN_STACK_BYTES:
        os.write(2, b"shmtext: the stack is too small: raise its limit to 1 MB (ulimit -s 1024)\n")
        os._exit(STOPPED)


def main() -> None:
    """Run the command line."""
    for number in SIGNALS:
        signal.signal(number, _leave)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A folder may have a name that the terminal's encoding can't show.
            stream.reconfigure(errors="backslashreplace")
    _check_stack()
    # Nothing here multiplies matrices. OpenBLAS reserves memory for each core when numpy or OpenCV
    # is imported, and under a limit on address space it hangs or crashes there for want of it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Of all processes that this one starts, Python's resource tracker included: modules of the
    # folder that a run is started in are none of its.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    # A run asks nothing of the network, and neither does a library that it may import.
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    gc.set_threshold(FEW_COLLECTIONS)
    from shmtext.cli.main import main as run  # noqa: PLC0415 - the point of this module

    try:
        run()
    finally:
        # Python puts the default in place of its own handlers as it ends, but not of this.
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    main()
