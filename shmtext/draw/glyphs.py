"""The glyph atlas: each glyph rasterised once per face, its columns kept side by side.

The atlas lies transposed: one column of a glyph is one contiguous row of ``stride`` bytes, so
that a line of text is a sequence of row numbers, and a whole batch one ``take``:

    glyph "i", 3 columns        atlas rows of a stride of 8
    . # .                       17   0 0 0 0 0 0 0 0
    . . .                 ->    18   0 9 0 9 9 9 0 0
    . # .                       19   0 0 0 0 0 0 0 0
    . # .                       ^    ^ top of the frame of the face

Faces of like height share a stride, so that one ``take`` serves all of them. Row 0 is blank.
Glyphs are drawn by Pillow, one character at a time, the first time a text needs them. Where they
go in a picture is decided in ``layout.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shmtext.draw.characters import CharacterTable
from shmtext.draw.faces import Faces, has_ink

ATLAS_BYTES = 128 << 20
"""Bound of a worker's atlas. At the bound it is emptied, and filled again by what texts need:
a working set larger than this (over 100,000 glyphs at 32 px) costs about what Pillow alone does."""

SLOT_TABLE_ENTRIES = 16 << 20
"""Bound of faces x characters, 4 bytes each. At the bound the characters are forgotten, too."""

STRIDE_STEP = 8
"""Strides are multiples of this: few enough of them to fill batches, each little too large."""

NOT_DRAWN = -1


class FaceMetrics:
    """What layout needs of every face; all arrays have shape ``(num_faces,)``.

    A face's frame is the rows that its glyphs may have ink in: a line, and up to a quarter of
    the size above and below for accents and descenders that leave it.
    """

    def __init__(self, faces: Faces) -> None:
        num_faces = len(faces)
        self.ascent_px = np.zeros(num_faces, np.int64)
        self.line_px = np.zeros(num_faces, np.int64)
        """Ascent + descent: from one line's top to the next one's."""
        self.above_px = np.zeros(num_faces, np.int64)
        """Rows of the frame above the line."""
        self.stride = np.zeros(num_faces, np.int64)
        """Rows of the frame, rounded up."""
        for face_id in range(num_faces):
            font, size_px = faces.font_and_size(face_id)
            ascent, descent = faces.get(face_id).getmetrics()
            most = size_px // 4
            above = min(max(math.ceil(font.ascent_em * size_px) + 1 - ascent, 0), most)
            below = min(max(math.ceil(font.descent_em * size_px) + 1 - descent, 0), most)
            height = max(above + ascent + descent + below, 1)
            self.ascent_px[face_id], self.line_px[face_id] = ascent, ascent + descent
            self.above_px[face_id] = above
            self.stride[face_id] = -(-height // STRIDE_STEP) * STRIDE_STEP


GLYPH = np.dtype(
    [
        ("advance_26_6", np.int32),
        ("ink_left", np.int32),
        ("num_columns", np.int32),
        ("first_row", np.int32),
        ("ink_top", np.int32),
        ("ink_bottom", np.int32),
        ("box_left", np.int32),
        ("box_right", np.int32),
        ("box_top", np.int32),
        ("box_bottom", np.int32),
        ("box_is_hidden", np.bool_),
        ("has_ink", np.bool_),
        ("fits", np.bool_),
    ]
)
"""What is known of a glyph, in pixels from the pen at the top of the line:

