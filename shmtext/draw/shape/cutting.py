"""Batches of lines cut into the pieces that ``words.py`` keeps, all at once.

Items, and where words may be cut from each other, are as in ``words.py``, where a line is cut by
itself. Lines that can't be judged at once are named, and left to it. What a piece is shaped to is
not known here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.properties import NUM_CODE_POINTS
from shmtext.corpus.ranges import Ints, all_in_ranges, seams, spell_out
from shmtext.draw.shape.batch_scripts import NO_BRACKET, resolved_runs
from shmtext.draw.shape.levels import class_number, levels_of, visual_order
from shmtext.draw.shape.order import CLASSES_THAT_TURN
from shmtext.draw.shape.scripts import COMMON, INHERITED, PAIRS, script_of
from shmtext.draw.shape.spaces import SYLLABIC

Bools = NDArray[np.bool_]
Codes = NDArray[np.uint32]

MayCut = Callable[[Codes, Ints, Bools], Bools]

SPACE = 0x20

COMPOSED_BY_CHARACTER = (
    *("Arab", "Armn", "Bopo", "Cyrl", "Geor", "Grek", "Hang", "Hani", "Hebr", "Hira", "Kana"),
    *("Laoo", "Latn", "Thai", COMMON),
)
"""Scripts in which HarfBuzz leaves a character whole that the font has, whatever is beside it."""

NEVER_JOINED = (*(set(COMPOSED_BY_CHARACTER) - {"Arab"}), "Deva")
"""Scripts in which no letter's shape depends on characters beyond its run."""

FROM_RIGHT = frozenset(
    (
        *("Arab", "Hebr", "Syrc", "Thaa", "Cprt", "Khar", "Phnx", "Nkoo", "Lydi", "Avst", "Armi"),
        *("Phli", "Prti", "Sarb", "Orkh", "Samr", "Mand", "Merc", "Mero", "Mani", "Mend", "Nbat"),
        *("Narb", "Palm", "Phlp", "Hatr", "Adlm", "Rohg", "Sogd", "Elym", "Chrs", "Yezi", "Ougr"),
        "Gara",
    )
)
"""Scripts of which HarfBuzz turns an item that goes from left to right, unless it has digits and no
letters: what becomes of such an item's words depends on all of them."""

TAKEN_APART = "\u0e33\u0eb3"
"""Letters that begin with a mark once HarfBuzz has taken them apart."""

_MET, _CLINGS, _MARK, _COMES_APART, _TURNS, _KEEPS_RTL, _JOINS_NOTHING = (
    1 << bit for bit in range(7)
)

CLASSES_OF_RTL = "R", "AL", "NSM", "BN", "WS", "ON", "CS"


def clings(character: str) -> bool:
    """Whether a character has to stay with the space before it: marks, joiners and their like."""
    return unicodedata.category(character)[0] in "MC" or character in TAKEN_APART


def comes_apart(character: str) -> bool:
    """Whether a character has a canonical decomposition."""
    return unicodedata.normalize("NFD", character) != character


def keeps_rtl(character: str) -> bool:
    """Whether lines of such characters, from right to left, are one run."""
    return unicodedata.bidirectional(character) in CLASSES_OF_RTL


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Pieces of lines as they are drawn, from left to right; arrays ``(num_pieces,)``."""

    line: Ints
    start: Ints
    """First character, of all lines'; likewise the next."""
    stop: Ints
    is_rtl: Bools
    script: Ints
    """Its number, see ``Properties``."""
    needs_before: Bools
    """Whether the characters before it have a say in its shape; likewise the next."""
    needs_behind: Bools


