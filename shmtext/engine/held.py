"""What serves several runs of one config: fonts, photographs and corpus read, workers started.

Made when the first run needs it, all at once. What belongs to one run (its folder, how many
images, whether to resume) is ``run.py``'s.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Literal, assert_never

from shmtext.config import BalancedText, Engine, RunConfig, TextFile
from shmtext.corpus.ragged import RaggedTexts, TextChunk, gather_chunks, take_texts
from shmtext.corpus.shared import Segment, SharedCorpus, sweep_orphans
from shmtext.corpus.sources import corpus_chunks
from shmtext.dataset.plan import shard_size
from shmtext.draw.labels import needs_boxes
from shmtext.draw.settings import RenderSettings
from shmtext.engine.backgrounds import PHOTOS_CONTENT, attach_photos, fill_segment, photos_of
from shmtext.engine.deaths import Limits
from shmtext.engine.fonts import fonts_of
from shmtext.engine.identity import corpus_digest
from shmtext.engine.inprocess import InProcess
from shmtext.engine.messages import Setup
from shmtext.engine.progress import Observer
from shmtext.engine.stop import StopRequest
from shmtext.engine.supervisor import Workers
from shmtext.errors import InputError

IN_PROCESS_EXAMPLES = 5_000
"""A run of fewer examples is done, in-process, before workers have imported their libraries."""

BYTES_PER_EXAMPLE = 20
"""Guess for a text file whose lines have not been counted yet."""

MOST_BYTES_PER_EXAMPLE = 200
"""Likewise, on the safe side: a worker too many costs seconds of CPU."""


@dataclass(frozen=True, slots=True, eq=False)
class Means:
    """What a renderer was made with."""

    config: RunConfig
    engine: Engine
    num_workers: int
    limits: Limits | None
    observer: Observer


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Everything that stays between the runs of a renderer."""

    settings: RenderSettings
    texts: RaggedTexts
    engine: InProcess | Workers
    is_spilled: bool
    """A file in the first run's stage took shared memory's place, and goes with it."""
    _digests: dict[int, str] = field(default_factory=dict)

    def corpus_sha256(self, texts: RaggedTexts) -> str:
        """Digest of the first texts, as many as there are in ``texts``; once for each number."""
        if len(texts) not in self._digests:
            self._digests[len(texts)] = corpus_digest(texts)
        return self._digests[len(texts)]


class Holding:
    """What a renderer holds, from its first run to its end."""

    def __init__(self, means: Means) -> None:
        self.means = means
        self._held: Held | None = None
        """None before the first run, and when it was let go."""
        self._resources = ExitStack()
        self.belong_here()

    def belong_here(self) -> None:
        """Leave nothing behind this process: not even without ``let_go``."""
        leave_nothing(self, self._resources)

    @property
    def workers(self) -> Workers | None:
        """The worker processes; None where there are none."""
        engine = self._held.engine if self._held is not None else None
        return engine if isinstance(engine, Workers) else None

    def settle(self) -> None:
        """See to it that no worker holds the folder of an earlier run any more."""
        if self.workers is not None:
            self.workers.settle()

    def make_ready(self, first: FirstRun) -> Held:
        """Return what there is, or make it, as ``hold`` does; nothing stays of what fails."""
        if self._held is None:
            try:
                self._held = hold(self.means, first, self._resources)
            except BaseException:
                self.let_go()
                raise
        return self._held

    def let_go_of_spilled(self) -> None:
        """Let go if a file in the last run's stage, which is gone, took shared memory's place."""
        if self._held is not None and self._held.is_spilled:
            self.let_go()

    def let_go(self) -> None:
        """End the workers and remove what they share from memory."""
        self._held = None
        self._resources.close()


def leave_nothing(owner: object, resources: ExitStack) -> None:
    """Close ``resources`` when their owner is collected, or when this process ends."""
    # Of multiprocessing, whose own children run no other finalizers as they end.
    Finalize(owner, resources.close, exitpriority=0)


@dataclass(frozen=True, slots=True, eq=False)
class FirstRun:
    """What the first run has to say in how everything is made ready."""

    stage: Path
    """For what shared memory has no room for."""
    was_cut_short: bool
    """By a crash, perhaps: it would end this process again."""
    stop: StopRequest


