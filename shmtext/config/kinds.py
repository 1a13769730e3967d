"""What a setting's value may be: each kind brings a value to its one form, or says what it expects.

A kind knows neither the setting it checks, whose name it is told for its message, nor where the
value came from. ``kind_of`` reads the kind off a field's type; ``fields.py`` does that for classes.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, Protocol, TypeGuard, Union, cast, get_args, get_origin

from shmtext.errors import ConfigError

MOST = 2**62
"""Of whole numbers without a bound of their own: far from where int64 arithmetic ends."""

Schema = dict[str, Any]


class Kind(Protocol):
    """What a setting takes."""

    def take(self, name: str, value: object) -> Any:
        """The value in its one form. Raises ``ConfigError`` that begins with ``name``."""

    def schema(self) -> Schema:
        """The same as JSON Schema."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a number or of those in a list, both included; None: none."""

    at_least: float | None = None
    at_most: float | None = None

    def schema(self) -> Schema:
        """``minimum`` and ``maximum``, where they are bounded."""
        bounds = {"minimum": self.at_least, "maximum": self.at_most}
        return {name: bound for name, bound in bounds.items() if bound is not None}

    def __str__(self) -> str:
        low = "any" if self.at_least is None else f"{self.at_least:,}"
        return f"{low} or more" if self.at_most is None else f"{low} to {self.at_most:,}"


@dataclass(frozen=True, slots=True)
class Text:
    """Any text."""

    def take(self, name: str, value: object) -> str:
        """The text as it is."""
        if not isinstance(value, str):
            raise refusal(name, "text", value)
        return value

    def schema(self) -> Schema:
        """A string."""
        return {"type": "string"}


@dataclass(frozen=True, slots=True)
class Switch:
    """True or false."""

    def take(self, name: str, value: object) -> bool:
        """The value as it is; numbers are neither true nor false."""
        if not isinstance(value, bool):
            raise refusal(name, "true or false", value)
        return value

    def schema(self) -> Schema:
        """A boolean."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number, of NumPy's too; ``expected`` says it in other words."""

    limits: Limits
    expected: str = ""

    def take(self, name: str, value: object) -> int:
        """The number as Python's own."""
        low = -MOST if self.limits.at_least is None else self.limits.at_least
        high = MOST if self.limits.at_most is None else self.limits.at_most
        if not _is_whole(value) or not low <= value <= high:
            is_bounded = self.limits != Limits()
            expected = f"a whole number, {self.limits}" if is_bounded else "a whole number"
            raise refusal(name, self.expected or expected, value)
        return int(value)

    def schema(self) -> Schema:
        """An integer with its bounds."""
        return {"type": "integer", "minimum": -MOST, "maximum": MOST, **self.limits.schema()}


@dataclass(frozen=True, slots=True)
class Number:
    """A number, of NumPy's too; a whole one has no decimals, however it was written."""

    limits: Limits

    def take(self, name: str, value: object) -> float:
        """The number as Python's own."""
        if not isinstance(value, Real) or isinstance(value, bool):
            raise refusal(name, "a number", value)
        try:
            number = float(value)
        except OverflowError as error:
            raise ConfigError(f"{name} must be a number of reasonable size ({error})") from error
        low = float("-inf") if self.limits.at_least is None else self.limits.at_least
        high = float("inf") if self.limits.at_most is None else self.limits.at_most
        number = int(number) if number.is_integer() else number
        if not low <= number <= high:  # true of nan, too
            raise ConfigError(f"{name} must be {self.limits}, got {number}")
        return number

    def schema(self) -> Schema:
        """A number with its bounds."""
        return {"type": "number", **self.limits.schema()}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    def take(self, name: str, value: object) -> str:
        """The word."""
        if not isinstance(value, str) or value not in self.words:
            raise refusal(name, f"one of {', '.join(self.words)}", value)
        return value

    def schema(self) -> Schema:
        """An enumeration."""
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class FilePath:
    """A path, there or not."""

    def take(self, name: str, value: object) -> Path:
        """The path as a ``Path``."""
        if not isinstance(value, (str, Path)) or not str(value) or "\0" in str(value):
            raise refusal(name, "a path without NUL", value)
        return Path(value)

    def schema(self) -> Schema:
        """A string that is not empty."""
        return {"type": "string", "minLength": 1, "pattern": r"^[^\u0000]*$"}

    def rebased(self, value: str, folder: Path) -> str:
        """Let a path begin in a folder."""
        return str(folder / value)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A text with a grammar of its own, such as a colour."""

    parse: Callable[[Any], str]

    def take(self, name: str, value: object) -> str:
        """What ``parse`` makes of it."""
        try:
            return self.parse(value)
        except ConfigError as error:
            raise ConfigError(f"{name}: {error}") from error

    def schema(self) -> Schema:
        """A string; what it may hold stands in the description."""
        return {"type": "string"}


@dataclass(frozen=True, slots=True)
class ListOf:
    """Values of one kind, each once, in their order; one value stands for a list of one."""

    kind: Kind
    may_be_empty: bool

    def take(self, name: str, value: object) -> tuple[Any, ...]:
        """A tuple of the values."""
        values = tuple(dict.fromkeys(self.kind.take(name, each) for each in _items(name, value)))
        if not values and not self.may_be_empty:
            raise ConfigError(f"{name} must hold at least one value, got none")
        return values

    def schema(self) -> Schema:
        """An array, or one of its items."""
        item = self.kind.schema()
        array = {"type": "array", "items": item, "minItems": 0 if self.may_be_empty else 1}
        return {"anyOf": [array, item]}


@dataclass(frozen=True, slots=True)
class FixedList:
    """A fixed number of values, such as the two ends of a range."""

    kinds: tuple[Kind, ...]

    def take(self, name: str, value: object) -> tuple[Any, ...]:
        """A tuple of the values."""
        values = _items(name, value)
        if len(values) != len(self.kinds):
            raise refusal(name, f"a list of {len(self.kinds)}", value)
        pairs = zip(self.kinds, values, strict=True)
        return tuple(kind.take(name, each) for kind, each in pairs)

    def schema(self) -> Schema:
        """An array of just so many items."""
        items = [kind.schema() for kind in self.kinds]
        return {
            "type": "array",
            "prefixItems": items,
            "minItems": len(items),
            "maxItems": len(items),
        }


@dataclass(frozen=True, slots=True)
class Maybe:
    """A value of a kind, or None: not given."""

    kind: Kind

    def take(self, name: str, value: object) -> Any:
        """The value in its kind's form, or None."""
        return None if value is None else self.kind.take(name, value)

    def schema(self) -> Schema:
        """That of the kind: neither TOML nor the command line has a word for None."""
        return self.kind.schema()


