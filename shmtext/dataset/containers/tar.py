"""The container ``tar``: a shard, a tar file, as webdataset and its like read them.

A sample is two members side by side, ``000420007.jpg`` and ``000420007.txt``, the text in UTF-8
without a newline; ``tar+json`` adds ``000420007.json``, the label row. Members are in the format
ustar (POSIX.1-1988), without owners or times: the same rows come to the same bytes. Headers are
made for a thousand samples at once: by ``tarfile``, one at a time, they cost ten times as much as
all else that is done to store a picture.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shmtext.corpus.ragged import RaggedTexts, pack_texts
from shmtext.corpus.ranges import Ints, seams, spell_out
from shmtext.dataset.columns import texts_of
from shmtext.dataset.containers.base import PictureReader, Room
from shmtext.dataset.containers.names import PictureNames
from shmtext.dataset.containers.one_file import (
    OneFile,
    Scratch,
    Waiting,
    cuts,
    pread_all,
    readable_file,
)
from shmtext.dataset.folder import FileBytes, OutputFolder
from shmtext.dataset.plan import Shard
from shmtext.dataset.summed import SummedFile
from shmtext.errors import DamageError

BLOCK_BYTES = 512
"""Of which a tar file is made: a header is one, data ends with zeros that fill the last."""
END = bytes(2 * BLOCK_BYTES)
SIZE_AT, CHECKSUM_AT = 124, 148
"""Places in a header: eleven octal digits, and six."""
_TEXT_BYTES, _JSON_BYTES = 64, 500
"""Guesses at what a text takes, and a label row."""


def _header() -> NDArray[np.uint8]:
    """A member's header without name, size and checksum; the latter's place holds spaces."""
    header = bytearray(BLOCK_BYTES)
    header[100:108] = b"0000644\0"  # mode
    header[108:124] = b"0000000\0" * 2  # user, group
    header[136:148] = b"00000000000\0"  # time
    header[CHECKSUM_AT : CHECKSUM_AT + 8] = b" " * 8
    header[156:157] = b"0"  # a regular file
    header[257:265] = b"ustar\x0000"
    return np.frombuffer(bytes(header), np.uint8)


_HEADER = _header()


@dataclass(frozen=True, slots=True)
class Tar(OneFile):
    """A tar file a shard.

    >>> Tar(PictureNames(2_000_000, "png")).shard_path(Shard(42, 420_000, 430_000))
    'images/00042.tar'
    """

    suffix: ClassVar[str] = "tar"
    with_json: bool = False
    """Label rows are in there, too."""

    @property
    def name(self) -> str:
        """By which it is chosen."""
        return "tar+json" if self.with_json else "tar"

    @contextmanager
    def opened(self, folder: OutputFolder, shard: Shard) -> Iterator[PictureReader]:
        """Hold the file open, and know where its pictures are."""
        target = self.shard_path(shard)
        with readable_file(folder, target) as (fd, _):
            with _damage_of(target), folder.errors_of("read", target):
                places = _Places.read(fd, self.names)

            def read(file_names: Sequence[str]) -> list[bytes]:
                found = []
                for file_name in file_names:
                    place = places.find(self.names.example(file_name.removeprefix(f"{target}/")))
                    if place is None:
                        raise DamageError(f"{file_name} is missing")
                    with _damage_of(target), folder.errors_of("read", file_name):
                        found.append(pread_all(fd, place[1], place[0]))
                return found

            yield read

    def room(self, num_images: int, bytes_per_image: int) -> Room:
        """An inode a shard; headers and whole blocks for pictures and what is said of them."""
        num_shards = self.num_files(num_images)
        members = [bytes_per_image, _TEXT_BYTES, *([_JSON_BYTES] if self.with_json else [])]
        sample = sum(BLOCK_BYTES + _padded(num_bytes) for num_bytes in members)
        num_bytes = num_images * sample + num_shards * len(END) if bytes_per_image else 0
        return Room(num_shards, num_bytes)

    def write(self, shard: Shard, file: SummedFile, rows: pa.Table, waiting: Waiting) -> None:
        """Write samples, some megabytes at a time."""
        example_index = rows["example_index"].to_numpy()
        texts = {"txt": texts_of(rows["text"])}
        if self.with_json:
            texts["json"] = _json_of(rows)
        beside = [replace(self.names, extension=extension) for extension in texts]
        names = [each.of(shard, example_index) for each in (self.names, *beside)]
        scratch = Scratch()
        for start, stop in cuts(rows["num_bytes"].to_numpy()):
            of_piece = [each[start:stop] for each in names]
            data = waiting.take(of_piece[0])
            said = [each.slice(start, stop) for each in texts.values()]
            file.write(sample_blocks(of_piece, data, said, scratch))
        file.write(END)


def sample_blocks(
    names: Sequence[Sequence[bytes]],
    data: Sequence[FileBytes],
    texts: Sequence[RaggedTexts],
    scratch: Scratch,
) -> NDArray[np.uint8]:
    """The blocks of samples: of each the picture ``data``, then its text in each of ``texts``.

    ``names`` are those of pictures, then those of each of ``texts``. Returns a flat array of the
    memory that ``scratch`` has.
    """
    of_texts = [np.diff(each.offsets) for each in texts]
    num_bytes = np.column_stack([np.array([len(each) for each in data], np.int64), *of_texts])
    headers_at = seams(1 - (-num_bytes.ravel() // BLOCK_BYTES))
    flat = scratch.take(int(headers_at[-1]) * BLOCK_BYTES)
    blocks = flat.reshape(-1, BLOCK_BYTES)
    # But for the ends of data every byte is written.
    blocks[headers_at[1:] - 1] = 0
    _write_headers(blocks, headers_at[:-1], names, num_bytes)
    begin = (headers_at[:-1].reshape(num_bytes.shape) + 1) * BLOCK_BYTES
    view = memoryview(flat)
    for start, picture in zip(begin[:, 0].tolist(), data, strict=True):
        view[start : start + len(picture)] = picture
    for kind, each in enumerate(texts, start=1):
        flat[spell_out(begin[:, kind], num_bytes[:, kind])] = each.values
    return flat


def _write_headers(
    blocks: NDArray[np.uint8], at: Ints, names: Sequence[Sequence[bytes]], num_bytes: Ints
) -> None:
    """Write the headers of members, whose blocks are ``at``, in the order of the file."""
    blocks[at] = _HEADER
    of_samples = at.reshape(num_bytes.shape)
    # The sum of a header's bytes: of those that are alike, then of those that are not.
    checksums = np.full(num_bytes.shape, _HEADER.sum(dtype=np.int64))
    for kind, each in enumerate(names):
        joined = np.frombuffer(b"".join(each), np.uint8).reshape(len(each), -1)
        blocks[of_samples[:, kind], : joined.shape[1]] = joined
        checksums[:, kind] += joined.sum(axis=1, dtype=np.int64)
    sizes = _octal(num_bytes, 11)
    blocks[of_samples, SIZE_AT : SIZE_AT + 11] = sizes
    checksums += sizes.sum(axis=-1, dtype=np.int64)
    blocks[of_samples, CHECKSUM_AT : CHECKSUM_AT + 6] = _octal(checksums, 6)
    blocks[of_samples, CHECKSUM_AT + 6] = 0  # a space stays behind it


def _octal(numbers: Ints, num_digits: int) -> NDArray[np.uint8]:
    """Numbers as so many octal digits each, along a last axis."""
    digits = np.empty((*numbers.shape, num_digits), np.uint8)
    for digit in range(num_digits):
        digits[..., digit] = (numbers >> 3 * (num_digits - 1 - digit) & 7) + ord("0")
    return digits


def _json_of(rows: pa.Table) -> RaggedTexts:
    return pack_texts(
        json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows.to_pylist()
    )


def _padded(num_bytes: int) -> int:
    return -(-num_bytes // BLOCK_BYTES) * BLOCK_BYTES


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Where pictures lie in a shard's file: of each, in order, its example, its first byte, its
    size. Arrays, as 64 shards may be open.
    """

    examples: array[int]
    begins: array[int]
    sizes: array[int]

    @classmethod
    def read(cls, fd: int, names: PictureNames) -> Self:
        """Go from header to header. Raises ``ValueError`` where none is."""
        places = cls(array("q"), array("q"), array("q"))
        at = 0
        while True:
            header = pread_all(fd, BLOCK_BYTES, at)
            name = header[:100].rstrip(b"\0").decode()
            if not name:
                return places
            num_bytes = int(header[SIZE_AT : SIZE_AT + 11], 8)
            if num_bytes < 0:  # would lead back, and round and round
                raise ValueError(name)
            at += BLOCK_BYTES
            example = names.example(name)
            if example is not None:
                places.examples.append(example)
                places.begins.append(at)
                places.sizes.append(num_bytes)
            at += _padded(num_bytes)

    def find(self, example: int | None) -> tuple[int, int] | None:
        """First byte and size of an example's picture; None where it has none."""
        if example is None:
            return None
        at = bisect_left(self.examples, example)
        if at == len(self.examples) or self.examples[at] != example:
            return None
        return self.begins[at], self.sizes[at]


@contextmanager
def _damage_of(target: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, EOFError) as error:
        raise DamageError(f"{target} is damaged: no tar file, or not all of it") from error
