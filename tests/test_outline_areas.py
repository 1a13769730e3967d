"""Areas of outlines are those that a pen finds; who has area enough leaves ink."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import numpy as np
import pytest
from drawing import BUNDLED, SANS
from fontTools.pens.areaPen import AreaPen
from fontTools.ttLib import TTFont
from PIL import ImageFont
from small_fonts import (
    BACK_AND_FORTH,
    BOX,
    CANCELLED,
    FLAT,
    LONG_AND_SLANTED,
    NOTHING,
    POINT,
    SLANTED,
    small_font,
)

from shmtext.draw.cmaps import agreed_map
from shmtext.draw.coverage import SPACES, is_space
from shmtext.draw.faces import TRIAL_SIZES_PX, has_ink
from shmtext.draw.outline_areas import ENOUGH_EM2, MOST_CONTOURS, MOST_POINTS, have_area
from shmtext.draw.tables import FontTables


def inked(path: Path, code_points: list[int]) -> set[int]:
    """Those of some characters whose glyphs have area."""
    font = FontTables(path.read_bytes())
    cmap = agreed_map(font)
    glyph_of = dict(zip(cmap.characters.tolist(), cmap.glyphs.tolist(), strict=True))
    glyphs = np.array([glyph_of.get(code, 0) for code in code_points], np.int64)
    return set(itertools.compress(code_points, have_area(font, glyphs)))


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_characters_with_area_are_those_that_a_pen_finds(path: Path) -> None:
    with TTFont(path) as font:
        glyf, cmap = font["glyf"], font.getBestCmap()
        expected = set()
        for code, name in cmap.items():
            glyph = glyf[name]
            ends = getattr(glyph, "endPtsOfContours", [])
            if not 1 <= len(ends) <= MOST_CONTOURS or ends[-1] >= MOST_POINTS:
                continue
            pen = AreaPen()
            glyph.draw(pen, glyf)
            if abs(pen.value) >= ENOUGH_EM2 * font["head"].unitsPerEm ** 2:
                expected.add(code)

        assert len(expected) >= 5
        assert expected == inked(path, list(cmap))


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_characters_with_area_leave_ink(path: Path) -> None:
    with TTFont(path) as font:
        found = sorted(inked(path, list(font.getBestCmap())))
    face = ImageFont.truetype(path, TRIAL_SIZES_PX[1], layout_engine=ImageFont.Layout.BASIC)
    for code in random.Random(4).sample(found, min(60, len(found))):
        assert has_ink(face.getmask(chr(code), mode="L")), chr(code)


def test_outlines_without_area_have_none(tmp_path: Path) -> None:
    outlines = {
        "a": BOX,
        "b": POINT,
        "c": FLAT,
        "d": SLANTED,
        "e": BACK_AND_FORTH,
        "f": CANCELLED,
        "g": LONG_AND_SLANTED,
        "h": NOTHING,
        "i": [BOX[0], BOX[0]],
    }
    path = small_font(tmp_path / "made.ttf", outlines, {"j": ["a", "a"]})

    assert set(map(ord, "ai")) == inked(path, [*map(ord, "abcdefghij"), 0x2603])


def test_of_fonts_without_truetype_outlines_nothing_is_known(tmp_path: Path) -> None:
    assert set() == inked(small_font(tmp_path / "a.otf", {"a": BOX}, cff=True), [ord("a")])


def test_damaged_outlines_are_read_to_their_end(tmp_path: Path) -> None:
    whole, rng = SANS.read_bytes(), random.Random(9)
    with TTFont(SANS) as font:
        codes = list(font.getBestCmap())
        places = [font.reader.tables[tag] for tag in ("glyf", "loca", "head")]
    path = tmp_path / "damaged.ttf"
    for _ in range(15):
        damaged = bytearray(whole)
        for place in places:
            for _ in range(place.length // 50 + 1):
                damaged[place.offset + rng.randrange(place.length)] = rng.randrange(256)
        path.write_bytes(damaged)
        assert inked(path, codes) <= set(codes)


def test_spaces_are_those_that_unicode_has() -> None:
    assert list(filter(is_space, range(0x110000))) == np.sort(SPACES).tolist()
