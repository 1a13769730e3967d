"""Whole batches of lines, shaped from words that are kept.

A line is cut into items (runs of one direction and script), these into pieces (words with the
spaces behind them, where the font has no rule across spaces). A piece is shaped once; its glyphs
then lie in a pool, out of which lines are gathered for a batch at once:

    line      CPU מהיר מאוד
    items     [CPU ]   [מהיר מאוד], in the order they are drawn
    pieces    [CPU ]   [מאוד] [מהיר ]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, seams, spell_out
from shmtext.draw.faces import Faces
from shmtext.draw.shape.cutting import (
    COMPOSED_BY_CHARACTER,
    FROM_RIGHT,
    MayCut,
    Pieces,
    Properties,
    clings,
    comes_apart,
    keeps_rtl,
)
from shmtext.draw.shape.order import may_turn, visual_runs
from shmtext.draw.shape.runs import GlyphRun
from shmtext.draw.shape.scripts import PAIRS, SHARED, resolved_scripts, script_of
from shmtext.draw.shape.shaper import (
    MAX_CONTEXT,
    Features,
    GlyphLists,
    Item,
    ShapedFace,
    ShapedFaces,
)
from shmtext.draw.shape.spaces import AtSpaces

POOL_GLYPHS = 2_000_000
POOL_PIECES = 200_000
"""What is kept of pieces, about 64 MB; then the pool is emptied."""
POOL_LINES = 50_000
"""Lines that are kept with the items they were cut into, 0.4 kB each."""

MAX_SCRIPTS = 512
NOT_SHAPED = -1

Key = tuple[int, str] | tuple[int, str, str, str]
"""A piece's face, script and direction as one number; its text; what beside it has a say."""


@dataclass(frozen=True, slots=True, eq=False)
class Shaped:
    """Some lines' glyphs, and what is to be known of the lines."""

    run: GlyphRun
    circled: NDArray[np.bool_]
    """Whether a line has a dotted circle that its text lacks, ``(num_lines,)``."""


