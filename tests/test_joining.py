"""Where the workers of a data loader begin: all of one iteration at one position, none twice."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtext.corpus.shared import Segment
from shmtext.errors import ConfigError
from shmtext.ring.joining import (
    MOST_WORKERS,
    NUM_SLOTS,
    Joining,
    has_begun,
    join,
    reach,
    set_out,
)
from shmtext.ring.layout import ALIGNMENT, SlotLayout


@pytest.fixture(scope="module")
def turns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Segment]:
    with Segment.create(NUM_SLOTS * 8, tmp_path_factory.mktemp("spill")) as segment:
        yield segment


@given(
    start=st.integers(0, 10**12),
    rounds=st.lists(
        st.tuples(
            st.integers(1, 5).flatmap(lambda num: st.permutations(range(num))),
            st.lists(st.integers(1, 50), min_size=5, max_size=5),
            st.integers(0, 3),
        ),
        min_size=1,
        max_size=5,
    ),
)
def test_each_iteration_begins_where_the_last_had_got_to(
    turns: Segment, start: int, rounds: list[tuple[list[int], list[int], int]]
) -> None:
    """Workers come in any order, with the key of the iteration before or with another."""
    set_out(turns.array(), start)
    assert not has_begun(turns.array())
    expected = start
    for workers, steps, key in rounds:
        begun = {join(turns.spec, Joining(each, len(workers), key)) for each in workers}
        assert {expected} == begun
        reached = [expected + steps[each] for each in workers]
        reach(turns.spec)[workers] = reached
        expected = max(reached)
    assert has_begun(turns.array())


def test_setting_out_again_forgets_what_was_reached(turns: Segment) -> None:
    set_out(turns.array(), 100)
    join(turns.spec, Joining(0, 1, 7))
    reach(turns.spec)[0] = 900
    set_out(turns.array(), 30)

    assert 30 == join(turns.spec, Joining(0, 1, 7))


def test_more_workers_than_there_is_room_for_are_refused() -> None:
    with pytest.raises(ConfigError, match="at most 256 workers"):
        Joining(0, MOST_WORKERS + 1, 0)


@given(
    st.integers(1, 70),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([1, 3]),
    st.integers(0, 90),
)
def test_arrays_of_a_slot_are_aligned_and_share_no_byte(
    batch_size: int, height: int, width: int, channels: int, boxes: int
) -> None:
    layout = SlotLayout(batch_size, height, width, channels, boxes)
    memory = np.zeros(layout.num_bytes + ALIGNMENT, np.uint8)
    first = -memory.ctypes.data % ALIGNMENT
    slot = layout.view(memory[first : first + layout.num_bytes])
    names = [name for name in slot.__slots__ if getattr(slot, name).size]
    for number, name in enumerate(names, 1):
        array = getattr(slot, name)
        assert 0 == array.ctypes.data % ALIGNMENT
        assert not array.any()
        array[...] = number
    for number, name in enumerate(names, 1):
        assert (getattr(slot, name) == number).all()
    assert (batch_size, height, width) == slot.images.shape[:3]
    assert {batch_size} == {len(getattr(slot, name)) for name in ("widths", "positions")}
