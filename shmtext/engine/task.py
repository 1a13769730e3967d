"""What is to be done, by whoever does it: one shard, and what is known of its examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from shmtext.dataset.plan import Shard

SpareTime = Callable[[], bool]
"""Called by an engine that has handed out all it can: does some milliseconds of whatever else there
is to do, and tells whether it did any."""


@dataclass(frozen=True, slots=True)
class Task:
    """A shard to draw."""

    shard: Shard
    excluded: Mapping[int, str] = field(default_factory=dict)
    """Examples of it that are not drawn but recorded as failed, and the reason."""
    suspect: int | None = None
    """An example to try alone before."""
