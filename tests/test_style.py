"""What is drawn for an example depends on the seed and the example's number alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from shmtext.draw.draws import WORDS_PER_BLOCK, Stream, choose, words
from shmtext.draw.style import draw_looks, draw_styles

SEEDS = st.integers(0, 2**64 - 1)
NUM_EXAMPLES = 60_000

GOLDEN_WORDS = [
    [15003734204198539638, 13859618513508960101, 12389738016430293093, 8912064414512752064],
    [13008555726918767727, 5037310111975314470, 15034004149162881932, 10383414631348374979],
]
GOLDEN_LATER_WORDS = [
    [1605511130163710253, 6337412750928995803, 15744509209546254752, 270591944185573192]
]
GOLDEN_SEED_WORDS = [
    [219013363126150446, 3128980490310942285, 12439527480005221232, 9802871705766591457]
]
GOLDEN_FONTS = [8, 7, 5, 3, 1, 7, 8, 5, 4, 5, 6, 2]
GOLDEN_SIZES = [2, 0, 2, 1, 0, 1, 1, 2, 1, 2, 2, 2]
GOLDEN_PAIRS = [2, 3, 3, 0, 3, 0, 2, 3, 0, 0, 0, 2]


def chi_square(values: NDArray[np.int64], num_choices: int) -> float:
    """Chi-square of an even distribution, in standard deviations from its mean."""
    found = np.bincount(values, minlength=num_choices)
    assert num_choices == found.size
    wanted = values.size / num_choices
    chi = float(((found - wanted) ** 2 / wanted).sum())
    return (chi - (num_choices - 1)) / (2 * (num_choices - 1)) ** 0.5


@given(SEEDS, st.integers(0, 2**40), st.integers(0, 30), st.integers(0, 30))
def test_words_depend_on_seed_and_example_alone(
    seed: int, start: int, before: int, num: int
) -> None:
    whole = words(seed, Stream.STYLE, start, start + before + num)
    part = words(seed, Stream.STYLE, start + before, start + before + num)

    assert (before + num, WORDS_PER_BLOCK) == whole.shape
    assert np.array_equal(whole[before:], part)


@given(SEEDS, SEEDS)
def test_other_seeds_draw_other_words(seed: int, other: int) -> None:
    if seed != other:
        assert not (words(seed, Stream.STYLE, 0, 8) == words(other, Stream.STYLE, 0, 8)).any()


@given(SEEDS, st.integers(0, 2**63), st.integers(0, 2**32))
def test_a_block_is_what_the_counter_s_second_word_addresses(
    seed: int, example: int, block: int
) -> None:
    by_hand = np.random.Philox(key=seed | Stream.STYLE << 64, counter=example | block << 64)

    assert (
        by_hand.random_raw(4).tolist()
        == words(seed, Stream.STYLE, example, example + 1, block)[0].tolist()
    )


def test_blocks_of_an_example_have_other_words_each() -> None:
    drawn = [words(3, Stream.STYLE, 0, 50, block) for block in range(4)]

    assert 800 == np.unique(np.concatenate(drawn)).size


def test_the_first_words_of_seed_0_are_these() -> None:
    """Other words would be another dataset under the same settings."""
    assert GOLDEN_WORDS == words(0, Stream.STYLE, 0, 2).tolist()
    assert GOLDEN_LATER_WORDS == words(0, Stream.STYLE, 1_000_000, 1_000_001).tolist()
    assert GOLDEN_SEED_WORDS == words(2**64 - 1, Stream.STYLE, 3, 4).tolist()


def test_the_first_draws_of_seed_0_are_these() -> None:
    styles = draw_styles(words(0, Stream.STYLE, 0, 12), None, (10, 3, 4))

    assert GOLDEN_FONTS == styles.font_id.tolist()
    assert GOLDEN_SIZES == styles.size_id.tolist()
    assert GOLDEN_PAIRS == styles.pair_id.tolist()


def test_fonts_sizes_and_colours_are_drawn_evenly() -> None:
    styles = draw_styles(words(11, Stream.STYLE, 0, NUM_EXAMPLES), None, (12, 5, 7))

    assert abs(chi_square(styles.font_id, 12)) < 4
    assert abs(chi_square(styles.size_id, 5)) < 4
    assert abs(chi_square(styles.pair_id, 7)) < 4


def test_fonts_sizes_and_colours_are_drawn_independently() -> None:
    styles = draw_styles(words(12, Stream.STYLE, 0, NUM_EXAMPLES), None, (6, 5, 4))
    both = (styles.font_id * 5 + styles.size_id) * 4 + styles.pair_id

    assert abs(chi_square(both, 120)) < 4


def test_neighbouring_examples_are_drawn_independently() -> None:
    fonts = draw_styles(words(13, Stream.STYLE, 0, NUM_EXAMPLES), None, (9, 1, 1)).font_id

    assert abs(chi_square(fonts[:-1] * 9 + fonts[1:], 81)) < 4


@given(st.integers(0, 2**64 - 1), st.integers(1, 2**31))
def test_a_choice_is_always_among_the_choices(word: int, num_choices: int) -> None:
    (chosen,) = choose(np.array([word], np.uint64), num_choices).tolist()

    assert (word >> 32) * num_choices >> 32 == chosen < num_choices


@given(SEEDS, st.integers(1, 8), st.integers(0, 2**32))
def test_a_font_is_drawn_only_among_those_that_cover_the_text(
    seed: int, num_fonts: int, mask: int
) -> None:
    support = np.random.default_rng(mask).random((50, num_fonts)) < 0.4
    fonts = draw_styles(words(seed, Stream.STYLE, 0, 50), support, (num_fonts, 1, 1)).font_id

    covered = support.any(axis=1)
    assert support[np.arange(50), fonts][covered].all()
    assert (fonts[~covered] == 0).all()


def test_among_fonts_that_cover_the_text_all_are_drawn_evenly() -> None:
    support = np.tile([False, True, True, False, True], (NUM_EXAMPLES, 1))
    fonts = draw_styles(words(14, Stream.STYLE, 0, NUM_EXAMPLES), support, (5, 1, 1)).font_id

    assert {1, 2, 4} == set(fonts.tolist())
    assert abs(chi_square(np.searchsorted([1, 2, 4], fonts), 3)) < 4


def test_full_support_draws_as_no_support_at_all() -> None:
    drawn = words(15, Stream.STYLE, 0, 500)
    full = draw_styles(drawn, np.ones((500, 7), np.bool_), (7, 2, 3))

    assert np.array_equal(draw_styles(drawn, None, (7, 2, 3)).font_id, full.font_id)


def test_colours_and_sizes_do_not_depend_on_what_fonts_cover() -> None:
    drawn = words(16, Stream.STYLE, 0, 500)
    partly = np.random.default_rng(1).random((500, 7)) < 0.5
    one, other = draw_styles(drawn, None, (7, 2, 3)), draw_styles(drawn, partly, (7, 2, 3))

    assert np.array_equal(one.size_id, other.size_id)
    assert np.array_equal(one.pair_id, other.pair_id)


# -- shares of fonts ----------------------------------------------------------------------------


@given(SEEDS, st.lists(st.floats(0.01, 1e6), min_size=1, max_size=6), st.integers(0, 2**32))
def test_a_font_with_a_share_is_drawn_as_a_slow_reference_has_it(
    seed: int, shares: list[float], mask: int
) -> None:
    support = np.random.default_rng(mask).random((30, len(shares))) < 0.6
    drawn = words(seed, Stream.STYLE, 0, 30)
    fonts = draw_styles(drawn, support, (len(shares), 1, 1), np.array(shares)).font_id

    for word, covers, font in zip(drawn[:, 0].tolist(), support, fonts.tolist(), strict=True):
        up_to = np.cumsum(np.array(shares) * covers)
        at = min((word >> 11) * 2.0**-53 * up_to[-1], np.nextafter(up_to[-1], 0))
        assert font == next((each for each, end in enumerate(up_to) if at < end), 0)
        assert covers[font] or not covers.any()


def test_fonts_are_drawn_as_often_as_their_shares_say() -> None:
    drawn = words(19, Stream.STYLE, 0, NUM_EXAMPLES)
    support = np.tile([True, False, True, True], (NUM_EXAMPLES, 1))
    shares = np.array([0.5, 7, 3, 1.5])
    counts = 4, 1, 1
    of_all = np.bincount(draw_styles(drawn, None, counts, shares).font_id, minlength=4)
    of_some = np.bincount(draw_styles(drawn, support, counts, shares).font_id, minlength=4)

    assert np.allclose(of_all / NUM_EXAMPLES, shares / 12, atol=0.01)
    assert np.allclose(of_some / NUM_EXAMPLES, [0.1, 0, 0.6, 0.3], atol=0.01)


def test_shares_where_all_fonts_cover_a_text_draw_as_without_support() -> None:
    drawn, shares = words(20, Stream.STYLE, 0, 2_000), np.array([0.5, 7, 3])
    full = draw_styles(drawn, np.ones((2_000, 3), np.bool_), (3, 2, 3), shares)

    assert np.array_equal(draw_styles(drawn, None, (3, 2, 3), shares).font_id, full.font_id)


# -- looks --------------------------------------------------------------------------------------


def test_looks_are_drawn_as_often_as_their_shares_say() -> None:
    drawn = words(17, Stream.LOOK, 0, NUM_EXAMPLES)
    found = np.bincount(draw_looks(drawn, [0.5, 3, 1.5]), minlength=3) / NUM_EXAMPLES

    assert np.allclose(found, [0.1, 0.6, 0.3], atol=0.01)


def test_only_the_proportion_of_shares_counts() -> None:
    drawn = words(18, Stream.LOOK, 0, 1_000)

    assert np.array_equal(draw_looks(drawn, [1, 2, 1]), draw_looks(drawn, [4, 8, 4]))
    assert not draw_looks(drawn, [0.3]).any()


def test_looks_do_not_depend_on_what_else_is_drawn() -> None:
    drawn = words(11, Stream.LOOK, 0, NUM_EXAMPLES), words(11, Stream.STYLE, 0, NUM_EXAMPLES)
    looks, fonts = draw_looks(drawn[0], [1, 1, 1]), draw_styles(drawn[1], None, (4, 1, 1)).font_id

    assert abs(chi_square(looks * 4 + fonts, 12)) < 4
