"""Lines: thin ones at even distances over a whole paper, in any direction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shmtext.config.ranges import Floats
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import Values
from shmtext.looks.luminance import Room, tinted
from shmtext.looks.planes import cosine, sine
from shmtext.looks.sheet import Sheet
from shmtext.looks.slopes import NUM_LEVELS, Slope, shift_levels

Way = tuple[float, Floats]
"""In turns, clockwise from right; and where the first line is, as a share of their distance."""

MOST_OF_CONTRAST = 1 / 3
"""That a line may take: what it crosses must remain the darker, or the lighter, of the two."""


def lay_lines(sheet: Sheet, rows: Ints, values: Values, ways: Sequence[Way]) -> None:
    """Move the level of papers along lines that go one or several ways, towards the ink.

    ``values`` are their ``distance_px``, ``width_px``, ``levels``, ``degrees``, ``hue`` and
    ``saturation``.
    """
    steps = NUM_LEVELS / values["distance_px"]
    slopes = []
    for turns, first in ways:
        turned = values["degrees"] / 360 + turns
        # From line to line a plane passes through all levels; a line is where it is in the middle.
        slopes.append(Slope(NUM_LEVELS * first, -steps * sine(turned), steps * cosine(turned)))
    off_middle = np.abs(np.arange(NUM_LEVELS) + 1 - NUM_LEVELS / 2) / steps[:, None]
    width = values["width_px"][:, None]
    # A line of less than a pixel is a paler one of a whole pixel.
    coverage = np.clip(np.maximum(width, 1) / 2 + 0.5 - off_middle, 0, 1) * np.minimum(width, 1)
    room = Room.of(sheet, rows)
    levels = np.minimum(values["levels"], room.contrast * MOST_OF_CONTRAST)
    levels = np.where(room.is_dark_on_light, -levels, levels)
    if not sheet.is_colored or not values["saturation"].any():
        shift_levels(sheet, sheet.paper, rows, slopes, levels[:, None] * coverage)
        return
    color = tinted(room.paper + levels, values["hue"], values["saturation"])
    own = sheet.paper_color[rows].astype(np.int64)
    is_tinted = values["saturation"] > 0
    change = np.where(is_tinted[:, None], color - own, levels[:, None])
    shift_levels(sheet, sheet.paper, rows, slopes, change[:, None] * coverage[:, :, None])
