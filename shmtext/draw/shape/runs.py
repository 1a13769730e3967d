"""Glyph runs: what shaping yields, and layout takes.

How glyphs were found, and how they are drawn, is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, seams, spell_out

Int32s = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class GlyphRun:
    """Glyphs of some lines in drawing order: within a line from left to right, those of all lines
    end to end.

    Positions are in 64ths of a pixel from the line's origin, not yet rounded, y upwards. Arrays of
    glyphs have shape ``(num_glyphs,)``.
    """

    glyph: Int32s
    """Number of the glyph in the line's font; in layout ``basic`` the character's id."""
    x_26_6: Ints
    """Pen and offset together."""
    y_26_6: Ints
    cluster: Ints
    """First character, within the line, of those that the glyph stands for. Characters up to the
    next higher cluster of the line belong to it."""
    line_starts: Ints
    """Seams of lines among the glyphs, ``(num_lines + 1,)``. A line may have no glyph."""
    furthest_26_6: Ints
    """The pen's furthest position behind any glyph of a line, at least 0, ``(num_lines,)``. From
    top to bottom it goes downwards; likewise the next."""
    end_26_6: Ints
    """The pen's position behind the last glyph of a line, ``(num_lines,)``."""

    @property
    def line_of_glyph(self) -> Ints:
        """Number of each glyph's line, ``(num_glyphs,)``."""
        return np.repeat(np.arange(self.line_starts.size - 1), np.diff(self.line_starts))

    @classmethod
    def join(cls, parts: Sequence[tuple[Ints, Self]]) -> Self:
        """Bring the lines of several runs, each with its lines' numbers, into ascending order."""
        counts = np.concatenate([np.diff(run.line_starts) for _, run in parts])
        order = np.argsort(np.concatenate([lines for lines, _ in parts]), kind="stable")
        glyphs = spell_out(seams(counts)[order], counts[order])

        def joined(name: str, places: Ints) -> Any:
            return np.concatenate([getattr(run, name) for _, run in parts])[places]

        return cls(
            **{name: joined(name, glyphs) for name in ("glyph", "x_26_6", "y_26_6", "cluster")},
            line_starts=seams(counts[order]),
            **{name: joined(name, order) for name in ("furthest_26_6", "end_26_6")},
        )
