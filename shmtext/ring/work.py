"""Which steps are whose: handed out with slots, done, taken by the loop in order. No processes.

free slots --take()--> under way --done()--> ready --next_slot()--> the loop's --free()--> free
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from shmtext.dataset.plan import Shard
from shmtext.engine.progress import ShardDone
from shmtext.engine.task import Task
from shmtext.ring.order import Turns


class StepWork:
    """The work of a stream: one task after the other, each of as many steps as it has slots for."""

    tasks_per_worker = 2
    """While a worker begins its next, the loop need not come round."""
    is_over = False

    def __init__(
        self, turns: Turns, steps_per_task: int, num_examples: int, slots: Iterable[int]
    ) -> None:
        self.num_examples = num_examples
        self._turns = turns
        self._steps_per_task = steps_per_task
        self._free = deque(slots)
        self._put_back: deque[Task] = deque()
        self._under_way: dict[int, Task] = {}
        self._ready: dict[int, int] = {}
        """Slots by the first positions of the steps that are in them."""
        self._handed_out = self._wanted = self._num_tasks = 0

    def begin(self, position: int) -> None:
        """Let the steps come from the one that begins at a position. None has been handed out."""
        self._handed_out = self._wanted = position

    @property
    def num_waiting(self) -> int:
        """Tasks for which there are slots."""
        return len(self._put_back) + len(self._free) // self._steps_per_task

    def take(self) -> Task | None:
        """The next steps; None while there are too few slots for them to be worth a drawing."""
        if self._put_back:
            task = self._put_back.popleft()
        else:
            num = min(len(self._free), self._steps_per_task)
            is_worth_it = 2 * num >= self._steps_per_task
            if not num or not (is_worth_it or self._is_at_rest):
                return None
            slots = tuple(self._free.popleft() for _ in range(num))
            start = self._handed_out
            shard = Shard(self._num_tasks, start, start + num * self._turns.batch_size)
            self._handed_out += num * self._turns.stride
            self._num_tasks += 1
            task = Task(shard, slots=slots)
        self._under_way[task.shard.index] = task
        return task

    def put_back(self, task: Task) -> None:
        """Hand these steps out again first."""
        del self._under_way[task.shard.index]
        self._put_back.appendleft(task)

    def done(self, report: ShardDone) -> None:
        """Take note that a task's slots are filled."""
        task = self._under_way.pop(report.shard)
        for number, slot in enumerate(task.slots):
            self._ready[task.shard.start + number * self._turns.stride] = slot

    def free(self, slots: Iterable[int]) -> None:
        """Have slots filled again."""
        self._free.extend(slots)

    @property
    def is_ready(self) -> bool:
        """Whether the step that the loop wants is there."""
        return self._wanted in self._ready

    @property
    def can_hand_out(self) -> bool:
        """Whether there are slots for a whole task."""
        return bool(self._put_back) or len(self._free) >= self._steps_per_task

    def next_slot(self) -> int:
        """The slot of the step that the loop wants, which is ready; it wants the next one then."""
        slot = self._ready.pop(self._wanted)
        self._wanted += self._turns.stride
        return slot

    @property
    def is_stuck(self) -> bool:
        """Whether the loop has all slots: nothing will ever be ready."""
        return not self._free and self._is_at_rest

    @property
    def _is_at_rest(self) -> bool:
        return not (self._ready or self._under_way or self._put_back)
