"""Are letters still what they were? Asked wherever masks are made fatter, thinner or patchy.

A letter that was opened, closed, split or joined to the next may read as another. A change of a
mask is let through where every piece of ink, and every hole, is still there, alone, and no other
has come. Ink is connected by its pixels' sides and corners, what is not ink by sides, so that
either ends where the other begins; both are asked at two levels of coverage: half, and as little
as makes a hairline.

The pixels of a picture are bits of words here, 64 of a row in each, and all pictures lie side by
side. Of ink that grew from ``small`` to ``large``:

- Nothing came, if all of ``large`` can be reached from ``small`` within it.
- Nothing was filled, if all that is not ``small`` can be reached from what is not ``large``
  likewise.
- Then nothing was joined, to another or to itself, if there are as many pieces less holes as
  before. That number is a sum over pixels and their neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, seams
from shmtext.looks.sheet import Pixels, Sheet

LEVELS = 64, 128
"""Coverage from which on a pixel is ink, of 255."""

AT_ONCE = 16
"""Pictures that are looked at together: with more, arrays leave a core's second cache, and are made
of pages that the system has to hand out; with fewer, calls cost more than their work."""

WORD_BITS = 64

Bits = NDArray[np.uint64]
"""Shape ``(..., num_levels, num_rows, num_words)``; a word's lowest bit is its leftmost pixel.
There is no ink in a row above and below each picture, nor in a column on either side."""


def change_masks(sheet: Sheet, rows: Ints, cells: Sequence[Pixels]) -> None:
    """Put changed cells in place of those of some examples' masks, if letters stay what they were.

    Each may only have gained coverage, or only lost it. What is looked at is the picture alone.
    """
    before, places = sheet.pictures(sheet.mask, rows), sheet.cells(sheet.mask, rows)
    bleed, height, width = (
        each[rows].tolist() for each in (sheet.bleed_px, sheet.height_px, sheet.width_px)
    )
    after = [
        cell[b : b + h, b : b + w]
        for cell, b, h, w in zip(cells, bleed, height, width, strict=True)
    ]
    for start in range(0, rows.size, AT_ONCE):
        some = slice(start, start + AT_ONCE)
        for number in np.flatnonzero(has_same_letters(before[some], after[some])).tolist():
            places[start + number][...] = cells[start + number]


def has_same_letters(before: Sequence[Pixels], after: Sequence[Pixels]) -> NDArray[np.bool_]:
    """Tell of each mask whether its letters are what they were, ``(num_masks,)``.

    Wherever coverage of a mask changed, it grew, or wherever it changed, it shrank.
    """
    starts = seams(np.array([(mask.shape[1] + 1) // WORD_BITS + 1 for mask in before], np.int64))
    first, last = _bits(before, after, starts)
    small, large = first & last, first | last
    outside = ~np.stack([large, small])
    unreached = large & ~_reached(small, large, by_corners=True)
    unreached |= outside[1] & ~_reached(*outside, by_corners=False)
    has_changed = np.bitwise_or.reduceat(unreached.any(axis=(0, 1)), starts[:-1])
    balance = np.diff(_balance(outside), axis=0)[0]
    has_changed |= np.add.reduceat(balance, starts[:-1], axis=1).any(axis=0)
    return ~has_changed


def _bits(before: Sequence[Pixels], after: Sequence[Pixels], starts: Ints) -> Bits:
    """Which pixels of two lists of masks are ink, those of masks ``k`` from word ``starts[k]`` on.

    The lists are along a first axis.
    """
    num_rows = 2 + max(mask.shape[0] for mask in before)
    pixels = np.zeros((2, num_rows, int(starts[-1]) * WORD_BITS), np.uint8)
    columns = (starts[:-1] * WORD_BITS + 1).tolist()
    for layer, masks in zip(pixels, (before, after), strict=True):
        for mask, start in zip(masks, columns, strict=True):
            layer[1 : 1 + mask.shape[0], start : start + mask.shape[1]] = mask
    by_level = [np.packbits(pixels >= level, axis=-1, bitorder="little") for level in LEVELS]
    bits = np.stack(by_level, axis=1).view("<u8")
    return bits.astype(np.uint64, copy=False)


def _reached(start: Bits, room: Bits, *, by_corners: bool) -> Bits:
    """What can be reached from ``start`` without leaving ``room``, which it lies within."""
    reached = start
    while True:
        # A step to the sides, then up and down: from there it is one to the corners, too.
        sides = reached | _from_left(reached) | _from_right(reached)
        grown = sides.copy()
        by = sides if by_corners else reached
        grown[:, 1:] |= by[:, :-1]
        grown[:, :-1] |= by[:, 1:]
        grown &= room
        if np.array_equal(grown, reached):
            return reached
        reached = grown


def _from_left(bits: Bits) -> Bits:
    """Each pixel's left neighbour."""
    moved = bits << np.uint64(1)
    moved[..., 1:] |= bits[..., :-1] >> np.uint64(WORD_BITS - 1)
    return moved


def _from_right(bits: Bits) -> Bits:
    moved = bits >> np.uint64(1)
    moved[..., :-1] |= bits[..., 1:] << np.uint64(WORD_BITS - 1)
    return moved


def _balance(outside: Bits) -> NDArray[np.int64]:
    """Pieces less holes of what is not ink, whose corners do not connect: a sum over words.

    Pixels, less pairs of them side by side or one above the other, and fours in a square, of each
    picture, level and column of words.
    """
    beside = outside & _from_left(outside)
    above = outside[..., 1:, :] & outside[..., :-1, :]
    square = beside[..., 1:, :] & beside[..., :-1, :]
    pixels, pairs, more_pairs, squares = (
        np.bitwise_count(each).sum(axis=-2, dtype=np.int64)
        for each in (outside, beside, above, square)
    )
    result: NDArray[np.int64] = pixels - pairs - more_pairs + squares
    return result
