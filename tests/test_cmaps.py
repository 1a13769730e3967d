"""A font covers characters that FreeType and HarfBuzz draw alike, by whichever map they choose."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
import uharfbuzz
from drawing import BUNDLED, ITALIC, SANS
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables._c_m_a_p import CmapSubtable
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont
from small_fonts import Contours, small_font

from shmtext.draw.cmaps import agreed_map
from shmtext.draw.faces import read_fonts
from shmtext.draw.freetype import is_reached, open_font
from shmtext.draw.reading import read_file
from shmtext.draw.tables import FontTables
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


def mapped(font: FontTables) -> dict[int, int]:
    characters, glyphs = (each.tolist() for each in agreed_map(font))
    assert sorted(characters) == characters
    return dict(zip(characters, glyphs, strict=True))


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_a_map_read_all_at_once_is_what_fonttools_reads(path: Path) -> None:
    with TTFont(path) as font:
        number_of = font.getReverseGlyphMap()
        expected = {code: number_of[name] for code, name in font.getBestCmap().items()}

    assert expected == mapped(FontTables(path.read_bytes()))


NUM_GLYPHS = 3_000
PLANES = {4: 0xFFFE, 12: 0x10FFFF}
"""The last character that a form of a map may have."""


def one_map(form: int, glyph_of: dict[int, int]) -> FontTables:
    """A font of nothing but a map, which fontTools has written."""
    font = TTFont()
    font.setGlyphOrder([f"g{number}" for number in range(NUM_GLYPHS)])
    table = CmapSubtable.newSubtable(form)
    table.platformID, table.platEncID, table.language = 3, 1 if form == 4 else 10, 0
    table.cmap = {code: f"g{number}" for code, number in glyph_of.items()}
    cmap = struct.pack(">4HL", 0, 1, 3, table.platEncID, 12) + table.compile(font)
    return made_of({"cmap": cmap, "maxp": struct.pack(">LH", 0x5000, NUM_GLYPHS)})


def made_of(tables: dict[str, bytes]) -> FontTables:
    """A font of some tables' bytes."""
    data = b"\0\1\0\0" + struct.pack(">4H", len(tables), 0, 0, 0)
    at = len(data) + 16 * len(tables)
    for tag, table in tables.items():
        data += struct.pack(">4s3L", tag.encode(), 0, at, len(table))
        at += len(table)
    return FontTables(data + b"".join(tables.values()))


@given(form=st.sampled_from(sorted(PLANES)), data=st.data())
def test_whatever_a_map_maps_is_read_from_it(form: int, data: st.DataObject) -> None:
    some = st.integers(1, PLANES[form])
    runs = data.draw(st.lists(st.tuples(some, st.integers(1, 40), st.integers(1, 2_900))))
    more = data.draw(st.dictionaries(some, st.integers(1, NUM_GLYPHS - 1)))
    glyph_of = {
        start + step: glyph + step
        for start, length, glyph in runs
        for step in range(length)
        if start + step <= PLANES[form]
    } | more

    assert glyph_of == mapped(one_map(form, glyph_of))


def test_a_map_of_a_rare_form_is_read_by_fonttools() -> None:
    """Form 6, of one range, in which some glyphs are missing."""
    table = struct.pack(">5H4H", 6, 18, 0, 0x41, 4, 5, 0, 7, 6)
    cmap = struct.pack(">4HL", 0, 1, 0, 3, 12) + table
    post = struct.pack(">4L", 0x30000, 0, 0, 0) + bytes(16)
    font = made_of({"cmap": cmap, "maxp": struct.pack(">LH", 0x5000, 9), "post": post})

    assert {0x41: 5, 0x43: 7, 0x44: 6} == mapped(font)


@pytest.mark.skipif(not is_reached(), reason="only FreeType can tell which glyphs it finds")
def test_a_damaged_map_is_refused_or_read_as_both_libraries_do(tmp_path: Path) -> None:
    rng, num_read, num_refused = random.Random(6), 0, 0
    path = tmp_path / "damaged.ttf"
    for number in range(120):
        whole = (SANS, ITALIC)[number % 2].read_bytes()
        start, end = place_of(whole, b"cmap")
        damaged = bytearray(whole)
        for _ in range(rng.choice((1, 1, 3))):
            damaged[min(start + int(rng.expovariate(1 / 80)), end - 1)] = rng.choice(
                (0, 255, rng.randrange(256))
            )
        path.write_bytes(damaged)
        try:
            (read,) = read_file(path).fonts
        except FontError:
            num_refused += 1
            continue
        num_read += 1
        by_harfbuzz = uharfbuzz.Font(uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(path))))
        by_freetype = open_font(str(path), 0, ())
        assert by_freetype is not None
        for code in read.font.code_points.tolist():
            assert by_freetype.glyph(code) == by_harfbuzz.get_nominal_glyph(code) != 0, number

    assert num_read >= 20
    assert num_refused >= 20


def place_of(data: bytes, tag: bytes) -> tuple[int, int]:
    """Where a table begins and ends."""
    for entry in range(struct.unpack_from(">H", data, 4)[0]):
        found, _, start, length = struct.unpack_from(">4s3L", data, 12 + 16 * entry)
        if found == tag:
            return start, start + length
    raise KeyError(tag)


def segments(*ranges: tuple[int, int, int, int]) -> FontTables:
    """A map of form 4 of such ranges: first and last character, delta, offset."""
    first, last, delta, offset = zip(*ranges, (0xFFFF, 0xFFFF, 1, 0), strict=True)
    num = len(first)
    words = [2 * num, 0, 0, 0, *last, 0, *first, *delta, *offset]
    table = struct.pack(f">3H{len(words)}H", 4, 6 + 2 * len(words), 0, *words)
    cmap = struct.pack(">4HL", 0, 1, 3, 1, 12) + table
    return made_of({"cmap": cmap, "maxp": struct.pack(">LH", 0x5000, NUM_GLYPHS)})


@pytest.mark.parametrize(
    ("ranges", "told"),
    [
        ([(0x50, 0x60, 0, 0), (0x41, 0x45, 0, 0)], "is out of order"),
        ([(0x41, 0x50, 0, 0), (0x50, 0x60, 0, 0)], "is out of order"),
        ([(0x45, 0x41, 0, 0)], "is out of order"),
        ([(0x41, 0x45, 5_000, 0)], "names glyphs that are not there"),
        ([(0x41, 0x45, 0, 3)], "refers to what is no glyph's number"),
        ([(0x41, 0x45, 0, 2)], "refers to what is no glyph's number"),
        ([(0x41, 0x45, 0, 400)], "out of bounds"),
    ],
)
def test_what_is_wrong_with_a_map_is_told(
    ranges: list[tuple[int, int, int, int]], told: str
) -> None:
    assert {0x41: 0x41, 0x42: 0x42} == mapped(segments((0x41, 0x42, 0, 0)))
    with pytest.raises((ValueError, IndexError), match=told):
        agreed_map(segments(*ranges))
