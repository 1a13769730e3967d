"""Font files read: what is known of each of a file's fonts, and which of them are asked for.

Tables are read with fontTools, once; what is known travels as ``FontFile``. What may stand in a
font's place is told apart by ``kinds.py``; nothing is drawn here.
"""

from __future__ import annotations

import errno
import hashlib
import io
import logging
import os
import stat
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import spell_out
from shmtext.draw.cmaps import agreed_map, maps_of, read_little
from shmtext.draw.coverage import is_space, mapped_characters
from shmtext.draw.font_file import FontFile
from shmtext.draw.instances import Asked, Design, chosen_axes, name_of
from shmtext.draw.kern import read_kern
from shmtext.draw.kinds import HEAD_BYTES, foreign_kind
from shmtext.draw.stored import WEB_FONTS, num_fonts, unpacked
from shmtext.draw.tables import DAMAGED
from shmtext.errors import FontError

BITMAP_TABLES = {"EBDT", "bdat"}
COLOR_TABLES = {"CBDT", "sbix", "COLR", "SVG "}

APPLE_KERN = b"\0\1\0\0"
"""The version of Apple's ``kern`` tables, which are laid out otherwise."""

MOST_FONTS = 256
"""In a collection; the largest have some 60. A damaged header may promise billions."""

Fixed = Literal["", "HVAR", "avar"]
"""Which table keeps a variable font where it is: one that is missing, or is of another version."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadFont:
    """One of a file's fonts, as it is by default, and what it can be."""

    font: FontFile
    design: Design
    fixed: Fixed


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What came of reading a file; at least one of its fonts can be read."""

    fonts: tuple[ReadFont, ...]
    num_fonts: int
    faults: tuple[tuple[int, str], ...] = ()
    """Numbers of the fonts that can't be read, and why not, with the file's path."""

    def at(self, path: Path) -> Reading:
        """The same of a file that has this content, and lies elsewhere."""
        resolved = str(path.resolve())
        fonts = (
            replace(
                each, font=replace(each.font, path=resolved, name=_name(path, each.font.number))
            )
            for each in self.fonts
        )
        return replace(self, fonts=tuple(fonts))

    def chosen(self, asked: Asked) -> tuple[list[FontFile], list[str]]:
        """Return the fonts that are asked for, and what is wrong with others that are.

        Raises ``FontError`` where there are no such.
        """
        path, number = asked.path, asked.number
        if number is not None and number >= self.num_fonts:
            if self.num_fonts == 1:
                raise FontError(f"{path} holds one font: leave out '#{number}'")
            raise FontError(
                f"{path} holds {self.num_fonts} fonts, #0 to #{self.num_fonts - 1}, got #{number}"
            )
        chosen = [each for each in self.fonts if number in (None, each.font.number or 0)]
        faults = [fault for at, fault in self.faults if number in (None, at)]
        if asked.choice is None:
            return [each.font for each in chosen], faults
        return [font for each in chosen for font in _varied(each, asked.choice, path)], faults


def read_file(path: Path) -> Reading:
    """Read all fonts of a file. Raises ``FontError`` if none of them can be read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise FontError(f"{path} is not a font file but a folder, pipe or device")
        # Opened here: fontTools would leave a file that is no font open.
        with path.open("rb") as file:
            return _read_opened(path, file)
    except OSError as error:
        raise FontError(why_unfound(path, error)) from error


def why_unfound(path: Path, error: OSError) -> str:
    """Say why a font's file can't be opened."""
    if error.errno == errno.ENOENT and path.is_symlink():
        return f"{path} is a link to {os.readlink(path)}, which is not there"
    advice = ": check the path" if error.errno == errno.ENOENT else ""
    return f"cannot open the font {path}: {error.strerror or error}{advice}"