class Shaper:
    """Shapes lines; keeps faces, and pieces of text as they were shaped."""

    def __init__(self, faces: Faces, features: Features | None = None) -> None:
        self._faces = ShapedFaces(faces, features or {})
        self._pool = _Pool()
        self._properties = Properties()
        self._items: dict[tuple[str, bool], list[Item]] = {}

    def lines(
        self,
        face_id: Ints,
        codes: NDArray[np.uint32],
        line_starts: Ints,
        is_rtl: NDArray[np.bool_],
    ) -> Shaped:
        """Shape lines, each in its face and in a paragraph of its direction.

        ``codes`` are the characters of all lines end to end, ``line_starts`` their seams,
        ``(num_lines + 1,)``.
        """
        if self._pool.is_full:
            self._pool = _Pool()
        if len(self._items) > POOL_LINES:
            self._items = {}
        whole = codes.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
        pieces, left = self._properties.cut(codes, line_starts, is_rtl, self._may_cut(face_id))
        line, start = pieces.line, pieces.start
        number = self._numbers(whole, face_id, line_starts, pieces)
        if left.size:
            others, starts, numbers = self._cut_alone(whole, face_id, line_starts, is_rtl, left)
            line = np.concatenate([line, others])
            start, number = np.concatenate([start, starts]), np.concatenate([number, numbers])
            order = np.argsort(line, kind="stable")
            line, start, number = line[order], start[order], number[order]
        self._pool.flush()
        counts = np.bincount(line, minlength=face_id.size)
        return self._pool.gather(number, start - line_starts[line], seams(counts))

    def _may_cut(self, face_id: Ints) -> MayCut:
        def may_cut(
            codes: NDArray[np.uint32], line: Ints, is_syllabic: NDArray[np.bool_]
        ) -> NDArray[np.bool_]:
            """Whether words that begin so can be shaped without what is before the space."""
            faces = face_id[line]
            result = np.ones(codes.size, np.bool_)
            for face in np.unique(faces).tolist():
                at_spaces = self._faces.get(face).font.at_spaces
                if not at_spaces.is_free:
                    inside = faces == face
                    result[inside] = at_spaces.are_free(codes[inside])
                    if at_spaces.is_free_in_syllabic:
                        result[inside] |= is_syllabic[inside]
            return result

        return may_cut

    def _numbers(self, whole: str, face_id: Ints, line_starts: Ints, pieces: Pieces) -> Ints:
        """Look pieces of all lines up; shape those that are new."""
        faces = face_id[pieces.line]
        kinds = (faces * MAX_SCRIPTS + pieces.script) * 2 + pieces.is_rtl
        starts, stops = pieces.start.tolist(), pieces.stop.tolist()
        texts = map(whole.__getitem__, map(slice, starts, stops))
        keys: list[Key] = list(zip(kinds.tolist(), texts, strict=True))
        for at in np.flatnonzero(pieces.needs_before | pieces.needs_behind).tolist():
            line_start, line_stop = line_starts[pieces.line[at] :][:2].tolist()
            before = behind = ""
            if pieces.needs_before[at]:
                before = whole[max(starts[at] - MAX_CONTEXT, line_start) : starts[at]]
            if pieces.needs_behind[at]:
                behind = whole[stops[at] : min(stops[at] + MAX_CONTEXT, line_stop)]
            keys[at] = *keys[at][:2], before, behind
        known = self._pool.numbers
        numbers = np.fromiter(map(known.get, keys, repeat(NOT_SHAPED)), np.int64, len(keys))
        for at in np.flatnonzero(numbers == NOT_SHAPED).tolist():
            number = known.get(keys[at])
            if number is None:
                script = self._properties.scripts[int(pieces.script[at])]
                item = Item(starts[at], stops[at], bool(pieces.is_rtl[at]), script)
                number = self._pool.shape(keys[at], self._faces.get(int(faces[at])), item)
            numbers[at] = number
        return numbers

    def _cut_alone(
        self, whole: str, face_id: Ints, line_starts: Ints, is_rtl: NDArray[np.bool_], lines: Ints
    ) -> tuple[Ints, Ints, Ints]:
        """Cut some lines one at a time: each piece's line, first character and number."""
        first = line_starts[lines].tolist()
        texts = [
            whole[start:stop]
            for start, stop in zip(first, line_starts[lines + 1].tolist(), strict=True)
        ]
        items = self._items_of(texts, is_rtl[lines].tolist())
        pieces: list[int] = []
        starts: list[int] = []
        counts: list[int] = []
        for text, face, of_line in zip(texts, face_id[lines].tolist(), items, strict=True):
            before = len(pieces)
            for item in of_line:
                self._find_pieces(face, text, item, pieces, starts)
            counts.append(len(pieces) - before)
        count = np.array(counts, np.int64)
        return (
            np.repeat(lines, count),
            np.array(starts, np.int64) + np.repeat(line_starts[lines], count),
            np.array(pieces, np.int64),
        )

    def mixed_line(self, face_id: Ints, text: str, *, is_rtl: bool) -> Shaped:
        """Shape a line in several faces, given that of each character, ``(num_characters,)``.

        Where the face changes a run ends, as it does where the script changes.
        """
        faces = face_id.tolist()
        pieces: list[int] = []
        starts: list[int] = []
        for item in self._items_of([text], [is_rtl])[0]:
            for part in _cut_at_faces(item, faces):
                self._find_pieces(faces[part.start], text, part, pieces, starts)
        self._pool.flush()
        seams_of_line = np.array([0, len(pieces)])
        return self._pool.gather(
            np.array(pieces, np.int64), np.array(starts, np.int64), seams_of_line
        )

    def vertical_line(self, face_id: Ints, text: str) -> Shaped:
        """Shape a line from top to bottom: pens go down, y less than 0.

        The run's ``end_26_6`` and ``furthest_26_6`` are counted downwards.
        """
        lists = GlyphLists()
        faces = face_id.tolist()
        has_circle = False
        for item in script_runs(line_scripts(text), 0, len(text), is_rtl=False):
            for part in _cut_at_faces(item, faces):
                face, first = self._faces.get(faces[part.start]), len(lists.glyph)
                face.shape_vertically(text, part, lists)
                has_circle |= is_circled(face, text[part.start : part.stop], lists.glyph[first:])
        x, y, _, y_advance = np.array(lists.positions, np.int64).reshape(-1, 4).T
        pen = seams(-y_advance)
        run = GlyphRun(
            glyph=np.array(lists.glyph, np.int32),
            x_26_6=x,
            y_26_6=y - pen[:-1],
            cluster=np.array(lists.cluster, np.int64),
            line_starts=np.array([0, x.size]),
            furthest_26_6=np.array([pen.max()]),
            end_26_6=pen[-1:],
        )
        return Shaped(run, np.array([has_circle]))

    def _items_of(self, texts: list[str], is_rtl: list[bool]) -> list[list[Item]]:
        """Cut lines into items; lines of several directions are put in order at once."""
        known = self._items
        keys = list(zip(texts, is_rtl, strict=True))
        turning = []
        for key in keys:
            if key not in known:
                text, turns = key
                if has_one_direction(text, is_rtl=turns):
                    known[key] = script_runs(line_scripts(text), 0, len(text), is_rtl=turns)
                else:
                    known[key] = []
                    turning.append(key)
        if turning:
            scripts = [line_scripts(text) for text, _ in turning]
            runs = visual_runs([text for text, _ in turning], [turns for _, turns in turning])
            for line, start, stop, turned in zip(
                runs.line.tolist(),
                runs.start.tolist(),
                runs.stop.tolist(),
                runs.is_rtl.tolist(),
                strict=True,
            ):
                known[turning[line]] += script_runs(scripts[line], start, stop, is_rtl=turned)
        return [known[key] for key in keys]

    def _find_pieces(
        self, face_id: int, text: str, item: Item, pieces: list[int], starts: list[int]
    ) -> None:
        """Look an item's pieces up, from left to right; shape those that are new."""
        script = self._properties.number(item.script)
        kind = (face_id * MAX_SCRIPTS + script) * 2 + item.is_rtl
        known = self._pool.numbers
        cuts = [item.start, item.stop]
        is_turned = not item.is_rtl and item.script in FROM_RIGHT
        if " " in text and not is_turned and not _is_composed_as_whole(text, item):
            cuts = _cuts(text, item, self._faces.get(face_id).font.at_spaces)
        bounds = list(pairwise(cuts))
        for start, stop in reversed(bounds) if item.is_rtl else bounds:
            key = kind, text[start:stop], *_contexts(text, start, stop)
            number = known.get(key)
            if number is None:
                number = self._pool.shape(
                    key, self._faces.get(face_id), Item(start, stop, item.is_rtl, item.script)
                )
            pieces.append(number)
            starts.append(start)


