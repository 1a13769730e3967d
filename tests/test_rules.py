"""What becomes of a text that holds a character is one rule, and shaping agrees with it."""

from __future__ import annotations

import itertools
import sys
import unicodedata
from pathlib import Path

import pytest
import uharfbuzz
from drawing import SANS
from small_fonts import BOX, NOTHING, small_font

from shmtext.draw.rules import (
    INVISIBLE,
    TRAILING_JAMO,
    Rule,
    continues,
    is_composable,
    needs_shaping,
    rule_of,
)

ALL = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]

HIDDEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180e\u200b\u200e\u200f\u202a\u202e\u2060"
    "\u2062\u2066\u206f\u3164\ufeff\uffa0\U0001d173\U000e0001\U000e0020"
)


def test_default_ignorables_have_their_rules_and_all_else_is_visible() -> None:
    assert {Rule.HIDDEN} == set(map(rule_of, HIDDEN))
    assert {Rule.SELECTS} == set(map(rule_of, "\ufe00\ufe0f\U000e0100\U000e01ef"))
    assert {Rule.JOINS} == set(map(rule_of, "\u200c\u200d"))
    assert {Rule.VISIBLE} == set(map(rule_of, "a \u00a0\u0301\u0600\u1680\u2800\u3000\ufffc\x07"))


def test_the_table_of_the_invisible_is_in_order_and_without_overlaps() -> None:
    seams = [place for first, last, _ in INVISIBLE for place in (first, last + 1)]

    assert sorted(seams) == seams


HANGUL_FILLERS = [*"\u115f\u1160\u3164\uffa0"]
"""Default ignorables that HarfBuzz leaves to fonts, which have spaces for them."""


def test_shaping_hides_exactly_what_a_rule_calls_invisible(tmp_path: Path) -> None:
    # A font with a glyph for all: what is hidden has another in its place, or none.
    characters = [c for c in ALL if unicodedata.category(c) not in ("Cn", "Co")]
    path = small_font(tmp_path / "a.ttf", {"a": BOX, " ": NOTHING})
    font = uharfbuzz.Font(uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(path))))
    font.funcs = uharfbuzz.FontFuncs()
    font.funcs.set_nominal_glyph_func(lambda *asked: 2 if asked[1] == 0x20 else 1)
    hidden = []
    for character in characters:
        buffer = uharfbuzz.Buffer()
        buffer.add_str(character)
        buffer.guess_segment_properties()
        uharfbuzz.shape(font, buffer)
        if {info.codepoint for info in buffer.glyph_infos} <= {2} and character != " ":
            hidden.append(character)

    invisible = [c for c in characters if rule_of(c) is not Rule.VISIBLE]
    assert sorted([*hidden, *HANGUL_FILLERS]) == invisible


def test_all_that_unicode_decomposes_or_composes_is_composable() -> None:
    expected: set[str] = set()
    for character in ALL:
        if unicodedata.normalize("NFD", character) != character:
            expected.add(character)
            parts = unicodedata.decomposition(character).split()
            if parts and unicodedata.is_normalized("NFC", character):
                expected.update(chr(int(part, 16)) for part in parts)
    jamo = itertools.chain(range(0x1100, 0x1113), range(0x1161, 0x1176), range(0x11A8, 0x11C3))
    selectors = {c for c in ALL if rule_of(c) is Rule.SELECTS}

    assert expected | selectors | set(map(chr, jamo)) == {c for c in ALL if is_composable(c)}


def test_whatever_composes_with_the_character_before_it_continues_its_cluster() -> None:
    for character in ALL:
        parts = unicodedata.normalize("NFD", character)
        if unicodedata.is_normalized("NFC", character):
            assert all(map(continues, parts[1:])), hex(ord(character))


@pytest.mark.parametrize(("first", "last"), TRAILING_JAMO)
def test_trailing_jamo_continue_a_cluster_and_need_shaping(first: int, last: int) -> None:
    for character in map(chr, range(first, last + 1)):
        assert continues(character)
        assert needs_shaping(character)


def test_the_bundled_sans_hides_a_soft_hyphen_wherever_it_stands() -> None:
    font = uharfbuzz.Font(uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(SANS))))
    space = font.get_nominal_glyph(ord(" "))
    for text in ("ab\u00adcd", "ab\u00adcde\u0301", "س\u00adس"):
        buffer = uharfbuzz.Buffer()
        buffer.add_str(text)
        buffer.guess_segment_properties()
        uharfbuzz.shape(font, buffer)
        at = text.index("\u00ad")
        assert [space] == [each.codepoint for each in buffer.glyph_infos if each.cluster == at]
