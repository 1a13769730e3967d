"""Many texts drawn together out of the glyph atlas, pixel for pixel what Pillow draws.

A group of a shard's texts goes through layout at once, then through raster in batches whose faces
share a stride. Texts for which this would not be exact are named, for ``plain.py`` to draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, all_in_ranges
from shmtext.draw.arrange import arrange, ends_26_6
from shmtext.draw.batch import GlyphBoxes, Pixels
from shmtext.draw.boxes import boxes_of_clusters
from shmtext.draw.characters import CharacterTable
from shmtext.draw.glyphs import FaceMetrics
from shmtext.draw.laid import Group, LaidLines, Layout
from shmtext.draw.layout import ControlBoxes, Paragraphs, Placement, place
from shmtext.draw.page import Frame, Pages
from shmtext.draw.raster import PlacedGlyphs, rasterise
from shmtext.draw.seen import is_seen
from shmtext.draw.shape.runs import GlyphRun
from shmtext.draw.stack import StackedLines, stack
from shmtext.draw.strip import Cells, Strip

STRIP_ROWS = 32_768
"""Columns of pictures drawn by one set of numpy calls: some 128 pictures."""

KEPT_BYTES = 8 << 20
"""Room that is kept to draw strips in, enough for faces of up to 200 px; what is never used of it
takes no memory. New room for each strip costs 2 us a picture, as the system hands out zeroed pages.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Composition:
    """A group laid out: everything that raster needs, and which texts it may draw."""

    group: Group
    laid: LaidLines
    glyphs: NDArray[np.void]
    """Of each glyph of the run, dtype ``GLYPH``."""
    paragraphs: Paragraphs
    placement: Placement
    frame: Frame
    has_pages: bool
    """Whether it was laid out as pages say."""
    is_exact: NDArray[np.bool_]
    """Which texts come out as Pillow draws them, ``(num_texts,)``; some of several lines may turn
    out not to when they are drawn."""


