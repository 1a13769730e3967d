"""A stream's steps drawn by processes of somebody else's, such as the workers of a data loader.

Each of them draws every so many-th step in its own memory; what they share is the corpus, and where
they begin.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from shmtext.config import RunConfig
from shmtext.corpus.shared import SegmentSpec, attach_corpus
from shmtext.draw.examples import Examples
from shmtext.engine.backgrounds import attach_photos
from shmtext.engine.messages import Setup
from shmtext.ring.batch import Empties, StreamBatch, TextsOf, batch_of
from shmtext.ring.here import StepsHere
from shmtext.ring.joining import Joining, join, reach
from shmtext.ring.layout import SlotLayout
from shmtext.ring.sink import StreamSpec


@dataclass(frozen=True, slots=True, eq=False)
class StreamElsewhere:
    """All that another process needs to draw a stream's steps, as long as the stream is open."""

    config: RunConfig
    setup: Setup
    stream: StreamSpec
    layout: SlotLayout
    rank: int
    num_drawable: int
    """Examples of an epoch."""
    turns: SegmentSpec
    """Where processes agree on where they begin."""

    def batches(self, who: Joining) -> Iterator[StreamBatch]:
        """Draw the steps of one of some processes, without end."""
        batch_size, world_size = self.layout.batch_size, self.stream.order.turns.every
        position = join(self.turns, who)
        reached = reach(self.turns)
        turns = replace(self.stream.order.turns, every=world_size * who.num_workers)
        spec = replace(self.stream, order=replace(self.stream.order, turns=turns))
        photos = None if self.setup.photos is None else attach_photos(self.setup.photos)
        corpus = attach_corpus(self.setup.corpus)
        steps = StepsHere(replace(self.setup.settings, photos=photos), corpus, spec, self.layout)
        steps.begin(position + (who.worker * world_size + self.rank) * batch_size)
        examples = Examples.of(corpus, self.setup.settings)
        texts_of = TextsOf(examples, self.setup.settings, spec)
        empties = Empties(self.num_drawable)
        while True:
            batch = batch_of(steps.next(), texts_of, has_boxes=self.layout.num_boxes > 0)
            # Behind the step of all ranks: as far as the next iteration need not go back.
            reached[who.worker] = batch.first_position + (world_size - self.rank) * batch_size
            if not empties.count(batch):
                yield batch