def _read_opened(path: Path, file: BufferedReader) -> Reading:
    head = file.read(HEAD_BYTES)
    kind = foreign_kind(head)
    if kind:
        raise FontError(f"{path} is {kind}")
    file.seek(0)
    packed = WEB_FONTS.get(head[:4], "")
    tables: BinaryIO = file
    if packed:
        tables = io.BytesIO(_unpacked(path, file.read(), packed))
    count = num_fonts(head)
    if not 1 <= count <= MOST_FONTS:
        raise FontError(
            f"{path} is a damaged font: it promises {count:,} fonts, a collection has 1 to "
            f"{MOST_FONTS}"
        )
    fonts: list[ReadFont] = []
    faults: list[tuple[int, str]] = []
    for number in range(count):
        try:
            fonts.append(_read_font(path, tables, number if count > 1 else None))
        except FontError as error:
            faults.append((number, str(error)))
    if not fonts:
        raise FontError("; ".join(dict.fromkeys(fault for _, fault in faults)))
    # Here, where the file is known to be a font: others may have any size.
    file.seek(0)
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    known = (
        replace(each, font=replace(each.font, sha256=sha256, is_packed=bool(packed)))
        for each in fonts
    )
    return Reading(tuple(known), count, tuple(faults)).at(path)


def _unpacked(path: Path, data: bytes, kind: str) -> bytes:
    try:
        return unpacked(data)
    except ImportError as error:
        raise FontError(
            f"{path} is a web font ({kind}): to read it, install its library: "
            "pip install shmtext[woff]"
        ) from error
    except Exception as error:
        # As in ``_read_font``; zlib and Brotli have errors of their own.
        raise FontError(f"{path} is a damaged web font ({_said(error)})") from error


def _read_font(path: Path, file: BinaryIO, number: int | None) -> ReadFont:
    """Read a font; its file's path and digest are not filled in yet."""
    from fontTools.ttLib import TTFont, TTLibError  # noqa: PLC0415 - 60 ms, and workers need none

    # A field of a table that is out of range is for font makers; drawing decides here.
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    called = path if number is None else f"{path}#{number}"
    try:
        file.seek(0)
        # Not closed: it would close the file, which further fonts may be in.
        font = TTFont(file, lazy=True, fontNumber=number or 0)
        size = file.seek(0, os.SEEK_END)
        return ReadFont(_read_tables(called, font, size, number), Design.of(font), _fixed(font))
    except FontError:
        raise
    except OSError:
        raise
    except TTLibError as error:
        raise FontError(f"{called} is not a TrueType or OpenType font ({error})") from error
    except Exception as error:
        # fontTools meets damaged tables with whatever its parsers run into (struct.error,
        # AssertionError, KeyError, RecursionError, ...): each means that the file is damaged.
        raise FontError(f"{called} is a damaged font ({_said(error)})") from error


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _name(path: Path, number: int | None) -> str:
    # A file's name may be any bytes, a label is UTF-8.
    name = os.fsencode(path.name).decode(errors="backslashreplace")
    return name if number is None else f"{name}#{number}"


def _fixed(font: Any) -> Fixed:
    if "fvar" not in font:
        return ""
    if "glyf" in font and "HVAR" not in font:
        return "HVAR"
    if "avar" in font and font["avar"].majorVersion != 1:
        return "avar"
    return ""


def _varied(read: ReadFont, choice: str, path: Path) -> list[FontFile]:
    """The font at each place that ``choice`` comes to."""
    places = chosen_axes(read.design, choice, path)
    if any(places):
        if read.fixed == "HVAR":
            raise FontError(
                f"{path} does not tell how wide its glyphs are at other places on its axes (it has "
                "no HVAR table): let `fonttools varLib.hvar` add that, or leave out "
                f"'@{choice}'"
            )
        if read.fixed == "avar":
            raise FontError(
                f"{path} has axes that depend on each other (avar 2), which can't be set: leave "
                f"out '@{choice}'"
            )
    font = read.font
    return [
        replace(font, name=f"{font.name}{name_of(read.design, axes)}", axes=axes) for axes in places
    ]


