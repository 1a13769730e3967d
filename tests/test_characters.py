"""Characters get numbers as they are met; what is known of each is what Unicode and fonts say."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from drawing import BUNDLED, ITALIC, LATIN_1, SANS, font_file
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont

from shmtext.draw.characters import CharacterTable, describe, is_hidden, needs_shaping
from shmtext.draw.faces import can_shape

FONTS = (font_file(SANS), font_file(ITALIC))


def codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


@given(st.lists(st.text(max_size=30), max_size=5))
def test_a_character_keeps_its_number_and_its_facts(texts: list[str]) -> None:
    table = CharacterTable(FONTS)
    for text in texts:
        ids = table.ids(codes(text))
        assert codes(text).tolist() == table.code_points[ids].tolist()
    whole = "".join(texts)
    ids = table.ids(codes(whole))

    assert len(set(whole)) == len(table)
    assert [needs_shaping(c) for c in whole] == table.needs_shaping[ids].tolist()
    assert [is_hidden(c) for c in whole] == table.is_hidden[ids].tolist()
    assert [c.isspace() or is_hidden(c) or c in "\u200c\u200d\u2800" for c in whole] == (
        table.is_blank[ids].tolist()
    )
    for character, row in zip(whole, table.support[ids].tolist(), strict=True):
        if not needs_shaping(character):
            assert [ord(character) in font.code_points for font in FONTS] == row


def test_plain_texts_that_every_font_draws_need_no_checks() -> None:
    table = CharacterTable(tuple(map(font_file, BUNDLED)))
    table.ids(codes(LATIN_1))
    assert table.all_plain
    table.ids(codes("中"))
    assert not table.all_plain


def test_a_text_that_needs_shaping_is_not_plain() -> None:
    table = CharacterTable((font_file(SANS),))
    table.ids(codes("س"))

    assert table.support.all()
    assert not table.all_plain


def test_no_font_needs_a_glyph_for_a_joiner() -> None:
    table = CharacterTable((font_file(ITALIC),))
    ids = table.ids(codes("\u200c\u200d"))

    assert table.support[ids].all()
    assert table.is_blank[ids].all()
    assert not table.is_hidden[ids].any()


HIDDEN = (
    "\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180e\u200b\u200e\u200f\u202a\u202e\u2060\u2062\u2066"
    "\u206f\u3164\ufe00\ufe0f\ufeff\uffa0\U0001d173\U000e0001\U000e0020\U000e0100"
)


def test_default_ignorables_are_hidden_and_all_else_is_not() -> None:
    assert all(map(is_hidden, HIDDEN))
    assert not any(map(is_hidden, "a \u00a0\u00ad\u0301\u0600\u1680\u200c\u200d\u2800\u3000\ufffc"))


def test_a_table_with_a_hidden_character_is_not_plain() -> None:
    table = CharacterTable((font_file(SANS),))
    table.ids(codes("\u3164"))

    assert not table.all_plain
    assert table.is_hidden.tolist() == table.is_blank.tolist() == [True]


def test_every_character_that_shaping_hides_is_hidden_or_a_joiner_or_the_soft_hyphen() -> None:
    if not can_shape():
        pytest.skip("needs Raqm")
    face = ImageFont.truetype(ITALIC, 40, layout_engine=ImageFont.Layout.RAQM)
    marks = [
        chr(code)
        for code in {*range(0x110000)} - {*range(0xD800, 0xE000)}
        if unicodedata.category(chr(code)) in ("Cf", "Mn")
        and code not in font_file(ITALIC).code_points
    ]
    shown = {c for c in marks if face.getmask(f"a{c}b").getbbox() != face.getmask("ab").getbbox()}

    assert {c for c in marks if is_hidden(c)} | {*"\u200c\u200d"} == {
        c for c in (*marks, *"\u200c\u200d") if c not in shown
    }


def test_control_characters_are_never_covered() -> None:
    table = CharacterTable(tuple(map(font_file, BUNDLED)))

    ids = table.ids(codes("\x00\x07\x1b\x7f\x85"))

    assert not table.support[ids].any()


@pytest.mark.parametrize(
    "text",
    ["Aß€", "ÄÅ", "ЖΩ", "中日本語", "한국", "12,.%", "←∑√☃", "\u00ad", "😀", "  \u00a0\u3000"],
)
def test_characters_that_stand_for_themselves_need_no_shaping(text: str) -> None:
    assert not any(map(needs_shaping, text))


@pytest.mark.parametrize(
    "text", ["\u0301\u20dd", "שלום", "سلام", "\u064e", "\u200d\u200e", "ิ้", "\u1112\u1161", "🇩🏽"]
)
def test_characters_that_combine_join_or_turn_need_shaping(text: str) -> None:
    assert all(map(needs_shaping, text))


def test_every_mark_and_every_right_to_left_letter_needs_shaping() -> None:
    for character in map(chr, range(0x20, 0x30000)):
        turns = unicodedata.bidirectional(character) in ("R", "AL", "AN")
        if unicodedata.combining(character) or turns:
            assert needs_shaping(character), describe(ord(character))


@pytest.mark.parametrize(
    ("code_point", "expected"),
    [(0x41, "U+0041 A"), (0x1F600, "U+1F600 😀"), (0xA0, "U+00A0"), (0x200D, "U+200D")],
)
def test_characters_are_described_by_number_and_shape(code_point: int, expected: str) -> None:
    assert expected == describe(code_point)
