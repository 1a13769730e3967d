"""In which container a fault is met.

A test that asks for ``container`` is one in each container. As most faults care little about it
and each costs a run or two, every case is left one container, in turn: it changes from case to
case, and every container meets faults of every kind. ``-m "not soak"`` has every case in all of
them.
"""

from __future__ import annotations

import zlib
from collections import Counter
from typing import TypeGuard

import pytest
from fault_runs import CONTAINERS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give tests that do not say in which containers they are those of all faults."""
    if "container" in metafunc.fixturenames and not names_containers(metafunc.definition):
        # For the session, so that what tests share is made once for each.
        metafunc.parametrize("container", CONTAINERS, scope="session")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is not in turn, before anybody asks for marks."""
    num_cases: Counter[tuple[str, str]] = Counter()
    for item in items:
        if not takes_turns(item):
            continue
        test, container = item.nodeid.partition("[")[0], item.callspec.params["container"]
        case = num_cases[test, container]
        num_cases[test, container] += 1
        begin = zlib.crc32(test.encode())  # so that tests of one case are not all in one container
        # After each round one more: else a parameter of three values would go with containers.
        turn = (begin + case + case // len(CONTAINERS)) % len(CONTAINERS)
        if container != CONTAINERS[turn]:
            item.add_marker(pytest.mark.containers)


def names_containers(item: pytest.Item | pytest.Function) -> bool:
    """Whether a test itself says in which containers it is."""
    return any("container" in mark.args[0] for mark in item.iter_markers("parametrize"))


def takes_turns(item: pytest.Item) -> TypeGuard[pytest.Function]:
    """Whether a test is in all containers only when that is asked for."""
    return "container" in getattr(item, "fixturenames", ()) and not names_containers(item)
