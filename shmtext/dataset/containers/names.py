"""What pictures are called: their example's number, and the extension of their format.

Every container calls them so, whatever it puts in front. Pure arrays, no disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ragged import RaggedTexts
from shmtext.dataset.plan import Shard
from shmtext.errors import ConfigError

_NUM_DIGITS = 9


@dataclass(frozen=True, slots=True)
class PictureNames:
    """The names of a run's pictures, all of one length."""

    num_examples: int
    extension: str
    """Without its dot."""

    def __post_init__(self) -> None:
        if not (self.extension.isascii() and self.extension.isalnum()):
            raise ConfigError(
                f"the extension of pictures must be letters and digits, got {self.extension!r}"
            )

    def of(self, shard: Shard, example_index: NDArray[np.int64]) -> list[bytes]:
        """Names of some of a shard's examples.

        >>> PictureNames(2_000_000, "jpg").of(Shard(42, 420_000, 430_000), np.array([420_007]))
        [b'000420007.jpg']
        """
        names = self._matrix(shard, example_index, b"")
        return cast("list[bytes]", names.view(f"S{names.shape[1]}").ravel().tolist())

    def below(self, folder: str, shard: Shard, example_index: NDArray[np.int64]) -> RaggedTexts:
        """Paths of the same, as if they were in ``folder``.

        >>> list(PictureNames(99, "png").below("images/00000", Shard(0, 0, 64), np.array([7, 8])))
        ['images/00000/000000007.png', 'images/00000/000000008.png']
        """
        paths = self._matrix(shard, example_index, f"{folder}/".encode())
        num_paths, length = paths.shape
        return RaggedTexts(paths.ravel(), np.arange(num_paths + 1, dtype=np.int64) * length)

    def example(self, name: str) -> int | None:
        """The example whose picture is called so; None where none is.

        >>> names = PictureNames(99, "png")
        >>> names.example("000000042.png"), names.example("000000042.jpg")
        (42, None)
        """
        number, _, extension = name.partition(".")
        is_name = len(number) == self._num_digits and number.isascii() and number.isdecimal()
        return int(number) if is_name and extension == self.extension else None

    @property
    def _num_digits(self) -> int:
        return max(_NUM_DIGITS, len(str(max(self.num_examples - 1, 0))))

    def _matrix(
        self, shard: Shard, example_index: NDArray[np.int64], prefix: bytes
    ) -> NDArray[np.uint8]:
        """Names as rows of characters, made column by column."""
        if example_index.size and not (
            shard.start <= example_index.min() and example_index.max() < shard.stop
        ):
            raise IndexError(
                f"shard {shard.index} holds examples {shard.start} to {shard.stop - 1}"
            )
        num_digits = self._num_digits
        suffix = f".{self.extension}".encode()
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
