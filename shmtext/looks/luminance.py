"""Luminance: the level that a colour leaves in a gray picture, and colours of a given one.

A trainer that takes colour away must still see the text, so that all contrast is counted in these
levels, 0 to 255. What may be taken of it by papers and inks that are not even is kept here, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shmtext.config.colors import READABLE_LEVELS
from shmtext.config.ranges import Floats
from shmtext.corpus.ranges import Ints
from shmtext.looks.sheet import Pixels, Sheet

NUM_TAKERS = 4
"""Effects that share what contrast can spare: gradients and textures of paper and of ink."""

CONTRAST_SIGMAS = 10
"""Contrast is at least so many standard deviations of a texture: where there are 80 levels of it,
that leaves 60 and two and a half deviations."""


def levels_of(colors: Pixels) -> Ints:
    """Luminance of colours, ``(num, num_channels)``, as Pillow has it.

    >>> levels_of(np.array([[255, 0, 0], [0, 0, 255]], np.uint8)).tolist()
    [76, 29]
    """
    if colors.shape[1] == 1:
        return colors[:, 0].astype(np.int64)
    red, green, blue = colors.T.astype(np.int64)
    levels: Ints = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16
    return levels


def tinted(level: Floats, hue: Floats, saturation: Floats) -> Pixels:
    """Colours of given luminance, ``(num, 3)``; the hue is in degrees: 0 red, 120 green, 240 blue.

    Saturation, 0 to 1, is the share of the way from gray to the most vivid of that luminance.
    """
    sector = hue / 60 - 6 * np.floor(hue / 360)
    pure = np.stack(
        [
            np.clip(np.abs(sector - 3) - 1, 0, 1),
            np.clip(2 - np.abs(sector - 2), 0, 1),
            np.clip(2 - np.abs(sector - 4), 0, 1),
        ],
        axis=1,
    )
    # Away from gray, in steps that leave luminance as it is; then as far as all channels go.
    own = (19595 * pure[:, 0] + 38470 * pure[:, 1] + 7471 * pure[:, 2]) / 65536
    way = pure - own[:, None]
    room = np.where(way > 0, 255 - level[:, None], level[:, None])
    farthest = (room / np.maximum(np.abs(way), 2.0**-20)).min(axis=1)
    colors = level[:, None] + (saturation * farthest)[:, None] * way
    result: Pixels = np.clip(np.rint(colors), 0, 255).astype(np.uint8)
    return result


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """How far paper and ink of some examples may move; arrays have one length."""

    paper: Ints
    """Its level, and the ink's, as they were chosen."""
    ink: Ints

    @classmethod
    def of(cls, sheet: Sheet, rows: Ints) -> Self:
        """That of examples in their colours."""
        return cls(levels_of(sheet.paper_color[rows]), levels_of(sheet.ink_color[rows]))

    @property
    def contrast(self) -> Ints:
        """Levels between paper and ink."""
        contrast: Ints = np.abs(self.paper - self.ink)
        return contrast

    @property
    def spare(self) -> Floats:
        """Levels of it that one effect may take."""
        return np.maximum(self.contrast - READABLE_LEVELS, 0) / NUM_TAKERS

    @property
    def is_dark_on_light(self) -> NDArray[np.bool_]:
        """Whether ink is the darker."""
        return self.ink <= self.paper

    def of_paper(self, levels: Floats) -> tuple[Floats, Floats]:
        """Ends of a change of the paper by so many levels in all: towards the ink, and away.

        It goes away from the ink as far as there are levels, and towards it for the rest, of which
        no more is left than can be spared.
        """
        return self._ends(self.paper, ~self.is_dark_on_light, levels)

    def of_ink(self, levels: Floats) -> tuple[Floats, Floats]:
        """Ends of a change of the ink: towards the paper, and away from it."""
        return self._ends(self.ink, self.is_dark_on_light, levels)

    def of_paper_texture(self, sigma: Floats) -> tuple[Floats, Floats]:
        """A standard deviation of the paper's level that leaves text clear, and what shifts it.

        Levels go by two of them both ways: off white or black, or as far from it as can be spared.
        """
        return self._texture(self.paper, ~self.is_dark_on_light, sigma)

    def of_ink_texture(self, sigma: Floats) -> tuple[Floats, Floats]:
        """Likewise of the ink's level."""
        return self._texture(self.ink, self.is_dark_on_light, sigma)

    def _texture(self, own: Ints, falls: NDArray[np.bool_], sigma: Floats) -> tuple[Floats, Floats]:
        sigma = np.minimum(sigma, self.contrast / CONTRAST_SIGMAS)
        beyond = np.maximum(2 * sigma - np.where(falls, own, 255 - own), 0)
        return sigma, np.where(falls, 1, -1) * np.minimum(beyond, self.spare)

    def _ends(self, own: Ints, falls: NDArray[np.bool_], levels: Floats) -> tuple[Floats, Floats]:
        away = np.minimum(levels, np.where(falls, own, 255 - own))
        toward = np.minimum(levels - away, self.spare)
        sign = np.where(falls, -1, 1)
        return -sign * toward, sign * away
