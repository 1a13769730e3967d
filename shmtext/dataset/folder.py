"""The output folder, held as one directory descriptor: all writing under it goes through here.

Every name is relative to that descriptor and is opened one level at a time without following
links, so a folder that is replaced by a link in the middle of a run is noticed and nothing is ever
written elsewhere. A file appears whole or not at all: it is written under ``_stage/`` and renamed.

What the files mean is not known here. Nor is anything caught here for good: each failure of the
storage leaves as one ``StorageError`` that says what failed and what to do.
"""

from __future__ import annotations

import errno
import fcntl
import io
import os
import shutil
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self, TypeAlias
from urllib.parse import quote

from shmtext.dataset.places import RunPlace, StoreUrl
from shmtext.errors import DamageError, FolderError, StorageError
from shmtext.parts import Part

FileBytes: TypeAlias = Any
"""What can be written: bytes, or a contiguous one-dimensional uint8 array. (Not spelled out:
numpy's stubs let an array be a buffer from Python 3.12 on only.)"""

STAGE = "_stage"
"""Work in progress; safe to delete when no run holds the lock."""

NEW_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: a FIFO put where a file should be must not hold up the run that looks at it.
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE_MODE = 0o644
FOLDER_MODE = 0o755
_STAGE_MODE = 0o700

_LOCK_POLL_S = 0.02
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What locking comes to on file systems that have no locks, network file systems among them."""
NO_LINKS = (errno.EPERM, errno.EMLINK, errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS)
"""What linking comes to where there are no links, no more of them, or none to there."""
_COPY_BYTES = 1 << 20

_GONE = "{out} was removed or replaced during the run: put it back, or choose another folder"
_ADVICE = {
    errno.ENOSPC: "no space or no inodes left on the device that holds {out}: free some {again}",
    errno.EDQUOT: "the disk quota for {out} is used up: free some {again}",
    errno.EROFS: "{out} is on a read-only file system: make it writable {again}",
    errno.EACCES: "no permission: make {out} writable for this user {again}",
    errno.EPERM: "not permitted: make {out} writable for this user {again}",
    errno.EIO: "the device that holds {out} failed: see the kernel's log, mend it {again}",
    errno.EFBIG: "larger than a file may be: raise the limit (ulimit -f) {again}",
    errno.EMFILE: "too many open files: raise the limit (ulimit -n) {again}",
    errno.ENFILE: "too many open files on this machine: close some {again}",
    errno.ENOENT: _GONE,
    errno.ESTALE: _GONE,
    errno.ENOTDIR: "a link or a file stands where a folder should: remove it {again}",
    errno.EXDEV: "a folder within {out} is a mount of its own: unmount it {again}",
    errno.ELOOP: "a link stands where none should: remove it {again}",
}
_AGAIN = "and run the same command again; everything committed is kept"


class FreeSpace(NamedTuple):
    """What the device that holds the folder has left for this user."""

    num_bytes: int
    num_inodes: int
    """``sys.maxsize`` on file systems that don't count inodes."""


class FolderIdentity(NamedTuple):
    """Which folder it is, whatever path leads there."""

    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class FolderSpec:
    """An open folder, for another process of this machine to open it, too."""

    path: str
    """On this machine; of a run in a bucket, its scratch folder's."""
    identity: FolderIdentity
    part: Part | None
    url: StoreUrl | None
    """Where a run in a bucket is."""


