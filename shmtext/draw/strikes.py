"""Bitmaps that a font has for some sizes: their advances taken away.

FreeType draws such a bitmap where there is one for the size, and its advance is the bitmap's own,
not that of ``hmtx``. Names are those of the OpenType specification ("EBLC", "EBDT"); Apple's
``bloc`` and ``bdat`` are laid out alike.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from shmtext.corpus.ranges import Ints

TABLES = ((b"EBLC", b"EBDT"), (b"bloc", b"bdat"))
"""Where bitmaps are, and the bitmaps."""

MOST_BITMAPS = 1 << 22
"""Of a font: 64 sizes of all glyphs that one can have."""

_HEADER_BYTES, _SIZE_BYTES = 8, 48
_ADVANCE = 4
"""Of a bitmap's metrics, the small and the big ones: the byte with the advance."""


def without_advances(font: bytearray, place: dict[bytes, slice]) -> None:
    """Set the advances of all bitmaps of a font to 0, given where its tables are.

    Raises one of ``DAMAGED`` for tables that can't be read.
    """
    data = np.frombuffer(font, np.uint8)
    for location, bitmaps in TABLES:
        if location in place and bitmaps in place:
            num_left = MOST_BITMAPS
            for subtable, first, last in _subtables(font, place[location].start):
                num_left -= max(last - first, 0) + 1
                if num_left < 0:
                    raise ValueError("more bitmaps than a font has glyphs")
                at = _metrics(font, subtable, last - first + 1)
                # Those of a form whose bitmaps have no metrics stand here, once for all.
                at = np.array([subtable + 12]) if at is None else at + place[bitmaps].start
                data[at + _ADVANCE] = 0


def _subtables(font: bytearray, table: int) -> Iterator[tuple[int, int, int]]:
    """Where each IndexSubTable is, with its first and last glyph."""
    (num_sizes,) = struct.unpack_from(">I", font, table + 4)
    for number in range(num_sizes):
        size = table + _HEADER_BYTES + _SIZE_BYTES * number
        array, _, num_subtables = struct.unpack_from(">3I", font, size)
        for entry in range(num_subtables):
            at = table + array
            first, last, offset = struct.unpack_from(">HHI", font, at + 8 * entry)
            yield at + offset, first, last


def _metrics(font: bytearray, subtable: int, num_glyphs: int) -> Ints | None:
    """Where in the bitmaps' table each one's metrics are; None if they share their subtable's."""
    form, image_form, start = struct.unpack_from(">HHI", font, subtable)
    if image_form == 5:
        return None
    if form in (1, 3):
        offsets = np.frombuffer(font, ">u4" if form == 1 else ">u2", num_glyphs + 1, subtable + 8)
    elif form == 4:
        (count,) = struct.unpack_from(">I", font, subtable + 8)
        offsets = np.frombuffer(font, ">u2", 2 * (count + 1), subtable + 12)[1::2]
    else:
        (size,) = struct.unpack_from(">I", font, subtable + 8)
        if form == 5:
            (num_glyphs,) = struct.unpack_from(">I", font, subtable + 20)
        offsets = np.arange(num_glyphs + 1, dtype=np.int64) * size
    places: Ints = start + offsets.astype(np.int64)
    # A glyph without a bitmap takes no room.
    return places[:-1][np.diff(places) > 0]
