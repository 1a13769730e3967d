"""A corpus from its sources to its texts: what is done with these, and in which order.

Each step takes chunks and gives chunks, and has a module of its own; what comes out does not depend
on how texts were cut into chunks. Where they go is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, assert_never

from shmtext.config import BalancedText, DatasetColumn, Template, TextFile, Texts
from shmtext.config.templates import parse_pattern
from shmtext.corpus.balanced import balanced_chunks
from shmtext.corpus.case import in_cases
from shmtext.corpus.chance import Purpose, Words
from shmtext.corpus.hub import dataset_chunks
from shmtext.corpus.lengths import Bounds, LeftOut, within
from shmtext.corpus.mixing import in_turns, one_after_the_other
from shmtext.corpus.normal import normalized
from shmtext.corpus.ragged import TextChunk, take_texts
from shmtext.corpus.sampling import Sampling, sampled
from shmtext.corpus.sources import text_file_chunks
from shmtext.corpus.templates import template_chunks
from shmtext.corpus.word_lines import WordsPerLine, word_lines


class Watcher(Protocol):
    """Who wants to know how reading goes."""

    def read(self, chunk: TextChunk) -> None:
        """Take note of what was just read of a source, and is not yet what it will be."""

    def left_out(self, left_out: LeftOut) -> None:
        """Take note of texts that are shorter or longer than asked for."""


class NoWatcher:
    """The watcher that does not look."""

    def read(self, chunk: TextChunk) -> None:
        """Pass it by."""

    def left_out(self, left_out: LeftOut) -> None:
        """Likewise."""


def corpus_chunks(
    corpus: BalancedText | Texts | TextFile,
    seed: int,
    max_chars_per_line: int | None,
    watcher: Watcher | None = None,
) -> Iterator[TextChunk]:
    """Make or read the examples of a corpus, whatever it is.

    Sources that can't be read raise ``InputError``, before the first of them is or while they are.
    """
    match corpus:
        case BalancedText():
            return balanced_chunks(corpus, seed, max_chars_per_line)
        case TextFile() | Texts():
            return _text_chunks(Texts.of(corpus), seed, watcher or NoWatcher())
        case _:
            assert_never(corpus)


def _text_chunks(texts: Texts, seed: int, watcher: Watcher) -> Iterator[TextChunk]:
    sources = [
        _Making(texts, seed, number, watcher).made(_origin_chunks(each.origin, seed, number))
        for number, each in enumerate(texts.sources)
    ]
    if all(each.weight is None for each in texts.sources):
        chunks = one_after_the_other(sources)
        return chunks if texts.sample is None else sampled(chunks, _sampling(texts), seed, 0)
    weights = [1 if each.weight is None else each.weight for each in texts.sources]
    if texts.sample is not None:
        sampling = _sampling(texts)
        sources = [sampled(each, sampling, seed, n) for n, each in enumerate(sources)]
    return take_texts(in_turns(sources, weights), texts.sample)


def _origin_chunks(
    origin: TextFile | Template | DatasetColumn, seed: int, number: int
) -> Iterator[TextChunk]:
    match origin:
        case TextFile():
            return text_file_chunks(origin)
        case Template():
            return template_chunks(parse_pattern(origin.pattern), origin.num_texts, seed, number)
        case DatasetColumn():
            return dataset_chunks(origin)
        case _:
            assert_never(origin)


def _sampling(texts: Texts) -> Sampling:
    assert texts.sample is not None
    return Sampling(texts.sample, texts.replace)


@dataclass(frozen=True, slots=True)
class _Making:
    """What becomes of the texts of one source."""

    texts: Texts
    seed: int
    source: int
    """Its number, from 0."""
    watcher: Watcher

    def made(self, chunks: Iterator[TextChunk]) -> Iterator[TextChunk]:
        """The texts, step after step, of which those that have nothing to do are left out."""
        chunks = self._watched(chunks)
        if self.texts.words_per_line is not None:
            words_per_line = WordsPerLine(*self.texts.words_per_line)
            chunks = word_lines(chunks, words_per_line, self.seed, self.source)
        chunks = self._normalized(chunks)
        if self.texts.case != "keep":
            # Letters in another case may join otherwise.
            chunks = self._normalized(self._in_cases(chunks))
        if self.texts.min_text_chars or self.texts.max_text_chars:
            chunks = self._within(chunks)
        return chunks

    def _watched(self, chunks: Iterator[TextChunk]) -> Iterator[TextChunk]:
        for chunk in chunks:
            self.watcher.read(chunk)
            yield chunk

    def _normalized(self, chunks: Iterator[TextChunk]) -> Iterator[TextChunk]:
        form = self.texts.normalize
        return chunks if form == "none" else (normalized(chunk, form) for chunk in chunks)

    def _in_cases(self, chunks: Iterator[TextChunk]) -> Iterator[TextChunk]:
        words = Words(self.seed, Purpose.CASE, self.source)
        mix = self.texts.case_mix.shares
        return (in_cases(chunk, mix, words) for chunk in chunks)

    def _within(self, chunks: Iterator[TextChunk]) -> Iterator[TextChunk]:
        bounds = Bounds(self.texts.min_text_chars, self.texts.max_text_chars)
        for chunk in chunks:
            kept, left_out = within(chunk, bounds)
            self.watcher.left_out(left_out)
            yield kept
