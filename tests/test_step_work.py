"""Which steps are whose: whatever workers do and in whatever order, the loop gets each in turn."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtext.engine.progress import ShardDone
from shmtext.engine.task import Task
from shmtext.ring.by_workers import RingSize
from shmtext.ring.layout import SlotLayout
from shmtext.ring.order import Turns
from shmtext.ring.work import StepWork

BATCH = 10


def work_of(num_slots: int, steps_per_task: int = 1, every: int = 1) -> StepWork:
    work = StepWork(Turns(BATCH, every), steps_per_task, range(num_slots))
    work.begin(0)
    return work


def report(task: Task) -> ShardDone:
    return ShardDone(task.shard.index, task.shard.num_examples, 0, 0, 0, 0)


@dataclass
class Loop:
    """A loop, its workers and their slots, one deed after the other."""

    work: StepWork
    every: int
    start: int
    under_way: list[Task] = field(default_factory=list)
    filled: dict[int, int] = field(default_factory=dict)
    """By slot, the first position of the step that is in it."""
    held: list[int] = field(default_factory=list)
    got: list[int] = field(default_factory=list)

    def take(self, _which: int) -> None:
        is_waiting = self.work.num_waiting > 0
        task = self.work.take()
        # By this number workers are started: where it is 0, nobody may ever come to take one.
        assert (task is not None) == is_waiting
        if task is None:
            return
        busy = {slot for each in self.under_way for slot in each.slots}
        assert not busy & set(task.slots)
        assert not set(task.slots) & set(self.held)
        assert not set(task.slots) & set(self.filled)
        self.under_way.append(task)

    def finish(self, which: int) -> None:
        if self.under_way:
            task = self.under_way.pop(which % len(self.under_way))
            for number, slot in enumerate(task.slots):
                self.filled[slot] = task.shard.start + number * self.every * BATCH
            self.work.done(report(task))

    def die(self, which: int) -> None:
        if self.under_way:
            self.work.put_back(self.under_way.pop(which % len(self.under_way)))

    def next(self, _which: int) -> None:
        if self.work.is_ready:
            slot = self.work.next_slot()
            self.got.append(self.filled.pop(slot))
            self.held.append(slot)

    def let_go(self, which: int) -> None:
        if self.held:
            self.work.free([self.held.pop(which % len(self.held))])


@given(
    num_slots=st.integers(2, 12),
    steps_per_task=st.integers(1, 5),
    every=st.integers(1, 3),
    rank=st.integers(0, 2),
    deeds=st.lists(
        st.tuples(st.sampled_from(["take", "finish", "die", "next", "let_go"]), st.integers(0, 9)),
        max_size=150,
    ),
)
def test_the_loop_gets_every_step_in_turn_and_no_slot_has_two_owners(
    num_slots: int, steps_per_task: int, every: int, rank: int, deeds: list[tuple[str, int]]
) -> None:
    start = rank % every * BATCH
    work = StepWork(Turns(BATCH, every), steps_per_task, range(num_slots))
    work.begin(start)
    loop = Loop(work, every, start)
    for name, which in deeds:
        getattr(loop, name)(which)

    assert [start + step * every * BATCH for step in range(len(loop.got))] == loop.got
    # From anywhere, it goes on as soon as there is a slot.
    while loop.held:
        loop.let_go(0)
    before = len(loop.got)
    while len(loop.got) == before:
        assert not work.is_stuck
        loop.take(0)
        loop.finish(0)
        loop.next(0)


def test_it_is_stuck_exactly_where_the_loop_has_all_slots() -> None:
    work = work_of(2)
    tasks = [work.take(), work.take()]
    for task in tasks:
        assert task is not None
        assert not work.is_stuck
        work.done(report(task))
    assert not work.is_stuck
    slots = [work.next_slot(), work.next_slot()]

    assert work.take() is None
    assert work.is_stuck
    work.free(slots[:1])
    assert not work.is_stuck


def test_a_task_waits_for_half_its_slots_unless_nothing_else_goes_on() -> None:
    work = work_of(num_slots=7, steps_per_task=4)
    first, second = work.take(), work.take()

    assert first is not None
    assert second is not None
    assert (4, 3) == (len(first.slots), len(second.slots))
    work.done(report(first))
    work.free([work.next_slot()])
    assert work.take() is None
    work.free([work.next_slot()])
    third = work.take()
    assert third is not None
    assert 2 == len(third.slots)


def test_with_nothing_under_way_a_single_slot_is_enough() -> None:
    work = work_of(num_slots=1, steps_per_task=4)
    task = work.take()

    assert task is not None
    assert (0,) == task.slots


def test_what_dies_comes_again_first_and_as_it_was() -> None:
    work = work_of(num_slots=4, steps_per_task=2)
    first, second = work.take(), work.take()
    assert first is not None
    assert second is not None
    work.put_back(second)
    work.put_back(first)

    assert 2 == work.num_waiting
    assert first == work.take()
    assert second == work.take()


def layout_of(batch_size: int, height_px: int, width_px: int) -> SlotLayout:
    return SlotLayout(batch_size, height_px, width_px, channels=1)


@pytest.mark.parametrize(
    ("layout", "workers", "ahead", "expected"),
    [
        (layout_of(256, 32, 128), 1, None, RingSize(8, 18)),
        (layout_of(64, 32, 128), 2, None, RingSize(32, 130)),
        (layout_of(1_024, 64, 512), 4, None, RingSize(1, 10)),
        (layout_of(256, 32, 128), 64, None, RingSize(1, 130)),
        (layout_of(256, 32, 128), 1, 4, RingSize(2, 6)),
        (layout_of(256, 32, 128), 2, 1, RingSize(1, 3)),
        (layout_of(4_096, 32, 128), 1, None, RingSize(1, 4)),
    ],
)
def test_a_ring_has_two_tasks_a_worker_and_two_slots_for_the_loop(
    layout: SlotLayout, workers: int, ahead: int | None, expected: RingSize
) -> None:
    assert expected == RingSize.of(layout, 2_048, workers, ahead)


@given(st.integers(1, 8), st.integers(1, 40), st.integers(2, 60))
def test_a_ring_that_came_out_smaller_has_smaller_tasks(
    workers: int, steps: int, num_slots: int
) -> None:
    wanted = RingSize(steps, 2 * workers * steps + 2)
    size = wanted.within(num_slots, workers)

    assert size == wanted or size.num_slots == num_slots < wanted.num_slots
    assert 1 <= size.steps_per_task <= steps
    if size.steps_per_task > 1:
        assert 2 * workers * size.steps_per_task + 2 <= size.num_slots
