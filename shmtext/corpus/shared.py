"""What is once in memory for all processes: shared segments, and files in their stead.

A segment is a file under ``/dev/shm`` that ``multiprocessing.shared_memory`` makes and removes.
Where there is no room for it, an ordinary file with the same bytes takes its place, also when
that turns out in the middle. A corpus is written as it is made, and never lies in memory twice;
whoever has its ``CorpusSpec`` can map it for reading:

    values                              uint8, from byte 0
    offsets[0] … offsets[num_texts]     int64, from the next multiple of 8

Only the process that created a segment unlinks it. It holds a shared ``flock`` on it for as long
as it lives; the kernel lets go of that on any death, so a segment whose lock can be taken
exclusively has no owner, and is swept by the next start.

``SharedMemory`` is never used to attach: a failed attach there would unlink the owner's segment,
and before Python 3.13 registers it with a tracker that may do so later. This module knows
nothing of how texts are made, nor of what is done with them; other bytes than a corpus's, such as
those of photographs, are laid out by whoever fills their segment.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import secrets
import signal
import stat
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.headroom import free_memory
from shmtext.corpus.ragged import RaggedTexts, TextChunk
from shmtext.corpus.ranges import seams
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
_UNCHECKED_BYTES = 16 * 2**20
"""Growth after which memory is looked at anew: that takes as long as making half a megabyte."""
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

    @property
    def offsets_start(self) -> int:
        """Byte at which ``offsets`` begin: aligned, behind ``values``."""
        return -(-self.num_value_bytes // _OFFSET_BYTES) * _OFFSET_BYTES


class NoRoomError(Exception):
    """There can be no segment in shared memory, for the reason given; a file may do."""


class Segment:
    """Shared bytes and their owner: created here, unlinked by ``close`` and by nobody else."""

    def __init__(self, spill_folder: Path | None, content: str, spare_bytes: int = 0) -> None:
        """Make an empty segment, or where there can be none a file; see ``create``.

        Without a ``spill_folder`` there is no file: ``NoRoomError`` is raised. A segment leaves
        ``spare_bytes`` of shared memory to others.
        """
        self._spare_bytes = spare_bytes
        self._spill_folder = spill_folder
        self._content = content
        self._owner_pid = os.getpid()
        self._num_bytes = self._num_checked_bytes = self._num_dirty_bytes = 0
        self._why_file: str | None = None
        self._fd = -1
        self._path: Path
        self._unlink: Callable[[], None]
        try:
            self._open_shared()
        except NoRoomError as error:
            self._open_file(str(error))

    @classmethod
    def create(
        cls, num_bytes: int, spill_folder: Path, *, content: str = "shared memory"
    ) -> Segment:
        """Reserve ``num_bytes`` zeros in shared memory, else in a file in ``spill_folder``.

        ``content`` is what the note and errors call them.
        """
        with contextlib.ExitStack() as on_failure:
            segment = on_failure.enter_context(cls(spill_folder, content))
            segment.grow_to(num_bytes)
            on_failure.pop_all()
        return segment

    @classmethod
    def create_shared(cls, num_bytes: int, *, content: str = "shared memory") -> Segment:
        """Reserve ``num_bytes`` zeros in shared memory. Raises ``NoRoomError`` without a file."""
        with contextlib.ExitStack() as on_failure:
            segment = on_failure.enter_context(cls(None, content))
            segment.grow_to(num_bytes)
            on_failure.pop_all()
        return segment

    @property
    def spec(self) -> SegmentSpec:
        """Where the bytes are; final once nothing more is to be added."""
        return SegmentSpec(str(self._path), self._num_bytes)

    @property
    def note(self) -> str | None:
        """One line that says that a file took the segment's place, and why; None for a segment."""
        if self._why_file is None:
            return None
        return (
            f"{self._content} ({_megabytes(self._num_bytes)}) is in a file under "
            f"{self._spill_folder}: {self._why_file}"
        )

    def grow_to(self, num_bytes: int) -> None:
        """Make room for ``num_bytes`` in all; where memory has none, all moves to a file."""
        if self._why_file is None:
            try:
                self._reserve(num_bytes)
            except NoRoomError as error:
                self._move_to_file(str(error))
        if self._why_file is not None:
            try:
                # Long enough to be mapped; what is not yet written has no room on the disk so far.
                os.ftruncate(self._fd, num_bytes)
            except OSError as error:
                raise self._storage_error(error) from error
        self._num_bytes = num_bytes

    def _open_shared(self) -> None:
        _check_folder()
        name = SEGMENT_PREFIX + secrets.token_hex(8)
        # The resource tracker is told before: whatever kills this process, it cleans up.
        try:
            _track(name)
        except OSError as error:
            raise NoRoomError(
                f"Python's resource tracker cannot be started ({error.strerror})"
            ) from error
        for _ in range(_MAX_TRIES):
            try:
                # One byte, and its own map is not used: then making that map cannot fail for want
                # of address space (which confuses the resource tracker before Python 3.13), and
                # closing it never meets a live view.
                memory = SharedMemory(name, create=True, size=1)
            except OSError as error:
                resource_tracker.unregister(f"/{name}", "shared_memory")
                raise NoRoomError(f"no segment can be created ({error.strerror})") from error
            memory.close()
            path = SEGMENT_FOLDER / name
            fd = _open_locked(path)
            if fd is None:
                # Swept in the instant before it was locked. The same name again: the resource
                # tracker knows it already, and unlinking it will make the tracker forget it.
                continue
            self._path, self._fd, self._unlink = path, fd, partial(_unlink, memory)
            return
        resource_tracker.unregister(f"/{name}", "shared_memory")
        raise NoRoomError(f"something removes every new file in {SEGMENT_FOLDER}")

    def _reserve(self, num_bytes: int) -> None:
        """Give the segment its memory: without, a full tmpfs is a SIGBUS at some later write."""
        _check_folder_room(num_bytes + self._spare_bytes, self._num_bytes)
        if num_bytes > self._num_checked_bytes:
            _check_memory(num_bytes, self._num_bytes)
            self._num_checked_bytes = num_bytes + _UNCHECKED_BYTES
        try:
            for start in range(self._num_bytes, num_bytes, _RESERVE_BYTES):
                os.posix_fallocate(self._fd, start, min(_RESERVE_BYTES, num_bytes - start))
        except OSError as error:
            raise NoRoomError(
                f"{SEGMENT_FOLDER} does not give the memory ({error.strerror})"
            ) from error

    def _open_file(self, reason: str) -> None:
        if self._spill_folder is None:
            raise NoRoomError(reason)
        path = self._spill_folder / f"{SEGMENT_PREFIX}{secrets.token_hex(8)}.bin"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            fd = os.open(path, flags, 0o600)
        except OSError as error:
            raise StorageError(
                f"{self._content} fits neither in shared memory ({reason}) nor in a file under "
                f"{self._spill_folder} ({error.strerror}): make room in one of them"
            ) from error
        self._path, self._fd, self._unlink, self._why_file = path, fd, path.unlink, reason

    def _move_to_file(self, reason: str) -> None:
        shared_fd, unlink_shared = self._fd, self._unlink
        self._open_file(reason)
        try:
            for start in range(0, self._num_bytes, _WRITE_BYTES):
                num_bytes = min(_WRITE_BYTES, self._num_bytes - start)
                piece = os.pread(shared_fd, num_bytes, start)
                self.write(start, np.frombuffer(piece, np.uint8))
        finally:
            unlink_shared()
            os.close(shared_fd)

    def write(self, at_byte: int, values: NDArray[Any]) -> None:
        """Copy an array to ``at_byte``. A full disk is an error here, not a SIGBUS later."""
        view = values.reshape(-1).view(np.uint8).data
        try:
            while view:
                num_written = os.pwrite(self._fd, view[:_WRITE_BYTES], at_byte)
                view = view[num_written:]
                at_byte += num_written
                self._num_dirty_bytes += num_written
                if self._why_file is not None and self._num_dirty_bytes >= _DIRTY_BYTES:
                    os.fdatasync(self._fd)
                    self._num_dirty_bytes = 0
        except OSError as error:
            raise self._storage_error(error) from error

    def flush(self) -> None:
        """Wait until a file is on the disk; its pages can then be let go when memory is short."""
        try:
            if self._why_file is not None:
                os.fsync(self._fd)
        except OSError as error:
            raise self._storage_error(error) from error

    def view(self) -> NDArray[np.uint8]:
        """Map all bytes for reading. The memory lasts as long as the view or a slice of it."""
        return np.frombuffer(_map(self._fd, self.spec, mmap.PROT_READ), np.uint8)

    def array(self) -> NDArray[np.int64]:
        """Map all bytes as writable slots, all of them 0 before the first is written."""
        if self._why_file is not None:
            # A hole in a file gets its room at the first write through the map: SIGBUS if none.
            self.write(0, np.zeros(self._num_bytes, np.uint8))
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
        is_limited = error.errno == errno.EFBIG
        advice = "raise the limit (ulimit -f)" if is_limited else "make room there"
        return StorageError(
            f"cannot write {self._path} ({_megabytes(self._num_bytes)}): "
            f"{error.strerror}: {advice} and run the same again"
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
    def create(
        cls,
        chunks: Iterable[TextChunk],
        spill_folder: Path,
        *,
        more: Callable[[RaggedTexts], Iterable[TextChunk]] | None = None,
        spare_bytes: int = 0,
    ) -> SharedCorpus:
        """Place all texts of a stream in a segment, else in a file in ``spill_folder``.

        ``more`` is asked for texts to stand behind these, and may look at them meanwhile.
        ``spare_bytes`` of shared memory are left for what comes after.
        """
        with contextlib.ExitStack() as on_failure:
            segment = on_failure.enter_context(Segment(spill_folder, "the corpus", spare_bytes))
            num_value_bytes = 0
            lengths: list[NDArray[np.int32]] = []

            def append(chunks: Iterable[TextChunk]) -> None:
                nonlocal num_value_bytes
                for chunk in chunks:
                    segment.grow_to(num_value_bytes + chunk.values.size)
                    segment.write(num_value_bytes, chunk.values)
                    num_value_bytes += chunk.values.size
                    lengths.append(chunk.lengths_bytes)

            append(chunks)
            if more is not None and num_value_bytes:
                append(more(RaggedTexts(segment.view(), seams(np.concatenate(lengths)))))
            corpus = cls(segment, _write_offsets(segment, lengths, num_value_bytes))
            on_failure.pop_all()
        lengths.clear()
        _give_back_freed_memory()
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
    return _texts(attach_bytes(spec.segment), spec)


def attach_bytes(spec: SegmentSpec) -> NDArray[np.uint8]:
    """Map a segment for reading, in a worker, likewise."""
    return np.frombuffer(_attach(spec, writable=False), np.uint8)


def attach_writable(spec: SegmentSpec) -> NDArray[np.uint8]:
    """Map a segment for reading and writing, in a worker."""
    return np.frombuffer(_attach(spec, writable=True), np.uint8)


def attach_slots(spec: SegmentSpec) -> NDArray[np.int64]:
    """Map a segment of slots for reading and writing, in a worker."""
    return _slots(_attach(spec, writable=True))


@contextlib.contextmanager
def locked_slots(spec: SegmentSpec) -> Iterator[NDArray[np.int64]]:
    """Map a segment of slots for reading and writing, while no other process is in such a block.

    Not a lock between threads. Whoever dies within lets go of it.
    """
    fd = _open_attached(spec, writable=True)
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX)  # of another kind than the owner's
        yield _slots(_map(fd, spec, mmap.PROT_READ | mmap.PROT_WRITE))
    finally:
        os.close(fd)


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


