"""Where lines and glyphs go in their pictures. Numbers only: no pixel is touched here.

A text's geometry: each line starts at the left edge, the ``k``-th at ``k`` times a pitch below the
top: the face's ascent + descent, unless lines are spaced otherwise. The canvas is the least
rectangle that holds, of every line, the box from its start to its advance (rounded up) and from
ascent to descent, and its ink, which is what Pillow's ``getbbox`` calls so; ink that leaves that
box to the left or above moves the origin. Lines of a right-to-left paragraph end where its longest
line does. Where a canvas is in its picture is ``page.py``'s.

All arithmetic is on the glyphs of many texts at once. Pen positions are in 64ths of a pixel and
rounded where Pillow rounds them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints
from shmtext.draw.page import Extent
from shmtext.draw.shape.runs import GlyphRun, Int32s


@dataclass(frozen=True, slots=True, eq=False)
class Paragraphs:
    """Which lines make a text, and how these stand; no text is without a line."""

    text_lines: Ints
    """Seams of texts among the lines, ``(num_texts + 1,)``."""
    line_px: Ints
    """Ascent + descent of each text's face, ``(num_texts,)``."""
    pitch_px: Ints
    """From the top of one line to that of the next, ``(num_texts,)``."""
    is_flush_right: NDArray[np.bool_]
    """Texts whose lines end at the right edge, ``(num_texts,)``."""

    @property
    def line_tops_px(self) -> Ints:
        """Of each line below that of its text's first, ``(num_lines,)``."""
        num_lines = np.diff(self.text_lines)
        number = np.arange(self.text_lines[-1]) - np.repeat(self.text_lines[:-1], num_lines)
        tops: Ints = number * np.repeat(self.pitch_px, num_lines)
        return tops


@dataclass(frozen=True, slots=True, eq=False)
class ControlBoxes:
    """Control boxes of a run's glyphs, relative to pen and line top, in pixels."""

    left: Int32s
    """At most; likewise the next."""
    right: Int32s
    least_left: Int32s
    """At least; likewise the next. Where sides are known, those are these."""
    least_right: Int32s
    top: Int32s
    bottom: Int32s


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where a run's glyphs go. Pixels from the texts' origin: top left of the first line."""

    pen_px: Ints
    """Of each glyph, ``(num_glyphs,)``."""
    left: Ints
    """Of each canvas, 0 or negative, ``(num_texts,)``; likewise those below."""
    right: Ints
    top: Ints
    bottom: Ints
    ink_top: Ints
    """Of control boxes, ``(num_texts,)``; 0 where there is none. Likewise the next."""
    ink_bottom: Ints
    line_top: Ints
    """First row that each line takes, its ink's or its box's, below its own top: 0 or negative,
    ``(num_lines,)``."""
    line_bottom: Ints
    """Behind the last one, likewise."""
    is_certain: NDArray[np.bool_]
    """Whether these numbers are Pillow's beyond doubt."""

    def extent(self, paragraphs: Paragraphs, is_rtl: NDArray[np.bool_]) -> Extent:
        """What the texts take, for pictures to be framed around them."""
        return Extent(
            left=self.left,
            right=self.right,
            top=self.top,
            bottom=self.bottom,
            ink_top=self.ink_top,
            ink_bottom=self.ink_bottom,
            line_px=paragraphs.line_px,
            pitch_px=paragraphs.pitch_px,
            num_lines=np.diff(paragraphs.text_lines),
            is_rtl=is_rtl,
        )


def place(run: GlyphRun, boxes: ControlBoxes, paragraphs: Paragraphs) -> Placement:
    """Lay out every text of a run; one set of numpy calls, whatever their number."""
    text_lines, line_px = paragraphs.text_lines, paragraphs.line_px
    num_lines = np.diff(text_lines)
    pen_px = (run.x_26_6 + 32) >> 6
    # A line's advance is held whole: where it ends is rounded up, not to nearest.
    line_end = (run.end_26_6 + 63) >> 6
    line_right = np.maximum((run.furthest_26_6 + 32) >> 6, line_end)
    if paragraphs.is_flush_right.any():
        longest = np.repeat(np.maximum.reduceat(line_end, text_lines[:-1]), num_lines)
        is_moved = np.repeat(paragraphs.is_flush_right, num_lines)
        shift = np.where(is_moved, longest - line_end, 0)
        line_right += shift
        pen_px += np.repeat(shift, np.diff(run.line_starts))

    starts = run.line_starts[text_lines]
    pen_right = np.maximum(np.maximum.reduceat(line_right, text_lines[:-1]), 0)
    right = np.maximum(pen_right, _extreme(np.maximum, pen_px + boxes.least_right, starts))
    most_right = right
    if (boxes.right != boxes.least_right).any():
        most_right = _extreme(np.maximum, pen_px + boxes.right, starts)
    left = np.minimum(_extreme(np.minimum, pen_px + boxes.least_left, starts), 0)
    most_left = _extreme(np.minimum, pen_px + boxes.left, starts)

    # Rows of lines, then of texts, which often are the same.
    ink_top = _extreme(np.minimum, boxes.top, run.line_starts)
    ink_bottom = _extreme(np.maximum, boxes.bottom, run.line_starts)
    if num_lines.size == text_lines[-1]:
        line_top, line_bottom = np.minimum(ink_top, 0), np.maximum(ink_bottom, line_px)
        top, bottom = line_top, line_bottom
    else:
        tops, firsts = paragraphs.line_tops_px, text_lines[:-1]
        line_top = np.minimum(ink_top, 0)
        line_bottom = np.maximum(ink_bottom, np.repeat(line_px, num_lines))
        top = np.minimum.reduceat(tops + line_top, firsts)
        bottom = np.maximum.reduceat(tops + line_bottom, firsts)
        ink_top = np.minimum.reduceat(tops + ink_top, firsts)
        ink_bottom = np.maximum.reduceat(tops + ink_bottom, firsts)
    return Placement(
        pen_px=pen_px,
        left=left,
        right=right,
        top=top,
        bottom=bottom,
        ink_top=ink_top,
        ink_bottom=ink_bottom,
        line_top=line_top,
        line_bottom=line_bottom,
        is_certain=(most_right <= right) & (most_left >= left),
    )


def _extreme(of: np.ufunc, values: NDArray[np.integer], starts: Ints) -> Ints:
    """The least or greatest of each range between ``starts``; 0 of those without any value."""
    is_empty = starts[1:] == starts[:-1]
    if not is_empty.any():
        found: Ints = of.reduceat(values, starts[:-1])
        return found
    return np.where(is_empty, 0, of.reduceat(np.append(values, 0), starts[:-1]))
