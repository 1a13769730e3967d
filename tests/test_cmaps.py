"""A font covers characters that FreeType and HarfBuzz draw alike, by whichever map they choose."""

from __future__ import annotations

from pathlib import Path

import pytest
import uharfbuzz
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables._c_m_a_p import CmapSubtable
from PIL import ImageFont
from small_fonts import Contours, small_font

from shmtext.draw.faces import read_fonts
from shmtext.errors import FontError

NAMES = {"A": "u0041", "é": "u00E9", "€": "u20AC", "Ж": "u0416"}
MAC = {0x41: NAMES["A"], 0x8E: NAMES["é"], 0xDB: NAMES["€"]}
SYMBOLS = {0xF041: NAMES["A"], 0xF0E9: NAMES["é"], 0xF080: NAMES["€"]}
UNICODE = {ord(character): glyph for character, glyph in NAMES.items()}

Maps = dict[tuple[int, int], dict[int, str]]


def box_of(height: int) -> Contours:
    return [[(50, 0), (50, height), (550, height), (550, 0)]]


def font_with(path: Path, maps: Maps, *, has_names: bool = True, cff: bool = False) -> Path:
    """A font whose glyphs differ in height, found by the given maps alone."""
    heights = {character: box_of(100 + 100 * n) for n, character in enumerate(NAMES)}
    small_font(path, heights, cff=cff)
    with TTFont(path) as font:
        font.getGlyphOrder()
        font["cmap"].tables = []
        for (platform, encoding), cmap in maps.items():
            table = CmapSubtable.newSubtable(0 if platform == 1 else 4)
            table.platformID, table.platEncID, table.language = platform, encoding, 0
            table.cmap = cmap
            font["cmap"].tables.append(table)
        if not has_names:
            font["post"].formatType = 3.0
        font.save(path)
    return path


def covered(path: Path) -> str:
    """Characters that a font covers, each of which both libraries draw by the same glyph."""
    (font,) = read_fonts([path])
    by_harfbuzz = uharfbuzz.Font(uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(path))))
    by_freetype = ImageFont.truetype(path, 100, layout_engine=ImageFont.Layout.BASIC)
    for code_point in font.code_points.tolist():
        height_px = 10 * by_harfbuzz.get_nominal_glyph(code_point)
        assert height_px == by_freetype.getmask(chr(code_point)).size[1]
    return "".join(map(chr, font.code_points.tolist()))


@pytest.mark.parametrize("cff", [False, True], ids=["TrueType", "CFF"])
def test_a_map_of_mac_os_roman_is_read_where_glyphs_have_names(tmp_path: Path, cff: bool) -> None:
    assert "Aé€" == covered(font_with(tmp_path / "mac.font", {(1, 0): MAC}, cff=cff))


def test_a_glyph_whose_name_says_something_else_is_not_covered(tmp_path: Path) -> None:
    mac = {**MAC, 0x42: NAMES["A"], 0x8E: NAMES["Ж"]}

    assert "A€" == covered(font_with(tmp_path / "mac.ttf", {(1, 0): mac}))


def test_a_map_of_symbols_beside_unicode_covers_what_both_agree_on(tmp_path: Path) -> None:
    alike = font_with(tmp_path / "alike.ttf", {(3, 0): SYMBOLS, (3, 1): UNICODE})
    other = font_with(tmp_path / "other.ttf", {(3, 0): SYMBOLS, (3, 1): {**UNICODE, **SYMBOLS}})

    assert "Aé" == covered(alike)
    assert "Aé\uf041\uf080\uf0e9" == covered(other)


@pytest.mark.parametrize(("page", "expected"), [(0, "Aé"), (0xB2, "é"), (0xB1, "é")])
def test_symbols_of_an_old_arabic_font_are_not_those_of_latin_1(
    tmp_path: Path, page: int, expected: str
) -> None:
    symbols = {**SYMBOLS, 0xE9: NAMES["é"]}
    path = font_with(tmp_path / "old.ttf", {(3, 0): symbols, (3, 1): UNICODE})
    with TTFont(path) as font:
        font["OS/2"].version, font["OS/2"].fsSelection = 0, page << 8
        font.save(path)

    assert expected == covered(path)


@pytest.mark.parametrize(
    ("maps", "named"),
    [
        ({(3, 0): SYMBOLS}, "symbols (3, 0)"),
        ({(1, 0): MAC, (3, 0): SYMBOLS}, "Mac OS Roman (1, 0), symbols (3, 0)"),
        ({(3, 3): {0x41: NAMES["A"], 0xB0A1: NAMES["é"]}}, "GB 2312 (3, 3)"),
        ({(3, 4): {0x41: NAMES["A"]}}, "Big5 (3, 4)"),
        ({(3, 2): {0x41: NAMES["A"]}}, "Shift JIS (3, 2)"),
        ({(1, 1): {0x41: NAMES["A"]}}, "Mac OS Japanese (1, 1)"),
        ({(7, 7): {0x41: NAMES["A"]}}, "an unknown one (7, 7)"),
        ({}, "none"),
    ],
)
@pytest.mark.parametrize("cff", [False, True], ids=["TrueType", "CFF"])
def test_a_font_without_unicode_is_refused_in_a_line_that_names_its_maps(
    tmp_path: Path, maps: Maps, named: str, cff: bool
) -> None:
    path = font_with(tmp_path / "old.font", maps, cff=cff)
    with pytest.raises(FontError) as refused:
        read_fonts([path])

    told = f"{path} has no Unicode character map that can be relied on (it has {named})"
    assert str(refused.value).startswith(told)
    assert "\n" not in str(refused.value)


def test_a_map_of_mac_os_roman_is_not_read_where_glyphs_have_no_names(tmp_path: Path) -> None:
    path = font_with(tmp_path / "nameless.ttf", {(1, 0): MAC}, has_names=False)
    with pytest.raises(FontError, match=r"it has Mac OS Roman \(1, 0\)"):
        read_fonts([path])


@pytest.mark.parametrize("key", [(0, 0), (0, 1), (0, 3), (0, 4), (3, 1)])
def test_every_map_of_unicode_is_read(tmp_path: Path, key: tuple[int, int]) -> None:
    assert "Aé\u0416€" == covered(font_with(tmp_path / "unicode.ttf", {key: UNICODE}))


def test_a_map_of_all_planes_comes_before_one_of_the_first(tmp_path: Path) -> None:
    maps: Maps = {(0, 4): UNICODE, (3, 1): {**UNICODE, ord("A"): NAMES["é"], ord("B"): "u0041"}}

    assert "Aé\u0416€" == covered(font_with(tmp_path / "both.ttf", maps))
