"""Colors: any paper, any ink that stands out on it, dark on light or light on dark.

Contrast is of luminance: text in colours that a gray picture makes one is text that nobody reads.
Where a run's user gave the colour of ink or of paper, that side is left as it is, and the other
drawn to stand out from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from shmtext.config.colors import luminance
from shmtext.config.fields import About, setting
from shmtext.config.ranges import Floats, Range, unit
from shmtext.corpus.ranges import Ints
from shmtext.errors import ConfigError
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
from shmtext.looks.luminance import tinted
from shmtext.looks.sheet import Sheet

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Colors(Step):
    """Colours of paper and ink, drawn for each example."""

    kind: ClassVar[Kind] = Kind.COLOR
    number: ClassVar[int] = 40

    paper: Range = ranged((200, 255), "Luminance of the paper.", (0, 255), "0-255")
    contrast: Range = ranged(
        (130, 255),
        "Levels of luminance between ink and paper; paper is light enough for them.",
        *((1, 255), "LEVELS"),
    )
    inverted: float = setting(
        0,
        About(
            "How often both are turned to their negatives: light ink, dark paper.",
            *(GROUP, "P"),
            at_least=0,
            at_most=1,
        ),
    )
    colored: float = setting(
        0,
        About("How often they are not gray.", GROUP, "P", at_least=0, at_most=1),
    )
    paper_hue: Range = ranged((0, 360), "0 is red, 120 green, 240 blue.", (-360, 360), "DEGREES")
    paper_saturation: Range = ranged(
        Range((0, 0, 1), "triangular"), "Of the most vivid of its luminance.", (0, 1)
    )
    ink_hue: Range = ranged((0, 360), "Likewise.", (-360, 360), "DEGREES")
    ink_saturation: Range = ranged((0, 1), "Likewise.", (0, 1))

    def __post_init__(self) -> None:
        super(Colors, self).__post_init__()
        if self.contrast.low > self.paper.high:
            raise ConfigError(
                f"contrast of at least {self.contrast.low:g} levels cannot be met on paper of at "
                f"most {self.paper.high:g}: lower contrast, or give lighter paper"
            )

    def makes_color(self) -> bool:
        """Whether any example may have one."""
        return self.colored > 0 and max(self.paper_saturation.high, self.ink_saturation.high) > 0

    def chooses_colors(self) -> bool:
        """Whether none is left in the colours that settings give."""
        return self.probability == 1

    def check_given(self, papers: Sequence[str], inks: Sequence[str]) -> None:
        """Refuse colours that nothing in the other's range can stand out from."""
        if papers and inks:
            return
        low, high = self.contrast.low, self.paper.high
        for color in (*papers, *inks):
            level = luminance(color)
            # Paper may be black, to ink that is white; ink that is given meets the paper's range.
            most = max(level, 255 - level) if papers else max(high - level, level - (255 - high))
            if most < low:
                side, other = ("background", "ink") if papers else ("font", "paper")
                raise ConfigError(
                    f"contrast of at least {low:g} levels cannot be met with the {side} colour "
                    f"{color}: no {other} is more than {most:g} from it; lower contrast, or give "
                    "another colour"
                )

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Draw levels that stand out from each other, or from those that are given."""
        values = super(Colors, self).draw(draws, traits)
        is_light = unit(draws.word(FIRST_OWN_WORD)) < self.inverted
        is_colored = unit(draws.word(FIRST_OWN_WORD + 1)) < self.colored
        for name in ("paper_saturation", "ink_saturation"):
            values[name] = np.where(is_colored, values[name], 0.0)
        is_light, paper, ink = self._levels(values, traits, is_light)
        values["paper"], values["ink"] = (np.rint(each).astype(np.int64) for each in (paper, ink))
        values["contrast"] = np.abs(values["paper"] - values["ink"])
        values["inverted"] = is_light.astype(np.int64)
        return values

    def _levels(
        self, values: Values, traits: Traits, is_light: Bools
    ) -> tuple[Bools, Floats, Floats]:
        """Where ink is the lighter, the paper's level and the ink's."""
        given_paper, given_ink = traits.given_paper, traits.given_ink
        if given_paper is not None and given_ink is not None:
            return given_ink > given_paper, given_paper, given_ink
        if given_paper is not None:
            is_light, ink = self._ink_on(given_paper, values["contrast"], is_light)
            return is_light, given_paper, ink
        if given_ink is not None:
            is_light, paper = self._paper_under(given_ink, values["paper"], is_light)
            return is_light, paper, given_ink
        paper, ink = self._both(values["paper"], values["contrast"])
        return is_light, _negative(paper, is_light), _negative(ink, is_light)

    def _both(self, paper: Floats, contrast: Floats) -> tuple[Floats, Floats]:
        """Levels of both, dark on light: paper is moved up its range to where contrast fits."""
        paper = _squeezed(paper, self.paper, contrast, np.full(paper.shape, self.paper.high))
        return paper, np.maximum(paper - contrast, 0)

    def _ink_on(self, paper: Floats, contrast: Floats, is_light: Bools) -> tuple[Bools, Floats]:
        """Which ink is light, and its level."""
        is_light = _possible(is_light, paper - self.contrast.low, 255 - paper - self.contrast.low)
        room = np.where(is_light, 255 - paper, paper)
        contrast = _squeezed(contrast, self.contrast, np.full(paper.shape, self.contrast.low), room)
        return is_light, np.where(is_light, paper + contrast, paper - contrast)

    def _paper_under(self, ink: Floats, paper: Floats, is_light: Bools) -> tuple[Bools, Floats]:
        """Where ink is the lighter, and the paper's level."""
        least, high = self.contrast.low, self.paper.high
        is_light = _possible(is_light, high - ink - least, high - (255 - ink) - least)
        above = _negative(ink, is_light) + least
        paper = _squeezed(paper, self.paper, above, np.full(ink.shape, high))
        return is_light, _negative(paper, is_light)

    @classmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Set the colours that the layers of paper and ink are filled with."""
        sides = (
            (sheet.paper_color, "paper", sheet.traits.given_paper),
            (sheet.ink_color, "ink", sheet.traits.given_ink),
        )
        for colors, side, given in sides:
            if given is not None:
                continue
            level = values[side]
            if sheet.is_colored:
                hue, saturation = values[f"{side}_hue"], values[f"{side}_saturation"]
                colors[rows] = tinted(level, hue, saturation)
            else:
                colors[rows] = level[:, None]


def _negative(level: Floats, is_negative: Bools) -> Floats:
    result: Floats = np.where(is_negative, 255 - level, level)
    return result


def _possible(is_light: Bools, spare_of_dark: Floats, spare_of_light: Floats) -> Bools:
    """What was drawn, but where only the other leaves contrast enough."""
    spare = np.where(is_light, spare_of_light, spare_of_dark)
    return is_light ^ (spare < 0)


def _squeezed(drawn: Floats, drawn_from: Range, low: Floats, high: Floats) -> Floats:
    """Move what was drawn from a range into that part of it which lies between two bounds.

    Its place in the range remains its place in the part. Where none of the range lies within
    bounds, it is the nearest bound.
    """
    bottom = np.minimum(np.maximum(drawn_from.low, low), high)
    top = np.maximum(np.minimum(drawn_from.high, high), bottom)
    whole = drawn_from.high - drawn_from.low
    share = (drawn - drawn_from.low) / whole if whole else np.zeros(drawn.shape)
    result: Floats = bottom + share * (top - bottom)
    return result
