"""Where text may be cut is where uniseg, which walks a text by the letter of the rules, cuts it."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from uniseg.derived import indic_conjunct_break
from uniseg.emoji import extended_pictographic
from uniseg.graphemecluster import grapheme_cluster_break, grapheme_cluster_breakables
from uniseg.linebreak import line_break, line_break_breakables

from shmtext.corpus.breaks import cluster_starts, line_breaks
from shmtext.corpus.properties import complex_places, offers_breaks


def representatives() -> list[str]:
    """Two characters of every combination of what the rules ask."""
    found: dict[tuple[object, ...], list[str]] = {}
    for code in (*range(0xD800), *range(0xE000, 0x20100), *range(0xE0000, 0xE0200)):
        character = chr(code)
        category = unicodedata.category(character)
        asked = (
            line_break(character),
            grapheme_cluster_break(character),
            indic_conjunct_break(character),
            extended_pictographic(character),
            category[0] == "M" or category in ("Pi", "Pf", "Cn"),
            unicodedata.east_asian_width(character) in ("F", "W", "H"),
        )
        found.setdefault(asked, []).append(character)
    return [character for some in found.values() for character in some[:2]] + ["\u25cc", "\u2010"]


CHARACTERS = representatives()
# Few kinds in a text, so that rules of three and more characters are met.
TEXTS = st.lists(st.sampled_from(CHARACTERS), min_size=1, max_size=5).flatmap(
    lambda some: st.lists(st.text(alphabet=some, max_size=9), max_size=12)
)


def lay_out(texts: list[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    starts = np.cumsum([0, *map(len, texts)])
    return np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32), starts


def slow_cluster_starts(text: str) -> list[bool]:
    """With the three exceptions that the module names."""
    found = [bool(starts) for starts in grapheme_cluster_breakables(text)]
    for place in range(1, len(text)):
        if text[place - 1 : place + 1] == "\r\n" or text[place] == " ":
            found[place] = True
        if unicodedata.category(text[place])[0] == "M":
            found[place] = False
    return found


@given(TEXTS)
def test_clusters_begin_where_the_rules_say(texts: list[str]) -> None:
    expected = [starts for text in texts for starts in slow_cluster_starts(text)]

    assert expected == cluster_starts(*lay_out(texts)).tolist()


@given(TEXTS)
def test_lines_may_break_where_the_rules_say(texts: list[str]) -> None:
    expected = [bool(may) for text in texts for may in line_break_breakables(text)]

    assert expected == line_breaks(*lay_out(texts)).tolist()


@pytest.mark.parametrize("seed", range(8))
def test_rules_hold_for_texts_of_a_few_kinds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    texts = []
    for _ in range(60):
        some = rng.choice(CHARACTERS, int(rng.integers(2, 6)))
        texts.append("".join(rng.choice(some, int(rng.integers(0, 9)))))
    starts = [starts for text in texts for starts in slow_cluster_starts(text)]
    breaks = [bool(may) for text in texts for may in line_break_breakables(text)]

    assert starts == cluster_starts(*lay_out(texts)).tolist()
    assert breaks == line_breaks(*lay_out(texts)).tolist()


def test_simple_characters_are_a_cluster_each_beside_one_another() -> None:
    codes, _ = lay_out(["".join(CHARACTERS)])
    simple = np.delete(codes, complex_places(codes))
    both = np.stack(np.meshgrid(simple, simple), axis=-1).reshape(-1)

    assert simple.size > 20
    assert not offers_breaks(simple).any()
    assert cluster_starts(both, np.arange(0, both.size + 1, 2)).all()


def test_no_texts_have_no_places() -> None:
    codes = np.empty(0, np.uint32)

    assert 0 == cluster_starts(codes, np.zeros(1, np.int64)).size
    assert 0 == line_breaks(codes, np.zeros(3, np.int64)).size
