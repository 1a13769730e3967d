"""Font files: where they are, which characters they draw, and faces opened from them.

Tables are read with fontTools, once, by the main process; what workers need of a font travels to
them as a ``FontFile``. Faces are opened by Pillow and kept in ``Faces``. Nothing is drawn here but
the probe's line.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import unicodedata
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFont, features

from shmtext.errors import FontError

FONT_SUFFIXES = (".ttf", ".otf", ".ttc")

OPEN_FACES = 512
"""Faces kept open; each holds up to 0.4 MB and one of the 65,530 mappings a process may have."""

VISIBLE_SPACES = ("Zs", "Cf")
"""Categories of characters that are drawn right when they leave no ink."""


@dataclass(frozen=True, slots=True, eq=False)
class FontFile:
    """What a worker needs to know of one font file; small, and holds no handle."""

    path: str
    name: str
    """What labels call the font: its file name, made unique by its digest where two share one."""
    sha256: str
    """Of the file's content, hexadecimal."""
    code_points: NDArray[np.uint32]
    """Characters the font draws, ascending."""
    kern_pairs: NDArray[np.uint32]
    """Pairs of characters that may be kerned, shape ``(num_pairs, 2)``."""
    kern_entries: NDArray[np.int64]
    """Number of what the font says of each pair, shape ``(num_pairs,)``: pairs of one number are
    kerned alike, at any size."""
    has_unread_kerning: bool
    """A kern subtable of a form fontTools does not read: advances then can't be predicted."""
    ascent_em: float
    """Highest point of any glyph above the baseline, in em."""
    descent_em: float
    """Lowest point of any glyph below the baseline, in em; positive downwards."""


class Faces:
    """Open faces, at most ``OPEN_FACES``; the one used longest ago is closed first."""

    def __init__(self, fonts: tuple[FontFile, ...], sizes_px: tuple[int, ...]) -> None:
        self.fonts = fonts
        self.sizes_px = sizes_px
        self._open: OrderedDict[tuple[int, bool], ImageFont.FreeTypeFont] = OrderedDict()

    def __len__(self) -> int:
        return len(self.fonts) * len(self.sizes_px)

    def font_and_size(self, face_id: int) -> tuple[FontFile, int]:
        """Which font at which size a face is: sizes vary fastest."""
        font_id, size_id = divmod(face_id, len(self.sizes_px))
        return self.fonts[font_id], self.sizes_px[size_id]

    def get(self, face_id: int, *, shaping: bool = False) -> ImageFont.FreeTypeFont:
        """Return the open face, with Pillow's basic layout or, for shaping, Raqm's."""
        key = face_id, shaping
        face = self._open.pop(key, None)
        if face is None:
            face = open_face(*self.font_and_size(face_id), shaping=shaping)
        self._open[key] = face
        if len(self._open) > OPEN_FACES:
            self._open.popitem(last=False)
        return face


def bundled_fonts() -> Path:
    """Folder of the fonts that come with the package."""
    installed = Path(__file__).parents[1] / "fonts"
    # In a checkout the fonts lie beside the package, a wheel has them within it.
    return installed if installed.is_dir() else installed.parent.parent / "fonts"


def find_font_files(fonts: Sequence[Path]) -> list[Path]:
    """List the font files that ``fonts`` (files and folders, searched whole) come to.

    Folders contribute their ``.ttf``, ``.otf`` and ``.ttc`` files in the order of their names.
    Raises ``FontError`` for what is neither, and where no file is found.
    """
    found: list[Path] = []
    for font in fonts:
        try:
            mode = os.stat(font).st_mode
        except OSError as error:
            raise FontError(
                f"cannot open the font {font}: {error.strerror}: check the path"
            ) from error
        if stat.S_ISDIR(mode):
            inside = sorted(p for p in font.rglob("*") if p.suffix.lower() in FONT_SUFFIXES)
            if not inside:
                raise FontError(f"the folder {font} holds no {', '.join(FONT_SUFFIXES)} file")
            found += inside
        else:
            found.append(font)
    return list(dict.fromkeys(found))


