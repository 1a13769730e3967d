"""How far to the left and right the outlines of PostScript fonts (CFF) reach.

FreeType hints these in height alone, so that both sides can be told from the outlines as the font
has them. TrueType's glyphs are moved on the grid instead: see ``glyph_font.py``.
"""

from __future__ import annotations

import uharfbuzz as hb

from shmtext.draw.faces import FontFile
from shmtext.draw.opened import open_tables
from shmtext.draw.stored import StoredFont
from shmtext.draw.variations import VariedTables, normalized_16_16, stand_at


class PostScriptOutlines:
    """A font's outlines, in units of its em. Raises ``OSError`` where the file is gone."""

    def __init__(self, font: FontFile) -> None:
        face = open_tables(font.stored)
        self._font = hb.Font(face)
        if font.axes:
            stand_at(self._font, normalized_16_16(VariedTables.of(face), font.axes))
        self._recorder = hb.DrawFuncs()
        self._recorder.set_move_to_func(lambda x, _y, xs: xs.append(x))
        self._recorder.set_line_to_func(lambda x, _y, xs: xs.append(x))
        self._recorder.set_cubic_to_func(lambda a, _b, c, _d, x, _y, xs: xs.extend((a, c, x)))
        self._recorder.set_quadratic_to_func(lambda a, _b, x, _y, xs: xs.extend((a, x)))
        self._recorder.set_close_path_func(lambda _xs: None)

    def sides_px(self, glyph: int, size_px: int) -> tuple[int, int]:
        """Left and right side of a glyph's control box on the pixel grid, 0 where it is empty."""
        xs: list[float] = []
        self._font.draw_glyph(glyph, self._recorder, xs)
        if not xs:
            return 0, 0
        units_per_em = self._font.face.upem
        # As FreeType's: 64ths of a pixel in a unit, times 65,536; then pixels, likewise.
        scale = ((size_px * 64 << 16) + units_per_em // 2) // units_per_em
        scale = (scale + 32) // 64
        left, right = ((round(x * 65_536) * scale + 0x8000) >> 16 for x in (min(xs), max(xs)))
        # Places are cut to 64ths of a pixel before they are rounded away from one another.
        return left >> 16, -(-(right >> 10) >> 6)


def is_postscript(font: StoredFont) -> bool:
    """Whether a font's outlines are CFF's. Raises ``OSError`` where the file is gone."""
    return not open_tables(font).reference_table("glyf").data
