"""A font whose glyphs can be asked for by number, made from any other.

Pillow draws characters, not glyphs. To the font's character map one group is added: U+F0000 plus a
glyph's number stands for that glyph. What was mapped before stays, as FreeType's auto-hinter hints
a glyph by it. And no glyph has an advance, so that Pillow's mask of one has the size of its control
box, not wider: advances are ``shape``'s business. Both leave a glyph's pixels as they are, which a
test holds over every font that is installed. At any place on a font's axes that is so, too.

Tables are copied as bytes, never parsed: parsing takes seconds for a large font (OpenType 1.9.1:
"Organization of an OpenType font", "cmap", "hmtx"). What is drawn with it is ``glyphs.py``'s.
"""

from __future__ import annotations

import struct
from contextlib import suppress

import numpy as np
import uharfbuzz
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints
from shmtext.draw.strikes import without_advances
from shmtext.draw.tables import DAMAGED, table_directory
from shmtext.draw.variations import with_finer_axes, without_deltas

FIRST_CODE_POINT = 0xF0000
"""Of glyph 0: a private plane, which no script of the auto-hinter's is in."""

_VARIED_ADVANCES = b"HVAR"
"""How advances vary with a font's axes: not at all, or glyphs have advances again. Without the
table FreeType would find in the outlines' own deltas how they vary."""


def glyph_font(data: bytes, number: int = 0, shift_em: int = 0) -> bytearray:
    """Make the font from a font's file; of a collection, from its font ``number``, which it stays.

    In TrueType fonts, and no others, outlines are moved to the right by ``shift_em``: by as many
    pixels as the font's size, which leaves them as they are on the grid. Raises ``ValueError``,
    ``KeyError`` or ``struct.error`` for what is no such file.
    """
    entry_at, place = table_directory(data, number)
    (units_per_em,) = struct.unpack_from(">H", data, place[b"head"].start + 18)
    metrics = data[place[b"hhea"]], data[place[b"hmtx"]]
    hhea, hmtx = _without_advances(*metrics, shift_em * units_per_em)
    made = bytearray(data)
    # What is damaged there is no bitmap to FreeType, either.
    with suppress(*DAMAGED):
        without_advances(made, place)
    tables = [(b"cmap", _character_map(data, number)), (b"hhea", hhea), (b"hmtx", hmtx)]
    if _VARIED_ADVANCES in entry_at and b"fvar" in place:
        (num_axes,) = struct.unpack_from(">H", data, place[b"fvar"].start + 8)
        tables.append((_VARIED_ADVANCES, without_deltas(num_axes)))
    for tag, table in tables:
        made += bytes(-len(made) % 4)
        # Checksums are read by nobody.
        struct.pack_into(">4sIII", made, entry_at[tag], tag, 0, len(made), len(table))
        made += table
    return made


def finer_font(data: bytes, number: int = 0) -> bytearray:
    """Return a variable font with axes that can be set to parts of a unit: see ``parts_of``.

    Raises as ``glyph_font`` does.
    """
    made = bytearray(data)
    with_finer_axes(made, table_directory(data, number)[1][b"fvar"])
    return made


def _character_map(data: bytes, number: int) -> bytes:
    """A ``cmap`` of one table, format 12: what was mapped before, and glyphs by number."""
    face = uharfbuzz.Face(data, number)
    font = uharfbuzz.Font(face)
    mapped = np.fromiter(face.unicodes, np.int64)
    mapped = mapped[mapped < FIRST_CODE_POINT]
    glyphs = np.array([font.get_nominal_glyph(each) or 0 for each in mapped.tolist()], np.int64)
    groups = _groups(mapped, glyphs)
    by_number = np.array([[FIRST_CODE_POINT, FIRST_CODE_POINT + face.glyph_count - 1, 0]])
    groups = np.concatenate([groups, by_number]).astype(">u4")
    table = struct.pack(">HHIII", 12, 0, 16 + 12 * len(groups), 0, len(groups)) + groups.tobytes()
    return struct.pack(">HHHHI", 0, 1, 3, 10, 12) + table


def _groups(characters: Ints, glyphs: Ints) -> Ints:
    """First and last character and first glyph of each stretch in which both count up."""
    if characters.size == 0:
        return np.empty((0, 3), np.int64)
    is_first = np.append(True, (np.diff(characters) != 1) | (np.diff(glyphs) != 1))
    first = np.flatnonzero(is_first)
    last = np.append(first[1:], characters.size) - 1
    return np.column_stack([characters[first], characters[last], glyphs[first]])


def _without_advances(hhea: bytes, hmtx: bytes, shift: int) -> tuple[bytes, bytes]:
    """Both tables with one advance for all glyphs, 0, and bearings larger by ``shift``."""
    (num_advances,) = struct.unpack_from(">H", hhea, 34)
    numbers: NDArray[np.int16] = np.frombuffer(hmtx[: len(hmtx) // 2 * 2], ">i2")
    if num_advances == 0:
        numbers = numbers[:0]  # FreeType reads no bearings then
    # Pairs of advance and bearing, then bearings alone.
    bearings = np.concatenate([numbers[1 : 2 * num_advances : 2], numbers[2 * num_advances :]])
    bearings = np.clip(bearings.astype(np.int32) + shift, -(2**15), 2**15 - 1)
    return (
        hhea[:34] + struct.pack(">H", 1) + hhea[36:],
        struct.pack(">H", 0) + bearings.astype(">i2").tobytes(),
    )
