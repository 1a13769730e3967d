"""A run in a bucket: an output folder whose files are objects.

What is under way, and what of the run is read through descriptors, lies in a scratch folder of this
machine; a file that gets its name becomes an object, whole or not at all, and is gone here. There
are no locks: a manifest is created and never overwritten, so that who comes first has committed the
shard, and whoever comes second reads what stands there.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar
from weakref import finalize

from shmtext.dataset.folder import (
    FOLDER_FLAGS,
    STAGE,
    FolderSpec,
    FreeSpace,
    ManyReader,
    OutputFolder,
    closing_fd,
    write_all,
)
from shmtext.dataset.objects import Coming, ObjectStore
from shmtext.dataset.places import StoreUrl
from shmtext.errors import FolderError, StorageError
from shmtext.parts import Part

_UNLOCKED, _SCRATCH = "shmtext-begun-", "shmtext-bucket-"
_HELD = ".held"
"""Locked as long as the process lives whose scratch folder it is."""


class BucketFolder(OutputFolder):
    """The objects of a run, as an output folder.

    Its scratch folder goes when it is closed, or as Python ends where nobody has.
    """

    is_durable: ClassVar[bool] = True

    def __init__(self, url: StoreUrl, scratch: Path, part: Part | None) -> None:
        """Open a scratch folder that there is; it does not go with this one."""
        with ExitStack() as undo:
            store = undo.enter_context(ObjectStore(url))
            try:
                fd = os.open(scratch, FOLDER_FLAGS)
            except OSError as error:
                raise _scratch_error(f"open {url}", error, scratch) from error
            super().__init__(scratch, fd, part)
            undo.pop_all()
        self.path = url
        self.store = store
        self.remove_scratch: Callable[[], object] = lambda: None
        """Called as this is closed."""
        self._expected: dict[str, Coming] = {}

    @classmethod
    def begin(cls, url: StoreUrl, part: Part | None = None) -> BucketFolder:
        """Open a run's objects, with a scratch folder where temporary files are."""
        try:
            _sweep()
            scratch = Path(tempfile.mkdtemp(prefix=_UNLOCKED))
        except OSError as error:
            raise StorageError(
                f"cannot make a temporary folder: {error.strerror or error}: set TMPDIR to one "
                "that can be written to"
            ) from error
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, scratch, ignore_errors=True)
            folder = cls(url, scratch, part)
            undo.callback(folder.close)
            folder.hold_lock(_HELD, is_shared=False, deadline_s=0)
            # By its name others tell what they may sweep, once nobody has its lock.
            locked = scratch.with_name(_SCRATCH + scratch.name.removeprefix(_UNLOCKED))
            with folder.errors_of("name", ""):
                scratch.rename(locked)
            folder.absolute_path = locked
            folder.remove_scratch = finalize(folder, _remove, locked, os.getpid())
            folder.store.check_credentials()
            undo.pop_all()
        return folder

    @property
    def spec(self) -> FolderSpec:
        """What another process of this machine needs to open it, too."""
        return replace(super().spec, url=self.store.url)

    def close(self) -> None:
        """Let go of the objects, and of the scratch folder. May be called twice."""
        super().close()
        self.store.close()
        self.remove_scratch()

    # -- names -----------------------------------------------------------------------------------

    def list_names(self, folder: str = "") -> list[str]:
        """Names in a folder of the run, sorted; of the scratch folder those of the stage."""
        if _is_here(folder):
            return super().list_names(folder)
        return self.store.names(folder)

    def make_folder(self, name: str) -> None:
        """Make a folder of the stage; others are there as soon as there is an object in them."""
        if _is_here(name):
            super().make_folder(name)

    def remove_tree(self, name: str) -> None:
        """Remove an object, and those below the name."""
        if _is_here(name):
            super().remove_tree(name)
        else:
            self.store.delete([name, *self.store.sizes(name)])

    def set_aside(self, name: str) -> None:
        """Have nothing under a name."""
        self.remove_tree(name)

    def rename(self, source: str, target: str) -> None:
        """Make an object of a file of the stage. Raises bare ``OSError`` for what is here."""
        if _is_here(target):
            super().rename(source, target)
            return
        file = self.absolute_path / source
        self.store.put_file(target, file)
        file.unlink()

    def rename_staged(self, staged: str, name: str, *, sync: bool) -> None:  # noqa: ARG002
        """Make an object of a file of the stage, which is durable once it is there."""
        self.rename(f"{self.stage}/{staged}", name)

    def sync_folder(self, name: str = "") -> None:
        """Do nothing: objects are durable once they are there."""

    # -- files -----------------------------------------------------------------------------------

    def write_file(self, name: str, data: Any, sync: bool) -> None:  # noqa: ARG002
        """Put an object in place of whatever has the name."""
        self.store.put(name, memoryview(data).cast("B"))

    def write_new_file(self, name: str, data: Any) -> bool:
        """Create an object; False where there is one that is not equal."""
        ours = bytes(data)
        return self.store.create(name, ours) == ours

    def commit_file(self, name: str, data: bytes) -> bytes:
        """Create an object, and return what it holds: another's, where that was there before."""
        return self.store.create(name, data)

    def read_file(self, name: str) -> bytes | None:
        """All bytes of an object; None where there is none."""
        coming = self._expected.pop(name, None)
        if coming is not None:
            with suppress(StorageError):  # of an outage that may be over
                return self.store.wait(coming)
        return self.store.get(name)

    def heed(self, check: Callable[[], None]) -> None:
        """Have requests that wait for an answer call this now and then."""
        self.store.heed = check

    def expect(self, names: Iterable[str]) -> None:
        """Begin to get objects that are read next, in the order given."""
        for name in names:
            self._expected[name] = self.store.begin_to_get(name)

    @contextmanager
    def reading_in(self, folder: str) -> Iterator[ManyReader]:
        """Lend what reads objects in a folder, many side by side."""
        yield lambda names: list(self.store.get_many([f"{folder}/{name}" for name in names]))

    def remove_file(self, name: str) -> bool:
        """Remove an object, if there is one."""
        self.store.delete([name])
        return True

    def sizes(self, folder: str) -> dict[str, int]:
        """Names, from the run's folder, and sizes of all objects in a folder."""
        return self.store.sizes(folder)

    @contextmanager
    def opened_file(self, name: str) -> Iterator[tuple[int, int]]:
        """Lend descriptor and size of a copy that is here as long as the block runs."""
        with closing_fd(self.nameless_file()) as fd:
            num_bytes = 0
            for piece in self.store.get_pieces(name):
                write_all(fd, piece)
                num_bytes += len(piece)
            os.lseek(fd, 0, os.SEEK_SET)
            yield fd, num_bytes

    def num_bytes(self, name: str) -> int:
        """The size of an object. Raises ``FileNotFoundError``."""
        return self.store.size(name)

    def read_start(self, name: str, num_bytes: int) -> bytes:
        """The first so many bytes of an object. Raises ``FileNotFoundError``."""
        return self.store.get_start(name, num_bytes)

    def local_path(self, name: str) -> Path:
        """Where a copy is that stays until the folder is closed."""
        file = self.absolute_path / os.path.basename(name)
        if not file.exists():
            under_way = file.with_name(f"{file.name}.part")
            with under_way.open("wb") as copy:
                for piece in self.store.get_pieces(name):
                    copy.write(piece)
            under_way.rename(file)
        return file

    def free_space(self) -> FreeSpace:
        """No store says how much room it has, and here is never more than what is under way."""
        return FreeSpace(sys.maxsize, sys.maxsize)

    def storage_error(self, doing: str, error: OSError) -> StorageError:
        """The one line for an object that is gone, or an error of the scratch folder."""
        if error.errno == errno.ENOENT:
            return StorageError(f"cannot {doing}: it is not there any more; run the command again")
        return _scratch_error(doing, error, self.absolute_path)


def _scratch_error(doing: str, error: OSError, scratch: Path) -> StorageError:
    return StorageError(
        f"cannot {doing}: {error.strerror or error}, in {scratch}, where work is under way: mend "
        "it, or set TMPDIR to another folder; then run the same command again; everything "
        "committed is kept"
    )


def _remove(scratch: Path, owner_pid: int) -> None:
    if os.getpid() == owner_pid:  # and not a forked child's
        shutil.rmtree(scratch, ignore_errors=True)


def _sweep() -> None:
    """Remove scratch folders of processes that were killed."""
    for scratch in Path(tempfile.gettempdir()).glob(f"{_SCRATCH}*"):
        with suppress(FolderError, StorageError), OutputFolder.open(scratch, create=False) as left:
            is_free = left.hold_lock(_HELD, is_shared=False, deadline_s=0) is not None
            if is_free and not left.lacks_locks:
                shutil.rmtree(scratch, ignore_errors=True)


def _is_here(name: str) -> bool:
    """Whether a name is one of the scratch folder's."""
    return name == STAGE or name.startswith(f"{STAGE}/")
