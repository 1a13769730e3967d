"""The label columns that drawing knows: for each its declaration, and where its values come from.

A column more is an entry of ``LABELS``. How columns are stored is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shmtext.columns import Column, ColumnSpec, Kind
from shmtext.corpus.ranges import Ints
from shmtext.draw.batch import GlyphBoxes
from shmtext.draw.settings import RenderSettings
from shmtext.draw.style import Styles


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What is known of some pictures, in example order; arrays have one length."""

    settings: RenderSettings
    styles: Styles
    width_px: NDArray[np.int32]
    height_px: NDArray[np.int32]
    glyphs: GlyphBoxes | None
    """None unless boxes were asked for."""
    further_fonts: Sequence[tuple[int, ...]]
    """Fonts of each picture beside the style's."""


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """Values of which each is one of a few."""

    choices: tuple[str, ...]
    which: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """Values that are lists, all elements end to end between their seams."""

    elements: NDArray[Any]
    seams: Ints


Values = Callable[[Drawn], NDArray[np.integer] | Chosen | Lists]


@dataclass(frozen=True, slots=True)
class Label:
    """A column, and how it is filled."""

    spec: ColumnSpec
    values: Values
    is_wanted: Callable[[RenderSettings], bool] = lambda _settings: True
    """Whether a run with these settings has the column."""
    needs_boxes: bool = False
    """It is made of glyphs' boxes, which are found for those runs alone."""

    def column(self, drawn: Drawn) -> Column:
        """Fill the column for some pictures."""
        match self.values(drawn):
            case Chosen(choices, which):
                return Column(self.spec, which, choices=choices)
            case Lists(elements, seams):
                return Column(self.spec, elements, offsets=seams)
            case numbers:
                return Column(self.spec, numbers)


def _font(drawn: Drawn) -> Chosen:
    return Chosen(tuple(font.name for font in drawn.settings.fonts), drawn.styles.font_id)


def _further_fonts(drawn: Drawn) -> Chosen:
    names = [font.name for font in drawn.settings.fonts]
    joined = [", ".join(names[font] for font in fonts) for fonts in drawn.further_fonts]
    choices = sorted(set(joined))
    return Chosen(tuple(choices), np.array([choices.index(each) for each in joined], np.int64))


def _asks_further_fonts(settings: RenderSettings) -> bool:
    return settings.style.fallback != "none"


def _font_size_px(drawn: Drawn) -> NDArray[np.int32]:
    return np.array(drawn.settings.style.font_sizes, np.int32)[drawn.styles.size_id]


def _font_color(drawn: Drawn) -> Chosen:
    return Chosen(tuple(ink for ink, _ in drawn.settings.color_pairs), drawn.styles.pair_id)


def _background_color(drawn: Drawn) -> Chosen:
    return Chosen(tuple(paper for _, paper in drawn.settings.color_pairs), drawn.styles.pair_id)


def _label(name: str, kind: Kind, about: str, values: Values, *, repeats: bool = True) -> Label:
    return Label(ColumnSpec(name, kind, about, repeats), values)


LABELS = (
    _label("width_px", "int32", "width of the picture", attrgetter("width_px"), repeats=False),
    _label("height_px", "int32", "height of the picture", attrgetter("height_px")),
    _label("font", "string", "name of the font's file", _font),
    Label(
        ColumnSpec("further_fonts", "string", "fonts of what the font lacks", repeats=True),
        _further_fonts,
        _asks_further_fonts,
    ),
    _label("font_size_px", "int32", "height of the font's em square", _font_size_px),
    _label("font_color", "string", "ink, #rrggbb", _font_color),
    _label("background_color", "string", "paper, #rrggbb", _background_color),
)
"""In the order of the label table."""


def labels_of(settings: RenderSettings) -> tuple[Label, ...]:
    """The columns of a run with these settings."""
    return tuple(label for label in LABELS if label.is_wanted(settings))


def needs_boxes(settings: RenderSettings) -> bool:
    """Whether any of a run's columns is made of boxes."""
    return any(label.needs_boxes for label in labels_of(settings))
