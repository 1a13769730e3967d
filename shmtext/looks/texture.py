"""Texture: the grain of paper, the weave of cloth, the roughness of a wall."""

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
class Texture(Step):
    """Grain of what is written on: paper, card, cloth, a wall."""

    kind: ClassVar[Kind] = Kind.PAPER
    number: ClassVar[int] = 42

    patterns: tuple[Pattern, ...] = setting(
        ("grain", "fibers", "mottled"),
        About("grain, fibers, mottled, canvas, plaster, streaks.", GROUP, "NAME"),
    )
    sigma: Range = ranged(
        (1, 6),
        "Standard deviation, about; at most a tenth of the contrast.",
        *((0, 64), "LEVELS"),
    )
    grain_px: Range = ranged(
        Range((0.7, 3), "log"), "Size of its grain, to the next of 1, 2, 4.", (0.1, 16), "PX"
    )

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Draw a pattern and its places, too."""
        values = super(Texture, self).draw(draws, traits)
        return values | draw_texture(self.patterns, values["grain_px"], draws)

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Add textures around papers' levels; where these are white or black, towards the ink."""
        strength = Room.of(sheet, rows).of_paper_texture(values["sigma"])
        lay(sheet, sheet.paper, rows, values, strength)
