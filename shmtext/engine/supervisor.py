"""The worker processes: starting them, handing out shards, and replacing those that die.

The main process owns all scheduling. Each worker has one pipe; a task is two integers; at most
one is under way per worker. A worker that dies has its shard handed out again and is replaced; what
its death means is decided in ``deaths.py``. However a run ends, no worker is left with a shard of
it, and nothing that is said of it later counts in the next.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Generator, Iterable, Iterator
from itertools import count
from multiprocessing.connection import wait
from pathlib import Path
from typing import assert_never

from shmtext.corpus.shared import Segment
from shmtext.engine.deaths import Deaths, FailedStarts, Limits
from shmtext.engine.link import Link
from shmtext.engine.machine import default_num_workers
from shmtext.engine.messages import Message, Place, Setup, Target
from shmtext.engine.progress import EXAMPLE, NO_EXAMPLE, SLOTS_PER_WORKER, ShardDone, rows
from shmtext.engine.shards import Destination
from shmtext.engine.spawn import WorkerProcess
from shmtext.engine.stop import StopRequest
from shmtext.engine.task import SpareTime, Task, Work
from shmtext.errors import RendererError, StorageError, WorkersError

POLL_S = 0.2
"""How late a signal, a hang or progress is noticed; messages and deaths wake the loop at once."""

_all_workers: weakref.WeakSet[Workers] = weakref.WeakSet()


class Workers:
    """Worker processes that live until this is closed."""

    def __init__(self, num_workers: int, spill_folder: Path, limits: Limits | None = None) -> None:
        self.num_workers = num_workers
        self._limits = limits or Limits()
        num_bytes = num_workers * SLOTS_PER_WORKER * 8
        self._slots = Segment.create(num_bytes, spill_folder, content="the workers' counters")
        self._rows = rows(self._slots.array(), num_workers)
        self._links: dict[int, Link] = {}
        """To the workers that are alive, by number."""
        self._failed_starts = FailedStarts(self._limits)
        self._setup: Setup | None = None
        self._run_numbers = count(1)
        self._target: Target | None = None
        """Of the run under way; None between runs."""
        self._why_closed: BaseException | None = None
        """What a run that is under way all the same ends with."""
        _all_workers.add(self)

    def start(self, num_tasks: int) -> None:
        """Start as many workers as so many shards need; ``run`` starts those that are missing.

        No more at once than the machine has cores: forty that import their libraries on two cores
        keep one another from work for many seconds.
        """
        vacant = [number for number in range(self.num_workers) if number not in self._links]
        if not vacant:
            return
        num_starting = sum(not link.is_set_up for link in self._alive())
        num_idle = sum(link.is_idle for link in self._alive())
        num_missing = num_tasks - num_idle - num_starting
        if num_missing > 0:
            for number in vacant[: min(num_missing, max(0, default_num_workers() - num_starting))]:
                self._start(number)

    @property
    def note(self) -> str | None:
        """One line that says that a file holds the counters, and why; None if none does."""
        return self._slots.note

    @property
    def is_closed(self) -> bool:
        """Whether it can render no more."""
        return self._why_closed is not None

    def set_up(self, setup: Setup) -> None:
        """Say what to render from. Workers are told as soon as they are ready."""
        self._setup = setup

    @property
    def num_images_under_way(self) -> int:
        """Images drawn in shards that are not committed yet."""
        return sum(link.num_images_under_way for link in self._alive())

    def run(
        self,
        destination: Destination,
        work: Work,
        stop: StopRequest,
        spare: SpareTime,
    ) -> Generator[ShardDone | None, None, None]:
        """Do what there is to do; yield each report, and None now and then while there is none.

        Ends when all is done, or, when asked to stop, when those under way are. Raises
        ``StorageError`` as a worker reports it, after the others' shards are done, and
        ``WorkersError`` when workers die without getting anywhere.
        """
        target = Target(next(self._run_numbers), destination)
        self._target = target
        for link in self._alive():
            if link.is_ready:
                link.process.send(target)
        deaths = Deaths(self._limits, work.num_examples)
        failure = ""
        looked_s = time.monotonic()
        try:
            while not stop.overdue:
                if self._why_closed is not None:
                    raise self._why_closed
                ending = stop.asked or bool(failure)
                if not ending:
                    self.start(work.num_waiting)
                    self._hand_out(work)
                if not any(link.tasks for link in self._alive()) and (ending or work.is_over):
                    break
                for event in self._poll(0 if spare() else POLL_S):
                    if self._why_closed is not None:
                        break
                    match event:
                        case ShardDone():
                            deaths.shard_done()
                            yield event
                        case StorageError():
                            failure = failure or str(event)
                        case Link():
                            for redo in self._learn(event, deaths):
                                work.put_back(redo)
                now_s = time.monotonic()
                # After a pause of this very process (Ctrl-Z, a machine asleep) nobody has hung.
                self._end_hanging(now_s, all_moved=now_s - looked_s > 10 * POLL_S)
                looked_s = now_s
                yield None
        finally:
            self._end_run()
        if failure:
            raise StorageError(failure)

    def settle(self) -> None:
        """See to it that no worker holds the folder of an earlier run any more."""
        deadline_s = time.monotonic() + self._limits.take_up_s
        while late := [link for link in self._alive() if link.owes_release]:
            if time.monotonic() > deadline_s:
                self._drop(late)
            else:
                list(self._poll(POLL_S))  # what is said of an earlier run is no news

    def close(self) -> None:
        """End every worker and remove their counters. May be called twice.

        A run can then be under way only in a daemon thread, when Python ends: so does the thread.
        """
        self._why_closed = self._why_closed or SystemExit()
        links, self._links = self._alive(), {}
        for link in links:
            link.process.popen.kill()
        for link in links:
            link.process.popen.wait()  # its pipe is closed when the last who polls it lets go
        self._slots.close()

    def forget(self) -> None:
        """Let go of all workers, in a forked child: they are the parent's."""
        for link in self._alive():
            link.process.forget()
        self._links = {}
        self._why_closed = RendererError(
            f"process {os.getpid()} was forked in the middle of a run: its workers are the parent's"
        )

    def _end_run(self) -> None:
        """Leave no worker with a shard, nor with the folder."""
        self._target = None
        self._drop([link for link in self._alive() if link.tasks])
        for link in self._alive():
            if link.is_ready:
                link.release()

    def _drop(self, doomed: Iterable[Link]) -> None:
        for link in doomed:
            self._links.pop(link.number, None)
            link.process.close()

    def _start(self, number: int) -> None:
        row = self._rows[number]
        row[:] = 0
        row[EXAMPLE] = NO_EXAMPLE
        try:
            process = WorkerProcess.start()
        except OSError as error:
            what = f"worker {number + 1} of {self.num_workers}"
            raise WorkersError.cannot_start(what, error.strerror) from error
        process.send(Place(self._slots.spec, number, self.num_workers))
        self._links[number] = Link(number, process, row, time.monotonic())

    def _hand_out(self, work: Work) -> None:
        """Give each worker a task, then each a second one, as far as there are tasks and room."""
        for num_tasks in range(work.tasks_per_worker):
            for link in self._alive():
                if link.is_set_up and len(link.tasks) == num_tasks:
                    task = work.take()
                    if task is None:
                        return
                    link.hand_out(task, time.monotonic())

    def _poll(self, wait_s: float) -> Iterator[ShardDone | StorageError | Link]:
        """Wait so long for reports and deaths; a dead worker comes after what it had to say."""
        pipes = {link.process.pipe.fileno(): link for link in self._alive()}
        ready = wait(list(pipes), wait_s)
        for fd, link in pipes.items():
            if fd in ready:
                for report in link.read(time.monotonic()):
                    yield from self._take(link, report)
            elif link.process.popen.poll() is not None:
                # A child that somebody forked while it was started keeps its pipe open.
                link.has_ended = True
            if link.has_ended:
                self._drop([link])
                yield link

    def _take(self, link: Link, report: Message) -> Iterator[ShardDone | StorageError]:
        """Take what a worker says. What it says of an earlier run changes nothing any more."""
        is_current = self._target is not None and report.run == self._target.run
        match report.kind:
            case "ready":
                link.is_ready = True
                link.process.send(self._setup)
                if self._target is not None:
                    link.process.send(self._target)
            case "set up":
                link.is_set_up = True
                self._failed_starts.one_started()
            case "released":
                link.owes_release = False
            case "done" if is_current:
                link.done()
                yield ShardDone(**report.numbers)
            case "stopped" if is_current:
                link.tasks.clear()
                yield StorageError(report.error)
            case "done" | "stopped":
                pass
            case "unfit":
                # Of whichever run: no other worker would do better.
                link.tasks.clear()
                yield StorageError(report.error)
            case "bug":
                raise RuntimeError(f"a worker met a bug in shmtext: {report.error}")
            case "start-up" | "failed":
                link.last_words = report.error
            case _:
                assert_never(report.kind)

    def _end_hanging(self, now_s: float, *, all_moved: bool) -> None:
        links = self._alive()
        has_idle = any(link.is_idle for link in links)
        for link in links:
            link.look(now_s, has_moved=all_moved)
            limit_s = link.patience_s(self._limits, has_idle=has_idle)
            if now_s - link.since_s > limit_s:
                link.end(f"did not get on for {limit_s:.0f} s")

    def _learn(self, link: Link, deaths: Deaths) -> list[Task]:
        """Draw conclusions from a worker's death; return what has to be redone, the last first."""
        if not link.is_set_up:
            self._failed_starts.learn(link.death())
            return []
        redo = deaths.learn(link.death(), time.monotonic())
        not_begun = list(link.tasks)[:0:-1]
        return not_begun if redo is None else [*not_begun, redo]

    def _alive(self) -> list[Link]:
        return list(self._links.values())


def _forget_all() -> None:
    for workers in list(_all_workers):
        workers.forget()


os.register_at_fork(after_in_child=_forget_all)
