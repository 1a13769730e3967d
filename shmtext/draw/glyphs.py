"""The glyph atlas: each glyph rasterised once per face, its columns kept side by side.

The atlas lies transposed: one column of a glyph is one contiguous row of ``stride`` bytes, so
that a line of text is a sequence of row numbers, and a whole batch one ``take``:

    glyph "i", 3 columns        atlas rows of a stride of 8
    . # .                       17   0 0 0 0 0 0 0 0
    . . .                 ->    18   0 9 0 9 9 9 0 0
    . # .                       19   0 0 0 0 0 0 0 0
    . # .                       ^    ^ top of the frame of the face

Faces of like height share a stride, so that one ``take`` serves all of them. Row 0 is blank. A
glyph that stands higher or lower than its own place (a mark on a tall letter) is another entry, as
columns move sideways alone. What a key stands for, and how Pillow is asked to draw it, is
``sources.py``'s; where glyphs go in a picture is decided in ``layout.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints, spell_out
from shmtext.draw.faces import Faces
from shmtext.draw.sources import GlyphSource

ATLAS_BYTES = 128 << 20
"""Bound of a worker's atlas. At the bound it is emptied, and filled again by what texts need:
a working set larger than this (over 100,000 glyphs at 32 px) costs about what Pillow alone does."""

STRIDE_STEP = 8
"""Strides are multiples of this: few enough of them to fill batches, each little too large."""

NOT_DRAWN = 0

AboutToDraw = Callable[[int], None]


class FaceMetrics:
    """What layout needs of every face; all arrays have shape ``(num_faces,)``.

    A face's frame is the rows that its glyphs may have ink in: a line, and up to a quarter of
    the size above and below for accents and descenders that leave it.
    """

    def __init__(self, faces: Faces) -> None:
        num_faces = len(faces)
        self._faces = faces
        self.ascent_px = np.zeros(num_faces, np.int64)
        self.line_px = np.zeros(num_faces, np.int64)
        """Ascent + descent: from one line's top to the next one's."""
        self.above_px = np.zeros(num_faces, np.int64)
        """Rows of the frame above the line."""
        self.stride = np.zeros(num_faces, np.int64)
        """Rows of the frame, rounded up."""
        for face_id in range(num_faces):
            font, size_px = faces.font_and_size(face_id)
            ascent, descent = faces.ascent_and_descent(face_id)
            most = size_px // 4
            above = min(max(math.ceil(font.ascent_em * size_px) + 1 - ascent, 0), most)
            below = min(max(math.ceil(font.descent_em * size_px) + 1 - descent, 0), most)
            height = max(above + ascent + descent + below, 1)
            self.ascent_px[face_id], self.line_px[face_id] = ascent, ascent + descent
            self.above_px[face_id] = above
            self.stride[face_id] = -(-height // STRIDE_STEP) * STRIDE_STEP

    @cached_property
    def pillow_pitch_px(self) -> NDArray[np.int64]:
        """From line to line in Pillow's texts, without its spacing: down to where an A ends."""
        opened = map(self._faces.get, range(len(self._faces)))
        return np.array([face.getbbox("A")[3] for face in opened], np.int64)


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
        ("least_left", np.int32),
        ("least_right", np.int32),
        ("has_ink", np.bool_),
        ("fits", np.bool_),
    ]
)
"""What is known of a glyph, in pixels from the pen at the top of the line:

``advance_26_6`` in 64ths of a pixel; ``ink_left`` its first column with ink, ``num_columns`` from
there to the last, ``first_row`` where they begin in the atlas; ``ink_top`` its first row with ink,
``ink_bottom`` behind the last; ``box_*`` its control box together
with the pen's way, as Pillow's ``getbbox`` has it; ``least_*`` sides that the control box has at
least, where more is not known; ``fits`` unless the box leaves the face's frame:
texts with such glyphs are drawn one by one.
"""


