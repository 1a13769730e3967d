"""Texts in capitals, in small letters, or as titles, each as its random word says.

Letters become what Python makes of them, that is Unicode: ``ß`` in capitals is two letters, and a
``Σ`` at the end of a word another small one than elsewhere. But a title has no capital behind an
apostrophe within a word (``Don't``), unless a single letter stands before it (``O'Neil``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.chance import Words, shares
from shmtext.corpus.joined import rewrite
from shmtext.corpus.ragged import TextChunk
from shmtext.corpus.ranges import seams, spell_out

_APOSTROPHES = np.array([ord("'"), ord("\u2019")], np.uint32)


def titled(text: str) -> str:
    """A text with each word's first letter a capital, and the others small.

    >>> titled("don't say O'NEIL'S")
    "Don't Say O'Neil's"
    """
    codes = np.frombuffer(text.title().encode("utf-32-le"), np.uint32).copy()
    behind = np.flatnonzero(np.isin(codes[2:-1], _APOSTROPHES)) + 3
    is_within = _are_letters(codes[behind - 2]) & _are_letters(codes[behind - 3])
    places = behind[is_within]
    small = [chr(code).lower() for code in codes[places]]
    # İ has no small letter that is one code point: it stays.
    codes[places] = [
        ord(letter) if len(letter) == 1 else code
        for letter, code in zip(small, codes[places], strict=True)
    ]
    return codes.tobytes().decode("utf-32-le")


def _are_letters(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    return np.fromiter((chr(code).isalpha() for code in codes), np.bool_, codes.size)


_CASES: dict[str, Callable[[str], str]] = {"lower": str.lower, "upper": str.upper, "title": titled}


def in_cases(chunk: TextChunk, mix: Mapping[str, float], words: Words) -> TextChunk:
    """Each text in a case drawn for it: ``keep``, or one of ``lower``, ``upper`` and ``title``."""
    bounds = np.cumsum(list(mix.values()))
    drawn = shares(words.draw(chunk.lengths_bytes.size)) * bounds[-1]
    chosen = np.searchsorted(bounds[:-1], drawn, side="right")
    for number, name in enumerate(mix):
        if name in _CASES:
            chunk = _rewritten(chunk, chosen == number, _CASES[name])
    return chunk


def _rewritten(
    chunk: TextChunk, is_meant: NDArray[np.bool_], function: Callable[[str], str]
) -> TextChunk:
    """The chunk with some of its texts as ``function`` makes them."""
    if is_meant.all():
        return rewrite(chunk, function)
    starts = seams(chunk.lengths_bytes)[:-1]
    lengths = chunk.lengths_bytes.astype(np.int64)
    meant = chunk.values[spell_out(starts[is_meant], lengths[is_meant])]
    made = rewrite(TextChunk(meant, chunk.lengths_bytes[is_meant]), function)
    # What was made stands behind all others, and is picked from there.
    made_lengths = made.lengths_bytes.astype(np.int64)
    starts[is_meant] = chunk.values.size + seams(made_lengths)[:-1]
    lengths[is_meant] = made_lengths
    values = np.concatenate([chunk.values, made.values])
    return TextChunk(values[spell_out(starts, lengths)], lengths.astype(np.int32))
