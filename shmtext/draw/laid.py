"""What the two layouts have in common: lines of a group of texts, given glyphs and positions.

``full.py`` shapes lines, ``basic.py`` sets character after character.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, seams, spell_out
from shmtext.draw.glyphs import AboutToDraw, GlyphAtlas
from shmtext.draw.page import Pages
from shmtext.draw.shape.runs import GlyphRun
from shmtext.draw.texts import ShardTexts

GROUP_CHARACTERS = 24_576
"""About, of texts that are laid out at once: arrays of more leave a core's cache, and layout takes
a third longer."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Texts that are composed together, their characters end to end."""

    positions: Ints
    """In the shard, ``(num_texts,)``."""
    face_id: Ints
    """Of each text; those of one stride side by side."""
    is_rtl: NDArray[np.bool_]
    """Texts that read from right to left, ``(num_texts,)``."""
    characters: NDArray[np.int32]
    line_starts: Ints
    """Seams of lines among the characters, ``(num_lines + 1,)``."""
    text_lines: Ints
    """Seams of texts among the lines, ``(num_texts + 1,)``."""
    is_apart: NDArray[np.bool_] | None = None
    """Texts whose letters are to stand apart, ``(num_texts,)``; None: none are."""

    @classmethod
    def gather(cls, shard: ShardTexts, positions: Ints) -> Group:
        """Take some of a shard's texts, none of them empty; all of them without a copy."""
        lines, face_id, is_rtl = shard.lines, shard.face_id[positions], shard.is_rtl[positions]
        if np.array_equal(positions, np.arange(len(shard.texts))):
            whole = shard.characters, lines.line_starts, lines.text_lines
            return cls(positions, face_id, is_rtl, *whole)
        num_lines = np.diff(lines.text_lines)[positions]
        line_ids = spell_out(lines.text_lines[positions], num_lines)
        num_glyphs = np.diff(lines.line_starts)[line_ids]
        characters = shard.characters[spell_out(lines.line_starts[line_ids], num_glyphs)]
        return cls(positions, face_id, is_rtl, characters, seams(num_glyphs), seams(num_lines))

    def one(self, number: int) -> Group:
        """One of the texts."""
        first, last = self.text_lines[number : number + 2].tolist()
        starts = self.line_starts[first : last + 1]
        return Group(
            positions=self.positions[number : number + 1],
            face_id=self.face_id[number : number + 1],
            is_rtl=self.is_rtl[number : number + 1],
            characters=self.characters[starts[0] : starts[-1]],
            line_starts=starts - starts[0],
            text_lines=np.array([0, last - first]),
            is_apart=None if self.is_apart is None else self.is_apart[number : number + 1],
        )

    def on_pages(self, pages: Pages | None) -> Group:
        """The same texts, knowing which are to stand apart."""
        if pages is None or not pages.letter_26_6.any():
            return self
        return replace(self, is_apart=pages.letter_26_6 != 0)

    @property
    def text_starts(self) -> Ints:
        """Seams of texts among the characters, ``(num_texts + 1,)``."""
        return self.line_starts[self.text_lines]

    @property
    def text_of_line(self) -> Ints:
        """Number within the group of each line's text."""
        return np.repeat(np.arange(self.positions.size), np.diff(self.text_lines))


def in_groups(texts: Ints, num_characters: Ints) -> Iterator[Ints]:
    """Divide texts, in their order, into groups that are laid out at once.

    ``num_characters`` is of any text by its number, and a group has ``GROUP_CHARACTERS``, about.
    """
    number = np.cumsum(num_characters[texts]) // GROUP_CHARACTERS
    for group in np.split(texts, np.flatnonzero(np.diff(number)) + 1):
        if group.size:
            yield group


@dataclass(frozen=True, slots=True, eq=False)
class LaidLines:
    """A group's lines, as a layout has them."""

    run: GlyphRun
    line_of_glyph: Ints
    """Number within the group of each glyph's line."""
    text_of_glyph: Ints
    """Number within the group of each glyph's text."""
    slots: NDArray[np.int32]
    """Of each glyph in the layout's atlas."""
    is_known: NDArray[np.bool_]
    """Texts whose glyphs and positions are known beyond doubt, ``(num_texts,)``."""


class Layout(Protocol):
    """Finds glyphs and positions for lines of text."""

    atlas: GlyphAtlas

    def run(self, group: Group, about_to_draw: AboutToDraw) -> GlyphRun:
        """Find a group's glyphs and positions, as ``lay`` does, drawing no more than these need."""

    def lay(self, group: Group, about_to_draw: AboutToDraw) -> LaidLines:
        """Find a group's glyphs, drawing those that are new.

        ``about_to_draw`` is told the position of a text in its shard before a glyph is drawn for
        it. Raises ``OSError`` where FreeType refuses one.
        """
