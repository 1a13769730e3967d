"""Parts of a run, for machines that share it: which shards are whose. Pure arithmetic.

What a part's process may write to, and what keeps two apart, is ``dataset/locks.py``'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from shmtext.errors import ConfigError

MOST_PARTS = 1_000_000
"""Far more than there are machines: each has a lock of its own in the folder."""


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """Every ``num_parts``-th shard from the ``index``-th on.

    >>> list(Part(1, 3).shards(8))
    [1, 4, 7]
    """

    index: int
    """From 0."""
    num_parts: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.num_parts <= MOST_PARTS:
            raise ConfigError(
                f"a part is i/n, with i from 0 to n - 1 and n at most {MOST_PARTS:,}, got {self}"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``i/n``. Raises ``ConfigError``.

        >>> Part.parse("0/16")
        Part(index=0, num_parts=16)
        """
        numbers = text.split("/")
        if len(numbers) != 2 or not all(map(_is_number, numbers)):
            raise ConfigError(f"a part is i/n, such as 0/16, the first of sixteen, got {text!r}")
        index, num_parts = map(int, numbers)
        return cls(index, num_parts)

    @classmethod
    def named(cls, name: str) -> Self | None:
        """The part with this ``name``; None where no part is called so."""
        numbers = name.split("-of-")
        if len(numbers) != 2 or not all(map(_is_number, numbers)):
            return None
        index, num_parts = map(int, numbers)
        return cls(index, num_parts) if index < num_parts <= MOST_PARTS else None

    @property
    def name(self) -> str:
        """As it stands in names of files.

        >>> Part(0, 16).name
        '0-of-16'
        """
        return f"{self.index}-of-{self.num_parts}"

    def __str__(self) -> str:
        return f"{self.index}/{self.num_parts}"

    def __contains__(self, shard: int) -> bool:
        return shard % self.num_parts == self.index

    def shards(self, num_shards: int) -> range:
        """Which of so many shards are the part's."""
        return range(self.index, num_shards, self.num_parts)


def names_by_part(names: Iterable[str], prefix: str) -> dict[Part, str]:
    """Of some names those that are a prefix, a dot and a part's name, by the part.

    >>> names_by_part([".lock", ".lock.0-of-2", ".lock.parts"], ".lock")
    {Part(index=0, num_parts=2): '.lock.0-of-2'}
    """
    found = {}
    for name in names:
        part = Part.named(name.removeprefix(f"{prefix}.")) if name.startswith(prefix) else None
        if part is not None and name == f"{prefix}.{part.name}":
            found[part] = name
    return found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_PARTS))
