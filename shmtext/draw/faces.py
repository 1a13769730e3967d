"""Font files: where they are, which characters they draw, and faces opened from them.

Tables are read with fontTools, once, by the main process; what workers need of a font travels to
them as a ``FontFile``. Faces are opened by Pillow and kept in ``Faces``. Nothing is drawn here but
the probe's line.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import stat
import unicodedata
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFont

from shmtext.corpus.ranges import spell_out
from shmtext.draw.cmaps import agreed_map, maps_of, name_by_number
from shmtext.draw.coverage import is_space, mapped_characters
from shmtext.draw.instances import Design, as_path, chosen_axes, name_of, spelled, split_choice
from shmtext.draw.kern import read_kern
from shmtext.draw.kinds import HEAD_BYTES, foreign_kind
from shmtext.draw.made_fonts import MadeFont, made_fonts
from shmtext.draw.tables import DAMAGED, open_tables
from shmtext.draw.variations import Axes, parts_of
from shmtext.errors import FontError

FONT_SUFFIXES = (".ttf", ".otf", ".ttc")

OPEN_FACES = 512
"""Faces kept open; each holds up to 0.4 MB and one of the 65,530 mappings a process may have."""

BITMAP_TABLES = {"EBDT", "bdat"}
COLOR_TABLES = {"CBDT", "sbix", "COLR", "SVG "}

APPLE_KERN = b"\0\1\0\0"
"""The version of Apple's ``kern`` tables, which are laid out otherwise."""

PROBE_PIXELS = 1 << 26
"""About the largest mask that a probe draws, like the largest picture."""

TRIAL_SIZES_PX = 32, 100, 500
"""A character without ink at one is drawn at the next, too: FreeType's own hinting drops lines of a
100th of an em at sizes below 150. Nothing makes ink of an outline without area; the first is quick.
"""

FAINT = 10
"""Coverage, of 255, that is no ink yet: rounding leaves up to 4 along an outline without area. A
line of a 1,000th of an em, thinner than any font's, has 24 at 100 px."""

MAX_NAMED = 20
"""Faults that a message names; the rest are counted."""


@dataclass(frozen=True, slots=True, eq=False)
class FontFile:
    """What a worker needs to know of one font: a file, at a place on its axes if it has some.

    Small, and holds no handle.
    """

    path: str
    name: str
    """What labels call the font: its file name and what differs from its default on its axes, as in
    ``Inter.ttf@wght=300``; made unique by its digest where two share one."""
    sha256: str
    """Of the file's content, hexadecimal."""
    code_points: NDArray[np.uint32]
    """Characters the font draws, ascending."""
    doubtful: NDArray[np.uint32]
    """Those of them that may leave no ink, until it has been tried."""
    kern_pairs: NDArray[np.uint32]
    """Pairs of characters that may be kerned, shape ``(num_pairs, 2)``."""
    kern_entries: NDArray[np.int64]
    """Number of what the font says of each pair, shape ``(num_pairs,)``: pairs of one number are
    kerned alike, at any size."""
    has_unread_kerning: bool
    """``kern`` is damaged, or holds other than pairs: advances can't be predicted then."""
    rank: int
    """Place among the fonts given: where no font covers a text, they are asked in this order."""
    num_glyphs: int
    ascent_em: float
    """Highest point of any glyph above the baseline, in em."""
    descent_em: float
    """Lowest point of any glyph below the baseline, in em; positive downwards."""
    axes: Axes = ()
    """All axes of a variable font, where it does not stand as it does by default."""

    @property
    def digest(self) -> str:
        """What tells its pictures from any other font's: of its content, and where it stands."""
        return f"{self.sha256}@{spelled(self.axes)}" if self.axes else self.sha256

    @property
    def asked_as(self) -> str:
        """What to ask for to have it again: its path, and where it stands."""
        return str(as_path(self.path, self.axes))


