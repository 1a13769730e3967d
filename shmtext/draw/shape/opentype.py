"""A font's layout tables (GSUB, GPOS, GDEF) read as arrays, as far as rules need it.

Only how the tables are laid out is known here; what their lookups do to a text is known in
``rules.py``. Names of fields are those of the OpenType specification. Nothing is read before it is
asked for, as whole tables take fontTools tens of milliseconds a font. What a table does not hold
raises ``ValueError``, ``IndexError`` or ``struct.error``: ``DAMAGED`` of ``tables.py``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, seams, spell_out
from shmtext.draw.kern import HORIZONTAL, read_kern

NOT_COVERED = -1

EXTENSION = {"GSUB": 7, "GPOS": 9}
"""Type of the lookups that only say where the lookup is, for offsets of more than 16 bits."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """One lookup: what kind of rule its subtables hold, and where they begin."""

    kind: int
    flags: int
    subtables: tuple[int, ...]
    at_once: bool
    """Applied before all others, by feature ``rvrn``."""


@dataclass(frozen=True, slots=True)
class Lookups:
    """Those that apply to a script, in the order in which they do."""

    in_order: tuple[int, ...]
    at_once: frozenset[int]
    """Those of feature ``rvrn``."""
    has_kern: bool
    """Whether there is a feature ``kern``, even an empty one."""


class Table:
    """One table's bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data)

    def u16(self, at: int) -> int:
        """Return the number at an offset."""
        value: int = struct.unpack_from(">H", self._data, at)[0]
        return value

    def u32(self, at: int) -> int:
        """Return the number of 32 bits at an offset."""
        value: int = struct.unpack_from(">L", self._data, at)[0]
        return value

    def tag(self, at: int) -> str:
        """Return the four letters at an offset."""
        return self._data[at : at + 4].decode("latin-1")

    def u16s(self, at: int, count: int) -> Ints:
        """Return ``count`` numbers that lie end to end."""
        return np.frombuffer(self._data, ">u2", count, at).astype(np.int64)

    def u16s_at(self, at: Ints) -> Ints:
        """Return the numbers at many offsets."""
        data = np.frombuffer(self._data, np.uint8)
        return data[at].astype(np.int64) << 8 | data[at + 1]

    def few(self, at: int, count: int) -> tuple[int, ...]:
        """Return a few numbers that lie end to end: an array of them takes ten times as long."""
        return struct.unpack_from(f">{count}H", self._data, at)

    def offsets(self, at: int, base: int) -> list[int]:
        """Return a list of offsets from ``base``, whose length stands at ``at``, as from 0."""
        return [base + offset for offset in self.few(at + 2, self.u16(at))]

    def coverage(self, at: int, glyphs: Ints) -> Ints:
        """Return each glyph's number in a coverage table, or ``NOT_COVERED``."""
        form, count = self.u16(at), self.u16(at + 2)
        if count == 0:
            return np.full(glyphs.size, NOT_COVERED)
        if form == 1:
            listed = self.u16s(at + 4, count)
            place = np.minimum(np.searchsorted(listed, glyphs), count - 1)
            return np.where(listed[place] == glyphs, place, NOT_COVERED)
        first, last, start = self._ranges(at, form)
        place = np.maximum(np.searchsorted(first, glyphs, side="right") - 1, 0)
        is_inside = (first[place] <= glyphs) & (glyphs <= last[place])
        return np.where(is_inside, start[place] + glyphs - first[place], NOT_COVERED)

    def classes(self, at: int, glyphs: Ints) -> Ints:
        """Return each glyph's class in a class definition, 0 where it names none."""
        form = self.u16(at)
        if form == 1:
            start, count = self.u16(at + 2), self.u16(at + 4)
            place = glyphs - start
            is_inside = (place >= 0) & (place < count)
            listed = np.append(self.u16s(at + 6, count), 0)
            return np.where(is_inside, listed[np.where(is_inside, place, 0)], 0)
        if self.u16(at + 2) == 0:
            return np.zeros(glyphs.size, np.int64)
        first, last, kind = self._ranges(at, form)
        place = np.maximum(np.searchsorted(first, glyphs, side="right") - 1, 0)
        return np.where((first[place] <= glyphs) & (glyphs <= last[place]), kind[place], 0)

    def _ranges(self, at: int, form: int) -> tuple[Ints, Ints, Ints]:
        if form != 2:
            raise ValueError(f"a coverage or class table of form {form}")
        first, last, third = self.u16s(at + 4, 3 * self.u16(at + 2)).reshape(-1, 3).T
        if (np.diff(first) < 0).any():
            raise ValueError("ranges out of order")
        return first, last, third

    def lookups(self, script: str, features: frozenset[str]) -> Lookups:
        """Find what applies to a script (its OpenType tag) in no particular language."""
        if self.u16(0) != 1:
            raise ValueError("a layout table of another version")
        if self.u16(2) >= 1 and self.u32(10):
            raise ValueError("lookups that depend on a font's axes")
        language = self._language(script)
        if language is None:
            return Lookups((), frozenset(), has_kern=False)
        in_list = self.u16(6)
        numbers = self.u16s(language + 6, self.u16(language + 4)).tolist()
        of_tag: dict[str, int] = {}
        for number in numbers:
            of_tag.setdefault(self.tag(in_list + 2 + 6 * number), number)
        wanted = {number for tag, number in of_tag.items() if tag in features}
        required = self.u16(language + 2)
        if required != 0xFFFF:
            wanted.add(required)

        def of_feature(number: int) -> list[int]:
            feature = in_list + self.u16(in_list + 2 + 6 * number + 4)
            return list(self.few(feature + 4, self.u16(feature + 2)))

        found = {lookup for number in wanted for lookup in of_feature(number)}
        at_once = frozenset(of_feature(of_tag["rvrn"]) if "rvrn" in of_tag else ())
        return Lookups(tuple(sorted(found)), at_once, "kern" in of_tag)

    def _language(self, script: str) -> int | None:
        scripts = self.u16(4)
        records = [scripts + 2 + 6 * number for number in range(self.u16(scripts))]
        offset_of = {self.tag(at): scripts + self.u16(at + 4) for at in reversed(records)}
        # HarfBuzz's order where a font lacks the script; "dflt" is a common mistake of fonts.
        for tag in (script, "DFLT", "dflt", "latn"):
            if tag in offset_of:
                found = offset_of[tag]
                return found + self.u16(found) if self.u16(found) else None
        return None

    def lookup(self, number: int, table: str, *, at_once: bool) -> Lookup:
        """Read one lookup of a table, ``GSUB`` or ``GPOS``."""
        in_list = self.u16(8)
        if number >= self.u16(in_list):
            return Lookup(0, 0, (), at_once)
        at = in_list + self.u16(in_list + 2 + 2 * number)
        kind, subtables = self.u16(at), self.offsets(at + 4, at)
        if kind == EXTENSION[table] and subtables:
            kind = self.u16(subtables[0] + 2)
            subtables = [subtable + self.u32(subtable + 4) for subtable in subtables]
        return Lookup(kind, self.u16(at + 2), tuple(subtables), at_once)