class Composer:
    """Draws texts of one layout; its glyphs are kept between shards."""

    def __init__(
        self, metrics: FaceMetrics, table: CharacterTable, layout: Layout, *, with_boxes: bool
    ) -> None:
        self.metrics = metrics
        self._table = table
        self._layout = layout
        self._with_boxes = with_boxes
        self._kept = np.empty(KEPT_BYTES, np.uint8)

    def lay_out(
        self, group: Group, about_to_draw: Callable[[int], None], pages: Pages | None = None
    ) -> Composition:
        """Look up every glyph of a group, drawing new ones, and place them as ``pages`` say.

        ``about_to_draw`` is told the position of a text before a glyph is drawn for it. Raises
        ``OSError`` where FreeType refuses one.
        """
        group = group.on_pages(pages)
        laid = self._layout.lay(group, about_to_draw)
        if pages is not None:
            laid = self._arranged(group, laid, pages, about_to_draw)
        paragraphs = self._paragraphs(group, pages)
        glyphs, placement = self._place(laid, paragraphs)
        text_of_glyph = laid.text_of_glyph
        is_open = placement.pen_px + glyphs["box_left"] < placement.left[text_of_glyph]
        if is_open.any():
            for at in np.flatnonzero(is_open).tolist():
                face_id = int(group.face_id[text_of_glyph[at]])
                about_to_draw(int(group.positions[text_of_glyph[at]]))
                self._layout.atlas.sharpen(int(laid.slots[at]), face_id, int(laid.run.glyph[at]))
            glyphs, placement = self._place(laid, paragraphs)
        fits = all_in_ranges(glyphs["fits"], laid.run.line_starts[group.text_lines])
        seen = is_seen(group, laid, glyphs["has_ink"], self._table.is_blank)
        is_exact = placement.is_certain & fits & laid.is_known & seen
        frame = Frame.of(placement.extent(paragraphs, group.is_rtl), pages)
        return Composition(
            group, laid, glyphs, paragraphs, placement, frame, pages is not None, is_exact
        )

    def ends_26_6(
        self, group: Group, pages: Pages | None, about_to_draw: Callable[[int], None]
    ) -> Ints:
        """How far each of a group's texts goes, of one line each, in 64ths of a pixel."""
        group = group.on_pages(pages)
        return ends_26_6(group, self._layout.run(group, about_to_draw), pages, self._table)

    def _arranged(
        self, group: Group, laid: LaidLines, pages: Pages, about_to_draw: Callable[[int], None]
    ) -> LaidLines:
        """Lines as ``pages`` have them."""
        of_words: list[LaidLines] = []

        def shape_words(words: Group, _: Ints) -> GlyphRun:
            of_words.append(self._layout.lay(words, about_to_draw))
            return of_words[0].run

        arranged = arrange(group, laid.run, pages, self._table, shape_words)
        if arranged.source is None:
            return replace(laid, run=arranged.run)
        (words,) = of_words
        line_of_glyph = arranged.run.line_of_glyph
        is_known = laid.is_known.copy()
        is_known[group.text_of_line[arranged.justified]] &= words.is_known
        return LaidLines(
            run=arranged.run,
            line_of_glyph=line_of_glyph,
            text_of_glyph=group.text_of_line[line_of_glyph],
            slots=np.concatenate([laid.slots, words.slots])[arranged.source],
            is_known=is_known,
        )

    def _paragraphs(self, group: Group, pages: Pages | None) -> Paragraphs:
        line_px = self.metrics.line_px[group.face_id]
        if pages is None:
            return Paragraphs(group.text_lines, line_px, line_px, group.is_rtl)
        pitch_px, is_flush_right = line_px + pages.more_pitch_px, pages.is_flush_right(group.is_rtl)
        return Paragraphs(group.text_lines, line_px, pitch_px, is_flush_right)

    def _place(self, laid: LaidLines, paragraphs: Paragraphs) -> tuple[NDArray[np.void], Placement]:
        # ``take``: indexing an array of records takes thirty times as long.
        glyphs = self._layout.atlas.glyphs.take(laid.slots)
        boxes = ControlBoxes(
            left=glyphs["box_left"],
            right=glyphs["box_right"],
            least_left=glyphs["least_left"],
            least_right=glyphs["least_right"],
            top=glyphs["box_top"],
            bottom=glyphs["box_bottom"],
        )
        return glyphs, place(laid.run, boxes, paragraphs)

    def strips(
        self, composed: Composition, is_wanted: NDArray[np.bool_], alone: list[int]
    ) -> Iterator[Strip]:
        """Draw the masks of the wanted ones of the exact texts, a batch at a time.

        Positions of texts whose lines turn out to meet are added to ``alone``.
        """
        ink = PlacedInk.of(composed, is_wanted)
        boxes = _boxes(composed, ink) if self._with_boxes else None
        group = composed.group
        num_lines = np.diff(group.text_lines)
        strides = self.metrics.stride[group.face_id]
        for first, last in _batches(ink.text_stops, strides, num_lines):
            texts = first + np.flatnonzero(is_wanted[first:last])
            if not texts.size:
                continue
            columns = self._rasterised(composed, ink, first, last)
            if num_lines[first] == 1:
                masks, cells = self._single(composed, texts, columns)
            else:
                lines = cv2.transpose(columns)
                masks, cells, meets = self._stacked(composed, texts, lines)  # type: ignore[arg-type]
                alone += group.positions[texts[meets]].tolist()
                cells, texts = cells.take(np.flatnonzero(~meets)), texts[~meets]
            if texts.size:
                positions = group.positions[texts]
                yield Strip(
                    positions,
                    masks,
                    cells,
                    boxes=boxes and boxes.take(texts),
                    top_px=composed.frame.top[texts] if composed.has_pages else None,
                )

    def _single(
        self, composed: Composition, texts: Ints, columns: NDArray[np.uint8]
    ) -> tuple[Pixels, Cells]:
        """Masks of texts of one line, with room around them; ``columns`` are those of them all."""
        frame = composed.frame
        height = frame.height_px[texts]
        right = np.cumsum(frame.width_px[texts])
        top = self.metrics.above_px[composed.group.face_id[texts]] - frame.top[texts]
        above = max(-int(top.min()), 0)
        num_rows = max(int((top + height).max()), columns.shape[1]) + above
        left = right - frame.width_px[texts]
        cells = Cells(top + above, top + above + height, left, right)
        if num_rows == columns.shape[1]:
            return cv2.transpose(columns), cells  # type: ignore[return-value]
        masks = np.zeros((num_rows, columns.shape[0]), np.uint8)
        cv2.transpose(columns, dst=masks[above : above + columns.shape[1]])
        return masks, cells

    def _stacked(
        self, composed: Composition, texts: Ints, strip: Pixels
    ) -> tuple[Pixels, Cells, NDArray[np.bool_]]:
        """Masks of texts of several lines, as many each, and in which of them lines meet."""
        frame, placement = composed.frame, composed.placement
        width, height = frame.width_px[texts], frame.height_px[texts]
        text_lines = composed.group.text_lines
        num_lines = int(text_lines[texts[0] + 1] - text_lines[texts[0]])
        lines = (text_lines[texts][:, None] + np.arange(num_lines)).reshape(-1)
        above = np.repeat(self.metrics.above_px[composed.group.face_id[texts]], num_lines)
        top = composed.paragraphs.line_tops_px[lines] + np.repeat(frame.top[texts], num_lines)
        first, stop = placement.line_top[lines], placement.line_bottom[lines]
        # Of rows that a picture has no room for nothing is drawn: they are blank.
        first = np.maximum(first, -top)
        stop = np.maximum(np.minimum(stop, np.repeat(height, num_lines) - top), first)
        line_width = np.repeat(width, num_lines)
        stacked, meets = stack(
            strip,
            StackedLines(
                np.cumsum(line_width) - line_width, above + first, above + stop, top + first
            ),
            width,
            height,
        )
        none, right = np.zeros_like(height), np.cumsum(width)
        return stacked, Cells(none, height, right - width, right), meets

    def _rasterised(
        self, composed: Composition, ink: PlacedInk, first: int, last: int
    ) -> NDArray[np.uint8]:
        """Draw the lines of the group's texts ``[first, last)``, of one stride, side by side.

        Shape ``(num_columns, stride)``: a row is a column of the masks.
        """
        begin = int(ink.text_stops[first - 1]) if first else 0
        batch = ink.of_texts(first, last)
        placed = PlacedGlyphs(
            ink.start[batch] - begin, ink.num_columns[batch], ink.first_row[batch]
        )
        columns = self._layout.atlas.columns(
            int(self.metrics.stride[composed.group.face_id[first]])
        )
        transposed = self._room(int(ink.text_stops[last - 1]) - begin, columns.shape[1])
        rasterise(columns, placed, transposed)
        return transposed

    def _room(self, num_rows: int, stride: int) -> NDArray[np.uint8]:
        num_bytes = num_rows * stride
        if num_bytes > KEPT_BYTES:
            return np.empty((num_rows, stride), np.uint8)
        return self._kept[:num_bytes].reshape(num_rows, stride)