class Faces:
    """Open faces, at most ``OPEN_FACES``; the one used longest ago is closed first."""

    def __init__(
        self, fonts: tuple[FontFile, ...], sizes_px: tuple[int, ...] | tuple[tuple[int, ...], ...]
    ) -> None:
        """``sizes_px`` are those of all fonts, or those of each, as many of one as of another."""
        self.fonts = fonts
        sizes = np.array(sizes_px, np.int64)
        self.sizes_px = np.broadcast_to(sizes, (len(fonts), sizes.shape[-1]))
        """Of each face, ``(num_fonts, num_sizes)``."""
        self._open: OrderedDict[tuple[int, int | None], ImageFont.FreeTypeFont] = OrderedDict()
        self._made = made_fonts()

    def __len__(self) -> int:
        return self.sizes_px.size

    @property
    def num_sizes(self) -> int:
        """Sizes of each font."""
        return int(self.sizes_px.shape[1])

    def font_and_size(self, face_id: int) -> tuple[FontFile, int]:
        """Which font at which size a face is: sizes vary fastest."""
        font_id, size_id = divmod(face_id, self.num_sizes)
        return self.fonts[font_id], int(self.sizes_px[font_id, size_id])

    def get(self, face_id: int) -> ImageFont.FreeTypeFont:
        """Return the open face, in Pillow's basic layout.

        Raises ``OSError`` where the font can't be opened.
        """
        return self._opened(face_id, None)

    def by_number(self, face_id: int, shift_em: int = 0) -> ImageFont.FreeTypeFont:
        """Likewise, of the font that ``glyph_font`` makes."""
        return self._opened(face_id, shift_em)

    def _opened(self, face_id: int, shift_em: int | None) -> ImageFont.FreeTypeFont:
        key = face_id, shift_em
        face = self._open.pop(key, None)
        if face is None:
            font, size_px = self.font_and_size(face_id)
            if shift_em is None and not font.axes:
                face = open_face(font.path, size_px)
            else:
                made = self._made.get(font.path, font.sha256, font.axes, shift_em)
                face = open_face(made.path, size_px, font.axes)
        self._open[key] = face
        if len(self._open) > OPEN_FACES:
            self._open.popitem(last=False)
        return face


def bundled_fonts() -> Path:
    """Folder of the fonts that come with the package."""
    installed = Path(__file__).parents[1] / "fonts"
    # In a checkout the fonts lie beside the package, a wheel has them within it.
    return installed if installed.is_dir() else installed.parent.parent / "fonts"


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of drawing with a font."""

    fault: str = ""
    """Why the font can't be used, with its path; empty if it can."""
    blank: Sequence[int] = ()
    """Those of its doubtful characters that leave no ink."""


TryOut = Callable[[Sequence[FontFile]], Sequence[Trial]]
"""Draws with fonts, and says of each what came of it."""

Report = Callable[[str], None]
"""Takes a line for what can't be used as a font."""


def find_font_files(fonts: Sequence[Path], report: Report | None = None) -> list[Path]:
    """List the font files that ``fonts`` (files and folders, searched whole) come to.

    Behind a file may stand what is asked of its axes, see ``instances.py``: it stays there.

    Folders, and links to folders, contribute their ``.ttf``, ``.otf`` and ``.ttc`` files in the
    order of their names. What can't be found or searched is told to ``report``; without it that
    raises ``FontError``.
    """
    report = report or _refuse
    found: list[Path] = []
    for font in fonts:
        path, choice = split_choice(font)
        try:
            mode = os.stat(path).st_mode
        except OSError as error:
            report(_why_unfound(path, error))
            continue
        if not stat.S_ISDIR(mode):
            found.append(font)
            continue
        if choice or path != font:
            report(f"{path} is a folder: '@{choice}' may stand behind a font file alone")
            continue
        faults: list[str] = []
        inside = _search(font, faults.append)
        if not inside and not faults:
            faults.append(f"the folder {font} holds no {', '.join(FONT_SUFFIXES)} file")
        for fault in faults:
            report(fault)
        found += inside
    return list(dict.fromkeys(found))


def read_fonts(paths: Iterable[Path], try_out: TryOut | None = None) -> tuple[FontFile, ...]:
    """Read every font's tables; name all fonts that can't be used in one ``FontError``.

    A path may go on as ``instances.py`` tells, and then comes to a font for each place on its axes.

    ``try_out`` draws with the fonts that can be read; without it only doubtful characters are
    drawn, in this process. Files of equal content count once. The order, and with it every draw of
    a face, is that of names and digests: where the files lie does not matter.
    """
    faults: list[str] = []
    fonts = _read_usable(paths, try_out or _try_out_here, faults.append)
    if faults:
        raise FontError(_refusal(faults))
    return fonts


