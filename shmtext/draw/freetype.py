"""Glyphs drawn alone by the FreeType library that Pillow has loaded.

Asked for a text of one glyph, Pillow loads it four times and renders it twice, and opens a font
anew for each size: three quarters of what a glyph's first use takes. Here it is loaded and rendered
once, by the same code with the same flags, at all sizes in one open font; what comes of it is
counted as Pillow does. (Structures: FreeType 2.14, "freetype.h", "ftimage.h", whose fields keep
their places since 2.1.) Outlines alone are drawn so. Whatever is otherwise, or fails, is None:
then Pillow is asked, and says what is wrong. Where Pillow has its FreeType within itself, as no
wheel for Linux does, all is None.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from ctypes import (
    POINTER,
    Structure,
    byref,
    c_char_p,
    c_int,
    c_int32,
    c_long,
    c_short,
    c_ubyte,
    c_uint,
    c_ulong,
    c_ushort,
    c_void_p,
)
from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import _imagingft

from shmtext.corpus.ranges import Ints
from shmtext.draw.font_file import FontFile
from shmtext.draw.made_fonts import made_fonts
from shmtext.draw.variations import ONE, Axes, parts_of

OPEN_FONTS, OPEN_SIZES = 512, 4_096
"""Kept open; a font holds up to 0.4 MB, each of its sizes up to 25 kB."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels from the pen on the baseline; it ends before the last two."""

NOWHERE: Box = 0, 0, 0, 0

FAINT = 10
"""Coverage, of 255, that is no ink yet: rounding leaves up to 4 along an outline without area. A
line of a 1,000th of an em, thinner than any font's, has 24 at 100 px."""

MOST_PIXELS = 1 << 26
"""About as many as the largest picture has. Pillow warns of more than 1.3 times as many."""

_LOAD_DEFAULT, _LOAD_NO_HINTING, _RENDER_NORMAL = 0, 2, 0
_OUTLINE = int.from_bytes(b"outl", "big")
"""FT_GLYPH_FORMAT_OUTLINE."""
_GRAY = 2
"""FT_PIXEL_MODE_GRAY: a byte a pixel."""

_NOTHING = np.zeros((0, 0), np.uint8)


class Rendered(NamedTuple):
    """A glyph's outline, rendered."""

    mask: NDArray[np.uint8]
    """Coverage over ``ink``; read-only."""
    ink: Box
    """Where there is any coverage; empty, at the pen, where there is none."""
    control_box: Box
    advance_26_6: int
    is_inked: bool
    """Something of it can be seen."""


