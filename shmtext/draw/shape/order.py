"""The order in which the characters of a line are drawn, and the direction of each run of them.

The bidirectional algorithm is python-bidi's; FriBiDi, which Raqm asks, comes to the same. A line is
one paragraph, without characters of class B (newlines) and without explicit embeddings, overrides
and isolates. Scripts and glyphs are not known here.

python-bidi says how a line reads once it is put in order, not where its characters went. So each
takes its number along, as digits that are invisible characters behind it:

    logical    a  x0 y0   א  x1 y1   ב  x2 y2
    visual     a  x0 y0   y2 x2  ב   y1 x1  א        x y: left to right; y x: right to left

No rule looks at characters of class BN, and each has the level of the one before it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from bidi import get_display
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints

LABELS = 0xE0020
"""First of the labels: tag characters, up to U+E007F. They are of class BN in any Unicode."""
NUM_DIGITS, RADIX = 4, 24
MAX_NUMBERED = RADIX**NUM_DIGITS
"""Characters that a line may have: more than a picture has room for."""

BATCH_CHARACTERS = 1 << 14
"""Characters put in order by one call: python-bidi takes 1.9 µs a line for 1,000, 8 for 10,000."""

GUARD = 0x300
"""A non-spacing mark: has the level of what it stands on, also where spaces, a tab or the line's
end follow, which otherwise take the labels before them along."""

SOFT_HYPHEN = 0xAD
"""Stands for a tag character of the text, which has its class."""

_PLAIN, _BLIND, _SPACE, _TURNS = range(4)
"""What rules make of a character: they don't see it, it is or ends space, it may turn its line."""

CLASSES_OF_SPACES = ("WS", "S", "B")
CLASSES_THAT_TURN = ("R", "AL", "AN", "")
"""Classes that no line has whose characters all go from left to right. A character that this Python
does not know has none: python-bidi may know more."""


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Runs of one level of some lines: within a line from left to right. Shapes ``(num_runs,)``."""

    line: Ints
    start: Ints
    """First character, within its line."""
    stop: Ints
    is_rtl: NDArray[np.bool_]


Columns = tuple[Ints, Ints, Ints, NDArray[np.bool_]]
"""Runs' line, start, stop, and whether they go from right to left."""
NO_RUNS: Columns = (*(np.empty(0, np.int64),) * 3, np.empty(0, bool))


def base_direction(text: str) -> bool:
    """Whether a paragraph goes from right to left, by its first character that says so.

    >>> base_direction("12 שלום"), base_direction("12 a שלום"), base_direction("12")
    (True, False, False)
    """
    for character in text:
        bidi_class = _bidi_class(character)
        if bidi_class in ("L", "R", "AL"):
            return bidi_class != "L"
    return False


def may_turn(text: str) -> bool:
    """Whether a line may have runs from right to left, where its paragraph goes left to right."""
    # Most lines are told from their distinct characters alone.
    return not text.isascii() and any(_kind(character) == _TURNS for character in set(text))


def visual_runs(texts: Sequence[str], is_rtl: Sequence[bool]) -> Runs:
    """Order lines, each in a paragraph of the direction given.

    Lines have at most ``MAX_NUMBERED`` characters.
    """
    chosen = np.array(is_rtl, bool)
    pieces = [
        _ordered(texts, np.flatnonzero(~chosen), "L"),
        _ordered(texts, np.flatnonzero(chosen), "R"),
    ]
    line, start, stop, turned = map(np.concatenate, zip(*pieces, strict=True))
    order = np.argsort(line, kind="stable")
    return Runs(line[order], start[order], stop[order], turned[order])


def _ordered(texts: Sequence[str], lines: Ints, base: str) -> Columns:
    """Runs of the lines whose numbers are given, as many lines at a time as go well together."""
    lengths = np.array([len(texts[line]) for line in lines], np.int64)
    batch = np.cumsum(lengths) // BATCH_CHARACTERS
    found = [NO_RUNS]
    for first, last in pairwise(np.flatnonzero(np.diff(batch, prepend=-1, append=-1)).tolist()):
        inside = lines[first:last]
        line, start, stop, turned = _runs_of([texts[line] for line in inside.tolist()], base)
        found.append((inside[line], start, stop, turned))
    line, start, stop, turned = map(np.concatenate, zip(*found, strict=True))
    return line, start, stop, turned


def _runs_of(texts: Sequence[str], base: str) -> Columns:
    lengths = np.array([len(text) for text in texts], np.int64)
    number, turned = _numbers_in_order(texts, base)
    of_line = np.repeat(np.arange(lengths.size), lengths)
    breaks = np.ones(number.size, bool)
    breaks[1:] = (
        (number[1:] != number[:-1] + np.where(turned, -1, 1)[1:])
        | (turned[1:] != turned[:-1])
        | (of_line[1:] != of_line[:-1])
    )
    if base == "L":
        levels = [_is_number_at_level_2(text) for text in texts]
        is_number = np.concatenate(levels)[number + (np.cumsum(lengths) - lengths)[of_line]]
        breaks[1:] |= (is_number[1:] != is_number[:-1]) & ~turned[1:]
    first = np.flatnonzero(breaks)
    last = np.append(first, number.size)[1:] - 1
    start = np.minimum(number[first], number[last])
    return of_line[first], start, np.maximum(number[first], number[last]) + 1, turned[first]


