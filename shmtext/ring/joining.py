"""Where the workers of a data loader begin, each time it is iterated: all of them at one position.

A loader makes its workers anew whenever somebody iterates it, and tells nobody in the process that
the stream is of. So that pictures are not drawn again, they agree among themselves, in slots that
they share:

    slot  0       1                    2           3                           4 … 259    260 … 515
          round   workers of a round   position    key, as the loader has it   joined     reached

A round is one iteration. Whoever comes with another key, or a second time, begins the next one,
where the last one had got to: batches that nobody came to take are not drawn again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.shared import SegmentSpec, attach_slots, locked_slots
from shmtext.errors import ConfigError

MOST_WORKERS = 256

ROUND, NUM_WORKERS, POSITION, KEY = range(4)
JOINED, REACHED = slice(4, 4 + MOST_WORKERS), slice(4 + MOST_WORKERS, 4 + 2 * MOST_WORKERS)
NUM_SLOTS = REACHED.stop

Slots = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Joining:
    """One worker of a loader's iteration."""

    worker: int
    num_workers: int
    key: int
    """The same for all workers of an iteration, and seldom that of another, 63 bits."""

    def __post_init__(self) -> None:
        if self.num_workers > MOST_WORKERS:
            raise ConfigError(
                f"at most {MOST_WORKERS} workers of a DataLoader can draw, got {self.num_workers}"
            )


def set_out(slots: Slots, position: int) -> None:
    """Let the next iteration begin at a position."""
    slots[ROUND] += 1
    slots[NUM_WORKERS] = 0  # nobody's round
    slots[POSITION] = position
    slots[REACHED] = 0


def has_begun(slots: Slots) -> bool:
    """Whether a loader's workers have drawn since ``set_out``."""
    return bool(slots[NUM_WORKERS])


def join(spec: SegmentSpec, who: Joining) -> int:
    """Join the round under way, or begin the next; return the position that it begins at."""
    with locked_slots(spec) as slots:
        joined = slots[JOINED]
        is_same = slots[NUM_WORKERS] == who.num_workers and slots[KEY] == who.key
        if not is_same or joined[who.worker]:
            if slots[NUM_WORKERS]:
                slots[POSITION] = max(int(slots[POSITION]), int(slots[REACHED].max()))
            slots[ROUND] += 1
            slots[NUM_WORKERS], slots[KEY] = who.num_workers, who.key
            joined[:] = 0
        joined[who.worker] = 1
        return int(slots[POSITION])


def reach(spec: SegmentSpec) -> Slots:
    """The slots in which workers say how far they are, each in its own, for as long as it draws."""
    return attach_slots(spec)[REACHED]
