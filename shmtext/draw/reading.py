"""Font files read: what is known of each of a file's fonts, and which of them are asked for.

A file is read once; what is known travels as ``FontFile``. What may stand in a font's place is told
apart by ``kinds.py``; nothing is drawn here, but what came of that is kept.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import struct
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import seams, spell_out
from shmtext.draw.cmaps import CharacterMap, agreed_map, maps_of
from shmtext.draw.coverage import is_space, mapped_characters
from shmtext.draw.font_file import FontFile
from shmtext.draw.instances import Asked, Design, chosen_axes, name_of
from shmtext.draw.kern import read_kern
from shmtext.draw.kinds import HEAD_BYTES, foreign_kind
from shmtext.draw.outline_areas import have_area
from shmtext.draw.stored import WEB_FONTS, num_fonts, start_of, unpacked
from shmtext.draw.tables import DAMAGED, DamagedTableError, FontTables
from shmtext.draw.variations import Axes
from shmtext.errors import FontError

BITMAP_TABLES = {"EBDT", "bdat"}
COLOR_TABLES = {"CBDT", "sbix", "COLR", "SVG "}

AVAR_VERSION = b"\0\1"
"""Of tables by which axes don't depend on each other."""

APPLE_KERN = b"\0\1\0\0"
"""The version of Apple's ``kern`` tables, which are laid out otherwise."""

VERSIONS = b"\0\1\0\0", b"OTTO", b"true"
"""How fonts with outlines begin."""

MOST_BYTES = 512 << 20
"""Of a file that may be a font; the largest collections have some 200 MB."""

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
    inked: tuple[int, ...] = ()
    """Of a variable font: characters that are in doubt elsewhere on its axes, not by default."""
    blank: tuple[int, ...] = ()
    """Those of its doubtful characters that leave no ink, where it was drawn with."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What came of reading a file; at least one of its fonts can be read."""

    fonts: tuple[ReadFont, ...]
    num_fonts: int
    faults: tuple[tuple[int, str], ...] = ()
    """Numbers of the fonts that can't be read, and why not, with the file's path."""
    drawn_px: tuple[int, ...] = ()
    """Sizes at which all of them were drawn with as they are by default, ascending; or none."""

    def at(self, path: Path) -> Reading:
        """The same of a file that has this content, and lies elsewhere."""
        resolved = os.path.realpath(path)
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
        # Unbuffered: it is read in two goes.
        with path.open("rb", buffering=0) as file:
            return _read_opened(path, file)
    except OSError as error:
        raise FontError(why_unfound(path, error)) from error


def why_unfound(path: Path, error: OSError) -> str:
    """Say why a font's file can't be opened."""
    if error.errno == errno.ENOENT and path.is_symlink():
        return f"{path} is a link to {os.readlink(path)}, which is not there"
    advice = ": check the path" if error.errno == errno.ENOENT else ""
    return f"cannot open the font {path}: {error.strerror or error}{advice}"


def _read_opened(path: Path, file: FileIO) -> Reading:
    head = file.read(HEAD_BYTES)
    kind = foreign_kind(head)
    if kind:
        raise FontError(f"{path} is {kind}")
    count = num_fonts(head)
    if not 1 <= count <= MOST_FONTS:
        raise FontError(
            f"{path} is a damaged font: it promises {count:,} fonts, a collection has 1 to "
            f"{MOST_FONTS}"
        )
    size = os.fstat(file.fileno()).st_size
    if size > MOST_BYTES:
        raise FontError(f"{path} has {size:,} bytes, no font has more than {MOST_BYTES:,}")
    file.seek(0)
    data = file.read()
    packed = WEB_FONTS.get(head[:4], "")
    plain = _unpacked(path, data, packed) if packed else data
    fonts: list[ReadFont] = []
    faults: list[tuple[int, str]] = []
    for number in range(count):
        try:
            fonts.append(_read_font(path, plain, number if count > 1 else None))
        except FontError as error:
            faults.append((number, str(error)))
    if not fonts:
        raise FontError("; ".join(dict.fromkeys(fault for _, fault in faults)))
    sha256 = hashlib.sha256(data).hexdigest()
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


def _read_font(path: Path, data: bytes, number: int | None) -> ReadFont:
    """Read a font; its file's path and digest are not filled in yet."""
    called = path if number is None else f"{path}#{number}"
    try:
        start = start_of(data, number or 0)
        if (version := data[start : start + 4]) not in VERSIONS:
            raise FontError(
                f"{called} is not a TrueType or OpenType font (it begins with {version!r})"
            )
        return _read_tables(called, FontTables(data, number or 0), len(data), number)
    except (FontError, OSError):
        raise
    except Exception as error:
        # fontTools meets damaged tables with whatever its parsers run into (struct.error,
        # AssertionError, KeyError, RecursionError, ...): each means that the file is damaged.
        raise FontError(f"{called} is a damaged font ({_said(error)})") from error


def _said(error: Exception) -> str:
    if isinstance(error, DamagedTableError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _name(path: Path, number: int | None) -> str:
    # A file's name may be any bytes, a label is UTF-8.
    name = os.fsencode(path.name).decode(errors="backslashreplace")
    return name if number is None else f"{name}#{number}"


def _fixed(font: FontTables) -> Fixed:
    if "glyf" in font and "HVAR" not in font:
        return "HVAR"
    if "avar" in font and font["avar"][:2] != AVAR_VERSION:
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
        replace(
            font,
            name=f"{font.name}{name_of(read.design, axes)}",
            axes=axes,
            doubtful=_doubtful_at(axes, read),
        )
        for axes in places
    ]


