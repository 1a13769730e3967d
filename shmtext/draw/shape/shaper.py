"""Shaping of one run or line in one face: HarfBuzz with FreeType's advances, as Raqm asks for it.

Which runs a line has is known in ``order`` and ``scripts``, what is kept of them in ``words``.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import uharfbuzz as hb
from numpy.typing import NDArray

from shmtext.config.marks import is_mark
from shmtext.draw.faces import Faces, FontFile
from shmtext.draw.opened import open_tables
from shmtext.draw.shape.marks import BoxedFont, scripts_left
from shmtext.draw.shape.spaces import AtSpaces
from shmtext.draw.shape.vertical import VerticalMetrics
from shmtext.draw.tables import DAMAGED
from shmtext.draw.variations import (
    Axes,
    VariedTables,
    advance_deltas,
    normalized_16_16,
    stand_at,
)

CIRCLE = "\u25cc"
"""The dotted circle, on which HarfBuzz puts marks that stand on nothing."""

LANGUAGE = "c"
"""What Raqm takes from a host in locale C: no language's own rules."""

OPEN_FACES = 128
"""Faces kept; each holds 4 bytes a glyph."""
OPEN_FONTS = 128

MAX_CONTEXT = 5
"""Characters beside a run that HarfBuzz looks at."""


@dataclass(frozen=True, slots=True)
class Item:
    """A run of a line in one direction and one script: what HarfBuzz takes at a time."""

    start: int
    stop: int
    is_rtl: bool
    script: str


class ShapedFont:
    """A font's tables as shaping needs them, at any size.

    Raises ``OSError`` where its file is gone, or those of a variable font can't be read.
    """

    def __init__(self, font: FontFile) -> None:
        self.face = open_tables(font.stored)
        self.advances_units = advances_units(self.face)
        self.place: list[int] = []
        """Where it stands on its axes, in 65,536ths; nothing if as it does by default."""
        if font.axes:
            try:
                self._stand_at(font.axes)
            except DAMAGED as error:
                raise OSError(f"the tables of {font.name} can't be read ({error!r})") from error
        self.in_units = self.new_font()
        self.circle = self.in_units.get_nominal_glyph(ord(CIRCLE)) or -1
        self.at_spaces = AtSpaces(self.face)
        self.leaves_marks = (lambda _script: False) if font.axes else scripts_left(self.face)
        """Whether marks of a script are placed by the glyphs' boxes."""
        self._name = font.name

    @cached_property
    def boxed(self) -> BoxedFont:
        """What marks are placed by where the font does not say it."""
        try:
            return BoxedFont(self.face)
        except DAMAGED as error:
            raise OSError(f"the glyphs of {self._name} can't be read ({error!r})") from error

    def new_font(self) -> hb.Font:
        """Make a font of HarfBuzz's that stands at the same place on its axes."""
        font = hb.Font(self.face)
        if self.place:
            stand_at(font, self.place)
        return font

    def _stand_at(self, axes: Axes) -> None:
        tables = VariedTables.of(self.face)
        self.place = normalized_16_16(tables, axes)
        deltas = advance_deltas(tables, self.place, self.advances_units.size)
        self.advances_units = np.maximum(self.advances_units + deltas, 0)


Features = dict[str, bool]
"""OpenType features that are turned on or off; others are as HarfBuzz has them."""

WITHOUT_LIGATURES: Features = {"liga": False, "clig": False}
"""For letters that stand apart: those that scripts need are made all the same (CSS Text 3, 8.2)."""


