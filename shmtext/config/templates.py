r"""Templates of texts: numbers, prices, dates and codes, in a small notation of their own.

    [A-Z0-9]            one of these characters; a backslash takes its meaning from the next one
    {3}  {2,4}          what stands before it, three times; two to four times
    (EUR|USD|€ <1..9>)  one of these templates
    <1..250>            a whole number; <001..250> with as many digits, <1,000..9,999> in groups
    <0.50..99.99>       a number with as many decimals as its ends
    <date %d.%m.%Y>     a day from 1950 to 2049: %d %m %y %Y %B %b, %-d and %-m without zeros
    \[                  any character as it is

What such a template comes to is ``corpus/templates.py``'s to draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from shmtext.errors import ConfigError

MAX_REPEATS = 1_000
MAX_DIGITS = 15
MAX_CHARACTERS = 10_000
"""That a text may come to: more can't be drawn."""
DATE_FIELDS = ("%d", "%m", "%y", "%Y", "%B", "%b", "%-d", "%-m")


@dataclass(frozen=True, slots=True)
class OneOf:
    """One character of these, each as likely as any other."""

    characters: str

    @property
    def most(self) -> int:
        """Characters that it comes to at most."""
        return 1


@dataclass(frozen=True, slots=True)
class Number:
    """A number from one to another, both included, in units of its last decimal."""

    first: int
    last: int
    num_digits: int
    """Written at least, zeros before the number; the decimals among them."""
    num_decimals: int
    is_grouped: bool
    """With a comma before every three digits."""

    @property
    def most(self) -> int:
        """Characters that it comes to at most."""
        return 2 * MAX_DIGITS