@dataclass(frozen=True, slots=True)
class Part:
    """Settings within settings: an instance of one of a few classes."""

    classes: tuple[type, ...]

    def take(self, name: str, value: object) -> Any:
        """The instance, which has checked itself."""
        if not isinstance(value, self.classes):
            words = " or ".join(each.__name__ for each in self.classes)
            raise refusal(name, f"{'an' if words[0] in 'AEIOU' else 'a'} {words}", value)
        return value

    def schema(self) -> Schema:
        """Any table: ``writing.py`` knows what stands in it."""
        return {"type": "object"}

    def named(self, name: object) -> type | None:
        """The class of that name; None where there is none."""
        return next((each for each in self.classes if each.__name__ == name), None)


def kind_of(hint: Any, limits: Limits, parse: Callable[[Any], str] | None, expected: str) -> Kind:
    """The kind of a field of type ``hint``; limits, parser and words are those of single values."""

    def of(hint: Any) -> Kind:
        return kind_of(hint, limits, parse, expected)

    arguments = get_args(hint)
    scalars: dict[Any, Kind] = {
        bool: Switch(),
        int: Whole(limits, expected),
        float: Number(limits),
        str: Text() if parse is None else Parsed(parse),
        Path: FilePath(),
    }
    if get_origin(hint) in (Union, types.UnionType):
        inner = tuple(each for each in arguments if each is not type(None))
        if not all(map(is_dataclass, inner)) and len(inner) > 1:
            raise TypeError(f"no setting can be of type {hint}: a value has one kind")
        kind = Part(inner) if all(map(is_dataclass, inner)) else of(inner[0])
        return Maybe(kind) if len(inner) < len(arguments) else kind
    if get_origin(hint) is Literal:
        return Choice(arguments)
    if get_origin(hint) is tuple:
        if any(map(is_dataclass, arguments)):
            raise TypeError(f"no setting can be of type {hint}: give each part a name of its own")
        if arguments[1:] == (...,):
            return ListOf(of(arguments[0]), may_be_empty=False)
        return FixedList(tuple(map(of, arguments)))
    if is_dataclass(hint):
        return Part((cast("type", hint),))
    if hint not in scalars:
        raise TypeError(f"no setting can be of type {hint}")
    return scalars[hint]


def part_of(kind: Kind) -> Part | None:
    """The part that a kind is, perhaps one that may be missing."""
    inner = kind.kind if isinstance(kind, Maybe) else kind
    return inner if isinstance(inner, Part) else None


def scalar_of(kind: Kind) -> Kind:
    """The kind of a single value: a list's items, and what may be None."""
    return scalar_of(kind.kind) if isinstance(kind, (Maybe, ListOf)) else kind


def refusal(name: str, expected: str, value: object) -> ConfigError:
    """The error of a value that is not what its setting expects."""
    return ConfigError(f"{name} must be {expected}, got {shown(value)}")


def unknown_option(
    name: str,
    known: Sequence[str],
    others: Sequence[str] = (),
    meant: str = "",
    what: str = "option",
) -> ConfigError:
    """The error of a name that is not known: with the nearest one, and all that are known.

    ``others`` are names elsewhere that may have been meant, too; ``meant`` is the one that was.
    """
    import difflib  # noqa: PLC0415 - it compiles patterns

    nearest = [meant] if meant else difflib.get_close_matches(name, (*known, *others), 1)
    hint = f" (did you mean {nearest[0]}?)" if nearest else ""
    return ConfigError(f"unknown {what} {name!r}{hint}; known are: {', '.join(known)}")


def plain(value: object) -> Any:
    """A value as JSON and TOML have it: what has a notation of its own says so."""
    return value.plain() if hasattr(value, "plain") else value


def shown(value: object) -> str:
    """A value as a message shows it."""
    try:
        return repr(value)
    except ValueError:  # Python spells out no number of more than 4,300 digits
        return "a number of thousands of digits"


def _items(name: str, value: object) -> list[Any]:
    if isinstance(value, (str, Real, Path)):
        return [value]
    if isinstance(value, Mapping):
        raise refusal(name, "a list", value)
    try:
        return list(cast("Iterable[Any]", value))
    except TypeError:
        raise refusal(name, "a list", value) from None


def _is_whole(value: object) -> TypeGuard[int]:
    # NumPy's integers count as whole numbers, too. True and False do to Python, and are never
    # meant as such.
    return isinstance(value, Integral) and not isinstance(value, bool)


def count(name: str, value: object, at_most: int | None = None) -> int:
    """``value`` as an int; ``ConfigError`` unless it is a whole number from 1 to ``at_most``."""
    return Whole(Limits(1, at_most)).take(name, value)


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise ``ConfigError`` unless ``value`` is one of ``choices``."""
    Choice(choices).take(name, value)
