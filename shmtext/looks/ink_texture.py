"""InkTexture: ink that covers unevenly: a worn ribbon, little toner, a dry pen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray

from shmtext.config.fields import About, setting
from shmtext.config.ranges import Range
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import GROUP, Draws, Kind, Step, Traits, Values, ranged
from shmtext.looks.luminance import Room
from shmtext.looks.sheet import Sheet
from shmtext.looks.textures import Pattern, draw_texture, lay


@dataclass(frozen=True, slots=True, kw_only=True)
class InkTexture(Step):
    """Ink that is darker here and paler there."""

    kind: ClassVar[Kind] = Kind.INK
    number: ClassVar[int] = 51

    patterns: tuple[Pattern, ...] = setting(
        ("grain", "mottled"),
        About("grain, fibers, mottled, canvas, plaster, streaks.", GROUP, "NAME"),
    )
    sigma: Range = ranged(
        (4, 20),
        "Standard deviation, about; at most a tenth of the contrast.",
        *((0, 64), "LEVELS"),
    )
    grain_px: Range = ranged(
        Range((0.7, 4), "log"), "Size of its grain, to the next of 1, 2, 4.", (0.1, 16), "PX"
    )

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Draw a pattern and its places, too."""
        values = super(InkTexture, self).draw(draws, traits)
        return values | draw_texture(self.patterns, values["grain_px"], draws)

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Add textures around inks' levels; where these are black or white, towards the paper."""
        strength = Room.of(sheet, rows).of_ink_texture(values["sigma"])
        lay(sheet, sheet.ink, rows, values, strength)
