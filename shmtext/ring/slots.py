"""The ring: slots in shared memory, and when each of them may be used again.

The loop reads a slot through one array, of which all that a batch shows are views. Once that array
is gone, as the last of them is, the slot is free: a loop that keeps a batch never sees it change.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.shared import NoRoomError, Segment, SegmentSpec, attach_writable
from shmtext.errors import SharedMemoryError
from shmtext.ring.layout import Slot, SlotLayout

LEAST_SLOTS = 2
"""One that the loop holds while the other is filled."""

Fence = Callable[[], Callable[[], bool]]
"""Called when a slot's arrays are gone; what it returns tells whether those are gone, too, who read
them behind Python's back: copies to a device."""


@dataclass(frozen=True, slots=True)
class RingSpec:
    """All that a worker needs to fill slots."""

    segment: SegmentSpec
    layout: SlotLayout

    def slots(self) -> list[Slot]:
        """Map all of them for writing, in a worker."""
        return _slots(attach_writable(self.segment), self.layout)


class Ring:
    """The slots of a stream and their owner."""

    def __init__(self, layout: SlotLayout, num_slots: int) -> None:
        """Make a ring of ``num_slots``, or of fewer where shared memory has not the room.

        Raises ``SharedMemoryError`` where there is not even room for two.
        """
        self.layout = layout
        self._segment, self.num_slots = _create(layout.num_bytes, num_slots)
        self.note = None if self.num_slots == num_slots else _note(self, num_slots)
        self.memory = self._segment.array().view(np.uint8)
        """All slots' bytes."""
        self.fence: Fence | None = None
        self.before_close: Callable[[], None] = lambda: None
        self._slots = _slots(self.memory, layout)
        self._alive: dict[int, weakref.ref[NDArray[np.uint8]]] = {}
        """The arrays through which the loop reads."""
        self._gone: deque[int] = deque()
        """Slots whose array is gone since this was last asked."""
        self._fenced: list[tuple[int, Callable[[], bool]]] = []

    @property
    def spec(self) -> RingSpec:
        """For workers."""
        return RingSpec(self._segment.spec, self.layout)

    def lend(self, slot: int) -> Slot:
        """Let the loop have a slot: it is held as long as any of the arrays in it."""
        size, gone = self.layout.num_bytes, self._gone
        # Views of views have the first array for their base, unless that has no array for its own.
        array = np.frombuffer(self.memory.data[slot * size : (slot + 1) * size], np.uint8)
        # Called wherever the last view goes, also in the middle of anything here: a deque is safe.
        self._alive[slot] = weakref.ref(array, lambda _: gone.append(slot))
        return self.layout.view(array)

    def peek(self, slot: int) -> Slot:
        """A slot's arrays, which hold nothing."""
        return self._slots[slot]

    def free_again(self) -> list[int]:
        """Slots that are free since this was last asked."""
        while self._gone:
            slot = self._gone.popleft()
            del self._alive[slot]
            self._fenced.append((slot, self.fence() if self.fence is not None else _nobody_reads))
        free = [slot for slot, is_passed in self._fenced if is_passed()]
        if free:
            self._fenced = [each for each in self._fenced if each[0] not in free]
        return free

    @property
    def lent(self) -> set[int]:
        """Slots that the loop holds, or of which nobody has asked since whether it does."""
        return set(self._alive) | {slot for slot, _ in self._fenced}

    @property
    def is_waiting(self) -> bool:
        """Whether slots are about to be free: only somebody behind Python's back still reads."""
        return bool(self._fenced)

    def close(self) -> None:
        """Remove the ring's name. Arrays that the loop holds stay valid."""
        self.before_close()
        self._segment.close()


def _nobody_reads() -> bool:
    return True


def _slots(memory: NDArray[np.uint8], layout: SlotLayout) -> list[Slot]:
    size = layout.num_bytes
    return [layout.view(memory[first : first + size]) for first in range(0, memory.size, size)]


def _create(slot_bytes: int, num_slots: int) -> tuple[Segment, int]:
    """Reserve as many slots as there is room for, ``num_slots`` at most."""
    num = max(num_slots, LEAST_SLOTS)
    while True:
        try:
            return Segment.create_shared(num * slot_bytes, content="the ring of batches"), num
        except NoRoomError as error:
            if num == LEAST_SLOTS:
                raise SharedMemoryError(
                    f"the ring of batches needs {LEAST_SLOTS * slot_bytes / 1e6:,.1f} MB of shared "
                    f"memory for two, and {error}: make room there (docker run --shm-size), or "
                    "take smaller batches or pictures"
                ) from error
            num = max(LEAST_SLOTS, num * 3 // 4)


def _note(ring: Ring, wanted: int) -> str:
    return (
        f"the ring has room for {ring.num_slots} batches in place of {wanted} "
        f"({wanted * ring.layout.num_bytes / 1e6:,.1f} MB): shared memory has no more"
    )
