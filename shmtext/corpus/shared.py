"""The corpus once in memory for all processes: shared segments, and files in their stead.

A segment is a file under ``/dev/shm`` that ``multiprocessing.shared_memory`` makes and removes.
Where there is no room for it, an ordinary file with the same bytes takes its place. Both are
filled with ``write`` and mapped for reading only; whoever has the ``SegmentSpec`` can map it:

    offsets[0] … offsets[num_texts]     int64, from byte 0, so that they are aligned
    values                              uint8, right behind

Only the process that created a segment unlinks it. It holds a shared ``flock`` on it for as long
as it lives; the kernel lets go of that on any death, so a segment whose lock can be taken
exclusively has no owner, and is swept by the next start.

``SharedMemory`` is never used to attach: a failed attach there would unlink the owner's segment,
and before Python 3.13 registers it with a tracker that may do so later. This module knows
nothing of how texts are made, nor of what is done with them.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import mmap
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import psutil
from numpy.typing import NDArray

from shmtext.corpus.ragged import RaggedTexts, TextChunk
from shmtext.errors import SharedMemoryError, StorageError

SEGMENT_FOLDER = Path("/dev/shm")
SEGMENT_PREFIX = "smt_"

_OFFSET_BYTES = 8
_RESERVE_BYTES = 256 * 2**20
"""Reserved at once: one call for many gigabytes starts anew at every signal it meets."""
_WRITE_BYTES = 8 * 2**20
_DIRTY_BYTES = 16 * 2**20
"""Of a file, before they are flushed: a cgroup that is full of pages not yet on the disk is killed
rather than made to wait."""
_MAX_MEMORY_SHARE = 0.6
"""Of free memory: a segment can't be given back under pressure, as a file's pages can."""
_MAX_TRIES = 100


@dataclass(frozen=True, slots=True)
class SegmentSpec:
    """Where some shared bytes can be mapped from: small and picklable, holds no handle."""

    path: str
    """``/dev/shm/<name>``, or the file that takes its place."""
    num_bytes: int


@dataclass(frozen=True, slots=True)
class CorpusSpec:
    """All that a worker needs to attach a corpus."""

    segment: SegmentSpec
    num_texts: int
    num_value_bytes: int


class _NoRoomError(Exception):
    """There can be no segment, for the reason given; a file may do."""


class Segment:
    """Shared bytes and their owner: created here, unlinked by ``close`` and by nobody else."""

    spec: SegmentSpec
    note: str | None
    """One line that says that a file took the segment's place, and why; None for a segment."""

    def __init__(self, spec: SegmentSpec, fd: int, unlink: Callable[[], None], note: str | None):
        """Take over an open file of ``spec.num_bytes``; use ``create`` to make one."""
        self.spec = spec
        self.note = note
        self._fd = fd
        self._unlink = unlink
        self._owner_pid = os.getpid()
        self._num_dirty_bytes = 0

    @classmethod
    def create(
        cls, num_bytes: int, spill_folder: Path, *, content: str = "shared memory"
    ) -> Segment:
        """Reserve ``num_bytes`` zeros in shared memory, else in a file in ``spill_folder``.

        ``content`` is what the note and errors call them.
        """
        try:
            return cls._create_shared(num_bytes)
        except _NoRoomError as error:
            reason = str(error)
        note = f"{content} ({_megabytes(num_bytes)}) is in a file under {spill_folder}: {reason}"
        try:
            return cls._create_file(num_bytes, spill_folder, note)
        except OSError as error:
            raise StorageError(
                f"{content} ({_megabytes(num_bytes)}) fits neither in shared memory ({reason}) nor "
                f"in a file under {spill_folder} ({error.strerror}): make room in one of them"
            ) from error

    @classmethod
    def _create_shared(cls, num_bytes: int) -> Segment:
        _check_room(num_bytes)
        name = SEGMENT_PREFIX + secrets.token_hex(8)
        for _ in range(_MAX_TRIES):
            try:
                # One byte, and its own map is not used: then making that map cannot fail for want
                # of address space (which confuses the resource tracker before Python 3.13), and
                # closing it never meets a live view.
                memory = SharedMemory(name, create=True, size=1)
            except OSError as error:
                raise _NoRoomError(f"no segment can be created ({error.strerror})") from error
            memory.close()
            path = SEGMENT_FOLDER / name
            fd = _open_locked(path)
            if fd is None:
                # Swept in the instant before it was locked. The same name again: the resource
                # tracker knows it already, and unlinking it will make the tracker forget it.
                continue
            segment = cls(SegmentSpec(str(path), num_bytes), fd, partial(_unlink, memory), None)
            try:
                _reserve(fd, num_bytes)
            except OSError as error:
                segment.close()
                raise _NoRoomError(
                    f"{SEGMENT_FOLDER} does not give the memory ({error.strerror})"
                ) from error
            return segment
        raise _NoRoomError(f"something removes every new file in {SEGMENT_FOLDER}")

    @classmethod
    def _create_file(cls, num_bytes: int, folder: Path, note: str) -> Segment:
        path = folder / f"{SEGMENT_PREFIX}{secrets.token_hex(8)}.bin"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(path, flags, 0o600)
        segment = cls(SegmentSpec(str(path), num_bytes), fd, path.unlink, note)
        try:
            # Long enough to be mapped; what is not yet written has no room on the disk so far.
            os.ftruncate(fd, num_bytes)
        except OSError:
            segment.close()
            raise
        return segment

    def write(self, at_byte: int, values: NDArray[Any]) -> None:
        """Copy an array to ``at_byte``. A full disk is an error here, not a SIGBUS later."""
        view = values.reshape(-1).view(np.uint8).data
        try:
            while view:
                num_written = os.pwrite(self._fd, view[:_WRITE_BYTES], at_byte)
                view = view[num_written:]
                at_byte += num_written
                self._num_dirty_bytes += num_written
                if self.note is not None and self._num_dirty_bytes >= _DIRTY_BYTES:
                    os.fdatasync(self._fd)
                    self._num_dirty_bytes = 0
        except OSError as error:
            raise self._storage_error(error) from error

    def flush(self) -> None:
        """Wait until a file is on the disk; its pages can then be let go when memory is short."""
        try:
            if self.note is not None:
                os.fsync(self._fd)
        except OSError as error:
            raise self._storage_error(error) from error

    def view(self) -> NDArray[np.uint8]:
        """Map all bytes for reading. The memory lasts as long as the view or a slice of it."""
        return np.frombuffer(_map(self._fd, self.spec, mmap.PROT_READ), np.uint8)

    def array(self) -> NDArray[np.int64]:
        """Map all bytes as writable slots, all of them 0 before the first is written."""
        if self.note is not None:
            # A hole in a file gets its room at the first write through the map: SIGBUS if none.
            self.write(0, np.zeros(self.spec.num_bytes, np.uint8))
        return _slots(_map(self._fd, self.spec, mmap.PROT_READ | mmap.PROT_WRITE))

    def close(self) -> None:
        """Unlink the bytes' name and let go of them. Views that are alive stay valid."""
        if self._fd < 0:
            return
        # A forked child has a copy of this object, but does not own the segment.
        if self._owner_pid == os.getpid():
            with contextlib.suppress(FileNotFoundError):
                self._unlink()
        os.close(self._fd)
        self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _storage_error(self, error: OSError) -> StorageError:
        return StorageError(
            f"cannot write {self.spec.path} ({_megabytes(self.spec.num_bytes)}): "
            f"{error.strerror}: make room there and run the same again"
        )


