"""Colours as settings name them, and how far two are apart.

Pillow knows the names. It is imported when the first colour is read: a question of the command
line's that is about no run (``--help``, a completion) is answered without it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Literal, assert_never, cast

from shmtext.errors import ConfigError

READABLE_LEVELS = 28
"""Between ink and paper. People can make out thin strokes then, in black and blue as well, where
that is hardest, and JPEG, which moves a level by several, does not hide them. Of luminance, these
are a few more than looks ask of every picture in the end."""

MOST_NAMED = 5
"""Pairs of colours that a message names; there may be thousands."""

PictureMode = Literal["gray", "rgb"]

_WEIGHTS = 299, 587, 114
"""Thousandths of luminance that red, green and blue have: ITU-R BT.601, as in Pillow's gray."""


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


def contrast(color: str, other: str, mode: PictureMode) -> float:
    """Levels between two colours, 0 to 255; between grays, their difference.

    In colour the root of the channels' squared differences, weighted by their share of luminance:
    blue on black differs little to an eye, red on a green as light as it enough to be read.

    >>> round(contrast("#0000ff", "#000000", "rgb")), contrast("#fefefe", "#ffffff", "gray")
    (86, 1.0)
    """
    levels = zip(_levels(color, mode), _levels(other, mode), strict=True)
    squares = [(level - level_of_other) ** 2 for level, level_of_other in levels]
    if len(squares) == 1:
        return math.sqrt(squares[0])
    weighted = zip(_WEIGHTS, squares, strict=True)
    return math.sqrt(sum(weight * square for weight, square in weighted) / 1000)


def named_pairs(pairs: Iterable[tuple[str, str]], mode: PictureMode) -> str:
    """Font and background colours with the levels between them, the first few of many.

    >>> named_pairs([("#fefefe", "#ffffff")], "gray")
    '#fefefe on #ffffff (1)'
    """
    pairs = list(pairs)
    # Never rounded up to what is asked for.
    names = [f"{ink} on {paper} ({int(contrast(ink, paper, mode))})" for ink, paper in pairs]
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{more}"


def luminance(color: str) -> int:
    """The level that a colour leaves in a gray picture.

    >>> luminance("#ff0000"), luminance("#ffffff")
    (76, 255)
    """
    return _levels(color, "gray")[0]


def _levels(color: str, mode: PictureMode) -> tuple[int, ...]:
    from PIL import ImageColor  # noqa: PLC0415 - see the top

    match mode:
        case "gray":
            return (cast("int", ImageColor.getcolor(color, "L")),)
        case "rgb":
            return ImageColor.getrgb(color)
        case _:
            assert_never(mode)
