"""The plain way to a text's mask: as Pillow's ``ImageDraw.text`` does, one text at a time.

It is what batch composition must equal, pixel for pixel, and what draws the texts of layout
``basic`` that batches can't: those with glyphs that leave their frame, say. Which these are, and
why some are not drawn at all, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TypeVar

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from shmtext.corpus.ranges import Ints
from shmtext.draw.arrange import NO_BREAK_SPACE, SPACE
from shmtext.draw.batch import Pixels
from shmtext.draw.page import CENTER, JUSTIFY, RIGHT, Pages
from shmtext.draw.raster import combine
from shmtext.draw.strip import Patch

Mask = Image.Image
Whole = TypeVar("Whole", int, Ints)

SPACES = chr(SPACE), chr(NO_BREAK_SPACE)

MAX_UNMEASURED_PIXELS = 1 << 26
"""Most that a text's masks may come to before its canvas is known, 64 MB: estimated from lengths
of lines, as a picture may be too large to be drawn at all. Lines beyond it are measured first."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """A rectangle, in pixels from the origin of a text's first line."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class PlainLine:
    """One line, placed; in 64ths of a pixel from where the paragraph begins."""

    text: str
    start_26_6: int
    end_26_6: int
    x_26_6: tuple[int, ...] | None = None
    """Of each character's pen; None where Pillow sets the line, from its start on, which then is a
    whole pixel: Pillow's masks of others are wider than what is in them."""

    def pens_26_6(self, face: ImageFont.FreeTypeFont) -> Sequence[int]:
        """Where each character's pen is."""
        if self.x_26_6 is not None:
            return self.x_26_6
        return [self.start_26_6 + way for way in _ways(self.text, face)]


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

    @property
    def ink_rows(self) -> tuple[int, int]:
        """First row of any line's box, and behind the last, from the first line's origin."""
        down = self.pitch_px[1]
        tops = [number * down + each.top for number, each in enumerate(self.traces)]
        bottoms = [number * down + each.bottom for number, each in enumerate(self.traces)]
        return min(tops), max(bottoms)


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """A text's lines in its picture."""

    trace: Trace
    left: int
    """Where the first line's origin is in the picture; likewise ``top``."""
    top: int
    width_px: int
    height_px: int

    def origin(self, line: Whole, x: Whole, y: Whole) -> tuple[Whole, Whole]:
        """Where in the picture points lie, given from the origins of lines, in pixels."""
        across, down = self.trace.pitch_px
        return line * across + x + self.left, line * down + y + self.top


def draw_masks(
    trace: Trace, lines: Sequence[PlainLine], face: ImageFont.FreeTypeFont
) -> list[Mask]:
    """Coverage of each line over its box; those that were not traced with one are drawn now."""
    return [
        _draw_line(line, each, face) if each.mask is None else each.mask
        for line, each in zip(lines, trace.traces, strict=True)
    ]


