"""A sheet of pictures that were misread: each above its text and what was read in its place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench.learning.scores import misread
from bench.learning.sets import HEIGHT_PX, WIDTH_PX, Pictures
from bench.places import ONE_FONT

COLUMNS, ROWS = 6, 8
ZOOM = 1.5
"""Pictures are drawn larger than the recogniser has them, for eyes."""
LINE_PX = 15
GAP_PX = 10
FONT_PX = 12
PAGE, TEXT, WRONG = (255, 255, 255), (30, 30, 30), (190, 0, 0)


def misread_sheet(pictures: Pictures, said: Sequence[str], title: str) -> Image.Image:
    """Draw misread pictures, evenly out of all; fewer where fewer were misread."""
    wrong = misread(said, pictures.texts)
    shown = np.linspace(0, len(wrong) - 1, min(len(wrong), COLUMNS * ROWS)).round().astype(int)
    cell = round(WIDTH_PX * ZOOM) + GAP_PX, round(HEIGHT_PX * ZOOM) + 2 * LINE_PX + GAP_PX
    num_rows = max(1, -(-len(shown) // COLUMNS))
    page = Image.new("RGB", (COLUMNS * cell[0], num_rows * cell[1] + 2 * LINE_PX), PAGE)
    draw = ImageDraw.Draw(page)
    font = ImageFont.truetype(ONE_FONT, FONT_PX, layout_engine=ImageFont.Layout.BASIC)
    head = f"{title}: {len(wrong):,} of {len(said):,} not read right"
    draw.text((GAP_PX // 2, GAP_PX // 2), head, TEXT, font)
    for place, index in enumerate(shown):
        number = wrong[index]
        row, column = divmod(place, COLUMNS)
        left, top = column * cell[0] + GAP_PX // 2, row * cell[1] + 2 * LINE_PX
        picture = Image.fromarray(pictures.data[number, :, : pictures.widths_px[number]])
        size = round(picture.width * ZOOM), round(picture.height * ZOOM)
        page.paste(picture.resize(size, Image.Resampling.BICUBIC), (left, top))
        draw.text((left, top + size[1]), pictures.texts[number], TEXT, font)
        draw.text((left, top + size[1] + LINE_PX), said[number], WRONG, font)
    return page
