"""Noise: what a sensor adds in poor light."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.config.fields import About, setting
from shmtext.config.ranges import Floats, Range, unit
from shmtext.corpus.ranges import Ints
from shmtext.looks import grain
from shmtext.looks.channels import for_channels
from shmtext.looks.effect import (
    FIRST_OWN_WORD,
    GROUP,
    Draws,
    Kind,
    Step,
    Traits,
    Values,
    ranged,
)
from shmtext.looks.sheet import Pixels, Sheet

SIGN_BIT = 0x80
"""Turned, it makes levels from 0 to 255 numbers from -128 to 127."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise(Step):
    """Gaussian noise, of each pixel by itself."""

    kind: ClassVar[Kind] = Kind.NOISE
    number: ClassVar[int] = 90
    version: ClassVar[int] = 2
    degrades: ClassVar[bool] = True

    sigma: Range = ranged((1, 6), "Standard deviation, of 255 levels.", (0, 40), "LEVELS")
    colored: float = setting(
        0.5,
        About(
            "How often red, green and blue have noise of their own.",
            GROUP,
            "P",
            at_least=0,
            at_most=1,
        ),
    )

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Take deviations that there are; draw the place of the noise and whether it has colour."""
        values = super(Noise, self).draw(draws, traits)
        values["sigma"] = grain.SIGMAS[grain.nearest_level(values["sigma"])]
        values["place"] = grain.places(draws.word(FIRST_OWN_WORD))
        values["colored"] = (unit(draws.word(FIRST_OWN_WORD + 1)) < self.colored).astype(np.int64)
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """All of it where thin strokes drown in it: the eye takes the mean of wide ones."""
        return noise_severity(values["sigma"], traits)

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Add a field to each cell."""
        cells = sheet.cells(sheet.paper, rows)
        noises = noise_of(cells, values["sigma"], values["place"], values["colored"])
        with signed_levels(sheet, rows):
            add_noise(cells, noises)


def add_noise(cells: Sequence[Pixels], noises: Iterable[grain.Field]) -> None:
    """Add a field to each cell, whose levels are signed numbers."""
    for cell, noise in zip(cells, noises, strict=True):
        signed = cell.view(np.int8)
        cv2.add(signed, noise, dst=signed)


@contextmanager
def signed_levels(sheet: Sheet, rows: Ints) -> Iterator[None]:
    """Let levels of some examples' cells be signed numbers for a while.

    What is added to these, signed as well, ends at black and at white as light on a sensor does.
    """
    # Where more than a quarter is asked for, to touch all is quicker than some here and some there.
    parts = [sheet.paper]
    if 4 * rows.size <= len(sheet):
        parts = [sheet.paper[:, a:b] for a, b, _ in sheet.ranges(rows, np.zeros_like(rows))]
    for part in parts:
        np.bitwise_xor(part, SIGN_BIT, out=part)
    yield
    for part in parts:
        np.bitwise_xor(part, SIGN_BIT, out=part)


def noise_of(
    cells: Sequence[Pixels], sigma: Floats, places: Ints, is_colored: Ints
) -> Iterator[grain.Field]:
    """Cut a field for each cell: where it has colours, one for each of them or one for all."""
    if not cells:
        return
    sizes = np.array([cell.shape[0] * cell.shape[1] for cell in cells])
    has_colors = is_colored.astype(bool) & (cells[0].ndim == 3)
    sizes[has_colors] *= 3
    noises = grain.fields(sizes, grain.nearest_level(sigma), places)
    for cell, noise in zip(cells, noises, strict=True):
        if noise.size == cell.size:
            yield noise.reshape(cell.shape)
        else:
            alike = noise.reshape(cell.shape[:2]).view(np.uint8)
            yield for_channels(alike, cell).view(np.int8)


def noise_severity(sigma: Floats, traits: Traits) -> Floats:
    """How much noise of a deviation, of 255 levels, takes from a text's legibility."""
    return sigma / (12 * traits.stroke_px)
