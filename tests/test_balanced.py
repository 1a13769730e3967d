"""Balanced random text is balanced, uniformly shuffled, cut as promised, and always the same."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from shmtext.config import BalancedText
from shmtext.corpus import balanced
from shmtext.corpus.balanced import balanced_chunks, piece_sizes, shuffled_blocks
from shmtext.corpus.ragged import gather_chunks
from shmtext.errors import ConfigError

ISSUE_EXAMPLE = BalancedText(letters="abc", numbers="123", character_frequency=3)


def whole_text(text: BalancedText, seed: int) -> str:
    return "".join(map(chr, np.concatenate(list(shuffled_blocks(text, seed))).tolist()))


def examples(text: BalancedText, seed: int, max_chars_per_line: int | None = None) -> list[str]:
    return list(gather_chunks(balanced_chunks(text, seed, max_chars_per_line)))


def slow_examples(text: BalancedText, seed: int, max_chars_per_line: int | None) -> list[str]:
    """The description of the text, word by word, on the same shuffled characters and sizes."""
    left = whole_text(text, seed)
    sizes = (int(size) for draw in piece_sizes(text, seed) for size in draw)
    width = min(text.max_example_size, max_chars_per_line or text.max_example_size)
    found: list[str] = []
    while len(left) >= text.min_example_size:
        size = next(sizes)
        piece, left = left[:size].strip(" "), left[size:]
        if piece:
            found.append(piece)
            if text.split_letters:
                lines = textwrap.wrap(" ".join(piece), width)
                found += [line for line in lines if len(line) >= text.min_example_size]
    return found


def assert_plausible(statistic: float, degrees: int) -> None:
    """Hold a chi-square statistic to p > 1e-4 on both sides (Wilson and Hilferty's cube root)."""
    spread = 2 / (9 * degrees)
    deviation = ((statistic / degrees) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
    assert abs(deviation) < 3.72


def chi_square(observed: NDArray[np.int64], expected: NDArray[np.float64] | float) -> float:
    return float(((observed - expected) ** 2 / expected).sum())


def test_every_character_stands_exactly_as_often_as_asked_for() -> None:
    text = BalancedText(character_frequency=2_500, space_freq=0.7)  # Three blocks, one short.

    expected = dict.fromkeys(text.letters + text.numbers, 2_500) | {" ": 3_500}
    assert expected == Counter(whole_text(text, seed=5))


def test_worked_example_of_the_description() -> None:
    whole = whole_text(ISSUE_EXAMPLE, seed=0)

    assert sorted("aaabbbccc111222333" + 6 * " ") == sorted(whole)
    assert examples(ISSUE_EXAMPLE, 0) == slow_examples(ISSUE_EXAMPLE, 0, None)


def test_one_group_alone_brings_its_own_spaces_only() -> None:
    text = BalancedText(letters="", numbers="12", character_frequency=10, space_freq=2)

    assert Counter({"1": 10, "2": 10, " ": 20}) == Counter(whole_text(text, 1))


@given(
    text=st.builds(
        BalancedText,
        letters=st.sampled_from(["abc", "ab-", "xäß€", "語😀é", "a"]),
        numbers=st.sampled_from(["", "12"]),
        space_freq=st.sampled_from([0, 0.5, 1, 8]),
        character_frequency=st.integers(1, 60),
        min_example_size=st.integers(1, 6),
        max_example_size=st.integers(6, 12),
        split_letters=st.booleans(),
    ),
    seed=st.integers(0, 2**64 - 1),
    max_chars_per_line=st.none() | st.integers(1, 20),
)
def test_examples_are_those_of_the_description(
    text: BalancedText, seed: int, max_chars_per_line: int | None
) -> None:
    expected = slow_examples(text, seed, max_chars_per_line)
    assert expected == examples(text, seed, max_chars_per_line)


@pytest.mark.parametrize("split_letters", [False, True])
def test_examples_across_many_chunks_are_those_of_the_description(split_letters: bool) -> None:
    text = BalancedText(
        letters="abcdefgh-", character_frequency=40_000, split_letters=split_letters
    )

    assert slow_examples(text, 3, 12) == examples(text, 3, 12)


def test_pieces_longer_than_a_chunk_are_whole() -> None:
    text = BalancedText(
        letters="ab", numbers="", character_frequency=10**6, space_freq=0,
        min_example_size=700_000, max_example_size=700_000,
    )  # fmt: skip

    assert [700_000, 700_000] == [len(example) for example in examples(text, 0)]


@pytest.mark.parametrize(("tail", "sizes"), [(2, [10, 10]), (4, [10, 10, 4])])
def test_tail_is_an_example_if_it_is_not_too_short(tail: int, sizes: list[int]) -> None:
    text = BalancedText(
        letters="a", numbers="", character_frequency=20 + tail, space_freq=0,
        min_example_size=3, max_example_size=10,
    )  # fmt: skip
    seed = next(seed for seed in range(10**4) if first_sizes(text, seed) == [10, 10, 10])

    assert sizes == [len(example) for example in examples(text, seed)]


def first_sizes(text: BalancedText, seed: int) -> list[int]:
    return [int(size) for size in next(piece_sizes(text, seed))[:3]]


def test_sizes_are_uniform_between_their_bounds() -> None:
    text = BalancedText(min_example_size=5, max_example_size=20)
    sizes = np.concatenate(list(islice(piece_sizes(text, 0), 4)))
    counts = np.bincount(sizes, minlength=21)

    assert (5, 20) == (sizes.min(), sizes.max())
    assert_plausible(chi_square(counts[5:], sizes.size / 16), 15)


def test_characters_are_uniform_over_positions() -> None:
    text = BalancedText(letters="abcd", numbers="", character_frequency=50_000, space_freq=1)
    codes = np.concatenate(list(shuffled_blocks(text, 7)))
    symbols = np.unique(codes, return_inverse=True)[1]
    stretches = np.arange(codes.size) * 500 // codes.size
    observed = np.bincount(stretches * 5 + symbols, minlength=2_500)

    # Both margins of the table are fixed.
    assert_plausible(chi_square(observed, codes.size / 2_500), 499 * 4)


def test_first_and_last_positions_of_blocks_are_uniform_over_seeds() -> None:
    text = BalancedText(letters="abcdefgh", numbers="", character_frequency=4, space_freq=0)
    whole = np.array([[ord(c) for c in whole_text(text, seed)] for seed in range(4_000)])
    for position in (0, 1, 15, 30, 31):
        observed = np.bincount(whole[:, position] - ord("a"), minlength=8)

        assert_plausible(chi_square(observed, 500), 7)


def test_neighbours_are_independent() -> None:
    text = BalancedText(letters="abcdefghi", numbers="", character_frequency=60_000)
    codes = np.concatenate(list(shuffled_blocks(text, 11)))
    symbols = np.unique(codes, return_inverse=True)[1]
    observed = np.bincount(symbols[:-1] * 10 + symbols[1:], minlength=100)

    assert_plausible(chi_square(observed, (codes.size - 1) / 100), 81)


def test_counts_of_blocks_vary_as_those_of_one_large_shuffle() -> None:
    text = BalancedText(letters="ab", numbers="", character_frequency=98_304, space_freq=0)
    counts = [int((next(shuffled_blocks(text, seed)) == ord("a")).sum()) for seed in range(300)]
    # Of the hypergeometric law: half of 65,536 drawn from three times as many.
    variance = balanced.BLOCK_CHARS / 4 * (1 - 1 / 3)
    statistic = float(((np.array(counts) - balanced.BLOCK_CHARS / 2) ** 2).sum() / variance)

    assert_plausible(statistic, 300)


def test_large_populations_are_drawn_by_the_same_law(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balanced, "_MAX_HYPERGEOMETRIC", 0)
    rng = np.random.default_rng(0)
    remaining = np.array([150, 50, 0, 200])
    counts = np.array([balanced._draw_counts(rng, remaining, 300) for _ in range(2_000)])
    share = remaining / 400
    variance = 300 * share * (1 - share) * (400 - 300) / 399

    assert (counts.sum(axis=1) == 300).all()
    assert (counts <= remaining).all()
    for symbol in (0, 1, 3):
        spread = (counts[:, symbol] - 300 * share[symbol]) ** 2
        assert_plausible(float(spread.sum() / variance[symbol]), 2_000)


def test_texts_of_billions_of_characters_can_be_begun() -> None:
    text = BalancedText(character_frequency=10**9)
    first = next(shuffled_blocks(text, 0))
    symbols = np.unique(first, return_inverse=True)[1]
    expected = np.full(63, first.size / 64)
    expected[0] *= 2  # The space stands first among the sorted.

    assert_plausible(chi_square(np.bincount(symbols), expected), 62)


def test_same_seed_gives_the_same_examples_and_another_seed_others() -> None:
    text = BalancedText(character_frequency=100)

    assert examples(text, 2**64 - 1) == examples(text, 2**64 - 1)
    assert examples(text, 0) != examples(text, 1)
    assert sorted(whole_text(text, 0)) == sorted(whole_text(text, 1))


def test_blocks_of_one_text_are_not_alike() -> None:
    text = BalancedText(letters="a", numbers="1", character_frequency=65_536, space_freq=0)
    first, second = shuffled_blocks(text, 0)

    # Halves agree by chance, with a standard deviation of 128.
    assert abs(int((first == second).sum()) - 32_768) < 700


def test_splitting_letters_loses_no_character() -> None:
    plain = BalancedText(letters="abc", numbers="12", character_frequency=200)
    both = examples(replace(plain, split_letters=True), 9)
    pieces = iter(examples(plain, 9))
    left = [example for example in both if example not in set(examples(plain, 9))]

    assert all(piece in both for piece in pieces)
    assert all(len(line) >= plain.min_example_size for line in left)


def test_text_shorter_than_the_smallest_example_has_none() -> None:
    text = BalancedText(letters="a", numbers="", character_frequency=2, space_freq=1)

    assert [] == examples(text, 0)


def test_examples_of_more_than_two_gigabytes_are_refused() -> None:
    text = BalancedText(character_frequency=10**8, max_example_size=10**9)

    with pytest.raises(ConfigError, match=r"max_example_size must be less than 536,870,912"):
        next(balanced_chunks(text, 0, None))
