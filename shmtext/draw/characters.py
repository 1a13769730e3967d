"""Characters met so far, as small numbers, and what is known of each.

Arrays indexed by code point would be mostly empty; characters get ids in the order in which they
are met. Which ids a character gets never reaches a picture: two workers may number differently.
"""

from __future__ import annotations

import unicodedata

import numpy as np
from numpy.typing import NDArray

from shmtext.draw.coverage import BRAILLE_BLANK
from shmtext.draw.faces import FontFile

NUM_CODE_POINTS = 0x110000

SHAPED_RANGES = (
    (0x1100, 0x11FF),  # Hangul Jamo, which combine to syllables
    (0x1800, 0x18AF),  # Mongolian, which joins
    (0xA840, 0xA87F),  # Phags-pa, which joins
    (0xA960, 0xA97F),  # Hangul Jamo Extended-A
    (0xD7B0, 0xD7FF),  # Hangul Jamo Extended-B
    (0x1F1E6, 0x1F1FF),  # regional indicators, which pair up to flags
    (0x1F3FB, 0x1F3FF),  # skin tones, which change the emoji before them
)
"""Characters that need shaping though neither their category nor their direction says so."""

HIDDEN_RANGES = (
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x061C, 0x061C),  # Arabic letter mark
    (0x115F, 0x1160),  # fillers of Hangul
    (0x17B4, 0x17B5),  # inherent vowels of Khmer
    (0x180B, 0x180F),  # selectors of Mongolian
    (0x200B, 0x200F),  # zero-width space, joiners, direction marks
    (0x202A, 0x202E),  # embeddings and overrides
    (0x2060, 0x206F),  # word joiner, invisible operators, isolates
    (0x3164, 0x3164),  # filler of Hangul
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFEFF, 0xFEFF),  # zero-width no-break space
    (0xFFA0, 0xFFA0),  # filler of Hangul, half as wide
    (0x1D173, 0x1D17A),  # musical beams and slurs
    (0xE0000, 0xE0FFF),  # tags, further variation selectors
)
"""Characters that leave no ink, whatever a font maps them to: Unicode's default ignorables but
the soft hyphen. A label that holds one says what its picture can't show."""

JOINERS = (0x200C, 0x200D)
"""Invisible, too, but they decide the shapes of their neighbours: drawn by shaping, which takes
them up, so that no font needs a glyph for them."""

SOFT_HYPHEN = 0xAD
"""Visible in a text drawn character by character; shaping hides it."""


class CharacterTable:
    """Ids of characters, which fonts cover them, and whether they need shaping."""

    def __init__(self, fonts: tuple[FontFile, ...]) -> None:
        self._fonts = fonts
        self._id_of = np.full(NUM_CODE_POINTS, -1, np.int32)
        self.code_points = np.empty(0, np.uint32)
        """Code point of each id, shape ``(num_characters,)``."""
        self.support = np.empty((0, len(fonts)), np.bool_)
        """Which fonts draw each character, shape ``(num_characters, num_fonts)``."""
        self.needs_shaping = np.empty(0, np.bool_)
        self.is_blank = np.empty(0, np.bool_)
        """Which characters leave no ink, by their nature."""
        self.is_hidden = np.empty(0, np.bool_)
        """Which of these no drawn text may hold: see ``is_hidden``."""
        self.all_plain = True
        """Every character met is drawn by every font, unshaped: nothing to check per text."""

    def __len__(self) -> int:
        return self.code_points.size

    def ids(self, codes: NDArray[np.uint32]) -> NDArray[np.int32]:
        """Return the id of each code point, of shape ``codes.shape``; new ones are taken in."""
        ids: NDArray[np.int32] = self._id_of.take(codes)
        if codes.size and int(ids.min()) < 0:
            self._add(np.unique(codes[ids < 0]))
            ids = self._id_of.take(codes)
        return ids

    def _add(self, new: NDArray[np.uint32]) -> None:
        self._id_of[new] = np.arange(len(self), len(self) + new.size)
        characters = [chr(code_point) for code_point in new.tolist()]
        shaping = np.array([needs_shaping(character) for character in characters], np.bool_)
        hidden = np.array([is_hidden(character) for character in characters], np.bool_)
        blank = np.array([character.isspace() for character in characters], np.bool_)
        blank |= hidden | np.isin(new, (*JOINERS, BRAILLE_BLANK))
        # What has no ink lacks none: why a hidden character is not drawn is said for itself.
        needs_no_glyph = hidden | np.isin(new, JOINERS)
        support = np.column_stack(
            [_contains(font.code_points, new) | needs_no_glyph for font in self._fonts]
        )
        self.code_points = np.concatenate([self.code_points, new])
        self.support = np.concatenate([self.support, support])
        self.needs_shaping = np.concatenate([self.needs_shaping, shaping])
        self.is_blank = np.concatenate([self.is_blank, blank])
        self.is_hidden = np.concatenate([self.is_hidden, hidden])
        self.all_plain = bool(
            self.support.all() and not self.needs_shaping.any() and not self.is_hidden.any()
        )


def needs_shaping(character: str) -> bool:
    """Whether a character is drawn wrong one by one, from left to right.

    >>> [needs_shaping(c) for c in "aß中\u0301ش"]
    [False, False, False, True, True]
    """
    code_point = ord(character)
    if code_point == SOFT_HYPHEN:
        return False  # a soft hyphen that is written out in a text is meant to be seen
    return (
        unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf")
        or unicodedata.bidirectional(character) in ("R", "AL", "AN")
        or any(first <= code_point <= last for first, last in SHAPED_RANGES)
    )


def is_hidden(character: str) -> bool:
    """Whether a character leaves no ink of its own and is no joiner: no text with it is drawn.

    >>> [is_hidden(c) for c in "a\u200d\ufe0f\u0600"]
    [False, False, True, False]
    """
    code_point = ord(character)
    return (
        code_point not in JOINERS
        # Unassigned ones are left out: a later version of Unicode may make them visible.
        and unicodedata.category(character) != "Cn"
        and any(first <= code_point <= last for first, last in HIDDEN_RANGES)
    )


def describe(code_point: int) -> str:
    """Name a character for a person.

    >>> describe(0x4E2D), describe(7)
    ('U+4E2D 中', 'U+0007')
    """
    character = chr(code_point)
    is_visible = character.isprintable() and not is_hidden(character)
    return f"U+{code_point:04X} {character}" if is_visible else f"U+{code_point:04X}"


def _contains(ascending: NDArray[np.uint32], wanted: NDArray[np.uint32]) -> NDArray[np.bool_]:
    return np.isin(wanted, ascending, assume_unique=True)