class StagedFile(io.RawIOBase):
    """A file under way, as pyarrow's writers want it: written under ``_stage/``, then published.

    Writing raises bare ``OSError``. It is marked as closed before its descriptor is: a writer that
    an error left behind is only collected later, writes what it still holds, and by then the number
    is another file's.
    """

    def __init__(self, folder: OutputFolder, name: str, staged: str, fd: int) -> None:
        super().__init__()
        self.name = name
        self._folder = folder
        self._staged = staged
        self._fd = fd

    def writable(self) -> bool:
        """Tell the io module that this is for writing."""
        return True

    def write(self, data: FileBytes) -> int:
        """Write all of ``data`` or raise."""
        if self.closed:
            raise ValueError("this file is closed")
        write_all(self._fd, data)
        return memoryview(data).nbytes

    def publish(self, *, sync: bool) -> None:
        """Give the file its name; until then, and if anything fails, whatever had it keeps it.

        With ``sync`` the file and its name survive a power cut once this returns.
        """
        with self._folder.errors_of("write", self.name):
            if sync:
                os.fsync(self._fd)
            self._close_fd()
            self._folder.rename_staged(self._staged, self.name, sync=sync)

    def publish_new(self) -> bool:
        """Give the file a name that nothing has, durably; False where the name is taken.

        Raises bare ``OSError``.
        """
        os.fsync(self._fd)
        self._close_fd()
        source = f"{self._folder.stage}/{self._staged}"
        try:
            self._folder.link(source, self.name)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            if self._folder.read_file(self.name) is not None:
                return False
            self._folder.rename_staged(self._staged, self.name, sync=True)
        else:
            self._folder.sync_folder(self.name.rpartition("/")[0])
        return True

    def finish(self) -> str:
        """Close the file; say where it lies, for whoever renames it. Raises bare ``OSError``."""
        self._close_fd()
        return f"{self._folder.stage}/{self._staged}"

    def discard(self) -> None:
        """Give the file up. Best effort: what stays in the stage is swept by the next run."""
        with suppress(OSError):
            self._close_fd()
        with suppress(OSError), self._folder.opened(self._folder.stage) as stage_fd:
            os.unlink(self._staged, dir_fd=stage_fd)

    def _close_fd(self) -> None:
        self.close()
        if self._fd >= 0:
            # A failed close has closed all the same.
            fd, self._fd = self._fd, -1
            os.close(fd)


ManyReader: TypeAlias = Callable[[Sequence[str]], "list[bytes | DamageError | None]"]
"""Reads files by their names in a folder: bytes, what is wrong with them, or None for none."""

Brought: TypeAlias = Literal["links", "copies", "nothing"]
"""What a folder was brought from another: of copies there is one at least."""


class LockFile(NamedTuple):
    """A lock that is held."""

    folder: OutputFolder
    name: str
    fd: int

    def say(self, who: str) -> None:
        """Write into its file who has it, for whoever has to wait."""
        with self.folder.errors_of("write", self.name):
            os.ftruncate(self.fd, 0)
            os.pwrite(self.fd, f"{who}\n".encode(), 0)


