"""A config's texts, made or read, and what an observer is told meanwhile.

How texts are read is the business of the room ``corpus``; where they go, of whoever asks for them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from shmtext.config import BalancedText, RunConfig, Texts
from shmtext.corpus.lengths import LeftOut
from shmtext.corpus.ragged import RaggedTexts, TextChunk, take_texts
from shmtext.corpus.reading import corpus_chunks
from shmtext.draw.examples import num_texts_needed
from shmtext.draw.settings import RenderSettings
from shmtext.engine.progress import Observer
from shmtext.engine.stop import StopRequest
from shmtext.errors import InputError

FIRST_NOTE_S = 10
"""Of reading, before a word is said of it; then, each time, after twice as long."""


def texts_in_chunks(
    config: RunConfig, stop: StopRequest, observer: Observer
) -> Iterator[TextChunk]:
    """A config's texts, made or read; ``InterruptedRunError`` once there is a signal."""
    stop.check()
    reading = Reading(stop, observer)
    chunks = corpus_chunks(config.corpus, config.seed, config.style.max_chars_per_line, reading)
    num_texts = 0
    for chunk in take_texts(chunks, config.max_images):
        stop.check()
        num_texts += chunk.lengths_bytes.size
        yield chunk
    reading.finish()
    sample = None if isinstance(config.corpus, BalancedText) else Texts.of(config.corpus).sample
    if sample is not None and num_texts < min(sample, config.max_images or sample):
        observer.note(f"a sample of {sample:,} was asked for, and there are {num_texts:,} texts")


def needed_texts(
    settings: RenderSettings, stop: StopRequest, observer: Observer
) -> Iterator[TextChunk]:
    """Likewise, of those only that a run draws examples of."""
    chunks = texts_in_chunks(settings.config, stop, observer)
    return take_texts(chunks, num_texts_needed(settings))


def refuse_no_text(texts: RaggedTexts, config: RunConfig) -> None:
    """Raise ``InputError`` for a corpus of no example."""
    if len(texts) == 0:
        is_made = isinstance(config.corpus, BalancedText)
        raise InputError(
            "the corpus comes to no example: "
            + (
                "raise character_frequency or lower min_example_size"
                if is_made
                else "all texts are left out: lower min_text_chars, raise max_text_chars, or "
                "shuffle fewer words a line"
            )
        )


class Reading:
    """Watches texts being read: says how far it is, and stops it where that is asked for."""

    def __init__(self, stop: StopRequest, observer: Observer) -> None:
        self._stop = stop
        self._observer = observer
        self._begin_s = time.monotonic()
        self._next_s = self._begin_s + FIRST_NOTE_S
        self._num_texts = self._num_bytes = self._num_shorter = self._num_longer = 0

    def read(self, chunk: TextChunk) -> None:
        """Count what was read of a source. Raises ``InterruptedRunError``."""
        self._stop.check()
        self._num_texts += chunk.lengths_bytes.size
        self._num_bytes += chunk.values.size
        now_s = time.monotonic()
        if now_s >= self._next_s:
            self._next_s = now_s + (now_s - self._begin_s)
            self._observer.note(
                f"reading texts: {self._num_texts:,} ({self._num_bytes / 1e6:,.0f} MB) after "
                f"{now_s - self._begin_s:,.0f} s"
            )

    def left_out(self, left_out: LeftOut) -> None:
        """Count texts that are left out for their lengths."""
        self._num_shorter += left_out.num_shorter
        self._num_longer += left_out.num_longer

    def finish(self) -> None:
        """Say what was left out."""
        counts = {"shorter": self._num_shorter, "longer": self._num_longer}
        parts = [f"{count:,} that are {what}" for what, count in counts.items() if count]
        if parts:
            self._observer.note(
                f"of {self._num_texts:,} texts that were read, {' and '.join(parts)} than asked "
                "for are left out"
            )