class OpenFont:
    """A font that FreeType has open, at one of several sizes; see ``open_font``."""

    def __init__(self, library: ctypes.PyDLL, face: c_void_p) -> None:
        # At a process's end memory goes anyway, and nothing may be called any more.
        weakref.finalize(self, library.FT_Done_Face, face).atexit = False
        self._library, self._face = library, face
        self._load, self._glyph_of = library.FT_Load_Glyph, library.FT_Get_Char_Index
        self._render, self._bound = library.FT_Render_Glyph, library.FT_Outline_Get_CBox
        self._sizes: dict[int, c_void_p] = {}
        self._size_px = 0
        self._record = _Face.from_address(_address(face))
        self._slot = self._record.glyph.contents
        self._slot_at = ctypes.addressof(self._slot)
        self._outline_at = self._slot_at + _Slot.outline.offset
        self._sides = _Sides()
        self._sides_at = ctypes.addressof(self._sides)

    @property
    def num_sizes(self) -> int:
        """Sizes that are kept."""
        return len(self._sizes)

    def set_size(self, size_px: int) -> bool:
        """Go to a size; return whether there is such a one."""
        if size_px == self._size_px:
            return True
        size = self._sizes.get(size_px)
        if size is not None:
            is_set = not self._library.FT_Activate_Size(size)
        else:
            size = c_void_p()
            is_set = not (
                self._library.FT_New_Size(self._face, byref(size))
                or self._library.FT_Activate_Size(size)
                or self._library.FT_Set_Pixel_Sizes(self._face, 0, size_px)
            )
            if is_set:
                self._sizes[size_px] = size
        self._size_px = size_px if is_set else 0
        return is_set

    def ascent_and_descent(self) -> tuple[int, int]:
        """Return both of a line at this size, in pixels above and below the baseline."""
        heights = self._record.size.contents
        return (heights.ascender_26_6 + 32) >> 6, -((heights.descender_26_6 + 32) >> 6)

    def glyph(self, code_point: int) -> int:
        """Return the number of what the font has for a character, 0 where it has none."""
        number: int = self._glyph_of(self._face, code_point)
        return number

    def is_read(self, number: int) -> bool:
        """Whether FreeType reads a glyph."""
        return not self._load(self._face, number, _LOAD_NO_HINTING)

    def render(self, number: int) -> Rendered | None:
        """Draw a glyph by its number; None: ask Pillow."""
        box = self._control_box(number)
        if box is None:
            return None
        slot = self._slot
        advance_26_6 = slot.metrics.advance_26_6
        pixels = self._pixels()
        if pixels is None:
            return None
        x, y, width, height = cv2.boundingRect(pixels) if pixels.size else NOWHERE
        if width == 0:
            return Rendered(_NOTHING, NOWHERE, box, advance_26_6, is_inked=False)
        left, top = slot.left, -slot.top
        if (left, top) != box[:2]:
            return None
        mask = pixels[y : y + height, x : x + width]
        ink = left + x, top + y, left + x + width, top + y + height
        is_inked = cv2.norm(mask, cv2.NORM_INF) > FAINT
        return Rendered(mask, ink, box, advance_26_6, is_inked)

    def _control_box(self, number: int) -> Box | None:
        """Load a glyph; None unless it is an outline, and its picture of a bearable size."""
        slot, sides = self._slot, self._sides
        if self._load(self._face, number, _LOAD_DEFAULT) or slot.format != _OUTLINE:
            return None
        self._bound(self._outline_at, self._sides_at)
        left, top = sides.x_min >> 6, -((sides.y_max + 63) >> 6)
        right, bottom = (sides.x_max + 63) >> 6, -(sides.y_min >> 6)
        # Pillow's pictures hold the pen, and where it goes.
        width = max(right, slot.metrics.advance_26_6 >> 6, 0) - min(left, 0)
        if width * (max(bottom, 0) - min(top, 0)) > MOST_PIXELS:
            return None
        return left, top, right, bottom

    def _pixels(self) -> NDArray[np.uint8] | None:
        """Render the glyph that was loaded; its coverage, read-only, empty where it has none."""
        if self._render(self._slot_at, _RENDER_NORMAL):
            return None
        bitmap = self._slot.bitmap
        num_rows, width, pitch = bitmap.num_rows, bitmap.width, bitmap.pitch
        if num_rows == 0 or width == 0:
            return _NOTHING
        if bitmap.pixel_mode != _GRAY or pitch < 0:
            return None
        data = ctypes.string_at(bitmap.buffer, num_rows * pitch)
        return np.frombuffer(data, np.uint8).reshape(num_rows, pitch)[:, :width]


class FreeTypeFaces:
    """Faces of some fonts in FreeType; of open fonts the one used longest ago is closed first."""

    def __init__(self, fonts: Sequence[FontFile], sizes_px: Ints) -> None:
        """``sizes_px`` are those of each font, ``(num_fonts, num_sizes)``."""
        self._fonts, self._sizes_px = fonts, sizes_px
        self._made = made_fonts()
        self._open: OrderedDict[int, OpenFont] = OrderedDict()
        self._num_sizes = 0
        self._last: tuple[int, OpenFont | None] = -1, None
        """Face asked for last, and its font at its size: glyphs come face by face."""

    def at_size(self, face_id: int) -> OpenFont | None:
        """Return a face's font, at its size until another is asked for; None: ask Pillow.

        Raises ``OSError`` where the font's file is gone.
        """
        if self._last[0] != face_id:
            self._last = face_id, self._set_to(face_id)
        return self._last[1]

    def _set_to(self, face_id: int) -> OpenFont | None:
        font_id, size_id = divmod(face_id, self._sizes_px.shape[1])
        font = self._open.pop(font_id, None) or self._opened(font_id)
        if font is None:
            return None
        self._open[font_id] = font
        num_sizes = font.num_sizes
        is_set = font.set_size(int(self._sizes_px[font_id, size_id]))
        self._num_sizes += font.num_sizes - num_sizes
        while len(self._open) > OPEN_FONTS or (
            self._num_sizes > OPEN_SIZES and len(self._open) > 1
        ):
            self._num_sizes -= self._open.popitem(last=False)[1].num_sizes
        return font if is_set else None

    def _opened(self, font_id: int) -> OpenFont | None:
        font = self._fonts[font_id]
        file = self._made.file_of(font.stored, font.axes)
        return open_font(file.path, font.stored.number, font.axes)


def open_font(path: str, number: int, axes: Axes) -> OpenFont | None:
    """Open the font ``number`` of a file, at its place on its axes; None: ask Pillow.

    With ``axes`` it must be a font that ``finer_font`` has made.
    """
    freetype = _freetype()
    if freetype is None:
        return None
    library, handle = freetype
    face = c_void_p()
    if library.FT_New_Face(handle, os.fsencode(path), number, byref(face)):
        return None
    opened = OpenFont(library, face)
    parts = [part * ONE for part in parts_of(axes)]
    if parts and library.FT_Set_Var_Design_Coordinates(
        face, len(parts), (c_long * len(parts))(*parts)
    ):
        return None
    return opened


