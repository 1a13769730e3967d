"""Steps drawn by worker processes into a ring, as the loop's process has them: in their order.

Nothing goes on in this process while the loop is busy: it looks after workers when it is asked for
a batch, and each of them has a second task meanwhile.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from shmtext.engine.messages import Setup
from shmtext.engine.progress import Observer, ShardDone
from shmtext.engine.stop import StopRequest, interrupts_held
from shmtext.engine.supervisor import Workers
from shmtext.errors import RendererError
from shmtext.ring.layout import Slot, SlotLayout
from shmtext.ring.sink import RingDestination, StreamSpec
from shmtext.ring.slots import Ring
from shmtext.ring.work import StepWork

TASK_BYTES = 40 << 20
"""At most, of a task's pictures, but for a single batch: large ones are worth less company."""

RING_BYTES = 256 << 20
"""Likewise of a ring, where nobody says how far ahead it is to be."""

FENCE_S = 0.001
"""How often a device is asked whether it has read a slot, while there is no other."""


@dataclass(frozen=True, slots=True)
class RingSize:
    """How many slots a ring has, and how many steps a task."""

    steps_per_task: int
    num_slots: int

    @classmethod
    def of(
        cls, layout: SlotLayout, pictures_at_once: int, num_workers: int, ahead: int | None
    ) -> RingSize:
        """Two tasks for each worker, and two slots for the loop; ``ahead`` steps where given."""
        num_bytes = layout.num_bytes
        steps = min(pictures_at_once // layout.batch_size, TASK_BYTES // num_bytes)
        if ahead is not None:
            return cls(max(1, min(steps, ahead // (2 * num_workers))), ahead + 2)
        steps = max(1, min(steps, RING_BYTES // num_bytes // (2 * num_workers)))
        return cls(steps, 2 * num_workers * steps + 2)

    def within(self, num_slots: int, num_workers: int) -> RingSize:
        """What comes of it where there are ``num_slots``."""
        if num_slots >= self.num_slots:
            return self
        steps = max(1, min(self.steps_per_task, (num_slots - 2) // (2 * num_workers)))
        return RingSize(steps, num_slots)


@dataclass(frozen=True, slots=True)
class Order:
    """What is drawn, and in how large a ring by how many."""

    setup: Setup
    stream: StreamSpec
    layout: SlotLayout
    num_workers: int
    ahead: int | None


class StepsByWorkers:
    """Worker processes and their ring."""

    def __init__(self, order: Order, spill_folder: Path, observer: Observer) -> None:
        self._resources = ExitStack()
        with ExitStack() as on_failure:
            on_failure.callback(self._resources.close)
            at_once = order.stream.pictures_at_once
            size = RingSize.of(order.layout, at_once, order.num_workers, order.ahead)
            self.ring = self._resources.enter_context(closing(Ring(order.layout, size.num_slots)))
            if self.ring.note:
                observer.note(self.ring.note)
            self._size = size.within(self.ring.num_slots, order.num_workers)
            workers = Workers(order.num_workers, spill_folder)
            self._workers = self._resources.enter_context(closing(workers))
            self._workers.set_up(order.setup)
            on_failure.pop_all()
        self._turns = order.stream.order.turns
        self._destination = RingDestination(order.stream, self.ring.spec)
        self._work: StepWork
        self._reports: Generator[ShardDone | None, None, None] | None = None
        """Of the run of steps under way."""

    def begin(self, position: int) -> None:
        """Draw steps from the one at ``position`` on; those under way are for nobody any more."""
        self.end()
        free = set(range(self.ring.num_slots)) - self.ring.lent
        self._work = StepWork(self._turns, self._size.steps_per_task, sorted(free))
        self._work.begin(position)
        self._reports = self._workers.run(
            self._destination, self._work, StopRequest(), lambda: self._work.is_ready
        )

    def end(self) -> None:
        """Leave no worker with steps."""
        with interrupts_held():
            if self._reports is not None:
                self._reports.close()
                self._reports = None

    def next(self) -> Slot | None:
        """The next step's slot, lent to the loop; None if it is not there within a moment.

        Raises ``RendererError`` where the loop holds all slots, and what ``Workers.run`` raises.
        """
        self._free()
        if self._work.is_stuck and self.ring.is_waiting:
            time.sleep(FENCE_S)
            return None
        if self._work.can_hand_out or not self._work.is_ready:
            self._look_after_workers()
        if self._work.is_ready:
            return self.ring.lend(self._work.next_slot())
        self._refuse_to_wait_for_ever()
        return None

    def close(self) -> None:
        """End the workers, and remove the ring's name."""
        self.end()
        self._resources.close()

    def _free(self) -> None:
        self._work.free(self.ring.free_again())

    def _look_after_workers(self) -> None:
        """Hand out what can be; take the next report, or wait a while for one."""
        assert self._reports is not None
        report = next(self._reports)
        if report is not None:
            self._work.done(report)

    def _refuse_to_wait_for_ever(self) -> None:
        if not self._work.is_stuck:
            return
        gc.collect()  # batches in reference cycles are nobody's
        self._free()
        if self._work.is_stuck and not self.ring.is_waiting:
            raise RendererError(
                f"the loop holds all {self.ring.num_slots} batches of the ring, and asks for "
                "another: copy those that it keeps (batch.copy()), or make the ring larger (ahead)"
            )
