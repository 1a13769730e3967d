"""Texts taken again until characters that are rare among them are rare no more.

A corpus has each of its texts once. What comes behind it are copies, so that each character occurs
as often as asked for, or each text that has it stands as often as a text may. Characters have their
turn one after the other, the rarest first; texts with one are taken evenly, each as often as the
others, and what they bring of other characters is counted. Spaces are no characters here.

Held are, beside the corpus, the numbers of texts that have rare characters: some sixteen bytes for
each of these in each text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.chance import Purpose, sequence
from shmtext.corpus.ragged import RaggedTexts, TextChunk, code_points, take_in_chunks
from shmtext.corpus.ranges import Ints, seams, spell_out

_NUM_CODE_POINTS = 0x110000
_TEXTS_AT_ONCE = 2**16


@dataclass(frozen=True, slots=True)
class Balancing:
    """What is asked for."""

    at_least: int
    """How often each character is to occur."""
    max_repeats: int
    """How often a text may stand in all, 1 or more."""


@dataclass(frozen=True, slots=True, eq=False)
class CharacterCounts:
    """How often characters occur in texts that can be drawn, without those taken again and with.

    In the order of code points, shape ``(num_characters,)`` each.
    """

    codes: NDArray[np.uint32]
    before: Ints
    after: Ints
    num_added: int
    """Texts that were taken again, with repetitions."""
    at_least: int
    """How often each was to occur."""


class _Places(NamedTuple):
    """Which texts have which rare characters: an entry a text and character, by text."""

    texts: Ints
    rares: Ints
    """Numbers of characters among the rare ones."""
    counts: Ints
    """How often the text has it."""


def rows_again(
    texts: RaggedTexts, is_drawable: NDArray[np.bool_], asked: Balancing, seed: int
) -> Ints:
    """Numbers of texts to be taken again, in random order; only of those that can be drawn."""
    before = count_characters(_drawable(texts, is_drawable))
    codes = np.flatnonzero(_matters(before) & (before < asked.at_least))
    places = _places_of(texts, is_drawable, codes)
    rows, copies = _copies(places, before[codes], asked)
    again = np.repeat(rows, copies)
    rng = np.random.Generator(np.random.Philox(sequence(seed, Purpose.REPEATS)))
    return rng.permutation(again)


def counted(
    texts: RaggedTexts, is_drawable: NDArray[np.bool_], again: Ints, at_least: int
) -> CharacterCounts:
    """What texts come to by themselves, and with those that are taken ``again``."""
    before = count_characters(_drawable(texts, is_drawable))
    after = before + count_characters(_as_texts(take_in_chunks(texts, again)))
    codes = np.flatnonzero(_matters(before))
    return CharacterCounts(
        codes.astype(np.uint32), before[codes], after[codes], again.size, at_least
    )


def count_characters(parts: Iterable[RaggedTexts]) -> Ints:
    """How often each code point occurs, shape ``(0x110000,)``."""
    counts = np.zeros(_NUM_CODE_POINTS, np.int64)
    for part in parts:
        codes, _ = code_points(part)
        some = np.bincount(codes)
        counts[: some.size] += some
    return counts


def _as_texts(chunks: Iterable[TextChunk]) -> Iterator[RaggedTexts]:
    return (RaggedTexts(chunk.values, seams(chunk.lengths_bytes)) for chunk in chunks)


def _drawable(texts: RaggedTexts, is_drawable: NDArray[np.bool_]) -> Iterator[RaggedTexts]:
    return (texts.slice(start, stop).take(rows) for start, stop, rows in _parts(is_drawable))


def _parts(is_drawable: NDArray[np.bool_]) -> Iterator[tuple[int, int, Ints]]:
    """Ranges of texts, and which of each can be drawn, counted from its start."""
    for start in range(0, is_drawable.size, _TEXTS_AT_ONCE):
        part = is_drawable[start : start + _TEXTS_AT_ONCE]
        yield start, start + part.size, np.flatnonzero(part)


def _matters(counts: Ints) -> NDArray[np.bool_]:
    """Whether a code point occurs and is no space."""
    matters = counts > 0
    codes = np.flatnonzero(matters)
    matters[codes[[chr(code).isspace() for code in codes.tolist()]]] = False
    return matters


def _places_of(texts: RaggedTexts, is_drawable: NDArray[np.bool_], codes: Ints) -> _Places:
    number_of = np.full(_NUM_CODE_POINTS, -1, np.int32)
    number_of[codes] = np.arange(codes.size)
    found: list[tuple[Ints, Ints]] = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    for start, stop, rows in _parts(is_drawable):
        characters, bounds = code_points(texts.slice(start, stop).take(rows))
        numbers = number_of[characters]
        places = np.flatnonzero(numbers >= 0)
        owners = start + rows[np.searchsorted(bounds, places, side="right") - 1]
        keys = owners * max(1, codes.size) + numbers[places]
        found.append(np.unique(keys, return_counts=True))
    keys = np.concatenate([each[0] for each in found])
    counts = np.concatenate([each[1] for each in found])
    owners, rares = np.divmod(keys, max(1, codes.size))
    return _Places(owners, rares, counts)


def _copies(places: _Places, counts: Ints, asked: Balancing) -> tuple[Ints, Ints]:
    """Texts with rare characters, and how many copies of each are to be added.

    ``counts`` are those of the rare characters.
    """
    texts, owners = np.unique(places.texts, return_inverse=True)
    stands = np.ones(texts.size, np.int64)
    counts = counts.copy()
    by_text = seams(np.bincount(owners, minlength=texts.size))
    by_rare = seams(np.bincount(places.rares, minlength=counts.size))
    order = np.argsort(places.rares, kind="stable")
    for rare in np.argsort(counts, kind="stable").tolist():
        lacking = asked.at_least - int(counts[rare])
        if lacking <= 0:
            continue
        entries = order[by_rare[rare] : by_rare[rare + 1]]
        rows = owners[entries]
        more = _evenly(stands[rows], places.counts[entries], lacking, asked.max_repeats)
        rows, more = rows[more > 0], more[more > 0]
        stands[rows] += more
        num_entries = by_text[rows + 1] - by_text[rows]
        brought = spell_out(by_text[rows], num_entries)
        np.add.at(
            counts, places.rares[brought], places.counts[brought] * np.repeat(more, num_entries)
        )
    return texts, stands - 1


def _evenly(stands: Ints, counts: Ints, lacking: int, max_repeats: int) -> Ints:
    """How many copies of each text to add, so that all stand equally often as far as that goes.

    ``stands`` is how often each stands already, ``counts`` what each copy brings.
    """

    def up_to(level: int) -> Ints:
        return np.maximum(level - stands, 0)

    low, high = 1, max_repeats
    while low < high:
        level = (low + high) // 2
        if int(up_to(level) @ counts) >= lacking:
            high = level
        else:
            low = level + 1
    more = up_to(low)
    # Of the last copies only as many as it takes.
    last = np.flatnonzero(more)
    brought = int(more @ counts) - counts[last].sum() + np.cumsum(counts[last])
    num_taken = int(np.searchsorted(brought, lacking)) + 1
    more[last[num_taken:]] -= 1
    return more
