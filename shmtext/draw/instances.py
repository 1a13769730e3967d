"""Which fonts of a file are asked for: words behind ``#`` and ``@``, and what they come to.

    Noto.ttc#2                       the font of that number in a collection, from 0; without it
                                     all of them

    Inter.ttf@wght=300,slnt=-5       a value for each axis named; others as they are by default
    Inter.ttf@Bold Italic            an instance that the font names, in letters of either case
    Inter.ttf@*                      all of these
    Inter.ttf@wght=300..700          the values that instances have there; if fewer than two, both
                                     ends
    Inter.ttf@wght=300..700:100      steps

What drawing needs of a place on the axes is ``variations.py``'s.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shmtext.draw.variations import PARTS, Axes
from shmtext.errors import FontError

MOST_PLACES = 256
"""That one file may be asked for: more is a slip, such as steps of 1."""

MOST_VALUE = 4_095
"""Ends of an axis that can be set, both ways: as far as 16 bits go in ``PARTS``."""

GRAMMAR = "AXIS=VALUE, AXIS=FROM..TO, AXIS=FROM..TO:STEP (more of them after commas), NAME or *"


@dataclass(frozen=True, slots=True)
class Axis:
    """One of a font's axes."""

    tag: str
    low: float
    default: float
    high: float

    def __str__(self) -> str:
        return f"{self.tag} from {shown(self.low)} to {shown(self.high)}"


@dataclass(frozen=True, slots=True)
class Instance:
    """A place on its axes that a font has a name for."""

    name: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Design:
    """What a variable font can be."""

    axes: tuple[Axis, ...]
    instances: tuple[Instance, ...]

    @classmethod
    def of(cls, font: Any) -> Design:
        """Read a font, a fontTools ``TTFont``: one that is not variable has no axes."""
        if "fvar" not in font:
            return cls((), ())
        fvar = font["fvar"]
        axes = [
            Axis(axis.axisTag, axis.minValue, axis.defaultValue, axis.maxValue)
            for axis in fvar.axes
        ]
        instances = [
            Instance(font["name"].getDebugName(each.subfamilyNameID) or "", each.coordinates)
            for each in fvar.instances
        ]
        return cls(tuple(axes), tuple(instances))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a path asks for: a file, and which of its fonts, where on their axes."""

    path: Path
    number: int | None
    """None: all fonts of the file."""
    choice: str | None
    """What stands behind ``@``; None where there is none."""


def split_asked(path: Path) -> Asked:
    """Part a font's path from what stands behind it, if something does.

    A file whose own name has an ``@`` or ``#`` in it is found by that, if it is there; else the
    longest beginning that is there counts.
    """
    whole = os.fspath(path)
    if os.path.lexists(whole):
        return Asked(path, None, None)
    ends = [place for place, letter in enumerate(whole) if letter == "@" and place]
    for end in reversed([*ends, len(whole)]):
        choice = whole[end + 1 :] if end < len(whole) else None
        file, number = _split_number(whole[:end])
        if os.path.exists(whole[:end]):
            return Asked(Path(whole[:end]), None, choice)
        if number is not None and os.path.exists(file):
            return Asked(Path(file), number, choice)
    # Nothing is there: most likely what was meant ends at the first one behind a folder's name.
    name = whole.rfind("/") + 1
    end = next((place for place in ends if place > name), len(whole))
    file, number = _split_number(whole[:end])
    return Asked(Path(file), number, whole[end + 1 :] if end < len(whole) else None)


def _split_number(path: str) -> tuple[str, int | None]:
    """Part ``a.ttc#2`` into ``a.ttc`` and 2."""
    file, _, number = path.rpartition("#")
    if not (file and number.isascii() and number.isdecimal()):
        return path, None
    return file, int(number)


def chosen_axes(design: Design, choice: str, path: Path) -> list[Axes]:
    """Return the places that ``choice`` comes to, each once; ``()`` for that of the default.

    Raises ``FontError``, which names the font as ``path``, where it comes to none.
    """
    if not design.axes:
        raise FontError(f"{path} is not a variable font: leave out '@{choice}'")
    if choice == "*":
        places: list[Mapping[str, float]] = [each.values for each in design.instances]
        if not places:
            raise FontError(f"{path} names no instances: choose values of {_axes(design)}")
    elif "=" in choice:
        places = list(_of_values(design, choice, path))
    else:
        places = [_instance(design, choice, path)]
    if len(places) > MOST_PLACES:
        raise FontError(
            f"{path}@{choice} comes to more than {MOST_PLACES} fonts, which are as many as may be "
            "made of one file: take longer steps"
        )
    return list(dict.fromkeys(_complete(design, values, path) for values in places))


