"""The label columns that drawing knows: for each its declaration, and where its values come from.

A column more is an entry of ``LABELS``. How columns are stored is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shmtext.canonical import canonical_json
from shmtext.columns import Column, ColumnSpec
from shmtext.columns import Kind as ColumnKind
from shmtext.corpus.ragged import RaggedTexts, pack_texts
from shmtext.corpus.ranges import Ints
from shmtext.draw.batch import Colors, GlyphBoxes
from shmtext.draw.settings import RenderSettings
from shmtext.draw.spans import stops
from shmtext.draw.style import Styles
from shmtext.looks.effect import Kind


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What is known of some pictures, in example order; arrays have one length."""

    settings: RenderSettings
    styles: Styles
    width_px: NDArray[np.int32]
    height_px: NDArray[np.int32]
    further_fonts: Sequence[tuple[int, ...]]
    """Fonts of each picture beside the style's."""
    texts: RaggedTexts
    """What was drawn, line breaks included."""
    glyphs: GlyphBoxes | None = None
    """None unless boxes were asked for."""
    effects: Sequence[str] = ()
    """What looks did to each, as JSON; nothing unless asked for."""
    colors: Sequence[Colors] = ()
    """What looks drew each in; nothing in runs without looks."""


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


Values = Callable[[Drawn], NDArray[np.integer] | Chosen | Lists | RaggedTexts]


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
            case RaggedTexts(values, offsets):
                return Column(self.spec, values, offsets=offsets)
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
    sizes_px = np.array(drawn.settings.sizes_px, np.int32)
    return sizes_px[drawn.styles.font_id, drawn.styles.size_id]


def _font_color(drawn: Drawn) -> Chosen | RaggedTexts:
    return _color(drawn, 0)


def _background_color(drawn: Drawn) -> Chosen | RaggedTexts:
    return _color(drawn, 1)


def _color(drawn: Drawn, side: int) -> Chosen | RaggedTexts:
    """Ink (0) or paper (1): of the settings, or what a look has drawn in its place."""
    given = tuple(pair[side] for pair in drawn.settings.color_pairs)
    if not drawn.colors:
        return Chosen(given, drawn.styles.pair_id)
    of_settings = (given[pair] for pair in drawn.styles.pair_id.tolist())
    return pack_texts(
        colors[side] or color for colors, color in zip(drawn.colors, of_settings, strict=True)
    )


def _has_looks(settings: RenderSettings) -> bool:
    return bool(settings.config.look.looks)


def _look(drawn: Drawn) -> Chosen:
    return Chosen(
        tuple(look.name for look in drawn.settings.config.look.looks), drawn.styles.look_id
    )


def _asks_effects(settings: RenderSettings) -> bool:
    return "effects" in settings.output.column


def effects_text(attempt: int, effects: Sequence[Mapping[str, Any]]) -> str:
    """What the column of effects says of a picture: which attempt it is, and its effects."""
    return canonical_json({"attempt": attempt, "effects": effects})


def _effects(drawn: Drawn) -> RaggedTexts:
    return pack_texts(drawn.effects or [effects_text(0, ())] * drawn.width_px.size)


def _has_geometry(settings: RenderSettings) -> bool:
    effects = (effect for look in settings.config.look.looks for effect in look.effects)
    return any(effect.kind is Kind.GEOMETRY for effect in effects)


def _asks_boxes(settings: RenderSettings) -> bool:
    return settings.output.boxes != "none"


def _asks_upright_boxes(settings: RenderSettings) -> bool:
    return _asks_boxes(settings) and not _has_geometry(settings)


def _asks_boxes_askew(settings: RenderSettings) -> bool:
    return _asks_boxes(settings) and _has_geometry(settings)


def _upright_boxes(drawn: Drawn) -> Lists:
    assert drawn.glyphs is not None
    sides = drawn.glyphs.corners[:, [0, 2]].reshape(-1, 4)
    return Lists(sides.astype(np.int16), drawn.glyphs.seams)


def _boxes_askew(drawn: Drawn) -> Lists:
    assert drawn.glyphs is not None
    corners = drawn.glyphs.corners.reshape(-1, 8)
    return Lists(corners.astype(np.int16), drawn.glyphs.seams)


def _box_characters(drawn: Drawn) -> Lists:
    assert drawn.glyphs is not None
    first, stop = drawn.glyphs.cluster, stops(drawn.texts, drawn.glyphs)
    return Lists(np.stack([first, stop], axis=1).astype(np.int32), drawn.glyphs.seams)


def _label(
    name: str, kind: ColumnKind, about: str, values: Values, *, repeats: bool = True
) -> Label:
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
    _label("font_color", "string", "ink, #rrggbb, before a look shades it", _font_color),
    _label("background_color", "string", "paper, #rrggbb, likewise", _background_color),
    Label(
        ColumnSpec("look", "string", "which of the run's looks", repeats=True), _look, _has_looks
    ),
    Label(
        ColumnSpec("effects", "string", "what the look did, and at which attempt, as JSON"),
        _effects,
        _asks_effects,
    ),
    Label(
        ColumnSpec(
            "boxes",
            "list<int16[4]>",
            "ink of characters or words: x0, y0, x1, y1, px",
            repeats=True,
        ),
        _upright_boxes,
        _asks_upright_boxes,
        needs_boxes=True,
    ),
    Label(
        ColumnSpec(
            "boxes",
            "list<int16[8]>",
            "ink of characters or words: x, y of four corners, clockwise from the upper left, px",
            repeats=True,
        ),
        _boxes_askew,
        _asks_boxes_askew,
        needs_boxes=True,
    ),
    Label(
        ColumnSpec(
            "box_characters",
            "list<int32[2]>",
            "characters of the text that each box is around: the first, and behind the last",
            repeats=True,
        ),
        _box_characters,
        _asks_boxes,
        needs_boxes=True,
    ),
)
"""In the order of the label table. A run has no two of one name."""


def labels_of(settings: RenderSettings) -> tuple[Label, ...]:
    """The columns of a run with these settings."""
    return tuple(label for label in LABELS if label.is_wanted(settings))


def needs_boxes(settings: RenderSettings) -> bool:
    """Whether any of a run's columns is made of boxes."""
    return any(label.needs_boxes for label in labels_of(settings))
