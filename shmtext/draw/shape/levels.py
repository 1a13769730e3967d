"""Levels of the characters of many lines at once, as the bidirectional algorithm (UAX 9) has them.

Lines are paragraphs with neither embeddings nor isolates. What is rare (invisible characters, tabs,
brackets beyond ASCII, marks on brackets) is left to ``order.py``, which asks python-bidi. Glyphs
and scripts are not known here.

Rules look at runs of characters of one class rather than at characters; before each line's runs,
and behind them, stands one of its paragraph's direction.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, all_in_ranges, seams

Bools = NDArray[np.bool_]

CLASSES = "L", "R", "AL", "EN", "AN", "ES", "ET", "CS", "NSM", "WS", "ON"
_L, _R, _AL, _EN, _AN, _ES, _ET, _CS, _NSM, _WS, _ON = range(len(CLASSES))
BRACKETS = "()[]{}"
_BRACKET = len(CLASSES)
"""Class of the first bracket; they are of class ON and have one each here."""
ODD = 255
"""Class of characters whose lines are not judged here."""

_NEUTRAL = 2
"""Direction of what has none; 0 goes from left to right, 1 from right to left."""

MAX_OPEN = 60
"""Brackets open at a time; of more than 63 the algorithm knows nothing."""


def class_number(character: str) -> int:
    """Return the class of a character as ``levels_of`` takes it: ``CLASSES``, brackets or ``ODD``.

    >>> [class_number(character) for character in "a1(\\u200d\\u300a"]
    [0, 3, 11, 255, 255]
    """
    if character in BRACKETS:
        return _BRACKET + BRACKETS.index(character)
    if unicodedata.category(character) in ("Ps", "Pe"):
        return ODD
    bidi_class = unicodedata.bidirectional(character)
    return CLASSES.index(bidi_class) if bidi_class in CLASSES else ODD


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Levels of characters, ``(num_characters,)``: odd ones go from right to left."""

    level: NDArray[np.uint8]
    is_known: Bools
    """Lines that were judged; levels of others mean nothing, ``(num_lines,)``."""


def levels_of(classes: NDArray[np.uint8], line_starts: Ints, is_rtl: Bools) -> Levels:
    """Judge lines, each with a character at least, in paragraphs of the directions given.

    ``classes`` are those of all characters end to end, see ``class_number``.
    """
    is_start = classes >= _BRACKET
    is_start[1:] |= classes[1:] != classes[:-1]
    is_start[line_starts[:-1]] = True
    first = np.flatnonzero(is_start)
    runs = classes[first]
    length = np.diff(first, append=classes.size)
    run_starts = np.searchsorted(first, line_starts)
    is_odd = runs == ODD
    is_odd[1:] |= (runs[1:] == _NSM) & (runs[:-1] >= _BRACKET)
    is_known = all_in_ranges(~is_odd, run_starts)
    num_lines = is_rtl.size
    before = run_starts[:-1] + 2 * np.arange(num_lines)
    behind = run_starts[1:] + 2 * np.arange(num_lines) + 1
    line = np.repeat(np.arange(num_lines), np.diff(run_starts))
    place = np.arange(runs.size) + 2 * line + 1
    kind = np.empty(runs.size + 2 * num_lines, np.uint8)
    kind[place] = np.minimum(runs, _ON)
    kind[before] = kind[behind] = is_rtl
    is_single = np.zeros(kind.size, np.bool_)
    is_single[place] = length == 1
    kind = _weak(kind, is_single)
    direction = np.where(kind == _L, 0, np.where(kind <= _AN, 1, _NEUTRAL))
    events = np.flatnonzero((runs >= _BRACKET) & (runs != ODD))
    if events.size:
        of_event = runs[events] - _BRACKET, place[events], line[events]
        _pair(direction, of_event, is_rtl, is_known)
    is_neutral = direction == _NEUTRAL
    left = direction[_last(~is_neutral)]
    right = direction[_next(~is_neutral)]
    base = np.repeat(is_rtl, np.diff(run_starts) + 2)
    resolved = np.where(is_neutral, np.where(left == right, left, base), direction)
    is_number = (kind == _EN) | (kind == _AN)
    level = np.where(is_number, 2, np.where(resolved == 1, 1, 2 * base)).astype(np.uint8)
    ends = run_starts[1:] - 1
    is_blank = runs[ends] == _WS
    level[place[ends[is_blank]]] = is_rtl[is_blank]
    return Levels(np.repeat(level[place], length), is_known)


