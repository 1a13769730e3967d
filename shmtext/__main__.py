"""``python -m shmtext``, and where the installed command begins.

A signal in the first moments, while libraries are imported and nothing is under way yet, ends the
process with the exit code of an interruption and without a word. A signal in the last moments,
when all is done and said, changes nothing.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

INTERRUPTED = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


def main() -> None:
    """Run the command line."""
    for number in SIGNALS:
        signal.signal(number, _leave)
    # Nothing here multiplies matrices. OpenBLAS reserves memory for each core when numpy or OpenCV
    # is imported, and under a limit on address space it hangs or crashes there for want of it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from shmtext.cli import main as run  # noqa: PLC0415 - the point of this module

    try:
        run()
    finally:
        # Python puts the default in place of its own handlers as it ends, but not of this.
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    main()