class SharedCorpus:
    """A corpus in a segment and its owner; workers get its ``spec``."""

    spec: CorpusSpec
    texts: RaggedTexts
    """Read-only views; they, and slices of them, stay valid after ``close``."""
    note: str | None
    """One line that says that a file took the segment's place, and why; None for a segment."""

    def __init__(self, segment: Segment, spec: CorpusSpec) -> None:
        """Take over a segment that is filled; use ``create`` to make one."""
        self._segment = segment
        self.spec = spec
        self.texts = _texts(segment.view(), spec)
        self.note = segment.note

    @classmethod
    def create(cls, chunks: Iterable[TextChunk], spill_folder: Path) -> SharedCorpus:
        """Place all texts of a stream in a segment, else in a file in ``spill_folder``."""
        held = list(chunks)
        num_texts = sum(chunk.lengths_bytes.size for chunk in held)
        num_value_bytes = sum(chunk.values.size for chunk in held)
        num_bytes = (num_texts + 1) * _OFFSET_BYTES + num_value_bytes
        with contextlib.ExitStack() as on_failure:
            segment = on_failure.enter_context(
                Segment.create(num_bytes, spill_folder, content="the corpus")
            )
            _fill(segment, held, num_texts)
            corpus = cls(segment, CorpusSpec(segment.spec, num_texts, num_value_bytes))
            on_failure.pop_all()
        return corpus

    def close(self) -> None:
        """Unlink the corpus's name and let go of it; can be repeated."""
        self._segment.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def attach_corpus(spec: CorpusSpec) -> RaggedTexts:
    """Map a corpus for reading, in a worker. It is never closed: the worker's end does that."""
    return _texts(np.frombuffer(_attach(spec.segment, writable=False), np.uint8), spec)