class OutputFolder:
    """The one handle on an output folder; closes its descriptors and lets go of its locks."""

    is_durable: ClassVar[bool] = False
    """Whether what was written is there whatever becomes of the machine that wrote it."""

    def __init__(self, path: Path, fd: int, part: Part | None = None) -> None:
        self.path: RunPlace = path
        """By which people know it."""
        self.part = part
        """Which part of a run is written through this; None: all of it."""
        self.stage = STAGE if part is None else f"{STAGE}/{part.name}.{_host()}"
        """Where what is written waits for its name. Two hosts that render one part, on a file
        system without locks, do not take it from one another."""
        self.lacks_locks = ""
        """Why no lock could be had on this file system; empty where each was had."""
        self.absolute_path = Path(os.path.abspath(path))
        self._fd = fd
        self._lock_fds: list[int] = []
        self._owner_pid = os.getpid()

    @classmethod
    def open(cls, path: Path, create: bool, part: Part | None = None) -> OutputFolder:
        """Open ``path``, which must not itself be a link; its parents may be."""
        try:
            if create:
                path.parent.mkdir(parents=True, exist_ok=True)
                with suppress(FileExistsError):
                    os.mkdir(path, FOLDER_MODE)
            return cls(path, os.open(path, FOLDER_FLAGS), part)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise FolderError(
                    f"the name of {path} is too long: most file systems take 255 bytes a name, and "
                    "4,096 a path"
                ) from error
            if os.path.islink(path):
                raise FolderError(
                    f"{path} is a link, expected a folder: name the folder it leads to"
                ) from error
            if isinstance(error, FileNotFoundError):
                raise FolderError(f"there is no folder {path}: check the path") from error
            if isinstance(error, (NotADirectoryError, FileExistsError)):
                raise FolderError(
                    f"{path}, or a part of it, is not a folder: choose another path"
                ) from error
            raise _storage_error(path, f"open {path}", error) from error

    @property
    def spec(self) -> FolderSpec:
        """What another process of this machine needs to open it, too."""
        return FolderSpec(str(self.absolute_path), self.identity, self.part, None)

    def check_is(self, spec: FolderSpec) -> None:
        """Raise ``StorageError`` unless this is the folder that another process opened."""
        if self.identity != spec.identity:
            raise gone(spec.path)

    def close(self) -> None:
        """Let go of the locks and of the folder. May be called twice."""
        for fd in self._lock_fds if self._owner_pid == os.getpid() else ():
            _unlock(fd)
        for fd in (*self._lock_fds, *([self._fd] if self._fd >= 0 else [])):
            with suppress(OSError):
                os.close(fd)
        self._lock_fds, self._fd = [], -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def identity(self) -> FolderIdentity:
        """To compare with another process's: both must write to the same folder."""
        with self.errors_of("look at", ""):
            found = os.fstat(self._fd)
        return FolderIdentity(found.st_dev, found.st_ino)

    def check_in_place(self) -> None:
        """Raise unless the path still leads to the folder that was opened."""
        with self.errors_of("look at", ""):
            found = os.stat(self.absolute_path, follow_symlinks=False)
        if FolderIdentity(found.st_dev, found.st_ino) != self.identity:
            raise gone(self.absolute_path if self.is_durable else self.path)

    # -- folders ---------------------------------------------------------------------------------

    @contextmanager
    def opened(self, name: str = "") -> Iterator[int]:
        """Lend the descriptor of a folder below ("" for this one). Raises bare ``OSError``."""
        fd = self._fd
        try:
            for part in self._parts(name) if name else ():
                above, fd = fd, os.open(part, FOLDER_FLAGS, dir_fd=fd)
                if above != self._fd:
                    os.close(above)
            yield fd
        finally:
            if fd != self._fd:
                os.close(fd)

    def make_folder(self, name: str) -> None:
        """Make a folder and those above it, where they aren't there yet."""
        parts = self._parts(name)
        mode = _STAGE_MODE if parts[0] == STAGE else FOLDER_MODE
        with self.errors_of("make the folder", name):
            for depth, part in enumerate(parts):
                with self.opened("/".join(parts[:depth])) as fd, suppress(FileExistsError):
                    os.mkdir(part, mode, dir_fd=fd)

    def list_names(self, folder: str = "") -> list[str]:
        """Names in a folder, sorted; none where there is no such folder."""
        with self.errors_of("list", folder):
            try:
                with self.opened(folder) as fd:
                    return sorted(os.listdir(fd))
            except FileNotFoundError:
                return []

    def remove_tree(self, name: str) -> None:
        """Remove a folder with all in it, a file or a link (not what it leads to), if there."""
        above, base = self._split(name)
        with (
            self.errors_of("remove", name),
            suppress(FileNotFoundError),
            self.opened(above) as fd,
        ):
            if stat.S_ISDIR(os.stat(base, dir_fd=fd, follow_symlinks=False).st_mode):
                shutil.rmtree(base, dir_fd=fd)
            else:
                os.unlink(base, dir_fd=fd)

    def begin_stage(self) -> bool:
        """Have a stage; say whether an earlier run left one, with what it still holds.

        Nothing is deleted before files are made: on a file system that has just lost many, new
        ones may take ten times as long (ext4 without a journal, for minutes).
        """
        with self.errors_of("look at", self.stage):
            try:
                with self.opened(self.stage):
                    return True
            except FileNotFoundError:
                pass
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                    raise
                mode = os.stat(STAGE, dir_fd=self._fd, follow_symlinks=False).st_mode
                self.remove_tree(self.stage if stat.S_ISDIR(mode) else STAGE)
        self.make_folder(self.stage)
        return False

    def end_stage(self) -> None:
        """Remove the stage. The folder above a part's stays, as others may be about to begin."""
        self.remove_tree(self.stage)

    def set_aside(self, name: str) -> None:
        """Have nothing under a name: what is there waits in the stage for the end of the run."""
        with self.errors_of("remove", name):
            try:
                self.rename(name, f"{self.stage}/{os.urandom(4).hex()}")
            except FileNotFoundError:
                pass
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                # A mount of its own, or on overlayfs a folder of a lower layer.
                self.remove_tree(name)

    def rename(self, source: str, target: str) -> None:
        """Rename a file or a folder, over another file or an empty folder that has the name.

        Raises bare ``OSError``.
        """
        (source_above, source_base), (above, base) = self._split(source), self._split(target)
        with self.opened(source_above) as source_fd, self.opened(above) as fd:
            os.rename(source_base, base, src_dir_fd=source_fd, dst_dir_fd=fd)

    def link(self, source: str, target: str) -> None:
        """Give a file a second name, which nothing has. Raises bare ``OSError``."""
        (source_above, source_base), (above, base) = self._split(source), self._split(target)
        with self.opened(source_above) as source_fd, self.opened(above) as fd:
            os.link(source_base, base, src_dir_fd=source_fd, dst_dir_fd=fd, follow_symlinks=False)

    def copy(self, source: str, target: str) -> None:
        """Copy a file or a folder of files; whatever has the name goes. Raises bare ``OSError``."""
        self.remove_tree(target)
        (source_above, source_base), (above, base) = self._split(source), self._split(target)
        with self.opened(source_above) as source_fd, self.opened(above) as fd:
            if not stat.S_ISDIR(os.stat(source_base, dir_fd=source_fd).st_mode):
                _copy_file(source_fd, source_base, fd, base)
                return
        self.make_folder(target)
        with self.opened(source) as source_fd, self.opened(target) as fd:
            for name in os.listdir(source_fd):
                _copy_file(source_fd, name, fd, name)

    def bring(self, source: OutputFolder, name: str, target: str) -> Brought:
        """Have what ``source`` has under ``name``, a file or a folder of files, under ``target``.

        Its files are linked, or copied from the first on that can't be. Raises ``StorageError``.
        """
        if source.is_durable:
            return self._copy_of(source, name, target)
        above, base = self._split(name)
        target_above, target_base = self._split(target)
        self.make_folder(target_above)
        with ExitStack() as stack:
            with source.errors_of("read", name):
                try:
                    source_fd = stack.enter_context(source.opened(above))
                    found = os.stat(base, dir_fd=source_fd, follow_symlinks=False)
                except FileNotFoundError:
                    return "nothing"
            with self.errors_of("write", target):
                fd = stack.enter_context(self.opened(target_above))
            if not stat.S_ISDIR(found.st_mode):
                bringing = _Bringing(source, source_fd, self, fd)
                return "links" if bringing.bring(base, target_base, links=True) else "copies"
            with self.errors_of("write", target):
                os.mkdir(target_base, FOLDER_MODE, dir_fd=fd)
                to_fd = stack.enter_context(self.opened(target))
            with source.errors_of("read", name):
                from_fd = stack.enter_context(source.opened(name))
                names = os.listdir(from_fd)
            bringing, is_linked = _Bringing(source, from_fd, self, to_fd), True
            for each in names:
                is_linked = bringing.bring(each, each, links=is_linked)
            return "links" if is_linked else "copies"

    def _copy_of(self, source: OutputFolder, name: str, target: str) -> Brought:
        above, base = self._split(target)
        self.make_folder(above)
        with ExitStack() as stack:
            with source.errors_of("read", name):
                try:
                    source_fd, _ = stack.enter_context(source.opened_file(name))
                except FileNotFoundError:
                    return "nothing"
            with self.errors_of("write", target):
                folder_fd = stack.enter_context(self.opened(above))
                fd = os.open(base, NEW_FILE_FLAGS, FILE_MODE, dir_fd=folder_fd)
                stack.enter_context(closing_fd(fd))
                while piece := os.read(source_fd, _COPY_BYTES):
                    write_all(fd, piece)
        return "copies"

    def sync_folder(self, name: str = "") -> None:
        """Make the names in a folder survive a power cut."""
        with self.errors_of("flush", name), self.opened(name) as fd:
            os.fsync(fd)

    # -- files -----------------------------------------------------------------------------------

    def stage_file(self, name: str) -> StagedFile:
        """Begin a file that its ``publish`` will put in place of ``name``; else ``discard`` it."""
        base = self._split(name)[1]
        # Random, so that no two writers meet; never in the output.
        staged = f"{base}.{os.urandom(4).hex()}"
        self.make_folder(self.stage)
        with self.errors_of("write", name), ExitStack() as undo:
            with self.opened(self.stage) as stage_fd:
                fd = os.open(staged, NEW_FILE_FLAGS, FILE_MODE, dir_fd=stage_fd)
                file = StagedFile(self, name, staged, fd)
                undo.callback(file.discard)
            undo.pop_all()
        return file

    def nameless_file(self) -> int:
        """Open a file that is gone when it is closed, for reading and writing.

        Raises bare ``OSError``.
        """
        self.make_folder(self.stage)
        name = os.urandom(8).hex()
        flags = NEW_FILE_FLAGS & ~os.O_WRONLY | os.O_RDWR
        with ExitStack() as undo:
            with self.opened(self.stage) as stage_fd:
                fd = os.open(name, flags, FILE_MODE, dir_fd=stage_fd)
                undo.callback(os.close, fd)
                # Not O_TMPFILE, which overlayfs and NFS may lack.
                os.unlink(name, dir_fd=stage_fd)
            undo.pop_all()
        return fd

    def rename_staged(self, staged: str, name: str, *, sync: bool) -> None:
        """Rename a file from the stage to ``name``. Raises bare ``OSError``."""
        above, base = self._split(name)
        with self.opened(self.stage) as stage_fd, self.opened(above) as target_fd:
            os.rename(staged, base, src_dir_fd=stage_fd, dst_dir_fd=target_fd)
            if sync:
                os.fsync(target_fd)

    @contextmanager
    def replace_file(self, name: str, *, sync: bool) -> Iterator[StagedFile]:
        """Lend a file to write; it becomes ``name`` if the block ends without an exception."""
        file = self.stage_file(name)
        try:
            with self.errors_of("write", name):
                yield file
            file.publish(sync=sync)
        except BaseException:
            file.discard()
            raise

    def write_file(self, name: str, data: FileBytes, sync: bool) -> None:
        """Put ``data`` in place of ``name``, whole or not at all."""
        with self.replace_file(name, sync=sync) as file:
            file.write(data)

    def commit_file(self, name: str, data: bytes) -> bytes:
        """Put ``data`` in place of ``name``, durably; return what stands there afterwards."""
        self.write_file(name, data, sync=True)
        return data

    def write_new_file(self, name: str, data: FileBytes) -> bool:
        """Put ``data`` under a name that nothing has, whole and durably; False where it is taken.

        Of several that write at once one does. Where the file system has no links, they overwrite
        one another: ask what stands there afterwards.
        """
        file = self.stage_file(name)
        try:
            with self.errors_of("write", name):
                file.write(data)
                return file.publish_new()
        finally:
            file.discard()

    def read_file(self, name: str) -> bytes | None:
        """All bytes of a file; None where there is none. A link in its place is damage."""
        above, base = self._split(name)
        with self.errors_of("read", name):
            try:
                with self.opened(above) as fd:
                    return read_at(fd, base)
            except FileNotFoundError:
                return None

    def heed(self, check: Callable[[], None]) -> None:
        """Have what waits long for its storage call this now and then: it may raise to end that."""

    def expect(self, names: Iterable[str]) -> None:
        """Be told of files that are read next, each once: where that takes long, begin with it."""

    @contextmanager
    def reading_in(self, folder: str) -> Iterator[ManyReader]:
        """Lend what reads files of a folder by their names in it. Raises bare ``OSError``."""
        with self.opened(folder) as fd:

            def read(names: Sequence[str]) -> list[bytes | DamageError | None]:
                return [_read_or_damage(fd, name) for name in names]

            yield read

    @contextmanager
    def opened_file(self, name: str) -> Iterator[tuple[int, int]]:
        """Lend descriptor and size of a file. Raises bare ``OSError``, and ``DamageError`` for what
        is no file.
        """
        above, base = self._split(name)
        with self.opened(above) as folder_fd, opened_at(folder_fd, base) as opened:
            yield opened

    def num_bytes(self, name: str) -> int:
        """The size of a file. Raises bare ``OSError``, and ``DamageError`` for what is no file."""
        with self.opened_file(name) as (_, num_bytes):
            return num_bytes

    def sizes(self, folder: str) -> dict[str, int] | None:  # noqa: ARG002
        """Names, from the run's folder, and sizes of all files in a folder; None where none of
        them may be taken for whole by its size.
        """
        return None

    def read_start(self, name: str, num_bytes: int) -> bytes:
        """The first so many bytes of a file. Raises bare ``OSError``, and ``DamageError``."""
        with self.opened_file(name) as (fd, _):
            return os.pread(fd, num_bytes, 0)

    def local_path(self, name: str) -> Path:
        """Where a file can be read by its path."""
        return self.absolute_path / name

    def remove_file(self, name: str) -> bool:
        """Remove a file; False where there was none."""
        above, base = self._split(name)
        with self.errors_of("remove", name):
            try:
                with self.opened(above) as fd:
                    os.unlink(base, dir_fd=fd)
            except FileNotFoundError:
                return False
        return True

    def free_space(self) -> FreeSpace:
        """Bytes and inodes left for this user."""
        with self.errors_of("look at", ""):
            found = os.fstatvfs(self._fd)
        num_inodes = found.f_favail if found.f_files else sys.maxsize
        return FreeSpace(found.f_bavail * found.f_frsize, num_inodes)

    # -- locks -----------------------------------------------------------------------------------

    def hold_lock(self, name: str, *, is_shared: bool, deadline_s: float) -> LockFile | None:
        """Hold a lock until ``close``, or the end of the process; None where others have it.

        On file systems without locks it is had at once, and ``lacks_locks`` says why.
        """
        fd = self._open_lock(name)
        operation = fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX
        with self.errors_of("lock", name), ExitStack() as undo:
            undo.callback(os.close, fd)
            if not self._flock(fd, operation, deadline_s):
                return None
            undo.pop_all()
        self._lock_fds.append(fd)
        return LockFile(self, name, fd)

    def let_go_of(self, lock: LockFile) -> None:
        """Let go of a lock before its time."""
        self._lock_fds.remove(lock.fd)
        _unlock(lock.fd)
        with suppress(OSError):  # nothing of worth was written through it
            os.close(lock.fd)

    def lock_holder(self, name: str, deadline_s: float = 0) -> str | None:
        """Who has a lock exclusively, as its file says; None where nobody has, or lets go of it in
        time.
        """
        with self.errors_of("look at", name):
            try:
                fd = os.open(name, _READ_FLAGS, dir_fd=self._fd)
            except FileNotFoundError:
                return None
            with closing_fd(fd):
                is_free = self._flock(fd, fcntl.LOCK_SH, deadline_s)
                return None if is_free else _read_holder(fd)

    def _flock(self, fd: int, operation: int, deadline_s: float) -> bool:
        # flock has no timed form: without the short waits it would be all or nothing.
        deadline = time.monotonic() + deadline_s
        while True:
            try:
                fcntl.flock(fd, operation | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(_LOCK_POLL_S)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
                self.lacks_locks = os.strerror(error.errno)
                return True
            else:
                return True

    # -- helpers ---------------------------------------------------------------------------------

    @contextmanager
    def errors_of(self, doing: str, name: str) -> Iterator[None]:
        """Turn an ``OSError`` inside the block into the ``StorageError`` a user can act on."""
        try:
            yield
        except OSError as error:
            raise self.storage_error(f"{doing} {self.path / name}", error) from error

    def storage_error(self, doing: str, error: OSError) -> StorageError:
        """The one line for ``error``, met while ``doing`` (such as ``write out/run.json``)."""
        return _storage_error(self.path, doing, error)

    def _parts(self, name: str) -> list[str]:
        parts = name.split("/")
        if any(part in ("", ".", "..") or "\0" in part for part in parts):
            raise FolderError(
                f"names in {self.path} must be relative and stay within it, got {name!r}"
            )
        return parts

    def _split(self, name: str) -> tuple[str, str]:
        *above, base = self._parts(name)
        return "/".join(above), base

    def _open_lock(self, name: str) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with self.errors_of("open", name):
            return os.open(name, flags, FILE_MODE, dir_fd=self._fd)


def _host() -> str:
    """This host, as a name of a file can have it."""
    return quote(socket.gethostname(), safe="")


def gone(path: object) -> StorageError:
    """The error for a folder that is not any more where it was."""
    return StorageError(_GONE.format(out=path))


def write_all(fd: int, data: FileBytes) -> None:
    """Write every byte; raise ``OSError`` where that can't be done.

    On a disk that fills up, one write takes what fits and says so only in what it returns.
    """
    left = memoryview(data).cast("B")
    while left:
        num_written = os.write(fd, left)
        if num_written == 0:
            raise OSError(errno.EIO, "a write took no bytes")
        left = left[num_written:]


def _copy_file(source_folder_fd: int, source: str, folder_fd: int, name: str) -> None:
    with (
        opened_at(source_folder_fd, source) as (source_fd, _),
        closing_fd(os.open(name, NEW_FILE_FLAGS, FILE_MODE, dir_fd=folder_fd)) as fd,
    ):
        while piece := os.read(source_fd, _COPY_BYTES):
            write_all(fd, piece)


class _Bringing(NamedTuple):
    """Two folders below two output folders, from the one of which files come into the other."""

    source: OutputFolder
    source_fd: int
    folder: OutputFolder
    fd: int

    def bring(self, name: str, target: str, *, links: bool) -> bool:
        """Link a file, if that is asked and can be done, or copy it; say whether it was linked."""
        if links:
            with self.folder.errors_of("link", target):
                try:
                    os.link(
                        *(name, target),
                        src_dir_fd=self.source_fd,
                        dst_dir_fd=self.fd,
                        follow_symlinks=False,
                    )
                except OSError as error:
                    if error.errno not in NO_LINKS:
                        raise
                else:
                    return True
        with ExitStack() as stack:
            with self.source.errors_of("read", name):
                source_fd, _ = stack.enter_context(opened_at(self.source_fd, name))
            with self.folder.errors_of("write", target):
                fd = os.open(target, NEW_FILE_FLAGS, FILE_MODE, dir_fd=self.fd)
                stack.enter_context(closing_fd(fd))
            while True:
                with self.source.errors_of("read", name):
                    piece = os.read(source_fd, _COPY_BYTES)
                if not piece:
                    return False
                with self.folder.errors_of("write", target):
                    write_all(fd, piece)


def _read_or_damage(folder_fd: int, name: str) -> bytes | DamageError | None:
    try:
        return read_at(folder_fd, name)
    except FileNotFoundError:
        return None
    except DamageError as error:
        return error


def read_at(folder_fd: int, name: str | bytes) -> bytes:
    """All bytes of a regular file in an open folder; raises bare ``OSError``."""
    # Without ``opened_at``: where very many files are read, a context costs as much as a call.
    fd, num_bytes = _open_at(folder_fd, name)
    try:
        data = os.read(fd, num_bytes)
        while len(data) < num_bytes and (more := os.read(fd, num_bytes - len(data))):
            data += more
        return data
    finally:
        os.close(fd)


@contextmanager
def opened_at(folder_fd: int, name: str | bytes) -> Iterator[tuple[int, int]]:
    """Lend descriptor and size of a regular file in an open folder; anything else is damage."""
    fd, num_bytes = _open_at(folder_fd, name)
    with closing_fd(fd):
        yield fd, num_bytes


def _open_at(folder_fd: int, name: str | bytes) -> tuple[int, int]:
    try:
        fd = os.open(name, _READ_FLAGS, dir_fd=folder_fd)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise DamageError(f"{os.fsdecode(name)} is a link, expected a file") from error
        raise
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise DamageError(f"{os.fsdecode(name)} is not a regular file")
    except BaseException:
        os.close(fd)
        raise
    return fd, found.st_size


@contextmanager
def closing_fd(fd: int) -> Iterator[int]:
    """Close ``fd`` at the end; a failing close is a failed write (quotas and NFS report there)."""
    try:
        yield fd
    finally:
        os.close(fd)


def _unlock(fd: int) -> None:
    # Closing is not enough: a child forked in between holds a copy, and so the lock.
    with suppress(OSError):  # nothing was written through it, and there may be no locks
        fcntl.flock(fd, fcntl.LOCK_UN)


def _read_holder(fd: int) -> str:
    return os.pread(fd, 200, 0).decode(errors="replace").strip() or "unknown process"


def _storage_error(path: RunPlace, doing: str, error: OSError) -> StorageError:
    fallback = f"{error.strerror or error}: mend it {{again}}"
    advice = _ADVICE.get(error.errno or 0, fallback)
    return StorageError(f"cannot {doing}: {advice.format(out=path, again=_AGAIN)}")