def _start_tracker() -> None:
    """Have Python's resource tracker run, which outlives this process and removes its segments.

    It ignores Ctrl-C and SIGTERM, but a terminal that closes would end it: it inherits SIGHUP
    blocked. If somebody killed it, a new one is told of each segment again when that is unlinked.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that it had to be started again
            resource_tracker.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _track(name: str) -> None:
    _start_tracker()
    resource_tracker.register(f"/{name}", "shared_memory")


def _unlink(memory: SharedMemory) -> None:
    _track(memory.name)
    try:
        memory.unlink()
    except FileNotFoundError:
        # Something else was faster (systemd does it when a user logs out). The resource tracker
        # still knows the name, and would complain when it ends.
        resource_tracker.unregister(f"/{memory.name}", "shared_memory")


def _write_offsets(
    segment: Segment, lengths: list[NDArray[np.int32]], num_value_bytes: int
) -> CorpusSpec:
    """Put the seams behind the values, a chunk at a time."""
    num_texts = sum(each.size for each in lengths)
    start = CorpusSpec(segment.spec, num_texts, num_value_bytes).offsets_start
    segment.grow_to(start + (num_texts + 1) * _OFFSET_BYTES)
    segment.write(start, np.zeros(1, np.int64))
    at_byte, last_seam = start + _OFFSET_BYTES, 0
    for each in lengths:
        seams = np.cumsum(each, dtype=np.int64)
        seams += last_seam
        segment.write(at_byte, seams)
        at_byte += seams.nbytes
        last_seam = int(seams[-1]) if seams.size else last_seam
    segment.flush()
    return CorpusSpec(segment.spec, num_texts, num_value_bytes)


def _give_back_freed_memory() -> None:
    """Let go of the lengths' pages: glibc would keep a fifth of a corpus for the whole run."""
    with contextlib.suppress(AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def _texts(whole: NDArray[np.uint8], spec: CorpusSpec) -> RaggedTexts:
    return RaggedTexts(
        values=whole[: spec.num_value_bytes],
        offsets=whole[spec.offsets_start :].view(np.int64),
    )


def _slots(mapped: mmap.mmap) -> NDArray[np.int64]:
    return np.frombuffer(mapped, np.int64, len(mapped) // 8)


def _open_attached(spec: SegmentSpec, *, writable: bool) -> int:
    flags = (os.O_RDWR if writable else os.O_RDONLY) | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(spec.path, flags)
    except OSError as error:
        raise SharedMemoryError(
            f"cannot attach {spec.path}: {error.strerror}: it lasts only as long as its run"
        ) from error


def _attach(spec: SegmentSpec, *, writable: bool) -> mmap.mmap:
    protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
    fd = _open_attached(spec, writable=writable)
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


def _check_folder() -> None:
    """Raise where there can be no segments at all."""
    if not hasattr(os, "posix_fallocate"):
        raise NoRoomError("this system cannot reserve shared memory (no posix_fallocate)")
    if not SEGMENT_FOLDER.is_dir():
        raise NoRoomError(f"there is no {SEGMENT_FOLDER}")


def _check_folder_room(num_bytes: int, num_held_bytes: int) -> None:
    """Raise unless ``/dev/shm`` has room for ``num_bytes``, of which some are held already."""
    status = os.statvfs(SEGMENT_FOLDER)
    free_bytes = status.f_bavail * status.f_frsize + num_held_bytes
    if num_bytes > free_bytes:
        raise NoRoomError(f"{SEGMENT_FOLDER} has only {_megabytes(free_bytes)} free")


def _check_memory(num_bytes: int, num_held_bytes: int) -> None:
    """Raise unless ``num_bytes`` are a modest share of the memory that is free but for them."""
    free = free_memory()
    free_bytes = free.num_bytes + num_held_bytes
    if num_bytes > _MAX_MEMORY_SHARE * free_bytes:
        raise NoRoomError(f"{free.owner} has only {_megabytes(free_bytes)} of memory free")


def _megabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:,.1f} MB"
