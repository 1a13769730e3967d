"""The masks of a batch of texts side by side, and whose rows and columns are whose.

A strip is what rasterising yields and ink takes:

    columns    left    right
               |  text   |  next text ...
    rows  top  |  # # .  |
       bottom  |  . # #  |

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
    """First row of a text."""
    bottom: Ints
    """Behind its last row."""
    left: Ints
    """First column of a text."""
    right: Ints
    """Behind its last column."""

    @classmethod
    def of_one(cls, mask: Pixels) -> Self:
        """Let one text have all of a mask."""
        height, width = mask.shape
        return cls(*np.array([[0], [height], [0], [width]], np.int64))

    def take(self, texts: Ints) -> Self:
        """Those of some texts."""
        return type(self)(*(getattr(self, each.name)[texts] for each in fields(self)))

    def cut(self, strip: Pixels) -> list[Pixels]:
        """Cut an array, shape ``(num_rows, num_columns)`` or with channels behind, text by text.

        The pieces are views.
        """
        places = zip(
            self.top.tolist(),
            self.bottom.tolist(),
            self.left.tolist(),
            self.right.tolist(),
            strict=True,
        )
        return [strip[top:bottom, left:right] for top, bottom, left, right in places]


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
    top_px: Ints | None = None
    """Row of each picture that its first line's top has, ``(num_texts,)``; negative where nothing
    is drawn in it. None: the first row, but for ink above the line."""
