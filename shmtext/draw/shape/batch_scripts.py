"""Which script each character of a line is shaped under, for many lines at once, as Raqm decides.

Characters of no script of their own (spaces, digits, most punctuation) take that of the character
before them, those at a line's start that of the next one; a closing bracket takes its opening
one's. Only scripts whose lines can be shaped by tables are told apart: see ``SCRIPTS``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, all_in_ranges
from shmtext.draw.ids import CodePointIds
from shmtext.draw.rules import Rule, needs_shaping, rule_of
from shmtext.draw.shape.scripts import INHERITED, PAIRS, resolved_scripts, script_of

Bytes = NDArray[np.uint8]

SCRIPTS = {
    "Zyyy": "DFLT",
    "Latn": "latn",
    "Grek": "grek",
    "Cyrl": "cyrl",
    "Hani": "hani",
    "Hira": "kana",
    "Kana": "kana",
    "Hang": "hang",
    "Bopo": "bopo",
    "Armn": "armn",
    "Geor": "geor",
    "Ethi": "ethi",
    "Cher": "cher",
    "Cans": "cans",
    "Yiii": "yi  ",
    "Copt": "copt",
    "Brai": "brai",
    "Runr": "runr",
    "Ogam": "ogam",
}
"""Scripts that HarfBuzz shapes by a font's common rules alone, with their OpenType tags. Under one
of the others even a letter may be moved."""

NUMBER_OF = {script: number for number, script in enumerate(SCRIPTS)}

COMMON = 0
OTHER_SCRIPT = 255

NO_BRACKET = 255

NOT_SIMPLE_RANGES = (
    (0x2044, 0x2044),  # fraction slash: digits around it are shaped to a fraction
    (0xFF9E, 0xFF9F),  # half-width sound marks, which are of one cluster with what they follow
    (0xFFF0, 0xFFF8),  # further default ignorables
    (0x1BCA0, 0x1BCA3),
)
"""Characters that need shaping, or change their neighbours, besides those that ``needs_shaping``
names."""


class Characters:
    """Characters met so far as small numbers, with what decides how they are shaped.

    Arrays have shape ``(num_characters,)``.
    """

    def __init__(self) -> None:
        self._ids = CodePointIds()
        self.script = np.empty(0, np.uint8)
        """Place in ``SCRIPTS``, ``COMMON`` for what has none, or ``OTHER_SCRIPT``."""
        self.bracket = np.empty(0, np.uint8)
        """Place in ``PAIRS``, or ``NO_BRACKET``."""
        self.has_brackets = False

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def code_points(self) -> NDArray[np.uint32]:
        """Code point of each character."""
        return self._ids.code_points

    def ids(self, codes: NDArray[np.uint32]) -> NDArray[np.int32]:
        """Return the id of each code point; new ones are taken in."""
        known = len(self)
        ids = self._ids.of(codes)
        if len(self) > known:
            self._add(self.code_points[known:])
        return ids

    def _add(self, new: NDArray[np.uint32]) -> None:
        characters = [chr(code) for code in new.tolist()]
        script = np.array([script_number(code) for code in new.tolist()], np.uint8)
        places = [PAIRS.find(character) for character in characters]
        bracket = np.array([NO_BRACKET if at < 0 else at for at in places], np.uint8)
        self.script = np.concatenate([self.script, script])
        self.bracket = np.concatenate([self.bracket, bracket])
        self.has_brackets = bool((self.bracket != NO_BRACKET).any())


@lru_cache(1 << 16)
def is_simple(code: int) -> bool:
    """Whether a character can be drawn by its font's plain glyph, whatever stands beside it.

    >>> [is_simple(ord(c)) for c in "aß中 \u0301\u200dש\u2044"]
    [True, True, True, True, False, False, False, False]
    """
    character = chr(code)
    return (
        not needs_shaping(character)
        and rule_of(character) is Rule.VISIBLE
        and not any(first <= code <= last for first, last in NOT_SIMPLE_RANGES)
        # HarfBuzz may know characters that this Python does not.
        and unicodedata.category(character) not in ("Cc", "Cs", "Cn", "Zl", "Zp")
    )


@lru_cache(1 << 16)
def script_number(code: int) -> int:
    """Return a character's place in ``SCRIPTS``, ``COMMON`` or ``OTHER_SCRIPT``.

    >>> [script_number(ord(c)) for c in "1aß́ש"]
    [0, 1, 1, 0, 255]
    """
    return _number_of(script_of(chr(code)))


def _number_of(script: str) -> int:
    return COMMON if script == INHERITED else NUMBER_OF.get(script, OTHER_SCRIPT)


@dataclass(frozen=True, slots=True, eq=False)
class ScriptRuns:
    """Pieces of lines that are shaped by themselves, ``(num_runs,)``; none is empty."""

    starts: Ints
    """First character of each, and behind the last one, ``(num_runs + 1,)``."""
    line: Ints
    script: Bytes


def find_runs(characters: Characters, ids: NDArray[np.int32], line_starts: Ints) -> ScriptRuns:
    """Divide lines, whose characters lie end to end, where the script changes."""
    length = np.diff(line_starts)
    line = np.flatnonzero(length)
    script = characters.script.take(ids)
    if not ids.size:
        return ScriptRuns(line_starts[:1], line, script)
    brackets = characters.bracket.take(ids) if characters.has_brackets else None

    def text_of(start: int, stop: int) -> str:
        return "".join(map(chr, characters.code_points[ids[start:stop]].tolist()))

    found = resolved_runs(script, brackets, np.append(line_starts[line], ids.size), text_of)
    return ScriptRuns(found.starts, line[found.line], found.script)


def resolved_runs(
    script: Bytes,
    brackets: Bytes | None,
    line_starts: Ints,
    text_of: Callable[[int, int], str],
    number_of: Callable[[str], int] | None = None,
) -> ScriptRuns:
    """Divide lines, none of them empty, given each character's script and bracket.

    ``number_of`` gives a script's number, ``COMMON`` for what has none: as in ``SCRIPTS`` if it is
    not said. ``text_of`` is asked for the characters of lines that can't be judged at once.
    """
    starts, length = line_starts[:-1], np.diff(line_starts)
    line = np.arange(length.size)
    of_line = np.maximum.reduceat(script, starts)
    resolved = np.repeat(of_line, length)
    is_other = (script != COMMON) & (script != resolved)
    is_doubtful = None
    if brackets is not None:
        is_doubtful = _opens_before_script(script, brackets, starts, length)
    whole = ScriptRuns(line_starts, line, of_line)
    if not is_other.any() and (is_doubtful is None or not is_doubtful.any()):
        return whole
    _fill(resolved, script, whole.starts)
    if brackets is not None:
        _pair_brackets(resolved, script, brackets, whole.starts)
    if is_doubtful is not None:
        for at in np.flatnonzero(~all_in_ranges(~is_doubtful, whole.starts)).tolist():
            of_text = slice(whole.starts[at], whole.starts[at + 1])
            scripts = resolved_scripts(text_of(of_text.start, of_text.stop))
            resolved[of_text] = list(map(number_of or _number_of, scripts))
    is_start = np.diff(resolved, prepend=resolved[:1]) != 0
    is_start[starts] = True
    first = np.flatnonzero(is_start)
    return ScriptRuns(
        np.append(first, script.size),
        line[np.searchsorted(starts, first, side="right") - 1],
        resolved[first],
    )


def _opens_before_script(
    script: Bytes, brackets: Bytes, starts: Ints, length: Ints
) -> NDArray[np.bool_]:
    """Tell opening brackets inside of a line, with no script before them: what closes them, and
    what follows that, is then of no script, too."""
    opens: NDArray[np.bool_] = brackets & 1 == 0
    opens[starts] = False
    if not opens.any():
        return opens
    places = np.arange(script.size)
    first = np.minimum.reduceat(np.where(script != COMMON, places, script.size), starts)
    first[first == script.size] = 0
    opens &= places < np.repeat(first, length)
    return opens


def _fill(resolved: Bytes, script: Bytes, starts: Ints) -> None:
    """Give characters of no script that of the one before, or else of the next one."""
    places, length = np.arange(script.size), np.diff(starts)
    is_real = script != COMMON
    last = np.maximum.accumulate(np.where(is_real, places, -1))
    first = np.minimum.reduceat(np.where(is_real, places, script.size), starts[:-1])
    # A line without any script is of none.
    first = np.where(first < starts[1:], first, starts[:-1])
    last = np.maximum(last, np.repeat(first, length))
    resolved[:] = script[last]


def _pair_brackets(resolved: Bytes, script: Bytes, brackets: Bytes, starts: Ints) -> None:
    """Give closing brackets, and what follows them, the script of their opening ones.

    Not for lines in which a bracket is opened before the first script.
    """
    events = np.flatnonzero(brackets != NO_BRACKET)
    line = np.searchsorted(starts, events, side="right") - 1
    real = np.append(np.flatnonzero(script != COMMON), script.size)
    following = np.minimum(real[np.searchsorted(real, events)], starts[line + 1])
    opened: list[tuple[int, int]] = []
    current = -1
    for at, of_line, first, stop, kind in zip(
        events.tolist(),
        line.tolist(),
        starts[line].tolist(),
        following.tolist(),
        brackets[events].tolist(),
        strict=True,
    ):
        if of_line != current:
            opened.clear()
            current = of_line
        # Raqm takes a line's first character for one with a script.
        if at == first:
            continue
        if kind % 2 == 0:
            opened.append((kind, int(resolved[at])))
            continue
        while opened and opened[-1][0] != kind - 1:
            opened.pop()
        if opened:
            resolved[at:stop] = opened[-1][1]
