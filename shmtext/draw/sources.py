"""Where the atlas has its glyphs from: keys to glyphs drawn alone.

They are asked of ``freetype.py``, and of Pillow what that leaves to it.

Characters in Pillow's basic layout, which finds their glyphs and advances itself, or glyphs by
number, which shaping has found and placed. How glyphs are kept is ``glyphs.py``'s business.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shmtext.corpus.ranges import Ints
from shmtext.draw.characters import CharacterTable
from shmtext.draw.faces import Faces, has_ink
from shmtext.draw.freetype import Box, Rendered
from shmtext.draw.glyph_font import FIRST_CODE_POINT
from shmtext.draw.postscript import PostScriptOutlines, is_postscript

SHEET_PX = 512
"""Width and height of what masks are read from; it grows for larger ones."""

GLYPH_MISSING = "a rule of the font names a glyph that it lacks"
"""Said of damaged fonts: shaping believes them."""


class DrawnGlyph(NamedTuple):
    """A glyph drawn alone."""

    mask: NDArray[np.uint8]
    """Coverage over ``ink``."""
    ink: Box
    """Where there is any coverage; empty, at the pen, where there is none."""
    box: Box
    """What Pillow's bounding box of a text takes from the glyph: its control box, and in basic
    layout the pen's way."""
    least: tuple[int, int]
    """Left and right side that the control box has at least; the box's own where those are known.
    """
    advance_26_6: int
    """In basic layout; else 0, as shaping knows it."""
    is_inked: bool
    """Something of it can be seen."""


class GlyphSource(Protocol):
    """What draws the glyphs of an atlas."""

    @property
    def num_keys(self) -> Ints:
        """Keys of each face, counted from 0, ``(num_faces,)``; more may come to be known."""

    def draw(self, face_id: int, key: int) -> DrawnGlyph:
        """Draw a glyph. Raises ``OSError`` where FreeType refuses it."""

    def exact_left(self, face_id: int, key: int) -> int:
        """Measure the left side of a glyph's box, wherever it is; few texts hang on it."""


class CharacterGlyphs:
    """Glyphs of characters, by id, in Pillow's basic layout."""

    def __init__(self, faces: Faces, table: CharacterTable) -> None:
        self._faces = faces
        self._table = table
        self._sheet = _Sheet()

    @property
    def num_keys(self) -> Ints:
        """Room for twice as many characters as are known, but for the first 64."""
        room = max(64, 1 << len(self._table).bit_length())
        return np.full(len(self._faces), room)

    def draw(self, face_id: int, key: int) -> DrawnGlyph:
        """Draw a character."""
        code_point = int(self._table.code_points[key])
        font = self._faces.freetype.at_size(face_id)
        if font and (found := font.render(font.glyph(code_point))):
            return _with_pen(found)
        character = chr(code_point)
        face = self._faces.get(face_id)
        advance_26_6 = round(face.getlength(character) * 64)
        # Size and offset of the mask are those of Pillow's bounding box.
        core, (left, top) = face.getmask2(character, mode="L", anchor="ls")
        right, bottom = left + core.size[0], top + core.size[1]
        mask, ink = self._sheet.cut(core, left, top)
        # The control box may end within the advance, which the box's right side then is.
        is_hidden = right == (advance_26_6 + 32) >> 6
        least = left, ink[2] if is_hidden else right
        return DrawnGlyph(mask, ink, (left, top, right, bottom), least, advance_26_6, has_ink(core))

    def exact_left(self, face_id: int, key: int) -> int:
        """The box holds the pen: nothing is left open."""
        return self.draw(face_id, key).box[0]