def _read_tables(called: object, font: Any, size: int, number: int | None) -> FontFile:
    tables = set(font.reader.keys())
    end = max((entry.offset + entry.length for entry in font.reader.tables.values()), default=0)
    if size < end:
        raise FontError(f"{called} is cut short: it has {size:,} bytes, its tables need {end:,}")
    outlines = next((tag for tag in ("glyf", "CFF ", "CFF2") if tag in tables), "")
    without_outlines = f"{called} has no outlines"
    if colors := sorted(tag.strip() for tag in tables & COLOR_TABLES):
        kind = ", ".join(colors)
        without_outlines += f" of one colour (a colour font, {kind}): colour glyphs are not drawn"
    elif tables & BITMAP_TABLES:
        without_outlines += " (a bitmap-only font)"
    if not outlines or not font.reader.tables[outlines].length:
        raise FontError(without_outlines)
    read_little(font)
    cmap = agreed_map(font)
    if not cmap:
        raise FontError(
            f"{called} has no Unicode character map that can be relied on (it has {maps_of(font)})"
        )
    code_points, doubtful = mapped_characters(font, cmap)
    if all(map(is_space, code_points.tolist())):
        raise FontError(without_outlines)
    kern_pairs, kern_entries, has_unread_kerning = _kern_pairs(font, cmap)
    em = font["head"].unitsPerEm
    font["hhea"]  # which shaping reads as bytes: a damaged one is found here
    return FontFile(
        path="",
        name="",
        sha256="",
        code_points=code_points,
        doubtful=doubtful,
        kern_pairs=kern_pairs,
        kern_entries=kern_entries,
        has_unread_kerning=has_unread_kerning,
        rank=0,
        num_glyphs=font["maxp"].numGlyphs,
        ascent_em=font["head"].yMax / em,
        descent_em=-font["head"].yMin / em,
        number=number,
    )


def _kern_pairs(
    font: Any, cmap: dict[int, int]
) -> tuple[NDArray[np.uint32], NDArray[np.int64], bool]:
    """Character pairs in any subtable of ``kern``, the only kerning that FreeType applies.

    Returns pairs of code points, the number of each one's entry, and whether there are subtables
    that are not read. A glyph stands for every character that is mapped to it, and an entry is a
    value in a subtable:

        cmap       A -> A   V -> V   U+0410 -> A
        kern       (A, V): -80    (V, A): -80    (V, V): 5
        pairs      (A, V) 1   (V, A) 1   (V, V) 0   (V, U+0410) 1   (U+0410, V) 1
    """
    nothing = np.empty((0, 2), np.uint32), np.empty(0, np.int64)
    table = font.reader["kern"] if "kern" in font else b""
    if table[:4] == APPLE_KERN:
        return *nothing, False  # FreeType finds no subtables there
    try:
        subtables = read_kern(table)
    except DAMAGED:
        return *nothing, True
    if not subtables:
        return *nothing, False
    character = np.fromiter(cmap, np.int64, len(cmap))
    glyph = np.fromiter(cmap.values(), np.int64, len(cmap))
    character, glyph = character[np.argsort(glyph)], np.sort(glyph)
    pairs = np.concatenate([each.pairs[: each.num_in_length] for each in subtables])
    in_subtable = [each.num_in_length for each in subtables]
    entry = np.repeat(np.arange(len(subtables)), in_subtable) << 16 | pairs[:, 2] & 0xFFFF
    for place in range(2):
        first = np.searchsorted(glyph, pairs[:, place])
        count = np.searchsorted(glyph, pairs[:, place], side="right") - first
        pairs, entry = np.repeat(pairs, count, axis=0), np.repeat(entry, count)
        pairs[:, place] = character[spell_out(first, count)]
    keys, first, num_found = np.unique(
        pairs[:, 0] << 32 | pairs[:, 1], return_index=True, return_counts=True
    )
    _, of_pair = np.unique(entry[first], return_inverse=True)
    # Subtables may add to or replace one another: pairs that stand in several are not compared.
    is_alone = (num_found > 1) | (not all(each.is_sound for each in subtables))
    of_pair[is_alone] = keys.size + np.flatnonzero(is_alone)
    has_unread = not all(each.has_pairs for each in subtables)
    return np.column_stack([keys >> 32, keys & 0xFFFFFFFF]).astype(np.uint32), of_pair, has_unread
