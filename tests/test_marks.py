"""Balanced random text over letters with marks: whole clusters, exactly balanced, or refused."""

from __future__ import annotations

import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtext.config import BalancedText
from shmtext.config.marks import MARKS_PER_LETTER, is_mark, mark_groups
from shmtext.corpus import balanced
from shmtext.corpus.balanced import balanced_chunks
from shmtext.corpus.ragged import gather_chunks
from shmtext.errors import ConfigError

DEVANAGARI = "कखगािीु"
LETTERS = [
    DEVANAGARI,
    "क\u094d",
    "कखगघ\u094dिं",
    "กขค\u0e34\u0e35\u0e49\u0e31",
    "שלום\u05b7\u05b8",
    "aeo\u0301",
    "aeिकo\u0301\u0308",
    "କଖି",
]


def examples(text: BalancedText, seed: int, max_chars_per_line: int | None = None) -> list[str]:
    return list(gather_chunks(balanced_chunks(text, seed, max_chars_per_line)))


def clusters_of(text: str) -> list[str]:
    """Each character with the marks behind it."""
    found: list[str] = []
    for character in text:
        if found and is_mark(character):
            found[-1] += character
        else:
            found.append(character)
    return found


def whole(letters: str, frequency: int) -> BalancedText:
    """A text that is one example, so that nothing of it is left out but spaces at its edges."""
    text = BalancedText(letters=letters, character_frequency=frequency, min_example_size=1)
    return BalancedText(
        letters=letters,
        character_frequency=frequency,
        min_example_size=text.num_clusters,
        max_example_size=text.num_clusters,
    )


@pytest.mark.parametrize("letters", LETTERS)
@pytest.mark.parametrize("frequency", [1, 2, 7, 300])
def test_every_character_stands_exactly_as_often_as_asked_for(letters: str, frequency: int) -> None:
    (example,) = examples(whole(letters, frequency), 3)
    counts = Counter(example)
    counts.pop(" ", None)

    assert dict.fromkeys(letters + "0123456789", frequency) == counts


def test_marks_are_balanced_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balanced, "BLOCK_CHARS", 7)
    for letters in LETTERS:
        (example,) = examples(whole(letters, 50), 1)
        counts = Counter(example)
        counts.pop(" ", None)

        assert dict.fromkeys(letters + "0123456789", 50) == counts
        assert_clusters_are_sound(letters, example)


def assert_clusters_are_sound(letters: str, text: str) -> None:
    groups = mark_groups(letters)
    for cluster in clusters_of(text):
        marks = cluster[1:]
        if marks:
            (group,) = [group for group in groups if cluster[0] in group.letters]
            at_most = -(-len(group.marks) // len(group.letters))
            assert set(marks) <= set(group.marks)
            assert len(set(marks)) == len(marks) <= at_most <= MARKS_PER_LETTER
            assert sorted(marks, key=unicodedata.combining) == list(marks)


@given(
    letters=st.sampled_from(LETTERS),
    frequency=st.integers(1, 40),
    split_letters=st.booleans(),
    seed=st.integers(0, 2**64 - 1),
    width=st.none() | st.integers(1, 9),
)
def test_no_example_begins_with_a_mark_and_none_has_one_behind_a_space(
    letters: str, frequency: int, split_letters: bool, seed: int, width: int | None
) -> None:
    text = BalancedText(
        letters=letters, character_frequency=frequency, split_letters=split_letters,
        min_example_size=2, max_example_size=6,
    )  # fmt: skip
    for example in examples(text, seed, width):
        assert not is_mark(example[0])
        assert len(clusters_of(example)) <= 6
        assert_clusters_are_sound(letters, example)


@pytest.mark.parametrize("letters", LETTERS)
def test_spelled_out_are_clusters(letters: str) -> None:
    text = BalancedText(
        letters=letters, numbers="", space_freq=0, character_frequency=30, split_letters=True,
        min_example_size=1, max_example_size=5,
    )  # fmt: skip
    plain = examples(
        BalancedText(
            letters=letters, numbers="", space_freq=0, character_frequency=30,
            min_example_size=1, max_example_size=5,
        ), 2,
    )  # fmt: skip
    spelled = [example for example in examples(text, 2, 100) if " " in example]
    clusters = [cluster for example in spelled for cluster in example.split(" ")]

    assert set(clusters) <= {cluster for example in plain for cluster in clusters_of(example)}


def test_where_there_are_enough_letters_none_carries_two_marks() -> None:
    (example,) = examples(whole("कखगघिीु", 200), 0)

    assert {1, 2} == {len(cluster) for cluster in clusters_of(example)}


def test_each_mark_comes_to_stand_on_each_letter() -> None:
    (example,) = examples(whole("कखगघिी", 500), 0)
    pairs = Counter(cluster for cluster in clusters_of(example) if len(cluster) == 2)

    # 500 of each mark on 4 letters: 125, with a standard deviation of 8.
    assert 8 == len(pairs)
    assert all(85 < number < 165 for number in pairs.values())


def test_same_seed_gives_the_same_examples_and_another_seed_others() -> None:
    text = BalancedText(letters=DEVANAGARI, character_frequency=50)

    assert examples(text, 5) == examples(text, 5)
    assert examples(text, 5) != examples(text, 6)


def test_sizes_count_a_letter_with_its_marks_as_one() -> None:
    text = BalancedText(
        letters="कि", numbers="", space_freq=0, character_frequency=40,
        min_example_size=4, max_example_size=4,
    )  # fmt: skip

    assert ["किकिकिकि"] * 10 == examples(text, 0)
    assert (80, 40) == (text.num_characters, text.num_clusters)


def test_marks_of_no_script_stand_on_letters_of_scripts_without_marks() -> None:
    groups = mark_groups("किaе\u0301\u20dd1-")

    assert [("क", "ि"), ("aе", "\u0301\u20dd")] == [(g.letters, g.marks) for g in groups]


def test_vowel_letters_and_signs_carry_no_vowel_signs() -> None:
    (group,) = mark_groups("अआइऋऎऑॲऽॐकषि")

    assert "कष" == group.letters


@pytest.mark.parametrize(
    ("letters", "match"),
    [
        ("ािी", "U\\+093E, U\\+093F, U\\+0940 have none; give at least one letter of Devanagari"),
        ("\u0301", "each mark in letters needs a letter to stand on: U\\+0301 has none"),
        ("abcि", "U\\+093F has none"),
        ("अि", "U\\+093F has none; give at least one letter of Devanagari that is no vowel letter"),
        ("कािी", "3 marks .* on 1 letters \\(U\\+0915\\), which carry at most 2 each"),
        ("क\u094dि", "2 marks .* carry at most 1 each: give more such letters, or at most 1"),
    ],
)
def test_marks_without_letters_enough_are_refused(letters: str, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        BalancedText(letters=letters)


@pytest.mark.parametrize("hidden", ["\u200d", "\u200c", "\ufe0f", "\u00ad", "\u034f", "\U000e0100"])
def test_characters_without_ink_of_their_own_are_refused(hidden: str) -> None:
    with pytest.raises(ConfigError, match=rf"no ink by themselves, got U\+{ord(hidden):04X}"):
        BalancedText(letters="a" + hidden)


def test_examples_of_two_gigabytes_with_marks_are_refused() -> None:
    text = BalancedText(letters="कि", character_frequency=10**8, max_example_size=10**9)

    with pytest.raises(ConfigError, match="max_example_size must be less than 178,956,970"):
        next(balanced_chunks(text, 0, None))
