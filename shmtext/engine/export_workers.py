"""The processes of an export: starting them, handing out shards, and what becomes of them.

Each worker has one pipe and at most one shard. What it says is that the shard is written, or that
it can't be; the marks of shards lie in the folder. A worker that dies ends the export, which the
same call continues: nothing is drawn here that could end one again and again.
"""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from shmtext.dataset.plan import Shard
from shmtext.engine.deaths import Death
from shmtext.engine.messages import ExportOrder, Message
from shmtext.engine.spawn import WorkerProcess
from shmtext.engine.stop import StopRequest
from shmtext.errors import WorkersError

POLL_MS = 200
"""How late a signal is noticed; messages and deaths wake the loop at once."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A shard that a worker could not write."""

    shard: Shard


@dataclass(eq=False, slots=True)
class _Worker:
    process: WorkerProcess
    is_ready: bool = False
    shard: Shard | None = None
    unread: bytes = b""

    def read(self) -> list[Message] | None:
        """Take whole lines of what it has written; None where it has ended."""
        data = b""
        with suppress(ConnectionResetError):
            data = os.read(self.process.pipe.fileno(), 1 << 16)
        if not data:
            return None
        *lines, self.unread = (self.unread + data).split(b"\n")
        return [Message.parse(line) for line in lines]


def export_by_workers(
    order: ExportOrder, shards: Sequence[Shard], num_workers: int, stop: StopRequest
) -> Generator[Shard | Refused | None, None, None]:
    """Have shards written; yield each as it is, and None now and then while there is none.

    Ends when all are written, or, when asked to stop, when those under way are. Raises
    ``WorkersError`` where a worker dies. Leaves none behind.
    """
    queue = deque(shards)
    workers: dict[int, _Worker] = {}
    try:
        for number in range(min(num_workers, len(queue))):
            worker = _Worker(_started(order, number))
            workers[worker.process.pipe.fileno()] = worker
        poll = select.poll()
        for fd in workers:
            poll.register(fd, select.POLLIN)
        while not stop.overdue:
            for worker in workers.values():
                if queue and worker.is_ready and worker.shard is None and not stop.asked:
                    worker.shard = queue.popleft()
                    worker.process.send(worker.shard.index)
            is_busy = any(worker.shard is not None for worker in workers.values())
            if not is_busy and (stop.asked or not queue):
                return
            ready = {fd for fd, _ in poll.poll(POLL_MS)}
            for fd, worker in workers.items():
                if fd in ready:
                    yield from _take(worker)
                elif worker.process.popen.poll() is not None:
                    # A child that somebody forked while it was started keeps its pipe open.
                    raise _death(worker)
            yield None
    finally:
        for worker in workers.values():
            worker.process.close()


def _take(worker: _Worker) -> Generator[Shard | Refused, None, None]:
    """Take what a worker says."""
    messages = worker.read()
    if messages is None:
        raise _death(worker)
    for message in messages:
        shard, worker.shard = worker.shard, None
        match message.kind:
            case "ready":
                worker.is_ready = True
            case "done" if shard is not None:
                yield shard
            case "stopped" if shard is not None:
                yield Refused(shard)
            case _:
                raise WorkersError(f"a worker of the export can't start: {message.error}")


def _death(worker: _Worker) -> WorkersError:
    worker.process.popen.wait()
    how = Death(worker.process.popen.returncode or 0).how
    where = f" at shard {worker.shard.index}" if worker.shard is not None else ""
    return WorkersError(
        f"a worker of the export ended{where}, {how}: run the same command again, perhaps with "
        "fewer workers; what is written is kept"
    )


def _started(order: ExportOrder, number: int) -> WorkerProcess:
    try:
        process = WorkerProcess.start()
    except OSError as error:
        raise WorkersError.cannot_start(f"worker {number + 1}", error.strerror) from error
    process.send(order)
    return process
