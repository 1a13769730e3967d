"""An effect of your own: a cup's ring on every second picture.

    python examples/own_effect.py out

An effect is a function of a picture and four random words, ``uint64``, which say all that is random
about it: one picture's words are the same in every run of the same seed. Workers import this file,
hence the last two lines. The command line has it, too:
``shmtext render out --effect examples/own_effect.py:ring=0.5``.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

import shmtext

LEVELS = 30
"""By which paper is darker under the ring."""


def ring(picture: NDArray[np.uint8], words: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Lay a ring on a picture, ``(height, width)`` or ``(height, width, 3)``, somewhere."""
    height, width = picture.shape[:2]
    x, y = int(words[0] % width), int(words[1] % height)
    radius = height // 2 + int(words[2] % height)
    rows, columns = np.ogrid[:height, :width]
    distance = (rows - y) ** 2 + (columns - x) ** 2
    is_wet = (distance >= radius**2) & (distance < (radius + 3) ** 2)
    picture[is_wet] -= np.minimum(picture[is_wet], np.uint8(LEVELS))
    return picture


def main(out: str) -> None:
    """Render balanced random text with it."""
    config = shmtext.RunConfig(
        effect=(f"{__file__}:ring=0.5",),
        output=shmtext.Output(column=("effects",)),  # says which pictures have it
        max_images=1_000,
    )
    print(shmtext.render(config, out))


if __name__ == "__main__":
    main(*sys.argv[1:])