def choose_fonts(
    fonts: Sequence[Path], try_out: TryOut, *, skips_bad: bool
) -> tuple[tuple[FontFile, ...], str]:
    """Find and read fonts; return them, and a line that names those left out, or nothing.

    Raises ``FontError`` for fonts that can't be used, unless they are to be skipped and others are
    left.
    """
    faults: list[str] = []
    usable = _read_usable(find_font_files(fonts, faults.append), try_out, faults.append)
    if not faults:
        return usable, ""
    if not skips_bad:
        raise FontError(_refusal(faults))
    if not usable:
        raise FontError(f"no font is left: {_join(faults)}")
    return usable, f"fonts left out ({len(faults):,}): {_join(faults)}"


def trust(fonts: Sequence[FontFile]) -> Sequence[Trial]:
    """Try nothing out: for the fonts that come with the package, which are known to be sound."""
    return [Trial()] * len(fonts)


def _try_out_here(fonts: Sequence[FontFile]) -> Sequence[Trial]:
    def try_out(font: FontFile) -> Trial:
        try:
            source = FaceSource(font.path, font.axes)
            return Trial(blank=blank_characters(source, font.doubtful.tolist()))
        except OSError as error:
            return Trial(f"{font.asked_as} cannot be drawn ({error})")

    return [try_out(font) for font in fonts]


def _read_usable(paths: Iterable[Path], try_out: TryOut, report: Report) -> tuple[FontFile, ...]:
    fonts: dict[str, FontFile] = {}
    for path in paths:
        try:
            read = _read_font(path)
        except FontError as error:
            report(str(error))
        else:
            for font in read:
                fonts.setdefault(font.digest, replace(font, rank=len(fonts)))
    usable: list[FontFile] = []
    for font, trial in zip(fonts.values(), try_out(tuple(fonts.values())), strict=True):
        inked = font.code_points
        if trial.blank:
            inked = np.setdiff1d(inked, np.array(trial.blank, np.uint32))
        if trial.fault:
            report(trial.fault)
        elif all(map(is_space, inked.tolist())):
            report(f"{font.asked_as} draws nothing: none of its outlines has an area")
        else:
            usable.append(replace(font, code_points=inked, doubtful=inked[:0]))
    return tell_apart(usable)


def tell_apart(fonts: Iterable[FontFile]) -> tuple[FontFile, ...]:
    """Fonts in a run's order, by name and content; those of one name get a part of their digest."""
    in_order = sorted(fonts, key=lambda font: (font.name, font.digest))
    names = Counter(font.name for font in in_order)
    return tuple(
        replace(font, name=f"{font.name}{_digest_part(font.sha256)}")
        if names[font.name] > 1
        else font
        for font in in_order
    )


def file_name_of(name: str, sha256: str) -> str:
    """What a font's file was called, given its name after ``tell_apart``.

    >>> file_name_of("a.ttf#0123abcd", "0123abcd45"), file_name_of("a.ttf", "0123abcd45")
    ('a.ttf', 'a.ttf')
    """
    return name.removesuffix(_digest_part(sha256))


def _digest_part(sha256: str) -> str:
    return f"#{sha256[:8]}"


def _search(folder: Path, report: Report) -> list[Path]:
    """List the font files in a folder and those under it, each folder once."""
    found: list[Path] = []
    seen: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        inside = waiting.pop()
        try:
            status = os.stat(inside)
            if (status.st_dev, status.st_ino) in seen:
                continue  # a link may lead back to a folder above it
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(inside) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            report(f"cannot search the folder {inside} for fonts: {error.strerror}")
            continue
        for entry in entries:
            path = inside / entry.name
            is_font = path.suffix.lower() in FONT_SUFFIXES
            if is_font:
                found.append(path)
            try:
                if entry.is_dir():
                    waiting.append(path)
            except OSError as error:
                # A font's link is read, and found wanting, later; a loop leads to no folder.
                if not is_font and error.errno != errno.ELOOP:
                    report(f"cannot follow the link {path}: {error.strerror}")
    return sorted(found)


def _refuse(fault: str) -> None:
    raise FontError(fault)


def _refusal(faults: Sequence[str]) -> str:
    them = "them" if len(faults) > 1 else "it"
    return f"{_join(faults)}. Leave {them} out of fonts, or let --skip-bad-fonts do that"


def _join(faults: Sequence[str]) -> str:
    more = len(faults) - MAX_NAMED
    return "; ".join(faults[:MAX_NAMED]) + (f"; and {more:,} more" if more > 0 else "")