def _doubtful_at(axes: Axes, read: ReadFont) -> NDArray[np.uint32]:
    if not axes:
        return read.font.doubtful
    return np.union1d(read.font.doubtful, np.array(read.inked, np.uint32))


def _read_tables(called: object, font: FontTables, size: int, number: int | None) -> ReadFont:
    tables = font.tags
    if size < font.end:
        raise FontError(
            f"{called} is cut short: it has {size:,} bytes, its tables need {font.end:,}"
        )
    outlines = next((tag for tag in ("glyf", "CFF ", "CFF2") if tag in tables), "")
    without_outlines = f"{called} has no outlines"
    if colors := sorted(tag.strip() for tag in tables & COLOR_TABLES):
        kind = ", ".join(colors)
        without_outlines += f" of one colour (a colour font, {kind}): colour glyphs are not drawn"
    elif tables & BITMAP_TABLES:
        without_outlines += " (a bitmap-only font)"
    if not outlines or not len(font[outlines]):
        raise FontError(without_outlines)
    cmap = agreed_map(font)
    if not cmap.characters.size:
        raise FontError(
            f"{called} has no Unicode character map that can be relied on (it has {maps_of(font)})"
        )
    code_points, in_doubt = mapped_characters(font, cmap)
    if all(map(is_space, code_points.tolist())):
        raise FontError(without_outlines)
    kern_pairs, kern_entries, has_unread_kerning = _kern_pairs(font, cmap)
    struct.unpack_from(">H", font["hhea"], 34)  # which shaping reads: if cut short, not later
    have_ink = have_area(font, in_doubt.glyphs)
    file = FontFile(
        path="",
        name="",
        sha256="",
        code_points=code_points.astype(np.uint32),
        doubtful=in_doubt.characters[~have_ink].astype(np.uint32),
        kern_pairs=kern_pairs,
        kern_entries=kern_entries,
        has_unread_kerning=has_unread_kerning,
        rank=0,
        num_glyphs=font.num_glyphs,
        ascent_em=font.y_max / font.units_per_em,
        descent_em=-font.y_min / font.units_per_em,
        number=number,
    )
    if "fvar" not in font:
        return ReadFont(file, Design((), ()), "")
    inked = tuple(in_doubt.characters[have_ink].tolist())
    return ReadFont(file, Design.of(font.parsed), _fixed(font), inked)


def _kern_pairs(
    font: FontTables, cmap: CharacterMap
) -> tuple[NDArray[np.uint32], NDArray[np.int64], bool]:
    """Character pairs in any subtable of ``kern``, the only kerning that FreeType applies.

    Returns pairs of code points, the number of each one's entry, and whether there are subtables
    that are not read. A glyph stands for every character that is mapped to it, and an entry's
    number is its value, as 16 bits without a sign, behind its subtable's number:

        cmap       A -> A   V -> V   U+0410 -> A
        kern       (A, V): -80    (V, A): -80    (V, V): 5
        pairs      (A, V) -80   (V, A) -80   (V, V) 5   (V, U+0410) -80   (U+0410, V) -80
    """
    nothing = np.empty((0, 2), np.uint32), np.empty(0, np.int64)
    table = font["kern"] if "kern" in font else memoryview(b"")
    if table[:4] == APPLE_KERN:
        return *nothing, False  # FreeType finds no subtables there
    try:
        subtables = read_kern(table)
    except DAMAGED:
        return *nothing, True
    if not subtables:
        return *nothing, False
    pairs = np.concatenate([each.pairs[: each.num_in_length] for each in subtables])
    in_subtable = [each.num_in_length for each in subtables]
    entry = np.repeat(np.arange(len(subtables)), in_subtable) << 16 | pairs[:, 2] & 0xFFFF
    character = cmap.characters[np.argsort(cmap.glyphs)]
    of_glyph = seams(np.bincount(cmap.glyphs, minlength=int(pairs[:, :2].max(initial=0)) + 1))
    keys = np.zeros(pairs.shape[0], np.int64)
    for place in range(2):
        glyph = pairs[:, place]
        count = of_glyph[glyph + 1] - of_glyph[glyph]
        found = character[spell_out(of_glyph[glyph], count)]
        pairs, entry, keys = (np.repeat(each, count, axis=0) for each in (pairs, entry, keys))
        keys = keys << 32 | found
    order = np.argsort(keys)
    keys, entry = keys[order], entry[order]
    # Subtables may add to or replace one another: pairs that stand in several are not compared.
    is_first = np.diff(keys, prepend=-1) > 0
    is_alone = ~np.roll(is_first, -1) | (not all(each.is_sound for each in subtables))
    entry = np.where(is_alone, (len(subtables) << 16) + np.arange(entry.size), entry)
    keys, entry = keys[is_first], entry[is_first]
    has_unread = not all(each.has_pairs for each in subtables)
    return np.column_stack([keys >> 32, keys & 0xFFFFFFFF]).astype(np.uint32), entry, has_unread
