"""A place on a variable font's axes, and the advances there, to the unit as FreeType has them.

FreeType counts in 65,536ths where HarfBuzz rounds to 16,384ths, so that some glyphs of HarfBuzz's
are a unit wider. Read from a font's bytes; which places there are is ``instances.py``'s.
(OpenType 1.9.1: "fvar", "avar", "HVAR", "Item variation stores".)
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import uharfbuzz as hb

from shmtext.corpus.ranges import Ints

Axes = tuple[tuple[str, float], ...]
"""Tag and value of each of a font's axes, in the font's order; none: as the font is by default."""

PARTS = 8
"""Parts of an axis' unit that values come in. Pillow sets whole values: see ``with_finer_axes``."""

ONE = 1 << 16

TAGS = "fvar", "avar", "HVAR"


@dataclass(frozen=True, slots=True)
class VariedTables:
    """What of a font's tables decides a place on its axes; empty where it has no such table."""

    fvar: bytes
    avar: bytes
    hvar: bytes

    @classmethod
    def of(cls, face: hb.Face) -> VariedTables:
        """Take them from a font."""
        tags = face.table_tags
        found = (tag in tags and bytes(face.reference_table(tag).data) for tag in TAGS)
        return cls(*(table or b"" for table in found))


def with_finer_axes(font: bytearray, fvar: slice) -> None:
    """Multiply the ends and defaults of a font's axes by ``PARTS``, in place.

    Values of its axes that are set later are meant likewise; outlines stay as they were. ``fvar``
    is where that table lies. Raises ``struct.error`` if it is damaged, or ends beyond 4,095.
    """
    for at in _axes_at(bytes(font[fvar])):
        ends = struct.unpack_from(">3i", font, fvar.start + at + 4)
        struct.pack_into(">3i", font, fvar.start + at + 4, *(PARTS * end for end in ends))


def parts_of(axes: Axes) -> list[int]:
    """Return the values to set in a font ``with_finer_axes``."""
    return [round(PARTS * value) for _, value in axes]


def normalized_16_16(tables: VariedTables, axes: Axes) -> list[int]:
    """Return FreeType's coordinates, from -1 to 1 in 65,536ths, of a place on all axes.

    Raises as ``advance_deltas`` does.
    """
    placed = []
    ends = [struct.unpack_from(">3i", tables.fvar, at + 4) for at in _axes_at(tables.fvar)]
    for (low, default, high), (_, value) in zip(ends, axes, strict=True):
        coordinate = min(max(round(value * ONE), low), high)
        if coordinate < default:
            placed.append(-_divided((default - coordinate) << 16, default - low))
        elif coordinate > default:
            placed.append(_divided((coordinate - default) << 16, high - default))
        else:
            placed.append(0)
    return _mapped(tables.avar, placed)


def advance_deltas(tables: VariedTables, place: Sequence[int], num_glyphs: int) -> Ints:
    """Return what is added to each glyph's advance, in font units, at a place of ``place``.

    Raises one of ``DAMAGED`` for such a table.
    """
    table = tables.hvar
    if not table:
        return np.zeros(num_glyphs, np.int64)
    store_at, map_at = struct.unpack_from(">2I", table, 4)
    store = table[store_at:]
    _, regions_at, num_parts = struct.unpack_from(">HIH", store)
    parts_at = struct.unpack_from(f">{num_parts}I", store, 8)
    scalars = _scalars(store, regions_at, place)
    deltas = [_deltas(store, at, scalars) for at in parts_at]
    outer, inner = _indices(table, map_at, num_glyphs)
    found = np.zeros(num_glyphs, np.int64)
    for number, each in enumerate(deltas):
        is_here = (outer == number) & (inner < each.size)
        found[is_here] = each[inner[is_here]]
    return found


def stand_at(font: hb.Font, place: Sequence[int]) -> None:
    """Let a font of HarfBuzz's stand at a place, in 16,384ths: as Pillow's Raqm takes it over."""
    font.set_var_coords_normalized([(each + 2 >> 2) / (ONE >> 2) for each in place])


def _axes_at(fvar: bytes) -> list[int]:
    """Where each axis' record begins."""
    first, _, count, size = struct.unpack_from(">4H", fvar, 4)
    return [first + size * number for number in range(count)]


