"""Font files: where they are, which can be used, and faces opened from them.

What is known of a font is ``reading.py``'s. Faces are opened by Pillow and kept in ``Faces``; for
glyphs alone they are open in ``freetype.py``. Nothing is drawn here but what tries a font out.
"""

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from collections import Counter, OrderedDict
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFont

from shmtext.draw.coverage import is_space
from shmtext.draw.font_file import FontFile as FontFile
from shmtext.draw.freetype import FAINT, FreeTypeFaces, OpenFont, open_font
from shmtext.draw.instances import split_asked
from shmtext.draw.made_fonts import made_fonts
from shmtext.draw.opened import open_tables
from shmtext.draw.reading import Reading, read_file, why_unfound
from shmtext.draw.stored import StoredFont
from shmtext.draw.variations import Axes, parts_of
from shmtext.errors import FontError

FONT_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc", ".woff", ".woff2")

OPEN_FACES = 512
"""Faces kept open; each holds up to 0.4 MB and one of the 65,530 mappings a process may have."""

PROBE_CHARACTERS, PROBE_DRAWN = 64, 8
"""Of a font: how many the probe has FreeType read, 2 µs each, and how many of these it hints and
draws, 60 µs each."""

PROBE_PIXELS = 1 << 26
"""About the largest mask that a probe draws, like the largest picture."""

TRIAL_SIZES_PX = 32, 100, 500
"""A character without ink at one is drawn at the next, too: FreeType's own hinting drops lines of a
100th of an em at sizes below 150. Nothing makes ink of an outline without area; the first is quick.
"""

MAX_NAMED = 20
"""Faults that a message names; the rest are counted."""


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
        self.freetype = FreeTypeFaces(fonts, self.sizes_px)
        """The same faces, for glyphs alone."""

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

    def ascent_and_descent(self, face_id: int) -> tuple[int, int]:
        """Return both of a face's lines, in pixels. Raises ``OSError`` as ``get`` does."""
        font = self.freetype.at_size(face_id)
        return self.get(face_id).getmetrics() if font is None else font.ascent_and_descent()

    def _opened(self, face_id: int, shift_em: int | None) -> ImageFont.FreeTypeFont:
        key = face_id, shift_em
        face = self._open.pop(key, None)
        if face is None:
            font, size_px = self.font_and_size(face_id)
            file = self._made.file_of(font.stored, font.axes, shift_em)
            face = open_face(file.path, font.stored.number, size_px, font.axes)
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

Readings = Generator[Reading | FontError, None, None]

Read = Callable[[Sequence[Path]], Readings]
"""Reads files, and says of each what came of it. To be closed by whoever may not ask for all."""


@dataclass(frozen=True, slots=True)
class Means:
    """Who reads fonts, and who tries them out."""

    read: Read
    try_out: TryOut


Report = Callable[[str], None]
"""Takes a line for what can't be used as a font."""


def find_font_files(fonts: Sequence[Path], report: Report | None = None) -> list[Path]:
    """List the font files that ``fonts`` (files and folders, searched whole) come to.

    Behind a file may stand which of its fonts are asked for, see ``instances.py``: it stays there.

    Folders, and links to folders, contribute their files of ``FONT_SUFFIXES`` in the order of their
    names. What can't be found or searched is told to ``report``; without it that
    raises ``FontError``.
    """
    report = report or _refuse
    found: list[Path] = []
    for font in fonts:
        path = split_asked(font).path
        try:
            mode = os.stat(path).st_mode
        except OSError as error:
            report(why_unfound(path, error))
            continue
        if not stat.S_ISDIR(mode):
            found.append(font)
            continue
        if path != font:
            behind = os.fspath(font).removeprefix(os.fspath(path))
            report(f"{path} is a folder: '{behind}' may stand behind a font file alone")
            continue
        faults: list[str] = []
        inside = _search(font, faults.append)
        if not inside and not faults:
            faults.append(f"the folder {font} holds no {', '.join(FONT_SUFFIXES)} file")
        for fault in faults:
            report(fault)
        found += inside
    return list(dict.fromkeys(found))


def read_here(files: Sequence[Path]) -> Readings:
    """Read files in this process, one after the other."""
    for path in files:
        try:
            yield read_file(path)
        except FontError as error:
            yield error


def read_fonts(paths: Iterable[Path], try_out: TryOut | None = None) -> tuple[FontFile, ...]:
    """Read every font's tables; name all fonts that can't be used in one ``FontError``.

    A path may go on as ``instances.py`` tells; a collection comes to all of its fonts, and a font
    to one for each place on its axes.

    ``try_out`` draws with the fonts that can be read; without it only doubtful characters are
    drawn, in this process. Files of equal content count once. The order, and with it every draw of
    a face, is that of names and digests: where the files lie does not matter.
    """
    faults: list[str] = []
    fonts = _read_usable(paths, Means(read_here, try_out or _try_out_here), faults.append)
    if faults:
        raise FontError(_refusal(faults))
    return fonts


def choose_fonts(
    fonts: Sequence[Path], try_out: TryOut, *, skips_bad: bool, read: Read = read_here
) -> tuple[tuple[FontFile, ...], str]:
    """Find and read fonts; return them, and a line that names those left out, or nothing.

    Raises ``FontError`` for fonts that can't be used, unless they are to be skipped and others are
    left.
    """
    faults: list[str] = []
    found = find_font_files(fonts, faults.append)
    usable = _read_usable(found, Means(read, try_out), faults.append)
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
            source = FaceSource(font.stored, font.axes)
            return Trial(blank=blank_characters(source, font.doubtful.tolist()))
        except OSError as error:
            return Trial(f"{font.asked_as} cannot be drawn ({error})")

    return [try_out(font) for font in fonts]


