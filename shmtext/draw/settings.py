"""What a run's config means for rendering: the fonts' files found and read, the colours paired."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from shmtext.config import Output, RunConfig, Style
from shmtext.draw.faces import FontFile
from shmtext.draw.ink import PictureMode


@dataclass(frozen=True, slots=True, eq=False)
class RenderSettings:
    """The part of a run that decides pixels; travels to workers."""

    fonts: tuple[FontFile, ...]
    style: Style
    output: Output
    mode: PictureMode
    color_pairs: tuple[tuple[str, str], ...]
    """``(font_color, background_color)`` pairs, of which one is drawn per example."""
    seed: int

    @classmethod
    def of(cls, config: RunConfig, fonts: tuple[FontFile, ...]) -> Self:
        """Combine a config with its fonts, which have been read before."""
        return cls(
            fonts=fonts,
            style=config.style,
            output=config.output,
            mode=config.picture_mode,
            color_pairs=config.color_pairs,
            seed=config.seed,
        )
