"""Fonts that have no rules for marks: HarfBuzz places these itself, by the boxes of glyphs.

Raqm has boxes of FreeType's: those of scaled outlines' points, each rounded to a 64th of a pixel.
HarfBuzz's own are others, and can't be replaced by a function, so that the text is shaped in a font
made for the purpose: an em has as many units as the face has 64ths of a pixel, and glyphs are boxes
without outlines. What fonts say of marks in ``GPOS`` is no business of this module.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import uharfbuzz as hb
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints

MOST_UNITS = 16_384
"""Of an em, as HarfBuzz reads it: above 256 px, or where a glyph is larger than 512 px, a unit is
more than a 64th of a pixel, and one mark in some fifty lies a pixel beside its place."""

KEPT_TABLES = "cmap", "maxp", "GSUB", "GDEF", "morx", "mort", "feat", "ltag", "OS/2"
OTHER_POSITIONING_TABLES = {"kerx", "trak"}

ASKS_FOR_ITS_OWN = {"Hebr": "hebr"}
"""Scripts in which HarfBuzz heeds no ``GPOS`` that lacks them; others take what is for any."""

_WORDS, _XY, _SCALE, _MORE, _XY_SCALE, _MATRIX = 0x1, 0x2, 0x8, 0x20, 0x40, 0x80
"""Flags of a component (OpenType, "glyf")."""

Box = tuple[int, int, int, int]
"""Left, bottom, right, top."""


def scripts_left(face: hb.Face) -> Callable[[str], bool]:
    """Tell in which scripts HarfBuzz places a font's marks by boxes, and one can be made for it."""
    tags = set(face.table_tags)
    if tags & OTHER_POSITIONING_TABLES or _scaled_kern(_table(face, "kern"), 1, 1) is None:
        return lambda _script: False
    if "GPOS" not in tags:
        return lambda _script: True
    has = set(face.get_table_script_tags("GPOS"))
    left = {script for script, tag in ASKS_FOR_ITS_OWN.items() if tag not in has}
    return left.__contains__


@dataclass(frozen=True, slots=True)
class Component:
    """A glyph within another: its number, where it lies, and what it is multiplied with."""

    glyph: int
    offset: tuple[int, int]
    scale: tuple[int, int]
    """In 65,536ths."""


