"""How texts stand on their pictures: what was drawn for each, and what it comes to in pixels.

Which entry of a setting's list an example has is drawn from the stream ``PAGE``. Where glyphs go
within a text is ``arrange.py``'s and ``layout.py``'s; no pixel is touched here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self, get_args

import numpy as np
from numpy.typing import NDArray

from shmtext.config.lengths import Length, margin_of
from shmtext.config.page import Align, Page
from shmtext.corpus.ranges import Ints
from shmtext.draw.draws import Stream, choose, words_of
from shmtext.draw.glyphs import FaceMetrics
from shmtext.draw.settings import RenderSettings
from shmtext.draw.style import Styles
from shmtext.limits import why_unfit

START, LEFT, CENTER, RIGHT, JUSTIFY = range(len(get_args(Align)))


@dataclass(frozen=True, slots=True, eq=False)
class Pages:
    """What was drawn for each of some texts; arrays have one length."""

    align: Ints
    """Place in ``Align``."""
    more_pitch_px: Ints
    """From line to line beyond ascent + descent; may be negative."""
    letter_26_6: Ints
    """More room between letters, in 64ths of a pixel; likewise the next."""
    word_26_6: Ints
    margin_px: Ints
    """Above, right, below, left, ``(num_texts, 4)``."""
    line_height_px: Ints
    """Height that a line is given, margins left out; 0: that which it has."""
    width_px: int | None
    """Of pictures; None: what texts come to. Likewise the next."""
    min_width_px: int | None

    def is_flush_right(self, is_rtl: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Texts of those from right to left whose lines end where the longest does."""
        flush: NDArray[np.bool_] = is_rtl & ((self.align == START) | (self.align == JUSTIFY))
        return flush

    def take(self, texts: Ints) -> Self:
        """Those of some texts."""
        arrays = {each.name: getattr(self, each.name) for each in fields(self)}
        taken: dict[str, Any] = {
            name: array[texts] for name, array in arrays.items() if isinstance(array, np.ndarray)
        }
        return replace(self, **taken)


@dataclass(frozen=True, slots=True, eq=False)
class Extent:
    """What texts take, in pixels from the top left of their first line; arrays have one length."""

    left: Ints
    """Of the canvas, which holds lines and ink; likewise the next three."""
    right: Ints
    top: Ints
    bottom: Ints
    ink_top: Ints
    """Of control boxes alone, without the lines' own room; likewise the next."""
    ink_bottom: Ints
    line_px: Ints
    """Ascent + descent."""
    pitch_px: Ints
    num_lines: Ints
    is_rtl: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Pictures, and where texts are in them; arrays have shape ``(num_texts,)``."""

    left: Ints
    """Column of the picture that the texts' lines begin at; negative nowhere."""
    top: Ints
    """Row that the first line's top has; may be negative where nothing is drawn in it."""
    width_px: Ints
    height_px: Ints
    lacks_width_px: Ints
    """By how much a text is wider than its picture may be; 0: it is not. Likewise the next."""
    lacks_height_px: Ints

    @classmethod
    def of(cls, extent: Extent, pages: Pages | None) -> Self:
        """Pictures of texts: canvases as they are, or with what ``pages`` say."""
        width, height = extent.right - extent.left, extent.bottom - extent.top
        if pages is None:
            none = np.zeros_like(width)
            return cls(-extent.left, -extent.top, width, height, none, none)
        above, right, below, left = pages.margin_px.T
        has_height = pages.line_height_px > 0
        room = (extent.num_lines - 1) * extent.pitch_px + pages.line_height_px
        # Ink that leaves its line moves the text up or down within the height that it is given.
        middle = (pages.line_height_px - extent.line_px) // 2
        moved = np.minimum(np.maximum(middle, -extent.ink_top), room - extent.ink_bottom)
        lacks_height = np.where(has_height, extent.ink_bottom - extent.ink_top - room, 0)
        width = width + left + right
        wanted = np.maximum(width, pages.min_width_px or 0)
        if pages.width_px is not None:
            wanted = np.full_like(width, pages.width_px)
        return cls(
            left=left - extent.left + _pushed(pages, wanted - width, extent.is_rtl),
            top=above + np.where(has_height, moved, -extent.top),
            width_px=wanted,
            height_px=above + below + np.where(has_height, room, height),
            lacks_width_px=np.maximum(width - wanted, 0),
            lacks_height_px=np.maximum(lacks_height, 0),
        )

    @property
    def is_fit(self) -> NDArray[np.bool_]:
        """Which texts have room in their pictures."""
        fits: NDArray[np.bool_] = (self.lacks_width_px == 0) & (self.lacks_height_px == 0)
        return fits

    def why_unfit(self, text: int) -> str:
        """Why a text is not drawn: it has no room in its picture, or that can't be stored.

        Empty where it is.
        """
        if self.lacks_width_px[text]:
            wide = int(self.width_px[text] + self.lacks_width_px[text])
            return f"is {wide:,} px wide with its margins; width is {self.width_px[text]:,}"
        if self.lacks_height_px[text]:
            lacking = int(self.lacks_height_px[text])
            return f"has ink that is {lacking:,} px higher than its height leaves room for"
        return why_unfit(int(self.width_px[text]), int(self.height_px[text]))


