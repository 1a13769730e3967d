from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtext.dataset.plan import MAX_SHARD_SIZE, MIN_SHARD_SIZE, Plan, shard_name, shard_size
from shmtext.errors import ConfigError

sizes = st.integers(0, 3_000_000)


@given(sizes)
def test_shards_cover_every_example_once_and_in_order(num_examples: int) -> None:
    shards = list(Plan(num_examples).shards())

    assert [0, *(s.stop for s in shards[:-1])][: len(shards)] == [s.start for s in shards]
    assert (shards[-1].stop if shards else 0) == num_examples
    assert all(s.start < s.stop for s in shards)
    assert [s.index for s in shards] == list(range(len(shards)))


@given(sizes.filter(bool))
def test_all_shards_but_the_last_have_one_size(num_examples: int) -> None:
    plan = Plan(num_examples)
    *full, last = [shard.num_examples for shard in plan.shards()]

    assert set(full) <= {plan.examples_per_shard}
    assert 1 <= last <= plan.examples_per_shard


@given(st.integers(0, 10**14))
def test_shard_size_is_the_nearest_to_eight_times_the_square_root(num_examples: int) -> None:
    size = shard_size(num_examples)

    assert MIN_SHARD_SIZE <= size <= MAX_SHARD_SIZE
    if MIN_SHARD_SIZE < size < MAX_SHARD_SIZE:
        # |size - 8 * sqrt(n)| <= 1/2, in whole numbers
        assert (2 * size - 1) ** 2 <= 256 * num_examples <= (2 * size + 1) ** 2


@given(sizes, sizes)
def test_shard_size_never_shrinks_with_more_examples(one: int, other: int) -> None:
    assert shard_size(min(one, other)) <= shard_size(max(one, other))


def test_shard_numbers_grow_beyond_five_digits() -> None:
    assert [shard_name(n) for n in (0, 99_999, 100_000)] == ["00000", "99999", "100000"]


def test_a_shard_beyond_the_plan_is_refused() -> None:
    with pytest.raises(IndexError, match="from 0 to 2, got 3"):
        Plan(400).shard(3)


@pytest.mark.parametrize("num_examples", [-1, 2**62 + 1])
def test_a_number_of_examples_that_no_run_has_is_refused(num_examples: int) -> None:
    with pytest.raises(ConfigError, match="num_examples"):
        Plan(num_examples)
