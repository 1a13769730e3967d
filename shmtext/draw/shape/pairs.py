"""Whole batches of simple lines shaped by numpy: plain glyphs, kerning of pairs, ligatures.

A line is simple if each of its characters is drawn by its own glyph or in a ligature, and glyphs
move by kerning of neighbours alone. Its glyphs and places then come out of tables, as HarfBuzz
would have them, to the 64th of a pixel. Other lines are named, and are for HarfBuzz to shape.

All tables are in font units: a face's values come of them by FreeType's and HarfBuzz's own
arithmetic, so that a further size of a font costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, all_in_ranges, seams
from shmtext.draw.faces import Faces
from shmtext.draw.shape.batch_scripts import OTHER_SCRIPT, SCRIPTS, Characters, find_runs
from shmtext.draw.shape.rules import MOST_CLASSES, UNKNOWN_VALUE
from shmtext.draw.shape.runs import GlyphRun
from shmtext.draw.shape.simple import (
    ADVANCE,
    BEGINS,
    CLASSES,
    COMPLEX,
    FLAGS,
    GLYPH,
    GOES_ON,
    JOINS,
    READ,
    Entries,
    SimpleCharacters,
    SimpleFont,
    complex_entries,
    fields,
)

Bools = NDArray[np.bool_]

MOST_ENTRIES = 1 << 23
"""Of characters x rules held, 64 MiB; then all start over."""

MOST_VALUES = 1 << 24
"""Of kerning held, 32 MiB; then all start over."""

NO_RULES = 0
"""Row of the characters of which nothing is known."""


class PairShaper:
    """Characters and kerning of all fonts, kept between batches."""

    def __init__(self, faces: Faces) -> None:
        self._faces = faces
        self._num_sizes = faces.num_sizes
        self._start_over()

    def _start_over(self) -> None:
        self._characters = Characters()
        self._fonts: dict[int, SimpleFont] = {}
        num_fonts = len(self._faces.fonts)
        self._row_of = np.full((num_fonts, OTHER_SCRIPT + 1), -1, np.int64)
        """Which row of the table holds a font's characters under a script; -1: not asked yet."""
        self._row_of[:, OTHER_SCRIPT] = NO_RULES
        self._rows: list[SimpleCharacters | None] = [None]
        self._table = np.zeros((8, 256), np.uint64)
        self._kerning = np.zeros(MOST_CLASSES, np.int16)
        self._kerning_start = np.zeros(1, np.int64)
        self._halves = np.zeros(1, np.bool_)
        self._x_scale = np.zeros(len(self._faces), np.int64)
        self._em_scale = np.zeros(len(self._faces), np.int64)

    def lines(
        self, face_id: Ints, codes: NDArray[np.uint32], line_starts: Ints
    ) -> tuple[Bools, GlyphRun]:
        """Shape lines, whose characters lie end to end with seams ``line_starts``.

        ``face_id`` is of shape ``(num_lines,)``. Returns which lines are simple, and the glyphs of
        these alone, in order. Raises ``OSError`` where a font's file is gone.
        """
        if self._table.size > MOST_ENTRIES or self._kerning.size > MOST_VALUES:
            self._start_over()
        ids = self._characters.ids(codes)
        runs = find_runs(self._characters, ids, line_starts)
        font_id = face_id // self._num_sizes
        row = self._rows_of(font_id[runs.line], runs.script)
        in_run = np.diff(runs.starts)
        entries = self._look_up(row, in_run, ids)
        glyphs = _Glyphs.of_characters(entries, row, runs.starts, line_starts)
        return self._place(self._ligate(glyphs), face_id)

    def _rows_of(self, font_id: Ints, script: NDArray[np.uint8]) -> Ints:
        """Return the table's row for each run, reading what has not been asked yet."""
        row: Ints = self._row_of[font_id, script]
        if row.size and int(row.min()) < 0:
            asked = np.unique(np.column_stack([font_id, script])[row < 0], axis=0)
            for font, number in asked.tolist():
                self._row_of[font, number] = self._find_row(font, list(SCRIPTS)[number])
            self._gather_kerning()
            row = self._row_of[font_id, script]
        return row

    def _find_row(self, font_id: int, script: str) -> int:
        if font_id not in self._fonts:
            font = self._fonts[font_id] = SimpleFont(self._faces.fonts[font_id])
            for number, size_px in enumerate(self._faces.sizes_px[font_id].tolist()):
                scale, face = 64 * size_px, font_id * self._num_sizes + number
                units = font.units_per_em
                self._x_scale[face] = ((scale << 16) + units // 2) // units
                self._em_scale[face] = (scale << 16) // units
        characters = self._fonts[font_id].characters(script)
        if characters is None:
            return NO_RULES
        self._rows.append(characters)
        return len(self._rows) - 1

    def _look_up(self, row: Ints, in_run: Ints, ids: NDArray[np.int32]) -> Entries:
        """Return the entry of each character, judging new ones."""
        num_rows, width = self._table.shape
        if len(self._rows) > num_rows or len(self._characters) > width:
            grown = np.zeros(
                (_room(num_rows, len(self._rows)), _room(width, len(self._characters))), np.uint64
            )
            grown[:num_rows, :width] = self._table
            self._table, width = grown, grown.shape[1]
        index = np.repeat(row * width, in_run)
        index += ids
        entries: Entries = self._table.take(index)
        if entries.size and not int(np.bitwise_and.reduce(fields(entries)[:, FLAGS])) & READ:
            self._judge(np.unique(index[fields(entries)[:, FLAGS] == 0]))
            entries = self._table.take(index)
        return entries

    def _judge(self, index: Ints) -> None:
        """Fill in entries of the table, given by their places in it."""
        code_points = self._characters.code_points.astype(np.int64)
        rows, ids = np.divmod(index, self._table.shape[1])
        for number in np.unique(rows).tolist():
            new, characters = ids[rows == number], self._rows[number]
            if characters is None:
                self._table[number, new] = complex_entries(new.size)
                continue
            if characters.judge(code_points[new]):
                # What was known may have got other classes, or have become complex.
                new = np.union1d(new, np.flatnonzero(self._table[number]))
            self._table[number, new] = characters.entries(code_points[new])
        self._gather_kerning()

    def _gather_kerning(self) -> None:
        """Put the kerning of all rows end to end."""
        pieces = [np.zeros((1, MOST_CLASSES), np.int16)]
        for values in (row.kerning for row in self._rows if row is not None):
            piece = np.zeros((values.shape[0], MOST_CLASSES), np.int16)
            piece[:, : values.shape[1]] = values
            pieces.append(piece)
        self._kerning = np.concatenate(pieces).ravel()
        self._kerning_start = seams(np.array([piece.size for piece in pieces]))[:-1]
        self._halves = np.array([row is not None and row.halves_kerning for row in self._rows])

    def _ligate(self, glyphs: _Glyphs) -> _Glyphs:
        """Replace what ligatures replace."""
        flags = fields(glyphs.entries)[:, FLAGS]
        begins = np.flatnonzero(flags & BEGINS)
        begins = begins[begins < flags.size - 1]
        begins = begins[flags[begins + 1] & GOES_ON > 0]
        if not begins.size:
            return glyphs
        # Lines with complex characters are not drawn: what becomes of these is not asked.
        is_joined = flags & (JOINS | COMPLEX) == JOINS
        first, last = _stretches(is_joined, glyphs.run_starts)
        number = np.unique(np.searchsorted(last, begins, side="right"))
        number = number[number < last.size]
        first, last = first[number], last[number]
        run = np.searchsorted(glyphs.run_starts, first, side="right") - 1
        text = fields(glyphs.entries)[:, GLYPH].tobytes()
        entries, is_kept = glyphs.entries.copy(), np.ones(flags.size, np.bool_)
        for row, start, stop in zip(
            glyphs.row[run].tolist(), first.tolist(), last.tolist(), strict=True
        ):
            characters = self._rows[row]
            if characters is not None:
                made, place = characters.ligate(text[2 * start : 2 * stop])
                is_kept[start:stop] = False
                is_kept[start + place] = True
                entries[start + place] = made
        return glyphs.keep(entries, is_kept)

    def _place(self, glyphs: _Glyphs, face_id: Ints) -> tuple[Bools, GlyphRun]:
        """Find the places of all glyphs, and which lines are simple."""
        of_glyph = fields(glyphs.entries)
        in_line = np.diff(glyphs.line_starts)
        advance = of_glyph[:, ADVANCE].astype(np.int64)
        advance *= np.repeat(self._x_scale[face_id], in_line)
        # To nearest twice, as FreeType does: to 16.16, and thence to 26.6.
        advance = (((advance + 32) >> 6) + 512) >> 10
        value = self._values(glyphs)
        is_simple = of_glyph[:, FLAGS] & COMPLEX == 0
        kerned = np.flatnonzero(value)
        is_simple[kerned] &= value[kerned] != UNKNOWN_VALUE
        is_known = all_in_ranges(is_simple, glyphs.line_starts)
        em_scale = self._em_scale[face_id][
            np.searchsorted(glyphs.line_starts, kerned, side="right") - 1
        ]
        kerning = value  # of which few are not 0
        kerning[kerned] = (value[kerned] * em_scale + (1 << 15)) >> 16
        advance += kerning
        behind = np.cumsum(advance)
        pen = behind - advance
        line_start = np.concatenate([[0], behind])[glyphs.line_starts]
        x = pen - np.repeat(line_start[:-1], in_line)
        halves = self._halves[glyphs.row]
        if halves.any():
            # What lies behind the seam does not carry the pen.
            is_halved = np.repeat(halves, np.diff(glyphs.run_starts))
            advance -= np.where(is_halved, kerning - (kerning >> 1), 0)
        furthest = np.zeros(in_line.size, np.int64)
        is_filled = in_line > 0
        if pen.size:
            starts = glyphs.line_starts[:-1][is_filled]
            furthest[is_filled] = np.maximum.reduceat(x + advance, starts)
        run = GlyphRun(
            glyph=of_glyph[:, GLYPH].astype(np.int32),
            x_26_6=x,
            y_26_6=np.zeros(x.size, np.int64),
            cluster=glyphs.cluster,
            line_starts=glyphs.line_starts,
            furthest_26_6=np.maximum(furthest, 0),
            end_26_6=np.diff(line_start),
        )
        return is_known, run if is_known.all() else _only(run, is_known)

    def _values(self, glyphs: _Glyphs) -> Ints:
        """Return the kerning between each glyph and the next one, in font units."""
        value = np.zeros(glyphs.entries.size, np.int64)
        if self._kerning.size > MOST_CLASSES:
            classes = fields(glyphs.entries)[:, CLASSES].astype(np.int64)
            index = np.repeat(self._kerning_start[glyphs.row], np.diff(glyphs.run_starts))
            index += classes & 0xFF00
            index[:-1] += classes[1:] & 0xFF
            value[:] = self._kerning.take(index)
            value[glyphs.run_starts[1:] - 1] = 0
        return value


@dataclass(frozen=True, slots=True, eq=False)
class _Glyphs:
    """Glyphs of a batch, not yet placed."""

    entries: Entries
    cluster: Ints
    row: Ints
    """Of each run, ``(num_runs,)``."""
    run_starts: Ints
    """Seams of runs among the glyphs, ``(num_runs + 1,)``; no run is empty."""
    line_starts: Ints

    @classmethod
    def of_characters(
        cls, entries: Entries, row: Ints, run_starts: Ints, line_starts: Ints
    ) -> _Glyphs:
        in_line = np.diff(line_starts)
        cluster = np.arange(entries.size) - np.repeat(line_starts[:-1], in_line)
        return cls(entries, cluster, row, run_starts, line_starts)

    def keep(self, entries: Entries, is_kept: Bools) -> _Glyphs:
        """Take new entries for the glyphs, and leave some glyphs out; never all of a run."""
        place = seams(is_kept)
        return _Glyphs(
            entries[is_kept],
            self.cluster[is_kept],
            self.row,
            place[self.run_starts],
            place[self.line_starts],
        )


def _stretches(is_in: Bools, run_starts: Ints) -> tuple[Ints, Ints]:
    """Return where glyphs that are in begin and end to stand side by side within a run."""
    is_first = is_in.copy()
    is_first[1:] &= ~is_in[:-1]
    is_first[run_starts[:-1]] = is_in[run_starts[:-1]]
    is_last = is_in.copy()
    is_last[:-1] &= ~is_in[1:] | is_first[1:]
    return np.flatnonzero(is_first), np.flatnonzero(is_last) + 1


def _only(run: GlyphRun, is_wanted: Bools) -> GlyphRun:
    """Leave out all other lines."""
    in_line = np.diff(run.line_starts)
    of_glyph = np.repeat(is_wanted, in_line)
    return GlyphRun(
        glyph=run.glyph[of_glyph],
        x_26_6=run.x_26_6[of_glyph],
        y_26_6=run.y_26_6[of_glyph],
        cluster=run.cluster[of_glyph],
        line_starts=seams(in_line[is_wanted]),
        furthest_26_6=run.furthest_26_6[is_wanted],
        end_26_6=run.end_26_6[is_wanted],
    )


def _room(have: int, needed: int) -> int:
    """Room to grow to, so that growing is rare."""
    return have if needed <= have else 2 * needed
