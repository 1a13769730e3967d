"""Glyph runs: what shaping yields, and layout takes.

How glyphs were found, and how they are drawn, is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints

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
    """The pen's furthest position behind any glyph of a line, at least 0, ``(num_lines,)``."""
    end_26_6: Ints
    """The pen's position behind the last glyph of a line, ``(num_lines,)``."""
