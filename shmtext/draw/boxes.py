"""Boxes around characters' ink: their corners, and those of texts that Pillow draws alone.

Boxes of texts drawn out of the atlas come from pen positions, see ``compose.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints
from shmtext.draw.batch import GlyphBoxes
from shmtext.draw.reference import Mask, Trace

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; it ends before the last two."""


def corners(left: Ints, top: Ints, right: Ints, bottom: Ints) -> NDArray[np.float32]:
    """Corners of upright boxes, shape ``(num_boxes, 4, 2)``, in the order of ``GlyphBoxes``.

    >>> corners(*np.array([[3], [1], [9], [5]]))[0].tolist()
    [[3.0, 1.0], [9.0, 1.0], [9.0, 5.0], [3.0, 5.0]]
    """
    result = np.empty((left.size, 4, 2), np.float32)
    # A column at a time: numpy is slow where the innermost of several axes is short.
    for corner, (x, y) in enumerate(((left, top), (right, top), (right, bottom), (left, bottom))):
        result[:, corner, 0] = x
        result[:, corner, 1] = y
    return result


def of_characters(trace: Trace) -> GlyphBoxes:
    """Box each character with ink of a text in Pillow's basic layout, asking for it by prefix."""
    found: list[tuple[int, Box]] = []
    cluster = 0
    for number, line in enumerate(trace.lines):
        for at, character in enumerate(line):
            # The way from the line's start to behind the character, less the character's own:
            # kerning with the character before it is part of the way.
            way = trace.face.getlength(line[: at + 1]) - trace.face.getlength(character)
            pen_px = (round(way * 64) + 32) >> 6
            core, (x, y) = trace.face.getmask2(character, mode="L", anchor="la")
            ink = core.getbbox()
            if ink:
                found.append((cluster + at, _moved(ink, *trace.origin(number, pen_px + x, y))))
        cluster += len(line) + 1
    return _of_one_text(found)


def of_lines(trace: Trace, line_masks: Sequence[Mask]) -> GlyphBoxes:
    """Box each line with ink: what there is to know of shaped ones."""
    found: list[tuple[int, Box]] = []
    cluster = 0
    for number, (line, mask) in enumerate(zip(trace.traces, line_masks, strict=True)):
        ink = mask.getbbox()
        if ink:
            found.append((cluster, _moved(ink, *trace.origin(number, line.left, line.top))))
        cluster += len(trace.lines[number]) + 1
    return _of_one_text(found)


def _moved(box: Box, x: int, y: int) -> Box:
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y


def _of_one_text(found: Sequence[tuple[int, Box]]) -> GlyphBoxes:
    sides = np.array([box for _, box in found], np.int64).reshape(-1, 4).T
    cluster = np.array([cluster for cluster, _ in found], np.int64)
    return GlyphBoxes(np.array([0, len(found)]), cluster, corners(*sides))
