"""How libraries behave where pictures are made: no pools of threads, freed memory kept, no IPP.

How many workers there are, which makes pools needless, is ``machine.py``'s to say.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import cv2
import pyarrow as pa

MALLOC_TRIM_THRESHOLD, MALLOC_MMAP_THRESHOLD = -1, -3
"""Options of glibc's ``mallopt`` (its malloc.h)."""
MAX_MMAP_THRESHOLD_BYTES = 32 << 20
"""The most that glibc takes on 64-bit machines."""
KEPT_BYTES = 64 << 20
"""Several batches' worth."""


def adapt_libraries() -> None:
    """Settle a process that does nothing else than make pictures, in the thread that makes them.

    Workers are the parallelism; pools of threads within them would only compete.
    """
    keep_freed_memory()
    cv2.setNumThreads(0)
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    cv2.ipp.setUseIPP(False)


def keep_freed_memory() -> None:
    """Have this process keep up to ``KEPT_BYTES`` that it frees, from now on.

    By default glibc hands a batch's arrays back to the system and faults them in again for the
    next batch: on a virtual machine that is 4.5 of the 12 us that drawing an image then takes.
    """
    with suppress(AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(MALLOC_MMAP_THRESHOLD, MAX_MMAP_THRESHOLD_BYTES)
        mallopt(MALLOC_TRIM_THRESHOLD, KEPT_BYTES)


@contextmanager
def without_ipp() -> Iterator[None]:
    """Have OpenCV use its own code alone in this thread, and what it used before afterwards.

    IPP chooses among several codes by the processor, not all of which round alike. OpenCV keeps
    this choice for each thread, and the thread may be a user's.
    """
    was_used = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    try:
        yield
    finally:
        cv2.ipp.setUseIPP(was_used)
