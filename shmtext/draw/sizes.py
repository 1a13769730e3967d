"""At which size a font's lines are so many pixels high: a size for each height that is asked for.

FreeType rounds ascent and descent of a face to whole pixels, so that sizes are found by asking.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shmtext.config.settings import MAX_FONT_SIZE_PX
from shmtext.draw.faces import FaceSource, FontFile
from shmtext.errors import FontError

TRIAL_SIZE_PX = 100


def sizes_of_heights(font: FontFile, heights_px: Sequence[int]) -> tuple[int, ...]:
    """The largest size for each height at which lines (ascent + descent) are not higher.

    Raises ``FontError`` where even those of 1 px are, and ``OSError`` where the font can't be
    opened.
    """
    source = FaceSource(font.stored, font.axes)
    return tuple(_size_of(height_px, source.line_px, font) for height_px in heights_px)


def _size_of(height_px: int, line_px: Callable[[int], int], font: FontFile) -> int:
    at_trial = max(line_px(TRIAL_SIZE_PX), 1)
    size_px = min(max(height_px * TRIAL_SIZE_PX // at_trial, 1), MAX_FONT_SIZE_PX)
    while size_px > 0 and line_px(size_px) > height_px:
        size_px -= 1
    if not size_px:
        raise FontError(
            f"{font.asked_as} has no size at which its lines are {height_px} px high or less: ask "
            "for a greater height, or leave the font out"
        )
    while size_px < MAX_FONT_SIZE_PX and line_px(size_px + 1) <= height_px:
        size_px += 1
    return size_px