def _numbers_in_order(texts: Sequence[str], base: str) -> tuple[Ints, NDArray[np.bool_]]:
    """Numbers of characters in their line, from left to right, and which of them are turned.

    Each line ends a paragraph, and paragraphs stay in order.
    """
    codes = np.frombuffer("\n".join([*texts, ""]).encode("utf-32-le"), np.uint32)
    kinds = _kinds_of(codes)
    lengths = np.array([len(text) + 1 for text in texts], np.int64)
    is_end = np.zeros(codes.size, bool)
    is_end[np.cumsum(lengths) - 1] = True
    # Rules look past characters of class BN to what stands behind; the last is a newline.
    seen = np.flatnonzero(kinds != _BLIND)
    behind = np.append(seen, codes.size - 1)[
        np.searchsorted(seen, np.arange(codes.size), side="right")
    ]
    number = np.arange(codes.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    labelled = np.empty((codes.size, 1 + NUM_DIGITS + 1), np.uint32)
    labelled[:, 0] = np.where(_is_label(codes), SOFT_HYPHEN, codes)
    for digit in range(NUM_DIGITS):
        place = RADIX ** (NUM_DIGITS - 1 - digit)
        labelled[:, 1 + digit] = LABELS + digit * RADIX + number // place % RADIX
    labelled[:, -1] = GUARD
    is_kept = np.ones(labelled.shape, bool)
    is_kept[is_end, 1:] = False
    is_kept[:, -1] = (kinds[behind] == _SPACE) & (kinds != _SPACE) & (kinds != _BLIND)
    shown = get_display(labelled[is_kept].tobytes().decode("utf-32-le"), base_dir=base)
    shown_codes = np.frombuffer(shown.encode("utf-32-le"), np.uint32)
    digits = shown_codes[_is_label(shown_codes)].reshape(-1, NUM_DIGITS).astype(np.int64) - LABELS
    turned = digits[:, 0] > digits[:, -1]
    digits[turned] = digits[turned, ::-1]
    return digits % RADIX @ RADIX ** np.arange(NUM_DIGITS)[::-1], turned


def _is_label(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    return (codes >= LABELS) & (codes < LABELS + NUM_DIGITS * RADIX)


def _is_number_at_level_2(text: str) -> NDArray[np.bool_]:
    """Which characters of a line are numbers that Latin letters don't carry: rules W1 to W7.

    In a paragraph from left to right these have level 2, letters 0: runs of their own, though both
    go from left to right.
    """
    if {"EN", "AN"}.isdisjoint(map(_bidi_class, set(text))):
        return np.zeros(len(text), bool)
    resolved: list[str] = []
    before = strong = "L"
    for character in text:
        kind = _bidi_class(character)
        if kind == "NSM":
            kind = before
        elif kind == "EN" and strong == "AL":
            kind = "AN"
        if kind in ("L", "R", "AL"):
            strong = kind
        resolved.append(kind)
        if kind != "BN":
            before = kind
    seen = [place for place, kind in enumerate(resolved) if kind != "BN"]
    for left, place, right in zip(seen, seen[1:], seen[2:], strict=False):
        same = resolved[left] if resolved[left] == resolved[right] else ""
        kind = resolved[place]
        if (kind == "CS" and same in ("EN", "AN")) or (kind == "ES" and same == "EN"):
            resolved[place] = same
    for places in (seen, seen[::-1]):
        before = ""
        for place in places:
            if resolved[place] == "ET" and before == "EN":
                resolved[place] = "EN"
            before = resolved[place]
    strong = "L"
    for place in seen:
        if resolved[place] in ("L", "R", "AL"):
            strong = resolved[place]
        elif resolved[place] == "EN" and strong == "L":
            resolved[place] = "L"
    before = ""
    for place, kind in enumerate(resolved):
        if kind == "BN":
            resolved[place] = before
        before = resolved[place]
    # What stands in the space at a line's end, or before a tab, is no part of a number.
    is_followed = False
    for place in reversed(range(len(resolved))):
        kind = _bidi_class(text[place])
        is_followed = kind != "S" and (is_followed or kind not in ("BN", "WS"))
        if not is_followed:
            resolved[place] = ""
    return np.array([kind in ("EN", "AN") for kind in resolved], bool)


@cache
def _bidi_class(character: str) -> str:
    return unicodedata.bidirectional(character)


@cache
def _kind(character: str) -> int:
    bidi_class = _bidi_class(character)
    if bidi_class == "BN":
        return _BLIND
    if bidi_class in CLASSES_OF_SPACES:
        return _SPACE
    return _TURNS if bidi_class in CLASSES_THAT_TURN else _PLAIN


def _kinds_of(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    distinct, which = np.unique(codes, return_inverse=True)
    kinds = np.array([_kind(chr(code)) for code in distinct.tolist()], np.uint8)
    of_each: NDArray[np.uint8] = kinds[which]
    return of_each
