"""What an effect is: settings that are drawn from, and a step of the way from masks to pictures.

An effect is a class in a module of its own, and an entry of ``registry.py``. Its fields are its
settings: a probability, and ranges that its parameters are drawn from. Its docstring's first line
says what it is of in the world. Drawing is one thing, with the settings; doing is another, with
what was drawn alone, so that a batch does at once what examples of several looks have drawn.

All that is done to an example depends on the example alone, and comes out alike on every processor:
``tests/test_looks_exact.py`` has the operations that may be used.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from shmtext.config.fields import About, check, setting, settings_of
from shmtext.config.kinds import Limits
from shmtext.config.ranges import Floats, Range, RangeOf, unit

if TYPE_CHECKING:
    from shmtext.looks.photos import Photos
    from shmtext.looks.sheet import Sheet
    from shmtext.looks.warp import Warp

Ints = NDArray[np.int64]
Values = Mapping[str, NDArray[Any]]
"""Parameters drawn, by name, each of shape ``(num_examples,)``: numbers that JSON can hold."""

REFERENCE_EM_PX = 32
"""Font size that effects' lengths are given for; other sizes have them in proportion."""

GAP_EM = 1 / 9
"""Of gaps within most letters."""

GROUP = "Look"


class Kind(Enum):
    """What an effect is done to, in the order in which it is done."""

    GEOMETRY = "geometry"
    """The warp."""
    MASK = "mask"
    """Coverage of ink, and other ink."""
    COLOR = "color"
    """The colours of paper and ink."""
    PAPER = "paper"
    """What ink is laid on."""
    INK = "ink"
    """What is laid; after it pictures are made."""
    OPTICS = "optics"
    NOISE = "noise"
    TONE = "tone"
    RESAMPLE = "resample"
    COMPRESS = "compress"


class Draws(Protocol):
    """Random words of some examples, in the stream of one effect."""

    def word(self, number: int) -> NDArray[np.uint64]:
        """The word of that number of each example; an effect's own from ``FIRST_OWN_WORD`` on."""


FIRST_OWN_WORD = 16
"""Words before it are those of occurrence (0) and of the settings, by their place."""


@dataclass(frozen=True, slots=True, eq=False)
class TextLines:
    """Where the lines of texts lie in their masks; arrays have one length."""

    top_px: Ints
    """Of the first line, from the mask's top; may be above it."""
    baseline_px: Floats
    """Of a line, from its top."""
    line_px: Floats
    """From a line to the next."""
    count: Ints
    """Lines; 0 where a text stands in columns."""

    def take(self, rows: Ints) -> Self:
        """Those of some texts."""
        values = (getattr(self, each.name)[rows] for each in fields(self))
        return type(self)(*values)


@dataclass(frozen=True, slots=True, eq=False)
class Traits:
    """What effects may know of the examples they are drawn for; arrays have one length."""

    em_px: Floats
    """Font size."""
    stroke_px: Floats
    """Width of most strokes, about: twice the ink's area over the length of its edge."""
    photos: Photos | None = None
    """What lies ready to be paper, the same for all examples of a run; None: nothing."""
    given_paper: Floats | None = None
    """Luminance of the paper's colour where a run's user gave colours for it; None: it is free."""
    given_ink: Floats | None = None
    """Likewise."""
    lines: TextLines | None = None
    """None where nothing is known of them: then nothing is drawn along them."""

    @property
    def scale(self) -> Floats:
        """Of lengths that are given for a font size of ``REFERENCE_EM_PX``."""
        return self.em_px / REFERENCE_EM_PX

    @property
    def detail_px(self) -> Floats:
        """Size of what letters are told by, and what blurs it until they are not.

        That is a stroke's width and a gap's: gaps of bold letters are narrower than their strokes,
        while those of light ones, and the letters' shapes, are more than a stroke wide.
        """
        gap_px = GAP_EM * self.em_px
        return (np.minimum(self.stroke_px, gap_px) + gap_px) / 2

    def take(self, rows: Ints) -> Traits:
        """Those of some examples."""
        paper, ink = self.given_paper, self.given_ink
        return replace(
            self,
            em_px=self.em_px[rows],
            stroke_px=self.stroke_px[rows],
            given_paper=None if paper is None else paper[rows],
            given_ink=None if ink is None else ink[rows],
            lines=None if self.lines is None else self.lines.take(rows),
        )


def often(default: float = 1) -> float:
    """Declare how often an effect occurs."""
    return setting(default, About("How often it occurs.", GROUP, "P", at_least=0, at_most=1))


