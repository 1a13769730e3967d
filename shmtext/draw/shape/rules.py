"""What a font's layout rules do to a line of simple glyphs: ligatures, kerning of pairs, or more.

``Rules`` holds what tables can hold: which sequences become ligatures, what each pair adds to the
left glyph's advance. A glyph that any other rule could touch is complex, and a line with one is
not to be drawn by these tables. All is judged for a given set of glyphs, those that lines may be
made of: most rules of a font need glyphs that are not among them, such as marks, and never act.

Which glyphs a text has, and lines, are not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints
from shmtext.draw.shape.opentype import (
    NOT_COVERED,
    ClassValues,
    Lookup,
    PairRecords,
    Table,
    pairs_of_classes,
    pairs_of_glyphs,
)

Bools = NDArray[np.bool_]

Ligatures = dict[int, tuple[tuple[tuple[int, ...], int], ...]]
"""By first glyph: the glyphs that must follow, and the ligature; tried in this order. Where none
must follow, a glyph is always replaced by another."""

MOST_CLASSES = 256
"""Of left and of right glyphs that are told apart, so that a class is one byte. Fonts have 30 to
120 among the letters of a script."""

MOST_MEASURED = 1024
"""Likewise before those that are kerned alike are found."""

NO_GLYPH = 1 << 16
"""Stands for every glyph that no rule names."""

UNKNOWN_VALUE = -(2**15)
"""Kerning of a pair that one addition to the left advance does not describe."""

MARK = 3
"""Class of a glyph in GDEF."""

IGNORE_BASES, IGNORE_LIGATURES = 2, 4
"""Flags of a lookup; those about marks say nothing about lines without any."""

SINGLES, LIGATURES = 1, 4
"""Kinds of lookups in GSUB."""

PAIRS = 2
"""Kind of lookups in GPOS."""


@dataclass(frozen=True, slots=True, eq=False)
class FontTables:
    """The layout tables of a font; those it lacks are empty."""

    gsub: Table
    gpos: Table
    gdef: Table


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """What is known of some glyphs, the ligatures they make included.

    Arrays of glyphs have shape ``(num_glyphs,)``.
    """

    glyphs: Ints
    """Ascending."""
    becomes: Ints
    """Place among ``glyphs`` of what always stands for each."""
    is_complex: Bools
    ligatures: tuple[Ligatures, ...]
    """Of each lookup, in the order in which they are applied."""
    left_class: NDArray[np.uint8]
    """Of each glyph as the left one of a pair."""
    right_class: NDArray[np.uint8]
    kerning: NDArray[np.int16]
    """In font units, ``(num_left_classes, num_right_classes)``; may be ``UNKNOWN_VALUE``."""


def find_rules(
    tables: FontTables,
    substitutions: Iterable[Lookup],
    positionings: Iterable[Lookup],
    kern: Iterable[PairRecords],
    nominal: Ints,
) -> Rules:
    """Judge lines made of some glyphs (``nominal``).

    ``kern`` are the subtables of the table of that name where it is the one that counts. Damaged
    tables raise one of ``DAMAGED``.
    """
    substitutions = list(substitutions)
    glyphs, held = _close(tables, substitutions, np.unique(nominal))
    is_complex = _are_marks(tables.gdef, glyphs)
    own = _Kinds(glyphs)
    for lookup in substitutions:
        if not _is_held(tables, lookup, glyphs):
            _mark_touched(_needs_of_substitution(tables.gsub, lookup, own), is_complex)
    pair_lookups: list[list[_PairTable]] = []
    for lookup in positionings:
        if lookup.kind == PAIRS and not _skips_glyphs(tables.gdef, lookup, glyphs):
            pair_lookups.append(list(_pair_tables(tables.gpos, lookup, glyphs)))
        else:
            _mark_touched(_needs_of_positioning(tables.gpos, lookup, own), is_complex)
    pair_lookups += ([_PairTable.of_records(records, glyphs)] for records in kern)
    left, right, kerning = _kerning(pair_lookups, glyphs.size)
    is_complex |= (left >= MOST_CLASSES) | (right >= MOST_CLASSES)
    becomes = _replace_singles(held, glyphs, is_complex)
    return Rules(
        glyphs,
        becomes,
        is_complex,
        held,
        np.where(left < MOST_CLASSES, left, 0).astype(np.uint8),
        np.where(right < MOST_CLASSES, right, 0).astype(np.uint8),
        kerning[:MOST_CLASSES, :MOST_CLASSES],
    )


def apply_ligatures(
    ligatures: tuple[Ligatures, ...], glyphs: tuple[int, ...]
) -> tuple[list[tuple[int, int]], set[int]]:
    """Return what becomes of some glyphs: for each that is left, its number and first place.

    And all glyphs that have stood there for a while.

    >>> apply_ligatures(({1: (((1, 2), 9), ((2,), 8))},), (1, 1, 2, 1))
    ([(9, 0), (1, 3)], {1, 2, 9})
    """
    line = [(glyph, place) for place, glyph in enumerate(glyphs)]
    met = set(glyphs)
    for lookup in ligatures:
        done: list[tuple[int, int]] = []
        at = 0
        while at < len(line):
            glyph, place = line[at]
            at += 1
            for others, ligature in lookup.get(glyph, ()):
                stop = at + len(others)
                if tuple(glyph for glyph, _ in line[at:stop]) == others:
                    glyph, at = ligature, stop
                    break
            done.append((glyph, place))
        line = done
        met.update(glyph for glyph, _ in line)
    return line, met


def _close(
    tables: FontTables, lookups: list[Lookup], glyphs: Ints
) -> tuple[Ints, tuple[Ligatures, ...]]:
    """Add what glyphs can be replaced by, and what that can."""
    while True:
        found = tuple(
            _replacements(tables.gsub, lookup, glyphs)
            for lookup in lookups
            if _is_held(tables, lookup, glyphs)
        )
        made = [made for lookup in found for sets in lookup.values() for _, made in sets]
        closed = np.union1d(glyphs, np.array(made, np.int64))
        if closed.size == glyphs.size:
            return glyphs, tuple(lookup for lookup in found if lookup)
        glyphs = closed


def _is_held(tables: FontTables, lookup: Lookup, glyphs: Ints) -> bool:
    """Whether what a substitution does is held as ``Ligatures``."""
    return (
        lookup.kind in (SINGLES, LIGATURES)
        and not lookup.at_once
        and not _skips_glyphs(tables.gdef, lookup, glyphs)
    )


def _replace_singles(held: tuple[Ligatures, ...], glyphs: Ints, is_complex: Bools) -> Ints:
    """Find what always stands for each glyph. Those that may be in a ligature, too, are complex."""
    becomes = np.arange(glyphs.size)
    sets = [(first, others) for lookup in held for first in lookup for others, _ in lookup[first]]
    single = {first for first, others in sets if not others}
    joined = {part for first, others in sets if others for part in (first, *others)}
    for place in np.flatnonzero(np.isin(glyphs, list(single))).tolist():
        chain = [int(glyphs[place])]
        for lookup in held:
            replaced = [made for others, made in lookup.get(chain[-1], ()) if not others]
            chain += replaced[:1]
        places = np.searchsorted(glyphs, chain)
        becomes[place] = places[-1]
        is_complex[place] |= bool(is_complex[places].any()) or not joined.isdisjoint(chain)
    return becomes


def _skips_glyphs(gdef: Table, lookup: Lookup, glyphs: Ints) -> bool:
    """Whether a lookup may pass over some of these glyphs, taking their neighbours for a pair."""
    if not lookup.flags & (IGNORE_BASES | IGNORE_LIGATURES):
        return False
    classes = _glyph_classes(gdef, glyphs)
    if classes is None:
        return True
    bases, ligatures = 1, 2
    is_skipped = (lookup.flags & IGNORE_BASES > 0) & (classes == bases)
    is_skipped |= (lookup.flags & IGNORE_LIGATURES > 0) & (classes == ligatures)
    return bool(is_skipped.any())


def _glyph_classes(gdef: Table, glyphs: Ints) -> Ints | None:
    at = gdef.u16(4) if len(gdef) else 0
    return gdef.classes(at, glyphs) if at else None


def _are_marks(gdef: Table, glyphs: Ints) -> Bools:
    """Tell which glyphs the font calls marks: shaping takes their width away."""
    classes = _glyph_classes(gdef, glyphs)
    return np.zeros(glyphs.size, np.bool_) if classes is None else classes == MARK


def _sets_of_first(gsub: Table, at: int, glyphs: Ints) -> Iterator[tuple[int, list[int]]]:
    """Of a ligature subtable, yield the glyphs that begin one, and where their ligatures are."""
    index = gsub.coverage(at + gsub.u16(at + 2), glyphs)
    sets = gsub.offsets(at + 4, at)
    for place in np.flatnonzero(index != NOT_COVERED).tolist():
        if index[place] < len(sets):
            in_set = sets[index[place]]
            yield int(glyphs[place]), gsub.offsets(in_set, in_set)


def _replacements(gsub: Table, lookup: Lookup, glyphs: Ints) -> Ligatures:
    """Read what some glyphs, alone or together, are replaced by."""
    found: dict[int, list[tuple[tuple[int, ...], int]]] = {}
    have = set(glyphs.tolist())
    for at in lookup.subtables:
        if lookup.kind == SINGLES:
            for first, made in _singles(gsub, at, glyphs):
                found.setdefault(first, []).append(((), made))
            continue
        for first, ligatures in _sets_of_first(gsub, at, glyphs):
            for ligature in ligatures:
                others = gsub.few(ligature + 4, max(gsub.u16(ligature + 2) - 1, 0))
                if have.issuperset(others):
                    found.setdefault(first, []).append((others, gsub.u16(ligature)))
    return {first: tuple(sets) for first, sets in found.items()}


def _singles(gsub: Table, at: int, glyphs: Ints) -> Iterator[tuple[int, int]]:
    index = gsub.coverage(at + gsub.u16(at + 2), glyphs)
    is_covered = index != NOT_COVERED
    first, index = glyphs[is_covered], index[is_covered]
    if gsub.u16(at) == 1:
        made = (first + gsub.u16(at + 4)) & 0xFFFF
    else:
        listed = gsub.u16s(at + 6, gsub.u16(at + 4))
        first, made = first[index < listed.size], listed[index[index < listed.size]]
    yield from zip(first.tolist(), made.tolist(), strict=True)


Needs = Iterator[Iterator[Bools]]
"""Of each rule, which glyphs there must be: it acts only where one of each of these sets is."""


def _needs_of_substitution(gsub: Table, lookup: Lookup, own: _Kinds) -> Needs:
    for at in lookup.subtables:
        if lookup.kind in (5, 6):
            yield from _needs_of_context(gsub, at, own, is_chained=lookup.kind == 6)
        elif lookup.kind == 8:
            after = at + 6 + 2 * gsub.u16(at + 4)
            around = gsub.offsets(at + 4, at) + gsub.offsets(after, at)
            yield _covered(gsub, [at + gsub.u16(at + 2), *around], own.of_glyph)
        else:
            yield _covered(gsub, [at + gsub.u16(at + 2)], own.of_glyph)


def _needs_of_positioning(gpos: Table, lookup: Lookup, own: _Kinds) -> Needs:
    for at in lookup.subtables:
        if lookup.kind in (7, 8):
            yield from _needs_of_context(gpos, at, own, is_chained=lookup.kind == 8)
        elif lookup.kind in (4, 5, 6):  # a mark's, and what it is put on
            both = [at + gpos.u16(at + 2), at + gpos.u16(at + 4)]
            yield _covered(gpos, both, own.of_glyph)
        else:
            yield _covered(gpos, [at + gpos.u16(at + 2)], own.of_glyph)


def _covered(table: Table, coverages: list[int], glyphs: Ints) -> Iterator[Bools]:
    return (table.coverage(at, glyphs) != NOT_COVERED for at in coverages)


def _needs_of_context(table: Table, at: int, own: _Kinds, *, is_chained: bool) -> Needs:
    form, glyphs = table.u16(at), own.of_glyph
    if form == 3:
        coverages: list[int] = []
        place = at + 2
        if not is_chained:
            coverages = (table.u16s(at + 6, table.u16(at + 2)) + at).tolist()
        else:
            for _ in ("before", "itself", "after"):
                coverages += table.offsets(place, at)
                place += 2 + 2 * table.u16(place)
        yield _covered(table, coverages, glyphs)
        return
    index = table.coverage(at + table.u16(at + 2), glyphs)
    if (index == NOT_COVERED).all():
        return
    if form == 1:
        kinds, list_at = [own, own, own], at + 4
    else:
        defined = [at + table.u16(at + 4 + 2 * place) for place in range(3 if is_chained else 1)]
        before, *rest = (table.classes(one, glyphs) for one in defined)
        itself, after = rest or (before, before)
        kinds, list_at = (
            [_Kinds(each) for each in (before, itself, after)],
            at + 4 + 2 * len(defined),
        )
        index = np.where(index == NOT_COVERED, NOT_COVERED, itself)
    first = _Kinds(index)
    for number, rule_set in enumerate(table.offsets(list_at, at)):
        if rule_set == at or number not in first.there:
            continue
        for rule in table.offsets(rule_set, rule_set):
            parts = _parts_of_rule(table, rule, is_chained=is_chained)
            # Of the thousands of rules of a font most name what no line here has.
            if all(each.there.issuperset(part) for each, part in zip(kinds, parts, strict=True)):
                yield _of_parts(first.are(number), parts, kinds)


class _Kinds:
    """Glyphs, or their classes, as the rules of a subtable ask for them at one place."""

    def __init__(self, of_glyph: Ints) -> None:
        self.of_glyph = of_glyph
        self.there = frozenset(of_glyph.tolist())
        self._are: dict[int, Bools] = {}

    def are(self, kind: int) -> Bools:
        """Tell which glyphs are of a kind."""
        if kind not in self._are:
            self._are[kind] = self.of_glyph == kind
        return self._are[kind]


def _parts_of_rule(table: Table, rule: int, *, is_chained: bool) -> list[tuple[int, ...]]:
    """Read what must stand before, itself (but for the first glyph) and after."""
    if not is_chained:
        return [(), table.few(rule + 4, max(table.u16(rule) - 1, 0)), ()]
    parts = []
    for unwritten in (0, 1, 0):
        count = max(table.u16(rule) - unwritten, 0)
        parts.append(table.few(rule + 2, count))
        rule += 2 + 2 * count
    return parts


def _of_parts(
    is_first: Bools, parts: list[tuple[int, ...]], kinds: list[_Kinds]
) -> Iterator[Bools]:
    yield is_first
    for part, each in zip(parts, kinds, strict=True):
        yield from map(each.are, sorted(set(part)))


def _mark_touched(needs: Needs, is_complex: Bools) -> None:
    """Make complex the fewest glyphs without which no rule can act.

    A rule's own results need not be looked at: where no rule acts there are none.
    """
    for sets in needs:
        fewest, least = None, is_complex.size + 1
        for is_met in sets:
            count = int(np.count_nonzero(is_met))
            if count < least:
                fewest, least = is_met, count
            if count == 0:
                break
        if fewest is not None:
            is_complex |= fewest


@dataclass(frozen=True, slots=True, eq=False)
class _PairTable:
    """One pair subtable, and under which key it knows each glyph.

    Glyphs of one left key, or one right key, are all kerned alike by it. The last key is that of
    ``NO_GLYPH``.
    """

    left_key: Ints
    right_key: Ints
    values: PairRecords | ClassValues

    @classmethod
    def of_records(cls, records: PairRecords, glyphs: Ints) -> _PairTable:
        glyphs = np.append(glyphs, NO_GLYPH)
        is_met = np.isin(records.left, glyphs) & np.isin(records.right, glyphs)
        records = PairRecords(
            records.left[is_met],
            records.right[is_met],
            records.value[is_met],
            records.is_odd[is_met],
        )
        return cls(
            np.where(np.isin(glyphs, records.left), glyphs, NOT_COVERED),
            np.where(np.isin(glyphs, records.right), glyphs, NOT_COVERED),
            records,
        )

    def cells(self, left_key: Ints, right_key: Ints) -> tuple[Ints, Bools, Bools]:
        """Return value, whether it is odd, and whether the subtable applies, of all pairs."""
        shape = left_key.size, right_key.size
        if isinstance(self.values, ClassValues):
            num_left, num_right = self.values.value.shape
            applies = ((left_key >= 0) & (left_key < num_left))[:, None] & (right_key < num_right)
            left = np.where((left_key >= 0) & (left_key < num_left), left_key, 0)[:, None]
            right = np.where(right_key < num_right, right_key, 0)
            if not applies.any():
                return np.zeros(shape, np.int64), applies, applies
            return self.values.value[left, right], self.values.is_odd[left, right], applies
        value, is_odd = np.zeros(shape, np.int64), np.zeros(shape, np.bool_)
        applies = np.zeros(shape, np.bool_)
        by_left, by_right = np.argsort(left_key), np.argsort(right_key)
        left = np.searchsorted(left_key, self.values.left, sorter=by_left)
        right = np.searchsorted(right_key, self.values.right, sorter=by_right)
        # Of many kerned glyphs only the first MOST_MEASURED are here.
        left, right = (np.minimum(left, shape[0] - 1), np.minimum(right, shape[1] - 1))
        left, right = by_left[left], by_right[right]
        is_here = (left_key[left] == self.values.left) & (right_key[right] == self.values.right)
        left, right = left[is_here], right[is_here]
        value[left, right] = self.values.value[is_here]
        is_odd[left, right] = self.values.is_odd[is_here]
        applies[left, right] = True
        return value, is_odd, applies


def _pair_tables(gpos: Table, lookup: Lookup, glyphs: Ints) -> Iterator[_PairTable]:
    """Read those subtables of a pair lookup that cover any of the glyphs."""
    for at in lookup.subtables:
        index = gpos.coverage(at + gpos.u16(at + 2), glyphs)
        is_covered = index != NOT_COVERED
        if not is_covered.any():
            continue
        if gpos.u16(at) == 1:
            records = pairs_of_glyphs(gpos, at, glyphs[is_covered], index[is_covered])
            yield _PairTable.of_records(records, glyphs)
        elif gpos.u16(at) == 2:
            left = gpos.classes(at + gpos.u16(at + 8), glyphs)
            right = gpos.classes(at + gpos.u16(at + 10), glyphs)
            left = np.append(np.where(is_covered, left, NOT_COVERED), NOT_COVERED)
            yield _PairTable(left, np.append(right, 0), pairs_of_classes(gpos, at))


def _kerning(
    lookups: list[list[_PairTable]], num_glyphs: int
) -> tuple[Ints, Ints, NDArray[np.int16]]:
    """Return each glyph's left and right class, and the kerning of all pairs of classes."""
    tables = [table for lookup in lookups for table in lookup]
    if not tables:
        nothing = np.zeros(num_glyphs, np.int64)
        return nothing, nothing, np.zeros((1, 1), np.int16)
    left_example, left_class = _told_apart([table.left_key for table in tables])
    right_example, right_class = _told_apart([table.right_key for table in tables])
    left_example, right_example = left_example[:MOST_MEASURED], right_example[:MOST_MEASURED]
    shape = left_example.size, right_example.size
    total, num_values = np.zeros(shape, np.int64), np.zeros(shape, np.int8)
    is_known = np.ones(shape, np.bool_)
    for lookup in lookups:
        is_open = np.ones(shape, np.bool_)
        for table in lookup:
            value, is_odd, applies = table.cells(
                table.left_key[left_example], table.right_key[right_example]
            )
            applies = applies & is_open
            is_open &= ~applies
            total += np.where(applies, value, 0)
            num_values += applies & (value != 0)
            is_known &= ~(applies & is_odd)
    # Each lookup's value is rounded by itself: what two add up to is not one value scaled.
    is_known &= num_values <= 1
    kerning = np.where(is_known, total, UNKNOWN_VALUE).astype(np.int16)
    row_class, kerning = _merge_rows(kerning)
    column_class, turned = _merge_rows(np.ascontiguousarray(kerning.T))
    return (
        _of_class(row_class, left_class[:num_glyphs]),
        _of_class(column_class, right_class[:num_glyphs]),
        np.ascontiguousarray(turned.T),
    )


def _told_apart(keys: list[Ints]) -> tuple[Ints, Ints]:
    """Number what differs in any of some keys; return an example of each, and numbers."""
    _, example, number = np.unique(
        np.column_stack(keys), axis=0, return_index=True, return_inverse=True
    )
    return example, number.ravel()


def _merge_rows(rows: NDArray[np.int16]) -> tuple[Ints, NDArray[np.int16]]:
    """Number rows so that equal ones have one number; return numbers, and one row of each."""
    known: dict[bytes, int] = {}
    number = [known.setdefault(row.tobytes(), len(known)) for row in rows]
    _, example = np.unique(number, return_index=True)
    return np.array(number, np.int64), rows[example]


def _of_class(merged: Ints, number: Ints) -> Ints:
    """Look up merged numbers; ``MOST_CLASSES`` for what was not measured."""
    is_measured = number < merged.size
    return np.where(is_measured, merged[np.where(is_measured, number, 0)], MOST_CLASSES)
