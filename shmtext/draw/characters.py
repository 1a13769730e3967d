"""Characters met so far, as small numbers, and what is known of each.

Which ids a character gets never reaches a picture: two workers may number differently.
"""

from __future__ import annotations

from collections.abc import Callable
from unicodedata import bidirectional

import numpy as np
from numpy.typing import NDArray

from shmtext.config.marks import is_mark
from shmtext.draw.coverage import BRAILLE_BLANK
from shmtext.draw.equivalents import Equivalents
from shmtext.draw.faces import FontFile
from shmtext.draw.ids import CodePointIds
from shmtext.draw.rules import (
    Rule,
    continues,
    is_composable,
    is_cursive,
    needs_shaping,
    parts_to_have,
    rule_of,
)

RIGHTWARDS, LEFTWARDS = 1, -1

DIRECTIONS = {"L": RIGHTWARDS, "R": LEFTWARDS, "AL": LEFTWARDS}
"""By bidirectional class (UAX 9)."""


class CharacterTable:
    """Ids of characters, which fonts cover them, and whether they need shaping."""

    def __init__(self, fonts: tuple[FontFile, ...]) -> None:
        self._fonts = fonts
        self._ids = CodePointIds()
        self.support = np.empty((0, len(fonts)), np.bool_)
        """Which fonts draw each character, shape ``(num_characters, num_fonts)``."""
        self.needs_shaping = np.empty(0, np.bool_)
        self.reads = np.empty(0, np.int8)
        """``RIGHTWARDS`` or ``LEFTWARDS`` of those with a direction of their own, 0 of others."""
        self.is_blank = np.empty(0, np.bool_)
        """Which characters leave no ink, by their nature."""
        self.is_hidden = np.empty(0, np.bool_)
        """Which of these no drawn text may hold: ``Rule.HIDDEN``."""
        self.is_selector = np.empty(0, np.bool_)
        """Which of these are drawn in some sequences: ``Rule.SELECTS``. No font supports them."""
        self.is_joiner = np.empty(0, np.bool_)
        """Which of these shape their neighbours: ``Rule.JOINS``."""
        self.is_composable = np.empty(0, np.bool_)
        """Which characters a font may draw though it lacks them: see ``is_composable``."""
        self.within_reach = np.empty((0, len(fonts)), np.bool_)
        """Which fonts may draw each character without a mark after it: those that have it, or a
        part of it without which it can't be decomposed. Shape as ``support``."""
        self.is_mark = np.empty(0, np.bool_)
        """Which characters need a letter to stand on."""
        self.continues = np.empty(0, np.bool_)
        """Which characters belong to the cluster of the one before them."""
        self.is_cursive = np.empty(0, np.bool_)
        """Which characters are of a script that joins letters."""
        self._drawn_alone = np.empty((0, len(fonts)), np.bool_)
        self.equivalents = Equivalents(fonts)
        """Which fonts draw clusters though they lack characters of them."""
        self.all_plain = True
        """Every character met is drawn by every font, unshaped: nothing to check per text."""

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def code_points(self) -> NDArray[np.uint32]:
        """Code point of each id, shape ``(num_characters,)``."""
        return self._ids.code_points

    def ids(self, codes: NDArray[np.uint32]) -> NDArray[np.int32]:
        """Return the id of each code point, of shape ``codes.shape``; new ones are taken in."""
        known = len(self)
        ids = self._ids.of(codes)
        if len(self) > known:
            self._add(self.code_points[known:])
        return ids

    def drawn_alone(self) -> NDArray[np.bool_]:
        """Which fonts draw each character by itself, composed or decomposed. Shape as ``support``.

        Of characters that continue a cluster this says nothing.
        """
        first = self._drawn_alone.shape[0]
        if first < len(self):
            new = self.support[first:].copy()
            is_open = (self.within_reach[first:] & ~new).any(axis=1) & ~self.continues[first:]
            for place in np.flatnonzero(is_open).tolist():
                new[place] |= self.equivalents.row(chr(self.code_points[first + place]))
            self._drawn_alone = np.concatenate([self._drawn_alone, new])
        return self._drawn_alone

    def _add(self, new: NDArray[np.uint32]) -> None:
        characters = [chr(code_point) for code_point in new.tolist()]
        rules = [rule_of(character) for character in characters]
        hidden = np.array([rule is Rule.HIDDEN for rule in rules], np.bool_)
        selector = np.array([rule is Rule.SELECTS for rule in rules], np.bool_)
        joiner = np.array([rule is Rule.JOINS for rule in rules], np.bool_)
        blank = np.array([character.isspace() for character in characters], np.bool_)
        blank |= hidden | selector | joiner | (new == BRAILLE_BLANK)
        # What has no ink lacks none: why a hidden character is not drawn is said for itself.
        support = np.column_stack(
            [_contains(font.code_points, new) & ~selector | hidden | joiner for font in self._fonts]
        )
        parts = _padded([parts_to_have(character) for character in characters])
        has_part = [_contains(font.code_points, parts).any(axis=1) for font in self._fonts]
        within_reach = support | np.column_stack(has_part) | selector[:, None]
        self.within_reach = np.concatenate([self.within_reach, within_reach])
        self.support = np.concatenate([self.support, support])
        reads = np.array([DIRECTIONS.get(bidirectional(each), 0) for each in characters], np.int8)
        self.reads = np.concatenate([self.reads, reads])
        self.is_blank = np.concatenate([self.is_blank, blank])
        self.is_hidden = np.concatenate([self.is_hidden, hidden])
        self.is_selector = np.concatenate([self.is_selector, selector])
        self.is_joiner = np.concatenate([self.is_joiner, joiner])
        self.needs_shaping = _extended(self.needs_shaping, needs_shaping, characters)
        self.is_composable = _extended(self.is_composable, is_composable, characters)
        self.is_mark = _extended(self.is_mark, is_mark, characters)
        self.continues = _extended(self.continues, continues, characters)
        self.is_cursive = _extended(self.is_cursive, is_cursive, characters)
        self.all_plain = bool(
            self.support.all() and not self.needs_shaping.any() and not self.is_hidden.any()
        )


def describe(code_point: int) -> str:
    """Name a character for a person.

    >>> describe(0x4E2D), describe(7)
    ('U+4E2D 中', 'U+0007')
    """
    character = chr(code_point)
    is_visible = character.isprintable() and rule_of(character) is Rule.VISIBLE
    return f"U+{code_point:04X} {character}" if is_visible else f"U+{code_point:04X}"


def _contains(ascending: NDArray[np.uint32], wanted: NDArray[np.uint32]) -> NDArray[np.bool_]:
    return np.isin(wanted, ascending)


def _extended(
    known: NDArray[np.bool_], judge: Callable[[str], bool], characters: list[str]
) -> NDArray[np.bool_]:
    """What is known of characters, and of new ones after them."""
    return np.concatenate([known, np.array([judge(each) for each in characters], np.bool_)])


def _padded(lists: list[list[str]]) -> NDArray[np.uint32]:
    """Code points of lists of characters, a row each, filled up with a control."""
    width = max(map(len, lists))
    return np.array([[*map(ord, each), *[0] * (width - len(each))] for each in lists], np.uint32)