@dataclass(frozen=True, slots=True, eq=False)
class PlacedInk:
    """Glyphs with ink of a group's wanted texts, as if these made one long strip.

    Arrays have shape ``(num_glyphs,)``.
    """

    index: Ints
    """Of each glyph among the run's."""
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
        group, placement, frame = composed.group, composed.placement, composed.frame
        num_lines = np.diff(group.text_lines)
        width = np.where(is_wanted, frame.width_px, 0)
        line_width = np.repeat(width, num_lines)
        line_starts = np.cumsum(line_width) - line_width
        origin = line_starts + np.repeat(frame.left, num_lines)
        has_ink = composed.glyphs["num_columns"] > 0
        if not is_wanted.all():
            has_ink &= is_wanted[composed.laid.text_of_glyph]
        index = np.flatnonzero(has_ink)
        line_of_ink, text_of_ink = (
            of_glyph[index]
            for of_glyph in (composed.laid.line_of_glyph, composed.laid.text_of_glyph)
        )
        glyphs = composed.glyphs.take(index)
        return cls(
            index=index,
            glyphs=glyphs,
            start=origin[line_of_ink] + placement.pen_px[index] + glyphs["ink_left"],
            num_columns=glyphs["num_columns"].astype(np.int64),
            first_row=glyphs["first_row"].astype(np.int64),
            text_seams=np.searchsorted(text_of_ink, np.arange(width.size + 1)),
            text_stops=np.cumsum(width * num_lines),
            line_starts=line_starts,
        )

    def of_texts(self, first: int, last: int) -> slice:
        """Which of the glyphs belong to the texts ``[first, last)``."""
        return slice(int(self.text_seams[first]), int(self.text_seams[last]))


def _boxes(composed: Composition, ink: PlacedInk) -> GlyphBoxes:
    """Box the ink of each cluster that has any; texts are all of the group's."""
    group = composed.group
    text_of_line = group.text_of_line
    number_in_text = np.arange(text_of_line.size) - group.text_lines[text_of_line]
    line_top = composed.paragraphs.line_tops_px + composed.frame.top[text_of_line]
    # A newline stands before every line but the first.
    label_start = group.text_starts[text_of_line] - number_in_text
    line = composed.laid.line_of_glyph[ink.index]
    glyph_top = line_top[line] + ink.glyphs["ink_top"]
    left = ink.start - ink.line_starts[line]
    height = ink.glyphs["ink_bottom"] - ink.glyphs["ink_top"]
    cluster = group.line_starts[line] + composed.laid.run.cluster[ink.index] - label_start[line]
    sides = np.stack([left, glyph_top, left + ink.num_columns, glyph_top + height])
    return boxes_of_clusters(ink.text_seams, cluster, sides)


def _batches(text_stops: Ints, strides: Ints, num_lines: Ints) -> Iterator[tuple[int, int]]:
    """Divide texts into batches of one stride, as many lines each, and at most ``STRIP_ROWS``
    columns.

    But of at least one text.
    """
    is_end = (np.diff(strides) != 0) | (np.diff(num_lines) != 0)
    ends = np.append(np.flatnonzero(is_end) + 1, strides.size)
    first = 0
    while first < text_stops.size:
        begin = int(text_stops[first - 1]) if first else 0
        last = int(np.searchsorted(text_stops, begin + STRIP_ROWS, side="right"))
        last = min(max(last, first + 1), int(ends[np.searchsorted(ends, first, side="right")]))
        yield first, last
        first = last
