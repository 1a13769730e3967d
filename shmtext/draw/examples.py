"""Which text each example has, and in which font it is drawn. Pure arithmetic; all others ask here.

Example i is text i, in a font that is drawn at random; but where each text is drawn in each font:

    example    0  1  2 | 3  4  5 | ...     of three fonts
    text          0    |    1    |
    font       0  1  2 | 0  1  2 |

The texts are in memory once all the same.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Self

import numpy as np

from shmtext.corpus.ragged import RaggedTexts
from shmtext.corpus.ranges import Ints
from shmtext.draw.settings import RenderSettings


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """The examples that texts come to.

    >>> from shmtext.corpus.ragged import pack_texts
    >>> examples = Examples(pack_texts(["a", "b"]), num_per_text=3, num=5)
    >>> examples.take(np.arange(5)).strings(), len(examples)
    (['a', 'a', 'a', 'b', 'b'], 5)
    """

    texts: RaggedTexts
    num_per_text: int
    """Of each text, one after the other."""
    num: int
    """Of all; the last text may have fewer."""

    @classmethod
    def of(cls, texts: RaggedTexts, settings: RenderSettings) -> Self:
        """Those of a run, at most as many as its config says."""
        num_per_text = examples_per_text(settings)
        most = settings.config.max_images or sys.maxsize
        return cls(texts, num_per_text, min(len(texts) * num_per_text, most))

    def __len__(self) -> int:
        return self.num

    def __getitem__(self, example: int) -> str:
        """The text of an example."""
        return self.texts[example // self.num_per_text]

    def first(self, num: int) -> Examples:
        """The first so many, or all, and no more texts than they have."""
        if num >= len(self):
            return self
        texts = self.texts.slice(0, num_texts_of(num, self.num_per_text))
        return Examples(texts, self.num_per_text, num)

    def take(self, examples: Ints) -> RaggedTexts:
        """The texts of some, in any order; of examples in a row, that are a text each, a view."""
        if self.num_per_text > 1:
            return self.texts.take(examples // self.num_per_text)
        if examples.size and (np.diff(examples) == 1).all():
            return self.texts.slice(int(examples[0]), int(examples[-1]) + 1)
        return self.texts.take(examples)


def examples_per_text(settings: RenderSettings) -> int:
    """How many examples a text has."""
    return len(settings.fonts) if settings.style.each_font else 1


def num_texts_of(num_examples: int, num_per_text: int) -> int:
    """How many texts so many examples have.

    >>> num_texts_of(7, 3)
    3
    """
    return -(-num_examples // num_per_text)


def num_texts_needed(settings: RenderSettings) -> int | None:
    """Of how many texts a run draws examples; None: of all."""
    most = settings.config.max_images
    return None if most is None else num_texts_of(most, examples_per_text(settings))


def asked_fonts(examples: Ints, settings: RenderSettings) -> Ints | None:
    """In which font each of some examples is drawn; None: in one drawn at random."""
    return examples % len(settings.fonts) if settings.style.each_font else None
