"""Captions: labels and reasons as small pictures of text, for sheets.

They are drawn as pictures of a run are, with the fonts that come with the package; what these lack
is drawn in further fonts, and what those lack is spelled out: ``\\u4e2d``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from shmtext.config import Page, RunConfig, Style
from shmtext.corpus.ragged import pack_texts
from shmtext.draw.batch import Pixels
from shmtext.draw.faces import FontFile, bundled_fonts, choose_fonts, trust
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.settings import RenderSettings

FIRST_FONT = "DejaVuSans.ttf"
"""Of the fonts that come with the package, that which has most characters."""

MOST_CHARACTERS = 200
"""Of a caption; the rest is cut off."""

NOTHING = np.full((0, 0), 255, np.uint8)


def caption_fonts(more: Sequence[FontFile] = ()) -> tuple[FontFile, ...]:
    """Those that come with the package, and behind them ``more``, which are known to be sound.

    In the order in which they are asked for what others lack.
    """
    paths = [bundled_fonts() / FIRST_FONT, bundled_fonts()]
    bundled, _ = choose_fonts(paths, trust, skips_bad=False)
    digests = {font.digest for font in bundled}
    others = [font for font in more if font.digest not in digests]
    ordered = [font for fonts in (bundled, others) for font in sorted(fonts, key=_rank)]
    return tuple(replace(font, rank=rank) for rank, font in enumerate(ordered))


class Captions:
    """Draws captions of one size, black on white, at most ``max_width_px`` wide.

    All in the first of the fonts that can be: others draw what that one lacks, not any text.
    """

    def __init__(self, fonts: tuple[FontFile, ...], size_px: int, max_width_px: int) -> None:
        style = Style(font_sizes=(size_px,), fallback="character")
        self._config = RunConfig(style=style, page=Page(max_width_px=max_width_px))
        self._fonts = fonts
        self._first = self._maker(fonts[:1])

    def draw(self, texts: Sequence[str]) -> list[Pixels]:
        """Draw texts, each ``(height, width)``; an empty one where there is nothing to be seen."""
        # Bytes of a path that are no UTF-8 are lone surrogates.
        written = [text.encode("utf-8", "backslashreplace").decode() for text in texts]
        shown = [cut(text) for text in written]
        drawn = _drawn(self._first, shown)
        if any(_is_left(*each) for each in zip(drawn, shown, strict=True)):
            self._draw_others(drawn, shown)
        return [NOTHING if picture is None else picture for picture in drawn]

    def _draw_others(self, drawn: list[Pixels | None], texts: Sequence[str]) -> None:
        """Draw what the first font can't."""
        codes = set(np.concatenate([font.code_points for font in self._fonts]).tolist())
        by_all = self._maker(self._fonts)

        def spelled_out(text: str) -> str:
            known = (c == "\n" or ord(c) in codes for c in text)
            return "".join(
                c if is_known else _all_spelled_out(c)
                for c, is_known in zip(text, known, strict=True)
            )

        # Marks without a letter, say, are left in the end: each can be drawn, the text can't.
        for maker, written in (
            (self._first, spelled_out),
            (by_all, spelled_out),
            (self._first, _all_spelled_out),
        ):
            left = [at for at, picture in enumerate(drawn) if _is_left(picture, texts[at])]
            again = _drawn(maker, [cut(written(texts[at])) for at in left])
            for at, picture in zip(left, again, strict=True):
                drawn[at] = picture

    def _maker(self, fonts: tuple[FontFile, ...]) -> PictureMaker:
        return PictureMaker(RenderSettings.of(self._config, fonts))


def _is_left(picture: Pixels | None, text: str) -> bool:
    return picture is None and bool(text.strip())


def _rank(font: FontFile) -> int:
    return font.rank


def _all_spelled_out(text: str) -> str:
    return ascii(text)[1:-1]


def _drawn(maker: PictureMaker, texts: Sequence[str]) -> list[Pixels | None]:
    drawn: list[Pixels | None] = [None] * len(texts)
    shard = maker.wrapped(maker.prepare(pack_texts(texts), 0))
    for batch in maker.draw(shard, lambda _position: None):
        for position, picture in zip(batch.positions.tolist(), batch.pictures, strict=True):
            drawn[position] = picture
    return drawn


def cut(text: str, most: int = MOST_CHARACTERS) -> str:
    """A text, of a long one its beginning.

    >>> cut("short", 5), cut("longer", 5)
    ('short', 'long…')
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"
