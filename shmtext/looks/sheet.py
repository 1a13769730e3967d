"""A batch of examples in work: masks, papers and inks side by side, then pictures.

A sheet's layers have the same rows and columns. Each example has a cell of them: its picture, and
around it, on all four sides, a bleed as wide as all its effects reach together, in which the world
goes on. What operations on a whole layer drag across a cell's edge stays within its bleed, so that
no example can be told by its picture what lay beside it.

    columns   left                                   left of the next
              | bleed |  picture, width_px  | bleed |
    rows   0  |                                      |
       bleed  |        .-------------------.         |
              |        | height_px         |         |

How masks got there is ``warp.py``'s; what is done to layers, the effects'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, seams
from shmtext.looks.effect import Traits

if TYPE_CHECKING:
    from shmtext.looks.neighbours import Beside
    from shmtext.looks.warp import Warp

Pixels = NDArray[np.uint8]


@dataclass(slots=True, eq=False)
class Sheet:
    """Layers of a batch. Effects change what layers hold, in place, or put a layer in their place.

    Layers have shape ``(num_rows, num_columns)``, those with colour ``(num_rows, num_columns, 3)``
    in red, green, blue where pictures have colour.
    """

    traits: Traits
    bleed_px: Ints
    left: Ints
    """First column of each cell, ``(num_examples + 1,)``: that of the next is behind its last."""
    width_px: Ints
    height_px: Ints
    is_colored: bool
    mask: Pixels
    """Coverage of the texts' ink."""
    other: Pixels
    """Coverage of ink that is not the texts': rules, neighbours. Empty unless an effect drew."""
    beside: Beside | None
    """Ink beside the texts' that an effect is to draw."""
    paper_color: Pixels
    """Of each example, ``(num_examples, num_channels)``."""
    ink_color: Pixels
    paper: Pixels
    """What ink is laid on; what was laid on it so far, once pictures are made."""
    ink: Pixels
    """What is laid on paper; one row stands for all where they are alike."""
    warp: Warp | None = None
    """Where masks' points are in pictures; None where masks were not drawn."""

    @classmethod
    def blank(
        cls, traits: Traits, sizes: tuple[Ints, Ints], bleed_px: Ints, *, is_colored: bool
    ) -> Self:
        """Make room for examples whose pictures have the given widths and heights."""
        width_px, height_px = sizes
        left = seams(width_px + 2 * bleed_px)
        shape = int((height_px + 2 * bleed_px).max()), int(left[-1])
        num_channels = 3 if is_colored else 1
        nothing = np.zeros((0, 0), np.uint8)
        colors = np.zeros((2, width_px.size, num_channels), np.uint8)
        return cls(
            traits=traits,
            bleed_px=bleed_px,
            left=left,
            width_px=width_px,
            height_px=height_px,
            is_colored=is_colored,
            mask=np.zeros(shape, np.uint8),
            other=nothing,
            beside=None,
            paper_color=colors[0],
            ink_color=colors[1],
            paper=nothing,
            ink=nothing,
        )

    def __len__(self) -> int:
        return self.width_px.size

    def cell(self, layer: Pixels, row: int) -> Pixels:
        """View an example's cell of a layer, with its bleed."""
        height = int(self.height_px[row] + 2 * self.bleed_px[row])
        return layer[:height, self.left[row] : self.left[row + 1]]

    def cells(self, layer: Pixels, rows: Ints | None = None) -> list[Pixels]:
        """View the cells of some examples, or of all."""
        rows = np.arange(len(self)) if rows is None else rows
        height = (self.height_px[rows] + 2 * self.bleed_px[rows]).tolist()
        left, right = self.left[rows].tolist(), self.left[rows + 1].tolist()
        return [layer[:h, a:b] for h, a, b in zip(height, left, right, strict=True)]

    def pictures(self, layer: Pixels, rows: Ints | None = None) -> list[Pixels]:
        """View the cells of some examples, or of all, without their bleed."""
        rows = np.arange(len(self)) if rows is None else rows
        top, left = self.bleed_px[rows], self.left[rows] + self.bleed_px[rows]
        sides = top, top + self.height_px[rows], left, left + self.width_px[rows]
        return [layer[t:b, x:y] for t, b, x, y in zip(*(s.tolist() for s in sides), strict=True)]

    def by_columns(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """Repeat what is known of each example for each of its columns, along the first axis."""
        return np.repeat(values, np.diff(self.left), axis=0)

    def ranges(self, rows: Ints, keys: Ints) -> list[tuple[int, int, int]]:
        """Find examples side by side, among ``rows``, that share a key.

        Returns for each such range its first and behind its last column, and the key. ``rows``
        ascend. Cells between them that are not among the rows end a range.
        """
        if not rows.size:
            return []
        ends = np.flatnonzero((np.diff(rows) != 1) | (np.diff(keys) != 0)) + 1
        firsts, lasts = np.append(0, ends), np.append(ends, rows.size) - 1
        return [
            (int(self.left[rows[a]]), int(self.left[rows[b] + 1]), int(keys[a]))
            for a, b in zip(firsts.tolist(), lasts.tolist(), strict=True)
        ]

    def others(self) -> Pixels:
        """The layer of other ink, which is made for the first who asks."""
        if not self.other.size:
            self.other = np.zeros_like(self.mask)
        return self.other

    def row(self, colors: Pixels) -> Pixels:
        """Make a row of a layer of one colour an example, ``(num_examples, num_channels)``."""
        return self.by_columns(colors if self.is_colored else colors[:, 0])[None]  # type: ignore[return-value]

    def fill(self, colors: Pixels) -> Pixels:
        """Make a layer of such rows."""
        row = self.row(colors)[0]
        return np.ascontiguousarray(np.broadcast_to(row, (self.mask.shape[0], *row.shape)))


def within(rows: Ints, place: Ints, first: int, last: int) -> tuple[Ints, Ints]:
    """Which of ``rows`` have places in ``[first, last)``, in order, and these counted from there.

    ``place`` has that of every example of a batch.
    """
    places = place[rows]
    order = np.argsort(places)
    order = order[slice(*np.searchsorted(places[order], [first, last]))]
    return order, places[order] - first
