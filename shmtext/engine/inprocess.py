"""Rendering without worker processes: in this thread, or in a few.

For runs too small to repay starting processes, and for looking at what goes on in a debugger. An
example that raises is set aside alone, as it is by workers; one that crashes its process takes the
run with it, and everything committed is kept all the same.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

import numpy as np

from shmtext.corpus.ragged import RaggedTexts
from shmtext.dataset.plan import Shard
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.settings import RenderSettings
from shmtext.engine.deaths import Limits
from shmtext.engine.libraries import keep_freed_memory, without_ipp, without_pool
from shmtext.engine.progress import (
    EXAMPLE,
    NO_EXAMPLE,
    SLOTS_PER_WORKER,
    ShardDone,
    marker,
)
from shmtext.engine.shards import UNWATCHED, Sink, Watch, maker_of, render_shard
from shmtext.engine.stop import StopRequest
from shmtext.engine.supervisor import POLL_S
from shmtext.engine.task import SpareTime, Task
from shmtext.errors import ShmtextError, WorkersError


@dataclass(slots=True, eq=False)
class InProcess:
    """Picture makers of this process, one a thread, kept between runs."""

    settings: RenderSettings
    corpus: RaggedTexts
    num_threads: int
    _makers: threading.local = field(default_factory=threading.local)
    _under_way: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        keep_freed_memory()

    @property
    def num_images_under_way(self) -> int:
        """Images drawn in shards that are not committed yet."""
        return sum(list(self._under_way.values()))

    def run(
        self, sink: Sink, shards: Sequence[Shard], stop: StopRequest, spare: SpareTime
    ) -> Generator[ShardDone | None, None, None]:
        """Render shards; yield each report, and None now and then while there is none.

        When asked to stop, shards under way are finished if they can be in time.
        """
        if self.num_threads == 1:
            for shard in shards:
                if stop.asked:
                    return
                yield self._render(sink, shard, stop)
                spare()
            return
        with ThreadPoolExecutor(self.num_threads) as pool:
            waiting = iter(shards)
            running: set[Future[ShardDone]] = set()
            while True:
                while not stop.asked and len(running) < self.num_threads:
                    following = next(waiting, None)
                    if following is None:
                        break
                    try:
                        running.add(pool.submit(self._render, sink, following, stop))
                    except RuntimeError as error:  # what threading makes of EAGAIN
                        if "shutdown" in str(error):
                            raise WorkersError(
                                "Python ends and starts no threads any more: wait for the thread "
                                "that renders (join), or use engine serial or processes"
                            ) from error
                        what = f"thread {len(running) + 1} of {self.num_threads}"
                        raise WorkersError.cannot_start(what, error) from error
                if not running:
                    return
                done, running = wait(running, 0 if spare() else POLL_S, FIRST_COMPLETED)
                yield from (each.result() for each in done)
                yield None

    def _render(self, sink: Sink, shard: Shard, stop: StopRequest) -> ShardDone:
        if not hasattr(self._makers, "maker"):
            self._makers.maker = maker_of(self.settings)
        thread = threading.get_ident()

        def batch_done(num_images: int) -> None:
            self._under_way[thread] = num_images
            if stop.overdue:
                stop.check()

        try:
            drawing = Drawing(self._makers.maker, self.corpus, sink)
            return render_here(drawing, Task(shard), batch_done)
        finally:
            self._under_way.pop(thread, None)


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """What draws, from what, and for whom."""

    maker: PictureMaker
    corpus: RaggedTexts
    sink: Sink


def render_here(
    drawing: Drawing, task: Task, batch_done: Callable[[int], None] = UNWATCHED.batch_done
) -> ShardDone:
    """Draw a shard in this thread; examples that raise are set aside, as workers have it."""
    slots = np.full(SLOTS_PER_WORKER, NO_EXAMPLE)
    failures: Counter[int] = Counter()
    excluded: dict[int, str] = {}
    watch = Watch(about_to_draw=marker(slots), batch_done=batch_done)
    limits = Limits()
    while True:
        slots[EXAMPLE] = NO_EXAMPLE
        try:
            task = replace(task, excluded=excluded)
            with without_ipp(), without_pool():
                return render_shard(drawing.maker, drawing.corpus, task, drawing.sink, watch)
        except (ShmtextError, MemoryError):
            raise
        except Exception as error:
            # Where a worker has its process boundary: an example costs itself, and is named.
            example = int(slots[EXAMPLE])
            failures[example] += 1
            if example < 0 or len(excluded) == limits.failed_examples:
                raise
            if failures[example] >= limits.deaths_per_example:
                excluded[example] = f"cannot be drawn: {type(error).__name__}: {error}"