class Properties:
    """What is known of characters met so far, by code point."""

    def __init__(self) -> None:
        self.scripts = [COMMON]
        """Tags of scripts by number."""
        self.number_of = {COMMON: 0, INHERITED: 0}
        self._flags = np.zeros(NUM_CODE_POINTS, np.uint8)
        self._class = np.zeros(NUM_CODE_POINTS, np.uint8)
        self._script = np.zeros(NUM_CODE_POINTS, np.uint8)
        self._bracket = np.full(NUM_CODE_POINTS, NO_BRACKET, np.uint8)
        for place, character in enumerate(PAIRS):
            self._bracket[ord(character)] = place

    def number(self, script: str) -> int:
        """Return the number of a script."""
        number = self.number_of.get(script)
        if number is None:
            number = self.number_of[script] = len(self.scripts)
            self.scripts.append(script)
        return number

    def cut(
        self,
        codes: Codes,
        line_starts: Ints,
        is_rtl: Bools,
        may_cut: MayCut,
    ) -> tuple[Pieces, Ints]:
        """Cut lines into pieces; return these, and the numbers of lines that can't be judged.

        ``may_cut`` is asked of characters behind spaces (and of which line each is, and whether in
        a script of ``SYLLABIC``) whether a word that begins with them can be shaped by itself.
        """
        flags = self._flags.take(codes)
        if codes.size and not (flags & _MET).all():
            self._meet(np.unique(codes[(flags & _MET) == 0]))
            flags = self._flags.take(codes)
        length = np.diff(line_starts)
        level, is_known = self._levels(codes, flags, line_starts, is_rtl)
        script = self._script.take(codes)
        # Lines of no script may be of an inherited one; numbers don't tell.
        no_script = all_in_ranges(script == 0, line_starts)
        if no_script.any():
            is_known &= ~no_script | all_in_ranges((flags & _MARK) == 0, line_starts)
        left = np.flatnonzero(~is_known)
        lines = np.flatnonzero(is_known & (length > 0))
        if lines.size != length.size:
            # The others' characters are not looked at.
            places = spell_out(line_starts[lines], length[lines])
            codes, flags = codes[places], flags[places]
            script, level = script[places], level[places]
        else:
            places = None
        pieces = self._pieces(
            _Characters(codes, flags, script, level), seams(length[lines]), lines, may_cut
        )
        if places is not None and codes.size:
            start, size = places[pieces.start], pieces.stop - pieces.start
            pieces = Pieces(
                pieces.line,
                start,
                start + size,
                pieces.is_rtl,
                pieces.script,
                pieces.needs_before,
                pieces.needs_behind,
            )
        return pieces, left

    def _levels(
        self, codes: Codes, flags: NDArray[np.uint8], line_starts: Ints, is_rtl: Bools
    ) -> tuple[NDArray[np.uint8], Bools]:
        """Levels of characters, and of which lines these are known."""
        length = np.diff(line_starts)
        level = np.repeat(is_rtl, length).astype(np.uint8)
        ordered = (flags & np.where(level, _KEEPS_RTL, _TURNS).astype(np.uint8)) != 0
        turning = np.flatnonzero(~all_in_ranges(ordered == level, line_starts))
        is_known = np.ones(length.size, np.bool_)
        if turning.size:
            places = spell_out(line_starts[turning], length[turning])
            found = levels_of(
                self._class.take(codes[places]), seams(length[turning]), is_rtl[turning]
            )
            level[places] = found.level
            is_known[turning] = found.is_known
        return level, is_known

    def _pieces(
        self,
        characters: _Characters,
        line_starts: Ints,
        lines: Ints,
        may_cut: MayCut,
    ) -> Pieces:
        codes, flags, level = characters.codes, characters.flags, characters.level
        if not codes.size:
            none, no = np.empty(0, np.int64), np.empty(0, np.bool_)
            return Pieces(none, none, none, no, none, no, no)

        def text_of(start: int, stop: int) -> str:
            return "".join(map(chr, codes[start:stop].tolist()))

        brackets = self._bracket.take(codes)
        has_brackets = bool((brackets != NO_BRACKET).any())
        runs = resolved_runs(
            characters.script,
            brackets if has_brackets else None,
            line_starts,
            text_of,
            self.number,
        )
        is_item = np.zeros(codes.size, np.bool_)
        is_item[1:] = level[1:] != level[:-1]
        is_item[runs.starts[:-1]] = True
        items = np.flatnonzero(is_item)
        script = runs.script[np.searchsorted(runs.starts, items, side="right") - 1].astype(np.int64)
        line = np.searchsorted(line_starts, items, side="right") - 1
        is_cut = is_item.copy()
        words = 1 + np.flatnonzero(
            (codes[:-1] == SPACE) & (codes[1:] != SPACE) & ((flags[1:] & _CLINGS) == 0)
        )
        words = words[~is_item[words]]
        item_of_word = np.searchsorted(items, words, side="right") - 1
        cuttable = self._are_cuttable(items, script, flags)
        is_from_right = np.array([tag in FROM_RIGHT for tag in self.scripts])[script]
        cuttable = (cuttable & (~is_from_right | (level[items] & 1 == 1)))[item_of_word]
        words, item_of_word = words[cuttable], item_of_word[cuttable]
        is_syllabic = np.array([tag in SYLLABIC for tag in self.scripts])[script[item_of_word]]
        is_cut[words[may_cut(codes[words], lines[line[item_of_word]], is_syllabic)]] = True
        start = np.flatnonzero(is_cut)
        stop = np.append(start[1:], codes.size)
        of_piece = np.searchsorted(items, start, side="right") - 1
        line, script = line[of_piece], script[of_piece]
        before, behind = self._needs(characters, start, stop, script, line_starts[line + 1])
        before &= start > line_starts[line]
        order = visual_order(level[start], line)
        return Pieces(
            lines[line][order],
            start[order],
            stop[order],
            (level[start] & 1 == 1)[order],
            script[order],
            before[order],
            behind[order],
        )

    def _are_cuttable(self, items: Ints, script: Ints, flags: NDArray[np.uint8]) -> Bools:
        """Whether words of an item don't change with others that it has.

        In scripts with syllables HarfBuzz takes characters apart and puts them together again; the
        latter only if a mark stands anywhere in the item.
        """
        are_whole = np.array([tag not in COMPOSED_BY_CHARACTER for tag in self.scripts])[script]
        if not are_whole.any():
            return ~are_whole
        result: Bools = ~are_whole | (np.bitwise_or.reduceat(flags, items) & _COMES_APART == 0)
        return result

    def _needs(
        self, characters: _Characters, start: Ints, stop: Ints, script: Ints, line_stop: Ints
    ) -> tuple[Bools, Bools]:
        """Whether what stands before a piece, and behind it, has a say in its shape.

        It decides how letters at its ends join, and whether a mark at its start gets a circle. A
        space joins nothing, nor does anything of ASCII.
        """
        codes, flags = characters.codes, characters.flags
        may_join = np.array([tag not in NEVER_JOINED for tag in self.scripts])[script]
        left = np.maximum(start - 1, 0)
        joins_left = may_join & ((flags[left] & _JOINS_NOTHING) == 0)
        clings = (flags[start] & _CLINGS) != 0
        before = clings | ((codes[left] != SPACE) & joins_left)
        right = np.minimum(stop, codes.size - 1)
        behind = (
            may_join
            & (stop < line_stop)
            & ((flags[right] & _JOINS_NOTHING) == 0)
            & (codes[stop - 1] != SPACE)
        )
        return before, behind

    def _meet(self, new: Codes) -> None:
        for code in new.tolist():
            character = chr(code)
            bidi_class = unicodedata.bidirectional(character)
            self._flags[code] = (
                _MET
                | _CLINGS * clings(character)
                | _MARK * (unicodedata.category(character)[0] == "M")
                | _COMES_APART * comes_apart(character)
                | _TURNS * (bidi_class in CLASSES_THAT_TURN)
                | _KEEPS_RTL * keeps_rtl(character)
                | _JOINS_NOTHING * (SPACE <= code < 0x7F)
            )
            self._class[code] = class_number(character)
            self._script[code] = self.number(script_of(character))


@dataclass(frozen=True, slots=True, eq=False)
class _Characters:
    """Characters of lines end to end."""

    codes: Codes
    flags: NDArray[np.uint8]
    script: NDArray[np.uint8]
    level: NDArray[np.uint8]