class BoxedFont:
    """Boxes of a font's glyphs, at any size."""

    def __init__(self, face: hb.Face) -> None:
        self._face = face
        self._tables = {tag: _table(face, tag) for tag in KEPT_TABLES if tag in face.table_tags}
        num_glyphs = face.glyph_count
        self._glyf = _table(face, "glyf")
        self._loca = self._places(num_glyphs)
        self._components = {
            glyph: found for glyph in range(num_glyphs) if (found := self._components_of(glyph))
        }
        self._boxes = np.array(_boxes_of(hb.Font(face), num_glyphs)).reshape(-1, 4)
        """In units, where points lie as drawn; empty glyphs' are all 0."""
        self._shift = self._shifts(num_glyphs)

    def face(self, size_px: int) -> hb.Face:
        """Make the font of boxes for a size."""
        units_per_em = size_px * 64
        boxes = self._scaled(size_px)
        furthest = int(np.abs(boxes).max(initial=0))
        coarse = 1
        while units_per_em // coarse > MOST_UNITS or furthest // coarse >= 2**15 - 1:
            coarse *= 2
        boxes = (boxes + coarse // 2) // coarse
        whole = boxes.astype(">i2")
        glyphs = np.zeros((len(boxes), 6), ">i2")
        glyphs[:, 0] = 1
        glyphs[:, 1:5] = whole
        head = bytearray(_table(self._face, "head"))
        struct.pack_into(">H", head, 18, units_per_em // coarse)
        struct.pack_into(">H", head, 50, 1)
        hhea = bytearray(_table(self._face, "hhea"))
        struct.pack_into(">H", hhea, 34, 1)
        kern = _scaled_kern(_table(self._face, "kern"), units_per_em // coarse, self._face.upem)
        tables = self._tables | {
            "head": bytes(head),
            "hhea": bytes(hhea),
            # One advance, which nobody reads, then bearings alone.
            "hmtx": b"\0\0" + whole[:, 0].tobytes(),
            "loca": (np.arange(len(boxes) + 1) * 12).astype(">u4").tobytes(),
            "glyf": glyphs.tobytes(),
            "kern": kern or b"",
        }
        return hb.Face.create_for_tables(lambda _face, tag, _data: tables.get(tag), None)

    def _scaled(self, size_px: int) -> Ints:
        """Boxes in 64ths of a pixel, as FreeType has them without hinting."""
        units_per_em = self._face.upem
        scale = ((size_px * 64 << 16) + units_per_em // 2) // units_per_em
        shift = self._shift[:, None] * np.array([1, 0, 1, 0])
        boxes = _mul_fix(np.floor(self._boxes).astype(np.int64) + shift, scale)
        is_empty = np.logical_not(self._boxes.any(axis=1))
        done: set[int] = set()

        def compose(glyph: int) -> None:
            if glyph in done:
                return
            done.add(glyph)
            inner = []
            for part in self._components.get(glyph, ()):
                compose(part.glyph)
                if part.glyph < len(boxes) and not is_empty[part.glyph]:
                    factors = np.array(part.scale * 2)
                    box = boxes[part.glyph]
                    if part.scale != (0x10000, 0x10000):
                        box = _mul_fix(box, factors)
                    inner.append(box + np.tile(_mul_fix(np.array(part.offset), scale), 2))
            if inner:
                corners = np.array(inner)
                low = np.minimum(corners[:, :2], corners[:, 2:]).min(axis=0)
                high = np.maximum(corners[:, :2], corners[:, 2:]).max(axis=0)
                boxes[glyph] = (*low, *high)

        for glyph in self._components:
            compose(glyph)
        return boxes - _mul_fix(shift, scale)

    def _places(self, num_glyphs: int) -> list[int]:
        if not self._glyf:
            return []
        is_long = struct.unpack_from(">h", _table(self._face, "head"), 50)[0]
        loca = np.frombuffer(_table(self._face, "loca"), ">u4" if is_long else ">u2")
        places: list[int] = (loca.astype(np.int64) * (1 if is_long else 2)).tolist()
        return places[: num_glyphs + 1]

    def _data(self, glyph: int) -> bytes:
        places = self._loca
        return self._glyf[places[glyph] : places[glyph + 1]] if glyph + 1 < len(places) else b""

    def _components_of(self, glyph: int) -> list[Component]:
        data = self._data(glyph)
        found: list[Component] = []
        if len(data) < 10 or data[0] < 0x80:
            return found
        at, flags = 10, _MORE
        while flags & _MORE:
            flags, number = struct.unpack_from(">HH", data, at)
            form = ">hh" if flags & _WORDS else ">bb"
            arguments = struct.unpack_from(form, data, at + 4)
            at += 4 + struct.calcsize(form)
            factors = 1 * bool(flags & _SCALE) or 2 * bool(flags & _XY_SCALE)
            factors = factors or 4 * bool(flags & _MATRIX)
            values = struct.unpack_from(f">{factors}h", data, at)
            at += 2 * factors
            # Turned ones are taken for what is stretched: no font's marks hang on that.
            scale = (values[0], values[-1]) if values else (0x4000, 0x4000)
            offset = arguments if flags & _XY else (0, 0)
            found.append(Component(number, offset, (scale[0] * 4, scale[1] * 4)))
        return found

    def _shifts(self, num_glyphs: int) -> Ints:
        """How far HarfBuzz has moved each outline to the left, to where its bearing says."""
        shifts = np.zeros(num_glyphs, np.int64)
        if not self._glyf:
            return shifts
        num_long = struct.unpack_from(">H", _table(self._face, "hhea"), 34)[0]
        numbers = np.frombuffer(_table(self._face, "hmtx"), ">i2")
        bearings = np.concatenate([numbers[1 : 2 * num_long : 2], numbers[2 * num_long :]])
        for glyph in range(min(num_glyphs, bearings.size)):
            data = self._data(glyph)
            if len(data) >= 10:
                shifts[glyph] = struct.unpack_from(">h", data, 2)[0] - int(bearings[glyph])
        return shifts


def _boxes_of(font: hb.Font, num_glyphs: int) -> list[Box]:
    """Boxes of all points of each glyph's outline."""
    recorder = hb.DrawFuncs()
    recorder.set_move_to_func(lambda x, y, found: found.append((x, y)))
    recorder.set_line_to_func(lambda x, y, found: found.append((x, y)))
    recorder.set_quadratic_to_func(lambda a, b, x, y, found: found.extend(((a, b), (x, y))))
    recorder.set_cubic_to_func(
        lambda a, b, c, d, x, y, found: found.extend(((a, b), (c, d), (x, y)))
    )
    recorder.set_close_path_func(lambda _found: None)
    boxes = []
    for glyph in range(num_glyphs):
        points: list[tuple[int, int]] = []
        font.draw_glyph(glyph, recorder, points)
        xs, ys = zip(*points, strict=True) if points else ((0,), (0,))
        boxes.append((min(xs), min(ys), max(xs), max(ys)))
    return boxes


def _mul_fix(values: Ints, factor: Ints | int) -> Ints:
    """Multiply by 65,536ths, rounded as FreeType does: halves away from zero."""
    product = np.abs(values) * np.abs(factor) + 0x8000 >> 16
    signed: Ints = np.sign(values) * np.sign(factor) * product
    return signed


def _table(face: hb.Face, tag: str) -> bytes:
    return bytes(face.reference_table(tag).data) if tag in face.table_tags else b""


def _scaled_kern(table: bytes, units: int, units_per_em: int) -> bytes | None:
    """Multiply the values of a ``kern`` table; None where it has a form that is not read here."""
    if not table:
        return table
    factor = (units << 16) // units_per_em
    scaled = bytearray(table)
    is_apple = table[:4] == b"\0\1\0\0"
    try:
        (num_tables,) = struct.unpack_from(">I" if is_apple else ">H", table, 4 if is_apple else 2)
        at = 8 if is_apple else 4
        for _ in range(num_tables):
            form, at_length = (">I", at) if is_apple else (">H", at + 2)
            (length,) = struct.unpack_from(form, table, at_length)
            if table[at + 5 if is_apple else at + 4]:
                return None
            at_pairs = at + (8 if is_apple else 6)
            (num_pairs,) = struct.unpack_from(">H", table, at_pairs)
            values: NDArray[np.int16] = np.ndarray(
                (num_pairs,), ">i2", scaled, at_pairs + 8 + 4, (6,)
            )
            product = values.astype(np.int64) * factor + 0x8000 >> 16
            values[:] = np.clip(product, -(2**15), 2**15 - 1)
            at += length
    except (struct.error, IndexError, TypeError, ValueError):
        return None
    return bytes(scaled)
