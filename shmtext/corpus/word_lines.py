"""Lines made of a source's words, shuffled: each word stands in a line as often as in the source.

Words are what spaces part, and are shuffled among the 131,072 beside them: a source of any size is
read once, and what a line has depends on where its words stand, not on how they were read.
Spaces that do not break lines are parts of words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from shmtext.corpus.chance import Purpose, sequence
from shmtext.corpus.ragged import RaggedTexts, TextChunk, code_points, gather_chunks
from shmtext.corpus.ranges import Ints, seams

_BLOCK_WORDS = 2**17
"""Shuffled together: a megabyte of text, and some of working memory."""

SPACES = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\u1680\u2028\u2029\u205f\u3000") | {
    chr(code) for code in range(0x2000, 0x200B) if code != 0x2007
}
"""What parts words."""

_SPACE_CODES = np.array(sorted(map(ord, SPACES)), np.uint32)
_SPACE = ord(" ")


@dataclass(frozen=True, slots=True)
class WordsPerLine:
    """How many words a line has, drawn evenly; both ends are included."""

    at_least: int
    at_most: int


def word_lines(
    chunks: Iterator[TextChunk], words_per_line: WordsPerLine, seed: int, source: int
) -> Iterator[TextChunk]:
    """Lines of the words of a stream of texts; at its end, too few for a line are dropped."""
    rng = np.random.Generator(np.random.Philox(sequence(seed, Purpose.WORDS, source)))
    rest = gather_chunks([])
    for words in _blocks(map(words_of, chunks)):
        shuffled = words.take(rng.permutation(len(words)))
        rest = _joined([rest, shuffled])
        most_lines = len(rest) // words_per_line.at_least + 1
        sizes = rng.integers(
            words_per_line.at_least, words_per_line.at_most, most_lines, endpoint=True
        )
        bounds = seams(sizes)
        num_lines = int(np.searchsorted(bounds, len(rest), side="right")) - 1
        yield _in_lines(rest, bounds[: num_lines + 1])
        rest = rest.slice(int(bounds[num_lines]), len(rest))
    if len(rest) >= words_per_line.at_least:
        yield _in_lines(rest, np.array([0, len(rest)]))


def words_of(chunk: TextChunk) -> TextChunk:
    """The words of some texts, each by itself.

    >>> words = words_of(TextChunk(np.frombuffer(b"a bcd ", np.uint8), np.array([4, 2])))
    >>> bytes(words.values), words.lengths_bytes.tolist()
    (b'abcd', [1, 2, 1])
    """
    values, bounds = chunk.values, seams(chunk.lengths_bytes)
    codes, _ = code_points(RaggedTexts(values, bounds))
    is_space = np.isin(codes, _SPACE_CODES)
    if codes.size < values.size:
        is_space = is_space[np.cumsum((values & 0xC0) != 0x80) - 1]
    # A word begins behind a space or where a text does, and ends likewise.
    is_bound = np.zeros(values.size + 1, np.bool_)
    is_bound[bounds] = True
    is_word = ~is_space
    begins = is_word & (is_bound[:-1] | np.append(True, is_space[:-1])[: values.size])
    ends = is_word & (is_bound[1:] | np.append(is_space[1:], True)[: values.size])
    lengths = np.flatnonzero(ends) + 1 - np.flatnonzero(begins)
    return TextChunk(values[is_word], lengths.astype(np.int32))


def _blocks(chunks: Iterator[TextChunk]) -> Iterator[RaggedTexts]:
    """Words in blocks of one size, whatever comes; only the last has fewer."""
    held: list[TextChunk] = []
    num_held = 0
    for chunk in chunks:
        held.append(chunk)
        num_held += chunk.lengths_bytes.size
        if num_held < _BLOCK_WORDS:
            continue
        words = gather_chunks(held)
        num_whole = num_held // _BLOCK_WORDS * _BLOCK_WORDS
        for start in range(0, num_whole, _BLOCK_WORDS):
            yield words.slice(start, start + _BLOCK_WORDS)
        num_held -= num_whole
        held = [_as_chunk(words.slice(num_whole, len(words)))]
    if num_held:
        yield gather_chunks(held)


def _in_lines(words: RaggedTexts, bounds: Ints) -> TextChunk:
    """Words ``[bounds[i], bounds[i + 1])`` as line ``i``."""
    stops = words.offsets[1 : int(bounds[-1]) + 1]
    # A space behind each word, but for the last of a line.
    spaced = np.insert(words.values[: words.offsets[bounds[-1]]], stops, _SPACE)
    places = words.offsets[bounds] + bounds
    is_kept = np.ones(spaced.size, np.bool_)
    is_kept[places[1:] - 1] = False
    return TextChunk(spaced[is_kept], (np.diff(places) - 1).astype(np.int32))


def _joined(parts: list[RaggedTexts]) -> RaggedTexts:
    return gather_chunks(map(_as_chunk, parts))


def _as_chunk(texts: RaggedTexts) -> TextChunk:
    return TextChunk(texts.values, np.diff(texts.offsets).astype(np.int32))
