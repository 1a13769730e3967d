"""Samples: some pictures with what is said of them, and examples that have none.

Values, and which ones are chosen of many. Where they come from is ``of_config.py``'s and
``of_run.py``'s, how they are shown ``sheet.py``'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from shmtext.corpus.ranges import Ints, all_over
from shmtext.dataset.committed import StoredPicture
from shmtext.dataset.fragment import SkippedRow
from shmtext.draw.faces import FontFile
from shmtext.errors import ConfigError

MOST_PICTURES = 1_000
"""Beyond that nobody looks at them, and a sheet is too large for what shows it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many samples are asked for."""

    num_pictures: int
    most_failures: int
    """Examples without a picture, at most."""

    def __post_init__(self) -> None:
        if not 1 <= self.num_pictures <= MOST_PICTURES:
            raise ConfigError(
                f"the number of pictures must be 1 to {MOST_PICTURES:,}, got {self.num_pictures}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Some of a config's or a run's examples."""

    title: str
    """What they are of, a line."""
    pictures: tuple[StoredPicture, ...]
    """In the order of examples; rows of a config's lack ``file_name``."""
    failures: tuple[SkippedRow, ...]
    """Examples without a picture: those that went wrong first."""
    num_without: int
    """Such examples in all, of those that were looked at."""
    fonts: tuple[FontFile, ...] = ()
    """Of a config: they have what its labels say."""


def spread(num_there: int, num_wanted: int, in_a_row: int = 1) -> Ints:
    """Numbers of some of many, ascending, the first among them, and so many in a row of each.

    >>> spread(10, 4).tolist(), spread(100, 5, 2).tolist(), spread(2, 4).tolist()
    ([0, 1, 4, 7], [0, 1, 24, 25, 62], [0, 1])
    """
    num = min(num_there, num_wanted)
    if -(-num // in_a_row) * in_a_row > num_there:
        in_a_row = 1
    rows = np.sort(all_over(num_there // in_a_row, -(-num // in_a_row)))
    return (rows[:, None] * in_a_row + np.arange(in_a_row)).ravel()[:num]


def worst_first(failures: Iterable[SkippedRow], most: int) -> tuple[SkippedRow, ...]:
    """At most so many examples without a picture, those that went wrong before others."""
    return tuple(sorted(failures, key=lambda each: not each.failed)[:most])