class NumberedGlyphs:
    """Glyphs by their number in the font."""

    def __init__(self, faces: Faces) -> None:
        self._faces = faces
        num_glyphs = [faces.font_and_size(face_id)[0].num_glyphs for face_id in range(len(faces))]
        self._num_keys = np.array(num_glyphs, np.int64)
        self._postscript: dict[str, PostScriptOutlines | None] = {}
        """By digest of those fonts in which a glyph's sides had to be found."""
        self._sheet = _Sheet()

    @property
    def num_keys(self) -> Ints:
        """Glyphs of each face's font."""
        return self._num_keys

    def draw(self, face_id: int, key: int) -> DrawnGlyph:
        """Draw the glyph of a number."""
        if key >= self._num_keys[face_id]:
            raise OSError(GLYPH_MISSING)
        font = self._faces.freetype.at_size(face_id)
        if font and (found := font.render(key)):
            sides = found.control_box[0], found.control_box[2]
            return DrawnGlyph(found.mask, found.ink, found.control_box, sides, 0, found.is_inked)
        character = chr(FIRST_CODE_POINT + key)
        face = self._faces.by_number(face_id)
        core, (left, top) = face.getmask2(character, mode="L", anchor="ls")
        mask, ink = self._sheet.cut(core, left, top)
        # Pillow's box holds the pen. A side at the pen may as well lie beyond it.
        right, bottom = left + core.size[0], top + core.size[1]
        if ink[2] < right == 0:
            right = self._sides(face_id, key, ink, 1)[1]
        top, bottom = top or ink[1], bottom or ink[3]
        box = left, top, right, bottom
        return DrawnGlyph(mask, ink, box, (left or ink[0], right), 0, has_ink(core))

    def exact_left(self, face_id: int, key: int) -> int:
        """Find a box's left side beyond the pen."""
        return self._sides(face_id, key, self.draw(face_id, key).ink, -1)[0]

    def draw_exactly(self, face_id: int, key: int) -> DrawnGlyph:
        """Draw a glyph, all sides of whose box are known."""
        drawn = self.draw(face_id, key)
        left, top, right, bottom = drawn.box
        if left < drawn.least[0]:
            left = self.exact_left(face_id, key)
        return drawn._replace(box=(left, top, right, bottom), least=(left, right))

    def _sides(self, face_id: int, key: int, ink: Box, shift_em: int) -> tuple[int, int]:
        """Find left and right side of the box of a glyph, whose ink is known.

        TrueType's are measured in a font whose glyphs lie an em beside their places: left sides on
        the left of the pen, right sides on its right.
        """
        font, size_px = self._faces.font_and_size(face_id)
        if font.digest not in self._postscript:
            outlines = PostScriptOutlines(font) if is_postscript(font.stored) else None
            self._postscript[font.digest] = outlines
        outlines = self._postscript[font.digest]
        if outlines is not None:
            return outlines.sides_px(key, size_px)
        face = self._faces.by_number(face_id, shift_em)
        core, (left, top) = face.getmask2(chr(FIRST_CODE_POINT + key), mode="L", anchor="ls")
        _, moved = self._sheet.cut(core, left, top)
        # The ink tells how far: FreeType's own hinting may add a pixel to the em.
        moved_px = moved[0] - ink[0]
        return left - moved_px, left + core.size[0] - moved_px


def _with_pen(found: Rendered) -> DrawnGlyph:
    """A glyph whose box holds the pen's way, as Pillow's of a text does."""
    left, top, right, bottom = found.control_box
    box = (
        min(left, 0),
        min(top, 0),
        max(right, (found.advance_26_6 + 32) >> 6, 0),
        max(bottom, 0),
    )
    sides = min(left, 0), right
    return DrawnGlyph(found.mask, found.ink, box, sides, found.advance_26_6, found.is_inked)


class _Sheet:
    """Memory that Pillow's masks are copied to, to be read as an array.

    Asking the mask itself for its bytes takes Pillow ten times as long, most of what a glyph costs.
    """

    def __init__(self) -> None:
        self._make(SHEET_PX, SHEET_PX)

    def _make(self, width: int, height: int) -> None:
        self._pixels = np.zeros((height, width), np.uint8)
        image = Image.frombuffer("L", (width, height), self._pixels, "raw", "L", 0, 1)
        # The array's own memory, as an image that can be pasted to.
        self._core = image.im

    def cut(self, core: Any, left: int, top: int) -> tuple[NDArray[np.uint8], Box]:
        """Cut a mask, whose upper left corner is given from the pen, to its ink."""
        ink = core.getbbox()
        if ink is None:
            return np.zeros((0, 0), np.uint8), (0, 0, 0, 0)
        width, height = core.size
        if height > self._pixels.shape[0] or width > self._pixels.shape[1]:
            self._make(max(width, SHEET_PX), max(height, SHEET_PX))
        self._core.paste(core, (0, 0, width, height))
        mask = self._pixels[ink[1] : ink[3], ink[0] : ink[2]].copy()
        return mask, (left + ink[0], top + ink[1], left + ink[2], top + ink[3])
