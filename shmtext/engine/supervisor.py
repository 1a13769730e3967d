"""The worker processes: starting them, handing out shards, and what happens when one dies.

The main process owns all scheduling. Each worker has one pipe; a task is two integers; at most
one is under way per worker. A worker that dies has its shard handed out again and is replaced. An
example that was being drawn in two deaths is quarantined: recorded as failed, and not drawn again.
When workers die without getting anywhere, the run is stopped with a diagnosis.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import sys
import threading
import time
import types
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from shmtext.corpus.shared import Segment, start_tracker
from shmtext.dataset.plan import Shard
from shmtext.engine import worker
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
from shmtext.engine.stop import StopRequest, signals_blocked
from shmtext.errors import StorageError, WorkersError

WORKER_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONSAFEPATH": "1",  # modules of the folder that a run is started in are none of its
}
"""For workers alone: numpy and OpenCV each make a pool of threads when they are imported."""

POLL_S = 0.2
"""How late a signal, a hang or progress is noticed; messages and deaths wake the loop at once."""

SEND_TIMEOUT_S = 5
"""A worker that does not read for so long while it waits for work is taken for dead."""

ADVICE: dict[int, str] = {
    signal.SIGKILL: " (as when memory runs out: free some, or use fewer workers)",
    signal.SIGBUS: " (shared memory or a disk is full or failing: see /dev/shm and the folder)",
    signal.SIGSEGV: " (a crash in a library, most often by a font: leave it out)",
    signal.SIGABRT: " (a crash in a library, most often by a font: leave it out)",
    signal.SIGILL: " (this CPU is too old for an installed wheel)",
}

_start_lock = threading.Lock()
"""Starting changes the environment and the main module for a moment."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When patience ends."""

    start_s: float = 60
    """For a worker to import its libraries, on a cold and crowded machine."""
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
    process: SpawnProcess
    pipe: Connection
    since_s: float
    """When it was started, or last seen to move."""
    is_ready: bool = False
    shard: Shard | None = None
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
        try:
            for number in range(num_workers):
                self._start(number)
        except BaseException:
            self.close()
            raise

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
        for alive in self._workers:
            if alive is not None and alive.is_ready:
                self._send(alive, target)
        queue = deque(_Task(shard) for shard in shards)
        deaths = _Deaths(num_examples)
        failure = ""
        looked_s = time.monotonic()
        while not stop.overdue:
            ending = stop.asked or bool(failure)
            if not ending:
                self._replace_missing(len(queue))
                self._hand_out(queue)
            if not any(alive.shard for alive in self._alive()) and (ending or not queue):
                break
            for event in self._poll():
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
        else:
            self._kill_all()
        for alive in self._alive():
            if alive.is_ready and alive.shard is None:
                self._send(alive, worker.Release())
        if failure:
            raise StorageError(failure)

    def close(self) -> None:
        """End every worker and remove their counters. May be called twice."""
        alive = self._alive()
        self._workers = [None] * self.num_workers
        for each in alive:
            each.pipe.close()  # a worker leaves at the end of its pipe, if it waits there
            if each.shard is not None or not each.is_ready:
                each.process.kill()
        deadline_s = time.monotonic() + 1
        for each in alive:
            each.process.join(max(0, deadline_s - time.monotonic()))
            if each.process.is_alive():
                each.process.kill()
                each.process.join()
            each.process.close()
        self._slots.close()

    # -- starting ------------------------------------------------------------------------------

    def _start(self, number: int) -> None:
        try:
            self._workers[number] = self._start_process(number)
        except OSError as error:
            raise WorkersError(
                f"cannot start worker {number + 1} of {self.num_workers} ({error.strerror}): use "
                "fewer workers, or raise the limits on open files and processes (ulimit -n, -u)"
            ) from error

    def _start_process(self, number: int) -> _Worker:
        context = get_context("spawn")
        ours, theirs = context.Pipe(duplex=True)
        self._rows[number] = 0
        self._rows[number, EXAMPLE] = NO_EXAMPLE
        place = worker.Place(self._slots.spec, number, self.num_workers)
        process = context.Process(
            target=worker.main, args=(theirs, place), name=f"shmtext-{number}", daemon=True
        )
        # Starting it would lift the block on signals: it is started before.
        start_tracker()
        with _start_lock, signals_blocked(), _worker_environment(), _without_main_module():
            process.start()
        theirs.close()
        _limit_sending(ours)
        return _Worker(number, process, ours, time.monotonic())

    def _replace_missing(self, num_tasks: int) -> None:
        for number, alive in enumerate(self._workers):
            if alive is None and num_tasks > 0:
                self._start(number)
                num_tasks -= 1

    # -- talking -------------------------------------------------------------------------------

    def _hand_out(self, queue: deque[_Task]) -> None:
        for number, alive in enumerate(self._workers):
            if not queue:
                return
            if alive is None or not alive.is_ready or alive.shard is not None:
                continue
            task = queue.popleft()
            self._rows[number, [EXAMPLE, IMAGES, ON_TRIAL]] = NO_EXAMPLE, 0, 0
            alive.shard = shard = task.shard
            alive.since_s = time.monotonic()
            if task.excluded or task.suspect is not None:
                redo = worker.Redo(shard.start, shard.stop, task.excluded, task.suspect)
                self._send(alive, redo)
            else:
                self._send(alive, (shard.start, shard.stop))

    def _send(self, alive: _Worker, message: object) -> None:
        try:
            alive.pipe.send(message)
        except OSError:
            # Dead, or stopped while it should read: either way its end is noticed next.
            alive.process.kill()

    def _poll(self) -> Iterator[ShardDone | StorageError | _Worker]:
        """Wait a moment for reports and deaths; a dead worker comes after what it had to say."""
        pipes: dict[object, _Worker] = {w.pipe.fileno(): w for w in self._alive()}
        sentinels: dict[object, _Worker] = {w.process.sentinel: w for w in self._alive()}
        ready = wait([*pipes, *sentinels], POLL_S)  # type: ignore[list-item]
        for alive in [pipes[each] for each in ready if each in pipes]:
            yield from self._read(alive, num_reads=1)
        for dead in [sentinels[each] for each in ready if each in sentinels]:
            dead.process.join()
            yield from self._read(dead, num_reads=sys.maxsize)
            dead.pipe.close()
            self._workers[self._workers.index(dead)] = None
            yield dead

    def _read(self, alive: _Worker, num_reads: int) -> Iterator[ShardDone | StorageError]:
        """Take whole lines of what a worker has written, and never wait for the rest of one."""
        for _ in range(num_reads):
            try:
                data = os.read(alive.pipe.fileno(), 1 << 16)
            except ConnectionResetError:
                data = b""
            alive.unread += data
            if not data:
                break
        *lines, alive.unread = alive.unread.split(b"\n")
        for line in lines:
            message = json.loads(line)
            alive.since_s = time.monotonic()
            match message.pop("kind"):
                case "ready":
                    alive.is_ready = True
                    self._failed_starts = []
                    self._send(alive, self._setup)
                    self._send(alive, self._target)
                case "done":
                    alive.shard = None
                    yield ShardDone(**message)
                case "stopped":
                    alive.shard = None
                    yield StorageError(message["error"])
                case "bug":
                    raise RuntimeError(f"a worker met a bug in shmtext: {message['error']}")
                case _:
                    alive.error = message["error"]

    # -- deaths --------------------------------------------------------------------------------

    def _kill_hanging(self, now_s: float, *, all_moved: bool) -> None:
        for number, alive in enumerate(self._workers):
            if alive is None:
                continue
            seen = int(self._rows[number, EXAMPLE]), int(self._rows[number, HEARTBEAT])
            if all_moved or seen != alive.seen:
                alive.seen, alive.since_s = seen, now_s
            if not alive.is_ready:
                limit_s = self._limits.start_s
            elif alive.shard is None:
                continue
            else:
                limit_s = self._limits.commit_s if seen[0] < NO_EXAMPLE else self._limits.hang_s
            if now_s - alive.since_s > limit_s:
                alive.error = f"did not get on for {limit_s:.0f} s"
                alive.process.kill()

    def _kill_all(self) -> None:
        for alive in self._alive():
            alive.process.kill()

    def _learn(self, dead: _Worker, deaths: _Deaths) -> _Task | None:
        """Draw conclusions from a death; return what has to be redone."""
        limits = self._limits
        how = _how_it_ended(dead)
        if not dead.is_ready:
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
    return dead.process.exitcode == -signal.SIGKILL and not dead.error


def _how_it_ended(dead: _Worker) -> str:
    """Say what ended a worker and, as far as that tells, what to do."""
    code = dead.process.exitcode or 0
    if dead.error:
        return dead.error
    if code >= 0:
        return f"it left with exit code {code}"
    name = signal.Signals(-code).name if -code in signal.valid_signals() else f"signal {-code}"
    return name + ADVICE.get(-code, "")


@contextmanager
def _worker_environment() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in WORKER_ENVIRONMENT}
    os.environ.update(WORKER_ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _without_main_module() -> Iterator[None]:
    """Start processes that do not run the user's main module again.

    Spawned processes import it by default, which fails for scripts without a main guard, from
    standard input and from some notebooks. Workers need nothing of it.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _limit_sending(pipe: Connection) -> None:
    """Let writes to a pipe fail after a while, should nobody read."""
    with socket.socket(fileno=os.dup(pipe.fileno())) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_TIMEOUT_S, 0))
