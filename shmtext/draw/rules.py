"""What Unicode says of a character, and what this package makes of that: one rule each.

Whether any text with it is drawn, whether that takes shaping, and whether a font may draw it by
composing or decomposing. What fonts have is not known here.
"""

from __future__ import annotations

import unicodedata
from enum import Enum
from functools import cache

from shmtext.config.marks import INVISIBLE_RANGES
from shmtext.draw.shape.scripts import script_of

SHAPED_RANGES = (
    (0x1100, 0x11FF),  # Hangul Jamo, which combine to syllables
    (0x1800, 0x18AF),  # Mongolian, which joins
    (0xA840, 0xA87F),  # Phags-pa, which joins
    (0xA960, 0xA97F),  # Hangul Jamo Extended-A
    (0xD7B0, 0xD7FF),  # Hangul Jamo Extended-B
    (0x1F1E6, 0x1F1FF),  # regional indicators, which pair up to flags
    (0x1F3FB, 0x1F3FF),  # skin tones, which change the emoji before them
)
"""Characters that need shaping though neither their category nor their direction says so."""

CURSIVE_SCRIPTS = frozenset(
    {"Adlm", "Arab", "Chrs", "Mand", "Mong", "Nkoo", "Ougr", "Phag", "Rohg", "Sogd", "Syrc"}
)
"""Those that CSS Text 3 lists, by their ISO 15924 tags."""

TATWEEL = "\u0640"
"""It lengthens joints of several scripts, and so is none's."""

TRAILING_JAMO = ((0x1160, 0x11FF), (0xD7B0, 0xD7FF))
"""Vowels and final consonants of Hangul: they join the syllable before them."""


DECOMPOSED_RANGES = (
    (0x00C0, 0x30FF),
    (0xF900, 0xFB4F),
    (0x11000, 0x11FFF),
    (0x16000, 0x16FFF),
    (0x1D100, 0x1D1FF),
    (0x2F800, 0x2FA1F),
)
"""Where characters lie that Unicode 17 decomposes canonically, but for Hangul's."""

JAMO_AND_SYLLABLES = ((0x1100, 0x1112), (0x1161, 0x1175), (0x11A8, 0x11C2), (0xAC00, 0xD7A3))
"""Hangul's syllables, and what they are composed of by arithmetic."""


class Rule(Enum):
    """What becomes of a text that holds a character, in every layout."""

    VISIBLE = "drawn by fonts that cover it"
    JOINS = "drawn, in any font: it is invisible, and decides the shapes beside it"
    SELECTS = "drawn by fonts that have its sequence with the character before it, else skipped"
    HIDDEN = "skipped: it leaves no ink, and a label with it says what its picture can't show"


RULES = {0x200C: Rule.JOINS, 0xFE00: Rule.SELECTS, 0xE0100: Rule.SELECTS}
"""Of ranges that are not hidden, by their first character. Mongolian's selectors are: what they
select no table tells."""

INVISIBLE = tuple((first, last, RULES.get(first, Rule.HIDDEN)) for first, last in INVISIBLE_RANGES)
"""What is invisible, and its rule."""


def needs_shaping(character: str) -> bool:
    """Whether a character is drawn wrong one by one, from left to right.

    >>> [needs_shaping(c) for c in "aß中\u0301ش"]
    [False, False, False, True, True]
    """
    code_point = ord(character)
    return (
        unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf")
        or unicodedata.bidirectional(character) in ("R", "AL", "AN")
        or any(first <= code_point <= last for first, last in SHAPED_RANGES)
    )


def rule_of(character: str) -> Rule:
    """What becomes of a text that holds a character.

    >>> [rule_of(c).name for c in "a\u200d\ufe0f\u200b\u0600"]
    ['VISIBLE', 'JOINS', 'SELECTS', 'HIDDEN', 'VISIBLE']
    """
    # Unassigned ones are left out: a later version of Unicode may make them visible.
    if unicodedata.category(character) == "Cn":
        return Rule.VISIBLE
    code_point = ord(character)
    rules = (rule for first, last, rule in INVISIBLE if first <= code_point <= last)
    return next(rules, Rule.VISIBLE)


def continues(character: str) -> bool:
    """Whether a character belongs to the cluster of the one before it.

    >>> [continues(c) for c in "a\u0301\ufe0f\u1161\u200d"]
    [False, True, True, True, False]
    """
    is_mark = unicodedata.category(character)[0] == "M"
    return is_mark or any(first <= ord(character) <= last for first, last in TRAILING_JAMO)


def is_cursive(character: str) -> bool:
    """Whether a character's script joins letters, which are not moved apart (CSS Text 3, 8.2).

    >>> [is_cursive(c) for c in "aשشनᠠ"]
    [False, False, True, False, True]
    """
    return character == TATWEEL or script_of(character) in CURSIVE_SCRIPTS


def is_composable(character: str) -> bool:
    """Whether a font that lacks a character may draw it nevertheless.

    It may where Unicode decomposes the character canonically, or composes it with another, and
    where a variation selector is taken up by the character before it.

    >>> [is_composable(c) for c in "e\u0301éq한\u1112\ufe0f"]
    [True, True, True, False, True, True, True]
    """
    return ord(character) in _composable() or rule_of(character) is Rule.SELECTS


def parts_to_have(character: str) -> list[str]:
    """One of these a font must have to draw a character decomposed; empty if it never is.

    >>> [[f"{ord(part):04X}" for part in parts_to_have(c)] for c in "ḗ한\u212ba"]
    [['0301'], ['11AB'], ['00C5', '030A'], []]
    """
    parts = unicodedata.decomposition(character)
    if parts and not parts.startswith("<"):
        first, *second = (chr(int(part, 16)) for part in parts.split())
        return second or [first, *parts_to_have(first)]
    return [*unicodedata.normalize("NFD", character)[1:][-1:]]


@cache
def _composable() -> frozenset[int]:
    found: set[int] = set()
    for first, last in DECOMPOSED_RANGES:
        for composed in map(chr, range(first, last + 1)):
            parts = unicodedata.decomposition(composed).split()
            if parts and not parts[0].startswith("<"):
                found.add(ord(composed))
                # Shaping decomposes everything, but composes only what Unicode's NFC does.
                if unicodedata.is_normalized("NFC", composed):
                    found.update(int(part, 16) for part in parts)
    for first, last in JAMO_AND_SYLLABLES:
        found.update(range(first, last + 1))
    return frozenset(found)
