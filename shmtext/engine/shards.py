"""One shard drawn: a generator of batches, the same for whoever takes them.

A run, an example drawn again, a look before a run and a stream all begin here. What becomes of the
batches is a sink's business (``to_dataset.py``); nothing here knows a file, nor who runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Protocol, Self, TypeVar

from shmtext.corpus.ragged import RaggedTexts
from shmtext.dataset.plan import Shard
from shmtext.draw.batch import Batch
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.texts import ShardTexts, Skip
from shmtext.engine.progress import NO_EXAMPLE
from shmtext.engine.task import Task

COMMITTING = NO_EXAMPLE - 1
"""Stands in for the example once all pictures are written."""

Done_co = TypeVar("Done_co", covariant=True)


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """Who looks on while a shard is rendered. The defaults look away."""

    about_to_draw: Callable[[int], None] = lambda _example_index: None
    """Told an example before anything is done that could crash on it, and ``NO_EXAMPLE`` or
    ``COMMITTING`` once no example is to blame for what happens."""
    batch_done: Callable[[int], None] = lambda _num_images: None
    """Told how many images the shard has so far; may raise to abandon it."""


UNWATCHED = Watch()


class ShardSink(Protocol[Done_co]):
    """What takes one shard's batches. Left without ``commit``, nothing of them remains."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def take(self, batch: Batch) -> None:
        """Take a batch. Its pictures may be overwritten by the next one's."""

    def commit(self) -> Done_co:
        """Let the batches taken count, all of them at once; say what they came to."""


class Sink(Protocol[Done_co]):
    """What takes a run's shards."""

    def open(self, shard: Shard, texts: ShardTexts, watch: Watch) -> ShardSink[Done_co]:
        """Begin a shard; ``texts`` are those that batches speak of by their positions."""


def render_shard(
    maker: PictureMaker,
    corpus: RaggedTexts,
    task: Task,
    sink: Sink[Done_co],
    watch: Watch = UNWATCHED,
) -> Done_co:
    """Draw a shard into a sink and commit it."""
    texts = shard_texts(maker, corpus, task)
    with sink.open(task.shard, texts, watch) as shard_sink:
        for batch in draw_shard(maker, texts, task.shard.start, watch):
            shard_sink.take(batch)
        watch.about_to_draw(COMMITTING)
        return shard_sink.commit()


def shard_texts(maker: PictureMaker, corpus: RaggedTexts, task: Task) -> ShardTexts:
    """Wrap, check and style a shard's texts."""
    shard = task.shard
    texts = maker.prepare(corpus.slice(shard.start, shard.stop), shard.start)
    if not task.excluded:
        return texts
    reasons = {example - shard.start: reason for example, reason in task.excluded.items()}
    is_drawable = texts.is_drawable.copy()
    is_drawable[list(reasons)] = False
    skips = [Skip(position, reason, failed=True) for position, reason in reasons.items()]
    return replace(texts, is_drawable=is_drawable, skips=[*texts.skips, *skips])


def draw_shard(
    maker: PictureMaker, texts: ShardTexts, start: int, watch: Watch = UNWATCHED
) -> Iterator[Batch]:
    """Draw the texts of examples from ``start`` on; those that can't be join ``texts.skips``."""

    def mark(position: int | None) -> None:
        watch.about_to_draw(NO_EXAMPLE if position is None else start + position)

    return maker.draw(texts, mark)
