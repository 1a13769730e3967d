"""What drawing yields: some pictures of a shard, and boxes of their glyphs where asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, seams, spell_out

Pixels = NDArray[np.uint8]

Colors = tuple[str | None, str | None]
"""Of ink and paper, ``#rrggbb``; None where it is the one of the settings."""


@dataclass(frozen=True, slots=True, eq=False)
class GlyphBoxes:
    """Boxes around the ink of a batch's glyphs, those of all texts end to end.

    A cluster that leaves ink has a box, and no other: a letter with its marks, a ligature. Where
    boxes of words are asked for, a word has one.
    """

    seams: Ints
    """Between texts, ``(num_texts + 1,)``."""
    cluster: Ints
    """First character, in the text's label, of those that a box stands for, ``(num_boxes,)``, in
    ascending order within a text. A newline between lines counts as a character."""
    corners: NDArray[np.float32]
    """Whole pixels of the final picture, ``(num_boxes, 4, 2)``: x and y of the upper left corner,
    as text is read, then clockwise. A box ends behind its last pixel."""

    def take(self, texts: Ints) -> Self:
        """Those of some texts, in any order."""
        count = np.diff(self.seams)[texts]
        boxes = spell_out(self.seams[texts], count)
        return type(self)(seams(count), self.cluster[boxes], self.corners[boxes])

    @property
    def text_of_box(self) -> Ints:
        """The number of each box's text."""
        return np.repeat(np.arange(self.seams.size - 1), np.diff(self.seams))

    @classmethod
    def join(cls, parts: Sequence[tuple[Ints, Self]], positions: Ints) -> Self:
        """Bring the boxes of several batches, each with its positions, into the order asked for.

        Every one of ``positions`` must be a part's.
        """
        if not parts:
            none = np.zeros(0, np.int64)
            return cls(np.zeros(1, np.int64), none, np.zeros((0, 4, 2), np.float32))
        found = np.concatenate([part_positions for part_positions, _ in parts])
        count = np.concatenate([np.diff(boxes.seams) for _, boxes in parts])
        order = np.argsort(found)
        text = order[np.searchsorted(found, positions, sorter=order)]
        boxes = spell_out(seams(count)[text], count[text])
        return cls(
            seams=seams(count[text]),
            cluster=np.concatenate([each.cluster for _, each in parts])[boxes],
            corners=np.concatenate([each.corners for _, each in parts])[boxes],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Pictures of some of a shard's texts."""

    positions: Ints
    """Of the texts within the shard, ``(num_texts,)``."""
    pictures: list[Pixels]
    """Shape ``(height, width)`` gray or ``(height, width, 3)`` red, green, blue. Rows are
    contiguous; pictures may be views of one array."""
    glyphs: GlyphBoxes | None = None
    """None unless asked for."""
    effects: Sequence[str] = ()
    """What looks did to each, as JSON; nothing unless asked for, and of pictures without a look."""
    colors: Sequence[Colors] = ()
    """What looks drew each in; nothing in runs without looks."""
    is_alone: bool = False
    """Of texts that could not be drawn together with others."""

    def take(self, rows: Ints) -> Batch:
        """Some of the pictures, by their numbers in the batch."""
        return replace(
            self,
            positions=self.positions[rows],
            pictures=[self.pictures[row] for row in rows.tolist()],
            glyphs=self.glyphs and self.glyphs.take(rows),
            effects=[self.effects[row] for row in rows.tolist()] if self.effects else (),
            colors=[self.colors[row] for row in rows.tolist()] if self.colors else (),
        )
