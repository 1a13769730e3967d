"""The worker processes: starting them, handing out shards, and what happens when one dies.

The main process owns all scheduling. Each worker has one pipe; a task is two integers; at most
one is under way per worker. A worker that dies has its shard handed out again and is replaced. An
example that was being drawn in two deaths is quarantined: recorded as failed, and not drawn again.
When workers die without getting anywhere, the run is stopped with a diagnosis. However a run ends,
no worker is left with a shard of it, and nothing that is said of it later counts in the next.
"""

from __future__ import annotations

import json
import os
import signal
import time
import weakref
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from shmtext.corpus.shared import Segment
from shmtext.dataset.plan import Shard
from shmtext.engine import worker
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

ADVICE: dict[int, str] = {
    signal.SIGKILL: " (as when memory runs out: free some, or use fewer workers)",
    signal.SIGBUS: " (shared memory or a disk is full or failing: see /dev/shm and the folder)",
    signal.SIGSEGV: " (a crash in a library, most often by a font: leave it out)",
    signal.SIGABRT: " (a crash in a library, most often by a font: leave it out)",
    signal.SIGILL: " (this CPU is too old for an installed wheel)",
}

_all_workers: weakref.WeakSet[Workers] = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class Limits:
    """When patience ends."""

    start_s: float = 60
    """For a worker to import its libraries, and then to open its fonts, on a crowded machine."""
    take_up_s: float = 5
    """For an idle worker to take up a shard, and to let go of a folder: it only waits for that. A
    shard is taken from one that does not, if another worker has nothing to do."""
    hang_s: float = 30
    """Without a new example. The largest picture that is allowed takes about 2 s."""
    commit_s: float = 300
    """For a commit: storage may be slow, and a write can't be hurried by starting over."""
    deaths_per_example: int = 2
    kills_before_trial: int = 2
    """SIGKILL comes from outside (a person, the kernel for want of memory) and strikes wherever a
    worker happens to be, again and again where one is busy longest. So many in a row at one
    example of a shard make it a suspect: from then on it is drawn alone before the shard."""
    kills_on_trial: int = 3
    """So many more in a row, within these few milliseconds, are not chance."""
    start_errors: int = 3
    """Workers in a row that said why they can't start: it will not get better."""
    start_deaths: int = 12
    """Workers in a row that ended without a word before they were ready: it may."""
    start_kills: int = 30
    """Likewise, where the last was a SIGKILL."""
    fruitless_deaths: int = 30
    """In a row, with no shard committed in between: seconds of trying."""
    fruitless_kills: int = 45
    """Likewise, where the last was a SIGKILL."""
    fruitless_s: float = 25
    """Time is up as well, after a few deaths: starting takes long on a crowded machine."""
    few_deaths: int = 16
    failed_examples: int = 10
    """Quarantined, or 1 % of the run if that is more."""


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


@dataclass(frozen=True, slots=True)
class _Task:
    """A shard to render."""

    shard: Shard
    excluded: dict[int, str] = field(default_factory=dict)
    """Examples of it that are not to be drawn, and why."""
    suspect: int | None = None
    """An example to try alone before."""


