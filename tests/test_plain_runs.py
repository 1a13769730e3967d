"""No plain run's bytes change: digests of ten configs, kept from before the house was opened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from plain_runs import HELD, RUNS, bytes_of, versions

HELD_DIGESTS = json.loads(HELD.read_text(encoding="utf-8"))

pytestmark = pytest.mark.skipif(
    HELD_DIGESTS["versions"] != versions(),
    reason="other versions of the libraries decide these bytes: see plain_runs.py",
)


@pytest.mark.parametrize("name", RUNS)
def test_a_plain_run_has_the_bytes_it_always_had(name: str, tmp_path: Path) -> None:
    assert HELD_DIGESTS["digests"][name] == bytes_of(name, tmp_path)
