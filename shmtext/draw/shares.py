"""Which of the fonts that were read a run has, and how often each is drawn, by the shares given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shmtext.config.shares import parsed, share_of
from shmtext.draw.faces import MAX_NAMED, FontFile
from shmtext.errors import ConfigError, FontError


def fonts_with_share(fonts: tuple[FontFile, ...], asked: Sequence[str]) -> tuple[FontFile, ...]:
    """Those that have a share: others are as if they had not been given, in fallback, too.

    Raises ``ConfigError`` where a glob matches no font, ``FontError`` where no font is left.
    """
    shares = parsed(asked)
    names = [font.name for font in fonts]
    for each in shares:
        if not any(map(each.matches, names)):
            raise ConfigError(
                f"font_share {each.plain()!r} matches no font; there are: {_named(names)}"
            )
    left = tuple(font for font in fonts if share_of(font.name, shares))
    if not left:
        raise FontError(
            f"no font is left: font_share gives each of them 0 ({_named(names)}): give one more"
        )
    return left


def shares_of(fonts: tuple[FontFile, ...], asked: Sequence[str]) -> NDArray[np.float64] | None:
    """The share of each, ``(num_fonts,)``; None where all are drawn equally often."""
    shares = parsed(asked)
    values = np.array([share_of(font.name, shares) for font in fonts], np.float64)
    return None if (values == values[:1]).all() else values


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMED:,} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more