class GlyphAtlas:
    """Glyphs of all faces, by slot."""

    def __init__(self, metrics: FaceMetrics, source: GlyphSource) -> None:
        frames = metrics.ascent_px, metrics.above_px, metrics.stride
        self._frames = list(zip(*(each.tolist() for each in frames), strict=True))
        """Of each face: what a glyph's place in it takes."""
        self._source = source
        self._empty()

    def _empty(self) -> None:
        num_keys = self._source.num_keys
        self._first_key = np.cumsum(num_keys) - num_keys
        # Zeros, which take memory where they are written to alone: few of a font's glyphs are met.
        self._slot_of = np.zeros(int(num_keys.sum()), np.int32)
        self._shifted: dict[tuple[int, int], int] = {}
        """Slots of glyphs that stand higher or lower, by key and shift."""
        self._num_slots = 1
        self.glyphs = np.zeros(256, GLYPH)
        """Of each slot; the first is none's."""
        self._columns: dict[int, NDArray[np.uint8]] = {}
        self._num_rows: dict[int, int] = {}

    def slots(
        self, face_ids: Ints, keys: NDArray[np.int32], y_px: Ints | None, about_to_draw: AboutToDraw
    ) -> NDArray[np.int32]:
        """Return the slot of each glyph, drawing those not met before.

        ``y_px`` is how far each stands above its own place, None for all 0. ``about_to_draw`` is
        called with the position in ``keys`` of a glyph's first use: FreeType may crash on a damaged
        one, and whoever cleans up must know the example.
        """
        if self._source.num_keys.sum() != self._slot_of.size:
            self._widen()
        places = self._first_key[face_ids] + keys
        is_shifted = None if y_px is None or not y_px.any() else y_px != 0
        if self.num_bytes > ATLAS_BYTES and not self._has_all(places, is_shifted, y_px):
            self._empty()
        slots: NDArray[np.int32] = self._slot_of.take(places)
        missing = slots == NOT_DRAWN
        if is_shifted is not None:
            missing &= ~is_shifted
        if missing.any():
            found = np.flatnonzero(missing)
            new, first_uses = np.unique(places[found], return_index=True)
            first_uses = found[first_uses]
            told = first_uses, new, face_ids[first_uses], keys[first_uses]
            for first_use, place, face_id, key in zip(
                *(each.tolist() for each in told), strict=True
            ):
                about_to_draw(first_use)
                self._slot_of[place] = self._add(face_id, key, 0)
            slots = self._slot_of.take(places)
        if is_shifted is not None and y_px is not None:
            for first_use, uses in _alike(places, y_px, np.flatnonzero(is_shifted)):
                key = int(places[first_use]), int(y_px[first_use])
                if key not in self._shifted:
                    about_to_draw(first_use)
                    face_id, glyph = int(face_ids[first_use]), int(keys[first_use])
                    self._shifted[key] = self._add(face_id, glyph, key[1])
                slots[uses] = self._shifted[key]
        return slots

    def _has_all(
        self, places: Ints, is_shifted: NDArray[np.bool_] | None, y_px: Ints | None
    ) -> bool:
        """Whether all of some glyphs are here already."""
        if is_shifted is None or y_px is None:
            return bool((self._slot_of.take(places) != NOT_DRAWN).all())
        alike = _alike(places, y_px, np.flatnonzero(is_shifted))
        return bool((self._slot_of.take(places[~is_shifted]) != NOT_DRAWN).all()) and all(
            (int(places[at]), int(y_px[at])) in self._shifted for at, _ in alike
        )

    def sharpen(self, slot: int, face_id: int, key: int) -> None:
        """Find out what ``least_left`` leaves open of a glyph's box."""
        left = self._source.exact_left(face_id, key)
        self.glyphs["box_left"][slot] = self.glyphs["least_left"][slot] = left

    def _widen(self) -> None:
        """Make room for keys that the source has come to know since."""
        num_keys = self._source.num_keys
        old_starts = self._first_key
        old_counts = np.diff(np.append(old_starts, self._slot_of.size))
        self._first_key = np.cumsum(num_keys) - num_keys
        wider = np.zeros(int(num_keys.sum()), np.int32)
        wider[spell_out(self._first_key, old_counts)] = self._slot_of
        self._slot_of = wider

    @property
    def num_bytes(self) -> int:
        """Bytes of glyph columns held, over all strides."""
        return sum(rows * stride for stride, rows in self._num_rows.items())

    def columns(self, stride: int) -> NDArray[np.uint8]:
        """Glyph columns of a stride, shape ``(num_rows, stride)``; row 0 is blank."""
        return self._columns[stride]

    def _add(self, face_id: int, key: int, y_px: int) -> int:
        """Draw a glyph, so far above its place; return its slot."""
        mask, ink, box, least, advance_26_6, is_inked = self._source.draw(face_id, key)
        ascent, above, stride = self._frames[face_id]
        ascent -= y_px
        box_left, box_top, box_right, box_bottom = box
        ink_left, ink_top, ink_right, ink_bottom = ink
        # The box, not the ink alone, must lie in the frame: canvases are cut to boxes.
        to_frame = ascent + above
        fits = box_top + to_frame >= 0 and box_bottom + to_frame <= stride
        num_columns = ink_right - ink_left if fits else 0
        first_row = self._new_rows(stride, num_columns)
        if num_columns:
            rows = self._columns[stride][first_row : first_row + num_columns]
            rows[:, ink_top + to_frame : ink_bottom + to_frame] = mask.T
        slot = self._num_slots
        if slot == self.glyphs.size:
            self.glyphs = np.concatenate([self.glyphs, np.zeros_like(self.glyphs)])
        self.glyphs[slot] = (
            advance_26_6,
            ink_left,
            num_columns,
            first_row,
            ascent + ink_top,
            ascent + ink_bottom,
            box_left,
            box_right,
            ascent + box_top,
            ascent + box_bottom,
            *least,
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


def _alike(places: Ints, y_px: Ints, among: Ints) -> Iterator[tuple[int, Ints]]:
    """Glyphs that stand equally high: the first of each kind, and all of them."""
    # Shifts are far below 2 ** 19.
    keys = places[among] * (1 << 20) + y_px[among]
    order = np.argsort(keys, kind="stable")
    for uses in np.split(among[order], np.flatnonzero(np.diff(keys[order])) + 1):
        yield int(uses[0]), uses