class _Pool:
    """Shaped pieces: their glyphs end to end, found by number."""

    def __init__(self) -> None:
        self.numbers: dict[Key, int] = {}
        self._glyphs = np.empty((4, 0), np.int32)
        """Glyph, x, y, cluster; seen from where the piece begins."""
        self._starts = np.zeros(1, np.int64)
        self._pieces = np.empty((3, 0), np.int64)
        """End and furthest position of the pen, and whether there is a circle."""
        self._new = GlyphLists()
        self._new_counts: list[int] = []
        self._new_circled: list[bool] = []

    @property
    def is_full(self) -> bool:
        return len(self.numbers) > POOL_PIECES or self._glyphs.shape[1] > POOL_GLYPHS

    def shape(self, key: Key, face: ShapedFace, item: Item) -> int:
        """Shape a piece between its contexts, return its number. It can be used after a flush."""
        number = len(self.numbers)
        self.numbers[key] = number
        text = key[1]
        before, behind = key[2:] if len(key) == 4 else ("", "")
        here = Item(len(before), len(before) + len(text), item.is_rtl, item.script)
        new = self._new
        first = len(new.glyph)
        face.shape(f"{before}{text}{behind}", here, new)
        glyphs = new.glyph[first:]
        if before:
            new.cluster[first:] = [cluster - len(before) for cluster in new.cluster[first:]]
        self._new_counts.append(len(glyphs))
        self._new_circled.append(is_circled(face, text, glyphs))
        return number

    def flush(self) -> None:
        """Put what was shaped since the last time with the rest."""
        if not self._new_counts:
            return
        new, counts = self._new, np.array(self._new_counts, np.int64)
        x, y, x_advance, _ = np.array(new.positions, np.int64).reshape(-1, 4).T
        pens = seams(x_advance)
        piece_starts = seams(counts)
        base = pens[piece_starts[:-1]]
        of_glyph = np.repeat(base, counts)
        glyphs = np.stack([new.glyph, x + pens[:-1] - of_glyph, y, new.cluster]).astype(np.int32)
        furthest = _greatest(pens[1:] - of_glyph, piece_starts)
        end = pens[piece_starts[1:]] - base
        pieces = np.stack([end, furthest, np.array(self._new_circled, np.int64)])
        self._starts = np.append(self._starts, piece_starts[1:] + self._glyphs.shape[1])
        self._glyphs = np.concatenate([self._glyphs, glyphs], axis=1)
        self._pieces = np.concatenate([self._pieces, pieces], axis=1)
        self._new, self._new_counts, self._new_circled = GlyphLists(), [], []

    def gather(self, number: Ints, first_character: Ints, line_pieces: Ints) -> Shaped:
        """Put pieces together to lines; ``line_pieces`` are lines' seams among them."""
        end, furthest, circled = self._pieces[:, number]
        pens = seams(end)
        line_base = pens[line_pieces[:-1]]
        pen = pens[:-1] - np.repeat(line_base, np.diff(line_pieces))
        starts = self._starts[number]
        counts = self._starts[number + 1] - starts
        glyph, x, y, cluster = self._glyphs[:, spell_out(starts, counts)]
        run = GlyphRun(
            glyph=glyph,
            x_26_6=x + np.repeat(pen, counts),
            y_26_6=y.astype(np.int64),
            cluster=cluster + np.repeat(first_character, counts),
            line_starts=seams(counts)[line_pieces],
            furthest_26_6=_greatest(pen + furthest, line_pieces),
            end_26_6=pens[line_pieces[1:]] - line_base,
        )
        return Shaped(run, _greatest(circled, line_pieces) > 0)