def _mapped(avar: bytes, place: list[int]) -> list[int]:
    """Coordinates after the font's own map of each axis."""
    if not avar:
        return place
    at, mapped = 8, []
    for coordinate in place:
        (count,) = struct.unpack_from(">H", avar, at)
        values = struct.unpack_from(f">{2 * count}h", avar, at + 2)
        pairs = [(4 * values[k], 4 * values[k + 1]) for k in range(0, 2 * count, 2)]
        at += 2 + 4 * count
        for (start, start_to), (stop, stop_to) in itertools.pairwise(pairs):
            if coordinate < stop:
                way = (coordinate - start) * (stop_to - start_to)
                coordinate = _divided(way, stop - start) + start_to
                break
        mapped.append(coordinate)
    return mapped


def _divided(value: int, divisor: int) -> int:
    """Quotient rounded to the nearest, halves away from 0."""
    quotient = (abs(value) + divisor // 2) // divisor if divisor > 0 else 0x7FFFFFFF
    return quotient if value >= 0 else -quotient


def _scalars(store: bytes, at: int, place: Sequence[int]) -> Ints:
    """How much of each region's deltas counts, in 65,536ths."""
    num_axes, num_regions = struct.unpack_from(">2H", store, at)
    numbers = np.frombuffer(store, ">i2", 3 * num_axes * num_regions, at + 4)
    regions = 4 * numbers.astype(np.int64).reshape(num_regions, num_axes, 3)
    return np.array([_scalar(region, place) for region in regions.tolist()], np.int64)


def _scalar(region: list[list[int]], place: Sequence[int]) -> int:
    scalar = ONE
    for (start, peak, end), coordinate in zip(region, place, strict=True):
        if peak in (0, coordinate):
            continue
        if not start < coordinate < end:
            return 0
        if coordinate < peak:
            scalar = _divided(scalar * (coordinate - start), peak - start)
        else:
            scalar = _divided(scalar * (end - coordinate), end - peak)
    return scalar


def _deltas(store: bytes, at: int, scalars: Ints) -> Ints:
    """Deltas of a part of the store, each the sum over its regions."""
    num_items, words, num_regions = struct.unpack_from(">3H", store, at)
    regions = np.frombuffer(store, ">u2", num_regions, at + 6)
    wide, narrow = (">i4", ">i2") if words & 0x8000 else (">i2", "i1")
    num_wide = words & 0x7FFF
    row = np.dtype([("wide", wide, num_wide), ("narrow", narrow, num_regions - num_wide)])
    rows = np.frombuffer(store, row, num_items, at + 6 + 2 * num_regions)
    values = np.concatenate([rows["wide"], rows["narrow"]], axis=1).astype(np.int64)
    sums: Ints = values @ scalars[regions]
    return (sums + ONE // 2) >> 16


def _indices(table: bytes, at: int, num_glyphs: int) -> tuple[Ints, Ints]:
    """Outer and inner number of each glyph's deltas."""
    glyphs = np.arange(num_glyphs)
    if not at:
        return np.zeros(num_glyphs, np.int64), glyphs
    form, entry = table[at], table[at + 1]
    count_form = ">I" if form else ">H"
    (count,) = struct.unpack_from(count_form, table, at + 2)
    size = (entry >> 4 & 3) + 1
    first = at + 2 + struct.calcsize(count_form)
    data = np.frombuffer(table, np.uint8, size * count, first).reshape(count, size)
    numbers = data.astype(np.int64) @ (1 << 8 * np.arange(size)[::-1])
    # Glyphs beyond the map have its last entry.
    of_glyph = numbers[np.minimum(glyphs, count - 1)]
    num_bits = (entry & 15) + 1
    outer, inner = of_glyph >> num_bits, of_glyph & ((1 << num_bits) - 1)
    return outer, inner


def without_deltas(num_axes: int) -> bytes:
    """Make an ``HVAR`` table by which no advance varies, for a font of so many axes."""
    header = struct.pack(">2H4I", 1, 0, 20, 0, 0, 0)
    store = struct.pack(">HIHI", 1, 12, 1, 16) + struct.pack(">2H", num_axes, 0)
    return header + store + struct.pack(">3H", 0, 0, 0)
