"""LMDB environments as clovaai/deep-text-recognition-benchmark has them, and all who read these.

Keys, for ``i`` from 1 on and without holes: ``image-%09d``, an encoded picture; ``label-%09d``, its
text in UTF-8; ``wh-%09d``, ``640_48``, its size, which OpenOCR would open every picture for;
``num-samples``. Readers: ``strhub/data/dataset.py`` (PARSeq), ``ppocr/data/lmdb_dataset.py``,
``recog_lmdb_dataset.py`` (MMOCR), ``tools/data/ratio_dataset.py`` (OpenOCR).

An environment has one writer and its keys are in order, so shards are written one after another, a
transaction a piece. How many transactions are committed tells where to go on. The same run comes to
the same bytes, however often it was interrupted: transactions are cut alike, and each opens the
environment anew, as in pages that the library uses again there is whatever they held before. No
lock file is made: one process writes, and readers make their own if they want it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa

from shmtext.dataset.columns import texts_of
from shmtext.dataset.containers.one_file import pieces
from shmtext.dataset.export.base import LABEL, Asked, Part, Portion, Write, is_there, work
from shmtext.dataset.folder import FILE_MODE, OutputFolder, closing_fd
from shmtext.dataset.reading import StoredPictures
from shmtext.errors import ConfigError, StorageError

if TYPE_CHECKING:
    import lmdb

DATA = "data.mdb"
PAGE_BYTES = 4_096
SPARE_BYTES = 16 << 20
"""Of the map: an empty environment's, and then some. The map grows with what is stored, as some
systems make the file as large as the map."""
BYTES_PER_BYTE, BYTES_PER_SAMPLE = 4, 512
"""Of the map, for pictures and texts, and for keys: pages are filled by half at least."""
_SIZE = ("width_px", "height_px")


class Lmdb:
    """``data.mdb`` in the export's folder, or in that of each split."""

    name: ClassVar[str] = "lmdb"
    in_order: ClassVar[bool] = True
    escapes: ClassVar[bool] = False
    file_a_picture: ClassVar[bool] = False

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
        self.asked.require_columns(self.name, _SIZE)

    def why_unfit(self, label: str) -> str:
        """Nothing is."""
        del label
        return ""

    @contextmanager
    def writing(self, folder: OutputFolder) -> Iterator[Write]:
        """Lend what writes portions; complete environments once nothing went wrong."""
        environments: dict[str, _Environment] = {}
        for split in self.asked.splits:
            # One that is in place was complete before.
            if not is_there(folder, f"{self.asked.folder_of(split)}{DATA}"):
                environments[split] = _Environment(folder, _waiting(split))

        def write(portion: Portion) -> int:
            if portion.split in environments:
                environments[portion.split].add(portion)
            return 0

        yield write
        for environment in environments.values():
            environment.complete()

    def finish(self, folder: OutputFolder, parts: Sequence[Part]) -> None:
        """Put the environments in place."""
        del parts
        for split in self.asked.splits:
            target = f"{self.asked.folder_of(split)}{DATA}"
            if not is_there(folder, target):
                above = self.asked.folder_of(split).removesuffix("/")
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

    def __init__(self, folder: OutputFolder, waiting: str) -> None:
        """Begin it, or find out how far an earlier start has come."""
        self._folder = folder
        self._waiting = waiting
        self._num_pieces = self._num_samples = self._num_bytes = 0
        """Of all that was handed over, committed before or not."""
        folder.make_folder(waiting)
        with self._opened() as opened:
            num_committed: int = opened.info()["last_txnid"]
        if not num_committed:
            self._commit(())
        # The first tells of no samples.
        self._num_pieces_committed = max(num_committed - 1, 0)

    def add(self, portion: Portion) -> None:
        """Add a portion's pictures, but for those that are committed."""
        num_done = 0
        for piece in pieces(portion.rows):
            if self._num_pieces == self._num_pieces_committed:
                break
            self._count(piece)
            num_done += piece.num_rows
        left = Portion(portion.run, portion.shard, portion.split, portion.rows.slice(num_done))
        for pictures in left.pictures():
            first = self._num_samples + 1
            self._count(pictures.rows)
            self._commit(_values(pictures, first))
            self._num_pieces_committed += 1

    def complete(self) -> None:
        """Cut off what no page is in, and see to it that all is on the device."""
        with self._opened() as opened:
            num_bytes = (opened.info()["last_pgno"] + 1) * opened.stat()["psize"]
        flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        with (
            self._folder.errors_of("write", self._waiting),
            self._folder.opened(self._waiting) as fd,
            closing_fd(os.open(DATA, flags, dir_fd=fd)) as data_fd,
        ):
            os.ftruncate(data_fd, num_bytes)
            os.fsync(data_fd)

    def _count(self, rows: pa.Table) -> None:
        """Count a piece."""
        self._num_pieces += 1
        self._num_samples += rows.num_rows
        self._num_bytes += int(rows["num_bytes"].to_numpy().sum(dtype=np.int64))
        self._num_bytes += int(texts_of(rows[LABEL]).offsets[-1])

    def _commit(self, values: Iterable[tuple[bytes, bytes]]) -> None:
        """Commit values, and the number of samples that there are with them."""
        with self._opened() as opened, opened.begin(write=True) as transaction:
            for key, value in values:
                transaction.put(key, value)
            transaction.put(b"num-samples", str(self._num_samples).encode())

    @contextmanager
    def _opened(self) -> Iterator[lmdb.Environment]:
        """Lend the environment, with a map that has room for what was counted."""
        import lmdb  # noqa: PLC0415 - see ``check``

        map_bytes = BYTES_PER_BYTE * self._num_bytes + BYTES_PER_SAMPLE * self._num_samples
        map_bytes = SPARE_BYTES + -(-map_bytes // PAGE_BYTES) * PAGE_BYTES
        what = self._folder.path / f"{self._waiting}/{DATA}"
        with (
            self._folder.errors_of("open", self._waiting),
            self._folder.opened(self._waiting) as fd,
        ):
            try:
                # Through the descriptor: whatever is renamed meanwhile, nothing goes elsewhere. Not
                # flushed: commits outlive this process, and those of another boot don't count.
                with lmdb.open(
                    f"/proc/self/fd/{fd}",
                    map_size=map_bytes,
                    mode=FILE_MODE,
                    max_dbs=0,
                    lock=False,
                    sync=False,
                ) as opened:
                    yield opened
            except lmdb.Error as error:
                # It knows no better: a write that was cut short is an error of the device to it.
                raise StorageError(
                    f"cannot write {what} ({error}): see that the device has room and is whole, "
                    "then run the same command again; what is written is kept"
                ) from error


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


def _waiting(split: str) -> str:
    return work(f"lmdb/{split}")
