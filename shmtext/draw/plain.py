"""Texts drawn alone: a strip of one cell, or the reason why there is none.

For what ``compose.py`` does not draw: texts whose glyphs, kerning or lines are beyond what batches
know to be exact. Those of layout ``basic`` are drawn by Pillow (``reference.py``), others from
their shaped glyphs (``placed.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, seams
from shmtext.draw import boxes, reference
from shmtext.draw.arrange import arrange, ends_26_6
from shmtext.draw.basic import BasicLayout
from shmtext.draw.batch import GlyphBoxes, Pixels
from shmtext.draw.characters import CharacterTable
from shmtext.draw.faces import Faces
from shmtext.draw.full import FullLayout
from shmtext.draw.glyphs import FaceMetrics
from shmtext.draw.laid import Group
from shmtext.draw.page import START, Extent, Frame, Pages
from shmtext.draw.placed import ShapedText, place_columns, place_text
from shmtext.draw.reference import Setting, Trace
from shmtext.draw.seen import unseen_characters
from shmtext.draw.shape.runs import GlyphRun
from shmtext.draw.strip import Cells, Patch, Strip
from shmtext.draw.texts import ShardTexts, Skip, describe_inkless


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
        face_id = int(shard.face_id[position])
        face = self._faces.get(face_id)
        pages = shard.pages_of(np.array([position]))
        lines = reference.arrange_plainly(shard.lines_of(position), face, pages)
        line_px = int(self._metrics.line_px[face_id])
        trace = reference.trace_lines(lines, face, line_px + _more_pitch_px(pages))
        setting = self._setting(trace, pages, line_px, is_rtl=False)
        if isinstance(setting, str):
            return Skip(position, setting)
        line_masks = reference.draw_masks(trace, lines, face)
        inkless = layout.inkless(face_id, shard.characters_of(position))
        if inkless.size:
            return self._inkless(shard, position, inkless)
        mask, patches = reference.cover(setting, line_masks)
        top_px = None if pages is None else setting.top
        found = boxes.of_characters(setting, lines, face) if self._with_boxes else None
        return _strip(position, mask, patches, found, top_px)

    def strip_of_glyphs(self, shard: ShardTexts, position: int, layout: FullLayout) -> Strip | Skip:
        """Draw the mask of one text from its shaped glyphs, or say why it can't be.

        Raises ``OSError`` where FreeType refuses a glyph.
        """
        pages = shard.pages_of(np.array([position]))
        group = Group.gather(shard, np.array([position])).on_pages(pages)
        face_of_character = self._faces_of(shard, position)
        shaped = layout.shape_alone(group, face_of_character)
        if shaped.is_circled.any():
            return Skip(position, "a mark in it has no letter to stand on")
        run = shaped.run
        if pages is not None and not layout.is_vertical:

            def shape_words(words: Group, characters: Ints) -> GlyphRun:
                return layout.shape_alone(words, face_of_character[characters]).run

            run = arrange(group, run, pages, self._table, shape_words).run
        character_of_glyph = group.line_starts[:-1][run.line_of_glyph] + run.cluster
        faces = np.unique(face_of_character)
        ascent_px = int(self._metrics.ascent_px[faces].max())
        descent_px = (self._metrics.line_px - self._metrics.ascent_px)[faces].max()
        line_px = ascent_px + int(descent_px)
        is_flush_right = group.is_rtl if pages is None else pages.is_flush_right(group.is_rtl)
        text = ShapedText(
            run=run,
            face_of_glyph=face_of_character[character_of_glyph],
            is_flush_right=bool(is_flush_right[0]),
            ascent_px=ascent_px,
            line_px=line_px,
            pitch_px=max(line_px + _more_pitch_px(pages), 1),
        )
        if layout.is_vertical:
            placed = place_columns(text, layout.source, START if pages is None else pages.align[0])
        else:
            placed = place_text(text, layout.source)
        setting = self._setting(
            placed.trace, pages, line_px, is_rtl=layout.is_vertical or bool(group.is_rtl[0])
        )
        if isinstance(setting, str):
            return Skip(position, setting)
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
        mask, patches = reference.cover(setting, line_masks)
        top_px = None if pages is None else setting.top
        found = None
        if self._with_boxes:
            label_starts = seams(np.diff(group.line_starts) + 1)
            found = placed.boxes(setting, label_starts, run.cluster)
        return _strip(position, mask, patches, found, top_px)

    def end_26_6(self, shard: ShardTexts, group: Group, fonts: Ints, layout: FullLayout) -> int:
        """How far a group's only text goes, one line, given the font of each of its characters.

        In 64ths of a pixel. Raises ``OSError`` where a font's file is gone.
        """
        faces = fonts * self._faces.num_sizes + int(shard.styles.size_id[group.positions[0]])
        pages = shard.pages_of(group.positions)
        group = group.on_pages(pages)
        run = layout.shape_alone(group, faces).run
        return int(ends_26_6(group, run, pages, self._table)[0])

    def _setting(
        self, trace: Trace, pages: Pages | None, line_px: int, *, is_rtl: bool
    ) -> Setting | str:
        """Where a text is in its picture, or why it is not drawn."""
        canvas, (ink_top, ink_bottom) = trace.canvas, trace.ink_rows
        num_lines, pitch_px = len(trace.traces), trace.pitch_px[1]
        extent = Extent(
            left=np.array([canvas.left]),
            right=np.array([canvas.right]),
            top=np.array([canvas.top]),
            bottom=np.array([canvas.bottom]),
            ink_top=np.array([ink_top]),
            ink_bottom=np.array([ink_bottom]),
            line_px=np.array([line_px]),
            pitch_px=np.array([pitch_px]),
            num_lines=np.array([num_lines]),
            is_rtl=np.array([is_rtl]),
        )
        frame = Frame.of(extent, pages)
        reason = frame.why_unfit(0)
        if reason:
            return reason
        left, top, width, height = (
            int(each[0]) for each in (frame.left, frame.top, frame.width_px, frame.height_px)
        )
        return Setting(trace, left, top, width, height)

    def _faces_of(self, shard: ShardTexts, position: int) -> Ints:
        """The face of each of a text's characters."""
        if position in shard.fonts:
            size_id = int(shard.styles.size_id[position])
            return shard.fonts[position] * self._faces.num_sizes + size_id
        return np.full(shard.characters_of(position).size, shard.face_id[position])

    def _inkless(self, shard: ShardTexts, position: int, inkless: NDArray[np.int32]) -> Skip:
        """Say what of a text leaves no ink though its font has glyphs for it."""
        font, size_px = self._faces.font_and_size(int(shard.face_id[position]))
        what = describe_inkless(self._table, inkless)
        return Skip(position, f"{what} in {font.name} at {size_px} px")


def _more_pitch_px(pages: Pages | None) -> int:
    return 0 if pages is None else int(pages.more_pitch_px[0])


def _strip(
    position: int,
    mask: Pixels,
    patches: Sequence[Patch],
    found: GlyphBoxes | None,
    top_px: int | None,
) -> Strip:
    tops_px = None if top_px is None else np.array([top_px])
    return Strip(np.array([position]), mask, Cells.of_one(mask), patches, found, tops_px)
