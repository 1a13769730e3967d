"""What a run's config means for rendering: the fonts' files found and read, the colours paired."""

from __future__ import annotations

from dataclasses import dataclass

from shmtext.config import Output, Style
from shmtext.draw.faces import FontFile
from shmtext.draw.reference import PictureMode


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
