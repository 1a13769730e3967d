"""Boxes around the ink of clusters: from boxes of glyphs, or asked of Pillow's basic layout.

Where glyphs are in a picture is known to ``compose.py`` and ``placed.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFont

from shmtext.corpus.ranges import Ints
from shmtext.draw.batch import GlyphBoxes
from shmtext.draw.reference import PlainLine, Setting

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


def boxes_of_clusters(text_seams: Ints, cluster: Ints, sides: NDArray[np.integer]) -> GlyphBoxes:
    """Box clusters, given the boxes of their glyphs, those of all texts between ``text_seams``.

    ``sides`` are left, top, right and bottom of each glyph's ink, ``(4, num_glyphs)``. In the
    result clusters are in ascending order within their text, each once.
    """
    text = np.repeat(np.arange(text_seams.size - 1), np.diff(text_seams))
    key = (text << 32) + cluster
    if (key[1:] <= key[:-1]).any():
        # Glyphs stand in the order in which they are seen, and several may share a cluster.
        order = np.argsort(key, kind="stable")
        key, sides = key[order], sides[:, order]
        first = np.flatnonzero(np.diff(key, prepend=-1))
        lower = np.minimum.reduceat(sides[:2], first, axis=1)
        upper = np.maximum.reduceat(sides[2:], first, axis=1)
        key, sides = key[first], np.concatenate([lower, upper])
        text_seams = np.searchsorted(key >> 32, np.arange(text_seams.size))
    return GlyphBoxes(text_seams, key & 0xFFFFFFFF, corners(*sides))


def of_characters(
    setting: Setting, lines: Sequence[PlainLine], face: ImageFont.FreeTypeFont
) -> GlyphBoxes:
    """Box each character with ink of a text in Pillow's basic layout."""
    found: list[tuple[int, Box]] = []
    cluster = 0
    for number, line in enumerate(lines):
        pens = line.pens_26_6(face)
        for at, (character, pen) in enumerate(zip(line.text, pens, strict=True)):
            core, (x, y) = face.getmask2(character, mode="L", anchor="la")
            ink = core.getbbox()
            if ink:
                place = setting.origin(number, ((pen + 32) >> 6) + x, y)
                found.append((cluster + at, _moved(ink, *place)))
        cluster += len(line.text) + 1
    sides = np.array([box for _, box in found], np.int64).reshape(-1, 4).T
    clusters = np.array([cluster for cluster, _ in found], np.int64)
    return GlyphBoxes(np.array([0, len(found)]), clusters, corners(*sides))


def _moved(box: Box, x: int, y: int) -> Box:
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y