def _pushed(pages: Pages, spare_px: Ints, is_rtl: NDArray[np.bool_]) -> Ints:
    """How far to the right a text stands in a picture with so much room to spare."""
    spare = np.maximum(spare_px, 0)
    is_right = (pages.align == RIGHT) | pages.is_flush_right(is_rtl)
    return np.where(is_right, spare, np.where(pages.align == CENTER, spare // 2, 0))


class PageDrawer:
    """Draws how a run's texts stand."""

    def __init__(self, settings: RenderSettings, metrics: FaceMetrics) -> None:
        self._page: Page = settings.config.page
        self._seed = settings.seed
        self._metrics = metrics
        self._sizes_px = np.array(settings.sizes_px, np.int64).reshape(-1)
        """Of each face."""
        self._pillow_px = metrics.pillow_pitch_px if self._page.line_pitch == "pillow" else None

    def draw(self, examples: Ints, styles: Styles, face_id: Ints) -> Pages | None:
        """How the texts of examples stand; None: as they do by default."""
        page = self._page
        if page.is_plain:
            return None
        line_px, size_px = self._metrics.line_px[face_id], self._sizes_px[face_id]
        align, line, letter, word = self._chosen(
            examples, 0, (page.align, page.line_spacing, page.letter_spacing, page.word_spacing)
        )
        (margin_id,) = self._chosen(examples, 1, (page.margin,))
        height_px = line_height_px = np.zeros_like(line_px)
        if page.height:
            height_id, margin_id = np.divmod(styles.size_id, len(page.margin))
            height_px = np.array(page.height)[height_id]
            line_height_px = np.array(page.line_heights_px)[styles.size_id]
        line_box_px = np.where(line_height_px > 0, line_height_px, line_px)
        pitch_px = line_box_px if self._pillow_px is None else self._pillow_px[face_id]
        spacing = _lengths(page.line_spacing, line, line_px)
        return Pages(
            align=np.array([get_args(Align).index(each) for each in page.align])[align],
            # Lines stand at least a pixel apart.
            more_pitch_px=np.maximum(pitch_px + spacing, 1) - line_px,
            letter_26_6=_lengths(page.letter_spacing, letter, size_px, 64),
            word_26_6=_lengths(page.word_spacing, word, size_px, 64),
            margin_px=_margins(page.margin, margin_id, np.where(height_px > 0, height_px, line_px)),
            line_height_px=line_height_px,
            width_px=page.width,
            min_width_px=page.min_width,
        )

    def _chosen(self, examples: Ints, block: int, lists: Sequence[Sequence[str]]) -> list[Ints]:
        """Which entry of each list examples have: by the words of a block, one a list."""
        if all(len(each) == 1 for each in lists):
            return [np.zeros_like(examples)] * len(lists)
        words = words_of(self._seed, Stream.PAGE, examples, block)
        return [choose(words[:, at], len(each)) for at, each in enumerate(lists)]


def _lengths(choices: Sequence[str], which: Ints, whole_px: Ints, per_px: int = 1) -> Ints:
    """What the chosen lengths come to of each ``whole_px``."""
    values = np.stack([Length.parse(each).of(whole_px, per_px) for each in choices])
    chosen: Ints = values[which, np.arange(which.size)]
    return chosen


def _margins(choices: Sequence[str], which: Ints, whole_px: Ints) -> Ints:
    values = [np.stack([side.of(whole_px) for side in margin_of(each)], 1) for each in choices]
    chosen: Ints = np.stack(values)[which, np.arange(which.size)]
    return chosen
