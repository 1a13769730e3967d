"""The plain way to draw a text: Pillow's ``ImageDraw.text``, one text at a time.

It is what batch composition must equal, pixel for pixel, and what draws the texts that batches
can't: those that need shaping or reordering (with Raqm) and glyphs that leave their frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

PictureMode = Literal["gray", "rgb"]
PILLOW_MODES: dict[PictureMode, Literal["L", "RGB"]] = {"gray": "L", "rgb": "RGB"}


@dataclass(frozen=True, slots=True)
class Canvas:
    """A picture's rectangle, in pixels from the origin of its first line."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width_px(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def height_px(self) -> int:
        """Rows."""
        return self.bottom - self.top


def measure(lines: Sequence[str], face: ImageFont.FreeTypeFont) -> Canvas:
    """Return the least canvas that holds every line's ink and advance whole."""
    ascent, descent = face.getmetrics()
    left = top = right = 0
    bottom = len(lines) * (ascent + descent)
    for number, line in enumerate(lines):
        box = face.getbbox(line, anchor="la")
        y = number * (ascent + descent)
        left = min(left, int(box[0]))
        top = min(top, y + int(box[1]))
        right = max(right, int(box[2]), math.ceil(face.getlength(line)))
        bottom = max(bottom, y + int(box[3]))
    return Canvas(left, top, right, bottom)


def draw(
    lines: Sequence[str],
    face: ImageFont.FreeTypeFont,
    canvas: Canvas,
    colors: tuple[str, str],
    mode: PictureMode,
) -> NDArray[np.uint8]:
    """Draw lines in ``(font_color, background_color)``.

    Returns shape ``(height, width)``, or ``(height, width, 3)`` in red, green, blue order.
    """
    font_color, background_color = colors
    picture = Image.new(PILLOW_MODES[mode], (canvas.width_px, canvas.height_px), background_color)
    context = ImageDraw.Draw(picture)
    line_px = sum(face.getmetrics())
    for number, line in enumerate(lines):
        origin = (-canvas.left, number * line_px - canvas.top)
        context.text(origin, line, fill=font_color, font=face, anchor="la")
    return np.array(picture)


def ramp(colors: tuple[str, str], mode: PictureMode) -> NDArray[np.uint8]:
    """What each coverage 0 to 255 comes to in these colours, as Pillow itself blends it.

    Shape ``(256,)`` gray or ``(256, 3)`` red, green, blue.
    """
    font_color, background_color = colors
    picture = Image.new(PILLOW_MODES[mode], (256, 1), background_color)
    coverage = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    ImageDraw.Draw(picture).bitmap((0, 0), coverage, fill=font_color)
    blended: NDArray[np.uint8] = np.array(picture)[0]
    return blended
