"""Texts drawn alone, the plain way: a strip of one cell, or the reason why there is none.

For what ``compose.py`` does not draw: texts that need shaping, and those whose glyphs, kerning or
lines are beyond what the atlas knows to be exact. Tracing is ``reference.py``'s, colour the ink's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shmtext.draw import boxes, reference
from shmtext.draw.characters import CharacterTable
from shmtext.draw.compose import Composer
from shmtext.draw.faces import Faces, has_ink
from shmtext.draw.limits import why_unfit
from shmtext.draw.shaped_ink import ShapedInk
from shmtext.draw.strip import Cells, Strip
from shmtext.draw.texts import ShardTexts, Skip, describe_inkless


class PlainDrawer:
    """Draws a text at a time; keeps what is found out about the ink of shaped characters."""

    def __init__(
        self, faces: Faces, composer: Composer, table: CharacterTable, *, with_boxes: bool
    ) -> None:
        self._faces = faces
        self._composer = composer
        self._table = table
        self._with_boxes = with_boxes
        self._shaped_ink = ShapedInk(faces)

    def strip_of(self, shard: ShardTexts, position: int) -> Strip | Skip:
        """Draw the mask of one text, or say why it can't be. Raises ``OSError`` as Pillow does."""
        face_id, is_shaped = int(shard.face_id[position]), bool(shard.needs_shaping[position])
        face = self._faces.get(face_id, shaping=is_shaped)
        trace = reference.trace_lines(shard.lines_of(position), face)
        reason = why_unfit(trace.canvas.width_px, trace.canvas.height_px)
        if reason:
            return Skip(position, reason)
        line_masks = trace.masks()
        inkless = self._describe_inkless(shard, position, line_masks)
        if inkless:
            font, size_px = self._faces.font_and_size(face_id)
            return Skip(position, f"{inkless} in {font.name} at {size_px} px")
        mask, patches = reference.cover(trace, line_masks)
        found = None
        if self._with_boxes:
            found = boxes.of_lines(trace, line_masks) if is_shaped else boxes.of_characters(trace)
        return Strip(np.array([position]), mask, Cells.of_one(mask), patches, found)

    def _describe_inkless(
        self, shard: ShardTexts, position: int, line_masks: Sequence[reference.Mask]
    ) -> str:
        """Say what of a text left no ink though its font has glyphs for it; empty if all did."""
        face_id, characters = int(shard.face_id[position]), shard.characters_of(position)
        is_shaped = bool(shard.needs_shaping[position])
        if is_shaped:
            inkless = self._shaped_ink.inkless(face_id, characters, self._table)
        else:
            inkless = self._composer.inkless(face_id, characters)
        if inkless.size:
            return describe_inkless(self._table, inkless)
        # What shaping makes of marks and syllables is up to the font; that it is something, is not.
        is_blank = is_shaped and not any(has_ink(mask.im) for mask in line_masks)
        return "leaves no ink" if is_blank else ""
