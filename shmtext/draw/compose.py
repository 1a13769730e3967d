"""Many texts drawn together out of the glyph atlas, pixel for pixel what Pillow draws.

A group of texts whose faces share a stride goes through layout at once, then through raster in
batches. Texts for which this would not be exact are named, for ``plain.py`` to draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, all_in_ranges, seams, spell_out
from shmtext.draw.batch import GlyphBoxes
from shmtext.draw.boxes import corners
from shmtext.draw.characters import CharacterTable
from shmtext.draw.faces import Faces
from shmtext.draw.glyphs import FaceMetrics, GlyphAtlas
from shmtext.draw.kerning import NOT_HELD, OUT_OF_BOUNDS, KerningTable
from shmtext.draw.layout import ControlBoxes, GlyphRun, Placement, place
from shmtext.draw.raster import PlacedGlyphs, rasterise
from shmtext.draw.strip import Cells, Strip
from shmtext.draw.texts import ShardTexts

STRIP_ROWS = 32_768
"""Columns of pictures drawn by one set of numpy calls: some 128 pictures."""

KEPT_BYTES = 8 << 20
"""Room that is kept to draw strips in, enough for faces of up to 200 px; what is never used of it
takes no memory. New room for each strip costs 2 us a picture, as the system hands out zeroed pages.
"""


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
    def line_of_glyph(self) -> Ints:
        """Number within the group of each glyph's line."""
        return np.repeat(np.arange(self.line_starts.size - 1), np.diff(self.line_starts))

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
    line_px: Ints
    """From one line's top to the next one's, of each text."""
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

    def __init__(
        self, faces: Faces, metrics: FaceMetrics, table: CharacterTable, *, with_boxes: bool
    ) -> None:
        self.metrics = metrics
        self._with_boxes = with_boxes
        self._kept = np.empty(KEPT_BYTES, np.uint8)
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
        line_px = self.metrics.line_px[group.face_id]
        placement = place(
            GlyphRun(
                advance_26_6=glyphs["advance_26_6"] + kerning,
                line_starts=group.line_starts,
                text_lines=group.text_lines,
                line_px=line_px,
            ),
            ControlBoxes(
                left=glyphs["box_left"],
                right=glyphs["box_right"],
                right_is_hidden=glyphs["box_is_hidden"],
                top=glyphs["box_top"],
                bottom=glyphs["box_bottom"],
            ),
        )
        fits = all_in_ranges(glyphs["fits"], group.text_starts)
        is_exact = placement.is_certain & fits & is_kerning_known
        return Composition(group, glyphs, line_px, placement, is_exact)

    def inkless(self, face_id: int, characters: NDArray[np.int32]) -> NDArray[np.int32]:
        """Those of some characters that should leave ink in a face, and leave none."""
        characters = np.unique(characters)
        face_ids = np.full(characters.size, face_id)
        slots = self._atlas.slots(face_ids, characters, self._table, lambda _glyph: None)
        return characters[~self._atlas.glyphs["has_ink"][slots] & ~self._table.is_blank[characters]]

    def strips(self, composed: Composition, is_wanted: NDArray[np.bool_]) -> Iterator[Strip]:
        """Draw the masks of the wanted ones of the exact texts, a batch at a time."""
        ink = PlacedInk.of(composed, is_wanted)
        boxes = _boxes(composed, ink) if self._with_boxes else None
        for first, last in _batches(ink.text_stops):
            texts = first + np.flatnonzero(is_wanted[first:last])
            if texts.size:
                masks = self.rasterise(composed, ink, first, last)
                positions = composed.group.positions[texts]
                cells = self._cells(composed, texts)
                yield Strip(positions, masks, cells, boxes=boxes and boxes.of_texts(texts))

    def rasterise(
        self, composed: Composition, ink: PlacedInk, first: int, last: int
    ) -> NDArray[np.uint8]:
        """Draw the masks of the group's texts ``[first, last)`` side by side."""
        begin = int(ink.text_stops[first - 1]) if first else 0
        batch = ink.of_texts(first, last)
        placed = PlacedGlyphs(
            ink.start[batch] - begin, ink.num_columns[batch], ink.first_row[batch]
        )
        columns = self._atlas.columns(int(self.metrics.stride[composed.group.face_id[0]]))
        transposed = self._room(int(ink.text_stops[last - 1]) - begin, columns.shape[1])
        rasterise(columns, placed, transposed)
        return cv2.transpose(transposed)  # type: ignore[return-value]

    def _room(self, num_rows: int, stride: int) -> NDArray[np.uint8]:
        num_bytes = num_rows * stride
        if num_bytes > KEPT_BYTES:
            return np.empty((num_rows, stride), np.uint8)
        return self._kept[:num_bytes].reshape(num_rows, stride)

    def _cells(self, composed: Composition, texts: Ints) -> Cells:
        """Where some of the group's texts lie in the strip that they make."""
        num_lines = np.diff(composed.group.text_lines)[texts]
        columns = composed.width_px[texts] * num_lines
        right = np.cumsum(columns)
        top = self.metrics.above_px[composed.group.face_id[texts]] + composed.placement.top[texts]
        # Texts of several lines have no ink outside of these, which then are all of one height.
        bottom = top + composed.height_px[texts] // num_lines
        return Cells(top, bottom, right - columns, right, num_lines)

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


