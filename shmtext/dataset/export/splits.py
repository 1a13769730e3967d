"""Which split an example is in: by a hash of its number, or of its text.

Stateless: whoever looks at whichever shard comes to the same answer, and an example stays in its
split however many there are besides it. What lies where in which split is the formats'.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shmtext.errors import ConfigError

DEFAULT_SPLIT = "train"
"""Where a format needs a name and none is given."""

_NAME = re.compile("[A-Za-z][A-Za-z0-9_-]*")
_HASH_BYTES = 8


@dataclass(frozen=True, slots=True)
class Splits:
    """Names of splits and their shares, which come to 1; none: everything in one."""

    shares: tuple[tuple[str, Fraction], ...] = ()
    seed: int = 0
    disjoint_texts: bool = False
    """Equal texts are in one split."""

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**64:
            raise ConfigError(f"the seed of splits must be 0 to 2**64 - 1, got {self.seed}")
        names = [name for name, _ in self.shares]
        for name, share in self.shares:
            if not _NAME.fullmatch(name):
                raise ConfigError(
                    "the name of a split must be a word of letters, digits, - and _ that begins "
                    f"with a letter, got {name!r}"
                )
            if not 0 < share <= 1:
                raise ConfigError(f"the share of split {name} must be above 0 and at most 1")
        if len(set(names)) < len(names):
            raise ConfigError(f"each split must have a name of its own, got {', '.join(names)}")
        total = sum((share for _, share in self.shares), Fraction())
        if self.shares and total != 1:
            raise ConfigError(
                f"the shares of splits must come to 1, got {float(total)!r}: shares such as 1/3 "
                "may be given so, in words"
            )

    @classmethod
    def of(
        cls, shares: Mapping[str, Any] | str | None, seed: int = 0, *, disjoint_texts: bool = False
    ) -> Self:
        """Take shares by name, or as the command line has them. Raises ``ConfigError``.

        >>> [name for name, _ in Splits.of("train=0.98,val=0.02").shares]
        ['train', 'val']
        """
        if not shares:
            return cls((), seed, disjoint_texts)
        pairs = _pairs(shares) if isinstance(shares, str) else shares.items()
        return cls(
            tuple((name, _share(name, share)) for name, share in pairs), seed, disjoint_texts
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Of all splits, in the order given; of the only one there is, if none was given."""
        return tuple(name for name, _ in self.shares) or (DEFAULT_SPLIT,)

    def as_json(self) -> dict[str, Any]:
        """What decides in which split an example is."""
        shares = [[name, str(share)] for name, share in self.shares]
        return {"shares": shares, "seed": self.seed, "disjoint_texts": self.disjoint_texts}

    def which(self, rows: pa.Table) -> NDArray[np.int64]:
        """The number of the split of each label row."""
        if len(self.shares) < 2:
            return np.zeros(rows.num_rows, np.int64)
        if self.disjoint_texts:
            keys: Iterable[bytes] = (text.encode() for text in rows["text"].to_pylist())
        else:
            indices = rows["example_index"].to_pylist()
            keys = (index.to_bytes(_HASH_BYTES, "little") for index in indices)
        salt = self.seed.to_bytes(_HASH_BYTES, "little")
        digests = b"".join(
            hashlib.blake2b(key, digest_size=_HASH_BYTES, salt=salt).digest() for key in keys
        )
        ends = list(accumulate(share for _, share in self.shares))[:-1]
        bounds = np.array([int(end * 2**64) for end in ends], np.uint64)
        return np.searchsorted(bounds, np.frombuffer(digests, "<u8"), side="right")


def _pairs(words: str) -> list[tuple[str, str]]:
    pairs = []
    for word in words.split(","):
        name, is_there, share = word.partition("=")
        if not is_there:
            raise ConfigError(f"splits must be given as train=0.98,val=0.02, got {words!r}")
        pairs.append((name.strip(), share.strip()))
    return pairs


def _share(name: str, share: object) -> Fraction:
    try:
        # By its decimal digits: the float 0.98 is not 98 hundredths.
        return Fraction(str(share))
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigError(
            f"the share of split {name} must be a number such as 0.98, got {share!r}"
        ) from error
