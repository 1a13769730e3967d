"""Rare characters of a corpus: which texts are taken again for them, and what that comes to.

Which texts is ``corpus/balance.py``'s to say, and which can be drawn, ``draw/drawable.py``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np

from shmtext.config import BalancedText, RunConfig, Texts
from shmtext.corpus.balance import Balancing, CharacterCounts, counted, rows_again
from shmtext.corpus.ragged import RaggedTexts, TextChunk, gather_chunks, take_in_chunks
from shmtext.draw.drawable import find_drawable
from shmtext.draw.examples import Examples, examples_per_text, num_texts_needed
from shmtext.draw.settings import RenderSettings

NUM_RAREST = 5
"""Characters that a summary names."""


@dataclass(frozen=True, slots=True)
class CharacterSummary:
    """How often characters occur in a run whose texts are taken again for rare ones."""

    at_least: int
    """How often each was to occur."""
    num_characters: int
    num_before: int
    """Of these, how many do without repeats."""
    num_after: int
    """Likewise, with them."""
    num_added: int
    """Repeats of texts."""
    rarest: tuple[tuple[str, int, int], ...]
    """The rarest of all, with how often each occurs without repeats and with them."""

    @classmethod
    def of(cls, counts: CharacterCounts) -> Self:
        """The few numbers that a person reads."""
        rarest = np.argsort(counts.before, kind="stable")[:NUM_RAREST]
        rows = tuple(rows_of(counts))
        return cls(
            counts.at_least,
            counts.codes.size,
            int(np.count_nonzero(counts.before >= counts.at_least)),
            int(np.count_nonzero(counts.after >= counts.at_least)),
            counts.num_added,
            tuple(rows[index] for index in rarest.tolist()),
        )


def rows_of(counts: CharacterCounts) -> Iterator[tuple[str, int, int]]:
    """Each character, and how often it occurs without repeats and with them."""
    columns = (map(chr, counts.codes.tolist()), counts.before.tolist(), counts.after.tolist())
    return zip(*columns, strict=True)


class TakenAgain:
    """Takes texts again once all are there, where a config asks for that."""

    def __init__(self, settings: RenderSettings) -> None:
        self._config = settings.config
        self._settings = settings
        self.counts: CharacterCounts | None = None
        """What characters come to; None before texts were taken again, and where none are."""

    @property
    def more(self) -> Callable[[RaggedTexts], Iterator[TextChunk]] | None:
        """What texts are asked for that stand behind others; None where none are to."""
        asked = _asked(self._config)
        return None if asked is None else partial(self._chunks, asked)

    def added_to(self, texts: RaggedTexts) -> RaggedTexts:
        """The texts, and behind them those that are taken again."""
        if self.more is None:
            return texts
        lengths = np.diff(texts.offsets).astype(np.int32)
        return gather_chunks([TextChunk(texts.values, lengths), *self.more(texts)])

    def _chunks(self, asked: Balancing, texts: RaggedTexts) -> Iterator[TextChunk]:
        """Texts that are taken again, as many as ``max_images`` has room for.

        Only texts that can be drawn: others would bring no character.
        """
        num_per_text = examples_per_text(self._settings)
        examples = Examples(texts, num_per_text, len(texts) * num_per_text)
        can_be, _ = find_drawable(examples, self._settings)
        is_drawable = np.logical_or.reduce(can_be.reshape(-1, num_per_text), axis=1)
        again = rows_again(texts, is_drawable, asked, self._config.seed)
        num_texts = num_texts_needed(self._settings)
        if num_texts is not None:
            again = again[: max(0, num_texts - len(texts))]
        self.counts = counted(texts, is_drawable, again, asked.at_least)
        yield from take_in_chunks(texts, again)


def _asked(config: RunConfig) -> Balancing | None:
    if isinstance(config.corpus, BalancedText):
        return None
    texts = Texts.of(config.corpus)
    if texts.min_character_count is None:
        return None
    return Balancing(texts.min_character_count, texts.max_repeats)
