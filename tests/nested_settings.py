"""Settings three tables deep, as effects are within looks: what the machinery is tried on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shmtext.config import RunConfig
from shmtext.config.colors import parse_color
from shmtext.config.fields import About, check, part, setting
from shmtext.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Blur:
    """A part with a range and a check of its own."""

    probability: float = setting(0, About("How often.", "Look", "P", at_least=0, at_most=1))
    sigma_px: tuple[float, float] = setting(
        (0.4, 1), About("From, to.", "Look", "PX", at_least=0, at_most=10)
    )

    def __post_init__(self) -> None:
        check(self)
        if self.sigma_px[0] > self.sigma_px[1]:
            raise ConfigError(f"sigma_px must rise, got {self.sigma_px}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """A part that need not be there."""

    levels: int = setting(1, About("Of 255.", "Look", "N", at_least=1, at_most=255))

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Parts within a part, and one value of each sort."""

    blur: Blur | None = part(Blur, About("Of the lens.", "Look"))
    noise: Noise | None = setting(None, About("Of the sensor.", "Look"))
    edge: Blur | Noise = part(Noise, About("Of letters.", "Look"))
    papers: tuple[Path, ...] = setting((), About("Pictures of paper.", "Look", "PATH"))
    stains: tuple[str, ...] = setting(
        ("#804020",), About("Colours.", "Look", "COLOR", parse=parse_color)
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """What lies between the config and a look."""

    scan: Look = part(lambda: Look(blur=Blur(probability=0.5)), About("A scanner.", "Look"))

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookingConfig(RunConfig):
    """A config with ``[scene.scan.blur]``."""

    scene: Looks = part(Looks, About("What pictures look like.", "Look"))
