"""How far a run is: counters that workers keep in shared memory, and what is told of them.

Each worker has one row of slots and is the only one to write to it, but for the example, which
the supervisor clears before it hands out a shard:

    slot  0         1           2                               3
          example   heartbeat   images of the shard under way   1 while an example is tried alone

The main process reads rows at its leisure; a torn count of images is gone at the next look. Who
shows progress, and how, is not known here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shmtext.dataset.manifest import Manifest

EXAMPLE, HEARTBEAT, IMAGES, ON_TRIAL = range(4)
SLOTS_PER_WORKER = 8
"""64 bytes, a cache line: workers do not slow each other down by writing."""

NO_EXAMPLE = -1

Slots = NDArray[np.int64]


def rows(slots: Slots, num_workers: int) -> Slots:
    """Arrange a segment's slots as one row a worker, shape ``(num_workers, 8)``."""
    return slots[: num_workers * SLOTS_PER_WORKER].reshape(num_workers, SLOTS_PER_WORKER)


def marker(row: Slots) -> Callable[[int], None]:
    """Return the function that a worker calls with each example before it draws it."""
    # Item assignment on a cast memoryview takes a third of what it takes on an array.
    slots = memoryview(row)

    def mark(example_index: int) -> None:
        slots[EXAMPLE] = example_index

    return mark


@dataclass(frozen=True, slots=True)
class Progress:
    """A moment of a run."""

    num_examples: int
    """Of the whole run."""
    num_done: int
    """Committed, or drawn in a shard that is under way."""
    num_resumed: int
    """Of ``num_done``, committed before this start."""
    num_skipped: int
    num_failed: int
    elapsed_s: float
    """Since this start began to render."""

    @property
    def images_per_s(self) -> float:
        """Of this start alone."""
        return (self.num_done - self.num_resumed) / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """Seconds left at this rate; None before there is one."""
        rate = self.images_per_s
        return (self.num_examples - self.num_done) / rate if rate > 0 else None

    @property
    def trouble(self) -> str:
        """What has no picture, in words; empty where all have one."""
        skipped = f", {self.num_skipped:,} skipped" if self.num_skipped else ""
        return skipped + (f", {self.num_failed:,} failed" if self.num_failed else "")

    def __str__(self) -> str:
        left = f", {self.left_s:,.0f} s left" if self.left_s is not None else ""
        return (
            f"{self.num_done:,} of {self.num_examples:,}, "
            f"{self.images_per_s:,.0f} images/s{left}{self.trouble}"
        )


class Observer(Protocol):
    """Who wants to know how a run goes."""

    def note(self, line: str) -> None:
        """Take one line that a user should read: nothing is wrong, something is unusual."""

    def progress(self, progress: Progress) -> None:
        """Take the latest state; called several times a second."""


class Silent:
    """The observer that does not look."""

    def note(self, line: str) -> None:
        """Drop it."""

    def progress(self, progress: Progress) -> None:
        """Drop it."""


@dataclass(frozen=True, slots=True)
class ShardDone:
    """A committed shard, in numbers: a worker's report."""

    shard: int
    num_images: int
    num_skipped: int
    num_failed: int
    num_alone: int
    image_bytes: int
    file_us: int = field(default=0, compare=False)
    """Microseconds that an image's file took to make, as its container says."""

    @classmethod
    def of(cls, manifest: Manifest) -> ShardDone:
        """Take the numbers of a manifest."""
        return cls(
            shard=manifest.shard,
            num_images=manifest.num_rows,
            num_skipped=manifest.num_skipped,
            num_failed=manifest.num_failed,
            num_alone=manifest.num_alone,
            image_bytes=manifest.image_bytes,
        )


@dataclass(slots=True)
class Tally:
    """Adds up what a run has committed."""

    num_examples: int
    num_done: int = 0
    num_resumed: int = 0
    num_skipped: int = 0
    num_failed: int = 0
    begin_s: float = field(default=0.0)

    def add(self, done: ShardDone) -> None:
        """Count a committed shard."""
        self.num_done += done.num_images + done.num_skipped + done.num_failed
        self.num_skipped += done.num_skipped
        self.num_failed += done.num_failed

    def at(self, now_s: float, num_under_way: int) -> Progress:
        """Return the state of a moment, with images drawn but not yet committed."""
        return Progress(
            num_examples=self.num_examples,
            num_done=min(self.num_done + num_under_way, self.num_examples),
            num_resumed=self.num_resumed,
            num_skipped=self.num_skipped,
            num_failed=self.num_failed,
            elapsed_s=now_s - self.begin_s,
        )
