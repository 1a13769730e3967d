r"""Texts to lines, for whole batches: wrapped as ``textwrap.wrap`` and Unicode have it, or cut at
newlines.

Texts come as code points end to end with the seams between them, and leave as lines laid out
the same way, so that neither a text nor a line is ever a Python object:

    texts    "ab cd"  "e"           codes 61 62 20 63 64 65    starts 0 5 6
    lines    "ab" "cd"  "e"         codes 61 62 63 64 65       line_starts 0 2 4 5
                                                               text_lines  0 2 3

A line is so many *clusters* (``breaks.py``) wide, and no cluster is ever cut. Lines are those that
``textwrap`` makes of the text in which one character stands for each cluster: its first, or a
letter where that is a hyphen or white space with marks on it. One thing is added: a line may also
end where UAX 14 allows it beside a character that is neither ASCII, nor alphabetic or numeric to
it, nor glue (``offers_breaks``): ideographs, kana, Hangul, dashes, soft hyphens and more. So a text
without such characters, each of them a cluster, is wrapped by ``textwrap`` to the letter. There is
no dictionary: Thai and its like are parted at spaces, and between clusters where that is not
enough.

This module knows nothing of where texts come from, nor of pixels.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.breaks import cluster_starts, line_breaks
from shmtext.corpus.greedy import Found, Units, fill_lines
from shmtext.corpus.properties import complex_places, offers_breaks
from shmtext.corpus.ranges import Ints, seams, spell_out

_SPACE, _NEWLINE, _HYPHEN = ord(" "), ord("\n"), ord("-")
_LETTER = ord("x")

# The byte order is named, because without it a text that begins with U+FEFF would lose it.
_UTF_32 = "utf-32-le"

# One past the last code point that `str.isspace` knows; higher ones share the table's last entry.
_TABLE_STOP = 0x3001
_IS_SPECIAL = np.array(
    [chr(code).isspace() and code != _SPACE for code in range(_TABLE_STOP)] + [False]
)
"""Whitespace that `textwrap` replaces, expands, or takes for a word that it may still drop."""

_TAB_WIDTH = 8
_TO_SPACE = str.maketrans(dict.fromkeys("\t\n\x0b\x0c\r", " "))
"""What `textwrap` takes for a space; other white space is a word to it."""

_NONE = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """The lines of some texts, without any newline."""

    codes: NDArray[np.uint32]
    """Code points of all lines end to end; the very array that came in where nothing changed."""

    line_starts: Ints
    """Seams between lines in ``codes``, shape ``(num_lines + 1,)``."""

    text_lines: Ints
    """Seams between texts in lines, shape ``(num_texts + 1,)``; a blank text may have no line."""


@dataclass(frozen=True, slots=True, eq=False)
class _Clusters:
    """Some texts as clusters, and where these lie."""

    texts: Ints
    """Numbers of the texts; ``units`` counts them from 0."""
    units: Units
    stand_ins: NDArray[np.uint32]
    """The character that stands for each cluster."""
    starts: Ints
    """First code point of each cluster, in the array that all texts lie in; likewise the next."""
    stops: Ints


def split_lines(codes: NDArray[np.uint32], starts: Ints) -> Lines:
    r"""Cut each text at ``\n`` only; a text without one is one line, also when it is empty."""
    newlines = np.flatnonzero(codes == _NEWLINE)
    text_lines = np.arange(starts.size)
    if newlines.size == 0:
        return Lines(codes, starts, text_lines)
    newlines_before = np.searchsorted(newlines, starts)
    text_lines += newlines_before
    line_starts = np.empty(int(text_lines[-1]) + 1, np.int64)
    line_starts[text_lines] = starts - newlines_before
    ordinals = np.arange(newlines.size)
    texts = np.searchsorted(starts, newlines, side="right") - 1
    line_starts[ordinals + texts + 1] = newlines - ordinals
    return Lines(np.delete(codes, newlines), line_starts, text_lines)


def wrap_texts(codes: NDArray[np.uint32], starts: Ints, width: int) -> Lines:
    """Wrap every text at ``width`` clusters: see the head of this module.

    >>> codes = np.frombuffer("ab cde".encode("utf-32-le"), np.uint32)
    >>> wrapped = wrap_texts(codes, np.array([0, 6]), 4)
    >>> wrapped.line_starts.tolist(), "".join(map(chr, wrapped.codes))
    ([0, 2, 5], 'abcde')
    """
    lengths = np.diff(starts)
    num_texts = lengths.size
    top = int(codes.max(initial=0))
    special = _specials(codes, top)
    if (
        special.size == 0
        and num_texts
        and int(lengths.min()) > 0
        and int(lengths.max()) <= width
        and not (codes[starts[1:] - 1] == _SPACE).any()
    ):
        return Lines(codes, starts, np.arange(num_texts + 1))

    is_odd = np.zeros(num_texts, np.bool_)
    is_odd[_odd_texts(codes, starts, special, width)] = True
    is_complex = np.zeros(num_texts, np.bool_)
    if top >= 0x80:
        places = complex_places(codes)
        is_complex[np.searchsorted(starts, places, side="right") - 1] = True
        # What fits as it is needs no rule, unless there are tabs to expand.
        is_complex &= is_odd | (lengths > width)
    is_plain = (lengths > 0) & ~is_odd & ~is_complex
    found = list(fill_lines(Units(codes == _SPACE, starts, _NONE), np.flatnonzero(is_plain), width))
    odd = np.flatnonzero(is_odd & ~is_complex)
    wrapper = textwrap.TextWrapper(width)
    odd_lines = [wrapper.wrap(_string(codes[starts[text] : starts[text + 1]])) for text in odd]
    if is_complex.any():
        clusters = _clusters_of(codes, starts, np.flatnonzero(is_complex))
        found += _wrap_clusters(clusters, ~is_odd[clusters.texts], width)
        odd = np.append(odd, np.flatnonzero(is_odd & is_complex))
        odd_lines += [
            _wrap_odd(codes, clusters, number, width)
            for number in np.flatnonzero(is_odd[clusters.texts]).tolist()
        ]
    if odd.size:
        odd_codes, laid = _lay(odd, odd_lines, codes.size)
        codes = np.concatenate([codes, odd_codes])
        found.append(laid)
    line_starts, line_stops, text_lines = _in_order(num_texts, found)
    lengths = line_stops - line_starts
    return Lines(codes.take(spell_out(line_starts, lengths)), seams(lengths), text_lines)


def lines_at_spaces(
    is_space: NDArray[np.bool_], starts: Ints, width: int
) -> tuple[Ints, Ints, Ints]:
    """Wrap texts of which nothing is known but where spaces are; all else is a cluster each.

    Return starts and stops of lines, and seams of texts among these.
    """
    texts = np.flatnonzero(np.diff(starts) > 0)
    found = list(fill_lines(Units(is_space, starts, _NONE), texts, width))
    return _in_order(starts.size - 1, found)


def _specials(codes: NDArray[np.uint32], top: int) -> Ints:
    """Positions of whitespace other than the plain space; ``top`` is the highest code point."""
    # Most batches are of code points below 0x85, where the table is not needed.
    return np.flatnonzero(codes < _SPACE if top < 0x85 else _is_special(codes))


def _is_special(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    return _IS_SPECIAL[np.minimum(codes, _TABLE_STOP)]


def _odd_texts(codes: NDArray[np.uint32], starts: Ints, special: Ints, width: int) -> Ints:
    """Texts that need ``textwrap`` itself: special whitespace, or hyphens in a text to break."""
    hyphens = np.flatnonzero(codes == _HYPHEN)
    texts = np.searchsorted(starts, hyphens, side="right") - 1
    texts = texts[starts[texts + 1] - starts[texts] > width]
    return np.unique(np.concatenate([np.searchsorted(starts, special, side="right") - 1, texts]))


def _clusters_of(codes: NDArray[np.uint32], starts: Ints, texts: Ints) -> _Clusters:
    """Cut some texts, none of them empty, into clusters."""
    lengths = np.diff(starts)[texts]
    places = spell_out(starts[texts], lengths)
    picked, picked_starts = codes[places], seams(lengths)
    first = np.flatnonzero(cluster_starts(picked, picked_starts))
    sizes = np.diff(np.append(first, picked.size))
    stand_ins = picked[first]
    parts_words = _is_special(stand_ins) | (stand_ins == _SPACE) | (stand_ins == _HYPHEN)
    stand_ins[parts_words & (sizes > 1)] = _LETTER
    offers = offers_breaks(picked[first])
    offers[1:] |= offers[:-1].copy()
    chunk_starts = np.flatnonzero(line_breaks(picked, picked_starts)[first] & offers)
    return _Clusters(
        texts,
        Units(stand_ins == _SPACE, np.searchsorted(first, picked_starts), chunk_starts),
        stand_ins,
        places[first],
        places[first] + sizes,
    )


def _wrap_clusters(clusters: _Clusters, wanted: NDArray[np.bool_], width: int) -> list[Found]:
    """Wrap those of the texts that are ``wanted``."""
    return [
        Found(
            clusters.texts[lines.texts],
            lines.ordinals,
            clusters.starts[lines.starts],
            clusters.stops[lines.stops - 1],
        )
        for lines in fill_lines(clusters.units, np.flatnonzero(wanted), width)
    ]


def _wrap_odd(codes: NDArray[np.uint32], clusters: _Clusters, number: int, width: int) -> list[str]:
    """Wrap one text of clusters, with white space and hyphens as ``textwrap`` takes them."""
    units = clusters.units
    first, stop = units.starts[number : number + 2].tolist()
    offered = units.chunk_starts - first
    offered_set = set(offered[(offered > 0) & (offered < stop - first)].tolist())
    shown: list[str] = []
    stand_ins: list[str] = []
    bounds: set[int] = set()
    column = 0
    for place in range(stop - first):
        if place in offered_set:
            bounds.add(len(shown))
        stand_in = chr(clusters.stand_ins[first + place])
        start, end = clusters.starts[first + place], clusters.stops[first + place]
        times = _TAB_WIDTH - column % _TAB_WIDTH if stand_in == "\t" else 1
        column = 0 if stand_in in "\r\n" else column + times
        shown += [_string(codes[start:end]).translate(_TO_SPACE)] * times
        stand_ins += [stand_in.translate(_TO_SPACE)] * times
    text = "".join(stand_ins)
    words = textwrap.TextWrapper.wordsep_re.split(text)
    bounds.update(accumulate(map(len, words), initial=0))
    return ["".join(shown[start:end]) for start, end in _fill(text, sorted(bounds), width)]


def _fill(text: str, bounds: list[int], width: int) -> list[tuple[int, int]]:
    """Lines of one text of which the chunks are known, as ``textwrap`` fills them."""
    chunks = list(pairwise(bounds))[::-1]
    lines: list[tuple[int, int]] = []

    def is_blank(chunk: tuple[int, int]) -> bool:
        return not text[slice(*chunk)].strip()

    while chunks:
        if lines and is_blank(chunks[-1]):
            chunks.pop()
        line: list[tuple[int, int]] = []
        room = width
        while chunks and chunks[-1][1] - chunks[-1][0] <= room:
            line.append(chunks.pop())
            room -= line[-1][1] - line[-1][0]
        if chunks and chunks[-1][1] - chunks[-1][0] > width:
            start, stop = chunks.pop()
            cut = start + room
            hyphen = text.rfind("-", start, cut)
            if hyphen > start and text[start:hyphen].strip("-"):
                cut = hyphen + 1
            line.append((start, cut))
            chunks.append((cut, stop))
        if line and is_blank(line[-1]):
            line.pop()
        if line:
            lines.append((line[0][0], line[-1][1]))
    return lines


def _string(codes: NDArray[np.uint32]) -> str:
    return codes.astype("<u4").tobytes().decode(_UTF_32)


def _lay(texts: Ints, wrapped: list[list[str]], at: int) -> tuple[NDArray[np.uint32], Found]:
    """Lay the lines of some texts end to end, to stand at place ``at`` of all codes."""
    lines = [line for lines in wrapped for line in lines]
    codes = np.frombuffer("".join(lines).encode(_UTF_32), "<u4").astype(np.uint32)
    bounds = at + seams(np.array([len(line) for line in lines], np.int64))
    num_lines = np.array([len(lines) for lines in wrapped], np.int64)
    first_lines = np.cumsum(num_lines) - num_lines
    ordinals = np.arange(len(lines)) - np.repeat(first_lines, num_lines)
    return codes, Found(np.repeat(texts, num_lines), ordinals, bounds[:-1], bounds[1:])


def _in_order(num_texts: int, found: list[Found]) -> tuple[Ints, Ints, Ints]:
    """Bring the lines of all texts into order: their starts, their stops, seams of texts."""
    if not found:
        return _NONE, _NONE, np.zeros(num_texts + 1, np.int64)
    texts = np.concatenate([lines.texts for lines in found])
    text_lines = seams(np.bincount(texts, minlength=num_texts))
    places = text_lines[texts] + np.concatenate([lines.ordinals for lines in found])
    starts, stops = np.empty_like(places), np.empty_like(places)
    starts[places] = np.concatenate([lines.starts for lines in found])
    stops[places] = np.concatenate([lines.stops for lines in found])
    return starts, stops, text_lines
