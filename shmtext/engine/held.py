"""What serves several runs of one config: fonts, photographs and corpus read, workers started.

Made when the first run needs it, all at once. What belongs to one run (its folder, how many
images, whether to resume) is ``run.py``'s.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Literal, assert_never

from shmtext.config import BalancedText, DatasetColumn, Engine, RunConfig, Template, TextFile, Texts
from shmtext.corpus.balance import CharacterCounts
from shmtext.corpus.ragged import RaggedTexts, gather_chunks
from shmtext.corpus.shared import Segment, SharedCorpus, sweep_orphans
from shmtext.dataset.plan import shard_size
from shmtext.draw.examples import Examples, examples_per_text
from shmtext.draw.labels import needs_boxes
from shmtext.draw.settings import RenderSettings
from shmtext.draw.shares import fonts_with_share
from shmtext.engine.backgrounds import PHOTOS_CONTENT, attach_photos, fill_segment, photos_of
from shmtext.engine.characters import TakenAgain
from shmtext.engine.deaths import Limits
from shmtext.engine.fonts import fonts_of
from shmtext.engine.identity import corpus_digest
from shmtext.engine.inprocess import InProcess
from shmtext.engine.messages import Setup
from shmtext.engine.progress import Observer
from shmtext.engine.ray_nodes import Cluster, NodesAsked, RayNodes
from shmtext.engine.stop import StopRequest
from shmtext.engine.supervisor import Workers
from shmtext.engine.texts import needed_texts, refuse_no_text

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
    cluster: Cluster | None = None
    """Whose nodes render; None: this machine."""


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Everything that stays between the runs of a renderer."""

    settings: RenderSettings
    examples: Examples
    engine: InProcess | Workers | RayNodes
    is_spilled: bool
    """A file in the first run's stage took shared memory's place, and goes with it."""
    characters: CharacterCounts | None
    """How often they occur, where texts were taken again for rare ones."""
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
    num_parts: int = 1
    """The run is one of so many parts of what the config comes to."""


def hold(means: Means, first: FirstRun, resources: ExitStack) -> Held:
    """Read fonts and photographs, encode the corpus and start the engine; all of them end with
    ``resources``.

    Raises ``InputError`` for a corpus of no example, and what reading and starting raise.
    """
    sweep_orphans()
    settings, config = None, means.config
    if config.style.each_font:
        # How many examples there are, and what is to draw them, is known once fonts are.
        settings = _settings_of(means, first)
    num_per_text = examples_per_text(settings) if settings is not None else 1
    engine = chosen_engine(means, first, num_per_text)
    if engine == "processes":
        return _hold_for_processes(means, first, resources, settings)
    photos = photos_of(config, first.stop, means.observer)
    settings = replace(settings or _settings_of(means, first), photos=photos)
    again = TakenAgain(settings)
    texts = gather_chunks(needed_texts(settings, first.stop, means.observer))
    refuse_no_text(texts, config)
    texts = again.added_to(texts)
    drawing: InProcess | RayNodes
    if engine == "nodes":
        with first.stop.raising():
            drawing = resources.enter_context(closing(RayNodes(_asked_of_nodes(means))))
    else:
        drawing = InProcess(settings, texts, means.num_workers if engine == "threads" else 1)
    examples = Examples.of(texts, settings)
    return Held(settings, examples, drawing, is_spilled=False, characters=again.counts)


def _asked_of_nodes(means: Means) -> NodesAsked:
    assert means.cluster is not None
    return NodesAsked(means.cluster, means.config, means.num_workers, means.observer)


