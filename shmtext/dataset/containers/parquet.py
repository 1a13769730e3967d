"""The container ``parquet``: a shard, a Parquet file of pictures and all label columns.

The column ``image`` is what Hugging Face's ``Image`` is in Parquet, a struct of the encoded picture
and its name, and the schema's metadata say so (``datasets/features/features.py``): without these
it is read as a struct of bytes. Row groups are small, as viewers and loaders read them whole.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from shmtext.corpus.ragged import RaggedTexts
from shmtext.corpus.ranges import Ints, seams
from shmtext.dataset.containers.base import IMAGES, CommittedPictures, PictureReader, Room
from shmtext.dataset.containers.names import PictureNames
from shmtext.dataset.containers.one_file import (
    FileInStage,
    OneFileShard,
    Scratch,
    Waiting,
    check_file,
    pieces,
    readable_file,
)
from shmtext.dataset.damage import Damage
from shmtext.dataset.folder import FileBytes, OutputFolder
from shmtext.dataset.plan import Plan, Shard
from shmtext.dataset.summed import SummedFile
from shmtext.errors import DamageError

IMAGE = pa.field("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
# Other columns are left to their types: names of features of lists differ between its versions.
HUGGING_FACE = {"info": {"features": {"image": {"_type": "Image"}}}}
ROW_BYTES = 200
"""Of a label row; an estimate on the safe side."""
PAGE_ROWS, PAGE_BYTES = 64, 128 << 10
"""Of a page, whichever comes last: pages that fit into a core's cache are copied from there on
their way to the file, which takes a third less time than pages of whole row groups."""
HELD_GROUPS = 3
"""Row groups of a shard that are kept for pictures read out of order: some 12 MB."""


@dataclass(frozen=True, slots=True)
class ParquetFiles:
    """A Parquet file a shard."""

    names: PictureNames

    @property
    def name(self) -> str:
        """By which it is chosen."""
        return "parquet"

    @property
    def extension(self) -> str:
        """Of every picture's name."""
        return self.names.extension

    def shard_path(self, shard: Shard) -> str:
        """The shard's file.

        >>> ParquetFiles(PictureNames(2_000_000, "png")).shard_path(Shard(42, 420_000, 430_000))
        'images/00042.parquet'
        """
        return f"{IMAGES}/{shard.name}.parquet"

    def image_names(self, shard: Shard, example_index: NDArray[np.int64]) -> list[bytes]:
        """What the column ``image`` says of them."""
        return self.names.of(shard, example_index)

    def file_names(self, shard: Shard, example_index: NDArray[np.int64]) -> RaggedTexts:
        """Likewise, as if the file were a folder."""
        return self.names.below(self.shard_path(shard), shard, example_index)

    def stage(self, folder: OutputFolder, shard: Shard) -> OneFileShard:
        """A sink that holds pictures until their file is written."""
        write = partial(self._write, shard)
        return OneFileShard(FileInStage(folder, shard, self.shard_path(shard), write))

    def check(
        self, folder: OutputFolder, shard: Shard, committed: CommittedPictures
    ) -> Iterator[Damage]:
        """Compare the file with its sum."""
        return check_file(folder, shard, self.shard_path(shard), committed)

    @contextmanager
    def opened(self, folder: OutputFolder, shard: Shard) -> Iterator[PictureReader]:
        """Hold the file open, and a few row groups of it."""
        target = self.shard_path(shard)
        with readable_file(folder, target) as (fd, _), ExitStack() as stack:
            with _damage_of(target):
                # Opened anew: Arrow's threads may let go of a file late.
                file = stack.enter_context(pa.OSFile(f"/proc/self/fd/{fd}"))
                reader = _Reader(file)

            def read(file_names: Sequence[str]) -> list[FileBytes]:
                found: list[FileBytes] = []
                for file_name in file_names:
                    example = self.names.example(file_name.removeprefix(f"{target}/"))
                    with _damage_of(target):
                        picture = reader.read(example)
                    if picture is None:
                        raise DamageError(f"{file_name} is missing")
                    found.append(picture)
                return found

            yield read

    def room(self, num_images: int, bytes_per_image: int) -> Room:
        """An inode a shard; label rows are once more in there."""
        per_shard = Plan(self.names.num_examples).examples_per_shard
        num_bytes = num_images * (bytes_per_image + ROW_BYTES) if bytes_per_image else 0
        return Room(-(-num_images // per_shard), num_bytes)

    def _write(self, shard: Shard, file: SummedFile, rows: pa.Table, waiting: Waiting) -> None:
        schema, scratch = with_image(rows.schema), Scratch()
        with parquet_writer(file, schema) as writer:
            for piece in pieces(rows):
                names = self.names.of(shard, piece["example_index"].to_numpy())
                image = image_array(names, waiting.take(names), scratch)
                group = pa.Table.from_arrays([image, *piece.columns], schema=schema)
                # All of it is in the file when this returns: the scratch may be used again.
                writer.write_table(group, row_group_size=group.num_rows)


def with_image(columns: pa.Schema) -> pa.Schema:
    """Columns of label rows, with those of pictures before them."""
    metadata = {"huggingface": json.dumps(HUGGING_FACE)}
    return pa.schema([IMAGE, *columns], metadata=metadata)


def image_array(
    names: Sequence[bytes], data: Sequence[FileBytes], scratch: Scratch
) -> pa.StructArray:
    """Encoded pictures and their names as the column ``image``.

    The pictures are in the memory that ``scratch`` has.
    """
    ends = seams(np.array([len(each) for each in data], np.int64))
    pictures = memoryview(scratch.take(int(ends[-1])))
    for start, picture in zip(ends.tolist(), data, strict=False):
        pictures[start : start + len(picture)] = picture
    paths = b"".join(names), seams(np.array([len(name) for name in names], np.int64))
    return pa.StructArray.from_arrays(
        [
            pa.BinaryArray.from_buffers(pa.binary(), len(data), _buffers(pictures, ends)),
            pa.StringArray.from_buffers(len(names), *_buffers(*paths)[1:]),
        ],
        fields=list(IMAGE.type),
    )


def _buffers(values: FileBytes, ends: Ints) -> list[pa.Buffer | None]:
    """Arrow's buffers of a column without gaps: which are null, the seams, all bytes."""
    return [None, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(values)]


@contextmanager
def parquet_writer(file: SummedFile, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """Lend a writer of pictures and label rows; it is closed at the end, whatever happens."""
    compression = dict.fromkeys(schema.names, "snappy") | {
        # JPEG and PNG are compressed.
        "image.bytes": "none",
        "image.path": "snappy",
    }
    writer = pq.ParquetWriter(
        pa.PythonFile(file, "w"),
        schema,
        compression=compression,
        use_dictionary=False,
        write_statistics=False,
        store_schema=False,
        write_batch_size=PAGE_ROWS,
        data_page_size=PAGE_BYTES,
    )
    # Without Arrow's own description of the schema its metadata would not be written either.
    writer.add_key_value_metadata(schema.metadata)
    try:
        yield writer
    except BaseException:
        file.is_given_up = True
        # Left to the garbage collector, it would complain that it cannot write any more.
        with suppress(pa.ArrowException, OSError):
            writer.close()
        raise
    writer.close()


class _Reader:
    """Reads pictures from one file, held open by whoever made this."""

    def __init__(self, file: pa.NativeFile) -> None:
        # Not read ahead: a forked child has none of the threads that would do so.
        self._file = pq.ParquetFile(file, pre_buffer=False)
        columns = self._file.read(columns=["example_index"], use_threads=False)
        self._examples = columns["example_index"].to_numpy()
        metadata = self._file.metadata
        groups = range(metadata.num_row_groups)
        self._starts = [0, *accumulate(metadata.row_group(group).num_rows for group in groups)]
        self._held: OrderedDict[int, pa.Array] = OrderedDict()
        """Pictures of row groups, those used longest ago first."""

    def read(self, example: int | None) -> bytes | None:
        """The picture of an example; None where it has none."""
        if example is None:
            return None
        row = int(np.searchsorted(self._examples, example))
        if row == len(self._examples) or self._examples[row] != example:
            return None
        group = bisect_right(self._starts, row) - 1
        picture: bytes = self._pictures(group)[row - self._starts[group]].as_py()
        return picture

    def _pictures(self, group: int) -> pa.Array:
        pictures = self._held.pop(group, None)
        if pictures is None:
            while len(self._held) >= HELD_GROUPS:
                self._held.popitem(last=False)
            table = self._file.read_row_group(group, columns=["image.bytes"], use_threads=False)
            pictures = table["image"].combine_chunks().field("bytes")
        self._held[group] = pictures
        return pictures


@contextmanager
def _damage_of(target: str) -> Iterator[None]:
    # A flipped bit in names or numbers of columns meets Python before it meets Arrow.
    try:
        yield
    except (pa.ArrowException, OSError, LookupError, UnicodeDecodeError) as error:
        first_line = (str(error).splitlines() or [""])[0]
        raise DamageError(f"{target} is damaged ({first_line})") from error
