from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtext.dataset.plan import MAX_SHARD_SIZE, MIN_SHARD_SIZE, Plan, shard_name, shard_size
from shmtext.errors import ConfigError

sizes = st.integers(0, 3_000_000)


@given(sizes)
def test_shards_cover_every_example_once_and_in_order(num_examples: int) -> None:
    shards = list(Plan(num_examples, "jpg").shards())

    assert [0, *(s.stop for s in shards[:-1])][: len(shards)] == [s.start for s in shards]
    assert (shards[-1].stop if shards else 0) == num_examples
    assert all(s.start < s.stop for s in shards)
    assert [s.index for s in shards] == list(range(len(shards)))


@given(sizes.filter(bool))
def test_all_shards_but_the_last_have_one_size(num_examples: int) -> None:
    plan = Plan(num_examples, "jpg")
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


@given(st.integers(1, 10**12), st.data())
def test_vectorised_names_are_the_plainly_formatted_ones(
    num_examples: int, data: st.DataObject
) -> None:
    plan = Plan(num_examples, "png")
    shard = plan.shard(data.draw(st.integers(0, plan.num_shards - 1)))
    rows = data.draw(st.lists(st.integers(shard.start, shard.stop - 1), max_size=5))
    example_index = np.array(rows, np.int64)
    digits = max(9, len(str(num_examples - 1)))
    expected = [f"{i:0{digits}d}.png" for i in rows]

    assert [name.encode() for name in expected] == plan.image_names(shard, example_index)

    values, offsets = plan.file_names(shard, example_index)
    paths = [bytes(values[a:b]).decode() for a, b in pairwise(offsets)]
    assert [f"images/{shard.index:05d}/{name}" for name in expected] == paths


def test_names_of_a_shard_sort_like_its_examples() -> None:
    plan = Plan(2_000, "jpg")
    shard = plan.shard(1)
    names = plan.image_names(shard, np.arange(shard.start, shard.stop))

    assert sorted(names) == names


def test_shard_numbers_grow_beyond_five_digits() -> None:
    assert [shard_name(n) for n in (0, 99_999, 100_000)] == ["00000", "99999", "100000"]


def test_examples_of_another_shard_have_no_name_in_this_one() -> None:
    plan = Plan(2_000, "jpg")

    with pytest.raises(IndexError, match="shard 0 holds examples 0 to 357"):
        plan.image_names(plan.shard(0), np.array([358]))


def test_a_shard_beyond_the_plan_is_refused() -> None:
    with pytest.raises(IndexError, match="from 0 to 2, got 3"):
        Plan(400, "jpg").shard(3)


@pytest.mark.parametrize("image_format", ["", "../x", "j pg", "é"])
def test_an_extension_that_is_no_plain_word_is_refused(image_format: str) -> None:
    with pytest.raises(ConfigError, match="image_format"):
        Plan(1, image_format)