def _greatest(values: Ints, starts: Ints) -> Ints:
    """Return the greatest value of each range, at least 0."""
    result = np.zeros(starts.size - 1, np.int64)
    filled = np.flatnonzero(np.diff(starts))
    if filled.size:
        result[filled] = np.maximum(np.maximum.reduceat(values, starts[filled]), 0)
    return result


def has_one_direction(text: str, *, is_rtl: bool) -> bool:
    """Whether a line is known to be one run, without a look at the order of its characters."""
    if not is_rtl:
        return not may_turn(text)
    return all(map(keeps_rtl, set(text)))


def line_scripts(text: str) -> list[str] | str:
    """Scripts of a line's characters, or the one script that all of them have."""
    distinct = set(text)
    own = set(map(script_of, distinct)).difference(SHARED)
    # Brackets may stay without a script at a line's end.
    if len(own) == 1 and distinct.isdisjoint(PAIRS):
        return own.pop()
    return resolved_scripts(text)


def script_runs(scripts: list[str] | str, start: int, stop: int, *, is_rtl: bool) -> list[Item]:
    """Cut a run where its script changes; from left to right as it is drawn."""
    if isinstance(scripts, str):
        return [Item(start, stop, is_rtl, scripts)]
    items = []
    first = start
    for place in range(start + 1, stop):
        if scripts[place] != scripts[first]:
            items.append(Item(first, place, is_rtl, scripts[first]))
            first = place
    if start < stop:
        items.append(Item(first, stop, is_rtl, scripts[first]))
    return items[::-1] if is_rtl else items


def _cut_at_faces(item: Item, faces: Sequence[int]) -> list[Item]:
    """Cut a run where the face of its characters changes; from left to right as it is drawn."""
    inner = [at for at in range(item.start + 1, item.stop) if faces[at] != faces[at - 1]]
    parts = [
        Item(start, stop, item.is_rtl, item.script)
        for start, stop in pairwise([item.start, *inner, item.stop])
    ]
    return parts[::-1] if item.is_rtl else parts


def is_circled(face: ShapedFace, text: str, glyphs: list[int]) -> bool:
    """Whether shaping put in a dotted circle."""
    circle = face.font.circle
    if circle not in glyphs:
        return False
    glyph_of = face.font.in_units.get_nominal_glyph
    num_own = [glyph_of(ord(character)) for character in text].count(circle)
    return glyphs.count(circle) > num_own


def _cuts(text: str, item: Item, at_spaces: AtSpaces) -> list[int]:
    """Where words of an item begin, and its end."""
    cuts = [item.start]
    place = text.find(" ", item.start, item.stop)
    while place >= 0:
        place += 1
        if (
            place < item.stop
            and text[place] != " "
            and not clings(text[place])
            and (at_spaces.is_free or at_spaces.are_free(np.array([ord(text[place])]))[0])
        ):
            cuts.append(place)
        place = text.find(" ", place, item.stop)
    cuts.append(item.stop)
    return cuts


def _contexts(text: str, start: int, stop: int) -> tuple[str, str]:
    """What of the characters beside a piece has a say in its shape.

    Those decide how letters at its ends join, and whether a mark at its start gets a circle. A
    space joins nothing.
    """
    before = behind = ""
    if start and (text[start - 1] != " " or clings(text[start])):
        before = text[max(start - MAX_CONTEXT, 0) : start]
    if stop < len(text) and text[stop] != " " and text[stop - 1] != " ":
        behind = text[stop : stop + MAX_CONTEXT]
    return before, behind


def _is_composed_as_whole(text: str, item: Item) -> bool:
    """Whether words of an item may change with others that it has.

    In scripts with syllables HarfBuzz takes characters apart and puts them together again; the
    latter only if a mark stands anywhere in the item.
    """
    return item.script not in COMPOSED_BY_CHARACTER and any(
        map(comes_apart, set(text[item.start : item.stop]))
    )
