"""``python -m shmtext``, and where the installed command begins.

A signal in the first moments, while libraries are imported and nothing is under way yet, ends the
process with the exit code of an interruption and without a word.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

INTERRUPTED = 130


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


def main() -> None:
    """Run the command line."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    # Nothing here multiplies matrices. OpenBLAS reserves memory for each core when numpy or OpenCV
    # is imported, and under a limit on address space it hangs or crashes there for want of it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from shmtext.cli import main as run  # noqa: PLC0415 - the point of this module

    run()


if __name__ == "__main__":
    main()
