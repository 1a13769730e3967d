"""Texts to lines, for whole batches: what ``textwrap.wrap`` gives, and plain cuts at newlines.

Texts come as code points end to end with the seams between them, and leave as lines laid out
the same way, so that neither a text nor a line is ever a Python object:

    texts    "ab cd"  "e"           codes 61 62 20 63 64 65    starts 0 5 6
    lines    "ab" "cd"  "e"         codes 61 62 63 64 65       line_starts 0 2 4 5
                                                               text_lines  0 2 3

This module knows nothing of where texts come from, nor of pixels.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, seams, spell_out

_SPACE, _NEWLINE, _HYPHEN = ord(" "), ord("\n"), ord("-")

# The byte order is named, because without it a text that begins with U+FEFF would lose it.
_UTF_32 = "utf-32-le"

# One past the last code point that `str.isspace` knows; higher ones share the table's last entry.
_TABLE_STOP = 0x3001
_IS_SPECIAL = np.array(
    [chr(code).isspace() and code != _SPACE for code in range(_TABLE_STOP)] + [False]
)
"""Whitespace that `textwrap` replaces, expands, or takes for a word that it may still drop."""

# Texts are wrapped a line of each at a time, until a few are left that have many lines to go.
_FEW_TEXTS, _MANY_LINES = 16, 64


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
class _Found:
    """Some lines that were found together, at most one of each text."""

    texts: Ints
    ordinals: Ints
    """Which line of its text each is, from 0."""
    starts: Ints
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
    """Wrap every text exactly as ``textwrap.wrap(text, width)`` does.

    >>> codes = np.frombuffer("ab cde".encode("utf-32-le"), np.uint32)
    >>> wrapped = wrap_texts(codes, np.array([0, 6]), 4)
    >>> wrapped.line_starts.tolist(), "".join(map(chr, wrapped.codes))
    ([0, 2, 5], 'abcde')
    """
    lengths = np.diff(starts)
    num_texts = lengths.size
    special = _specials(codes)
    if (
        special.size == 0
        and num_texts
        and int(lengths.min()) > 0
        and int(lengths.max()) <= width
        and not (codes[starts[1:] - 1] == _SPACE).any()
    ):
        return Lines(codes, starts, np.arange(num_texts + 1))

    odd = _odd_texts(codes, starts, special, width)
    plain = np.ones(num_texts, np.bool_)
    plain[odd] = False
    found = list(_wrap_plain(codes, starts, np.flatnonzero(plain & (lengths > 0)), width))
    if odd.size:
        odd_codes, odd_lines = _wrap_odd(codes, starts, odd, width)
        codes = np.concatenate([codes, odd_codes])
        found.append(odd_lines)
    return _in_order(codes, num_texts, found)


def _specials(codes: NDArray[np.uint32]) -> Ints:
    """Positions of whitespace other than the plain space."""
    if codes.size == 0:
        return np.empty(0, np.int64)
    # Most batches are of code points below 0x85, where the table is not needed.
    narrow = int(codes.max()) < 0x85
    if narrow:
        return np.flatnonzero(codes < _SPACE)
    return np.flatnonzero(_IS_SPECIAL[np.minimum(codes, _TABLE_STOP)])


def _odd_texts(codes: NDArray[np.uint32], starts: Ints, special: Ints, width: int) -> Ints:
    """Texts that need ``textwrap`` itself: special whitespace, or hyphens in a text to break."""
    hyphens = np.flatnonzero(codes == _HYPHEN)
    texts = np.searchsorted(starts, hyphens, side="right") - 1
    texts = texts[starts[texts + 1] - starts[texts] > width]
    return np.unique(np.concatenate([np.searchsorted(starts, special, side="right") - 1, texts]))


class _Wrapper:
    """One greedy step of ``textwrap``, for many texts at once.

    A *run* is a stretch of spaces or of non-spaces, ``textwrap``'s chunk. The step depends on
    nothing but the position it starts from and whether the text has had a line before.
    """

    def __init__(self, codes: NDArray[np.uint32], width: int) -> None:
        self._width = width
        self._is_space = codes == _SPACE
        run_starts = np.flatnonzero(self._is_space[1:] != self._is_space[:-1]) + 1
        run_bounds = np.concatenate([[0], run_starts, [codes.size]])
        lengths = np.diff(run_bounds)
        # One entry more, so that the position after the last may be asked for as well.
        self._run_start = np.append(np.repeat(run_bounds[:-1], lengths), codes.size)
        self._run_stop = np.append(np.repeat(run_bounds[1:], lengths), codes.size)
        self._is_space = np.append(self._is_space, False)

    def step(
        self, at: Ints, text_stops: Ints, has_line: NDArray[np.bool_]
    ) -> tuple[Ints, Ints, Ints]:
        """Return each line's start and stop, and where the next line is to be looked for.

        An empty line is none: ``textwrap`` drops it.
        """
        starts = np.where(
            has_line & self._is_space[at], np.minimum(self._run_stop[at], text_stops), at
        )
        limits = starts + self._width
        fits = limits >= text_stops
        limits = np.minimum(limits, text_stops)
        # The last run boundary within the width. A run goes on over a seam between two texts,
        # so a text's own start and stop count as boundaries too.
        cuts = np.where(fits, text_stops, np.maximum(self._run_start[limits], starts))
        next_stops = np.minimum(self._run_stop[cuts], text_stops)
        broken = ~fits & (next_stops - cuts > self._width)
        # A run too long for any line fills what is left of this one.
        after = np.where(broken, limits, cuts)
        # Only the last piece is dropped when it is blank. A broken run that found no room at all
        # left an empty piece behind, and that is the one dropped: blanks before it stay.
        last_piece = np.where(broken, cuts, np.maximum(self._run_start[cuts - 1], starts))
        drop = (after > starts) & (after > last_piece) & self._is_space[after - 1]
        return starts, np.where(drop, last_piece, after), after


def _wrap_plain(
    codes: NDArray[np.uint32], starts: Ints, texts: Ints, width: int
) -> Iterator[_Found]:
    """Find the lines of ``texts``, none of them empty, one line of every text at a time."""
    if texts.size == 0:
        return
    wrapper = _Wrapper(codes, width)
    at, text_stops = starts[texts], starts[texts + 1]
    ordinals = np.zeros(texts.size, np.int64)
    while texts.size > _FEW_TEXTS or (
        texts.size and int((text_stops - at).max()) <= _MANY_LINES * width
    ):
        line_starts, line_stops, at = wrapper.step(at, text_stops, ordinals > 0)
        is_line = line_stops > line_starts
        yield _Found(texts[is_line], ordinals[is_line], line_starts[is_line], line_stops[is_line])
        ordinals = ordinals + is_line
        left = at < text_stops
        texts, at, text_stops, ordinals = texts[left], at[left], text_stops[left], ordinals[left]
    yield from _chase(wrapper, _Found(texts, ordinals, at, text_stops))


def _chase(wrapper: _Wrapper, rest: _Found) -> Iterator[_Found]:
    """Finish a few long texts: step from everywhere in them at once, then follow the steps.

    A text of a million lines would otherwise be a million rounds of numpy calls.
    """
    for text, ordinal, at, stop in zip(
        rest.texts.tolist(), rest.ordinals.tolist(), rest.starts.tolist(), rest.stops.tolist(),
        strict=True,
    ):  # fmt: skip
        lines: list[tuple[int, int]] = []
        positions = np.arange(at, stop)
        text_stops = np.full(positions.size, stop)
        for has_line in (False, True):
            if at >= stop or (not has_line and ordinal):
                continue
            steps = wrapper.step(positions, text_stops, np.full(positions.size, has_line))
            line_starts, line_stops, nexts = (step.tolist() for step in steps)
            base = int(positions[0])
            while at < stop and has_line == bool(lines or ordinal):
                here = at - base
                at = nexts[here]
                if line_stops[here] > line_starts[here]:
                    lines.append((line_starts[here], line_stops[here]))
        bounds = np.array(lines, np.int64).reshape(-1, 2)
        ordinals = ordinal + np.arange(len(lines))
        yield _Found(np.full(len(lines), text), ordinals, bounds[:, 0], bounds[:, 1])


def _wrap_odd(
    codes: NDArray[np.uint32], starts: Ints, texts: Ints, width: int
) -> tuple[NDArray[np.uint32], _Found]:
    """Give some texts to ``textwrap``; their lines' codes are to be laid after ``codes``."""
    wrapper = textwrap.TextWrapper(width)
    wrapped = [
        wrapper.wrap(codes[starts[text] : starts[text + 1]].astype("<u4").tobytes().decode(_UTF_32))
        for text in texts.tolist()
    ]
    lines = [line for lines in wrapped for line in lines]
    odd_codes = np.frombuffer("".join(lines).encode(_UTF_32), "<u4").astype(np.uint32)
    line_stops = codes.size + np.cumsum([len(line) for line in lines], dtype=np.int64)
    num_lines = np.array([len(lines) for lines in wrapped], np.int64)
    first_lines = np.cumsum(num_lines) - num_lines
    found = _Found(
        np.repeat(texts, num_lines),
        np.arange(len(lines)) - np.repeat(first_lines, num_lines),
        line_stops - np.array([len(line) for line in lines], np.int64),
        line_stops,
    )
    return odd_codes, found


def _in_order(codes: NDArray[np.uint32], num_texts: int, found: list[_Found]) -> Lines:
    """Bring the lines of all texts into order, and their codes end to end."""
    if not found:
        return Lines(codes[:0], np.zeros(1, np.int64), np.zeros(num_texts + 1, np.int64))
    texts = np.concatenate([lines.texts for lines in found])
    text_lines = seams(np.bincount(texts, minlength=num_texts))
    places = text_lines[texts] + np.concatenate([lines.ordinals for lines in found])
    starts, stops = np.empty_like(places), np.empty_like(places)
    starts[places] = np.concatenate([lines.starts for lines in found])
    stops[places] = np.concatenate([lines.stops for lines in found])
    lengths = stops - starts
    return Lines(codes.take(spell_out(starts, lengths)), seams(lengths), text_lines)