def _why_unfound(path: Path, error: OSError) -> str:
    if error.errno == errno.ENOENT and path.is_symlink():
        return f"{path} is a link to {os.readlink(path)}, which is not there"
    advice = ": check the path" if error.errno == errno.ENOENT else ""
    return f"cannot open the font {path}: {error.strerror or error}{advice}"


def open_face(path: str, size_px: int, axes: Axes = ()) -> ImageFont.FreeTypeFont:
    """Open a font at a size. The layout engine is named: Pillow's default depends on the host.

    With ``axes`` it must be a font that ``finer_font`` has made.
    """
    face = ImageFont.truetype(path, size_px, layout_engine=ImageFont.Layout.BASIC)
    if axes:
        # Not by an instance's name: FreeType then has other advances, of fractions of a unit.
        face.set_variation_by_axes(list(parts_of(axes)))
    return face


class FaceSource:
    """What opens faces of a font; keeps it in memory if it stands elsewhere on its axes.

    Raises ``OSError`` where the font can't be read.
    """

    def __init__(self, path: str, axes: Axes) -> None:
        self.path = path
        self._axes = axes
        self._made = MadeFont(path, axes, None) if axes else None

    def open(self, size_px: int) -> ImageFont.FreeTypeFont:
        """Open a face in Pillow's basic layout. Raises ``OSError`` where it can't be opened."""
        return open_face(self._made.path if self._made else self.path, size_px, self._axes)


