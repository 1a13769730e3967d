"""A font's ``kern`` table read as arrays: pairs of glyphs, and how much nearer they come.

What Pillow makes of it in layout ``basic`` is in ``kerning.py``, what HarfBuzz does in ``shape/``.
Names are those of the OpenType specification; only subtables of form 0 have pairs to read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from shmtext.corpus.ranges import Ints

HORIZONTAL = 1
"""Coverage of pairs, form 0, that are kerned along a horizontal line and no more than that."""

MOST_PAIRS = 10_920
"""More don't fit the 16 bits of a subtable's length."""

HEADER_BYTES, SUBTABLE_HEADER_BYTES, PAIR_BYTES = 4, 14, 6


@dataclass(frozen=True, slots=True, eq=False)
class Subtable:
    """One list of pairs."""

    coverage: int
    """What is kerned, in the low byte; the subtable's form in the high one."""
    pairs: Ints
    """Left glyph, right glyph and value in font units, ``(num_pairs, 3)``; none of other forms."""
    num_in_length: int
    """Pairs that FreeType reads: a length of 16 bits says less than there are beyond 10,920."""
    is_sound: bool
    """Whether the pairs ascend and are as many as the length says."""

    @property
    def has_pairs(self) -> bool:
        """Whether it is of the form that has pairs."""
        return self.coverage >> 8 == 0


def read_kern(table: bytes | memoryview) -> list[Subtable]:
    """Read all subtables; an empty table has none.

    Raises ``ValueError`` or ``struct.error`` for what is damaged or of another version than 0.
    """
    if not table:
        return []
    version, num_subtables = struct.unpack_from(">2H", table)
    if version != 0:
        raise ValueError("a kern table of another version")
    found: list[Subtable] = []
    at = HEADER_BYTES
    for last in reversed(range(num_subtables)):
        _, length, coverage, num_pairs = struct.unpack_from(">4H", table, at)
        if last and length < SUBTABLE_HEADER_BYTES:
            raise ValueError("a kern subtable without an end")
        # The last one's length may be too large for its 16 bits.
        end = min(at + length, len(table)) if last else len(table)
        there = min(num_pairs, (end - at - SUBTABLE_HEADER_BYTES) // PAIR_BYTES)
        if coverage >> 8 != 0:
            there = 0
        raw = np.frombuffer(table, ">u2", 3 * there, at + SUBTABLE_HEADER_BYTES)
        pairs = raw.astype(np.int64).reshape(-1, 3)
        is_sound = (
            there == num_pairs
            and (not last or num_pairs <= MOST_PAIRS)
            and length == (SUBTABLE_HEADER_BYTES + PAIR_BYTES * num_pairs) % (1 << 16)
            and bool((np.diff(pairs[:, 0] << 16 | pairs[:, 1]) > 0).all())
        )
        pairs[:, 2] -= pairs[:, 2] >> 15 << 16
        num_in_length = min(there, max(length - SUBTABLE_HEADER_BYTES, 0) // PAIR_BYTES)
        found.append(Subtable(coverage, pairs, num_in_length, is_sound))
        at += length
    return found