@dataclass(eq=False, slots=True)
class _Deaths:
    """What deaths have taught so far in a run."""

    num_examples: int
    """Of the run."""
    per_example: Counter[int] = field(default_factory=Counter)
    quarantined: dict[int, str] = field(default_factory=dict)
    """Examples that are not drawn any more, and why."""
    last_of_shard: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By shard: the example at which a worker was last killed, and how often in a row."""
    num_fruitless: int = 0
    """Deaths since a shard was last committed."""
    fruitless_since_s: float = 0


class Workers:
    """Worker processes that live as long as this object. A context manager."""

    def __init__(self, num_workers: int, spill_folder: Path, limits: Limits | None = None) -> None:
        self.num_workers = num_workers
        self._limits = limits or Limits()
        num_bytes = num_workers * SLOTS_PER_WORKER * 8
        self._slots = Segment.create(num_bytes, spill_folder, content="the workers' counters")
        self._rows = rows(self._slots.array(), num_workers)
        self._workers: list[_Worker | None] = [None] * num_workers
        self._failed_starts: list[_Worker] = []
        """In a row, with no worker having become ready."""
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
        queue = deque(_Task(shard) for shard in shards)
        deaths = _Deaths(num_examples)
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
                            deaths.num_fruitless = 0
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

    def _hand_out(self, queue: deque[_Task]) -> None:
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
                redo = worker.Redo(shard.start, shard.stop, task.excluded, task.suspect)
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
                self._failed_starts = []
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

    def _learn(self, dead: _Worker, deaths: _Deaths) -> _Task | None:
        """Draw conclusions from a death; return what has to be redone."""
        limits = self._limits
        how = _how_it_ended(dead)
        if not dead.is_set_up:
            self._failed_starts.append(dead)
            num_errors = sum(bool(each.error) for each in self._failed_starts)
            most = limits.start_kills if _was_killed(dead) else limits.start_deaths
            if num_errors >= limits.start_errors or len(self._failed_starts) >= most:
                raise WorkersError(f"workers end while they start: {how}")
            return None
        now_s = time.monotonic()
        if deaths.num_fruitless == 0:
            deaths.fruitless_since_s = now_s
        deaths.num_fruitless += 1
        shard = dead.shard
        example = int(self._rows[dead.number, EXAMPLE])
        was_killed = _was_killed(dead)
        if shard is not None and shard.start <= example < shard.stop:
            deaths.per_example[example] += 1
            count = deaths.per_example[example]
            most = limits.deaths_per_example
            if was_killed:
                count = self._count_kill(dead, example, deaths)
                most = limits.kills_before_trial + limits.kills_on_trial
            if count >= most:
                deaths.quarantined[example] = f"ended its worker {count} times: {how}"
        if len(deaths.quarantined) > max(limits.failed_examples, deaths.num_examples // 100):
            raise WorkersError(
                f"{len(deaths.quarantined)} examples ended their workers, the last so: {how}"
            )
        most = limits.fruitless_kills if was_killed else limits.fruitless_deaths
        is_too_long = now_s - deaths.fruitless_since_s > limits.fruitless_s
        if deaths.num_fruitless >= most or (
            is_too_long and deaths.num_fruitless >= limits.few_deaths
        ):
            raise WorkersError(
                f"workers ended {deaths.num_fruitless} times and no shard was done in between, "
                f"the last so: {how}"
            )
        if shard is None:
            return None
        excluded = {
            example: reason
            for example, reason in deaths.quarantined.items()
            if shard.start <= example < shard.stop
        }
        example, count = deaths.last_of_shard.get(shard.index, (NO_EXAMPLE, 0))
        is_suspect = count >= limits.kills_before_trial and example not in excluded
        return _Task(shard, excluded, example if is_suspect else None)

    def _count_kill(self, dead: _Worker, example: int, deaths: _Deaths) -> int:
        """Return how often in a row the shard's workers were killed at this example."""
        assert dead.shard is not None
        before, count = deaths.last_of_shard.get(dead.shard.index, (example, 0))
        # A suspect that was drawn alone without harm is none any more.
        has_passed = (
            count >= self._limits.kills_before_trial and not self._rows[dead.number, ON_TRIAL]
        )
        count = count + 1 if before == example and not has_passed else 1
        deaths.last_of_shard[dead.shard.index] = example, count
        return count

    def _alive(self) -> list[_Worker]:
        return [alive for alive in self._workers if alive is not None]


def _was_killed(dead: _Worker) -> bool:
    """Whether somebody else ended it: not this process, for hanging."""
    return dead.process.popen.returncode == -signal.SIGKILL and not dead.error


def _how_it_ended(dead: _Worker) -> str:
    """Say what ended a worker and, as far as that tells, what to do."""
    code = dead.process.popen.returncode or 0
    if dead.error:
        return dead.error
    if code >= 0:
        return f"it left with exit code {code}"
    name = signal.Signals(-code).name if -code in signal.valid_signals() else f"signal {-code}"
    return name + ADVICE.get(-code, "")


def _forget_all() -> None:
    for workers in list(_all_workers):
        workers.forget()


os.register_at_fork(after_in_child=_forget_all)