def draw_probe(source: FaceSource, sizes_px: Sequence[int]) -> None:
    """Draw some characters at each size, to find out whether a font can be drawn at all.

    Meant for a process that may die of it. Raises ``OSError`` or ``ValueError`` as Pillow does.
    """
    text = "".join(map(chr, (*range(0x21, 0x7F), *range(0xA1, 0x100))))
    for size_px in sizes_px:
        face = source.open(size_px)
        length = max(PROBE_PIXELS // size_px**2, 1)
        for first in range(0, len(text), length):
            face.getmask2(text[first : first + length], mode="L")


def blank_characters(source: FaceSource, code_points: list[int]) -> list[int]:
    """Return those of a font's characters that leave no ink, or that FreeType refuses to draw.

    Raises ``OSError`` where the font can't be opened.
    """
    blank = code_points
    for size_px in TRIAL_SIZES_PX:
        if blank:
            face = source.open(size_px)
            blank = [code for code in blank if not _is_drawn(face, chr(code))]
    # Shaping may have another glyph for a letter: some fonts' tatweel is blank until then.
    letters = [code for code in blank if _is_shaped_letter(code)]
    shaped = _inked_by_shaping(source.path, letters) if letters else set()
    return [code for code in blank if code not in shaped]


def _is_shaped_letter(code_point: int) -> bool:
    """Whether a letter is shaped in every layout, which may choose another glyph for it."""
    character = chr(code_point)
    turns = unicodedata.bidirectional(character) in ("R", "AL", "AN")
    return turns and unicodedata.category(character)[0] != "M"


def _inked_by_shaping(path: str, code_points: list[int]) -> set[int]:
    """Those of some characters that shaping has an outline for which the font maps none to."""
    import uharfbuzz  # noqa: PLC0415 - 20 ms, and few fonts have such letters

    font = uharfbuzz.Font(open_tables(path))
    inked = set()
    for code_point in code_points:
        buffer = uharfbuzz.Buffer()
        buffer.add_codepoints([code_point])
        buffer.guess_segment_properties()
        uharfbuzz.shape(font, buffer)
        others = {info.codepoint for info in buffer.glyph_infos}
        others -= {0, font.get_nominal_glyph(code_point)}
        extents = [font.get_glyph_extents(glyph) for glyph in others]
        if any(each is not None and each.width and each.height for each in extents):
            inked.add(code_point)
    return inked


def _is_drawn(face: ImageFont.FreeTypeFont, character: str) -> bool:
    try:
        return has_ink(face.getmask(character, mode="L"))
    except (OSError, Image.DecompressionBombError):
        return False  # what can't be drawn, or in no picture of a bearable size, is not covered


def has_ink(mask: Any) -> bool:
    """Whether anything can be seen of a mask (a core image) that Pillow made of some characters."""
    return mask.getbbox() is not None and max(mask.getextrema()) > FAINT


def _read_font(asked: Path) -> list[FontFile]:
    """Read a font once; one for each place on its axes that is asked for."""
    path, choice = split_choice(asked)
    from fontTools.ttLib import TTFont, TTLibError  # noqa: PLC0415 - 60 ms, and workers need none

    # A field of a table that is out of range is for font makers; drawing decides here.
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise FontError(f"{path} is not a font file but a folder, pipe or device")
        # Opened here: fontTools would leave a file that is no font open.
        with path.open("rb") as file:
            kind = foreign_kind(file.read(HEAD_BYTES))
            if kind:
                raise FontError(f"{path} is {kind}")
            file.seek(0)
            with TTFont(file, lazy=True, fontNumber=0) as font:
                read = _read_tables(path, file, font)
                return _varied(read, font, choice, path) if path != asked else [read]
    except FontError:
        raise
    except OSError as error:
        raise FontError(_why_unfound(path, error)) from error
    except TTLibError as error:
        raise FontError(f"{path} is not a TrueType or OpenType font ({error})") from error
    except Exception as error:
        # fontTools meets damaged tables with whatever its parsers run into (struct.error,
        # AssertionError, KeyError, RecursionError, ...): each means that the file is damaged.
        raise FontError(f"{path} is a damaged font ({type(error).__name__}: {error})") from error


def _varied(read: FontFile, font: Any, choice: str, path: Path) -> list[FontFile]:
    """The font at each place that ``choice`` comes to."""
    design = Design.of(font)
    places = chosen_axes(design, choice, path)
    if any(places):
        if "glyf" in font and "HVAR" not in font:
            raise FontError(
                f"{path} does not tell how wide its glyphs are at other places on its axes (it has "
                "no HVAR table): let `fonttools varLib.hvar` add that, or leave out "
                f"'@{choice}'"
            )
        if "avar" in font and font["avar"].majorVersion != 1:
            raise FontError(
                f"{path} has axes that depend on each other (avar 2), which can't be set: leave "
                f"out '@{choice}'"
            )
    return [replace(read, name=f"{read.name}{name_of(design, axes)}", axes=axes) for axes in places]


def _read_tables(path: Path, file: BufferedReader, font: Any) -> FontFile:
    tables = set(font.keys())
    end = max((entry.offset + entry.length for entry in font.reader.tables.values()), default=0)
    size = os.fstat(file.fileno()).st_size
    if size < end:
        raise FontError(f"{path} is cut short: it has {size:,} bytes, its tables need {end:,}")
    outlines = next((tag for tag in ("glyf", "CFF ", "CFF2") if tag in tables), "")
    without_outlines = f"{path} has no outlines"
    if colors := sorted(tag.strip() for tag in tables & COLOR_TABLES):
        kind = ", ".join(colors)
        without_outlines += f" of one colour (a colour font, {kind}): colour glyphs are not drawn"
    elif tables & BITMAP_TABLES:
        without_outlines += " (a bitmap-only font)"
    if not outlines or not font.reader.tables[outlines].length:
        raise FontError(without_outlines)
    name_by_number(font)
    cmap = agreed_map(font)
    if not cmap:
        raise FontError(
            f"{path} has no Unicode character map that can be relied on (it has {maps_of(font)})"
        )
    code_points, doubtful = mapped_characters(font, cmap)
    if all(map(is_space, code_points.tolist())):
        raise FontError(without_outlines)
    kern_pairs, kern_entries, has_unread_kerning = _kern_pairs(font, cmap)
    em = font["head"].unitsPerEm
    font["hhea"]  # which shaping reads as bytes: a damaged one is found here
    file.seek(0)
    return FontFile(
        path=str(path.resolve()),
        # A file's name may be any bytes, a label is UTF-8.
        name=os.fsencode(path.name).decode(errors="backslashreplace"),
        # Here, where the file is known to be a font: others may have any size.
        sha256=hashlib.file_digest(file, "sha256").hexdigest(),
        code_points=code_points,
        doubtful=doubtful,
        kern_pairs=kern_pairs,
        kern_entries=kern_entries,
        has_unread_kerning=has_unread_kerning,
        rank=0,
        num_glyphs=font["maxp"].numGlyphs,
        ascent_em=font["head"].yMax / em,
        descent_em=-font["head"].yMin / em,
    )


def _kern_pairs(
    font: Any, cmap: dict[int, str]
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
    number_of = font.getReverseGlyphMap()
    character = np.array(list(cmap), np.int64)
    glyph = np.array([number_of[name] for name in cmap.values()], np.int64)
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
