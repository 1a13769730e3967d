"""Fixtures that tests of several rooms share; plain helpers are in ``fault_runs.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fault_runs import DONE, Tree, orphaned_segments, run, tree, until


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Tree]:
    """Return the files that a run with these options comes to when nothing happens to it."""
    known: dict[tuple[str, ...], Tree] = {}

    def files_of(*options: object) -> Tree:
        key = tuple(map(str, options))
        if key not in known:
            out = tmp_path_factory.mktemp("undisturbed") / "out"
            run("render", out, *options, "--engine", "serial").expect(DONE)
            known[key] = tree(out)
        return known[key]

    return files_of


@pytest.fixture
def no_segment_left() -> Iterator[None]:
    """Assert that every segment without an owner is gone soon after the test.

    Others' live segments are no business of this; an orphan that another test made on purpose is
    swept before the deadline.
    """
    yield
    until(lambda: not orphaned_segments(), within_s=6)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An output folder that isn't there yet."""
    return tmp_path / "out"