def _read_usable(paths: Iterable[Path], means: Means, report: Report) -> tuple[FontFile, ...]:
    asked = list(map(split_asked, paths))
    files = list(dict.fromkeys(each.path for each in asked))
    with closing(means.read(files)) as found:
        readings = dict(zip(files, found, strict=True))
    fonts: dict[str, FontFile] = {}
    faults: dict[str, None] = {}
    for each in asked:
        reading = readings[each.path]
        try:
            if isinstance(reading, FontError):
                raise reading
            chosen, unread = reading.chosen(each)
        except FontError as error:
            faults[str(error)] = None
            continue
        faults |= dict.fromkeys(unread)
        for font in chosen:
            fonts.setdefault(font.digest, replace(font, rank=len(fonts)))
    for fault in faults:
        report(fault)
    usable: list[FontFile] = []
    for font, trial in zip(fonts.values(), means.try_out(tuple(fonts.values())), strict=True):
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


def open_face(path: str, number: int, size_px: int, axes: Axes = ()) -> ImageFont.FreeTypeFont:
    """Open the font ``number`` of a file at a size.

    The layout engine is named: Pillow's default depends on the host. With ``axes`` it must be a
    font that ``finer_font`` has made.
    """
    face = ImageFont.truetype(path, size_px, number, layout_engine=ImageFont.Layout.BASIC)
    if axes:
        # Not by an instance's name: FreeType then has other advances, of fractions of a unit.
        face.set_variation_by_axes(list(parts_of(axes)))
    return face


class FaceSource:
    """What opens faces of a font; keeps it in memory if it is packed, or elsewhere on its axes.

    Raises ``OSError`` where the font can't be read.
    """

    def __init__(self, font: StoredFont, axes: Axes) -> None:
        self.font = font
        self._axes = axes
        self._store = made_fonts()
        self._file = self._store.file_of(font, axes)
        self._freetype = open_font(self._file.path, font.number, axes)

    def open(self, size_px: int) -> ImageFont.FreeTypeFont:
        """Open a face in Pillow's basic layout. Raises ``OSError`` where it can't be opened."""
        return open_face(self._file.path, self.font.number, size_px, self._axes)

    def at_size(self, size_px: int) -> OpenFont | None:
        """Return the font at a size, until another is asked for, in FreeType; None: ask Pillow."""
        is_set = self._freetype is not None and self._freetype.set_size(size_px)
        return self._freetype if is_set else None

    def line_px(self, size_px: int) -> int:
        """Ascent + descent at a size. Raises as ``open`` does."""
        font = self.at_size(size_px)
        return sum(font.ascent_and_descent() if font else self.open(size_px).getmetrics())


def probe_characters(font: FontFile) -> list[int]:
    """Some of a font's characters, from all over it, for ``draw_probe``."""
    some = np.linspace(0, font.code_points.size - 1, PROBE_CHARACTERS).astype(np.int64)
    return list(map(int, np.unique(font.code_points[some])))


def draw_probe(source: FaceSource, code_points: Sequence[int], sizes_px: Sequence[int]) -> None:
    """Draw some characters at each size, to find out whether a font can be drawn at all.

    Meant for a process that may die of it. Raises ``OSError`` or ``ValueError`` as Pillow does.
    """
    for size_px in sizes_px:
        # Reading outlines is where FreeType meets most of what is damaged.
        font, drawn = source.at_size(size_px), code_points[:: -(-len(code_points) // PROBE_DRAWN)]
        if (
            font
            and all(font.is_read(font.glyph(code)) for code in code_points)
            and all(font.render(font.glyph(code)) for code in drawn)
        ):
            continue
        face = source.open(size_px)
        face.getlength("".join(map(chr, code_points)))
        length = max(PROBE_PIXELS // size_px**2, 1)
        for first in range(0, len(drawn), length):
            face.getmask2("".join(map(chr, drawn[first : first + length])), mode="L")


def blank_characters(source: FaceSource, code_points: list[int]) -> list[int]:
    """Return those of a font's characters that leave no ink, or that FreeType refuses to draw.

    Raises ``OSError`` where the font can't be opened.
    """
    blank = list(code_points)
    for size_px in TRIAL_SIZES_PX:
        if blank:
            blank = _blank_at(size_px, source, blank)
    # Shaping may have another glyph for a letter: some fonts' tatweel is blank until then.
    letters = [code for code in blank if _is_shaped_letter(code)]
    shaped = _inked_by_shaping(source.font, letters) if letters else set()
    return [code for code in blank if code not in shaped]


def _blank_at(size_px: int, source: FaceSource, code_points: list[int]) -> list[int]:
    font = source.at_size(size_px)

    @cache
    def face() -> ImageFont.FreeTypeFont:
        return source.open(size_px)

    def is_inked(code_point: int) -> bool:
        rendered = font.render(font.glyph(code_point)) if font else None
        return rendered.is_inked if rendered else _is_drawn(face(), chr(code_point))

    return [code for code in code_points if not is_inked(code)]


def _is_shaped_letter(code_point: int) -> bool:
    """Whether a letter is shaped in every layout, which may choose another glyph for it."""
    character = chr(code_point)
    turns = unicodedata.bidirectional(character) in ("R", "AL", "AN")
    return turns and unicodedata.category(character)[0] != "M"


def _inked_by_shaping(stored: StoredFont, code_points: list[int]) -> set[int]:
    """Those of some characters that shaping has an outline for which the font maps none to."""
    import uharfbuzz  # noqa: PLC0415 - 20 ms, and few fonts have such letters

    font = uharfbuzz.Font(open_tables(stored))
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
