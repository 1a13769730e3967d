"""Small fonts made on the spot: each glyph a list of contours."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables._g_l_y_f import Glyph
from fontTools.ttLib.tables.DefaultTable import DefaultTable

Contours = Sequence[Sequence[tuple[int, int]]]
"""Of straight lines, each closed; points in 1,000ths of an em."""

NOTHING: Contours = ()
BOX: Contours = [[(50, 0), (50, 700), (550, 700), (550, 0)]]
POINT: Contours = [[(0, 0)]]
FLAT: Contours = [[(0, 0), (500, 0), (250, 0)]]
SLANTED: Contours = [[(0, 0), (500, 700), (250, 350)]]
BACK_AND_FORTH: Contours = [[(0, 0), (500, 0), (500, 700), (500, 0)]]
CANCELLED: Contours = [BOX[0], BOX[0][::-1]]
HAIR: Contours = [[(50, 0), (50, 700), (58, 700), (58, 0)]]
"""Dropped by FreeType's hinting of TrueType outlines below 150 px."""
LONG_AND_SLANTED: Contours = [[(10 * k, 14 * k) for k in range(30)]]
"""Without area, and with points enough to look like an outline."""


def draw_contours(pen: TTGlyphPen | T2CharStringPen, contours: Contours) -> None:
    for first, *rest in contours:
        pen.moveTo(first)
        for point in rest:
            pen.lineTo(point)
        pen.closePath()


def small_font(
    path: Path,
    glyphs: Mapping[str, Contours],
    composites: Mapping[str, Sequence[str]] | None = None,
    *,
    cff: bool = False,
) -> Path:
    """Make a font of the characters that are ``glyphs``' keys, and composites of them."""
    outlines = {".notdef": BOX, **{name(character): each for character, each in glyphs.items()}}
    drawn = {}
    for glyph, contours in outlines.items():
        pen = T2CharStringPen(600, None) if cff else TTGlyphPen(None)
        draw_contours(pen, contours)
        drawn[glyph] = pen.getCharString() if cff else pen.glyph()
    for character, parts in (composites or {}).items():
        pen = TTGlyphPen(drawn)
        for place, part in enumerate(parts):
            pen.addComponent(name(part), (1, 0, 0, 1, 300 * place, 0))
        drawn[name(character)] = pen.glyph()
    builder = FontBuilder(1000, isTTF=not cff)
    builder.setupGlyphOrder(list(drawn))
    builder.setupCharacterMap({ord(c): name(c) for c in (*glyphs, *(composites or {}))})
    if cff:
        builder.setupCFF("Small", {}, drawn, {})
    else:
        builder.setupGlyf(drawn)
    builder.setupHorizontalMetrics(dict.fromkeys(drawn, (600, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Small", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return path


def name(character: str) -> str:
    return f"u{ord(character):04X}"


def bitmap_only(path: Path) -> Path:
    """Make what fonttosfnt makes of bitmaps: tables of outlines are there, and empty."""
    small_font(path, {"a": NOTHING})
    with TTFont(path) as font:
        font["glyf"].glyphs = {glyph: Glyph() for glyph in font.getGlyphOrder()}
        for tag in ("EBDT", "EBLC"):
            font[tag] = DefaultTable(tag)
            font[tag].data = b"\0\2\0\0\0\0\0\0"
        font.save(path)
    return path


SMALL = struct.pack(">BBbbB", 8, 8, 1, 8, 14)
BIG = SMALL + struct.pack(">bbB", 0, 0, 8)
ROWS = bytes([0xFF, 0x81, 0x81, 0x99, 0x99, 0x81, 0x81, 0xFF])
BITMAPS = {
    # By IndexSubTable and image format: the subtable behind its header, the bitmaps' bytes.
    (1, 1): (struct.pack(">3I", 0, 13, 26), [SMALL + ROWS] * 2),
    (2, 5): (struct.pack(">I", 8) + BIG, [ROWS] * 2),
    (3, 2): (struct.pack(">4H", 0, 13, 26, 0), [SMALL + ROWS] * 2),
    (4, 6): (struct.pack(">I6H", 2, 1, 0, 2, 16, 0, 32), [BIG + ROWS] * 2),
    (5, 5): (struct.pack(">I", 8) + BIG + struct.pack(">I2H", 2, 1, 2), [ROWS] * 2),
}


def with_bitmaps(path: Path, forms: tuple[int, int]) -> Path:
    """A font of two letters with bitmaps for 16 px, 8 pixels wide and 14 with their advance."""
    subtable, bitmaps = BITMAPS[forms]
    tables = struct.pack(">HHI", 1, 2, 8) + struct.pack(">HHI", *forms, 4) + subtable
    size = struct.pack(">4I", 56, len(tables), 1, 0) + bytes(24)
    size += struct.pack(">HHBBBb", 1, 2, 16, 16, 1, 1)
    small_font(path, {"a": BOX, "b": BOX})
    with TTFont(path) as font:
        for tag, data in (
            ("EBLC", struct.pack(">II", 0x20000, 1) + size + tables),
            ("EBDT", struct.pack(">I", 0x20000) + b"".join(bitmaps)),
        ):
            font[tag] = DefaultTable(tag)
            font[tag].data = data
        font.save(path)
    return path