@dataclass(frozen=True, slots=True, eq=False)
class PlacedInk:
    """Glyphs with ink of a group's wanted texts, as if these made one long strip.

    Arrays have shape ``(num_glyphs,)``.
    """

    index: Ints
    """Of each glyph among the group's characters."""
    glyphs: NDArray[np.void]
    """Dtype ``GLYPH``."""
    start: Ints
    """First column in the strip."""
    num_columns: Ints
    first_row: Ints
    """Of the atlas."""
    text_seams: Ints
    """Of the group's texts among these glyphs, ``(num_texts + 1,)``."""
    text_stops: Ints
    """Column of the strip behind each of the group's texts, ``(num_texts,)``."""
    line_starts: Ints
    """Column of the strip at which each of the group's lines begins, ``(num_lines,)``."""

    @classmethod
    def of(cls, composed: Composition, is_wanted: NDArray[np.bool_]) -> PlacedInk:
        """Find the ink of the wanted texts, and lay their lines side by side."""
        group, placement = composed.group, composed.placement
        num_lines = np.diff(group.text_lines)
        width = np.where(is_wanted, composed.width_px, 0)
        line_width = np.repeat(width, num_lines)
        line_starts = np.cumsum(line_width) - line_width
        text_of_glyph = group.text_of_glyph
        origin = line_starts[group.line_of_glyph] - placement.left[text_of_glyph]
        index = np.flatnonzero((composed.glyphs["num_columns"] > 0) & is_wanted[text_of_glyph])
        glyphs = composed.glyphs.take(index)
        return cls(
            index=index,
            glyphs=glyphs,
            start=origin[index] + placement.pen_px[index] + glyphs["ink_left"],
            num_columns=glyphs["num_columns"].astype(np.int64),
            first_row=glyphs["first_row"].astype(np.int64),
            text_seams=np.searchsorted(text_of_glyph[index], np.arange(width.size + 1)),
            text_stops=np.cumsum(width * num_lines),
            line_starts=line_starts,
        )

    def of_texts(self, first: int, last: int) -> slice:
        """Which of the glyphs belong to the texts ``[first, last)``."""
        return slice(int(self.text_seams[first]), int(self.text_seams[last]))


def _boxes(composed: Composition, ink: PlacedInk) -> GlyphBoxes:
    """Box the ink of each glyph that has any; texts are all of the group's."""
    group, top = composed.group, composed.placement.top
    text_of_line = np.repeat(np.arange(top.size), np.diff(group.text_lines))
    number_in_text = np.arange(text_of_line.size) - group.text_lines[text_of_line]
    line_top = number_in_text * composed.line_px[text_of_line] - top[text_of_line]
    # A newline stands before every line but the first.
    label_start = group.text_starts[text_of_line] - number_in_text
    line = group.line_of_glyph[ink.index]
    glyph_top = line_top[line] + ink.glyphs["ink_top"]
    left = ink.start - ink.line_starts[line]
    height = ink.glyphs["ink_bottom"] - ink.glyphs["ink_top"]
    return GlyphBoxes(
        seams=ink.text_seams,
        cluster=ink.index - label_start[line],
        corners=corners(left, glyph_top, left + ink.num_columns, glyph_top + height),
    )


def _batches(text_stops: Ints) -> Iterator[tuple[int, int]]:
    """Divide texts into batches of at most ``STRIP_ROWS`` columns, but at least one text."""
    first = 0
    while first < text_stops.size:
        begin = int(text_stops[first - 1]) if first else 0
        last = int(np.searchsorted(text_stops, begin + STRIP_ROWS, side="right"))
        last = max(last, first + 1)
        yield first, last
        first = last
