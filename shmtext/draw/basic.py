"""Layout ``basic``: a glyph a character, from left to right, as Pillow's basic layout sets them.

Advances are hinted ones, which come with the glyphs, and pairs are kerned as in ``kerning.py``.
Texts that this draws wrong (see ``needs_shaping`` in ``rules.py``) are shaped all the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, all_in_ranges, seams
from shmtext.draw.characters import CharacterTable
from shmtext.draw.faces import Faces
from shmtext.draw.glyphs import AboutToDraw, FaceMetrics, GlyphAtlas
from shmtext.draw.kerning import NOT_HELD, OUT_OF_BOUNDS, KerningTable
from shmtext.draw.laid import Group, LaidLines
from shmtext.draw.shape.runs import GlyphRun
from shmtext.draw.sources import CharacterGlyphs


class BasicLayout:
    """Glyphs and kerning of characters."""

    def __init__(self, faces: Faces, metrics: FaceMetrics, table: CharacterTable) -> None:
        self._table = table
        self._kerning = KerningTable(faces)
        self.atlas = GlyphAtlas(metrics, CharacterGlyphs(faces, table))

    def run(self, group: Group, about_to_draw: AboutToDraw) -> GlyphRun:
        """See ``Layout``: advances come with the glyphs."""
        return self.lay(group, about_to_draw).run

    def lay(self, group: Group, about_to_draw: AboutToDraw) -> LaidLines:
        """See ``Layout``."""
        num_glyphs = np.diff(group.line_starts)
        line_of_glyph = np.repeat(np.arange(num_glyphs.size), num_glyphs)
        text_of_glyph = group.text_of_line[line_of_glyph]
        face_of_glyph = group.face_id[text_of_glyph]
        slots = self.atlas.slots(
            face_of_glyph,
            group.characters,
            None,
            lambda glyph: about_to_draw(int(group.positions[text_of_glyph[glyph]])),
        )
        kerning, is_known = self._kerning_of(group, face_of_glyph)
        advance = self.atlas.glyphs["advance_26_6"].take(slots) + kerning
        pen = seams(advance)
        line_start = pen[group.line_starts[:-1]]
        start_of_glyph = np.repeat(line_start, num_glyphs)
        pen_after = pen[1:] - start_of_glyph
        furthest = np.zeros(num_glyphs.size, np.int64)
        has_glyphs = num_glyphs > 0
        furthest[has_glyphs] = np.maximum.reduceat(pen_after, group.line_starts[:-1][has_glyphs])
        run = GlyphRun(
            glyph=group.characters,
            x_26_6=pen[:-1] - start_of_glyph,
            y_26_6=np.zeros(pen_after.size, np.int64),
            cluster=np.arange(pen_after.size) - np.repeat(group.line_starts[:-1], num_glyphs),
            line_starts=group.line_starts,
            furthest_26_6=np.maximum(furthest, 0),
            end_26_6=pen[group.line_starts[1:]] - line_start,
        )
        return LaidLines(run, line_of_glyph, text_of_glyph, slots, is_known)

    def inkless(self, face_id: int, characters: NDArray[np.int32]) -> NDArray[np.int32]:
        """Those of some characters that should leave ink in a face, and leave none."""
        characters = np.unique(characters)
        face_ids = np.full(characters.size, face_id)
        slots = self.atlas.slots(face_ids, characters, None, lambda _glyph: None)
        has_ink = self.atlas.glyphs["has_ink"][slots]
        return characters[~has_ink & ~self._table.is_blank[characters]]

    def _kerning_of(
        self, group: Group, face_of_glyph: Ints
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Kerning after each glyph, in 64ths of a pixel, and for which texts it is known."""
        kerning = np.zeros(face_of_glyph.size, np.int64)
        is_known = np.ones(group.positions.size, np.bool_)
        is_kerned = self._kerning.kerned[face_of_glyph]
        if not is_kerned.any():
            return kerning, is_known
        kern_ids = self._kerning.kern_ids(group.characters, self._table)
        self._kerning.measure(np.unique(group.face_id), self._table)
        is_followed = is_kerned.copy()
        is_followed[group.line_starts[1:][np.diff(group.line_starts) > 0] - 1] = False
        left = np.flatnonzero(is_followed)
        kerning[left] = self._kerning.values(
            face_of_glyph[left], kern_ids[left], kern_ids[left + 1]
        )
        if int(kern_ids.min()) == NOT_HELD:
            is_known = all_in_ranges((kern_ids != NOT_HELD) | ~is_kerned, group.text_starts)
        if int(kerning.min()) == OUT_OF_BOUNDS:
            is_known &= all_in_ranges(kerning != OUT_OF_BOUNDS, group.text_starts)
        return kerning, is_known
