"""One text at a time from its shaped lines: each glyph drawn, and laid where shaping has it.

For what batches can't place: glyphs that leave their face's frame, lines whose ink meets, lines
from top to bottom, texts in several fonts. Rules of placing and combining are Pillow's
(``bounding_box_and_anchors`` and ``font_render`` of its ``_imagingft.c``), as in ``layout.py`` and
``raster.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from shmtext.corpus.ranges import Ints
from shmtext.draw.batch import GlyphBoxes
from shmtext.draw.boxes import boxes_of_clusters
from shmtext.draw.freetype import Box
from shmtext.draw.page import CENTER, RIGHT
from shmtext.draw.raster import combine
from shmtext.draw.reference import Canvas, LineTrace, Mask, Setting, Trace
from shmtext.draw.shape.runs import GlyphRun
from shmtext.draw.sources import DrawnGlyph, NumberedGlyphs


@dataclass(frozen=True, slots=True, eq=False)
class PlacedText:
    """A text's glyphs with their places; arrays have shape ``(num_glyphs,)``."""

    glyphs: Sequence[DrawnGlyph]
    x_px: Ints
    """Of each glyph's pen, rightwards from the origin of its line; likewise ``y_px`` downwards."""
    y_px: Ints
    line_starts: Ints
    trace: Trace
    """Where its lines are; they have no masks yet."""

    def masks(self) -> list[Mask]:
        """Coverage of each line over its box."""
        masks = []
        for number, line in enumerate(self.trace.traces):
            mask = np.zeros((line.bottom - line.top, line.right - line.left), np.uint8)
            for at in range(int(self.line_starts[number]), int(self.line_starts[number + 1])):
                glyph = self.glyphs[at]
                x, y = int(self.x_px[at]) - line.left, int(self.y_px[at]) - line.top
                left, top, right, bottom = glyph.ink
                under = mask[y + top : y + bottom, x + left : x + right]
                under[:] = combine(under, glyph.mask)
            masks.append(Image.fromarray(mask))
        return masks

    def boxes(self, setting: Setting, label_starts: Ints, cluster: Ints) -> GlyphBoxes:
        """Box each cluster with ink, in the picture.

        ``label_starts`` is where each line begins in the label, ``cluster`` that of each glyph
        within its line.
        """
        line = np.repeat(np.arange(self.line_starts.size - 1), np.diff(self.line_starts))
        ink = np.array([glyph.ink for glyph in self.glyphs], np.int64).reshape(-1, 4).T
        x, y = setting.origin(line, self.x_px, self.y_px)
        sides = ink + np.stack([x, y, x, y])
        inked = np.flatnonzero(ink[2] > ink[0])
        return boxes_of_clusters(
            np.array([0, inked.size]), (label_starts[line] + cluster)[inked], sides[:, inked]
        )


@dataclass(frozen=True, slots=True, eq=False)
class ShapedText:
    """One text's glyphs as shaping has them, and how high its lines are."""

    run: GlyphRun
    face_of_glyph: Ints
    is_flush_right: bool
    ascent_px: int
    line_px: int
    """Ascent + descent."""
    pitch_px: int
    """From line to line."""

    def drawn(self, source: NumberedGlyphs) -> list[DrawnGlyph]:
        """Draw each glyph. Raises ``OSError`` where FreeType refuses one."""
        keys = list(zip(self.face_of_glyph.tolist(), self.run.glyph.tolist(), strict=True))
        drawn = {key: source.draw_exactly(*key) for key in set(keys)}
        return [drawn[key] for key in keys]


def place_text(text: ShapedText, source: NumberedGlyphs) -> PlacedText:
    """Place a text's glyphs. Raises ``OSError`` where FreeType refuses one."""
    run, line_px, pitch_px = text.run, text.line_px, text.pitch_px
    glyphs = text.drawn(source)
    line_end = (run.end_26_6 + 63) >> 6
    shift = line_end.max() - line_end if text.is_flush_right else np.zeros_like(line_end)
    x_px = ((run.x_26_6 + 32) >> 6) + np.repeat(shift, np.diff(run.line_starts))
    y_px = text.ascent_px - ((run.y_26_6 + 32) >> 6)
    furthest = (((run.furthest_26_6 + 32) >> 6) + shift).tolist()
    # The pen's way is part of a line's box, as it is of Pillow's.
    ways = [(0, text.ascent_px, max(right, 0), text.ascent_px) for right in furthest]
    traces = _traces(glyphs, x_px, y_px, run.line_starts, ways)
    widest = int((line_end + shift).max())
    tops = [number * pitch_px for number in range(len(traces))]
    lines = [(0, top, widest, top + line_px) for top in tops]
    trace = Trace(traces, _canvas(traces, lines, (0, pitch_px)), (0, pitch_px))
    return PlacedText(glyphs, x_px, y_px, run.line_starts, trace)


def place_columns(text: ShapedText, source: NumberedGlyphs, align: int) -> PlacedText:
    """Likewise for a text whose lines go from top to bottom, the first of them rightmost.

    A column is as wide as a line is high, its pen in the middle. Where ``align`` is ``RIGHT``
    columns end where the longest does, where it is ``CENTER`` they stand in the middle.
    """
    run, line_px = text.run, text.line_px
    glyphs = text.drawn(source)
    ends = (run.end_26_6 + 63) >> 6
    longest = int(ends.max())
    shift = {RIGHT: longest - ends, CENTER: (longest - ends) // 2}.get(align, np.zeros_like(ends))
    x_px = line_px // 2 + ((run.x_26_6 + 32) >> 6)
    y_px = np.repeat(shift, np.diff(run.line_starts)) - ((run.y_26_6 + 32) >> 6)
    lowest = (shift - ((32 - run.furthest_26_6) >> 6)).tolist()
    ways = [(line_px // 2, 0, line_px // 2, max(bottom, 0)) for bottom in lowest]
    traces = _traces(glyphs, x_px, y_px, run.line_starts, ways)
    rights = [line_px - at * text.pitch_px for at in range(len(traces))]
    lines = [(right - line_px, 0, right, longest) for right in rights]
    pitch_px = -text.pitch_px, 0
    return PlacedText(
        glyphs,
        x_px,
        y_px,
        run.line_starts,
        Trace(traces, _canvas(traces, lines, pitch_px), pitch_px),
    )


def _traces(
    glyphs: Sequence[DrawnGlyph], x_px: Ints, y_px: Ints, line_starts: Ints, ways: Sequence[Box]
) -> list[LineTrace]:
    """Box each line: its glyphs' boxes, and the pen's way."""
    sides = np.array([glyph.box for glyph in glyphs], np.int64).reshape(-1, 4).T
    sides = sides + np.stack([x_px, y_px, x_px, y_px])
    traces = []
    for number, (left, top, right, bottom) in enumerate(ways):
        mine = sides[:, line_starts[number] : line_starts[number + 1]].tolist()
        traces.append(
            LineTrace(
                min([left, *mine[0]]),
                min([top, *mine[1]]),
                max([right, *mine[2]]),
                max([bottom, *mine[3]]),
                None,
            )
        )
    return traces


def _canvas(traces: Sequence[LineTrace], lines: Sequence[Box], pitch_px: tuple[int, int]) -> Canvas:
    """The least that holds every line, and what leaves it."""
    across, down = pitch_px
    boxes = [
        (
            number * across + trace.left,
            number * down + trace.top,
            number * across + trace.right,
            number * down + trace.bottom,
        )
        for number, trace in enumerate(traces)
    ]
    left, top, right, bottom = zip(*boxes, *lines, strict=True)
    return Canvas(min(left), min(top), max(right), max(bottom))
