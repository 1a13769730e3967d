"""Texts drawn alone: a strip of one cell, or the reason why there is none.

For what ``compose.py`` does not draw: texts whose glyphs, kerning or lines are beyond what batches
know to be exact. Those of layout ``basic`` are drawn by Pillow (``reference.py``), others from
their shaped glyphs (``placed.py``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, seams
from shmtext.draw import boxes, reference
from shmtext.draw.basic import BasicLayout
from shmtext.draw.characters import CharacterTable
from shmtext.draw.faces import Faces
from shmtext.draw.full import FullLayout
from shmtext.draw.glyphs import FaceMetrics
from shmtext.draw.laid import Group
from shmtext.draw.placed import ShapedText, place_columns, place_text
from shmtext.draw.seen import unseen_characters
from shmtext.draw.strip import Cells, Strip
from shmtext.draw.texts import ShardTexts, Skip, describe_inkless
from shmtext.limits import why_unfit


class PlainDrawer:
    """Draws a text at a time."""

    def __init__(
        self, faces: Faces, metrics: FaceMetrics, table: CharacterTable, *, with_boxes: bool
    ) -> None:
        self._faces = faces
        self._metrics = metrics
        self._table = table
        self._with_boxes = with_boxes

    def strip_of_characters(
        self, shard: ShardTexts, position: int, layout: BasicLayout
    ) -> Strip | Skip:
        """Draw the mask of one text as Pillow's basic layout does, or say why it can't be.

        Raises ``OSError`` as Pillow does.
        """
        face = self._faces.get(int(shard.face_id[position]))
        lines = shard.lines_of(position)
        trace = reference.trace_lines(lines, face)
        reason = why_unfit(trace.canvas.width_px, trace.canvas.height_px)
        if reason:
            return Skip(position, reason)
        line_masks = reference.draw_masks(trace, lines, face)
        inkless = layout.inkless(int(shard.face_id[position]), shard.characters_of(position))
        if inkless.size:
            return self._inkless(shard, position, inkless)
        mask, patches = reference.cover(trace, line_masks)
        found = boxes.of_characters(trace, lines, face) if self._with_boxes else None
        return Strip(np.array([position]), mask, Cells.of_one(mask), patches, found)

    def strip_of_glyphs(self, shard: ShardTexts, position: int, layout: FullLayout) -> Strip | Skip:
        """Draw the mask of one text from its shaped glyphs, or say why it can't be.

        Raises ``OSError`` where FreeType refuses a glyph.
        """
        group = Group.gather(shard, np.array([position]))
        face_of_character = self._faces_of(shard, position)
        shaped = layout.shape_alone(group, face_of_character)
        run = shaped.run
        if shaped.is_circled.any():
            return Skip(position, "a mark in it has no letter to stand on")
        line_of_glyph = np.repeat(np.arange(run.line_starts.size - 1), np.diff(run.line_starts))
        character_of_glyph = group.line_starts[:-1][line_of_glyph] + run.cluster
        faces = np.unique(face_of_character)
        ascent_px = int(self._metrics.ascent_px[faces].max())
        descent_px = (self._metrics.line_px - self._metrics.ascent_px)[faces].max()
        text = ShapedText(
            run=run,
            face_of_glyph=face_of_character[character_of_glyph],
            is_rtl=bool(shard.is_rtl[position]),
            ascent_px=ascent_px,
            line_px=ascent_px + int(descent_px),
        )
        place = place_columns if layout.is_vertical else place_text
        placed = place(text, layout.source)
        trace = placed.trace
        reason = why_unfit(trace.canvas.width_px, trace.canvas.height_px)
        if reason:
            return Skip(position, reason)
        characters = group.characters
        unseen = unseen_characters(
            character_of_glyph,
            np.array([glyph.is_inked for glyph in placed.glyphs], np.bool_),
            self._table.is_blank.take(characters),
            group.line_starts,
        )
        if unseen.any():
            return self._inkless(shard, position, np.unique(characters[unseen]))
        line_masks = placed.masks()
        mask, patches = reference.cover(trace, line_masks)
        found = None
        if self._with_boxes:
            label_starts = seams(np.diff(group.line_starts) + 1)
            found = placed.boxes(label_starts, run.cluster)
        return Strip(np.array([position]), mask, Cells.of_one(mask), patches, found)

    def _faces_of(self, shard: ShardTexts, position: int) -> Ints:
        """The face of each of a text's characters."""
        if position in shard.fonts:
            size_id = int(shard.styles.size_id[position])
            return shard.fonts[position] * len(self._faces.sizes_px) + size_id
        return np.full(shard.characters_of(position).size, shard.face_id[position])

    def _inkless(self, shard: ShardTexts, position: int, inkless: NDArray[np.int32]) -> Skip:
        """Say what of a text leaves no ink though its font has glyphs for it."""
        font, size_px = self._faces.font_and_size(int(shard.face_id[position]))
        what = describe_inkless(self._table, inkless)
        return Skip(position, f"{what} in {font.name} at {size_px} px")
