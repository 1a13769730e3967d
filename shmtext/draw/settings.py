"""What a run's config means for rendering: the fonts' files found and read, the colours paired."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from shmtext.config import Output, RunConfig, Style
from shmtext.draw.faces import FontFile
from shmtext.draw.ink import PictureMode


@dataclass(frozen=True, slots=True, eq=False)
class RenderSettings:
    """A run's config with its fonts; travels to workers."""

    config: RunConfig
    fonts: tuple[FontFile, ...]
    mode: PictureMode = field(init=False)
    color_pairs: tuple[tuple[str, str], ...] = field(init=False)
    """``(font_color, background_color)`` pairs, of which one is drawn per example."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "mode", self.config.picture_mode)
        object.__setattr__(self, "color_pairs", self.config.color_pairs)

    @classmethod
    def of(cls, config: RunConfig, fonts: tuple[FontFile, ...]) -> Self:
        """Combine a config with its fonts, which have been read before."""
        return cls(config, fonts)

    @property
    def style(self) -> Style:
        """What may be drawn."""
        return self.config.style

    @property
    def output(self) -> Output:
        """How pictures are stored."""
        return self.config.output

    @property
    def seed(self) -> int:
        """Of all randomness."""
        return self.config.seed
