from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtext.dataset import many
from shmtext.dataset.many import look_at_all
from shmtext.errors import StorageError

ITEMS = list(range(1_000))


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every look seem to wait, as it does on a network file system."""
    waits = count(0, 1_000)
    monkeypatch.setattr(many, "_num_waits", lambda: next(waits))


@given(st.integers(0, 300))
def test_every_item_is_looked_at_once_and_in_order(num_items: int) -> None:
    found = look_at_all(ITEMS[:num_items], list)

    assert ITEMS[:num_items] == [item for chunk in found for item in chunk]
    assert all(chunk for chunk in found)


def test_where_nothing_waits_no_thread_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "_num_waits", lambda: 0)
    looking = set(look_at_all(ITEMS, lambda _: threading.get_ident()))

    assert {threading.get_ident()} == looking


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize("num_items", [1, 2, 17, 1_000])
def test_where_looks_wait_threads_find_the_same(num_items: int) -> None:
    found = look_at_all(ITEMS[:num_items], list)

    assert ITEMS[:num_items] == [item for chunk in found for item in chunk]


@pytest.mark.usefixtures("waiting")
def test_as_many_looks_wait_at_once_as_there_are_threads() -> None:
    all_there = threading.Barrier(many.NUM_THREADS)

    def look(chunk: Sequence[int]) -> int:
        if chunk[0] > 0:
            all_there.wait(timeout=30)
        return len(chunk)

    assert 1 + 4 * many.NUM_THREADS == sum(look_at_all(ITEMS[: 1 + 4 * many.NUM_THREADS], look))


@pytest.mark.usefixtures("waiting")
def test_the_first_error_is_raised_and_what_is_not_begun_is_given_up() -> None:
    looked: list[int] = []

    def look(chunk: Sequence[int]) -> None:
        looked.append(chunk[0])
        if chunk[0]:
            raise StorageError(str(chunk[0]))

    with pytest.raises(StorageError, match=r"^1$"):
        look_at_all(range(100_000), look)
    assert len(looked) < 100_000 / many.MAX_CHUNK_ITEMS
    assert {threading.current_thread()} == {
        each for each in threading.enumerate() if not each.daemon
    }


@pytest.mark.usefixtures("waiting")
def test_without_threads_this_one_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", refuse)

    assert ITEMS == [item for chunk in look_at_all(ITEMS, list) for item in chunk]
