"""Lines of shaped glyphs moved apart and aside: letter and word spacing, alignment, justification.

For many texts at once. What shaping has, glyphs and their places within a line, is taken as it is;
lines that are justified are shaped anew, word by word, as Pillow does it: its words lose the
kerning with the spaces between them. In lines with letters that read leftwards, which Pillow would
put in the wrong order, spaces are widened instead.

Alignment is Pillow's (``ImageText.Text._split``): a line stands half or all of what it is shorter
than the longest to the right, to the 64th of a pixel, rounded to nearest. Numbers only: no pixel
is touched here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, seams, spell_out
from shmtext.draw.characters import LEFTWARDS, CharacterTable
from shmtext.draw.laid import Group
from shmtext.draw.page import CENTER, JUSTIFY, RIGHT, Pages
from shmtext.draw.shape.runs import GlyphRun

SPACE, NO_BREAK_SPACE = 0x20, 0xA0

Bools = NDArray[np.bool_]

ShapeWords = Callable[[Group, Ints], GlyphRun]
"""Shapes words, each a line of a group of which each line is a text; also given is where their
characters are in the group that they come from."""


@dataclass(frozen=True, slots=True, eq=False)
class Arranged:
    """A group's lines, arranged."""

    run: GlyphRun
    """Its positions are from where the paragraph begins, not from where a line does."""
    source: Ints | None
    """Of each glyph, its number among those of the lines as they came, followed by those of
    words; None: they came as they are."""
    justified: Ints
    """Numbers of lines that were shaped word by word."""


def arrange(
    group: Group, run: GlyphRun, pages: Pages, table: CharacterTable, shape_words: ShapeWords
) -> Arranged:
    """Arrange the shaped lines of a group's texts."""
    text_of_line = group.text_of_line
    run = _spaced(group, run, pages.take(text_of_line), table)
    longest = np.maximum.reduceat(run.end_26_6, group.text_lines[:-1])[text_of_line]
    short = longest - run.end_26_6
    align = pages.align[text_of_line]
    shift = np.where(align == RIGHT, short, np.where(align == CENTER, (short + 1) >> 1, 0))
    run = _moved(run, shift)
    if not (align == JUSTIFY).any():
        return Arranged(run, None, np.zeros(0, np.int64))
    codes = table.code_points.take(group.characters)
    num_spaces = _in_lines(codes == SPACE, group.line_starts)
    is_last = np.zeros(text_of_line.size, np.bool_)
    is_last[group.text_lines[1:] - 1] = True
    is_wide = (align == JUSTIFY) & ~is_last & (short != 0) & (num_spaces > 0)
    if not is_wide.any():
        return Arranged(run, None, np.zeros(0, np.int64))
    turns = _in_lines(table.reads[group.characters] == LEFTWARDS, group.line_starts) > 0
    turns |= group.is_rtl[text_of_line]
    run = _widened(group, run, np.where(is_wide & turns, short, 0), codes)
    lines = np.flatnonzero(is_wide & ~turns)
    if not lines.size:
        return Arranged(run, None, lines)
    words, places = _words_of(group, lines, codes)
    shaped = shape_words(words, places)
    shaped = _spaced(words, shaped, pages.take(text_of_line[lines[words.text_of_line]]), table)
    return _with_words(run, lines, words, shaped, longest[lines])


def ends_26_6(group: Group, run: GlyphRun, pages: Pages | None, table: CharacterTable) -> Ints:
    """How far a group's texts go, of one line each, in 64ths of a pixel.

    A line alone stands where its paragraph begins, and is not justified.
    """
    return run.end_26_6 if pages is None else _spaced(group, run, pages, table).end_26_6


def _spaced(group: Group, run: GlyphRun, pages: Pages, table: CharacterTable) -> GlyphRun:
    """Add room between letters and to spaces; ``pages`` are those of lines."""
    if not (pages.letter_26_6.any() or pages.word_26_6.any()):
        return run
    boundaries = _Boundaries.of(group, run)
    later = boundaries.later
    characters = group.characters
    before = np.maximum(later - 1, 0)
    is_held = table.is_cursive[characters[later]] & table.is_cursive[characters[before]]
    is_held |= table.continues[characters[later]]
    is_held |= table.is_joiner[characters[later]] | table.is_joiner[characters[before]]
    codes = table.code_points.take(characters)
    is_space, is_last_space = boundaries.spaces(run, codes, (SPACE, NO_BREAK_SPACE))
    more = pages.letter_26_6[boundaries.line] * (boundaries.is_one & ~is_held)
    more += pages.word_26_6[boundaries.line] * is_space
    # Nothing is added before a line's first glyph.
    along = seams(more)
    base = along[run.line_starts[:-1]]
    total = along[run.line_starts[1:]] - base + pages.word_26_6 * is_last_space
    end = run.end_26_6 + total
    return replace(
        run,
        x_26_6=run.x_26_6 + along[1:] - base[boundaries.line],
        end_26_6=end,
        furthest_26_6=np.maximum(np.maximum(end, run.furthest_26_6 + total), 0),
    )


def _widened(group: Group, run: GlyphRun, more_26_6: Ints, codes: NDArray[np.uint32]) -> GlyphRun:
    """Widen the spaces of lines evenly, until each is so much longer."""
    if not more_26_6.any():
        return run
    boundaries = _Boundaries.of(group, run)
    is_space, is_last_space = boundaries.spaces(run, codes, (SPACE,))
    along, line = seams(is_space.astype(np.int64)), boundaries.line
    num_before = along[1:] - along[run.line_starts[:-1]][line]
    num_spaces = _in_lines(is_space, run.line_starts) + is_last_space
    shares = np.maximum(num_spaces, 1)
    shift = (2 * num_before * more_26_6[line] + shares[line]) // (2 * shares[line])
    return replace(
        run,
        x_26_6=run.x_26_6 + shift,
        end_26_6=run.end_26_6 + more_26_6,
        furthest_26_6=run.furthest_26_6 + more_26_6,
    )


