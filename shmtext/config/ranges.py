"""Ranges that a number is drawn from: two ends and a distribution, or a few values.

Drawing uses what every processor computes alike: sums, products, quotients and square roots of
IEEE doubles, rounded as IEEE 754 has it. Neither logarithms nor powers are among these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from shmtext.config.kinds import Limits, Number, Schema, Whole, refusal
from shmtext.errors import ConfigError

Floats = NDArray[np.float64]
Distribution = Literal["uniform", "log", "triangular", "choice"]
DISTRIBUTIONS: tuple[Distribution, ...] = ("uniform", "log", "triangular", "choice")

_LENGTHS = {"uniform": 2, "log": 2, "triangular": 3}
"""How many numbers a distribution is given by; a choice, by any number."""

LOG_BITS = 24
"""Of a draw that decide a log-uniform value; its steps are far below what a picture shows."""


@dataclass(frozen=True, slots=True)
class Range:
    """What a parameter is drawn from.

    ``values`` are the two ends of ``uniform`` and ``log`` (whose logarithm is uniform); the least,
    likeliest and greatest of ``triangular``; any number of equally likely ones of ``choice``.

    >>> Range((2, 8)).at(np.array([0.0, 0.5])).tolist()
    [2.0, 5.0]
    >>> Range((2, 8), "log").at(np.array([0.0, 0.5])).tolist()
    [2.0, 4.0]
    """

    values: tuple[float, ...]
    distribution: Distribution = "uniform"

    def __post_init__(self) -> None:
        wanted = _LENGTHS.get(self.distribution)
        if wanted is not None and len(self.values) != wanted:
            raise ConfigError(
                f"must be {wanted} numbers where it is {self.distribution}, got {len(self.values)}"
            )
        if not self.values:
            raise ConfigError("must hold at least one number, got none")
        if wanted is not None and list(self.values) != sorted(self.values):
            raise ConfigError(f"must rise from its low to its high end, got {list(self.values)}")
        if self.distribution == "log" and self.values[0] <= 0:
            raise ConfigError(f"must be above 0 where it is log, got {list(self.values)}")

    @property
    def low(self) -> float:
        """The least value."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The greatest value."""
        return max(self.values)

    def at(self, drawn: Floats) -> Floats:
        """Map draws, uniform in ``[0, 1)``, to values; shapes are alike."""
        values = self.values
        match self.distribution:
            case "choice":
                which = (drawn * len(values)).astype(np.int64)
                return np.array(values, np.float64)[which]
            case "uniform":
                return values[0] + drawn * (values[1] - values[0])
            case "log":
                return values[0] * power(values[1] / values[0], drawn)
            case "triangular":
                return _triangular(values, drawn)

    def plain(self) -> list[float] | dict[str, list[float]]:
        """As TOML and JSON have it: a list of two where it is uniform, else a table."""
        if self.distribution == "uniform":
            return list(self.values)
        return {self.distribution: list(self.values)}


def unit(words: NDArray[np.uint64]) -> Floats:
    """Map words of 64 random bits evenly to ``[0, 1)``, in steps of ``2**-53``."""
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def power(base: float, exponent: Floats) -> Floats:
    """``base`` to exponents in ``[0, 1)``: a product of roots, one for each bit that is set."""
    bits = (exponent * 2**LOG_BITS).astype(np.int64)
    result = np.ones(exponent.shape)
    root = np.float64(base)
    for bit in range(LOG_BITS - 1, -1, -1):
        root = np.sqrt(root)
        result = np.where((bits >> bit) & 1, result * root, result)
    return result


def _triangular(values: tuple[float, ...], drawn: Floats) -> Floats:
    low, mode, high = values
    if low == high:
        return np.full(drawn.shape, float(low))
    span, rise, fall = high - low, mode - low, high - mode
    rising = low + np.sqrt(drawn * (span * rise))
    falling = high - np.sqrt((1 - drawn) * (span * fall))
    return np.where(drawn * span < rise, rising, falling)


@dataclass(frozen=True, slots=True)
class RangeOf:
    """The kind of a ``Range``: a number, ``[low, high]``, or a table: ``{log = [low, high]}``."""

    limits: Limits
    is_whole: bool = False

    def take(self, name: str, value: object) -> Range:
        """A range whose values lie within the limits."""
        if isinstance(value, Range):
            value = value.plain()
        distribution: str = "uniform"
        if isinstance(value, Mapping):
            if len(value) != 1 or next(iter(value)) not in DISTRIBUTIONS:
                raise refusal(name, f"a table of one of {', '.join(DISTRIBUTIONS)}", value)
            ((distribution, value),) = value.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = (value,) * _LENGTHS.get(distribution, 1)
        if not isinstance(value, (list, tuple)):
            raise refusal(name, "a number, [low, high], or a table such as {log = [1, 9]}", value)
        scalar = Whole(self.limits) if self.is_whole else Number(self.limits)
        numbers = tuple(scalar.take(name, each) for each in value)
        try:
            return Range(numbers, cast("Distribution", distribution))
        except ConfigError as error:
            raise ConfigError(f"{name} {error}") from error

    def schema(self) -> Schema:
        """A number, an array of two, or an object of one distribution."""
        scalar = (Whole(self.limits) if self.is_whole else Number(self.limits)).schema()
        return {"anyOf": [scalar, _numbers(scalar, 2, 2), *_tables(scalar)]}


def _numbers(scalar: Schema, least: int, most: int | None) -> Schema:
    bounds: dict[str, Any] = {"minItems": least} | ({} if most is None else {"maxItems": most})
    return {"type": "array", "items": scalar, **bounds}


def _tables(scalar: Schema) -> list[Schema]:
    sizes: dict[Distribution, tuple[int, int | None]] = {
        "uniform": (2, 2),
        "log": (2, 2),
        "triangular": (3, 3),
        "choice": (1, None),
    }
    return [
        {
            "type": "object",
            "properties": {word: {"anyOf": [scalar, _numbers(scalar, *size)]}},
            "required": [word],
            "additionalProperties": False,
        }
        for word, size in sizes.items()
    ]
