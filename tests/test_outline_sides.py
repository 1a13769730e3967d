"""Fonts whose tables are cut short, and outlines that can't be moved, as Pillow draws them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from drawing import SANS, check_equality, draw, picture_maker
from fontTools.feaLib.builder import addOpenTypeFeaturesFromString
from fontTools.ttLib import TTFont
from small_fonts import BOX, small_font

from shmtext.draw.faces import read_fonts
from shmtext.errors import FontError

LEFT_OF_PEN = [[(-400, 500), (-400, 600), (-300, 600), (-300, 500)]]
RIGHT_OF_PEN = [[(300, 500), (300, 600), (400, 600), (400, 500)]]

TEXTS = ["AVATAR To", "xfi office", "Hello", "na\u00efve"]


def edited(path: Path, tag: bytes, edit: Callable[[bytes], bytes], source: Path = SANS) -> Path:
    """Copy a font with one table changed; the new one stands at the end."""
    data = bytearray(source.read_bytes())
    (num_tables,) = struct.unpack_from(">H", data, 4)
    for at in range(12, 12 + 16 * num_tables, 16):
        found, _, start, length = struct.unpack_from(">4sIII", data, at)
        if found == tag:
            table = edit(bytes(data[start : start + length]))
            data += bytes(-len(data) % 4)
            struct.pack_into(">4sIII", data, at, tag, 0, len(data), len(table))
            data += table
    # Behind the last table, or what is read beyond a short one would be beyond the file.
    path.write_bytes(data + bytes(64))
    return path


@pytest.mark.parametrize(
    ("tag", "edit"),
    [
        (b"hmtx", lambda table: table[:200]),
        (b"hmtx", lambda table: table[:202]),
        (b"hhea", lambda table: table[:34] + b"\0\0"),
        (b"hhea", lambda table: table[:34] + b"\0\1"),
    ],
    ids=["cut-hmtx", "cut-in-a-pair", "no-advance", "one-advance"],
)
def test_metrics_that_are_missing_are_what_freetype_makes_of_them(
    tmp_path: Path, tag: bytes, edit: Callable[[bytes], bytes]
) -> None:
    font = edited(tmp_path / "font.ttf", tag, edit)
    assert check_equality(draw(picture_maker([font], font_sizes=(9, 32)), TEXTS)) == len(TEXTS)


def test_a_header_cut_short_is_a_damaged_font(tmp_path: Path) -> None:
    font = edited(tmp_path / "font.ttf", b"hhea", lambda table: table[:30])
    with pytest.raises(FontError, match=r"font\.ttf is a damaged font"):
        read_fonts([font])


@pytest.mark.parametrize("cff", [False, True])
def test_marks_beside_the_pen_are_drawn_whole(tmp_path: Path, cff: bool) -> None:
    """Whatever the outlines: those of CFF do not move with their bearings."""
    glyphs = {"a": BOX, "\u0301": LEFT_OF_PEN, "\u0302": RIGHT_OF_PEN}
    font = small_font(tmp_path / "font.otf", glyphs, cff=cff)
    with TTFont(font) as made:
        made["hmtx"]["u0301"] = made["hmtx"]["u0302"] = 0, 0
        if not cff:
            made["hmtx"]["u0301"], made["hmtx"]["u0302"] = (0, -400), (0, 300)
        rules = """
            markClass u0301 <anchor -350 500> @top; markClass u0302 <anchor 350 500> @top;
            feature mark { pos base u0061 <anchor 20 700> mark @top; } mark;"""
        addOpenTypeFeaturesFromString(made, rules)
        made.save(font)
    texts = ["a\u0301", "a\u0302", "aa\u0301a\u0302"]
    assert check_equality(draw(picture_maker([font], font_sizes=(11, 32, 70)), texts)) == 3


def test_a_glyph_beyond_the_font_s_own_fails_its_texts(tmp_path: Path) -> None:
    """HarfBuzz passes on what damaged rules name; another font's glyphs lie behind this one's."""
    font = small_font(tmp_path / "font.ttf", dict.fromkeys("abc", BOX))
    with TTFont(font) as made:
        addOpenTypeFeaturesFromString(made, "feature liga { sub u0061 by u0063; } liga;")
        made.save(font)
    with TTFont(font) as made:
        rules = made.reader["GSUB"]
    at = rules.index(b"\0\1\0\x0e\0\2")  # a single substitution, by numbers larger by 2
    damaged = rules[: at + 4] + struct.pack(">h", 50) + rules[at + 6 :]
    font.write_bytes(font.read_bytes().replace(rules, damaged))
    drawing = draw(picture_maker([font]), ["abc", "cb"])
    assert drawing.failed == {0}
    assert drawing.pictures.keys() == {1}
