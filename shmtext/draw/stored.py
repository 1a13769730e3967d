"""Where a font is: which one of a file's, and how to come to its bytes.

Files of web fonts (WOFF, WOFF2) are unpacked by fontTools, into memory; whoever holds that is
``made_fonts.py``.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

COLLECTION = b"ttcf"
WEB_FONTS = {b"wOFF": "WOFF", b"wOF2": "WOFF2"}
"""How files begin of which fonts have to be unpacked, and what they are called."""

HEADS = b"\0\1\0\0", b"OTTO", b"true", COLLECTION, *WEB_FONTS
"""How files begin that hold fonts with outlines."""

_NUM_FONTS_AT, _STARTS_AT = 8, 12
"""In a collection's header: how many fonts it has, and where each begins."""


@dataclass(frozen=True, slots=True)
class StoredFont:
    """A font in a file. Small, and holds no handle."""

    path: str
    sha256: str
    """Of the file's content, hexadecimal."""
    number: int = 0
    """Place in a collection, from 0: Pillow's ``index``."""
    is_packed: bool = False
    """Whether the file is a web font's, to be unpacked first."""


def num_fonts(head: bytes) -> int:
    """How many fonts a file that begins with ``head`` says it has; 0 if that says nothing.

    >>> num_fonts(b"OTTO"), num_fonts(b"ttcf" + bytes(7) + bytes([3]))
    (1, 3)
    """
    if head[:4] != COLLECTION:
        return 1
    if len(head) < _STARTS_AT:
        return 0
    return int(struct.unpack_from(">I", head, _NUM_FONTS_AT)[0])


def start_of(data: bytes | bytearray, number: int) -> int:
    """Where the font ``number`` of a file begins. Raises ``struct.error`` if it is cut short."""
    if data[:4] != COLLECTION:
        return 0
    return int(struct.unpack_from(">I", data, _STARTS_AT + 4 * number)[0])


def unpacked(data: bytes) -> bytes:
    """Return a web font's file as one of TrueType or OpenType, its tables as they are.

    Raises ``ImportError`` where WOFF2's library, Brotli, is missing, and for damaged files whatever
    parsers run into.
    """
    from fontTools.ttLib import TTFont  # noqa: PLC0415 - 60 ms, and few fonts are packed

    file = io.BytesIO()
    # Nothing is computed anew: the same file comes to the same bytes whenever it is unpacked.
    with TTFont(io.BytesIO(data), recalcBBoxes=False, recalcTimestamp=False) as font:
        font.flavor = None
        font.save(file, reorderTables=False)
    return file.getvalue()
