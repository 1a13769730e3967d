"""Tables of a font as bytes, and the few numbers in them that many ask for.

What fontTools makes of a font is here, too, for what is rare or intricate: it takes some
milliseconds a font, of which the bytes need a tenth. Whole font files are ``stored.py``'s.
"""

from __future__ import annotations

import io
import logging
import struct
from functools import cached_property
from typing import Any

import numpy as np

from shmtext.corpus.ranges import Ints
from shmtext.draw.stored import start_of

DAMAGED = (ValueError, IndexError, struct.error)
"""What reading damaged tables from bytes raises, wherever that is."""

_DIRECTORY_BYTES, _ENTRY_BYTES = 12, 16
"""Of a font's table directory without its entries, and of each table's entry."""


def table_directory(data: bytes, number: int) -> tuple[dict[bytes, int], dict[bytes, slice]]:
    """Where each table's entry is in the directory of a font's file, and where the table is.

    ``number`` is the font's place in a collection. Raises ``struct.error`` where it is cut short.
    (OpenType 1.9.1, "Organization of an OpenType font".)
    """
    start = start_of(data, number)
    (num_tables,) = struct.unpack_from(">H", data, start + 4)
    entry_at, place = {}, {}
    for entry in range(num_tables):
        at = start + _DIRECTORY_BYTES + _ENTRY_BYTES * entry
        tag, _, *place_of_table = struct.unpack_from(">4sIII", data, at)
        entry_at[tag], place[tag] = at, slice(place_of_table[0], sum(place_of_table))
    return entry_at, place


class DamagedTableError(ValueError):
    """A table says what can't be, and it is told in words."""


class FontTables:
    """A font in a file's bytes. Has the tables by their tags, ``KeyError`` for those not there.

    Its numbers raise ``struct.error`` where a table is cut short.
    (OpenType 1.9.1: "head", "maxp", "loca".)
    """

    def __init__(self, data: bytes, number: int = 0) -> None:
        """``number`` and errors are those of ``table_directory``."""
        self._data, self._number = data, number
        _, places = table_directory(data, number)
        self._place = {tag.decode("latin-1"): place for tag, place in places.items()}

    def __contains__(self, tag: str) -> bool:
        return tag in self._place

    def __getitem__(self, tag: str) -> memoryview:
        return memoryview(self._data)[self._place[tag]]

    @property
    def tags(self) -> set[str]:
        """All tables'."""
        return set(self._place)

    @property
    def end(self) -> int:
        """Where the last table ends in the file."""
        return max((place.stop for place in self._place.values()), default=0)

    @property
    def num_glyphs(self) -> int:
        """Number of glyphs that the font says it has."""
        return self._number_at("maxp", ">H", 4)

    @property
    def units_per_em(self) -> int:
        """Font units of an em."""
        return self._number_at("head", ">H", 18)

    @property
    def y_min(self) -> int:
        """Lowest point of any glyph, in font units."""
        return self._number_at("head", ">h", 38)

    @property
    def y_max(self) -> int:
        """Highest point of any glyph, in font units."""
        return self._number_at("head", ">h", 42)

    @cached_property
    def glyph_places(self) -> Ints:
        """Where each TrueType glyph begins in ``glyf``, and behind them where the last one ends."""
        # Short places are halved.
        factor, kind = (1, ">u4") if self._number_at("head", ">h", 50) else (2, ">u2")
        loca = self["loca"]
        num = len(loca) // np.dtype(kind).itemsize
        return factor * np.frombuffer(loca, kind, num).astype(np.int64)

    @cached_property
    def parsed(self) -> Any:
        """The font as fontTools reads it, a ``TTFont``; each table when it is asked for."""
        from fontTools.ttLib import TTFont  # noqa: PLC0415 - 60 ms, and few fonts need it

        # What it says of tables is for font makers; drawing decides here.
        logging.getLogger("fontTools").setLevel(logging.CRITICAL)
        return TTFont(io.BytesIO(self._data), lazy=True, fontNumber=self._number)

    def _number_at(self, tag: str, kind: str, at: int) -> int:
        (number,) = struct.unpack_from(kind, self[tag], at)
        return int(number)
