"""The worker processes: starting them, handing out shards, and replacing those that die.

The main process owns all scheduling. Each worker has one pipe; a task is two integers; at most
one is under way per worker. A worker that dies has its shard handed out again and is replaced; what
its death means is decided in ``deaths.py``. However a run ends, no worker is left with a shard of
it, and nothing that is said of it later counts in the next.
"""

from __future__ import annotations

import json
import os
import time
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from shmtext.corpus.shared import Segment
from shmtext.dataset.plan import Shard
from shmtext.engine import worker
from shmtext.engine.deaths import Death, Deaths, FailedStarts, Limits, Task
from shmtext.engine.machine import default_num_workers
from shmtext.engine.progress import (
    EXAMPLE,
    HEARTBEAT,
    IMAGES,
    NO_EXAMPLE,
    ON_TRIAL,
    SLOTS_PER_WORKER,
    ShardDone,
    rows,
)
from shmtext.engine.spawn import WorkerProcess
from shmtext.engine.stop import StopRequest
from shmtext.errors import RendererError, StorageError, WorkersError

POLL_S = 0.2
"""How late a signal, a hang or progress is noticed; messages and deaths wake the loop at once."""

_all_workers: weakref.WeakSet[Workers] = weakref.WeakSet()


@dataclass(eq=False, slots=True)
class _Worker:
    number: int
    process: WorkerProcess
    since_s: float
    """When it was started, or last seen to move."""
    is_ready: bool = False
    """It has its libraries."""
    is_set_up: bool = False
    """It has corpus and fonts, too, and can take a shard."""
    shard: Shard | None = None
    """Of the run under way; None between runs."""
    has_taken_up: bool = False
    """It has begun with its shard."""
    owes_release: bool = False
    """It was told to let go of its folder, and has not said that it has."""
    has_ended: bool = False
    unread: bytes = b""
    seen: tuple[int, int] = (NO_EXAMPLE, 0)
    error: str = ""
    """What it said before it ended."""


