"""Steps drawn in the process that asks for them: no worker, no ring, memory of each batch's own."""

from __future__ import annotations

from collections import deque

import numpy as np

from shmtext.corpus.ragged import RaggedTexts
from shmtext.dataset.plan import Shard
from shmtext.draw.settings import RenderSettings
from shmtext.engine.inprocess import Drawing, render_here
from shmtext.engine.shards import maker_of
from shmtext.engine.task import Task
from shmtext.ring.by_workers import RingSize
from shmtext.ring.layout import Slot, SlotLayout
from shmtext.ring.order import StreamOrder
from shmtext.ring.sink import RingSink, StreamSpec


class StepsHere:
    """What draws steps in this process."""

    def __init__(
        self, settings: RenderSettings, corpus: RaggedTexts, stream: StreamSpec, layout: SlotLayout
    ) -> None:
        self._layout = layout
        self._settings, self._stream = settings, stream
        self._order: StreamOrder = stream.attach_order()
        self._maker, self._corpus = maker_of(settings), corpus
        size = RingSize.of(layout, stream.pictures_at_once, 1, None)
        self._steps = size.steps_per_task
        self._position = self._num_tasks = 0
        self._ready: deque[Slot] = deque()

    def begin(self, position: int) -> None:
        """Draw steps from the one at ``position`` on."""
        self._position = position
        self._ready.clear()

    def next(self) -> Slot:
        """The next step's slot."""
        if not self._ready:
            self._draw()
        return self._ready.popleft()

    def close(self) -> None:
        """Nothing stays of it but memory."""

    def _draw(self) -> None:
        num, turns = self._steps, self._stream.order.turns
        slots = [self._layout.view(np.empty(self._layout.num_bytes, np.uint8)) for _ in range(num)]
        sink = RingSink(self._settings, self._order, self._stream.fit, slots)
        start = self._position
        shard = Shard(self._num_tasks, start, start + num * turns.batch_size)
        render_here(Drawing(self._maker, self._corpus, sink), Task(shard, slots=tuple(range(num))))
        self._ready.extend(slots)
        self._position += num * turns.stride
        self._num_tasks += 1
