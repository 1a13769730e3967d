"""Glyph columns and positions to masks: a batch of lines with one set of numpy calls.

All lines of a batch lie side by side in one strip, transposed like the atlas: a strip's row is a
column of a picture. Each row is looked up in the atlas; where glyphs overlap, the further ones are
combined by Pillow's rule. A picture is a piece of the strip, turned. Colour comes after.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, spell_out


@dataclass(frozen=True, slots=True, eq=False)
class PlacedGlyphs:
    """Glyphs with ink, in drawing order; arrays have shape ``(num_glyphs,)``."""

    start: Ints
    """Row of the strip at which a glyph begins. A glyph lies within its line's rows, and lines
    lie one behind the other; within a line glyphs may overlap."""
    num_columns: Ints
    first_row: Ints
    """Row of the atlas with the glyph's first column."""


def combine(under: NDArray[np.uint8], over: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Draw coverage ``over`` on coverage ``under``, both 0 to 255, as Pillow does.

    ``over + under * (255 - over) / 255``, the division rounded to nearest in integers
    (Pillow's ``MULDIV255``).

    >>> int(combine(np.array([100], np.uint8), np.array([200], np.uint8))[0])
    222
    """
    product = under.astype(np.uint16) * (np.uint16(255) - over) + np.uint16(128)
    return over + ((product + (product >> 8)) >> 8).astype(np.uint8)


def rasterise(atlas: NDArray[np.uint8], glyphs: PlacedGlyphs, strip: NDArray[np.uint8]) -> None:
    """Fill a strip, shape ``(num_rows, stride)``, with what glyphs of an atlas make."""
    stop = glyphs.start + glyphs.num_columns
    # Rows up to the furthest end of all earlier glyphs may hold ink already: what a glyph has
    # there is combined afterwards; the rest is its own.
    reached = np.concatenate([[0], np.maximum.accumulate(stop)])
    num_shared = np.clip(reached[:-1] - glyphs.start, 0, glyphs.num_columns)
    rows = _atlas_rows(glyphs, num_shared, reached, strip.shape[0])
    atlas.take(rows, axis=0, mode="clip", out=strip)
    shared = np.flatnonzero(num_shared)
    if shared.size:
        count = num_shared[shared]
        rows = spell_out(glyphs.start[shared], count)
        columns = spell_out(glyphs.first_row[shared], count)
        _combine_shared(strip, atlas, rows, columns)


def _atlas_rows(glyphs: PlacedGlyphs, num_shared: Ints, reached: Ints, num_rows: int) -> Ints:
    """Which row of the atlas each row of the strip shows first; a negative one is blank.

    A strip is, by turns, a gap and the columns that are a glyph's own. Within either, row numbers
    of atlas and strip go up together, so that one number, their difference, serves all of it.
    Gaps get one that keeps them below zero, which ``take`` with ``mode="clip"`` reads as row 0.

    Two glyphs in a strip of 8 rows: the first begins at row 1 with the atlas' rows 20 to 22, the
    second at row 3 with 40 to 42. They share row 3, which is the first one's here; rows 0, 6 and 7
    are gaps.

        rows          0   1  2  3   4  5   6  7
        lengths       1   3         2      2        the gap between the glyphs has length 0
        difference   -8   19        37    -8
        sum          -8   20 21 22  41 42 -2 -1

    >>> glyphs = PlacedGlyphs(np.array([1, 3]), np.array([3, 3]), np.array([20, 40]))
    >>> _atlas_rows(glyphs, np.array([0, 1]), np.array([0, 4, 6]), 8).tolist()
    [-8, 20, 21, 22, 41, 42, -2, -1]
    """
    num_glyphs = glyphs.start.size
    lengths = np.empty(2 * num_glyphs + 1, np.int64)
    lengths[:-1:2] = np.maximum(glyphs.start - reached[:-1], 0)
    lengths[1::2] = glyphs.num_columns - num_shared
    lengths[-1] = num_rows - reached[-1]
    difference = np.full(lengths.size, -num_rows)
    difference[1::2] = glyphs.first_row - glyphs.start
    return np.repeat(difference, lengths) + np.arange(num_rows)


def _combine_shared(
    strip: NDArray[np.uint8], atlas: NDArray[np.uint8], rows: Ints, columns: Ints
) -> None:
    # One round where two glyphs meet; a row in which more do comes up again in the next.
    while rows.size:
        if (rows[1:] > rows[:-1]).all():
            strip[rows] = combine(strip[rows], atlas[columns])
            return
        _, first = np.unique(rows, return_index=True)
        strip[rows[first]] = combine(strip[rows[first]], atlas[columns[first]])
        later = np.ones(rows.size, np.bool_)
        later[first] = False
        rows, columns = rows[later], columns[later]
