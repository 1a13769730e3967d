"""Many texts drawn together out of the glyph atlas, pixel for pixel what Pillow draws.

A group of texts whose faces share a stride goes through layout at once, then through raster in
batches. Texts for which this would not be exact are named, for ``reference.py`` to draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, all_in_ranges, seams, spell_out
from shmtext.draw.characters import CharacterTable
from shmtext.draw.faces import Faces
from shmtext.draw.glyphs import FaceMetrics, GlyphAtlas
from shmtext.draw.kerning import NOT_HELD, OUT_OF_BOUNDS, KerningTable
from shmtext.draw.layout import GlyphBoxes, GlyphRun, Placement, place
from shmtext.draw.raster import PlacedGlyphs, draw_strip
from shmtext.draw.texts import ShardTexts

STRIP_ROWS = 32_768
"""Columns of pictures drawn by one set of numpy calls: some 128 pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Texts that are composed together, their characters end to end."""

    positions: Ints
    """In the shard, ``(num_texts,)``."""
    face_id: Ints
    """Of each text; all of one stride."""
    characters: NDArray[np.int32]
    line_starts: Ints
    """Seams of lines among the characters, ``(num_lines + 1,)``."""
    text_lines: Ints
    """Seams of texts among the lines, ``(num_texts + 1,)``."""

    @classmethod
    def gather(cls, shard: ShardTexts, positions: Ints) -> Group:
        """Take some of a shard's texts, none of them empty; all of them without a copy."""
        lines, face_id = shard.lines, shard.face_id[positions]
        if positions.size == len(shard.texts):
            return cls(positions, face_id, shard.characters, lines.line_starts, lines.text_lines)
        num_lines = np.diff(lines.text_lines)[positions]
        line_ids = spell_out(lines.text_lines[positions], num_lines)
        num_glyphs = np.diff(lines.line_starts)[line_ids]
        characters = shard.characters[spell_out(lines.line_starts[line_ids], num_glyphs)]
        return cls(positions, face_id, characters, seams(num_glyphs), seams(num_lines))

    @property
    def text_starts(self) -> Ints:
        """Seams of texts among the characters, ``(num_texts + 1,)``."""
        return self.line_starts[self.text_lines]

    @property
    def text_of_glyph(self) -> Ints:
        """Number within the group of each glyph's text."""
        return np.repeat(np.arange(self.positions.size), np.diff(self.text_starts))


@dataclass(frozen=True, slots=True, eq=False)
class Composition:
    """A group laid out: everything that raster needs, and which texts it may draw."""

    group: Group
    glyphs: NDArray[np.void]
    """Of each character, dtype ``GLYPH``."""
    placement: Placement
    is_exact: NDArray[np.bool_]
    """Which texts come out as Pillow draws them, ``(num_texts,)``."""

    @property
    def width_px(self) -> Ints:
        """Of each text's canvas."""
        return self.placement.right - self.placement.left

    @property
    def height_px(self) -> Ints:
        """Of each text's canvas."""
        return self.placement.bottom - self.placement.top


