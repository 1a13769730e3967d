"""What is to be done, by whoever does it: one shard, and what is known of its examples.

Where tasks come from is a ``Work``'s business: a run's has the shards that are missing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from shmtext.dataset.places import StoreUrl
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
    slots: tuple[int, ...] = ()
    """Where a ring wants its batches, one after the other."""


@dataclass(frozen=True, slots=True)
class ShardsOrder:
    """Shards of a run that another process has begun, for one that has the same folder."""

    out: StoreUrl | str
    num_examples: int
    """Of the run."""
    shards: tuple[int, ...]


class Work(Protocol):
    """Tasks, as they can be had."""

    @property
    def num_examples(self) -> int:
        """About how many there are in all: of so many, a share may fail."""

    @property
    def tasks_per_worker(self) -> int:
        """How many a worker may have been given, the one under way among them."""

    @property
    def num_waiting(self) -> int:
        """Tasks that could be handed out now, at least; 0 where there are none so far."""

    @property
    def is_over(self) -> bool:
        """Whether no task will come any more, but for those that are put back."""

    def take(self) -> Task | None:
        """The next task; None where there is none so far."""

    def put_back(self, task: Task) -> None:
        """Take back what a worker has not done: it comes first."""


class ShardQueue:
    """The work of a run: its missing shards, one after the other."""

    tasks_per_worker = 1

    def __init__(self, shards: Iterable[Shard], num_examples: int) -> None:
        self.num_examples = num_examples
        self._tasks = deque(Task(shard) for shard in shards)

    @property
    def num_waiting(self) -> int:
        """Shards that nobody has."""
        return len(self._tasks)

    @property
    def is_over(self) -> bool:
        """Whether somebody has each shard."""
        return not self._tasks

    def take(self) -> Task | None:
        """The next shard's."""
        return self._tasks.popleft() if self._tasks else None

    def put_back(self, task: Task) -> None:
        """Hand it out again first."""
        self._tasks.appendleft(task)
