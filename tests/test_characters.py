"""Characters get numbers as they are met; what is known of each is what Unicode and fonts say."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from drawing import BUNDLED, ITALIC, LATIN_1, SANS, font_file
from hypothesis import given
from hypothesis import strategies as st

from shmtext.draw.characters import CharacterTable, describe
from shmtext.draw.rules import Rule, continues, is_composable, needs_shaping, rule_of

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
    rules = [rule_of(c) for c in whole]
    assert [rule is Rule.HIDDEN for rule in rules] == table.is_hidden[ids].tolist()
    assert [rule is Rule.SELECTS for rule in rules] == table.is_selector[ids].tolist()
    assert [is_composable(c) for c in whole] == table.is_composable[ids].tolist()
    assert [continues(c) for c in whole] == table.continues[ids].tolist()
    invisible = [rule is not Rule.VISIBLE for rule in rules]
    blank = [c.isspace() or c == "\u2800" for c in whole]
    assert [any(both) for both in zip(invisible, blank, strict=True)] == (
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


def test_a_table_with_a_hidden_character_is_not_plain() -> None:
    table = CharacterTable((font_file(SANS),))
    table.ids(codes("\u3164"))

    assert not table.all_plain
    assert table.is_hidden.tolist() == table.is_blank.tolist() == [True]


def test_control_characters_are_never_covered() -> None:
    table = CharacterTable(tuple(map(font_file, BUNDLED)))

    ids = table.ids(codes("\x00\x07\x1b\x7f\x85"))

    assert not table.support[ids].any()


@pytest.mark.parametrize(
    "text",
    ["Aß€", "ÄÅ", "ЖΩ", "中日本語", "한국", "12,.%", "←∑√☃", "😀", "  \u00a0\u3000"],
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
