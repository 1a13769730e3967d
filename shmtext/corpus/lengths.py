"""Texts of some lengths: those that are shorter or longer are left out, and counted.

Lengths are in code points, as trainers count the characters of a label; where ``wrap.py`` cuts
lines, letters and their marks count as one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ragged import TextChunk
from shmtext.corpus.ranges import Ints, seams


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many code points a text may have, both included; None: any number."""

    at_least: int | None
    at_most: int | None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many texts were left out."""

    num_shorter: int
    num_longer: int


def num_code_points(chunk: TextChunk) -> Ints:
    """Of each text, shape ``(num_texts,)``."""
    if chunk.values.size == 0 or int(chunk.values.max()) < 0x80:
        return chunk.lengths_bytes.astype(np.int64)
    return np.diff(seams((chunk.values & 0xC0) != 0x80)[seams(chunk.lengths_bytes)])


def within(chunk: TextChunk, bounds: Bounds) -> tuple[TextChunk, LeftOut]:
    """The texts within bounds, and how many others there are."""
    counts = num_code_points(chunk)
    is_short = counts < (bounds.at_least or 0)
    is_long = counts > (counts.max(initial=0) if bounds.at_most is None else bounds.at_most)
    left_out = LeftOut(int(np.count_nonzero(is_short)), int(np.count_nonzero(is_long)))
    return _kept(chunk, ~(is_short | is_long)), left_out


def _kept(chunk: TextChunk, is_kept: NDArray[np.bool_]) -> TextChunk:
    if is_kept.all():
        return chunk
    return TextChunk(
        chunk.values[np.repeat(is_kept, chunk.lengths_bytes)], chunk.lengths_bytes[is_kept]
    )