class Composer:
    """Glyphs and kerning of all faces, kept between shards."""

    def __init__(self, faces: Faces, metrics: FaceMetrics, table: CharacterTable) -> None:
        self.metrics = metrics
        self._table = table
        self._atlas = GlyphAtlas(faces, metrics)
        self._kerning = KerningTable(faces)

    @property
    def is_over_wide(self) -> bool:
        """So many characters have been met that it is time for a new composer and table."""
        return self._atlas.is_over_wide

    def lay_out(self, group: Group, about_to_draw: Callable[[int], None]) -> Composition:
        """Look up every glyph of a group, drawing new ones, and place them.

        ``about_to_draw`` is told the position of a text before a glyph is drawn for it. Raises
        ``OSError`` where FreeType refuses one.
        """
        text_of_glyph = group.text_of_glyph
        face_of_glyph = group.face_id[text_of_glyph]
        slots = self._atlas.slots(
            face_of_glyph,
            group.characters,
            self._table,
            lambda glyph: about_to_draw(int(group.positions[text_of_glyph[glyph]])),
        )
        # ``take``: indexing an array of records takes thirty times as long.
        glyphs = self._atlas.glyphs.take(slots)
        kerning, is_kerning_known = self._kerning_of(group, face_of_glyph)
        placement = place(
            GlyphRun(
                advance_26_6=glyphs["advance_26_6"] + kerning,
                line_starts=group.line_starts,
                text_lines=group.text_lines,
                line_px=self.metrics.line_px[group.face_id],
            ),
            GlyphBoxes(
                left=glyphs["box_left"],
                right=glyphs["box_right"],
                right_is_hidden=glyphs["box_is_hidden"],
                top=glyphs["box_top"],
                bottom=glyphs["box_bottom"],
            ),
        )
        fits = all_in_ranges(glyphs["fits"], group.text_starts)
        is_exact = placement.is_certain & fits & is_kerning_known
        return Composition(group, glyphs, placement, is_exact)

    def inkless(self, face_id: int, characters: NDArray[np.int32]) -> NDArray[np.int32]:
        """Those of some characters that should leave ink in a face, and leave none."""
        characters = np.unique(characters)
        face_ids = np.full(characters.size, face_id)
        slots = self._atlas.slots(face_ids, characters, self._table, lambda _glyph: None)
        return characters[~self._atlas.glyphs["has_ink"][slots] & ~self._table.is_blank[characters]]

    def draw(
        self, composed: Composition, is_wanted: NDArray[np.bool_]
    ) -> Iterator[tuple[Ints, NDArray[np.uint8]]]:
        """Draw the wanted ones of the exact texts: batches of texts, and their masks side by side.

        Texts are given as numbers within the group. ``cut`` separates the masks.
        """
        group, placement = composed.group, composed.placement
        num_lines = np.diff(group.text_lines)
        width = np.where(is_wanted, composed.width_px, 0)
        text_stops = np.cumsum(width * num_lines)
        line_stops = np.cumsum(np.repeat(width, num_lines))
        line_of_glyph = np.repeat(np.arange(line_stops.size), np.diff(group.line_starts))
        text_of_glyph = group.text_of_glyph
        origin = line_stops[line_of_glyph] - (width + placement.left)[text_of_glyph]
        inked = np.flatnonzero((composed.glyphs["num_columns"] > 0) & is_wanted[text_of_glyph])
        glyphs = composed.glyphs.take(inked)
        start = origin[inked] + placement.pen_px[inked] + glyphs["ink_left"]
        num_columns = glyphs["num_columns"].astype(np.int64)
        first_row = glyphs["first_row"].astype(np.int64)
        glyph_seams = np.searchsorted(text_of_glyph[inked], np.arange(width.size + 1))
        columns = self._atlas.columns(int(self.metrics.stride[group.face_id[0]]))
        for first, last in _batches(text_stops):
            begin = int(text_stops[first - 1]) if first else 0
            batch = slice(*glyph_seams[[first, last]].tolist())
            placed = PlacedGlyphs(start[batch] - begin, num_columns[batch], first_row[batch])
            strip = draw_strip(columns, placed, int(text_stops[last - 1]) - begin)
            texts = first + np.flatnonzero(is_wanted[first:last])
            if texts.size:
                yield texts, cv2.transpose(strip)  # type: ignore[misc]

    def cut(
        self, composed: Composition, texts: Ints, masks: NDArray[np.uint8]
    ) -> list[NDArray[np.uint8]]:
        """Cut masks, or pictures made of them, to one view for each of the group's ``texts``.

        Those of several lines are copied, since their lines lie side by side, too.
        """
        num_lines = np.diff(composed.group.text_lines)[texts]
        columns = composed.width_px[texts] * num_lines
        stop = np.cumsum(columns)
        above = self.metrics.above_px[composed.group.face_id[texts]]
        cuts = zip(
            (above + composed.placement.top[texts]).tolist(),
            (above + composed.placement.bottom[texts]).tolist(),
            (stop - columns).tolist(),
            stop.tolist(),
            num_lines.tolist(),
            strict=True,
        )
        return [
            masks[top:bottom, begin:end]
            if count == 1
            else _stack_lines(masks[top : top + (bottom - top) // count, begin:end], count)
            for top, bottom, begin, end, count in cuts
        ]

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


def _batches(text_stops: Ints) -> Iterator[tuple[int, int]]:
    """Cut texts into batches of at most ``STRIP_ROWS`` columns, but at least one text."""
    first = 0
    while first < text_stops.size:
        begin = int(text_stops[first - 1]) if first else 0
        last = int(np.searchsorted(text_stops, begin + STRIP_ROWS, side="right"))
        last = max(last, first + 1)
        yield first, last
        first = last


def _stack_lines(lines: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """Put ``count`` lines of equal width, side by side, one below the other."""
    height, width, *channels = lines.shape[0], lines.shape[1] // count, *lines.shape[2:]
    stacked = lines.reshape(height, count, width, *channels).swapaxes(0, 1)
    return np.ascontiguousarray(stacked).reshape(count * height, width, *channels)