def _hold_for_processes(
    means: Means, first: FirstRun, resources: ExitStack, settings: RenderSettings | None
) -> Held:
    # Workers import their libraries while this process reads the fonts and makes the corpus.
    workers = resources.enter_context(
        closing(Workers(means.num_workers, first.stage, means.limits))
    )
    num_per_text = examples_per_text(settings) if settings is not None else 1
    workers.start(-(-_least_num_shards(means.config, num_per_text) // first.num_parts))
    settings = settings or _settings_of(means, first)
    is_spilled, photos = workers.note is not None, None
    if means.config.backgrounds is not None:
        segment = resources.enter_context(Segment(first.stage, PHOTOS_CONTENT))
        photos = fill_segment(segment, means.config, first.stop, means.observer)
        is_spilled |= segment.note is not None
    chunks = needed_texts(settings, first.stop, means.observer)
    again = TakenAgain(settings)
    corpus = resources.enter_context(SharedCorpus.create(chunks, first.stage, more=again.more))
    workers.set_up(Setup(settings, corpus.spec, photos))
    if corpus.note is not None:
        means.observer.note(corpus.note)
    refuse_no_text(corpus.texts, means.config)
    is_spilled |= corpus.note is not None
    if photos is not None:
        settings = replace(settings, photos=attach_photos(photos))
    examples = Examples.of(corpus.texts, settings)
    return Held(settings, examples, workers, is_spilled, again.counts)


def chosen_engine(
    means: Means, first: FirstRun, num_per_text: int
) -> Literal["processes", "threads", "serial", "nodes"]:
    """What the engine asked for comes to."""
    if means.cluster is not None:
        return "nodes"
    match means.engine:
        case "auto":
            num_examples = _estimate_num_examples(means.config, num_per_text)
            is_large = num_examples > IN_PROCESS_EXAMPLES * first.num_parts
            return "processes" if first.was_cut_short or is_large else "serial"
        case "processes" | "threads" | "serial":
            return means.engine
        case _:
            assert_never(means.engine)


def _settings_of(means: Means, first: FirstRun) -> RenderSettings:
    # Thousands of unknown fonts take seconds, a damaged one as many before it is given up.
    with first.stop.raising():
        return render_settings(means.config, means.observer)


def render_settings(config: RunConfig, observer: Observer) -> RenderSettings:
    """Read a config's fonts and find its own effects; photographs are read elsewhere.

    Raises ``FontError``, and ``ConfigError`` for shares of fonts that there are not.
    """
    style = config.style
    sizes_px = config.trial_sizes_px
    fonts, left_out = fonts_of(style.fonts, sizes_px, skips_bad=style.skip_bad_fonts)
    for note in (left_out, config.near_pairs_note):
        if note:
            observer.note(note)
    settings = RenderSettings.of(config, fonts_with_share(fonts, style.font_share))
    if needs_boxes(settings):
        settings.refuse_moving()
    return settings


def _estimate_num_examples(config: RunConfig, num_per_text: int) -> int:
    """How many examples a config comes to, more or less, before texts have been made or read."""
    corpus = config.corpus
    if isinstance(corpus, BalancedText):
        sizes = corpus.min_example_size + corpus.max_example_size
        num_texts = 2 * corpus.num_clusters // sizes
    else:
        num_texts = _num_read(corpus, BYTES_PER_EXAMPLE)
    return min(num_texts * num_per_text, config.max_images or sys.maxsize)


def _least_num_shards(config: RunConfig, num_per_text: int) -> int:
    """A number of shards that a config is hardly below: so many workers will be needed."""
    corpus = config.corpus
    if isinstance(corpus, BalancedText):
        num_texts = corpus.num_clusters // corpus.max_example_size
    else:
        num_texts = _num_read(corpus, MOST_BYTES_PER_EXAMPLE)
    num_examples = max(1, min(num_texts * num_per_text, config.max_images or sys.maxsize))
    return -(-num_examples // shard_size(num_examples))


def _num_read(corpus: Texts | TextFile, bytes_per_example: int) -> int:
    """How many texts come of sources if each takes so many bytes there."""
    texts, num_texts = Texts.of(corpus), 0
    for source in texts.sources:
        match source.origin:
            case Template():
                num_texts += source.origin.num_texts
            case DatasetColumn():
                num_texts += IN_PROCESS_EXAMPLES + 1  # not known; people have large ones
            case TextFile():
                with suppress(OSError):  # what is wrong with it is said when it is read
                    num_texts += source.origin.path.stat().st_size // bytes_per_example
    if texts.sample is None:
        return num_texts
    return texts.sample if texts.replace else min(num_texts, texts.sample)