``advance_26_6`` in 64ths of a pixel; ``ink_left`` its first column with ink, ``num_columns`` from
there to the last, ``first_row`` where they begin in the atlas; ``ink_top`` its first row with ink,
``ink_bottom`` behind the last; ``box_*`` its control box together
with the pen's way, as Pillow's ``getbbox`` has it; ``box_is_hidden`` where the control box ends
within the advance, which ``box_right`` then is; ``fits`` unless the box leaves the face's frame, or
there is no ink where ink is due: texts with such glyphs are drawn, or refused, one by one.
"""


class GlyphAtlas:
    """Glyphs of all faces, by slot."""

    def __init__(self, faces: Faces, metrics: FaceMetrics) -> None:
        self._faces = faces
        self._metrics = metrics
        self._slot_of = np.full((len(faces), 64), NOT_DRAWN, np.int32)
        self._empty()

    def _empty(self) -> None:
        self._slot_of.fill(NOT_DRAWN)
        self._num_slots = 0
        self.glyphs = np.zeros(256, GLYPH)
        """Of each slot."""
        self._columns: dict[int, NDArray[np.uint8]] = {}
        self._num_rows: dict[int, int] = {}

    def slots(
        self,
        face_ids: NDArray[np.int64],
        characters: NDArray[np.int32],
        table: CharacterTable,
        about_to_draw: Callable[[int], None],
    ) -> NDArray[np.int32]:
        """Return the slot of each ``(face, character)``, drawing those not met before.

        ``about_to_draw`` is called with the position in ``characters`` of a glyph's first use:
        FreeType may crash on a damaged one, and whoever cleans up must know the example.
        """
        if len(table) > self._slot_of.shape[1]:
            wider = np.full((len(self._faces), 2 * len(table)), NOT_DRAWN, np.int32)
            wider[:, : self._slot_of.shape[1]] = self._slot_of
            self._slot_of = wider
        slots: NDArray[np.int32] = self._slot_of[face_ids, characters]
        missing = np.flatnonzero(slots == NOT_DRAWN)
        if missing.size:
            if self.num_bytes > ATLAS_BYTES:
                self._empty()
                missing = np.arange(characters.size)
            keys = face_ids[missing] * len(table) + characters[missing]
            for first_use in missing[np.unique(keys, return_index=True)[1]].tolist():
                about_to_draw(first_use)
                face_id, character = int(face_ids[first_use]), int(characters[first_use])
                is_blank = bool(table.is_blank[character])
                slot = self._add(face_id, chr(table.code_points[character]), is_blank=is_blank)
                self._slot_of[face_id, character] = slot
            slots = self._slot_of[face_ids, characters]
        return slots

    @property
    def num_bytes(self) -> int:
        """Bytes of glyph columns held, over all strides."""
        return sum(rows * stride for stride, rows in self._num_rows.items())

    @property
    def is_over_wide(self) -> bool:
        """The table of slots is at its bound: start over, with a new character table."""
        return self._slot_of.size > SLOT_TABLE_ENTRIES

    def columns(self, stride: int) -> NDArray[np.uint8]:
        """Glyph columns of a stride, shape ``(num_rows, stride)``; row 0 is blank."""
        return self._columns[stride]

    def _add(self, face_id: int, character: str, *, is_blank: bool) -> int:
        """Draw a glyph; return its slot. ``is_blank``: it may come out without ink."""
        face = self._faces.get(face_id)
        ascent = int(self._metrics.ascent_px[face_id])
        stride = int(self._metrics.stride[face_id])
        advance_26_6 = round(face.getlength(character) * 64)
        # Size and offset of the mask are those of Pillow's bounding box.
        core, (left, top) = face.getmask2(character, mode="L", anchor="ls")
        width, height = core.size
        ink = core.getbbox() or (0, 0, 0, 0)
        is_inked = has_ink(core)
        # The box, not the ink alone, must lie in the frame: canvases are cut to boxes.
        box_first = top + ascent + int(self._metrics.above_px[face_id])
        fits = box_first >= 0 and box_first + height <= stride and (is_inked or is_blank)
        first, last = box_first + ink[1], box_first + ink[3]
        num_columns = ink[2] - ink[0] if fits else 0
        first_row = self._new_rows(stride, num_columns)
        if num_columns:
            # Wrapped as an image it is copied at once; ``bytes`` would ask for pixel after pixel.
            mask = np.asarray(Image.Image()._new(core))
            rows = self._columns[stride][first_row : first_row + num_columns]
            rows[:, first:last] = mask[ink[1] : ink[3], ink[0] : ink[2]].T
        slot = self._num_slots
        if slot == self.glyphs.size:
            self.glyphs = np.concatenate([self.glyphs, np.zeros_like(self.glyphs)])
        self.glyphs[slot] = (
            advance_26_6,
            left + ink[0],
            num_columns,
            first_row,
            top + ascent + ink[1],
            top + ascent + ink[3],
            left,
            left + width,
            top + ascent,
            top + ascent + height,
            left + width == (advance_26_6 + 32) >> 6,
            is_inked,
            fits,
        )
        self._num_slots += 1
        return slot

    def _new_rows(self, stride: int, num_rows: int) -> int:
        """Make room for a glyph's columns; return the first."""
        if stride not in self._columns:
            self._columns[stride] = np.zeros((1024, stride), np.uint8)
            self._num_rows[stride] = 1
        first = self._num_rows[stride]
        held = self._columns[stride]
        if first + num_rows > held.shape[0]:
            larger = np.zeros((2 * (first + num_rows), stride), np.uint8)
            larger[:first] = held[:first]
            self._columns[stride] = larger
        self._num_rows[stride] = first + num_rows
        return first
