"""Colours as settings name them, and how far two are apart.

Pillow knows the names. It is imported when the first colour is read: a question of the command
line's that is about no run (``--help``, a completion) is answered without it.
"""

from __future__ import annotations

import re
from typing import Literal, assert_never, cast

from shmtext.errors import ConfigError

READABLE_LEVELS = 28
"""Of luminance, between ink and paper, that remain whatever looks do: a few more than these ask of
every picture in the end."""


def parse_color(color: str) -> str:
    """Bring ``#rrggbb``, ``#rgb``, a CSS name or ``r,g,b`` to ``#rrggbb``.

    >>> parse_color("255, 0,128"), parse_color("navy")
    ('#ff0080', '#000080')
    """
    from PIL import ImageColor  # noqa: PLC0415 - see the top

    try:
        text = str(color)
    except ValueError:  # Python spells out no number of more than 4,300 digits
        text = "a number of thousands of digits"
    parts = text.split(",")
    if len(parts) == 3 and all(re.fullmatch(r"\s*[0-9]{1,9}\s*", part) for part in parts):
        channels = tuple(int(part) for part in parts)
        known = max(channels) <= 255
    else:
        try:
            channels = ImageColor.getrgb(text.strip())
        except ValueError:
            known = False
        else:
            known = len(channels) == 3 and all(0 <= channel <= 255 for channel in channels)
    if not known:
        found = repr(color) if text == color else text
        raise ConfigError(f"a colour must be '#rrggbb', a CSS name or 'r,g,b' (0-255), got {found}")
    return "#{:02x}{:02x}{:02x}".format(*channels)


def contrast(color: str, other: str, mode: Literal["gray", "rgb"]) -> int:
    """Levels between two colours, in the channel in which they differ most.

    >>> contrast("#ff0000", "#ffff00", "rgb"), contrast("#fefefe", "#ffffff", "gray")
    (255, 1)
    """
    pairs = zip(_levels(color, mode), _levels(other, mode), strict=True)
    return max(abs(level - level_of_other) for level, level_of_other in pairs)


def luminance(color: str) -> int:
    """The level that a colour leaves in a gray picture.

    >>> luminance("#ff0000"), luminance("#ffffff")
    (76, 255)
    """
    return _levels(color, "gray")[0]


def _levels(color: str, mode: Literal["gray", "rgb"]) -> tuple[int, ...]:
    from PIL import ImageColor  # noqa: PLC0415 - see the top

    match mode:
        case "gray":
            return (cast("int", ImageColor.getcolor(color, "L")),)
        case "rgb":
            return ImageColor.getrgb(color)
        case _:
            assert_never(mode)