@dataclass(frozen=True, slots=True, eq=False)
class PairRecords:
    """Values of single pairs, from a PairPos subtable of form 1 or a ``kern`` table.

    Arrays have shape ``(num_pairs,)``.
    """

    left: Ints
    """Glyph."""
    right: Ints
    """Glyph."""
    value: Ints
    """Added to the left glyph's advance, in font units."""
    is_odd: NDArray[np.bool_]
    """Whether it does more than that."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassValues:
    """Values of pairs of classes, ``(num_left_classes, num_right_classes)``."""

    value: Ints
    is_odd: NDArray[np.bool_]


X_PLACEMENT, Y_PLACEMENT, X_ADVANCE = 1, 2, 4
"""Bits of a ValueFormat. Devices and Y_ADVANCE say nothing about an unhinted horizontal line."""


def pairs_of_glyphs(table: Table, at: int, left: Ints, index: Ints) -> PairRecords:
    """Read the pairs of left glyphs, given their coverage indexes, from a PairPos of form 1."""
    form_1, form_2 = table.u16(at + 4), table.u16(at + 6)
    stride = 2 + 2 * (form_1.bit_count() + form_2.bit_count())
    pair_sets = table.u16s(at + 10, table.u16(at + 8))
    is_there = index < pair_sets.size
    left, start = left[is_there], at + pair_sets[index[is_there]]
    count = table.u16s_at(start)
    number = spell_out(np.zeros(count.size, np.int64), count)
    record = np.repeat(start + 2, count) + number * stride
    right = table.u16s_at(record)
    first = seams(count)[:-1][count > 0]
    is_ascending = np.diff(right, prepend=-1) > 0
    is_ascending[first] = True
    if not is_ascending.all():
        raise ValueError("pairs out of order")
    value, is_odd = _values(table, record + 2, form_1, form_2)
    return PairRecords(np.repeat(left, count), right, value, is_odd)


def pairs_of_classes(table: Table, at: int) -> ClassValues:
    """Read the values of a PairPos of form 2."""
    form_1, form_2 = table.u16(at + 4), table.u16(at + 6)
    shape = table.u16(at + 12), table.u16(at + 14)
    stride = 2 * (form_1.bit_count() + form_2.bit_count())
    record = at + 16 + stride * np.arange(shape[0] * shape[1])
    value, is_odd = _values(table, record, form_1, form_2)
    return ClassValues(value.reshape(shape), is_odd.reshape(shape))


def _values(table: Table, record: Ints, form_1: int, form_2: int) -> tuple[Ints, NDArray[np.bool_]]:
    """Read the value records that begin at some offsets."""

    def field(bit: int) -> Ints:
        if not form_1 & bit:
            return np.zeros(record.size, np.int64)
        raw = table.u16s_at(record + 2 * (form_1 & (bit - 1)).bit_count())
        return raw - ((raw >> 15) << 16)

    # A second value, be it 0, keeps the right glyph from being the left one of the next pair.
    is_odd = (field(X_PLACEMENT) != 0) | (field(Y_PLACEMENT) != 0) | (form_2 != 0)
    return field(X_ADVANCE), is_odd


def pairs_of_kern(data: bytes) -> list[PairRecords]:
    """Read the subtables of a ``kern`` table, all of which must be horizontal and sound."""
    subtables = read_kern(data)
    if not all(each.is_sound and each.coverage == HORIZONTAL for each in subtables):
        raise ValueError("a kern subtable of another form")
    return [
        PairRecords(left, right, value, np.zeros(left.size, np.bool_))
        for left, right, value in (each.pairs.T for each in subtables)
    ]