def hold(means: Means, first: FirstRun, resources: ExitStack) -> Held:
    """Read fonts and photographs, encode the corpus and start the engine; all of them end with
    ``resources``.

    Raises ``InputError`` for a corpus of no example, and what reading and starting raise.
    """
    sweep_orphans()
    engine = _chosen_engine(means, first.was_cut_short)
    if engine == "processes":
        return _hold_for_processes(means, first, resources)
    photos = photos_of(means.config, first.stop, means.observer)
    settings = replace(render_settings(means.config, means.observer), photos=photos)
    texts = gather_chunks(texts_in_chunks(means.config, first.stop))
    refuse_no_text(texts)
    num_threads = means.num_workers if engine == "threads" else 1
    return Held(settings, texts, InProcess(settings, texts, num_threads), is_spilled=False)


def _hold_for_processes(means: Means, first: FirstRun, resources: ExitStack) -> Held:
    # Workers import their libraries while this process reads the fonts and makes the corpus.
    workers = resources.enter_context(
        closing(Workers(means.num_workers, first.stage, means.limits))
    )
    workers.start(_least_num_shards(means.config))
    settings = render_settings(means.config, means.observer)
    is_spilled, photos = workers.note is not None, None
    if means.config.backgrounds is not None:
        segment = resources.enter_context(Segment(first.stage, PHOTOS_CONTENT))
        photos = fill_segment(segment, means.config, first.stop, means.observer)
        is_spilled |= segment.note is not None
    chunks = texts_in_chunks(means.config, first.stop)
    corpus = resources.enter_context(SharedCorpus.create(chunks, first.stage))
    workers.set_up(Setup(settings, corpus.spec, photos))
    if corpus.note is not None:
        means.observer.note(corpus.note)
    refuse_no_text(corpus.texts)
    is_spilled |= corpus.note is not None
    if photos is not None:
        settings = replace(settings, photos=attach_photos(photos))
    return Held(settings, corpus.texts, workers, is_spilled)


def _chosen_engine(means: Means, was_cut_short: bool) -> Literal["processes", "threads", "serial"]:
    """What the engine asked for comes to."""
    match means.engine:
        case "auto":
            is_large = _estimate_num_examples(means.config) > IN_PROCESS_EXAMPLES
            return "processes" if was_cut_short or is_large else "serial"
        case "processes" | "threads" | "serial":
            return means.engine
        case _:
            assert_never(means.engine)


def texts_in_chunks(config: RunConfig, stop: StopRequest) -> Iterator[TextChunk]:
    """A config's texts, made or read; ``InterruptedRunError`` once there is a signal."""
    stop.check()
    chunks = corpus_chunks(config.corpus, config.seed, config.style.max_chars_per_line)
    return take_texts(_checked(chunks, stop), config.max_images)


def refuse_no_text(texts: RaggedTexts) -> None:
    """Raise ``InputError`` for a corpus of no example."""
    if len(texts) == 0:
        raise InputError(
            "the corpus comes to no example: raise character_frequency or lower min_example_size"
        )


def render_settings(config: RunConfig, observer: Observer) -> RenderSettings:
    """Read a config's fonts and find its own effects; photographs are read elsewhere."""
    style = config.style
    fonts, left_out = fonts_of(style.fonts, style.font_sizes, skips_bad=style.skip_bad_fonts)
    if left_out:
        observer.note(left_out)
    settings = RenderSettings.of(config, fonts)
    if needs_boxes(settings):
        settings.refuse_moving()
    return settings


def _checked(chunks: Iterable[TextChunk], stop: StopRequest) -> Iterator[TextChunk]:
    for chunk in chunks:
        stop.check()
        yield chunk


def _estimate_num_examples(config: RunConfig) -> int:
    """How many examples a config comes to, more or less, before texts have been made or read."""
    corpus = config.corpus
    if isinstance(corpus, BalancedText):
        sizes = corpus.min_example_size + corpus.max_example_size
        return min(2 * corpus.num_clusters // sizes, config.max_images or sys.maxsize)
    return min(_num_bytes(corpus) // BYTES_PER_EXAMPLE, config.max_images or sys.maxsize)


def _least_num_shards(config: RunConfig) -> int:
    """A number of shards that a config is hardly below: so many workers will be needed."""
    corpus = config.corpus
    if isinstance(corpus, BalancedText):
        num_examples = corpus.num_clusters // corpus.max_example_size
    else:
        num_examples = _num_bytes(corpus) // MOST_BYTES_PER_EXAMPLE
    num_examples = max(1, min(num_examples, config.max_images or sys.maxsize))
    return -(-num_examples // shard_size(num_examples))


def _num_bytes(corpus: TextFile) -> int:
    try:
        return corpus.path.stat().st_size
    except OSError:
        return 0  # what is wrong with it is said when it is read
