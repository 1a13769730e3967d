"""Lengths in settings: so many px, or a share of something; and margins made of them.

What a length is a share of is said by the setting that holds it. Nothing is drawn here.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from shmtext.config.kinds import Schema, refusal

MOST_PX = 10_000
MOST_PERCENT = 1_000
"""Bounds of lengths: far beyond what leaves a text readable, and no sum of a few overflows."""


@dataclass(frozen=True, slots=True)
class Length:
    """So many px, or percent of something."""

    value: float
    is_share: bool

    @classmethod
    def parse(cls, text: str) -> Length:
        """Read ``3``, ``3px``, ``0.5`` or ``10%``. Raises ``ValueError`` for anything else.

        >>> Length.parse("10%"), str(Length.parse("3px"))
        (Length(value=10, is_share=True), '3')
        """
        number, is_share = text.removesuffix("%").strip(), text.endswith("%")
        if not is_share:
            number = number.removesuffix("px").strip()
        if not number.isascii():
            raise ValueError(text)
        value = float(number)
        most = MOST_PERCENT if is_share else MOST_PX
        if not -most <= value <= most:  # true of nan, too
            raise ValueError(text)
        return cls(int(value) if value.is_integer() else value, is_share)

    def __str__(self) -> str:
        return f"{self.value}%" if self.is_share else str(self.value)

    def of(self, whole: NDArray[np.int64], per_px: int = 1) -> NDArray[np.int64]:
        """What it comes to of each ``whole``, in ``per_px``-ths of a pixel, rounded to nearest.

        ``whole`` is in px and has the result's shape.

        >>> Length.parse("10%").of(np.array([32, 95])).tolist()
        [3, 10]
        """
        part = self.value * whole / 100 if self.is_share else np.full(whole.shape, self.value)
        return np.floor(part * per_px + 0.5).astype(np.int64)

    def of_one(self, whole: int) -> int:
        """Likewise, of one number, in px."""
        return int(self.of(np.array([whole]))[0])


@dataclass(frozen=True, slots=True)
class LengthKind:
    """The kind of a length; ``may_be_negative`` for those that bring together what stands apart."""

    of_what: str
    may_be_negative: bool = False

    def take(self, name: str, value: object) -> str:
        """The length as text, in one form."""
        return str(_length(name, value, self._expected, may_be_negative=self.may_be_negative))

    @property
    def _expected(self) -> str:
        sign = "" if self.may_be_negative else ", 0 or more"
        return f"px, or a share of {self.of_what} such as 10%{sign}"

    def schema(self) -> Schema:
        """A number, or a string such as ``10%``."""
        return {"type": ["number", "string"]}


@dataclass(frozen=True, slots=True)
class MarginKind:
    """The kind of margins: one length for all sides, two, or four, as in CSS."""

    def take(self, name: str, value: object) -> str:
        """The lengths as text, in one form, with a space between: ``2 5% 2 5%`` is ``2 5%``."""
        items = value.split() if isinstance(value, str) else [value]
        if len(items) not in (1, 2, 4):
            raise refusal(name, MARGIN_EXPECTED, value)
        lengths = [
            str(_length(name, item, MARGIN_EXPECTED, may_be_negative=False)) for item in items
        ]
        sides = _sides(lengths)
        if len(set(sides)) == 1:
            return sides[0]
        return " ".join(sides[:2] if sides[:2] == sides[2:] else sides)

    def schema(self) -> Schema:
        """A number, or a string of lengths."""
        return {"type": ["number", "string"]}


MARGIN_EXPECTED = (
    "px, or a share of a line's height such as 10%, 0 or more: for all sides; above and below, "
    "left and right ('2 10%'); or above, right, below, left"
)


def margin_of(text: str) -> tuple[Length, Length, Length, Length]:
    """A setting's margins: above, right, below, left.

    >>> [str(side) for side in margin_of("2 10%")]
    ['2', '10%', '2', '10%']
    """
    top, right, bottom, left = map(Length.parse, _sides(text.split()))
    return top, right, bottom, left


def _sides(lengths: list[str]) -> list[str]:
    return lengths * (4 // len(lengths))


def _length(name: str, value: object, expected: str, *, may_be_negative: bool = True) -> Length:
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not (is_number or isinstance(value, str)):
        raise refusal(name, expected, value)
    try:
        length = Length.parse(str(value))
    except ValueError:
        raise refusal(name, expected, value) from None
    if length.value < 0 and not may_be_negative:
        raise refusal(name, expected, value)
    return length
