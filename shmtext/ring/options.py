"""What a stream is asked for: checked when it is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from shmtext.config import MAX_WORKERS, check_choice, count
from shmtext.config.kinds import Limits, Whole
from shmtext.draw.fit import MAX_FIT_PX, How, Pad
from shmtext.errors import ConfigError

MAX_BATCH = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """As ``shmtext.stream`` takes them."""

    batch_size: int
    size: tuple[int, int]
    fit: How
    channels: Literal[1, 3] | None
    pad: Pad
    workers: int | None
    ahead: int | None
    shuffle: bool
    rank: int | None
    world_size: int | None
    bucket: int | None

    def __post_init__(self) -> None:
        def put(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        put("batch_size", count("batch_size", self.batch_size, MAX_BATCH))
        if not isinstance(self.size, Sequence) or len(self.size) != 2:
            raise ConfigError(f"size must be (height, width) in pixels, got {self.size!r}")
        put("size", tuple(count("size", side, MAX_FIT_PX) for side in self.size))
        check_choice("fit", self.fit, get_args(How))
        check_choice("pad", self.pad, get_args(Pad))
        if self.channels not in (1, 3, None):
            raise ConfigError(f"channels must be 1 (gray), 3 (colour) or None, got {self.channels}")
        if self.workers is not None:
            put("workers", Whole(Limits(0, MAX_WORKERS)).take("workers", self.workers))
        for name in ("ahead", "bucket"):
            if getattr(self, name) is not None:
                put(name, count(name, getattr(self, name)))
        if not isinstance(self.shuffle, bool):
            raise ConfigError(f"shuffle must be true or false, got {self.shuffle!r}")
        if self.bucket is not None and self.fit == "stretch":
            raise ConfigError(
                "bucket puts pictures of like width together, and fit stretch makes all equally "
                "wide: leave bucket out, or take fit pad"
            )
        self._check_rank()

    def _check_rank(self) -> None:
        if (self.rank is None) != (self.world_size is None):
            raise ConfigError(
                f"rank and world_size go together, got {self.rank} and {self.world_size}"
            )
        if self.rank is None or self.world_size is None:
            return
        object.__setattr__(self, "world_size", count("world_size", self.world_size))
        is_whole = isinstance(self.rank, int) and not isinstance(self.rank, bool)
        if not is_whole or not 0 <= self.rank < self.world_size:
            raise ConfigError(
                f"rank must be a whole number from 0 to world_size - 1 = {self.world_size - 1}, "
                f"got {self.rank!r}"
            )
