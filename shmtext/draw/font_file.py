"""What is known of a font once its file has been read: a value, which travels to workers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shmtext.draw.instances import asked_path, spelled
from shmtext.draw.stored import StoredFont
from shmtext.draw.variations import Axes


@dataclass(frozen=True, slots=True, eq=False)
class FontFile:
    """What a worker needs to know of one font: in a file, at a place on its axes if it has some.

    Small, and holds no handle.
    """

    path: str
    name: str
    """What labels call the font: its file name, its number in a collection of several, and what
    differs from its default on its axes, as in ``NotoSansCJK-VF.ttc#2@wght=300``; made unique by
    its digest where two share one."""
    sha256: str
    """Of the file's content, hexadecimal."""
    code_points: NDArray[np.uint32]
    """Characters the font draws, ascending."""
    doubtful: NDArray[np.uint32]
    """Those of them that may leave no ink, until it has been tried."""
    kern_pairs: NDArray[np.uint32]
    """Pairs of characters that may be kerned, shape ``(num_pairs, 2)``."""
    kern_entries: NDArray[np.int64]
    """Number of what the font says of each pair, shape ``(num_pairs,)``: pairs of one number are
    kerned alike, at any size."""
    has_unread_kerning: bool
    """``kern`` is damaged, or holds other than pairs: advances can't be predicted then."""
    rank: int
    """Place among the fonts given: where no font covers a text, they are asked in this order."""
    num_glyphs: int
    ascent_em: float
    """Highest point of any glyph above the baseline, in em."""
    descent_em: float
    """Lowest point of any glyph below the baseline, in em; positive downwards."""
    axes: Axes = ()
    """All axes of a variable font, where it does not stand as it does by default."""
    number: int | None = None
    """Which of a collection's fonts, from 0, as Pillow's ``index``; None in a file of one."""
    is_packed: bool = False
    """Whether its file is a web font's, which has to be unpacked first."""

    @property
    def digest(self) -> str:
        """What tells its pictures from any other font's: its content, its number there unless that
        is 0, and where it stands."""
        number = f"#{self.number}" if self.number else ""
        return f"{self.sha256}{number}" + (f"@{spelled(self.axes)}" if self.axes else "")

    @property
    def asked_as(self) -> str:
        """What to ask for to have it again: its path, its number there, and where it stands."""
        return asked_path(self.path, self.number, self.axes)

    @property
    def stored(self) -> StoredFont:
        """Where its bytes are."""
        return StoredFont(self.path, self.sha256, self.number or 0, self.is_packed)
