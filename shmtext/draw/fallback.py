"""Which font draws which part of a text that no font covers whole.

The parts are clusters: a letter and its marks are never drawn in two fonts. Fonts are asked in the
order in which they were given. Which fonts have a cluster is ``equivalents.py``'s knowledge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints
from shmtext.draw.faces import FontFile


@dataclass(frozen=True, slots=True, eq=False)
class Cover:
    """What fonts have of a text of which each cluster is some font's."""

    has: NDArray[np.bool_]
    """Which fonts have each character's cluster, ``(num_characters, num_fonts)``."""
    mains: NDArray[np.bool_]
    """Fonts of which one is to be the text's own, ``(num_fonts,)``."""
    order: Ints
    """Ids of all fonts, in the order in which they are asked."""

    @classmethod
    def of(cls, has: NDArray[np.bool_], order: Ints, *, by_character: bool) -> Cover | None:
        """Choose fonts; None where a cluster is no font's.

        The text's own font is the one of its first cluster if fonts are asked ``by_character``,
        otherwise any of those that have most of its characters.
        """
        if not has.any(axis=1).all():
            return None
        if by_character:
            mains = np.zeros(order.size, np.bool_)
            mains[order[np.argmax(has[0, order])]] = True
        else:
            num_had = has.sum(axis=0)
            mains = num_had == num_had.max()
        return cls(has, mains, order)

    def fonts(self, main: int, *, by_character: bool) -> Ints:
        """The font of each character, ``(num_characters,)``, where ``main`` is the text's own."""
        first: Ints = self.order[np.argmax(self.has[:, self.order], axis=1)]
        return first if by_character else np.where(self.has[:, main], main, first)


def asking_order(fonts: Sequence[FontFile]) -> Ints:
    """Ids of fonts in the order in which they were given."""
    return np.argsort([font.rank for font in fonts], kind="stable")