def ranged(
    default: Range | tuple[float, float], about: str, limits: tuple[float, float], unit: str = ""
) -> Range:
    """Declare a parameter by what it is drawn from, what it is, its bounds and its unit."""
    kind = RangeOf(Limits(*limits))
    value = default if isinstance(default, Range) else Range(default)
    return setting(value, About(about, GROUP, unit, kind=kind))


def ranged_whole(
    default: Range | tuple[int, int], about: str, limits: tuple[int, int], unit: str = ""
) -> Range:
    """Declare a parameter of whole numbers likewise."""
    kind = RangeOf(Limits(*limits), is_whole=True)
    value = default if isinstance(default, Range) else Range(default)
    return setting(value, About(about, GROUP, unit, kind=kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Settings of one effect. Subclasses are ``Geometry`` or ``Step``."""

    kind: ClassVar[Kind]
    number: ClassVar[int]
    """Of its stream of random words. Never used again, as it decides bytes."""
    version: ClassVar[int] = 1
    """Goes up when the same settings come to other pictures."""
    degrades: ClassVar[bool] = False
    """Whether it makes text harder to read: switched off in an example's last attempt."""
    is_colored: ClassVar[bool] = False
    """Whether it may make colour where there was none, with its settings as they are by default."""
    needs_photos: ClassVar[bool] = False
    """Whether it occurs only where a run has photographs (``Traits.photos``)."""

    probability: float = often()

    def __post_init__(self) -> None:
        check(self)

    def makes_color(self) -> bool:
        """Whether it may make colour where there was none, with its settings."""
        return self.is_colored

    def chooses_colors(self) -> bool:
        """Whether it draws the colours of paper and ink, for every example."""
        return False

    def check_given(self, papers: Sequence[str], inks: Sequence[str]) -> None:
        """Raise ``ConfigError`` for colours, ``#rrggbb``, that it can do nothing with.

        They are those that a run's user gave; none of them: that side is free.
        """

    @classmethod
    def name(cls) -> str:
        """As settings have it: ``InkSpread`` is ``ink_spread``."""
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in cls.__name__).lstrip("_")

    def occurs(self, draws: Draws) -> NDArray[np.bool_]:
        """Which examples have it."""
        return unit(draws.word(0)) < self.probability

    def draw(self, draws: Draws, traits: Traits) -> dict[str, NDArray[Any]]:
        """Draw the parameters of examples that have it: every setting that is a range.

        Lengths (their names end in ``_px``) come out in pixels of each example: what is given is
        for a font size of ``REFERENCE_EM_PX``.
        """
        values: dict[str, NDArray[Any]] = {}
        for place, (name, each) in enumerate(settings_of(type(self)).items()):
            if isinstance(each.kind, RangeOf):
                drawn = getattr(self, name).at(unit(draws.word(place)))
                values[name] = drawn * traits.scale if name.endswith("_px") else drawn
                if each.kind.is_whole:
                    values[name] = np.rint(values[name]).astype(np.int64)
        return values

    @classmethod
    def severity(cls, values: Values, traits: Traits) -> Floats:
        """How much of what an eye can make up for is used up, of each example; 1 is all of it."""
        del values
        return np.zeros(traits.em_px.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry(Effect):
    """An effect that moves what is drawn: all of them together are one warp."""

    kind: ClassVar[Kind] = Kind.GEOMETRY

    @classmethod
    @abstractmethod
    def bend(cls, warp: Warp, rows: Ints, values: Values) -> None:
        """Add to the warp of some examples, whose numbers in it are ``rows``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Effect):
    """An effect on masks, papers or pictures in place."""

    done_by: ClassVar[str] = ""
    """A parameter: examples side by side that share its value are done by one call. Batches are
    sorted by it."""

    @classmethod
    def reach_px(cls, values: Values, traits: Traits) -> Ints:
        """From how far away, at most, it changes a pixel, of each example."""
        del values
        return np.zeros(traits.em_px.shape, np.int64)

    @classmethod
    def widens_px(cls, values: Values, traits: Traits) -> Ints:
        """How much further the text's ink reaches on every side, of each example."""
        del values
        return np.zeros(traits.em_px.shape, np.int64)

    @classmethod
    @abstractmethod
    def apply(cls, sheet: Sheet, rows: Ints, values: Values) -> None:
        """Change the cells of some examples, whose numbers in the sheet are ``rows``."""
