"""How wide strokes are: measured on masks of a strip, each as if it were alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from shmtext.draw.faces import bundled_fonts
from shmtext.draw.looked import stroke_px
from shmtext.draw.strip import Cells, Strip

Pixels = NDArray[np.uint8]

SANS = "RobotoCondensed-Regular.ttf", "DejaVuSans.ttf", "OpenSans-ExtraBold.ttf"
THIN_TO_FAT = "Comfortaa-Regular.ttf", "DejaVuSans.ttf", "OpenSans-ExtraBold.ttf"


def alone(mask: Pixels) -> float:
    strip = Strip(np.zeros(1, np.int64), mask, Cells.of_one(mask))
    return float(stroke_px(strip)[0])


def by_definition(mask: Pixels) -> float:
    blank_around = np.pad(mask, 1).astype(np.int64)
    steps = sum(int(np.abs(np.diff(blank_around, axis=axis)).sum()) for axis in (0, 1))
    return max(2 * int(mask.sum()) / max(steps / 1.2, 1), 1)


def drawn(font: str, size_px: int, text: str) -> Pixels:
    face = ImageFont.truetype(str(Path(bundled_fonts()) / font), size_px)
    left, top, right, bottom = map(int, face.getbbox(text))
    picture = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(picture).text((-left, -top), text, font=face, fill=255)
    return np.asarray(picture)


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    height=st.integers(1, 9),
    widths=st.lists(st.integers(1, 9), min_size=1, max_size=6),
)
def test_texts_of_a_strip_are_measured_as_if_each_were_alone(
    seed: int, height: int, widths: list[int]
) -> None:
    width = np.array(widths)
    right = np.cumsum(width)
    masks = np.random.default_rng(seed).integers(0, 256, (height, int(right[-1])), np.uint8)
    cells = Cells(np.zeros_like(right), np.full_like(right, height), right - width, right)
    cut = cells.cut(masks)
    found = stroke_px(Strip(np.arange(right.size), masks, cells)).tolist()
    assert found == [alone(mask) for mask in cut] == [by_definition(mask) for mask in cut]


def test_blank_masks_have_some_width() -> None:
    assert alone(np.zeros((1, 1), np.uint8)) == 1


@pytest.mark.parametrize("size_px", [20, 32, 64])
@pytest.mark.parametrize("text", ["Hamburgefonts", "Quick brown fox", "0123456789", "ILT HE"])
def test_it_is_about_the_width_of_a_stem(text: str, size_px: int) -> None:
    for font in SANS:
        letter = drawn(font, 8 * size_px, "I")
        stem_px = letter[letter.shape[0] // 2].sum(dtype=float) / 255 / 8
        assert alone(drawn(font, size_px, text)) == pytest.approx(stem_px, rel=0.25)
    widths = [alone(drawn(font, size_px, text)) for font in THIN_TO_FAT]
    assert widths == sorted(widths)
