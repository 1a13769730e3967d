"""Texts are taken again until every character occurs as often as asked for, or no text is left."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtext.corpus import balance
from shmtext.corpus.balance import Balancing, counted, rows_again
from shmtext.corpus.ragged import pack_texts

TEXTS = st.lists(st.text("abcdß日 \n", max_size=6), max_size=25)


def again(texts: list[str], asked: Balancing, drawable: list[bool] | None = None) -> list[int]:
    is_drawable = np.array([True] * len(texts) if drawable is None else drawable, np.bool_)
    return rows_again(pack_texts(texts), is_drawable, asked, 0).tolist()


def counts_of(texts: list[str]) -> Counter[str]:
    return Counter(c for text in texts for c in text if not c.isspace())


@given(TEXTS, st.integers(1, 40), st.integers(1, 5), st.data())
def test_each_character_occurs_so_often_or_its_texts_are_used_up(
    texts: list[str], at_least: int, max_repeats: int, data: st.DataObject
) -> None:
    drawable = data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts)))
    rows = again(texts, Balancing(at_least, max_repeats), drawable)
    stands = Counter({row: 1 for row, is_drawable in enumerate(drawable) if is_drawable})
    stands.update(rows)

    assert all(drawable[row] for row in rows)
    assert all(count <= max_repeats for count in stands.values())
    counts = counts_of([texts[row] for row in stands.elements()])
    for character, count in counts.items():
        used_up = all(stands[row] == max_repeats for row in stands if character in texts[row])
        assert count >= at_least or used_up


@given(TEXTS, st.integers(1, 40))
def test_no_text_is_taken_again_that_nothing_needs(texts: list[str], at_least: int) -> None:
    """The last copy of a text was needed when it was taken: by the last character in turn."""
    rows = again(texts, Balancing(at_least, 1_000))
    before = counts_of(texts)
    rare = {character for character, count in before.items() if count < at_least}

    assert all(rare & set(texts[row]) for row in rows)
    if not rare:
        assert [] == rows


def test_texts_with_a_rare_character_are_taken_evenly() -> None:
    rows = again(["x ", " x", "xx"], Balancing(10, 20))

    # Of six that lack, a copy of each brings four, and another two of the first texts the rest.
    assert {0: 2, 1: 2, 2: 1} == Counter(rows)


def test_what_copies_bring_of_other_characters_is_counted() -> None:
    rows = again(["ab", "b"], Balancing(5, 20))

    assert [0, 0, 0, 0] == rows  # a lacks four, and these bring b, too


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_how_many_texts_are_looked_at_together_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    texts = [f"{chr(0x4E00 + i % 37)}{i % 7}x" for i in range(200)] + ["", "rare"]
    expected = again(texts, Balancing(30, 9))
    monkeypatch.setattr(balance, "_TEXTS_AT_ONCE", at_once)

    assert expected == again(texts, Balancing(30, 9))


def test_copies_are_in_random_order_of_the_seed() -> None:
    texts = pack_texts([f"{number}" for number in range(100, 200)])
    drawn = [rows_again(texts, np.ones(100, np.bool_), Balancing(400, 50), seed) for seed in (0, 1)]

    assert sorted(drawn[0].tolist()) == sorted(drawn[1].tolist())
    assert drawn[0].tolist() != drawn[1].tolist()
    assert drawn[0].tolist() != sorted(drawn[0].tolist())


@given(TEXTS)
def test_what_is_counted_is_what_there_is_before_and_after(texts: list[str]) -> None:
    rows = np.arange(len(texts))[::2]
    found = counted(pack_texts(texts), np.ones(len(texts), np.bool_), rows, 7)
    before, after = counts_of(texts), counts_of([*texts, *texts[::2]])

    characters = [chr(code) for code in found.codes.tolist()]
    assert sorted(before) == characters
    assert [before[c] for c in characters] == found.before.tolist()
    assert [after[c] for c in characters] == found.after.tolist()
    assert (rows.size, 7) == (found.num_added, found.at_least)
