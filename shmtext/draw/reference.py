"""The plain way to a text's mask: as Pillow's ``ImageDraw.text`` does, one text at a time.

It is what batch composition must equal, pixel for pixel, and what draws the texts of layout
``basic`` that batches can't: those with glyphs that leave their frame, say. Which these are, and
why some are not drawn at all, is decided elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from shmtext.draw.batch import Pixels
from shmtext.draw.strip import Patch

Mask = Image.Image

MAX_UNMEASURED_PIXELS = 1 << 26
"""Most that a text's masks may come to before its canvas is known, 64 MB: estimated from lengths
of lines, as a picture may be too large to be drawn at all. Lines beyond it are measured first."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture's rectangle, in pixels from the origin of its first line."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width_px(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def height_px(self) -> int:
        """Rows."""
        return self.bottom - self.top


@dataclass(frozen=True, slots=True, eq=False)
class LineTrace:
    """One line laid out: its box, in pixels from the origin of the line, and its mask."""

    left: int
    top: int
    right: int
    bottom: int
    mask: Mask | None
    """Coverage over the box; None while it is not drawn, see ``MAX_UNMEASURED_PIXELS``."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Lines laid out."""

    traces: Sequence[LineTrace]
    canvas: Canvas
    """The least that holds every line's ink and advance whole."""
    pitch_px: tuple[int, int]
    """From one line's origin to the next one's, rightwards and downwards."""

    def origin(self, line: int, x: int, y: int) -> tuple[int, int]:
        """Where on the canvas a point lies, given from the origin of a line, in pixels."""
        across, down = self.pitch_px
        return line * across + x - self.canvas.left, line * down + y - self.canvas.top


def draw_masks(trace: Trace, lines: Sequence[str], face: ImageFont.FreeTypeFont) -> list[Mask]:
    """Coverage of each line over its box; those that were not traced with one are drawn now."""
    return [
        _draw_mask(line, face)[0] if each.mask is None else each.mask
        for line, each in zip(lines, trace.traces, strict=True)
    ]


def trace_lines(lines: Sequence[str], face: ImageFont.FreeTypeFont) -> Trace:
    """Lay lines out, each twice: Pillow tells a line's box with its mask, its advance apart."""
    ascent, descent = face.getmetrics()
    line_px = ascent + descent
    traces: list[LineTrace] = []
    left = top = right = num_pixels = 0
    bottom = len(lines) * line_px
    for number, line in enumerate(lines):
        advance_px = math.ceil(face.getlength(line))
        # As many marks as there are characters may stand one above the other.
        most_pixels = max(advance_px, line_px) * line_px * len(line)
        if num_pixels + most_pixels <= MAX_UNMEASURED_PIXELS:
            mask, (x, y) = _draw_mask(line, face)
            num_pixels += mask.width * mask.height
            trace = LineTrace(x, y, x + mask.width, y + mask.height, mask)
        else:
            box = face.getbbox(line, anchor="la")
            trace = LineTrace(int(box[0]), int(box[1]), int(box[2]), int(box[3]), None)
        traces.append(trace)
        left = min(left, trace.left)
        top = min(top, number * line_px + trace.top)
        right = max(right, trace.right, advance_px)
        bottom = max(bottom, number * line_px + trace.bottom)
    return Trace(traces, Canvas(left, top, right, bottom), (0, line_px))


def _draw_mask(line: str, face: ImageFont.FreeTypeFont) -> tuple[Mask, tuple[int, int]]:
    """Return a line's coverage and its place: size and offset are those of ``getbbox``."""
    core, offset = face.getmask2(line, mode="L", anchor="la")
    return Image.Image()._new(core), offset


def cover(trace: Trace, line_masks: Sequence[Mask]) -> tuple[Pixels, list[Patch]]:
    """Lay masks of lines out on the canvas: coverage, shape ``(height, width)``.

    Lines that reach into rows of earlier ones come as patches: Pillow inks a line after the other,
    and rounds each time, which may be a level off from inking what their coverages come to.
    """
    canvas = Image.new("L", (trace.canvas.width_px, trace.canvas.height_px))
    context = ImageDraw.Draw(canvas)
    patches: list[Patch] = []
    reached = 0
    for number, (line, mask) in enumerate(zip(trace.traces, line_masks, strict=True)):
        left, top = trace.origin(number, line.left, line.top)
        if top < reached:
            patches.append(Patch(top, left, np.asarray(mask)))
        else:
            context.bitmap((left, top), mask, fill=255)
        reached = max(reached, top + mask.height)
    return np.array(canvas), patches