def name_of(design: Design, axes: Axes) -> str:
    """Say what differs from the default: ``@wght=300``, or nothing.

    >>> axis = Axis("wght", 100, 400, 900), Axis("wdth", 50, 100, 100)
    >>> name_of(Design(axis, ()), (("wght", 300.0), ("wdth", 100.0)))
    '@wght=300'
    """
    defaults = {axis.tag: axis.default for axis in design.axes}
    told = spelled((tag, value) for tag, value in axes if value != defaults[tag])
    return f"@{told}" if told else ""


def spelled(axes: Any) -> str:
    """Spell values of axes as they may stand behind ``@``."""
    return ",".join(f"{tag}={shown(value)}" for tag, value in axes)


def shown(value: float) -> str:
    """A value without needless digits."""
    return f"{value:g}" if value == round(value, 3) else repr(value)


def _of_values(design: Design, choice: str, path: Path) -> list[dict[str, float]]:
    by_tag: dict[str, list[float]] = {}
    for part in choice.split(","):
        tag, has_value, value = part.partition("=")
        tag = tag.strip()
        if not has_value or not tag or tag in by_tag:
            raise _no_grammar(choice, path)
        axis = next((each for each in design.axes if each.tag == tag), None)
        if axis is None:
            raise FontError(f"{path} has no axis {tag!r}: it has {_axes(design)}")
        by_tag[tag] = _values(design, axis, value, choice, path)
    num_places = math.prod(map(len, by_tag.values()))
    if num_places > MOST_PLACES:
        return [{}] * num_places
    return [
        dict(zip(by_tag, values, strict=True)) for values in itertools.product(*by_tag.values())
    ]


def _values(design: Design, axis: Axis, words: str, choice: str, path: Path) -> list[float]:
    """The values that stand behind one axis."""
    ends, has_step, step_word = words.partition(":")
    low_word, is_range, high_word = ends.partition("..")
    try:
        low = float(low_word)
        high = float(high_word) if is_range else low
        step = float(step_word) if has_step else 0.0
    except ValueError:
        raise _no_grammar(choice, path) from None
    if (has_step and not (is_range and step > 0)) or not all(map(math.isfinite, (low, high, step))):
        raise _no_grammar(choice, path)
    if not axis.low <= low <= high <= axis.high:
        got = f"{shown(low)}..{shown(high)}" if is_range else shown(low)
        raise FontError(f"{path} has {axis}, got {got}")
    if has_step:
        # Counted, not added up, so that no value is off by a rounding.
        num_steps = math.floor((high - low) / step)
        return [low + step * number for number in range(min(num_steps, MOST_PLACES) + 1)]
    named = sorted({each.values[axis.tag] for each in design.instances})
    inside = [value for value in named if low <= value <= high]
    return (inside if len(inside) > 1 else [low, high]) if is_range else [low]


def _instance(design: Design, choice: str, path: Path) -> Mapping[str, float]:
    wanted = " ".join(choice.casefold().split())
    for each in design.instances:
        if wanted and " ".join(each.name.casefold().split()) == wanted:
            return each.values
    if not wanted:
        raise _no_grammar(choice, path)
    names = ", ".join(each.name for each in design.instances if each.name)
    known = f"it has {names}" if names else f"it names none; choose values of {_axes(design)}"
    raise FontError(f"{path} has no instance {choice!r}: {known}")


def _complete(design: Design, values: Mapping[str, float], path: Path) -> Axes:
    """All axes with their values; nothing if these are the defaults."""
    places = tuple((axis.tag, float(values.get(axis.tag, axis.default))) for axis in design.axes)
    if all(axis.default == value for axis, (_, value) in zip(design.axes, places, strict=True)):
        return ()
    for axis, (tag, value) in zip(design.axes, places, strict=True):
        if max(abs(axis.low), abs(axis.high)) > MOST_VALUE:
            raise FontError(f"{path} has {axis}: beyond {MOST_VALUE:,} no axis can be set")
        if not (PARTS * value).is_integer():
            raise FontError(
                f"{path} would stand at {tag}={shown(value)}: an axis can be set in whole values "
                f"or {PARTS}ths of them; choose one for {tag}"
            )
    return places


def _no_grammar(choice: str, path: Path) -> FontError:
    return FontError(f"{path}@{choice} is not understood: behind @ may stand {GRAMMAR}")


def _axes(design: Design) -> str:
    return ", ".join(map(str, design.axes))


def asked_path(path: str, number: int | None, axes: Sequence[tuple[str, float]]) -> str:
    """How a font is asked for: ``split_asked`` turned round.

    >>> asked_path("a.ttc", 1, [("wght", 300.0)])
    'a.ttc#1@wght=300'
    """
    numbered = path if number is None else f"{path}#{number}"
    return f"{numbered}@{spelled(axes)}" if axes else numbered
