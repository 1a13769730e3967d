"""The order of a stream: an arithmetic of positions, the same for whoever asks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shmtext.corpus.ragged import RaggedTexts, pack_texts
from shmtext.corpus.ranges import Ints
from shmtext.ring.order import RUNS_PER_WINDOW, OrderSpec, StreamOrder, Turns, num_characters
from shmtext.ring.permutation import key_of, permute

SEEDS = st.integers(0, 2**64 - 1)

HELD = [[2, 1, 0], [5, 6, 3], [410, 532, 414], [516394976, 851541023, 74507630]]


def order_of(corpus: RaggedTexts, drawable: list[int] | None = None, **more: object) -> StreamOrder:
    spec = OrderSpec(
        seed=3, num_examples=len(corpus), is_shuffled=True, bucket=None, turns=Turns(4)
    )
    numbers = None if drawable is None else np.array(drawable, np.int64)
    return StreamOrder(replace(spec, **more), numbers)  # type: ignore[arg-type]


def corpus_of(num: int) -> RaggedTexts:
    return pack_texts(["x" * (7 * number % 11 + 1) for number in range(num)])


@given(st.integers(1, 700), SEEDS, st.integers(0, 2**40))
def test_an_order_has_everything_once(num: int, seed: int, epoch: int) -> None:
    stands = permute(np.arange(num), key_of(seed, epoch), num)

    assert list(range(num)) == sorted(stands.tolist())


@given(st.integers(2**31, 2**50), SEEDS)
def test_an_order_of_any_length_stays_within_it(num: int, seed: int) -> None:
    numbers = np.unique(np.linspace(0, num - 1, 500).astype(np.int64))
    stands = permute(numbers, key_of(seed, 0), num)

    assert numbers.size == np.unique(stands).size
    assert stands.min() >= 0
    assert stands.max() < num


def test_orders_of_other_seeds_and_epochs_have_nothing_in_common() -> None:
    num = 5_000
    orders = [
        permute(np.arange(num), key_of(seed, epoch), num)
        for seed, epoch in ((0, 0), (0, 1), (1, 0), (2**64 - 1, 0))
    ]

    for which, one in enumerate(orders):
        for other in orders[:which]:
            assert (one == other).sum() < 12
        # Neither are neighbours near each other, nor does anything stay where it was.
        assert (np.abs(np.diff(one)) == 1).sum() < 12
        assert (one == np.arange(num)).sum() < 12


def test_each_place_is_taken_by_each_text_equally_often() -> None:
    """Chi-squared over all of 4,000 orders of seven, at a level of one in a million."""
    num, orders = 7, 4_000
    keys = key_of(5, np.repeat(np.arange(orders), num))
    stands = permute(np.tile(np.arange(num), orders), keys, num).reshape(orders, num)
    counts = np.stack([np.bincount(column, minlength=num) for column in stands.T])

    assert ((counts - orders / num) ** 2 / (orders / num)).sum() < 91


@given(
    num=st.integers(1, 40),
    is_shuffled=st.booleans(),
    bucket=st.none() | st.integers(1, 5),
    data=st.data(),
)
def test_every_epoch_has_each_drawable_example_once_and_no_number_comes_twice(
    num: int, is_shuffled: bool, bucket: int | None, data: st.DataObject
) -> None:
    corpus = corpus_of(num)
    drawable = data.draw(
        st.none() | st.lists(st.integers(0, num - 1), min_size=1, unique=True).map(sorted)
    )
    order = order_of(corpus, drawable, is_shuffled=is_shuffled, bucket=bucket)
    each = order.num_drawable
    # So many epochs are a whole number of windows.
    epochs = 1 if bucket is None else bucket * RUNS_PER_WINDOW
    examples, numbers = order.look_up(corpus, np.arange(each * epochs))
    drawable = list(range(num)) if drawable is None else drawable

    assert each * epochs == np.unique(numbers).size
    assert set(drawable) == set((numbers % num).tolist())
    if not (is_shuffled or bucket):
        assert drawable * epochs == examples.tolist()
    assert [epochs] * each == np.bincount(examples, minlength=num)[drawable].tolist()


def test_unshuffled_the_first_epoch_is_a_run() -> None:
    corpus = corpus_of(10)
    order = order_of(corpus, [1, 2, 5, 7], is_shuffled=False)
    examples, numbers = order.look_up(corpus, np.arange(8))

    assert [1, 2, 5, 7] * 2 == examples.tolist()
    assert [1, 2, 5, 7, 11, 12, 15, 17] == numbers.tolist()


@given(
    ranks=st.integers(1, 4),
    workers=st.integers(1, 4),
    batch_size=st.integers(1, 5),
    steps=st.lists(st.integers(1, 4), min_size=1, max_size=6),
)
def test_those_who_take_turns_have_all_positions_between_them(
    ranks: int, workers: int, batch_size: int, steps: list[int]
) -> None:
    every = ranks * workers
    turns = Turns(batch_size, every)
    taken = []
    for taker in range(every):
        first = taker * batch_size
        for num in steps:
            taken += turns.positions(first, num * batch_size).tolist()
            first += num * turns.stride

    assert list(range(sum(steps) * every * batch_size)) == sorted(taken)


def texts_of_a_step(
    order: StreamOrder, corpus: RaggedTexts, first: int
) -> tuple[RaggedTexts, Ints]:
    examples, numbers = order.look_up(corpus, order.spec.turns.positions(first, 4))
    return corpus.take(examples), numbers


@given(st.integers(1, 30), st.integers(0, 400), st.integers(1, 60), st.integers(1, 4))
def test_a_position_has_the_same_text_whoever_draws_it_with_whatever(
    num: int, first: int, count: int, every: int
) -> None:
    corpus = corpus_of(num)
    order = order_of(corpus, bucket=3, turns=Turns(4, every))
    together, numbers = order.look_up(corpus, np.arange(first, first + count))
    texts, drawn_by = texts_of_a_step(order, corpus, first)

    for row in range(count):
        alone, number = order.look_up(corpus, np.array([first + row]))
        assert (together[row], numbers[row]) == (alone[0], number[0])
    for row in range(min(4, count)):
        assert corpus[together[row]] == texts[row]
        assert numbers[row] == drawn_by[row]


def test_runs_are_of_like_width_and_in_no_order() -> None:
    rng = np.random.default_rng(1)
    corpus = pack_texts(["ä" * int(length) for length in rng.integers(1, 60, 5_000)])
    run = 64
    positions = np.arange(run * RUNS_PER_WINDOW * 3)
    examples, _ = order_of(corpus, bucket=run).look_up(corpus, positions)
    lengths = num_characters(corpus, examples).reshape(3, RUNS_PER_WINDOW, run)
    unsorted_, _ = order_of(corpus).look_up(corpus, positions)

    assert sorted(unsorted_.tolist()) == sorted(examples.tolist())
    assert (lengths.max(axis=2) - lengths.min(axis=2)).max() <= 6
    means = lengths.mean(axis=2)
    assert not any((np.diff(window) > 0).all() for window in means)
    assert len({tuple(np.argsort(window)) for window in means}) == 3


def test_characters_are_counted_in_every_script() -> None:
    texts = ["", "a", "äß", "漢字かな", "😀x"]

    assert [1, 0, 2, 2, 4] == num_characters(pack_texts(texts), np.array([1, 0, 2, 4, 3])).tolist()


def test_numbers_keep_their_order_for_good() -> None:
    """A state of before goes on with the same texts."""
    found = [
        permute(np.array([0, num // 2, num - 1]), key_of(11, 4), num).tolist()
        for num in (3, 10, 1_000, 1_000_000_007)
    ]

    assert HELD == found
