"""How libraries behave where pictures are made: no pools of threads, freed memory kept, no IPP.

How many workers there are, which makes pools needless, is ``machine.py``'s to say.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock

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


@dataclass(slots=True)
class _Pool:
    """OpenCV's pool of threads, of which a process has one, and how many do without it."""

    lock: Lock = field(default_factory=Lock)
    num_without: int = 0
    num_threads: int = 0
    """Its size for all others."""


_pool = _Pool()


@contextmanager
def without_pool() -> Iterator[None]:
    """Have OpenCV work in the threads that call it, until the last who wants so has ended.

    Layers of looks are large enough for OpenCV to share them out among threads, which takes a
    tenth more CPU time for no less of the clock's. The process is a user's: it is left as it was.
    """
    with _pool.lock:
        if not _pool.num_without:
            _pool.num_threads = cv2.getNumThreads()
            cv2.setNumThreads(1)
        _pool.num_without += 1
    try:
        yield
    finally:
        with _pool.lock:
            _pool.num_without -= 1
            if not _pool.num_without:
                cv2.setNumThreads(_pool.num_threads)
