"""A corpus from its sources to its texts: what is done with these, and in which order.

Each step takes chunks and gives chunks, and has a module of its own; what comes out does not depend
on how texts were cut into chunks. Where they go is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Protocol, assert_never

from shmtext.config import BalancedText, TextFile, Texts
from shmtext.corpus.balanced import balanced_chunks
from shmtext.corpus.mixing import in_turns, one_after_the_other
from shmtext.corpus.normal import normalized
from shmtext.corpus.ragged import TextChunk
from shmtext.corpus.sources import text_file_chunks


class Watcher(Protocol):
    """Who wants to know how reading goes."""

    def read(self, chunk: TextChunk) -> None:
        """Take note of what was just read of a source, and is not yet what it will be."""


class NoWatcher:
    """The watcher that does not look."""

    def read(self, chunk: TextChunk) -> None:
        """Pass it by."""


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
            return _text_chunks(Texts.of(corpus), watcher or NoWatcher())
        case _:
            assert_never(corpus)


def _text_chunks(texts: Texts, watcher: Watcher) -> Iterator[TextChunk]:
    sources = [_made(texts, text_file_chunks(each.origin), watcher) for each in texts.sources]
    weights = [each.weight for each in texts.sources]
    if any(weight is not None for weight in weights):
        return in_turns(sources, [1 if weight is None else weight for weight in weights])
    return one_after_the_other(sources)


def _made(texts: Texts, chunks: Iterator[TextChunk], watcher: Watcher) -> Iterator[TextChunk]:
    """What becomes of the texts of one source."""
    chunks = _watched(chunks, watcher)
    if texts.normalize != "none":
        chunks = map(partial(normalized, form=texts.normalize), chunks)
    return chunks


def _watched(chunks: Iterator[TextChunk], watcher: Watcher) -> Iterator[TextChunk]:
    for chunk in chunks:
        watcher.read(chunk)
        yield chunk