class ShapedFace:
    """A font at one size.

    Glyphs' advances are FreeType's, which HarfBuzz subtracts where it places marks; its own are
    rounded another way.
    """

    def __init__(self, font: ShapedFont, size_px: int, features: Features) -> None:
        self.font = font
        self.size_px = size_px
        self._features = features
        outlines = font.new_font()
        advances = scaled_advances_26_6(font.advances_units, size_px, font.face.upem)
        # A memoryview yields Python's integers, an array would yield its own.
        advance_of = memoryview(advances).__getitem__
        last = advances.size - 1
        functions = hb.FontFuncs()
        functions.set_glyph_h_advance_func(lambda _font, glyph, _data: advance_of(min(glyph, last)))
        self._functions = functions
        self._hb = self._with_advances(outlines)
        self._boxed: hb.Font | None = None
        self._vertical: hb.Font | None = None
        self._outlines = outlines

    def _with_advances(self, font: hb.Font) -> hb.Font:
        """Put FreeType's advances in the place of a font's own."""
        font.scale = 64 * self.size_px, 64 * self.size_px
        # A font of functions asks its parent for those that it lacks.
        child = hb.Font(font)
        child.funcs = self._functions
        return child

    def shape(self, text: str, item: Item, into: GlyphLists) -> None:
        """Shape a run of a line; characters beside it decide how letters at its ends join."""
        direction = "rtl" if item.is_rtl else "ltr"
        font = self._hb
        if self.font.leaves_marks(item.script) and any(map(is_mark, text[item.start : item.stop])):
            if self._boxed is None:
                self._boxed = self._with_advances(hb.Font(self.font.boxed.face(self.size_px)))
            font = self._boxed
        self._shape(font, text, item, direction, into)

    def shape_vertically(self, text: str, item: Item, into: GlyphLists) -> None:
        """Shape a run of a line from top to bottom."""
        if self._vertical is None:
            metrics = VerticalMetrics(
                self.font.in_units,
                self.font.advances_units,
                fixed_scale(self.size_px, self.font.face.upem),
            )
            functions = hb.FontFuncs()
            functions.set_glyph_v_advance_func(lambda _font, glyph, _data: metrics.advance(glyph))
            functions.set_glyph_v_origin_func(lambda _font, glyph, _data: metrics.origin(glyph))
            self._vertical = hb.Font(self._hb)
            self._vertical.funcs = functions
        self._shape(self._vertical, text, item, "ttb", into)

    def _shape(
        self, font: hb.Font, text: str, item: Item, direction: str, into: GlyphLists
    ) -> None:
        buffer = hb.Buffer()
        buffer.add_str(text, item.start, item.stop - item.start)
        buffer.script = item.script
        buffer.language = LANGUAGE
        buffer.direction = direction
        buffer.flags = _FLAGS
        hb.shape(font, buffer, self._features)
        infos = buffer.glyph_infos
        into.glyph.extend([info.codepoint for info in infos])
        into.cluster.extend([info.cluster for info in infos])
        for place in buffer.glyph_positions:
            into.positions.extend(place.position)


_FLAGS = hb.BufferFlags.BOT | hb.BufferFlags.EOT


class GlyphLists:
    """Glyphs of several runs, gathered one after the other."""

    def __init__(self) -> None:
        self.glyph: list[int] = []
        self.cluster: list[int] = []
        self.positions: list[int] = []
        """Offset in x and y, advance in x and y; four for each glyph."""


class ShapedFaces:
    """Faces open for shaping; those used longest ago are closed first."""

    def __init__(self, faces: Faces, features: Features) -> None:
        self._faces = faces
        self._features = features
        self._open: OrderedDict[int, ShapedFace] = OrderedDict()
        self._fonts: OrderedDict[str, ShapedFont] = OrderedDict()

    def get(self, face_id: int) -> ShapedFace:
        """Return the open face; faces of one font share its tables."""
        face = self._open.pop(face_id, None)
        if face is None:
            font_file, size_px = self._faces.font_and_size(face_id)
            font = self._fonts.pop(font_file.digest, None) or ShapedFont(font_file)
            self._fonts[font_file.digest] = font
            if len(self._fonts) > OPEN_FONTS:
                self._fonts.popitem(last=False)
            face = ShapedFace(font, size_px, self._features)
        self._open[face_id] = face
        if len(self._open) > OPEN_FACES:
            self._open.popitem(last=False)
        return face


def scaled_advances_26_6(
    units: NDArray[np.int64], size_px: int, units_per_em: int
) -> NDArray[np.int32]:
    """Advances as FreeType has them without hinting, in 64ths of a pixel."""
    scale_16_16 = fixed_scale(size_px, units_per_em)
    advances_16_16 = (units * scale_16_16 + 32) >> 6
    return ((advances_16_16 + 512) >> 10).astype(np.int32)


def fixed_scale(size_px: int, units_per_em: int) -> int:
    """64ths of a pixel in a unit, times 65,536."""
    return ((size_px * 64 << 16) + units_per_em // 2) // units_per_em


def advances_units(face: hb.Face) -> NDArray[np.int64]:
    """Advances of all glyphs in font units, as FreeType has them.

    Glyphs beyond the pairs of ``hmtx`` have the last pair's; 0 where these are not all there.
    """
    num_pairs = int.from_bytes(face.reference_table("hhea").data[34:36])
    table = np.frombuffer(face.reference_table("hmtx").data, np.uint8)
    num_there = min(num_pairs, table.size // 4)
    advances = np.zeros(max(face.glyph_count, 1), np.int64)
    pairs = table[: 4 * num_there].view(">u2").reshape(-1, 2)[: advances.size]
    advances[: len(pairs)] = pairs[:, 0]
    if len(pairs) and num_there == num_pairs:
        advances[len(pairs) :] = pairs[-1, 0]
    return advances
