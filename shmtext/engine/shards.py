"""One shard drawn: a generator of batches, the same for whoever takes them.

What becomes of the batches is a sink's business: ``to_dataset.py`` has the one of a run. Nothing
here knows a file, nor who runs it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np

from shmtext.corpus.ragged import RaggedTexts
from shmtext.corpus.ranges import Ints
from shmtext.dataset.plan import Shard
from shmtext.draw.batch import Batch
from shmtext.draw.examples import Examples
from shmtext.draw.labels import needs_boxes
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.settings import RenderSettings
from shmtext.draw.texts import ShardTexts, Skip
from shmtext.engine.progress import NO_EXAMPLE, ShardDone
from shmtext.engine.task import Task
from shmtext.engine.to_check import CheckSink
from shmtext.errors import FontError
from shmtext.looks.own import Mark

COMMITTING = NO_EXAMPLE - 1
"""Stands in for the example once all pictures are written, and while a shard is only looked at:
storage may be slow."""


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """Who looks on while a shard is rendered. The defaults look away."""

    about_to_draw: Callable[[int], None] = lambda _example_index: None
    """Told an example before anything is done that could crash on it, and ``NO_EXAMPLE`` or
    ``COMMITTING`` once no example is to blame for what happens."""
    batch_done: Callable[[int], None] = lambda _num_images: None
    """Told how many images the shard has so far; may raise to abandon it."""


UNWATCHED = Watch()

FONTS_ADVICE = "put back what was there, or start anew in another folder"


class ShardSink(Protocol):
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

    def commit(self) -> ShardDone:
        """Let the batches taken count, all of them at once; say what they came to."""


class Order(Protocol):
    """Which examples a shard has."""

    def examples(self, of_all: Examples, shard: Shard) -> tuple[Ints, Ints]:
        """A shard's examples, and the numbers by which their random words are drawn."""


class Sink(Protocol):
    """What takes shards, in the process that draws them."""

    @property
    def order(self) -> Order:
        """Which examples each shard has."""

    def shard(self, start: int, stop: int) -> Shard:
        """The shard of these examples. Raises ``ValueError`` where they are none."""

    def open(self, task: Task, texts: ShardTexts, watch: Watch) -> ShardSink:
        """Begin a shard; ``texts`` are those that batches speak of by their positions."""

    def close(self) -> None:
        """Let go of what was opened for the run."""


class Destination(Protocol):
    """Where shards go, as engines know it: a value that can be sent to workers."""

    def sink(self, settings: RenderSettings, worker: int) -> Sink | CheckSink:
        """Open the sink of a worker, or what it only looks at shards with.

        Raises ``ShmtextError`` where that can't be.
        """


def maker_of(settings: RenderSettings) -> PictureMaker:
    """Make what draws a run's shards, with all that its label columns need.

    Raises ``FontError`` where a font's file is not what it was when the run read it.
    """
    try:
        for path, sha256 in {font.path: font.sha256 for font in settings.fonts}.items():
            if hashlib.sha256(Path(path).read_bytes()).hexdigest() != sha256:
                raise FontError(f"{path} was changed during the run: {FONTS_ADVICE}")
        return PictureMaker(settings, with_boxes=needs_boxes(settings))
    except OSError as error:
        raise FontError(f"a font is gone or damaged ({error}): {FONTS_ADVICE}") from error


def render_shard(
    maker: PictureMaker,
    corpus: RaggedTexts,
    task: Task,
    sink: Sink,
    watch: Watch = UNWATCHED,
) -> ShardDone:
    """Draw a shard into a sink and commit it."""
    texts = shard_texts(maker, corpus, task, sink.order)
    texts = maker.wrapped(texts, _marks(task.shard.start, watch))
    with sink.open(task, texts, watch) as shard_sink:
        for batch in draw_shard(maker, texts, task.shard.start, watch):
            shard_sink.take(batch)
        watch.about_to_draw(COMMITTING)
        return shard_sink.commit()


class InOrder:
    """The order of a run: examples as they come."""

    def examples(self, _: Examples, shard: Shard) -> tuple[Ints, Ints]:
        """Those of a shard, drawn by their own numbers."""
        examples = np.arange(shard.start, shard.stop)
        return examples, examples


def shard_texts(maker: PictureMaker, corpus: RaggedTexts, task: Task, order: Order) -> ShardTexts:
    """Check and style a shard's texts."""
    shard = task.shard
    of_all = maker.examples_of(corpus)
    texts = maker.prepare_examples(of_all, *order.examples(of_all, shard))
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
    return maker.draw(texts, _marks(start, watch))


def _marks(start: int, watch: Watch) -> Mark:
    """Tell who looks on of texts by their examples' numbers."""

    def mark(position: int | None) -> None:
        watch.about_to_draw(NO_EXAMPLE if position is None else start + position)

    return mark
