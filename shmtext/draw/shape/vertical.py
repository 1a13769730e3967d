"""Advances and origins of glyphs in lines from top to bottom, as FreeType has them.

FreeType's are not HarfBuzz' own: without ``vmtx`` it divides what the font's line leaves above and
below the outline, and it rounds in other places.
"""

from __future__ import annotations

import numpy as np
import uharfbuzz as hb
from numpy.typing import NDArray


class VerticalMetrics:
    """Of one font at one size. Positions are in 64ths of a pixel, y upwards."""

    def __init__(self, font: hb.Font, advances_units: NDArray[np.int64], scale_16_16: int) -> None:
        face = font.face
        self._scale_16_16 = scale_16_16
        self._advances_units = advances_units
        self._font = font
        tags = set(face.table_tags)
        self._is_cff = "glyf" not in tags
        self._given = _given(face) if {"vhea", "vmtx"} <= tags else None
        self._line_units = _line_units(face, tags)

    def advance(self, glyph: int) -> int:
        """Return how far the pen goes up behind a glyph: less than 0."""
        units = self._line_units if self._given is None else int(self._given[0][glyph])
        advance_16_16 = (units * self._scale_16_16 + 32) >> 6
        return (-advance_16_16 + 512) >> 10

    def origin(self, glyph: int) -> tuple[bool, int, int]:
        """Return that there is one, and where it is, seen from the horizontal origin."""
        extents = self._font.get_glyph_extents(glyph)
        top, bottom = (extents.y_bearing, extents.y_bearing + extents.height) if extents else (0, 0)
        high, low = self._scaled_y(top), self._scaled_y(bottom)
        half_advance = self._scaled(int(self._advances_units[glyph])) // 2
        return True, half_advance, high + self._scaled(self._bearing_units(glyph, high, low))

    def _bearing_units(self, glyph: int, high: int, low: int) -> int:
        """Return what is above the glyph."""
        if self._given is not None:
            return int(self._given[1][glyph])
        height_units = _divided(high - low, self._scale_16_16)
        return int((self._line_units - height_units) / 2)

    def _scaled_y(self, units: int) -> int:
        # Outlines of cubic curves are rounded down, others to the nearest.
        return units * self._scale_16_16 >> 16 if self._is_cff else self._scaled(units)

    def _scaled(self, units: int) -> int:
        product = abs(units) * self._scale_16_16 + 0x8000 >> 16
        return product if units >= 0 else -product


def _divided(value: int, scale_16_16: int) -> int:
    return ((value << 16) + scale_16_16 // 2) // scale_16_16


def _given(face: hb.Face) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Advances and what is above the glyphs, in font units, from ``vmtx``."""
    num_pairs = int.from_bytes(face.reference_table("vhea").data[34:36])
    values = np.frombuffer(face.reference_table("vmtx").data, ">i2").astype(np.int64)
    pairs = values[: 2 * num_pairs].reshape(-1, 2)
    rest = values[2 * num_pairs :]
    num_glyphs = face.glyph_count
    above = np.zeros(num_glyphs, np.int64)
    advances = np.full(num_glyphs, pairs[-1, 0] & 0xFFFF)
    advances[: len(pairs)] = pairs[:num_glyphs, 0] & 0xFFFF
    both = np.append(pairs[:, 1], rest)[:num_glyphs]
    above[: both.size] = both
    return advances, above


def _line_units(face: hb.Face, tags: set[str]) -> int:
    """Height of a line: what a glyph gets where the font does not say."""
    name, offset = ("OS/2", 68) if "OS/2" in tags else ("hhea", 4)
    table = face.reference_table(name).data
    ascender = int.from_bytes(table[offset : offset + 2], signed=True)
    descender = int.from_bytes(table[offset + 2 : offset + 4], signed=True)
    return ascender - descender