def attach_slots(spec: SegmentSpec) -> NDArray[np.int64]:
    """Map a segment of slots for reading and writing, in a worker."""
    return _slots(_attach(spec, writable=True))


def sweep_orphans() -> int:
    """Unlink this user's segments that have no owner any more; return how many."""
    try:
        names = [name for name in os.listdir(SEGMENT_FOLDER) if name.startswith(SEGMENT_PREFIX)]
    except OSError:
        return 0
    return sum(_sweep(SEGMENT_FOLDER / name) for name in names)


def _sweep(path: Path) -> bool:
    try:
        # O_NONBLOCK: a FIFO that bears the name must not be waited for.
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid():
            return False
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # With no name left it was swept by another just now, and the path may be a new segment.
        if os.fstat(fd).st_nlink == 0:
            return False
        path.unlink()
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(fd)


def _open_locked(path: Path) -> int | None:
    """Open a new segment and hold it against sweepers; None if one of them was faster."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    # A sweeper holds its lock for an instant; with ours held, none can be had.
    fcntl.flock(fd, fcntl.LOCK_SH)
    if os.fstat(fd).st_nlink == 0:
        os.close(fd)
        return None
    return fd


def _unlink(memory: SharedMemory) -> None:
    try:
        memory.unlink()
    except FileNotFoundError:
        # Something else was faster (systemd does it when a user logs out). The resource tracker
        # still knows the name, and would complain when it ends.
        resource_tracker.unregister(f"/{memory.name}", "shared_memory")


def _reserve(fd: int, num_bytes: int) -> None:
    """Give a segment its memory, or fail: without, a full tmpfs is a SIGBUS at some later write."""
    for start in range(0, num_bytes, _RESERVE_BYTES):
        os.posix_fallocate(fd, start, min(_RESERVE_BYTES, num_bytes - start))


def _fill(segment: Segment, chunks: list[TextChunk], num_texts: int) -> None:
    """Write all texts, letting go of each chunk, so that they lie in memory at most twice."""
    segment.write(0, np.zeros(1, np.int64))
    next_offset, next_value = _OFFSET_BYTES, (num_texts + 1) * _OFFSET_BYTES
    num_value_bytes = 0
    chunks.reverse()
    while chunks:
        chunk = chunks.pop()
        seams = np.cumsum(chunk.lengths_bytes, dtype=np.int64)
        seams += num_value_bytes
        segment.write(next_offset, seams)
        segment.write(next_value + num_value_bytes, chunk.values)
        next_offset += seams.nbytes
        num_value_bytes += chunk.values.size
    segment.flush()
    _give_back_freed_memory()


def _give_back_freed_memory() -> None:
    """Let go of the chunks' pages, a corpus' worth: glibc would keep them for the whole run."""
    with contextlib.suppress(AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def _texts(whole: NDArray[np.uint8], spec: CorpusSpec) -> RaggedTexts:
    values_start = (spec.num_texts + 1) * _OFFSET_BYTES
    return RaggedTexts(
        values=whole[values_start : values_start + spec.num_value_bytes],
        offsets=whole[:values_start].view(np.int64),
    )


def _slots(mapped: mmap.mmap) -> NDArray[np.int64]:
    return np.frombuffer(mapped, np.int64, len(mapped) // 8)


def _attach(spec: SegmentSpec, *, writable: bool) -> mmap.mmap:
    protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
    flags = (os.O_RDWR if writable else os.O_RDONLY) | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(spec.path, flags)
    except OSError as error:
        raise SharedMemoryError(
            f"cannot attach {spec.path}: {error.strerror}: it lasts only as long as its run"
        ) from error
    try:
        return _map(fd, spec, protection)
    finally:
        os.close(fd)


def _map(fd: int, spec: SegmentSpec, protection: int) -> mmap.mmap:
    # Reading a map beyond the end of its file would be a SIGBUS.
    num_bytes = os.fstat(fd).st_size
    if num_bytes < spec.num_bytes:
        raise SharedMemoryError(
            f"{spec.path} should hold {spec.num_bytes:,} bytes, found {num_bytes:,}: "
            "something else changed it; run the same again"
        )
    try:
        return mmap.mmap(fd, spec.num_bytes, flags=mmap.MAP_SHARED, prot=protection)
    except OSError as error:
        raise SharedMemoryError(
            f"cannot map {spec.path} ({_megabytes(spec.num_bytes)}): {error.strerror}: "
            "raise the limit on this process's memory (ulimit -v)"
        ) from error


# Is there room? Asked before, because a cgroup's limit answers with SIGKILL.


def _check_room(num_bytes: int) -> None:
    """Raise unless a segment fits ``/dev/shm`` and takes a modest share of free memory."""
    if not hasattr(os, "posix_fallocate"):
        raise _NoRoomError("this system cannot reserve shared memory (no posix_fallocate)")
    try:
        status = os.statvfs(SEGMENT_FOLDER)
    except OSError as error:
        raise _NoRoomError(f"there is no {SEGMENT_FOLDER} ({error.strerror})") from error
    free_bytes = status.f_bavail * status.f_frsize
    if num_bytes > free_bytes:
        raise _NoRoomError(f"{SEGMENT_FOLDER} has only {_megabytes(free_bytes)} free")
    free_bytes, owner = min(
        [(psutil.virtual_memory().available, "the machine"), *_cgroup_headrooms()]
    )
    if num_bytes > _MAX_MEMORY_SHARE * free_bytes:
        raise _NoRoomError(f"{owner} has only {_megabytes(free_bytes)} of memory free")


def _cgroup_headrooms(
    listing: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> Iterator[tuple[int, str]]:
    """List what memory limits leave free, of every cgroup from this process's up to the root."""
    for line in (_read(listing) or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            tops = [root, root / "unified"]
            names = ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            tops = [root / "memory"]
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        # In a container the listed path may be the host's: its parents down to the top still hold.
        inner = Path(path.lstrip("/"))
        for top in tops:
            for folder in (top / inner, *(top / parent for parent in inner.parents)):
                headroom = _headroom(folder, *names)
                if headroom is not None:
                    yield headroom, "this process's cgroup"


def _headroom(folder: Path, limit: str, usage: str, reclaimable: str) -> int | None:
    limit_bytes, used_bytes = _read(folder / limit), _read(folder / usage)
    if not (limit_bytes and used_bytes and limit_bytes.isdecimal() and used_bytes.isdecimal()):
        return None  # No such file, an empty one, or "max".
    statistics = dict(
        line.split(" ", 1) for line in (_read(folder / "memory.stat") or "").splitlines()
    )
    return max(0, int(limit_bytes) - int(used_bytes) + int(statistics.get(reclaimable, 0)))


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


def _megabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:,.1f} MB"