@dataclass(frozen=True, slots=True)
class Date:
    """A day, in parts: fields of ``DATE_FIELDS``, and what stands between them."""

    parts: tuple[str, ...]

    @property
    def most(self) -> int:
        """Characters that it comes to at most."""
        return sum(max(len("September"), len(part)) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Repeat:
    """A node so many times, drawn anew each time."""

    node: Node
    at_least: int
    at_most: int

    @property
    def most(self) -> int:
        """Characters that it comes to at most."""
        return self.at_most * self.node.most


@dataclass(frozen=True, slots=True)
class Sequence:
    """Nodes one after the other."""

    nodes: tuple[Node, ...]

    @property
    def most(self) -> int:
        """Characters that it comes to at most."""
        return sum(node.most for node in self.nodes)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some nodes, each as likely as any other."""

    nodes: tuple[Node, ...]

    @property
    def most(self) -> int:
        """Characters that it comes to at most."""
        return max(node.most for node in self.nodes)


Node: TypeAlias = OneOf | Number | Date | Repeat | Sequence | Choice


def parse_pattern(pattern: str) -> Node:
    """Read a template. Raises ``ConfigError`` that says at which character it is wrong.

    >>> parse_pattern("[A-C]{2}").most
    2
    """
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in pattern):
        raise ConfigError(f"template {pattern!r}: expected Unicode text without NUL")
    reader = _Reader(pattern)
    try:
        node = reader.choice()
    except RecursionError as error:
        raise ConfigError("a template is nested too deeply") from error
    if reader.place < len(pattern):
        raise reader.wrong(f"no {pattern[reader.place]!r} here (or \\ before it)")
    if not 0 < node.most <= MAX_CHARACTERS:
        raise ConfigError(
            f"template {pattern!r}: expected texts of 1 to {MAX_CHARACTERS:,} characters, it may "
            f"come to {node.most:,}"
        )
    return node


class _Reader:
    """Where reading of a pattern is."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.place = 0

    def wrong(self, expected: str) -> ConfigError:
        return ConfigError(
            f"template {self.pattern!r}, character {self.place + 1}: expected {expected}"
        )

    def choice(self) -> Node:
        """Nodes with bars between them, up to what closes them."""
        nodes = [self._sequence()]
        while self._takes("|"):
            nodes.append(self._sequence())
        return nodes[0] if len(nodes) == 1 else Choice(tuple(nodes))

    def _sequence(self) -> Node:
        nodes: list[Node] = []
        while self.place < len(self.pattern) and self.pattern[self.place] not in "|)]}>":
            if self._takes("{"):
                if not nodes:
                    raise self.wrong("something to repeat before '{'")
                nodes.append(self._repeat(nodes.pop()))
            else:
                nodes.append(self._node())
        return nodes[0] if len(nodes) == 1 else Sequence(tuple(nodes))

    def _node(self) -> Node:
        if self._takes("("):
            node = self.choice()
            if not self._takes(")"):
                raise self.wrong("')'")
            return node
        if self._takes("["):
            return self._one_of()
        if self._takes("<"):
            return self._field(self._up_to(">"))
        return OneOf(self._character())

    def _takes(self, character: str) -> bool:
        takes = self.pattern[self.place : self.place + 1] == character
        self.place += takes
        return takes

    def _character(self) -> str:
        """The next character as it is: itself, or what stands behind a backslash."""
        self._takes("\\")
        if self.place == len(self.pattern):
            raise self.wrong("a character")
        self.place += 1
        return self.pattern[self.place - 1]

    def _up_to(self, end: str) -> str:
        stop = self.pattern.find(end, self.place)
        if stop < 0:
            raise self.wrong(f"{end!r} somewhere behind")
        text = self.pattern[self.place : stop]
        self.place = stop + 1
        return text

    def _one_of(self) -> OneOf:
        characters: list[str] = []
        while not self._takes("]"):
            first = last = self._character()
            if self.pattern[self.place : self.place + 1] == "-" and (
                self.pattern[self.place + 1 : self.place + 2] != "]"
            ):
                self.place += 1
                last = self._character()
            if first > last:
                raise self.wrong(f"a range that goes up, found {first}-{last}")
            codes = range(ord(first), ord(last) + 1)
            characters += [chr(code) for code in codes if not 0xD800 <= code < 0xE000]
        if not characters:
            raise self.wrong("a character between '[' and ']'")
        return OneOf("".join(dict.fromkeys(characters)))

    def _repeat(self, node: Node) -> Repeat:
        first, comma, last = self._up_to("}").partition(",")
        ends = first, last if comma else first
        if not all(each.isascii() and each.isdigit() and len(each) <= 4 for each in ends):
            raise self.wrong("{N} or {MIN,MAX}")
        at_least, at_most = map(int, ends)
        if at_least > at_most or at_most > MAX_REPEATS:
            raise self.wrong(f"{{MIN,MAX}} with MIN at most MAX, and MAX at most {MAX_REPEATS:,}")
        return Repeat(node, at_least, at_most)

    def _field(self, text: str) -> Node:
        if text.startswith("date "):
            return Date(tuple(self._date_parts(text.removeprefix("date "))))
        first, dots, last = text.partition("..")
        whole, *decimals = zip(*(each.partition(".")[::2] for each in (first, last)), strict=True)
        numbers = [each.replace(",", "") for each in (first, last)]
        digits = [each.replace(".", "", 1) for each in numbers]
        fractions = {len(each) for each in decimals[0]}
        if (
            not dots
            or not all(d.isascii() and d.isdigit() and len(d) <= MAX_DIGITS for d in digits)
            or not all(each.strip(",") for each in whole)
            or len(fractions) > 1
            or any("," in each for each in decimals[0])
        ):
            raise self.wrong(
                "<FIRST..LAST> with as many decimals in both, or <date FORMAT>, before this"
            )
        if int(digits[0]) > int(digits[1]):
            raise self.wrong(f"numbers that go up, found {text}, before this")
        num_decimals = fractions.pop()
        # Zeros before the first number say how many digits all have; else they have what it takes.
        whole_digits = whole[0].replace(",", "")
        is_padded = len(whole_digits) > 1 and whole_digits[0] == "0"
        num_digits = len(digits[0]) if is_padded else num_decimals + 1
        return Number(int(digits[0]), int(digits[1]), num_digits, num_decimals, "," in text)

    def _date_parts(self, text: str) -> list[str]:
        parts: list[str] = []
        place = 0
        while place < len(text):
            field = next((each for each in DATE_FIELDS if text.startswith(each, place)), None)
            if field is None and text[place] == "%":
                raise self.wrong(f"a date of {' '.join(DATE_FIELDS)}, before this")
            parts.append(field or text[place])
            place += len(parts[-1])
        if not parts:
            raise self.wrong("a date's format, before this")
        return parts