class _FreeType(NamedTuple):
    """The library, and what it calls one too: a handle to its state."""

    library: ctypes.PyDLL
    handle: c_void_p


def is_reached() -> bool:
    """Whether glyphs are asked of FreeType itself in this process, not of Pillow."""
    return _freetype() is not None


@cache
def _freetype() -> _FreeType | None:
    """This process's; None where Pillow's can't be reached."""
    # Its functions are found through the module that is linked to it. They keep Python's lock, as
    # Pillow does: they take microseconds, and whoever lets go of it may wait for milliseconds.
    library = ctypes.PyDLL(_imagingft.__file__)
    try:
        for name, (result, *arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except AttributeError:
        return None
    handle = c_void_p()
    return None if library.FT_Init_FreeType(byref(handle)) else _FreeType(library, handle)


def _address(pointer: c_void_p) -> int:
    """Where a pointer leads that FreeType has given."""
    assert pointer.value is not None
    return pointer.value


_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "FT_Init_FreeType": (c_int, c_void_p),
    "FT_New_Face": (c_int, c_void_p, c_char_p, c_long, c_void_p),
    "FT_Done_Face": (c_int, c_void_p),
    "FT_Set_Var_Design_Coordinates": (c_int, c_void_p, c_uint, c_void_p),
    "FT_New_Size": (c_int, c_void_p, c_void_p),
    "FT_Activate_Size": (c_int, c_void_p),
    "FT_Set_Pixel_Sizes": (c_int, c_void_p, c_uint, c_uint),
    "FT_Get_Char_Index": (c_uint, c_void_p, c_ulong),
    "FT_Load_Glyph": (c_int, c_void_p, c_uint, c_int32),
    "FT_Outline_Get_CBox": (None, c_void_p, c_void_p),
    "FT_Render_Glyph": (c_int, c_void_p, c_int),
}
"""What is called, with the types of what it returns and takes."""


class _Generic(Structure):
    _fields_ = (("data", c_void_p), ("finalizer", c_void_p))


class _Sides(Structure):
    """FT_BBox, in 64ths of a pixel, upwards."""

    _fields_ = tuple((name, c_long) for name in ("x_min", "y_min", "x_max", "y_max"))


class _Metrics(Structure):
    """FT_Glyph_Metrics."""

    _fields_ = (
        *(("box", c_long * 4), ("advance_26_6", c_long)),
        ("vertical", c_long * 3),
    )


class _Bitmap(Structure):
    """FT_Bitmap."""

    _fields_ = (
        *(("num_rows", c_uint), ("width", c_uint), ("pitch", c_int), ("buffer", c_void_p)),
        *(("num_grays", c_ushort), ("pixel_mode", c_ubyte), ("palette_mode", c_ubyte)),
        ("palette", c_void_p),
    )


class _Outline(Structure):
    """FT_Outline."""

    _fields_ = (
        *(("num_contours", c_short), ("num_points", c_short), ("points", c_void_p)),
        *(("tags", c_void_p), ("contours", c_void_p), ("flags", c_int)),
    )


class _Slot(Structure):
    """FT_GlyphSlotRec, as far as it is read: the glyph loaded last."""

    _fields_ = (
        *(("library", c_void_p), ("face", c_void_p), ("next", c_void_p)),
        *(("number", c_uint), ("generic", _Generic), ("metrics", _Metrics)),
        *(("linear_advances", c_long * 2), ("advance", c_long * 2), ("format", c_int)),
        *(("bitmap", _Bitmap), ("left", c_int), ("top", c_int), ("outline", _Outline)),
    )


class _Size(Structure):
    """FT_SizeRec, as far as it is read."""

    _fields_ = (
        *(("face", c_void_p), ("generic", _Generic), ("ppem", c_ushort * 2)),
        *(("scales", c_long * 2), ("ascender_26_6", c_long), ("descender_26_6", c_long)),
    )


class _Face(Structure):
    """FT_FaceRec, as far as it is read."""

    _fields_ = (
        *(("num_faces", c_long), ("index", c_long), ("face_flags", c_long)),
        *(("style_flags", c_long), ("num_glyphs", c_long), ("family", c_void_p)),
        *(("style", c_void_p), ("num_fixed_sizes", c_int), ("fixed_sizes", c_void_p)),
        *(("num_charmaps", c_int), ("charmaps", c_void_p), ("generic", _Generic)),
        *(("sides", _Sides), ("units_per_em", c_ushort), ("heights", c_short * 3)),
        *(("most_advances", c_short * 2), ("underline", c_short * 2)),
        *(("glyph", POINTER(_Slot)), ("size", POINTER(_Size))),
    )
