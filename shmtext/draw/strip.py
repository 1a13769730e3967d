"""The masks of a batch of texts side by side, and whose rows and columns are whose.

A strip is what rasterising yields and ink takes. The lines of a text lie side by side, too:

    columns    left               right
               |  line 1    line 2  |  next text ...
    rows  top  |  # # .     . # .   |
       bottom  |  . # #     # . .   |

Whatever has the strip's rows and columns, masks or pictures made of them, is cut to one array for
each text. How masks are made, and coloured, is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from shmtext.corpus.ranges import Ints
from shmtext.draw.batch import GlyphBoxes, Pixels


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Where texts lie in a strip; all arrays have shape ``(num_texts,)``."""

    top: Ints
    """First row of each of a text's lines."""
    bottom: Ints
    """Behind the last row of each of a text's lines."""
    left: Ints
    """First column of a text."""
    right: Ints
    """Behind the last column of a text: ``num_lines`` times its width from ``left``."""
    num_lines: Ints

    @classmethod
    def of_one(cls, mask: Pixels) -> Self:
        """Let one text have all of a mask, its lines one below the other there already."""
        height, width = mask.shape
        return cls(*np.array([[0], [height], [0], [width], [1]], np.int64))

    def take(self, texts: Ints) -> Self:
        """Those of some texts."""
        return type(self)(*(getattr(self, each.name)[texts] for each in fields(self)))

    def cut(self, strip: Pixels) -> list[Pixels]:
        """Cut an array, shape ``(num_rows, num_columns)`` or with channels behind, text by text.

        Texts of one line are views, the lines of others are copied to lie one below the other.
        """
        places = zip(
            self.top.tolist(),
            self.bottom.tolist(),
            self.left.tolist(),
            self.right.tolist(),
            self.num_lines.tolist(),
            strict=True,
        )
        return [
            strip[top:bottom, left:right]
            if num_lines == 1
            else _stack_lines(strip[top:bottom, left:right], num_lines)
            for top, bottom, left, right, num_lines in places
        ]


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A mask that is inked after the strip's, over what is there then."""

    top: int
    left: int
    mask: Pixels


@dataclass(frozen=True, slots=True, eq=False)
class Strip:
    """Masks of some of a shard's texts."""

    positions: Ints
    """Of the texts within the shard, ``(num_texts,)``."""
    masks: Pixels
    """Coverage 0 to 255, ``(num_rows, num_columns)``."""
    cells: Cells
    patches: Sequence[Patch] = ()
    """Of a text that has a strip of its own: see ``reference.cover``. A stage that changes masks
    has to lay them over the others first."""
    boxes: GlyphBoxes | None = None
    """In pixels of each text's picture; None unless asked for."""


def _stack_lines(lines: Pixels, num_lines: int) -> Pixels:
    """Put lines of equal width, side by side, one below the other."""
    height, width, *channels = lines.shape[0], lines.shape[1] // num_lines, *lines.shape[2:]
    stacked = lines.reshape(height, num_lines, width, *channels).swapaxes(0, 1)
    return np.ascontiguousarray(stacked).reshape(num_lines * height, width, *channels)
