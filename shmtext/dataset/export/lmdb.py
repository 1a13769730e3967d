"""LMDB environments as clovaai/deep-text-recognition-benchmark has them, and all who read these.

Keys, for ``i`` from 1 on and without holes: ``image-%09d``, an encoded picture; ``label-%09d``, its
text in UTF-8; ``wh-%09d``, ``640_48``, its size, which OpenOCR would open every picture for;
``num-samples``. Readers: ``strhub/data/dataset.py`` (PARSeq), ``ppocr/data/lmdb_dataset.py``,
``recog_lmdb_dataset.py`` (MMOCR), ``tools/data/ratio_dataset.py`` (OpenOCR).

An environment has one writer and its keys are in order, so shards are written one after another, a
transaction a piece. How many transactions are committed tells where to go on. The same run comes to
the same bytes: transactions are cut alike however often it was interrupted, and what the library
notes of the map's size is set last. No lock file is made: one process writes, and readers make
their own if they want it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import pyarrow as pa

from shmtext.dataset.columns import texts_of
from shmtext.dataset.containers.one_file import pieces
from shmtext.dataset.export.base import LABEL, Asked, Part, Portion, Write, work
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.reading import StoredPictures
from shmtext.errors import ConfigError, StorageError

if TYPE_CHECKING:
    import lmdb

DATA = "data.mdb"
PAGE_BYTES = 4_096
FIRST_MAP_BYTES = 64 << 20
"""The map grows from here: some systems make the file as large as the map."""
LAST_COMMITS = 2
"""There are two pages that tell of an environment, written in turn."""
SPARE_BYTES = 16 << 20
BYTES_PER_BYTE = 4
"""Of the map, for each of pictures and texts: pages are filled by half at least."""
_SIZE = ("width_px", "height_px")


class Lmdb:
    """``data.mdb`` in the export's folder, or in that of each split."""

    name: ClassVar[str] = "lmdb"
    in_order: ClassVar[bool] = True
    escapes: ClassVar[bool] = False

    def __init__(self, asked: Asked) -> None:
        self.asked = asked

    def check(self) -> None:
        """Raise ``ConfigError`` where the library or a column is missing."""
        try:
            import lmdb  # noqa: F401, PLC0415 - of those alone who export to it
        except ModuleNotFoundError as error:
            raise ConfigError(
                "to export to lmdb, install its library: pip install shmtext[lmdb]"
            ) from error
        missing = {*_SIZE} - {column.name for column in self.asked.schema.columns}
        if missing:
            raise ConfigError(f"lmdb needs the run's column {min(missing)}, which it does not have")

    def why_unfit(self, label: str) -> str:
        """Nothing is."""
        del label
        return ""

    def folder_of(self, split: str) -> str:
        """The folder of a split, with a slash; nothing where it is that of the export."""
        return f"{split}/" if self.asked.has_splits else ""

    @contextmanager
    def writing(self, folder: OutputFolder) -> Iterator[Write]:
        """Hold an environment a split open; complete them once nothing went wrong."""
        with ExitStack() as stack:
            environments: dict[str, _Environment] = {}
            for split in self.asked.splits:
                target = f"{self.folder_of(split)}{DATA}"
                if not _is_there(folder, target):
                    opened = _Environment.open(folder, _waiting(split), target)
                    environments[split] = stack.enter_context(opened)

            def write(portion: Portion) -> None:
                if portion.split in environments:
                    environments[portion.split].add(portion)

            yield write
            for environment in environments.values():
                environment.complete()

    def finish(self, folder: OutputFolder, parts: Sequence[Part]) -> None:
        """Put the environments in place."""
        del parts
        for split in self.asked.splits:
            target = f"{self.folder_of(split)}{DATA}"
            if not _is_there(folder, target):
                above = self.folder_of(split).removesuffix("/")
                if above:
                    folder.make_folder(above)
                with folder.errors_of("rename to", target):
                    folder.rename(f"{_waiting(split)}/{DATA}", target)
                folder.sync_folder(above)

    def loading(self, dest: str) -> Sequence[str]:
        """Its library; trainers."""
        of_split = f"{dest}/{self.asked.splits[0]}" if self.asked.has_splits else dest
        return (
            f"lmdb.open({of_split!r}, readonly=True, lock=False)",
            f"PARSeq, DTRB, PaddleOCR (LMDBDataSet), MMOCR, OpenOCR: give them {of_split}",
        )

    def notes(self) -> Sequence[str]:
        """Nothing to say."""
        return ()


