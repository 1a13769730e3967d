"""Texts that are too short or too long are left out, and counted."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shmtext.corpus.lengths import Bounds, LeftOut, within
from shmtext.corpus.ragged import TextChunk, gather_chunks, pack_texts

BOUND = st.none() | st.integers(1, 6)


@given(st.lists(st.text("aß日😀", max_size=8), max_size=12), BOUND, BOUND)
def test_what_is_kept_has_as_many_code_points_as_asked_for(
    texts: list[str], at_least: int | None, at_most: int | None
) -> None:
    packed = pack_texts(texts)
    chunk = TextChunk(packed.values, np.diff(packed.offsets).astype(np.int32))
    low, high = at_least or 0, at_most or 100
    kept, left_out = within(chunk, Bounds(at_least, at_most))

    assert [text for text in texts if low <= len(text) <= high] == list(gather_chunks([kept]))
    assert left_out == LeftOut(
        sum(len(text) < low for text in texts), sum(len(text) > high for text in texts)
    )
