"""Ranges that lie end to end: the arithmetic that every room does on them."""

from __future__ import annotations

from itertools import accumulate, chain

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shmtext.corpus.ranges import all_in_ranges, seams, spell_out

LENGTHS = st.lists(st.integers(0, 30), max_size=20)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=20))
def test_spelled_out_are_the_ranges_end_to_end(ranges: list[tuple[int, int]]) -> None:
    first, count = np.array(ranges, np.int64).reshape(-1, 2).T

    wanted = chain.from_iterable(range(start, start + num) for start, num in ranges)
    assert list(wanted) == spell_out(first, count).tolist()


@given(LENGTHS)
def test_seams_run_from_0_to_the_sum_of_lengths(lengths: list[int]) -> None:
    assert [0, *accumulate(lengths)] == seams(np.array(lengths, np.int64)).tolist()


@given(st.lists(st.lists(st.booleans(), max_size=5), max_size=8))
def test_all_in_ranges_is_all_of_each(ranges: list[list[bool]]) -> None:
    values = np.array([*chain.from_iterable(ranges)], np.bool_)
    starts = seams(np.array([len(each) for each in ranges], np.int64))

    assert [all(each) for each in ranges] == all_in_ranges(values, starts).tolist()