class _Environment:
    """One environment under way."""

    def __init__(
        self, folder: OutputFolder, target: str, fd: int, opened: lmdb.Environment
    ) -> None:
        self._folder = folder
        self._target = target
        self._fd = fd
        self._lmdb = opened
        self._num_committed: int = opened.info()["last_txnid"]
        """Transactions, of this start and of earlier ones."""
        self._num_pieces = self._num_samples = self._num_bytes = 0
        """Of all that was handed over, committed before or not."""

    @classmethod
    @contextmanager
    def open(cls, folder: OutputFolder, waiting: str, target: str) -> Iterator[Self]:
        """Open what an earlier start has written, or begin."""
        import lmdb  # noqa: PLC0415 - see ``check``

        folder.make_folder(waiting)
        with ExitStack() as stack:
            with folder.errors_of("open", waiting):
                fd = stack.enter_context(folder.opened(waiting))
            # Through the descriptor: whatever is renamed meanwhile, nothing is written elsewhere.
            with _storage_errors(folder, target):
                opened = lmdb.open(
                    f"/proc/self/fd/{fd}",
                    map_size=FIRST_MAP_BYTES,
                    max_dbs=0,
                    lock=False,
                    # Committed pages outlive this process, and after a new start of the machine all
                    # is written again.
                    sync=False,
                    readahead=False,
                )
            stack.callback(opened.close)
            yield cls(folder, target, fd, opened)

    def add(self, portion: Portion) -> None:
        """Add a portion's pictures, but for those that are committed."""
        num_done = 0
        for piece in pieces(portion.rows):
            if self._num_pieces + 1 > self._num_committed:
                break
            self._count(piece.num_rows, _num_bytes(piece))
            num_done += piece.num_rows
        rows = portion.rows.slice(num_done)
        if rows.num_rows:
            rest = Portion(portion.run, portion.shard, portion.split, rows)
            for pictures in rest.pictures():
                first = self._num_samples + 1
                self._count(pictures.rows.num_rows, _num_bytes(pictures.rows))
                self._commit(_values(pictures, first), self._num_samples)

    def complete(self) -> None:
        """Commit what tells of the whole, and cut off what no page is in."""
        map_bytes = SPARE_BYTES + BYTES_PER_BYTE * self._num_bytes
        while self._lmdb.info()["last_txnid"] < self._num_pieces + LAST_COMMITS:
            with _storage_errors(self._folder, self._target):
                self._lmdb.set_mapsize(-(-map_bytes // PAGE_BYTES) * PAGE_BYTES)
            self._commit([], self._num_samples)
        with _storage_errors(self._folder, self._target):
            self._lmdb.sync(True)
        num_pages = self._lmdb.info()["last_pgno"] + 1
        page_bytes = self._lmdb.stat()["psize"]
        with self._folder.errors_of("write", self._target):
            fd = os.open(DATA, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._fd)
            try:
                os.ftruncate(fd, num_pages * page_bytes)
                os.fsync(fd)
            finally:
                os.close(fd)

    def _count(self, num_rows: int, num_bytes: int) -> None:
        self._num_pieces += 1
        self._num_samples += num_rows
        self._num_bytes += num_bytes

    def _commit(self, values: Sequence[tuple[bytes, bytes]], num_samples: int) -> None:
        """Commit values and the number of samples, in a map that grows until they fit."""
        import lmdb  # noqa: PLC0415 - see ``check``

        with _storage_errors(self._folder, self._target):
            while True:
                try:
                    with self._lmdb.begin(write=True) as transaction:
                        for key, value in values:
                            transaction.put(key, value)
                        transaction.put(b"num-samples", str(num_samples).encode())
                except lmdb.MapFullError:
                    self._lmdb.set_mapsize(2 * self._lmdb.info()["map_size"])
                else:
                    return


def _values(pictures: StoredPictures, first: int) -> list[tuple[bytes, bytes]]:
    """Keys and values of pictures, in the order in which keys are stored."""
    labels = [label.encode() for label in pictures.rows[LABEL].to_pylist()]
    widths, heights = (pictures.rows[name].to_pylist() for name in _SIZE)
    sizes = [f"{width}_{height}".encode() for width, height in zip(widths, heights, strict=True)]
    return [
        (b"%s-%09d" % (kind, number), value)
        for kind, values in ((b"image", pictures.data), (b"label", labels), (b"wh", sizes))
        for number, value in enumerate(values, start=first)
    ]


def _num_bytes(rows: pa.Table) -> int:
    """Of pictures and texts."""
    in_texts = int(texts_of(rows[LABEL]).offsets[-1])
    return int(rows["num_bytes"].to_numpy().sum(dtype=np.int64)) + in_texts


@contextmanager
def _storage_errors(folder: OutputFolder, target: str) -> Iterator[None]:
    """Turn the library's errors into those that a user can act on."""
    import lmdb  # noqa: PLC0415 - see ``check``

    try:
        yield
    except lmdb.Error as error:
        raise StorageError(
            f"cannot write {folder.path / target} ({error}): mend it and run the same command "
            "again; what is written is kept"
        ) from error


def _waiting(split: str) -> str:
    return work(f"lmdb/{split}")


def _is_there(folder: OutputFolder, path: str) -> bool:
    above, _, base = path.rpartition("/")
    return base in folder.list_names(above)
