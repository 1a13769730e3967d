"""Where lines and glyphs go in their pictures. Numbers only: no pixel is touched here.

A picture's geometry: each line starts at the left edge, the ``k``-th at ``k`` times the face's
ascent + descent below the top. The canvas is the least rectangle that holds, of every line, the
box from its start to its advance (rounded up) and from ascent to descent, and its ink, which is
what Pillow's ``getbbox`` calls so; ink that leaves that box to the left or above moves the origin.

All arithmetic is on the glyphs of many texts at once. Pen positions are in 64ths of a pixel and
rounded where Pillow rounds them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, seams

Int32s = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class GlyphRun:
    """Glyphs of some texts in reading order.

    Arrays of glyphs have shape ``(num_glyphs,)``. No text is empty; a line may be.
    """

    advance_26_6: Ints
    """Kerning included."""
    line_starts: Ints
    """Seams of lines among the glyphs, ``(num_lines + 1,)``."""
    text_lines: Ints
    """Seams of texts among the lines, ``(num_texts + 1,)``."""
    line_px: Ints
    """Ascent + descent of each text's face, ``(num_texts,)``."""


@dataclass(frozen=True, slots=True, eq=False)
class ControlBoxes:
    """Control boxes of a run's glyphs, relative to pen and line top, in pixels."""

    left: Int32s
    right: Int32s
    right_is_hidden: NDArray[np.bool_]
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
    is_certain: NDArray[np.bool_]
    """Whether these numbers are Pillow's beyond doubt, and no two lines' ink can meet."""


def place(run: GlyphRun, boxes: ControlBoxes) -> Placement:
    """Lay out every text of a run; one set of numpy calls, whatever their number."""
    num_glyphs = np.diff(run.line_starts)
    pen = seams(run.advance_26_6)
    pen_after = pen[1:] - np.repeat(pen[run.line_starts[:-1]], num_glyphs)
    pen_px = (pen_after - run.advance_26_6 + 32) >> 6
    # A line's advance is held whole: its last pen position is rounded up, not to nearest.
    round_up = np.full(pen_after.size, 32, np.int64)
    round_up[run.line_starts[1:][num_glyphs > 0] - 1] = 63
    advance_end = (pen_after + round_up) >> 6

    starts = run.line_starts[run.text_lines[:-1]]
    box_right = pen_px + boxes.right
    visible_right = np.where(boxes.right_is_hidden, advance_end, np.maximum(box_right, advance_end))
    right = np.maximum(np.maximum.reduceat(visible_right, starts), 0)
    most_right = np.maximum(np.maximum.reduceat(box_right, starts), 0)
    left = np.minimum(np.minimum.reduceat(pen_px + boxes.left, starts), 0)

    num_lines = np.diff(run.text_lines)
    height = num_lines * run.line_px
    top = np.minimum(np.minimum.reduceat(boxes.top, starts), 0)
    bottom = np.maximum(np.maximum.reduceat(boxes.bottom, starts), run.line_px)
    leaves_line = (top < 0) | (bottom > run.line_px)
    return Placement(
        pen_px=pen_px,
        left=left,
        right=right,
        top=top,
        bottom=bottom - run.line_px + height,
        is_certain=(most_right <= right) & ~(leaves_line & (num_lines > 1)),
    )
