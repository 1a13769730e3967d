"""Layout ``full``: glyphs by number, found and placed by shaping, as Pillow's Raqm has them."""

from __future__ import annotations

import numpy as np

from shmtext.corpus.ranges import Ints, all_in_ranges
from shmtext.draw.characters import CharacterTable
from shmtext.draw.faces import Faces
from shmtext.draw.glyphs import AboutToDraw, FaceMetrics, GlyphAtlas
from shmtext.draw.laid import Group, LaidLines
from shmtext.draw.shape.lines import LineShaper, ShapedLines, TextLines
from shmtext.draw.shape.runs import GlyphRun
from shmtext.draw.sources import GLYPH_MISSING, NumberedGlyphs


class FullLayout:
    """Glyphs by number, and what shaping has found out about words and fonts."""

    def __init__(
        self,
        faces: Faces,
        metrics: FaceMetrics,
        table: CharacterTable,
        shaper: LineShaper,
        *,
        is_vertical: bool,
    ) -> None:
        self.is_vertical = is_vertical
        """Lines go from top to bottom."""
        self._table = table
        self._shaper = shaper
        self.source = NumberedGlyphs(faces)
        self.atlas = GlyphAtlas(metrics, self.source)

    def shape_alone(self, group: Group, face_of_character: Ints) -> ShapedLines:
        """Shape a group's only text, each of its characters in a face of its own."""
        lines = self._text_lines(group)
        shape = self._shaper.columns if self.is_vertical else self._shaper.mixed
        return shape(lines, face_of_character)

    def run(self, group: Group, _: AboutToDraw) -> GlyphRun:
        """See ``Layout``."""
        return self._shaper.lines(self._text_lines(group)).run

    def lay(self, group: Group, about_to_draw: AboutToDraw) -> LaidLines:
        """See ``Layout``."""
        text_of_line = group.text_of_line
        shaped = self._shaper.lines(self._text_lines(group))
        run = shaped.run
        line_of_glyph = run.line_of_glyph
        text_of_glyph = text_of_line[line_of_glyph]
        face_of_glyph = group.face_id[text_of_glyph]
        if (run.glyph >= self.source.num_keys[face_of_glyph]).any():
            raise OSError(GLYPH_MISSING)
        slots = self.atlas.slots(
            face_of_glyph,
            run.glyph,
            (run.y_26_6 + 32) >> 6 if run.y_26_6.any() else None,
            lambda glyph: about_to_draw(int(group.positions[text_of_glyph[glyph]])),
        )
        is_known = ~shaped.is_circled
        if text_of_line.size != group.positions.size:
            is_known = all_in_ranges(is_known, group.text_lines)
        return LaidLines(run, line_of_glyph, text_of_glyph, slots, is_known)

    def _text_lines(self, group: Group) -> TextLines:
        text_of_line = group.text_of_line
        codes = self._table.code_points.take(group.characters)
        is_apart = np.zeros(text_of_line.size, np.bool_)
        if group.is_apart is not None:
            is_apart = group.is_apart[text_of_line]
        return TextLines(
            group.face_id[text_of_line],
            group.is_rtl[text_of_line],
            codes,
            group.line_starts,
            is_apart,
        )
