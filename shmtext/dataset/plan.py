"""Which example is in which shard. Pure arithmetic.

Every process that asks gets the same answer, and nothing here looks at a disk: what is committed
already is ``manifest.py``'s to say, what pictures are called is ``containers/``'.

    example      0 ............ 9,999 | 10,000 ........ 19,999 | 20,000 ... 23,456
    shard                0            |           1            |        2
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt

from shmtext.errors import ConfigError

MIN_SHARD_SIZE = 64
"""Below this a shard's commit (an fsync, a Parquet file) would cost more than its pictures."""
MAX_SHARD_SIZE = 10_000
"""Files a folder holds without slowing down any tool that lists it."""


def shard_size(num_examples: int) -> int:
    """Examples per shard: eight times the square root of their number, within limits.

    It depends on nothing else, so that another number of workers resumes a run. The square root
    grows the number of shards and their size alike: a small run still spreads over many workers
    (10,000 examples make 13 shards), a large one has full folders and few commits.

    >>> [shard_size(n) for n in (0, 1_000, 10_000, 1_000_000, 100_000_000)]
    [64, 253, 800, 8000, 10000]
    """
    # round(8 * sqrt(n)) without a float, whose last bit a large n would leave to chance.
    nearest = (isqrt(256 * num_examples) + 1) // 2
    return min(max(nearest, MIN_SHARD_SIZE), MAX_SHARD_SIZE)


def shard_name(index: int) -> str:
    """The number by which everything of a shard is called.

    >>> shard_name(42), shard_name(123_456)
    ('00042', '123456')
    """
    return f"{index:05d}"


@dataclass(frozen=True, slots=True)
class Shard:
    """Examples ``[start, stop)``, rendered by one worker and committed together."""

    index: int
    start: int
    stop: int

    @property
    def num_examples(self) -> int:
        """Pictures and skipped examples together."""
        return self.stop - self.start

    @property
    def name(self) -> str:
        """Its number in names, at least five digits."""
        return shard_name(self.index)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run's examples are cut into shards.

    >>> plan = Plan(num_examples=150)
    >>> [(shard.start, shard.stop) for shard in plan.shards()]
    [(0, 98), (98, 150)]
    """

    num_examples: int

    def __post_init__(self) -> None:
        if not 0 <= self.num_examples <= 2**62:
            raise ConfigError(f"num_examples must be 0 to 2**62, got {self.num_examples}")

    @property
    def examples_per_shard(self) -> int:
        """Only the last shard may have fewer."""
        return shard_size(self.num_examples)

    @property
    def num_shards(self) -> int:
        """The last may be shorter, none is empty."""
        return -(-self.num_examples // self.examples_per_shard)

    def shard(self, index: int) -> Shard:
        """The shard of this number, ``0`` to ``num_shards - 1``."""
        examples_per_shard = self.examples_per_shard
        start = index * examples_per_shard
        if not 0 <= start < self.num_examples:
            raise IndexError(f"shards go from 0 to {self.num_shards - 1}, got {index}")
        return Shard(index, start, min(start + examples_per_shard, self.num_examples))

    def shard_of(self, start: int, stop: int) -> Shard:
        """The shard of these examples. Raises ``ValueError`` where they are none."""
        shard = self.shard(start // self.examples_per_shard)
        if (shard.start, shard.stop) != (start, stop):
            raise ValueError(f"{start} to {stop} is no shard of this run")
        return shard

    def shards(self) -> Iterator[Shard]:
        """All shards in order."""
        return map(self.shard, range(self.num_shards))
