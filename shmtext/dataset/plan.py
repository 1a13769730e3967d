"""Which example is in which shard, and what its picture is called. Pure arithmetic.

Every process that asks gets the same answer, and nothing here looks at a disk: what is committed
already is ``manifest.py``'s to say.

    example      0 ............ 9,999 | 10,000 ........ 19,999 | 20,000 ... 23,456
    shard                0            |           1            |        2
    images       images/00000/        | images/00001/          | images/00002/
                   000000000.jpg …    |   000010000.jpg …      |   000020000.jpg …
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt
from typing import cast

import numpy as np
from numpy.typing import NDArray

from shmtext.errors import ConfigError

IMAGES = "images"
"""Folder of all pictures, below it one a shard."""
MIN_SHARD_SIZE = 64
"""Below this a shard's commit (an fsync, a Parquet file) would cost more than its pictures."""
MAX_SHARD_SIZE = 10_000
"""Files a folder holds without slowing down any tool that lists it."""
_NAME_DIGITS = 9


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
    """How a run's examples are cut into shards, and every name that follows from it.

    >>> plan = Plan(num_examples=150, image_format="jpg")
    >>> [(shard.start, shard.stop) for shard in plan.shards()]
    [(0, 98), (98, 150)]
    """

    num_examples: int
    image_format: str
    """File name extension without its dot."""

    def __post_init__(self) -> None:
        if not 0 <= self.num_examples <= 2**62:
            raise ConfigError(f"num_examples must be 0 to 2**62, got {self.num_examples}")
        if not (self.image_format.isascii() and self.image_format.isalnum()):
            raise ConfigError(f"image_format must be letters and digits, got {self.image_format!r}")

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
        if not 0 <= index < self.num_shards:
            raise IndexError(f"shards go from 0 to {self.num_shards - 1}, got {index}")
        start = index * self.examples_per_shard
        return Shard(index, start, min(start + self.examples_per_shard, self.num_examples))

    def shards(self) -> Iterator[Shard]:
        """All shards in order."""
        return map(self.shard, range(self.num_shards))

    def image_folder(self, shard: Shard) -> str:
        """Where a shard's pictures are.

        >>> Plan(2_000_000, "png").image_folder(Shard(42, 420_000, 430_000))
        'images/00042'
        """
        return f"{IMAGES}/{shard.name}"

    def image_names(self, shard: Shard, example_index: NDArray[np.int64]) -> list[bytes]:
        """File names (without their folder) of some of a shard's examples.

        >>> Plan(2_000_000, "jpg").image_names(Shard(42, 420_000, 430_000), np.array([420_007]))
        [b'000420007.jpg']
        """
        names = self._name_matrix(shard, example_index, b"")
        return cast("list[bytes]", names.view(f"S{names.shape[1]}").ravel().tolist())

    def file_names(
        self, shard: Shard, example_index: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """Paths from the output folder, end to end, and the seams between them, for Arrow.

        >>> values, offsets = Plan(99, "jpg").file_names(Shard(0, 0, 64), np.array([7, 8]))
        >>> bytes(values), offsets.tolist()
        (b'images/00000/000000007.jpgimages/00000/000000008.jpg', [0, 26, 52])
        """
        prefix = f"{self.image_folder(shard)}/".encode()
        names = self._name_matrix(shard, example_index, prefix)
        num_names, length = names.shape
        return names.ravel(), np.arange(num_names + 1, dtype=np.int32) * np.int32(length)

    def _name_matrix(
        self, shard: Shard, example_index: NDArray[np.int64], prefix: bytes
    ) -> NDArray[np.uint8]:
        """Names as rows of characters, made column by column."""
        if example_index.size and not (
            shard.start <= example_index.min() and example_index.max() < shard.stop
        ):
            raise IndexError(
                f"shard {shard.index} holds examples {shard.start} to {shard.stop - 1}"
            )
        num_digits = max(_NAME_DIGITS, len(str(max(self.num_examples - 1, 0))))
        suffix = f".{self.image_format}".encode()
        length = len(prefix) + num_digits + len(suffix)
        names = np.empty((example_index.size, length), np.uint8)
        names[:, : len(prefix)] = np.frombuffer(prefix, np.uint8)
        # Digit by digit from the right: numpy divides by one number several times faster than by
        # an array of powers.
        left = example_index
        for column in range(len(prefix) + num_digits - 1, len(prefix) - 1, -1):
            tens = left // 10
            names[:, column] = left - tens * 10 + ord("0")
            left = tens
        names[:, len(prefix) + num_digits :] = np.frombuffer(suffix, np.uint8)
        return names
