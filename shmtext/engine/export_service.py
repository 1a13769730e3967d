"""What a worker of an export does: shard after shard, until its end.

How it started is ``worker.py``'s, who hands out shards ``export_workers.py``'s.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from shmtext.dataset import locks
from shmtext.dataset.export import FORMATS
from shmtext.dataset.export.base import Asked
from shmtext.dataset.export.shards import Job
from shmtext.dataset.reading import StoredRun
from shmtext.engine.libraries import adapt_libraries
from shmtext.engine.messages import ExportOrder, Message
from shmtext.errors import ShmtextError


class ExportService:
    """A worker's state: the run and the folder, both open."""

    def __init__(self, fd: int, order: ExportOrder) -> None:
        """Open both. Messages are written to the descriptor ``fd``."""
        adapt_libraries()
        self._fd = fd
        with ExitStack() as stack:
            run = stack.enter_context(StoredRun(order.run))
            asked = Asked(order.options, run.record.container.extension, run.record.schema)
            folder = stack.enter_context(locks.join(order.dest))
            self._job = Job(run, folder, FORMATS[order.to](asked), order.options)
            self._resources = stack.pop_all()

    def run(self, receive: Callable[[], object]) -> None:
        """Write shards, whose numbers ``receive`` gives, until it raises."""
        job = self._job
        plan = job.run.record.plan
        with self._resources, job.format.writing(job.folder) as write:
            Message("ready").write(self._fd)
            while True:
                number = receive()
                assert isinstance(number, int)
                shard = plan.shard(number)
                try:
                    job.write(shard, write)
                except (ShmtextError, MemoryError) as error:
                    Message("stopped", error=str(error)).write(self._fd)
                else:
                    Message("done").write(self._fd)
