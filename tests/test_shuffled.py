from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtext.corpus.ranges import seams
from shmtext.dataset import shuffled
from shmtext.dataset.shuffled import ShuffledPositions

LENGTHS = st.lists(st.integers(0, 40), max_size=30)


def starts_of(lengths: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return seams(np.array(lengths, np.int64))


@given(LENGTHS, st.integers(0, 2**64 - 1))
def test_every_position_comes_once_and_by_index_as_in_order(lengths: list[int], seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shuffled, "GROUP_SHARDS", 3)
        patch.setattr(shuffled, "BLOCK_PICTURES", 4)
        patch.setattr(shuffled, "MIXED_BLOCKS", 2)
        order = ShuffledPositions(starts_of(lengths), seed)
        in_order = list(order)

        assert len(order) == sum(lengths)
        assert list(range(sum(lengths))) == sorted(in_order)
        assert in_order == [order[i] for i in range(len(order))]
        assert in_order[::-2] == order[::-2]


def test_a_few_shards_and_a_few_blocks_are_read_at_a_time() -> None:
    shard, num_shards = 8 * shuffled.BLOCK_PICTURES, 20
    order = np.array(list(ShuffledPositions(starts_of([shard] * num_shards), 5)))
    group = shuffled.GROUP_SHARDS * shard
    mixed = shuffled.MIXED_BLOCKS * shuffled.BLOCK_PICTURES
    for start in range(0, order.size, group):
        part = order[start : start + group]
        assert np.unique(part // shard).size <= shuffled.GROUP_SHARDS
        for begin in range(0, part.size, mixed):
            blocks = part[begin : begin + mixed]
            within = blocks % shard // shuffled.BLOCK_PICTURES + blocks // shard * 1_000
            assert np.unique(within).size <= shuffled.MIXED_BLOCKS
    # Neighbours of the run are no neighbours of this order.
    assert (np.abs(np.diff(order)) == 1).mean() < 0.01


def test_an_order_is_for_ever() -> None:
    # Resuming a training relies on it.
    assert [0, 6, 4, 5, 1, 2, 3] == list(ShuffledPositions(starts_of([3, 0, 4]), 1))
