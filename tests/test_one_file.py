from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from dataset_runs import open_fds
from hypothesis import given
from hypothesis import strategies as st

from shmtext.dataset.containers import one_file
from shmtext.dataset.containers.one_file import Waiting, pieces
from shmtext.dataset.folder import OutputFolder

sizes = st.lists(st.integers(1, 30), max_size=40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OutputFolder]:
    with OutputFolder.open(tmp_path_factory.mktemp("out"), create=False) as folder:
        yield folder


@given(
    sizes=sizes,
    max_held_bytes=st.integers(0, 300),
    order=st.randoms(use_true_random=False),
)
def test_pictures_that_wait_are_given_out_once_in_any_order_wherever_they_lie(
    folder: OutputFolder, sizes: list[int], max_held_bytes: int, order: random.Random
) -> None:
    data = {f"{i}.jpg".encode(): bytes([i % 256]) * size for i, size in enumerate(sizes)}
    names = list(data)
    before = open_fds()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one_file, "MAX_HELD_BYTES", max_held_bytes)
        waiting = Waiting(folder, "images/00000.tar")
        for start in range(0, len(names), 3):
            batch = names[start : start + 3]
            waiting.add(batch, [data[name] for name in batch])
    order.shuffle(names)
    for start in range(0, len(names), 5):
        batch = names[start : start + 5]

        assert [data[name] for name in batch] == waiting.take(batch)
        with pytest.raises(KeyError):
            waiting.take(batch[:1])
    waiting.close()
    waiting.close()

    assert before == open_fds()
    assert folder.list_names("_stage") == []


@given(
    sizes=sizes,
    piece_bytes=st.integers(1, 100),
    piece_rows=st.integers(1, 10),
)
def test_pieces_are_all_rows_in_order_as_many_at_once_as_are_allowed(
    sizes: list[int], piece_bytes: int, piece_rows: int
) -> None:
    rows = pa.table({"num_bytes": pa.array(sizes, pa.int32()), "row": np.arange(len(sizes))})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one_file, "PIECE_BYTES", piece_bytes)
        patch.setattr(one_file, "MAX_PIECE_ROWS", piece_rows)
        found = [piece["num_bytes"].to_pylist() for piece in pieces(rows)]

    assert sizes == [size for piece in found for size in piece]
    for piece in found:
        assert len(piece) == 1 or sum(piece) <= piece_bytes
        assert 1 <= len(piece) <= piece_rows
    for piece, following in pairwise(found):
        assert len(piece) == piece_rows or sum(piece) + following[0] > piece_bytes


def test_pictures_of_more_bytes_than_32_bits_count_are_cut_into_pieces() -> None:
    rows = pa.table({"num_bytes": pa.array([2**31 - 1] * 3, pa.int32())})

    assert [1, 1, 1] == [piece.num_rows for piece in pieces(rows)]