class Workers:
    """Worker processes that live as long as this object. A context manager."""

    def __init__(self, num_workers: int, spill_folder: Path, limits: Limits | None = None) -> None:
        self.num_workers = num_workers
        self._limits = limits or Limits()
        num_bytes = num_workers * SLOTS_PER_WORKER * 8
        self._slots = Segment.create(num_bytes, spill_folder, content="the workers' counters")
        self._rows = rows(self._slots.array(), num_workers)
        self._workers: list[_Worker | None] = [None] * num_workers
        self._failed_starts = FailedStarts(self._limits)
        self._setup: worker.Setup | None = None
        self._target: worker.Target | None = None
        """Of the run under way; None between runs."""
        self._why_closed: BaseException | None = None
        """What a run that is under way all the same ends with."""
        _all_workers.add(self)

    def start(self, num_tasks: int) -> None:
        """Start as many workers as so many shards need; ``run`` starts those that are missing.

        No more at once than the machine has cores: forty that import their libraries on two cores
        keep one another from work for many seconds.
        """
        vacant = [number for number, alive in enumerate(self._workers) if alive is None]
        if not vacant:
            return
        num_starting = sum(not alive.is_set_up for alive in self._alive())
        num_idle = sum(alive.is_set_up and alive.shard is None for alive in self._alive())
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

    def set_up(self, setup: worker.Setup) -> None:
        """Say what to render from. Workers are told as soon as they are ready."""
        self._setup = setup

    @property
    def num_images_under_way(self) -> int:
        """Images drawn in shards that are not committed yet."""
        return sum(
            int(self._rows[number, IMAGES])
            for number, alive in enumerate(self._workers)
            if alive is not None and alive.shard is not None
        )

    def run(
        self,
        target: worker.Target,
        shards: Iterable[Shard],
        num_examples: int,
        stop: StopRequest,
    ) -> Iterator[ShardDone | None]:
        """Render shards; yield each report, and None now and then while there is none.

        Ends when all are done, or, when asked to stop, when those under way are. Raises
        ``StorageError`` as a worker reports it, after the others' shards are done, and
        ``WorkersError`` when workers die without getting anywhere.
        """
        self._target = target
        for alive in self._alive():
            if alive.is_ready:
                alive.process.send(target)
        queue = deque(Task(shard) for shard in shards)
        deaths = Deaths(self._limits, num_examples)
        failure = ""
        looked_s = time.monotonic()
        try:
            while not stop.overdue:
                if self._why_closed is not None:
                    raise self._why_closed
                ending = stop.asked or bool(failure)
                if not ending:
                    self.start(len(queue))
                    self._hand_out(queue)
                if not any(alive.shard for alive in self._alive()) and (ending or not queue):
                    break
                for event in self._poll():
                    if self._why_closed is not None:
                        break
                    match event:
                        case ShardDone():
                            deaths.shard_done()
                            yield event
                        case StorageError():
                            failure = failure or str(event)
                        case _Worker():
                            redo = self._learn(event, deaths)
                            if redo is not None:
                                queue.appendleft(redo)
                now_s = time.monotonic()
                # After a pause of this very process (Ctrl-Z, a machine asleep) nobody has hung.
                self._kill_hanging(now_s, all_moved=now_s - looked_s > 10 * POLL_S)
                looked_s = now_s
                yield None
        finally:
            self._end_run()
        if failure:
            raise StorageError(failure)

    def settle(self) -> None:
        """See to it that no worker holds the folder of an earlier run any more."""
        deadline_s = time.monotonic() + self._limits.take_up_s
        while late := [alive for alive in self._alive() if alive.owes_release]:
            if time.monotonic() > deadline_s:
                self._drop(late)
            else:
                list(self._poll())  # what is said of an earlier run is no news

    def close(self) -> None:
        """End every worker and remove their counters. May be called twice.

        A run can then be under way only in a daemon thread, when Python ends: so does the thread.
        """
        self._why_closed = self._why_closed or SystemExit()
        alive = self._alive()
        self._workers = [None] * self.num_workers
        for each in alive:
            each.process.popen.kill()
        for each in alive:
            each.process.popen.wait()  # its pipe is closed when the last who polls it lets go
        self._slots.close()

    def forget(self) -> None:
        """Let go of all workers, in a forked child: they are the parent's."""
        for alive in self._alive():
            alive.process.forget()
        self._workers = [None] * self.num_workers
        self._why_closed = RendererError(
            f"process {os.getpid()} was forked in the middle of a run: its workers are the parent's"
        )

    def _end_run(self) -> None:
        """Leave no worker with a shard, nor with the folder."""
        self._target = None
        self._drop([alive for alive in self._alive() if alive.shard is not None])
        for alive in self._alive():
            if alive.is_ready:
                # One that still opens its fonts has not come to the folder, and may take its time.
                alive.owes_release = alive.is_set_up
                alive.process.send(worker.Release())

    def _drop(self, doomed: Iterable[_Worker]) -> None:
        for each in doomed:
            self._workers[each.number] = None
            each.process.close()

    def _start(self, number: int) -> None:
        self._rows[number] = 0
        self._rows[number, EXAMPLE] = NO_EXAMPLE
        try:
            process = WorkerProcess.start()
        except OSError as error:
            what = f"worker {number + 1} of {self.num_workers}"
            raise WorkersError.cannot_start(what, error.strerror) from error
        process.send(worker.Place(self._slots.spec, number, self.num_workers))
        self._workers[number] = _Worker(number, process, time.monotonic())

    # -- talking -------------------------------------------------------------------------------

    def _hand_out(self, queue: deque[Task]) -> None:
        for number, alive in enumerate(self._workers):
            if not queue:
                return
            if alive is None or not alive.is_set_up or alive.shard is not None:
                continue
            task = queue.popleft()
            self._rows[number, [EXAMPLE, IMAGES, ON_TRIAL]] = NO_EXAMPLE, 0, 0
            alive.shard = shard = task.shard
            alive.has_taken_up = False
            alive.seen = self._seen(alive)
            alive.since_s = time.monotonic()
            if task.excluded or task.suspect is not None:
                redo = worker.Redo(shard.start, shard.stop, dict(task.excluded), task.suspect)
                alive.process.send(redo)
            else:
                alive.process.send((shard.start, shard.stop))

    def _poll(self) -> Iterator[ShardDone | StorageError | _Worker]:
        """Wait a moment for reports and deaths; a dead worker comes after what it had to say."""
        pipes: dict[object, _Worker] = {w.process.pipe.fileno(): w for w in self._alive()}
        ready = wait(list(pipes), POLL_S)  # type: ignore[arg-type]
        for fd, alive in pipes.items():
            if fd in ready:
                yield from self._read(alive)
            elif alive.process.popen.poll() is not None:
                # A child that somebody forked while it was started keeps its pipe open.
                alive.has_ended = True
            if alive.has_ended:
                self._drop([alive])
                yield alive

    def _read(self, alive: _Worker) -> Iterator[ShardDone | StorageError]:
        """Take whole lines of what a worker has written, and never wait for the rest of one."""
        try:
            data = os.read(alive.process.pipe.fileno(), 1 << 16)
        except ConnectionResetError:
            data = b""
        alive.has_ended = not data
        *lines, alive.unread = (alive.unread + data).split(b"\n")
        for line in lines:
            alive.since_s = time.monotonic()
            yield from self._take(alive, json.loads(line))

    def _take(self, alive: _Worker, message: dict[str, Any]) -> Iterator[ShardDone | StorageError]:
        """Take one message of a worker. What it says of an earlier run changes nothing any more."""
        kind, run = message.pop("kind"), message.pop("run", None)
        is_current = self._target is not None and run == self._target.run
        match kind:
            case "ready":
                alive.is_ready = True
                alive.process.send(self._setup)
                if self._target is not None:
                    alive.process.send(self._target)
            case "set up":
                alive.is_set_up = True
                self._failed_starts.one_started()
            case "released":
                alive.owes_release = False
            case "done" if is_current:
                alive.shard = None
                yield ShardDone(**message)
            case "stopped" if is_current:
                alive.shard = None
                yield StorageError(message["error"])
            case "done" | "stopped":
                pass
            case "unfit":
                # Of whichever run: no other worker would do better.
                alive.shard = None
                yield StorageError(message["error"])
            case "bug":
                raise RuntimeError(f"a worker met a bug in shmtext: {message['error']}")
            case "start-up" | "failed":
                alive.error = message["error"]
            case _:
                raise RuntimeError(f"a worker said what nobody knows: {kind}")

    def _seen(self, alive: _Worker) -> tuple[int, int]:
        """What tells that a worker moves."""
        row = self._rows[alive.number]
        return int(row[EXAMPLE]), int(row[HEARTBEAT])

    # -- deaths --------------------------------------------------------------------------------

    def _kill_hanging(self, now_s: float, *, all_moved: bool) -> None:
        alive_ones = self._alive()
        has_idle = any(alive.is_set_up and alive.shard is None for alive in alive_ones)
        for alive in alive_ones:
            seen = self._seen(alive)
            if all_moved or seen != alive.seen:
                alive.has_taken_up |= seen != alive.seen
                alive.seen, alive.since_s = seen, now_s
            if not alive.is_set_up:
                limit_s = self._limits.start_s
            elif alive.shard is None:
                continue
            elif not alive.has_taken_up and has_idle:
                limit_s = self._limits.take_up_s
            else:
                limit_s = self._limits.commit_s if seen[0] < NO_EXAMPLE else self._limits.hang_s
            if now_s - alive.since_s > limit_s:
                alive.error = f"did not get on for {limit_s:.0f} s"
                alive.process.popen.kill()

    def _learn(self, dead: _Worker, deaths: Deaths) -> Task | None:
        """Draw conclusions from a death; return what has to be redone."""
        row = self._rows[dead.number]
        death = Death(
            exit_code=dead.process.popen.returncode or 0,
            last_words=dead.error,
            shard=dead.shard,
            example=int(row[EXAMPLE]),
            was_on_trial=bool(row[ON_TRIAL]),
        )
        if not dead.is_set_up:
            self._failed_starts.learn(death)
            return None
        return deaths.learn(death, time.monotonic())

    def _alive(self) -> list[_Worker]:
        return [alive for alive in self._workers if alive is not None]


def _forget_all() -> None:
    for workers in list(_all_workers):
        workers.forget()


os.register_at_fork(after_in_child=_forget_all)
