"""What a run's config means for rendering: the fonts' files found and read, the colours paired."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from shmtext.config import Output, RunConfig, Style
from shmtext.config.colors import PictureMode
from shmtext.draw.faces import FontFile
from shmtext.errors import ConfigError
from shmtext.looks.loading import OwnSource, find_own
from shmtext.looks.photos import Photos


@dataclass(frozen=True, slots=True, eq=False)
class RenderSettings:
    """A run's config with its fonts; travels to workers, but for its photographs."""

    config: RunConfig
    fonts: tuple[FontFile, ...]
    own: tuple[OwnSource, ...]
    """Effects of the user's own, those of the config, found."""
    photos: Photos | None = None
    """What lies in the folder of backgrounds: large, and mapped by each process for itself, as
    ``engine/backgrounds.py`` has it."""
    mode: PictureMode = field(init=False)
    color_pairs: tuple[tuple[str, str], ...] = field(init=False)
    """``(font_color, background_color)`` pairs, of which one is drawn per example."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "mode", self.config.picture_mode)
        object.__setattr__(self, "color_pairs", self.config.color_pairs)

    @classmethod
    def of(
        cls, config: RunConfig, fonts: tuple[FontFile, ...], photos: Photos | None = None
    ) -> Self:
        """Combine a config with its fonts and photographs, which have been read before.

        Finds its own effects, too; raises ``ConfigError`` where one of these can't be loaded.
        """
        own = find_own(config.effect, is_colored=config.picture_mode == "rgb")
        return cls(config, fonts, own, photos)

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