def read_fonts(
    paths: Iterable[Path], find_faults: Callable[[Sequence[FontFile]], list[str]] | None = None
) -> tuple[FontFile, ...]:
    """Read every font's tables; name all fonts that can't be used in one ``FontError``.

    ``find_faults`` may try out the fonts that can be read, and say what is wrong with them.
    Files of equal content count once. The order, and with it every draw of a face, is that of
    names and digests: where the files lie does not matter.
    """
    fonts: dict[str, FontFile] = {}
    rejected: list[str] = []
    for path in paths:
        try:
            font = _read_font(path)
        except FontError as error:
            rejected.append(str(error))
        else:
            fonts.setdefault(font.sha256, font)
    if find_faults is not None:
        rejected += find_faults(tuple(fonts.values()))
    if rejected:
        leave = "them" if len(rejected) > 1 else "it"
        raise FontError(f"{'; '.join(rejected)}. Leave {leave} out of fonts")
    ordered = sorted(fonts.values(), key=lambda font: (font.name, font.sha256))
    names = Counter(font.name for font in ordered)
    return tuple(
        replace(font, name=f"{font.name}#{font.sha256[:8]}") if names[font.name] > 1 else font
        for font in ordered
    )


def open_face(font: FontFile, size_px: int, *, shaping: bool = False) -> ImageFont.FreeTypeFont:
    """Open a font at a size. The layout engine is named: Pillow's default depends on the host."""
    engine = ImageFont.Layout.RAQM if shaping else ImageFont.Layout.BASIC
    return ImageFont.truetype(font.path, size_px, layout_engine=engine)


def can_shape() -> bool:
    """Whether this host has what complex scripts need (Raqm, and FriBiDi for it to load)."""
    return bool(features.check_feature("raqm"))


def draw_probe(path: str, sizes_px: Sequence[int]) -> None:
    """Draw a line at each size, to find out whether a font can be drawn at all.

    Meant for a process that may die of it. Raises ``OSError`` or ``ValueError`` as Pillow does.
    """
    text = "".join(map(chr, (*range(0x21, 0x7F), *range(0xA1, 0x100))))
    for size_px in sizes_px:
        face = ImageFont.truetype(path, size_px, layout_engine=ImageFont.Layout.BASIC)
        face.getmask2(text, mode="L")


def _read_font(path: Path) -> FontFile:
    from fontTools.ttLib import TTFont, TTLibError  # noqa: PLC0415 - 60 ms, and workers need none

    # A field of a table that is out of range is for font makers; drawing decides here.
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise FontError(f"{path} is not a font file but a folder, pipe or device")
        # Opened here: fontTools would leave a file that is no font open.
        with path.open("rb") as file, TTFont(file, lazy=True, fontNumber=0) as font:
            if not {"glyf", "CFF ", "CFF2"} & set(font.keys()):
                raise FontError(f"{path} has no outlines (a bitmap-only font)")
            cmap = font.getBestCmap()
            if not cmap:
                raise FontError(f"{path} has no Unicode character map")
            kern_pairs, kern_entries, has_unread_kerning = _kern_pairs(font, cmap)
            em = font["head"].unitsPerEm
            file.seek(0)
            return FontFile(
                path=str(path.resolve()),
                # A file's name may be any bytes, a label is UTF-8.
                name=os.fsencode(path.name).decode(errors="backslashreplace"),
                # Here, where the file is known to be a font: others may have any size.
                sha256=hashlib.file_digest(file, "sha256").hexdigest(),
                code_points=_drawn_code_points(font, cmap),
                kern_pairs=kern_pairs,
                kern_entries=kern_entries,
                has_unread_kerning=has_unread_kerning,
                ascent_em=font["head"].yMax / em,
                descent_em=-font["head"].yMin / em,
            )
    except FontError:
        raise
    except OSError as error:
        raise FontError(f"cannot read the font {path}: {error.strerror or error}") from error
    except TTLibError as error:
        raise FontError(f"{path} is not a TrueType or OpenType font ({error})") from error
    except Exception as error:
        # fontTools meets damaged tables with whatever its parsers run into (struct.error,
        # AssertionError, KeyError, RecursionError, ...): each means that the file is damaged.
        raise FontError(f"{path} is a damaged font ({type(error).__name__}: {error})") from error


