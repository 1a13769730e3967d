"""Masks to pictures: the only place where colour is made.

What a coverage comes to between two colours is asked of Pillow, once for each pair of colours and
all 256 coverages: a ramp. A picture is its mask sent through a ramp. Colours are red, green, blue;
what an encoder wants is the encoder's business. What is done to masks before they have colour, and
to pictures after, has its place beside this module: see ``PictureMaker``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import cv2
import numpy as np
from PIL import Image, ImageDraw

from shmtext.config.colors import PictureMode
from shmtext.corpus.ranges import Ints
from shmtext.draw.batch import Pixels
from shmtext.draw.strip import Patch, Strip

Coloring = Callable[[Pixels], Pixels]
"""Makes a picture of a mask, shape ``(height, width)``, which it may overwrite."""


class Ink:
    """A run's pairs of colours, and how a mask is drawn in each."""

    def __init__(self, color_pairs: Sequence[tuple[str, str]], mode: PictureMode) -> None:
        self._color_pairs = color_pairs
        self._mode = mode

    def pictures(self, strip: Strip, pair_id: Ints) -> list[Pixels]:
        """Draw each of a strip's texts in its pair of colours; the masks are used up.

        ``pair_id`` has shape ``(num_texts,)``. Pictures are as in ``Batch``.
        """
        pictures = self._color(strip, pair_id)
        for patch in strip.patches:
            (picture,) = pictures
            lay_over(picture, patch, self._ramps[int(pair_id[0])][255])
        return pictures

    def _color(self, strip: Strip, pair_id: Ints) -> list[Pixels]:
        if len(self._colorings) == 1:
            return strip.cells.cut(self._colorings[0](strip.masks))
        pairs = pair_id.tolist()
        masks = strip.cells.cut(strip.masks)
        return [self._colorings[pair](mask) for pair, mask in zip(pairs, masks, strict=True)]

    @cached_property
    def _ramps(self) -> list[Pixels]:
        return [ramp(pair, self._mode) for pair in self._color_pairs]

    @property
    def ends(self) -> tuple[Pixels, Pixels]:
        """Paper and ink of each pair, ``(num_pairs, num_channels)``."""
        paper, ink = (np.stack([ramp[level] for ramp in self._ramps]) for level in (0, 255))
        return paper.reshape(len(self._ramps), -1), ink.reshape(len(self._ramps), -1)

    @cached_property
    def _colorings(self) -> list[Coloring]:
        return list(map(coloring, self._ramps))


def ramp(colors: tuple[str, str], mode: PictureMode) -> Pixels:
    """What each coverage comes to in ``(font_color, background_color)``, as Pillow blends them.

    Shape ``(256,)`` gray or ``(256, 3)`` red, green, blue.

    >>> ramp(("#ff0000", "#ffffff"), "rgb")[[0, 51, 255]].tolist()
    [[255, 255, 255], [255, 204, 204], [255, 0, 0]]
    """
    font_color, background_color = colors
    picture = Image.new("L" if mode == "gray" else "RGB", (256, 1), background_color)
    coverage = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    ImageDraw.Draw(picture).bitmap((0, 0), coverage, fill=font_color)
    blended: Pixels = np.array(picture)[0]
    return blended


def coloring(ramp: Pixels) -> Coloring:
    """Return the fastest way to send a mask through a ramp: ``ramp[mask]``.

    >>> mask = np.array([[0, 51, 255]], np.uint8)
    >>> coloring(ramp(("#ff0000", "#ffffff"), "rgb"))(mask)[0].tolist()
    [[255, 255, 255], [255, 204, 204], [255, 0, 0]]
    """
    if ramp.ndim == 1:
        return _gray_coloring(ramp)
    if (ramp == ramp[:, :1]).all():
        # Gray ink in a colour picture: made gray, and tripled, in a third of the time.
        gray = _gray_coloring(np.ascontiguousarray(ramp[:, 0]))
        return lambda mask: cv2.cvtColor(gray(mask), cv2.COLOR_GRAY2RGB)  # type: ignore[return-value]
    return _packed_coloring(ramp)


def _packed_coloring(ramp: Pixels) -> Coloring:
    """Look up all channels of a pixel at once, as one number, and leave out its fourth byte.

    A tenth faster than ``cv2.applyColorMap``, which looks up each by itself.
    """
    packed = np.zeros((256, 4), np.uint8)
    packed[:, :3] = ramp
    table = packed.view(np.int32).reshape(1, 256)

    def color(mask: Pixels) -> Pixels:
        wide = cv2.LUT(mask, table).view(np.uint8).reshape(*mask.shape, 4)
        return cv2.cvtColor(wide, cv2.COLOR_RGBA2RGB)  # type: ignore[return-value]

    return color


def _gray_coloring(ramp: Pixels) -> Coloring:
    if np.array_equal(ramp, np.arange(255, -1, -1)):  # black on white
        return lambda mask: cv2.bitwise_not(mask, dst=mask)  # type: ignore[return-value]
    return lambda mask: cv2.LUT(mask, ramp, dst=mask)  # type: ignore[return-value]


def lay_over(picture: Pixels, patch: Patch, color: Pixels) -> None:
    """Ink a patch, in place and in one colour, as Pillow does: rounded to nearest.

    ``color`` has shape ``()`` for a gray picture, else ``(3,)``.

    >>> picture = np.array([[200, 200, 200]], np.uint8)
    >>> lay_over(picture, Patch(0, 1, np.array([[51, 255]], np.uint8)), np.uint8(100))
    >>> picture.tolist()
    [[200, 180, 100]]
    """
    height, width = patch.mask.shape
    under = picture[patch.top : patch.top + height, patch.left : patch.left + width]
    mask = patch.mask.astype(np.uint16).reshape(height, width, *[1] * (picture.ndim - 2))
    blended = under * (255 - mask) + color * mask + np.uint16(128)
    under[...] = (blended + (blended >> 8)) >> 8
