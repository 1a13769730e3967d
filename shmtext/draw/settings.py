"""What a run's config means for rendering: the fonts' files found and read, the colours paired."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shmtext.config import Output, RunConfig, Style
from shmtext.config.colors import PictureMode
from shmtext.draw.faces import FontFile
from shmtext.draw.shares import shares_of
from shmtext.draw.sizes import sizes_of_heights
from shmtext.errors import ConfigError
from shmtext.looks.loading import OwnSource, find_own
from shmtext.looks.photos import Photos


@dataclass(frozen=True, slots=True, eq=False)
class RenderSettings:
    """A run's config with its fonts; travels to workers, but for its photographs."""

    config: RunConfig
    fonts: tuple[FontFile, ...]
    sizes_px: tuple[tuple[int, ...], ...]
    """Of each font, ``(num_fonts, num_sizes)``: those of the config, or those of its heights."""
    own: tuple[OwnSource, ...]
    """Effects of the user's own, those of the config, found."""
    photos: Photos | None = None
    """What lies in the folder of backgrounds: large, and mapped by each process for itself, as
    ``engine/backgrounds.py`` has it."""
    mode: PictureMode = field(init=False)
    color_pairs: tuple[tuple[str, str], ...] = field(init=False)
    """``(font_color, background_color)`` pairs, of which one is drawn per example."""
    font_shares: NDArray[np.float64] | None = field(init=False)
    """How often each font is drawn, ``(num_fonts,)``; None: all equally often."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "mode", self.config.picture_mode)
        object.__setattr__(self, "color_pairs", self.config.color_pairs)
        object.__setattr__(self, "font_shares", shares_of(self.fonts, self.style.font_share))

    @classmethod
    def of(
        cls, config: RunConfig, fonts: tuple[FontFile, ...], photos: Photos | None = None
    ) -> Self:
        """Combine a config with its fonts and photographs, which have been read before.

        Finds its own effects, too; raises ``ConfigError`` where one of these can't be loaded.
        Where heights are asked for, the fonts' sizes are found; raises ``FontError`` where one has
        none for a height, and ``OSError`` where it can't be opened.
        """
        own = find_own(config.effect, is_colored=config.picture_mode == "rgb")
        sizes_px = (config.style.font_sizes,) * len(fonts)
        if config.page.height:
            heights_px = config.page.line_heights_px
            sizes_px = tuple(sizes_of_heights(font, heights_px) for font in fonts)
        return cls(config, fonts, sizes_px, own, photos)

    @property
    def num_sizes(self) -> int:
        """Of each font."""
        return len(self.config.page.line_heights_px) or len(self.style.font_sizes)

    def refuse_moving(self) -> None:
        """Raise ``ConfigError`` where boxes would not be true: an own effect moves ink."""
        moving = [source.asked.name for source in self.own if source.moves_ink]
        if moving:
            raise ConfigError(
                f"effect {moving[0]} moves ink, and where to is not known: leave it or boxes out"
            )

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