def _drawn_code_points(font: Any, cmap: dict[int, str]) -> NDArray[np.uint32]:
    """Characters that come out as themselves: with a glyph, and with ink unless they are spaces."""
    has_ink = _glyphs_with_ink(font)
    order = font.getReverseGlyphMap()
    drawn = [
        code_point
        for code_point, glyph in cmap.items()
        if (index := order[glyph]) != 0
        and (category := unicodedata.category(chr(code_point))) not in ("Cc", "Cs")
        and (has_ink[index] or category in VISIBLE_SPACES)
    ]
    return np.array(sorted(drawn), np.uint32)


def _glyphs_with_ink(font: Any) -> NDArray[np.bool_]:
    """Which glyphs have an outline. A font may map a character to a glyph that draws nothing."""
    if "glyf" in font:
        return np.diff(np.asarray(font["loca"].locations)) > 0
    from fontTools.pens.boundsPen import ControlBoundsPen  # noqa: PLC0415

    table = font["CFF2" if "CFF2" in font else "CFF "]
    strings = table.cff.topDictIndex[0].CharStrings.charStringsIndex
    # A glyph without outline is "endchar", at most after a width of up to five bytes (Type 2
    # charstring format). An outline is longer, but for one that is a call of a subroutine.
    has_ink = np.array([len(strings[index].bytecode) > 6 for index in range(len(strings))])
    glyphs, order = font.getGlyphSet(), font.getGlyphOrder()
    for index in np.flatnonzero(~has_ink).tolist():
        pen = ControlBoundsPen(glyphs)
        glyphs[order[index]].draw(pen)
        has_ink[index] = pen.bounds is not None
    return has_ink


def _kern_pairs(
    font: Any, cmap: dict[int, str]
) -> tuple[NDArray[np.uint32], NDArray[np.int64], bool]:
    """Character pairs in any subtable of ``kern``, the only kerning that FreeType applies."""
    if "kern" not in font:
        return np.empty((0, 2), np.uint32), np.empty(0, np.int64), False
    characters: dict[str, list[int]] = {}
    for code_point, glyph in cmap.items():
        characters.setdefault(glyph, []).append(code_point)
    subtables = font["kern"].kernTables
    has_unread = any(not hasattr(subtable, "kernTable") for subtable in subtables)
    found = [
        (left << 32 | right, number << 16 | value & 0xFFFF)
        for number, subtable in enumerate(subtables)
        for (left_glyph, right_glyph), value in getattr(subtable, "kernTable", {}).items()
        for left in characters.get(left_glyph, ())
        for right in characters.get(right_glyph, ())
    ]
    keys, entries = np.array(found, np.int64).reshape(-1, 2).T
    pairs, first, num_found = np.unique(keys, return_index=True, return_counts=True)
    _, of_pair = np.unique(entries[first], return_inverse=True)
    # Subtables may add to or replace one another: pairs that stand in several are not compared.
    is_alone = (num_found > 1) | _may_repeat_pairs(font)
    of_pair[is_alone] = pairs.size + np.flatnonzero(is_alone)
    return np.column_stack([pairs >> 32, pairs & 0xFFFFFFFF]).astype(np.uint32), of_pair, has_unread


def _may_repeat_pairs(font: Any) -> bool:
    """Whether FreeType may find another entry for a pair than fontTools, which keeps the last."""
    # A header of 4 bytes, then for each subtable one of 14, and 6 a pair (OpenType, kern format 0).
    subtables = font["kern"].kernTables
    num_bytes = 4 + sum(14 + 6 * len(getattr(table, "kernTable", ())) for table in subtables)
    return int(font.reader.tables["kern"].length) != num_bytes