def _moved(run: GlyphRun, shift_26_6: Ints) -> GlyphRun:
    if not shift_26_6.any():
        return run
    return replace(
        run,
        x_26_6=run.x_26_6 + shift_26_6[run.line_of_glyph],
        end_26_6=run.end_26_6 + shift_26_6,
        furthest_26_6=run.furthest_26_6 + shift_26_6,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Boundaries:
    """What lies to the left of each glyph, ``(num_glyphs,)``."""

    line: Ints
    character: Ints
    """The glyph's own: the first of its cluster, in the group."""
    is_one: Bools
    """Whether the glyph before it, in the same line, is of another cluster."""
    later: Ints
    """Of the two clusters' first characters, the one that is read later."""

    @classmethod
    def of(cls, group: Group, run: GlyphRun) -> _Boundaries:
        line = run.line_of_glyph
        character = group.line_starts[line] + run.cluster
        before, line_before = (np.append(each[:1], each[:-1]) for each in (character, line))
        is_one = (character != before) & (line == line_before)
        return cls(line, character, is_one, np.maximum(character, np.where(is_one, before, 0)))

    def spaces(
        self, run: GlyphRun, codes: NDArray[np.uint32], wanted: tuple[int, ...]
    ) -> tuple[Bools, Bools]:
        """Whether a space stands to the left of each boundary, and whether one ends each line.

        ``codes`` are the group's code points, ``wanted`` those that are spaces.
        """
        is_space = np.isin(codes[self.character], wanted)
        ends = np.append(False, is_space)[:-1] & self.is_one
        has_glyphs = np.diff(run.line_starts) > 0
        is_last = np.zeros(has_glyphs.size, np.bool_)
        is_last[has_glyphs] = is_space[run.line_starts[1:][has_glyphs] - 1]
        return ends, is_last


def _in_lines(has: Bools, line_starts: Ints) -> Ints:
    """How many of each line's characters, or glyphs, have something."""
    counted = seams(has.astype(np.int64))
    return counted[line_starts[1:]] - counted[line_starts[:-1]]


def _words_of(group: Group, lines: Ints, codes: NDArray[np.uint32]) -> tuple[Group, Ints]:
    """Lines as texts, their words as lines; at each space a word ends, however many there are.

    And the places of their characters.
    """
    count = np.diff(group.line_starts)[lines]
    places = spell_out(group.line_starts[lines], count)
    is_space = codes[places] == SPACE
    line_of_place = np.repeat(np.arange(lines.size), count)
    num_words = _in_lines(is_space, seams(count)) + 1
    # A word ends before each space, and with its line.
    word_of_place = np.cumsum(is_space) + line_of_place
    length = np.bincount(word_of_place[~is_space], minlength=int(num_words.sum()))
    text, kept = group.text_of_line[lines], places[~is_space]
    words = Group(
        positions=group.positions[text],
        face_id=group.face_id[text],
        is_rtl=group.is_rtl[text],
        characters=group.characters[kept],
        line_starts=seams(length),
        text_lines=seams(num_words),
        is_apart=None if group.is_apart is None else group.is_apart[text],
    )
    return words, kept


def _with_words(
    run: GlyphRun, lines: Ints, words: Group, shaped: GlyphRun, longest_26_6: Ints
) -> Arranged:
    """Put words in the place of some lines, as far apart as makes these as long as the longest."""
    word_starts, line_of_word = words.text_lines, words.text_of_line
    ordinal = np.arange(line_of_word.size) - word_starts[line_of_word]
    before = seams(shaped.end_26_6)
    before = before[:-1] - before[word_starts[line_of_word]]
    spare = longest_26_6 - np.add.reduceat(shaped.end_26_6, word_starts[:-1])
    num_gaps = np.diff(word_starts)[line_of_word] - 1
    gaps = (2 * ordinal * spare[line_of_word] + num_gaps) // (2 * num_gaps)
    start = before + gaps
    num_glyphs = np.diff(shaped.line_starts)
    # A space stands behind every word but a line's last.
    characters = words.line_starts[:-1] + np.arange(line_of_word.size)
    first_character = characters - characters[word_starts[line_of_word]]
    x_26_6 = shaped.x_26_6 + np.repeat(start, num_glyphs)
    cluster = shaped.cluster + np.repeat(first_character, num_glyphs)
    reached = np.maximum.reduceat(start + shaped.furthest_26_6, word_starts[:-1])
    first, count = run.line_starts[:-1].copy(), np.diff(run.line_starts)
    first[lines] = run.glyph.size + shaped.line_starts[word_starts[:-1]]
    count[lines] = np.diff(shaped.line_starts[word_starts])
    source = spell_out(first, count)
    furthest, end = run.furthest_26_6.copy(), run.end_26_6.copy()
    furthest[lines], end[lines] = np.maximum(reached, longest_26_6), longest_26_6
    arranged = GlyphRun(
        glyph=np.concatenate([run.glyph, shaped.glyph])[source],
        x_26_6=np.concatenate([run.x_26_6, x_26_6])[source],
        y_26_6=np.concatenate([run.y_26_6, shaped.y_26_6])[source],
        cluster=np.concatenate([run.cluster, cluster])[source],
        line_starts=seams(count),
        furthest_26_6=furthest,
        end_26_6=end,
    )
    return Arranged(arranged, source, lines)
