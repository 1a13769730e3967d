"""What a stream draws from: fonts, photographs, the corpus, and which of its texts can be drawn.

All of it is in memory once, for the loop's process and all that draw for it.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shmtext.config import RunConfig
from shmtext.corpus.ranges import Ints
from shmtext.corpus.shared import Segment, SegmentSpec, SharedCorpus, sweep_orphans
from shmtext.dataset.skipped import commonest, counted_reasons
from shmtext.draw.drawable import find_drawable
from shmtext.draw.examples import Examples
from shmtext.engine.backgrounds import PHOTOS_CONTENT, fill_segment
from shmtext.engine.characters import TakenAgain
from shmtext.engine.held import render_settings
from shmtext.engine.messages import Setup
from shmtext.engine.progress import Observer
from shmtext.engine.stop import StopRequest
from shmtext.engine.texts import needed_texts, refuse_no_text
from shmtext.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """What is read before anything is drawn; segments are closed by whoever asked for it."""

    setup: Setup
    examples: Examples
    drawable: SegmentSpec | None
    """Numbers of the examples that can be drawn, int64; None: all of them."""
    reasons: dict[int, str]
    """Why others can't be, by their numbers."""

    @property
    def num_drawable(self) -> int:
        """Examples of an epoch."""
        return len(self.examples) if self.drawable is None else self.drawable.num_bytes // 8


def spill_folder() -> Path:
    """Where what shared memory has no room for goes."""
    return Path(tempfile.gettempdir())


def load_all(
    config: RunConfig, spare_bytes: int, observer: Observer, resources: ExitStack
) -> Loaded:
    """Read all of it; ``spare_bytes`` of shared memory are left for the ring.

    Raises ``InputError`` where no text can be drawn, and what reading raises.
    """
    sweep_orphans()
    settings = render_settings(config, observer)
    stop = StopRequest()  # signals are the loop's
    photos = None
    if config.backgrounds is not None:
        segment = resources.enter_context(Segment(spill_folder(), PHOTOS_CONTENT, spare_bytes))
        photos = fill_segment(segment, config, stop, observer)
    chunks = needed_texts(settings, stop, observer)
    corpus = resources.enter_context(
        SharedCorpus.create(
            chunks,
            spill_folder(),
            more=TakenAgain(settings).more,
            spare_bytes=spare_bytes,
        )
    )
    if corpus.note is not None:
        observer.note(corpus.note)
    refuse_no_text(corpus.texts, config)
    examples = Examples.of(corpus.texts, settings)
    is_drawable, reasons = find_drawable(examples, settings)
    drawable = None
    if reasons:
        if not is_drawable.any():
            told = "; ".join(commonest(counted_reasons((each, 1) for each in reasons.values())))
            raise InputError(f"none of the {len(is_drawable):,} texts can be drawn: {told}")
        drawable = _shared(np.flatnonzero(is_drawable), resources)
    return Loaded(Setup(settings, corpus.spec, photos), examples, drawable, reasons)


def _shared(numbers: Ints, resources: ExitStack) -> SegmentSpec:
    content = "the list of examples that can be drawn"
    segment = Segment.create(numbers.nbytes, spill_folder(), content=content)
    resources.enter_context(segment).write(0, numbers)
    segment.flush()
    return segment.spec