def _last(mask: Bools) -> Ints:
    """Place of the last true value up to each."""
    return np.maximum.accumulate(np.where(mask, np.arange(mask.size), 0))


def _next(mask: Bools) -> Ints:
    places = np.where(mask, np.arange(mask.size), mask.size - 1)
    return np.minimum.accumulate(places[::-1])[::-1]


def _weak(kind: NDArray[np.uint8], is_single: Bools) -> NDArray[np.uint8]:
    """Apply rules W1 to W7; what is neutral then is still of several classes."""
    is_mark = kind == _NSM
    if is_mark.any():
        kind = kind[_last(~is_mark)]
    strong = kind[_last(kind <= _AL)]
    kind[(kind == _EN) & (strong == _AL)] = _AN
    parts = np.flatnonzero(((kind == _ES) | (kind == _CS)) & is_single)
    if parts.size:
        left = kind[parts - 1]
        is_joined = (left == kind[parts + 1]) & (
            (left == _EN) | ((left == _AN) & (kind[parts] == _CS))
        )
        kind[parts[is_joined]] = left[is_joined]
    is_sign = kind == _ET
    if is_sign.any():
        beside = (kind[_last(~is_sign)] == _EN) | (kind[_next(~is_sign)] == _EN)
        kind[is_sign & beside] = _EN
    kind[(kind == _EN) & (strong == _L)] = _L
    return kind


def _pair(
    direction: Ints, brackets: tuple[NDArray[np.uint8], Ints, Ints], is_rtl: Bools, is_known: Bools
) -> None:
    """Give brackets of pairs a direction: rule N0. ``brackets``: which, where, of which line."""
    _, places, lines = brackets
    num_ltr, num_rtl = np.cumsum(direction == 0), np.cumsum(direction == 1)
    strong = _last(direction != _NEUTRAL)
    counts = num_ltr[places].tolist(), num_rtl[places].tolist()
    last, last_direction = strong[places].tolist(), direction[strong[places]].tolist()
    spots, kinds = places.tolist(), brackets[0].tolist()
    for first, stop in _stretches(lines):
        pairs = _pairs(kinds[first:stop])
        if pairs is None:
            is_known[lines[first]] = False
            continue
        base = int(is_rtl[lines[first]])
        done: list[tuple[int, int]] = []
        for opening, closing in pairs:
            one, other = first + opening, first + closing
            if counts[base][other] > counts[base][one]:
                found = base
            elif counts[1 - base][other] > counts[1 - base][one]:
                before = [each for each in done if each[0] < spots[one]]
                found = max([(last[one], last_direction[one]), *before])[1]
            else:
                continue
            done += (spots[one], found), (spots[other], found)
        for spot, found in done:
            direction[spot] = found


def _stretches(lines: Ints) -> list[tuple[int, int]]:
    """First and last place of each line's brackets."""
    bounds = np.flatnonzero(np.diff(lines, prepend=-1, append=-1)).tolist()
    return list(pairwise(bounds))


def _pairs(kinds: list[int]) -> list[tuple[int, int]] | None:
    """Pairs of a line's brackets, by their opening ones; None where too many are open at a time."""
    opened: list[int] = []
    pairs = []
    for place, kind in enumerate(kinds):
        if kind % 2 == 0:
            opened.append(place)
            if len(opened) > MAX_OPEN:
                return None
            continue
        for depth in reversed(range(len(opened))):
            if kinds[opened[depth]] == kind - 1:
                pairs.append((opened[depth], place))
                del opened[depth:]
                break
    return sorted(pairs)


def visual_order(level: NDArray[np.uint8], line: Ints) -> Ints:
    """Order of pieces of lines as they are drawn, given their levels (0 to 2) and lines.

    >>> visual_order(np.array([0, 1, 2, 2, 1], np.uint8), np.zeros(5, np.int64)).tolist()
    [0, 4, 2, 3, 1]
    """
    place = np.arange(level.size)
    for least in (2, 1):
        is_turned = level >= least
        is_first = is_turned.copy()
        is_first[1:] = (is_turned[1:] != is_turned[:-1]) | (line[1:] != line[:-1])
        is_first[:1] = True
        bounds = seams(np.diff(np.flatnonzero(is_first), append=level.size))
        mirrored = np.repeat(bounds[:-1] + bounds[1:] - 1, np.diff(bounds)) - np.arange(level.size)
        # Stretches of level 2 are turned, and then turned back with all that is of level 1.
        source = np.where(is_turned, mirrored, np.arange(level.size))
        place = place[source]
    return place