def trace_lines(lines: Sequence[PlainLine], face: ImageFont.FreeTypeFont, pitch_px: int) -> Trace:
    """Lay lines out, each twice: Pillow tells a line's box with its mask, its advance apart."""
    ascent, descent = face.getmetrics()
    line_px = ascent + descent
    traces: list[LineTrace] = []
    left = top = right = num_pixels = 0
    bottom = (len(lines) - 1) * pitch_px + line_px
    for number, line in enumerate(lines):
        advance_px = -(-line.end_26_6 // 64)
        # As many marks as there are characters may stand one above the other.
        most_pixels = max(advance_px, line_px) * line_px * len(line.text)
        if line.x_26_6 is None and num_pixels + most_pixels <= MAX_UNMEASURED_PIXELS:
            mask, (x, y) = _draw_mask(line.text, face)
            x += line.start_26_6 >> 6
            num_pixels += mask.width * mask.height
            trace = LineTrace(x, y, x + mask.width, y + mask.height, mask)
        else:
            trace = _box_of(line, face)
        traces.append(trace)
        left = min(left, trace.left)
        top = min(top, number * pitch_px + trace.top)
        right = max(right, trace.right, advance_px)
        bottom = max(bottom, number * pitch_px + trace.bottom)
    return Trace(traces, Canvas(left, top, right, bottom), (0, pitch_px))


def _box_of(line: PlainLine, face: ImageFont.FreeTypeFont) -> LineTrace:
    """A line's box, from those of its characters where these stand otherwise than Pillow's."""
    if line.x_26_6 is None:
        left, top, right, bottom = map(int, face.getbbox(line.text, anchor="la"))
        shift = line.start_26_6 >> 6
        return LineTrace(left + shift, top, right + shift, bottom, None)
    boxes = [(0, 0, 0, 0)]
    for character, x in zip(line.text, line.x_26_6, strict=True):
        left, top, right, bottom = map(int, face.getbbox(character, anchor="la"))
        pen = (x + 32) >> 6
        boxes.append((left + pen, top, right + pen, bottom))
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return LineTrace(min(lefts), min(tops), max(rights), max(bottoms), None)


def _draw_mask(text: str, face: ImageFont.FreeTypeFont) -> tuple[Mask, tuple[int, int]]:
    """Return coverage of a text and its place: size and offset are those of ``getbbox``."""
    core, offset = face.getmask2(text, mode="L", anchor="la")
    return Image.Image()._new(core), offset


def _draw_line(line: PlainLine, trace: LineTrace, face: ImageFont.FreeTypeFont) -> Mask:
    """Coverage of a line over its box."""
    if line.x_26_6 is None:
        return _draw_mask(line.text, face)[0]
    covered = np.zeros((trace.bottom - trace.top, trace.right - trace.left), np.uint8)
    for character, x_26_6 in zip(line.text, line.x_26_6, strict=True):
        mask, (x, y) = _draw_mask(character, face)
        x += ((x_26_6 + 32) >> 6) - trace.left
        under = covered[y - trace.top : y - trace.top + mask.height, x : x + mask.width]
        under[...] = combine(under, np.asarray(mask))
    return Image.fromarray(covered)


def arrange_plainly(
    lines: Sequence[str], face: ImageFont.FreeTypeFont, pages: Pages | None
) -> list[PlainLine]:
    """Place the characters of one text's lines, from left to right, as ``pages`` have it."""
    ends = [_length(line, face) for line in lines]
    if pages is None:
        return [PlainLine(line, 0, end) for line, end in zip(lines, ends, strict=True)]
    (align,), (letter,), (word,) = (
        each.tolist() for each in (pages.align, pages.letter_26_6, pages.word_26_6)
    )
    ends = [
        end + letter * max(len(line) - 1, 0) + word * _num_spaces(line)
        for line, end in zip(lines, ends, strict=True)
    ]
    longest = max(ends)
    placed = []
    for number, (line, end) in enumerate(zip(lines, ends, strict=True)):
        short = longest - end
        is_last = number == len(lines) - 1
        if align == JUSTIFY and short and not is_last and " " in line:
            ways = _justified(line, face, letter, longest)
            placed.append(PlainLine(line, 0, longest, ways))
            continue
        shift = {RIGHT: short, CENTER: (short + 1) >> 1}.get(align, 0)
        pens = None
        if letter or word or shift % 64:
            pens = tuple(shift + way for way in _spaced(line, face, letter, word))
        placed.append(PlainLine(line, shift, end + shift, pens))
    return placed


def _justified(
    line: str, face: ImageFont.FreeTypeFont, letter_26_6: int, longest_26_6: int
) -> tuple[int, ...]:
    """Where the characters of a line stand whose words are set by themselves, evenly apart."""
    words = line.split(" ")
    ways = [_spaced(word, face, letter_26_6, 0) for word in words]
    lengths = [_length(word, face) + letter_26_6 * max(len(word) - 1, 0) for word in words]
    num_gaps, spare = len(words) - 1, longest_26_6 - sum(lengths)
    placed: list[int] = []
    before = end = 0
    for number, (way, length) in enumerate(zip(ways, lengths, strict=True)):
        start = before + (2 * number * spare + num_gaps) // (2 * num_gaps)
        # The space before a word stands where the one before that ends.
        placed += [end] * (number > 0) + [start + x for x in way]
        before, end = before + length, start + length
    return tuple(placed)


def _spaced(line: str, face: ImageFont.FreeTypeFont, letter_26_6: int, word_26_6: int) -> list[int]:
    """Where each character's pen is, moved by what room stands before it."""
    num_spaces = accumulate((character in SPACES for character in line), initial=0)
    return [
        way + place * letter_26_6 + spaces * word_26_6
        for place, (way, spaces) in enumerate(zip(_ways(line, face), num_spaces, strict=False))
    ]


def _num_spaces(line: str) -> int:
    return sum(line.count(space) for space in SPACES)


def _ways(line: str, face: ImageFont.FreeTypeFont) -> list[int]:
    """Where each character's pen is, in 64ths of a pixel from where the line begins.

    From one to the next it is the first's advance, and what the two of them are kerned.
    """
    steps = (
        _length(first + second, face) - _length(second, face) for first, second in pairwise(line)
    )
    return list(accumulate(steps, initial=0))[: len(line)]


def _length(text: str, face: ImageFont.FreeTypeFont) -> int:
    return round(face.getlength(text) * 64)


def cover(setting: Setting, line_masks: Sequence[Mask]) -> tuple[Pixels, list[Patch]]:
    """Lay masks of lines out in their picture: coverage, shape ``(height, width)``.

    Lines that reach into rows of earlier ones come as patches: Pillow inks a line after the other,
    and rounds each time, which may be a level off from inking what their coverages come to.
    """
    canvas = Image.new("L", (setting.width_px, setting.height_px))
    context = ImageDraw.Draw(canvas)
    patches: list[Patch] = []
    reached = 0
    for number, (line, mask) in enumerate(zip(setting.trace.traces, line_masks, strict=True)):
        left, top = setting.origin(number, line.left, line.top)
        if top < reached:
            patches.append(Patch(top, left, np.asarray(mask)))
        else:
            context.bitmap((left, top), mask, fill=255)
        reached = max(reached, top + mask.height)
    return np.array(canvas), patches
