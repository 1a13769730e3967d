"""Many texts in two flat arrays, laid out like Arrow's variable-size binary.

``values`` holds the UTF-8 of every text end to end; ``offsets`` marks the seams, so text ``i``
is ``values[offsets[i]:offsets[i + 1]]``:

    texts    "ab"  ""  "ß"
    values   61 62 C3 9F            uint8, (num_bytes,)
    offsets  0  2  2  4             int64, (num_texts + 1,)

Two arrays in place of a million objects are what lets a corpus live in one shared segment.
This module knows nothing of files, processes or shared memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import seams, spell_out
from shmtext.errors import InputError

_TAKEN_TEXTS = 2**16
"""In one chunk of texts that are taken out of others."""


@dataclass(frozen=True, slots=True, eq=False)
class RaggedTexts:
    """Read-only view of ``num_texts`` UTF-8 strings.

    >>> texts = pack_texts(["ab", "", "ß"])
    >>> len(texts), texts[2], texts.offsets.tolist()
    (3, 'ß', [0, 2, 2, 4])
    """

    values: NDArray[np.uint8]
    """UTF-8 of all texts, shape ``(num_bytes,)``."""

    offsets: NDArray[np.int64]
    """Seams between texts, non-decreasing, shape ``(num_texts + 1,)``."""

    def __post_init__(self) -> None:
        # Only the ends: a full scan of the seams would touch every page of a segment that each
        # worker is meant to open for free.
        if self.offsets.size == 0:
            raise InputError("offsets must hold at least one seam, got none")
        first, last = int(self.offsets[0]), int(self.offsets[-1])
        if (first, last) != (0, self.values.size):
            raise InputError(
                f"offsets must run from 0 to {self.values.size} (the size of values), "
                f"got {first} to {last}"
            )

    def __len__(self) -> int:
        return self.offsets.size - 1

    def __getitem__(self, index: int) -> str:
        return bytes(self.values[self.offsets[index] : self.offsets[index + 1]]).decode()

    def __iter__(self) -> Iterator[str]:
        return (self[index] for index in range(len(self)))

    @property
    def num_bytes(self) -> int:
        """Bytes of both arrays together."""
        return self.values.nbytes + self.offsets.nbytes

    def slice(self, start: int, stop: int) -> RaggedTexts:
        """Texts ``[start, stop)``: values are a view, only the few seams are copied.

        >>> list(pack_texts(["a", "bc", "d"]).slice(1, 3))
        ['bc', 'd']
        """
        offsets = self.offsets[start : stop + 1]
        values = self.values[offsets[0] : offsets[-1]]
        return RaggedTexts(values, offsets - offsets[0])

    def take(self, rows: NDArray[np.int64]) -> RaggedTexts:
        """Return the texts ``rows``, in that order; no copy where they are all there are.

        >>> list(pack_texts(["a", "bc", "d"]).take(np.array([2, 1])))
        ['d', 'bc']
        """
        if rows.size == len(self) and np.array_equal(rows, np.arange(rows.size)):
            return self
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        values = self.values[spell_out(starts, lengths)]
        return RaggedTexts(values, seams(lengths))

    def strings(self) -> list[str]:
        """All texts, decoded at once: a tenth of the time that one after the other takes.

        >>> pack_texts(["aß", "", "b"]).strings()
        ['aß', '', 'b']
        """
        decoded = bytes(self.values).decode()
        offsets = self.offsets
        if len(decoded) < self.values.size:
            offsets = seams((self.values & 0xC0) != 0x80)[offsets]
        return [decoded[start:stop] for start, stop in pairwise(offsets.tolist())]


@dataclass(frozen=True, slots=True, eq=False)
class TextChunk:
    """Some texts on their way into a corpus: the values, and each text's length."""

    values: NDArray[np.uint8]
    """UTF-8 of the texts end to end, shape ``(num_bytes,)``."""

    lengths_bytes: NDArray[np.int32]
    """Bytes of each text, shape ``(num_texts,)``; half the memory of seams while in transit."""


def pack_texts(texts: Iterable[str]) -> RaggedTexts:
    """Lay a few Python strings out as arrays; for tests and small inputs."""
    encoded = [text.encode() for text in texts]
    values = np.frombuffer(b"".join(encoded), np.uint8)
    return RaggedTexts(values, seams(np.array([len(text) for text in encoded], np.int64)))


def code_points(texts: RaggedTexts) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Decode all texts at once: code points end to end, and the seams between texts.

    >>> codes, text_seams = code_points(pack_texts(["aß", "b"]))
    >>> codes.tolist(), text_seams.tolist()
    ([97, 223, 98], [0, 2, 3])
    """
    if texts.values.size == 0 or int(texts.values.max()) < 0x80:
        return texts.values.astype(np.uint32), texts.offsets
    decoded = bytes(texts.values).decode().encode("utf-32-le")
    is_first_byte = (texts.values & 0xC0) != 0x80
    return np.frombuffer(decoded, np.uint32), seams(is_first_byte)[texts.offsets]


def gather_chunks(chunks: Iterable[TextChunk]) -> RaggedTexts:
    """Collect a stream of chunks into private, read-only arrays."""
    held = list(chunks)
    values = np.concatenate([np.empty(0, np.uint8), *(chunk.values for chunk in held)])
    lengths = [chunk.lengths_bytes for chunk in held]
    offsets = np.concatenate([np.zeros(1, np.int64), *lengths])
    np.cumsum(offsets, out=offsets)
    values.flags.writeable = offsets.flags.writeable = False
    return RaggedTexts(values, offsets)


def take_in_chunks(texts: RaggedTexts, rows: NDArray[np.int64]) -> Iterator[TextChunk]:
    """The texts ``rows``, in that order, some at a time: taking them needs eight times their room.

    >>> list(gather_chunks(take_in_chunks(pack_texts(["a", "bc"]), np.array([1, 1, 0]))))
    ['bc', 'bc', 'a']
    """
    for start in range(0, rows.size, _TAKEN_TEXTS):
        some = texts.take(rows[start : start + _TAKEN_TEXTS])
        yield TextChunk(some.values, np.diff(some.offsets).astype(np.int32))


def take_texts(chunks: Iterable[TextChunk], num_texts: int | None) -> Iterator[TextChunk]:
    """Pass on the first ``num_texts`` texts, and ask for no chunk beyond them.

    >>> chunks = [TextChunk(np.frombuffer(b"abc", np.uint8), np.array([1, 2], np.int32))]
    >>> list(gather_chunks(take_texts(chunks, 1)))
    ['a']
    """
    if num_texts is None:
        yield from chunks
        return
    left = num_texts
    for chunk in chunks if left > 0 else ():
        if chunk.lengths_bytes.size >= left:
            lengths = chunk.lengths_bytes[:left]
            yield TextChunk(chunk.values[: int(lengths.sum())], lengths)
            return
        left -= chunk.lengths_bytes.size
        yield chunk
