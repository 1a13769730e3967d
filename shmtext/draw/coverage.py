"""Which characters a font covers: those it has a glyph for, with ink where ink is due.

A font may map a character to a glyph that draws nothing. Whether one does is certain only once it
is drawn, which takes 20 µs: too long for all 65,000 of a large font. Most glyphs need no trial, as
their tables show that there is much to draw; the others are in doubt, and those of them that have
no area by ``outline_areas.py`` are drawn by whoever tries the font out. A glyph that deceives all
is found when a text needs it: see ``fits`` in ``glyphs.py``.
"""

from __future__ import annotations

import io
import struct
import unicodedata

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints
from shmtext.draw.cmaps import CharacterMap
from shmtext.draw.tables import FontTables

BRAILLE_BLANK = 0x2800
"""A pattern without dots: blank by nature, though Unicode counts it among the symbols."""

SPACES = np.array(
    [0x20, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, BRAILLE_BLANK, 0x3000], np.int64
)
"""Characters for which ``is_space`` is true, as long as a test says so."""

NEVER_COVERED = (0, 0x1F), (0x7F, 0x9F), (0x2028, 0x2029), (0xD800, 0xDFFF)
"""First and last of the characters that lay text out, or are none (categories Cc, Cs, Zl, Zp):
whatever a font maps them to."""

FEW_POINTS = 16
"""A TrueType glyph of no more points is doubtful: many a placeholder has one point or two, and
points on a line or back along it are soon more. Few characters of a font have so few."""

FEW_BYTES = 32
"""Likewise the bytes of a CFF glyph: an outline without area has few, so has a call of a
subroutine, and a rectangle."""

HEADER_BYTES = 10
"""Of a TrueType glyph: number of contours and box, five 16-bit numbers (OpenType, glyf)."""

EMPTY, DOUBTFUL, INKED = range(3)

Kinds = NDArray[np.int8]
"""``EMPTY``, ``DOUBTFUL`` or ``INKED``, of each glyph."""


def is_space(code_point: int) -> bool:
    """Whether a character is drawn right when it leaves no ink.

    >>> [is_space(code_point) for code_point in (0x20, 0x3000, 0x2800, 0x61)]
    [True, True, True, False]
    """
    return code_point == BRAILLE_BLANK or unicodedata.category(chr(code_point)) == "Zs"


def mapped_characters(font: FontTables, cmap: CharacterMap) -> tuple[Ints, CharacterMap]:
    """Characters that a font covers, ascending, and those of them in doubt."""
    code_points, glyphs = cmap
    is_ruled_out = glyphs == 0
    for first, last in NEVER_COVERED:
        is_ruled_out |= (code_points >= first) & (code_points <= last)
    code_points, glyphs = code_points[~is_ruled_out], glyphs[~is_ruled_out]
    kind = _glyph_kinds(font)[glyphs]
    kind[np.isin(code_points, SPACES)] = INKED
    is_doubtful = kind == DOUBTFUL
    doubtful = CharacterMap(code_points[is_doubtful], glyphs[is_doubtful])
    return code_points[kind != EMPTY], doubtful


def _glyph_kinds(font: FontTables) -> Kinds:
    if "glyf" in font:
        return _truetype_kinds(font)
    num_bytes = _charstring_sizes(font, is_cff2="CFF2" in font)
    return np.select([num_bytes == 0, num_bytes <= FEW_BYTES], [EMPTY, DOUBTFUL], INKED).astype(
        np.int8
    )


def _charstring_sizes(font: FontTables, *, is_cff2: bool) -> NDArray[np.int64]:
    """Bytes of each CFF glyph.

    Not by fontTools' own ``CharStrings``, for which it reads glyphs' names and all dictionaries.
    """
    from fontTools.cffLib import CFFFontSet  # noqa: PLC0415 - 15 ms, and few fonts are CFF's

    data = bytes(font["CFF2" if is_cff2 else "CFF "])
    fonts = CFFFontSet()
    fonts.decompile(io.BytesIO(data), font.parsed, isCFF2=is_cff2)
    return _index_sizes(
        data, fonts.topDictIndex[0].rawDict["CharStrings"], ">L" if is_cff2 else ">H"
    )


def _index_sizes(data: bytes, at: int, count_format: str) -> NDArray[np.int64]:
    """Bytes of each thing in the CFF INDEX at a place.

    (Adobe Technical Note 5176, 5 "INDEX Data"; OpenType 1.9.1, "CFF2".) Raises ``struct.error`` or
    ``ValueError`` where it is cut short.
    """
    (count,) = struct.unpack_from(count_format, data, at)
    if not count:
        return np.zeros(0, np.int64)
    at += struct.calcsize(count_format)
    (offset_bytes,) = struct.unpack_from("B", data, at)
    parts = np.frombuffer(data, np.uint8, (count + 1) * offset_bytes, at + 1)
    weights = 256 ** np.arange(offset_bytes - 1, -1, -1)
    sizes: NDArray[np.int64] = np.diff(parts.reshape(count + 1, offset_bytes) @ weights)
    return sizes


def _truetype_kinds(font: FontTables) -> Kinds:
    """Judge glyphs by their headers: all of a font's in one go, as parsing each takes 50 µs."""
    starts, data = font.glyph_places, font["glyf"]
    num_bytes = np.diff(starts)
    starts = starts[:-1]
    if len(data) < HEADER_BYTES:
        return np.full(num_bytes.size, EMPTY, np.int8)
    # A big-endian 16-bit number from every byte on.
    numbers: NDArray[np.uint16] = np.ndarray(len(data) - 1, ">u2", data, strides=(1,))

    def number(at: Ints) -> Ints:
        """Numbers; a damaged font may place them beyond its end: read as 0."""
        inside = at < numbers.size
        return np.where(inside, numbers[np.where(inside, at, 0)], 0).astype(np.int64)

    num_contours, left, bottom, right, top = number(starts + 2 * np.arange(5)[:, None])
    is_composite = num_contours >= 1 << 15
    # The last point's number stands at the end of the contours' list.
    num_points = number(starts + HEADER_BYTES + 2 * (num_contours - 1)) + 1
    is_bare = (num_bytes <= 0) | (left == right) | (bottom == top)
    is_bare |= (num_contours == 0) | (~is_composite & (num_points <= 2 * num_contours))
    # A composite glyph is as bare as its first part, whose number follows the part's flags.
    composite = np.flatnonzero(is_composite & ~is_bare)
    part = np.minimum(number(starts[composite] + HEADER_BYTES + 2), num_bytes.size - 1)
    while (are_bare := is_bare[part]).any():
        is_bare[composite[are_bare]] = True
        composite, part = composite[~are_bare], part[~are_bare]
    is_doubtful = is_bare | (~is_composite & (num_points <= FEW_POINTS))
    return np.select([num_bytes <= 0, is_doubtful], [EMPTY, DOUBTFUL], INKED).astype(np.int8)
