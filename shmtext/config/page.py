"""The settings of a page: how the lines of a text stand, and how large its picture is.

What letters look like is ``Style``'s, where lines are broken by number of characters, too. What
lengths come to in pixels is found in ``draw/page.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal

from shmtext.config.fields import About, check, setting
from shmtext.config.kinds import Limits, ListOf, Whole
from shmtext.config.lengths import LengthKind, MarginKind, margin_of
from shmtext.errors import ConfigError
from shmtext.limits import MAX_SIDE_PX

Align = Literal["start", "left", "center", "right", "justify"]
LinePitch = Literal["font", "pillow"]

PAGE = "Page"
"""Its heading in ``--help``, in the table of options and in what ``shmtext config`` prints."""

MAX_HEIGHT_PX = 1_000

NO_LENGTH = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Lines, spaces, margins, size. Of each list one entry is drawn for each example, all equally
    likely.

    Lengths are px (``2``, ``0.5``) or shares (``10%``); what of, is said with each.
    """

    align: tuple[Align, ...] = setting(
        ("start",),
        About(
            "Where lines stand beneath one another, and a text in a picture that is wider; start: "
            "where the text is read from; justify: lines but the last are widened at spaces.",
            PAGE,
        ),
    )
    line_spacing: tuple[str, ...] = setting(
        (NO_LENGTH,),
        About(
            "Room between lines, px or a share of a line's height (ascent + descent); below 0 "
            "lines come nearer.",
            *(PAGE, "LENGTH"),
            kind=ListOf(LengthKind("a line's height", may_be_negative=True), may_be_empty=False),
        ),
    )
    line_pitch: LinePitch = setting(
        "font",
        About(
            "From line to line, without spacing; font: ascent + descent; pillow: less, as "
            "Pillow's texts of several lines have it (with --line-spacing 4 by default).",
            PAGE,
        ),
    )
    letter_spacing: tuple[str, ...] = setting(
        (NO_LENGTH,),
        About(
            "More room between letters, px or a share of the font size; below 0 less. Letters of "
            "scripts that join them (Arabic) stay together.",
            *(PAGE, "LENGTH"),
            kind=ListOf(LengthKind("the font size", may_be_negative=True), may_be_empty=False),
        ),
    )
    word_spacing: tuple[str, ...] = setting(
        (NO_LENGTH,),
        About(
            "Wider spaces, px or a share of the font size; below 0 narrower.",
            *(PAGE, "LENGTH"),
            kind=ListOf(LengthKind("the font size", may_be_negative=True), may_be_empty=False),
        ),
    )
    margin: tuple[str, ...] = setting(
        (NO_LENGTH,),
        About(
            "Paper around a text, px or a share of a line's height (with --height: of that): for "
            "all sides; above and below, left and right ('2 10%'); or above, right, below, left.",
            *(PAGE, "LENGTHS"),
            kind=ListOf(MarginKind(), may_be_empty=False),
        ),
    )
    height: tuple[int, ...] = setting(
        (),
        About(
            "Height of a line's picture, margins above and below included: each font is drawn at "
            "the size at which its lines are that high, in place of --font-sizes.",
            *(PAGE, "PX"),
            default_text="what the font size comes to",
            kind=ListOf(Whole(Limits(1, MAX_HEIGHT_PX)), may_be_empty=True),
        ),
    )
    width: int | None = setting(
        None,
        About(
            "Width of all pictures; texts that are wider are skipped.",
            *(PAGE, "PX"),
            default_text="what the text comes to",
            at_least=1,
            at_most=MAX_SIDE_PX,
        ),
    )
    min_width: int | None = setting(
        None,
        About(
            "Least width: narrower pictures are padded with paper.",
            *(PAGE, "PX"),
            default_text="none",
            at_least=1,
            at_most=MAX_SIDE_PX,
        ),
    )
    max_width_px: int | None = setting(
        None,
        About(
            "Wrap texts where they would be wider, margins not counted.",
            *(PAGE, "PX"),
            default_text="no wrapping",
            at_least=1,
            at_most=MAX_SIDE_PX,
        ),
    )

    def __post_init__(self) -> None:
        check(self)
        if self.width is not None and self.min_width is not None:
            raise ConfigError(
                "width and min_width exclude each other: the first is of all pictures"
            )
        for height, margin in product(self.height, self.margin):
            if self.line_height_px(height, margin) < 1:
                raise ConfigError(f"height {height} leaves no room between the margins {margin!r}")

    @staticmethod
    def line_height_px(height: int, margin: str) -> int:
        """What ``margin`` leaves a line of in a picture of that ``height``."""
        top, _, bottom, _ = margin_of(margin)
        return height - top.of_one(height) - bottom.of_one(height)

    @property
    def line_heights_px(self) -> tuple[int, ...]:
        """Heights of lines, of each ``height`` with each ``margin``, these varying fastest."""
        return tuple(self.line_height_px(*both) for both in product(self.height, self.margin))

    @property
    def is_plain(self) -> bool:
        """Whether lines, spaces and pictures are as they are by default; wrapping changes none."""
        return all(
            getattr(self, name) == each.default
            for name, each in Page.__dataclass_fields__.items()
            if name != "max_width_px"
        )

    @property
    def is_spaced(self) -> bool:
        """Whether letters or words may stand otherwise than shaping has them."""
        return self.letter_spacing != (NO_LENGTH,) or self.word_spacing != (NO_LENGTH,)
