"""Texts drawn with a look, for tests: without files, workers or an encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from photographs import photos

from shmtext import Output, RunConfig, Style
from shmtext.config import Mode
from shmtext.corpus.ragged import pack_texts
from shmtext.draw.batch import GlyphBoxes
from shmtext.draw.faces import FontFile, bundled_fonts, choose_fonts, trust
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.settings import RenderSettings
from shmtext.draw.texts import first_lines

Pixels = NDArray[np.uint8]


NUM_FONTS = 4
"""With all that are bundled, most of a test's time goes into reading glyphs."""


@cache
def fonts() -> tuple[FontFile, ...]:
    """Some of the bundled fonts."""
    chosen, _ = choose_fonts([bundled_fonts()], trust, skips_bad=False)
    return chosen[:: len(chosen) // NUM_FONTS]


def only(**effects: Mapping[str, Any]) -> dict[str, Any]:
    """A look of these effects alone, as TOML would have it."""
    return {"test": {"base": "clean", **effects}}


def maker(
    look: object,
    *,
    mode: Mode = "gray",
    sizes: Sequence[int] = (32,),
    seed: int = 0,
    with_boxes: bool = False,
) -> PictureMaker:
    """What draws the bundled fonts with a look."""
    config = RunConfig(
        look=look,  # type: ignore[arg-type]
        style=Style(font_sizes=tuple(sizes)),
        output=Output(mode=mode),
        seed=seed,
    )
    return maker_of(config, with_boxes=with_boxes)


def maker_of(
    config: RunConfig, *, with_boxes: bool = False, num_fonts: int | None = None
) -> PictureMaker:
    """What draws the bundled fonts, or the first of them, as a config has it."""
    ready = photos(is_colored=config.picture_mode == "rgb") if config.look.needs_photos else None
    return PictureMaker(
        RenderSettings.of(config, fonts()[:num_fonts], ready), with_boxes=with_boxes
    )


def in_two_fonts(maker: PictureMaker, *, with_boxes: bool = False) -> PictureMaker:
    """The same in fewer fonts: each maker reads their rules, most of the time of a few texts."""
    return maker_of(maker.settings.config, with_boxes=with_boxes, num_fonts=2)


def draw(
    maker: PictureMaker, texts: Sequence[str], start: int = 0
) -> tuple[dict[int, Pixels], dict[int, GlyphBoxes]]:
    """Pictures by example, copied, and boxes of each where the maker finds them."""
    shard = replace(maker.prepare(pack_texts(list(texts)), start), first_lines_of=others)
    pictures: dict[int, Pixels] = {}
    boxes: dict[int, GlyphBoxes] = {}
    for batch in maker.draw(shard, lambda _position: None):
        for number, position in enumerate(batch.positions.tolist()):
            pictures[start + position] = batch.pictures[number].copy()
            if batch.glyphs is not None:
                boxes[start + position] = batch.glyphs.take(np.array([number]))
    return pictures, boxes


def others(examples: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Lines of a corpus that nobody has written."""
    lines = [f"Quiet neighbour {example}, jay" for example in examples.tolist()]
    return first_lines(pack_texts(lines), None)


def words_file() -> Path:
    return Path(__file__).with_name("words.txt")
