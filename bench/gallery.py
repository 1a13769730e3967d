"""A picture of all looks and effects, for docs/looks.md: ``python -m bench.gallery``.

Looks: words as each draws them. Effects: one text with little, middling and much of each.
Everything comes out of this package; photographs are made up unless a folder of them is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from bench import work
from bench.looked import only, with_look
from bench.places import ONE_FONT, ROOT, scratch
from shmtext.config import RunConfig, config_from_options
from shmtext.config.fields import settings_of
from shmtext.config.looks import look_names
from shmtext.config.ranges import Range
from shmtext.corpus.ragged import pack_texts
from shmtext.draw.pictures import PictureMaker
from shmtext.engine.libraries import adapt_libraries
from shmtext.looks.colors import Colors
from shmtext.looks.effect import Effect
from shmtext.looks.margins import Margins
from shmtext.looks.registry import EFFECTS

OUT = ROOT / "bench" / "results" / "gallery.png"

WORDS = (
    *("Morning Post", "Exit 24", "TOTAL 12.50", "Straße", "Wednesday", "No. 1057-B", "fresh bread"),
    *("15/03/2024", "Café Français", "OPEN", "18:45", "quality", "Garage", "€ 3.99", "subject to"),
    *(
        "Piccadilly",
        "left at noon",
        "INVOICE",
        "@gallery",
        "Zürich",
        "menu",
        "8 x 250 g",
        "Harbour",
    ),
    *("Thank you!", "(continued)", "Avenue", "receipt", "51 kg", "Dr. Quill", "jazz", "Platform 9"),
)
ONE_WORD = "Pay 49"

WIDTH_PX = 1000
NAME_PX = 98
"""Room for the names of rows."""
LOOK_LINES = 3
ROW_PX = 52
"""Of a look's line, and of an effect."""
EFFECT_COLUMNS = 2
GAP_PX = 6
PAGE, TEXT = (255, 255, 255), (30, 30, 30)

ROOM, PAPER, CONTRAST = Range((10, 10)), Range((222, 222)), Range((175, 175))
BESIDE = (
    Margins(left_px=ROOM, top_px=ROOM, right_px=ROOM, bottom_px=ROOM),
    Colors(paper=PAPER, contrast=CONTRAST),
)
"""What effects are shown with: room for what is beside text, and paper that is not quite white."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Level:
    """How much of an effect."""

    name: str
    between: float
    """The low and the high end of a range."""
    beside_zero: float
    """Of the high end, where a range has both sides of zero: its middle would be nothing."""


LEVELS = (Level("little", 0, 0.3), Level("middling", 0.5, 0.65), Level("much", 1, 1))


def at_level(effect: Effect, level: Level) -> Effect:
    """An effect with each of its ranges at one point."""
    points: dict[str, Any] = {name: Range((at, at)) for name, at in _points(effect, level)}
    return replace(effect, **points)


def _points(effect: Effect, level: Level) -> Iterator[tuple[str, float]]:
    for name, each in settings_of(type(effect)).items():
        value = getattr(effect, name)
        if isinstance(value, Range):
            straddles = value.low < 0 < value.high
            between = value.low + level.between * (value.high - value.low)
            point = level.beside_zero * value.high if straddles else between
            yield name, round(point) if each.kind.is_whole else point  # type: ignore[attr-defined]


def draw(options: dict[str, Any], texts: Sequence[str]) -> list[Pixels]:
    """Pictures of texts; those that can't be made to be read are left out."""
    config: RunConfig = config_from_options(options)
    maker = PictureMaker(work.settings_of(config))
    found: dict[int, Pixels] = {}
    corpus = pack_texts(list(texts))
    for batch in maker.draw(maker.prepare(corpus, 0, corpus), _no_mark):
        found |= zip(batch.positions.tolist(), map(np.copy, batch.pictures), strict=True)
    return [found[position] for position in sorted(found)]


def _no_mark(_position: int | None) -> None:
    pass


def _of_look(name: str, home: Path) -> Image.Image:
    options = {"mode": "rgb", "font_sizes": [22, 26, 30], "seed": 3}
    pictures = draw(with_look(options, name, home), WORDS)
    strip = Image.new("RGB", (WIDTH_PX - NAME_PX, LOOK_LINES * ROW_PX), PAGE)
    left, line = 0, 0
    for picture in pictures:
        height, width = picture.shape[:2]
        if height > ROW_PX - 4:
            continue
        if left + width > strip.width:
            left, line = 0, line + 1
        if line == LOOK_LINES:
            break
        strip.paste(Image.fromarray(picture), (left, line * ROW_PX + (ROW_PX - height) // 2))
        left += width + GAP_PX
    return strip


def _of_effect(effect: type[Effect], home: Path) -> Image.Image:
    beside = [each for each in BESIDE if type(each) is not effect]
    width = WIDTH_PX // EFFECT_COLUMNS - NAME_PX
    strip = Image.new("RGB", (width, ROW_PX), PAGE)
    for number, level in enumerate(LEVELS):
        options = {"mode": "rgb", "fonts": [str(ONE_FONT)], "font_sizes": [24]}
        look = only([*beside, at_level(effect(), level)])
        # Neighbours are lines of the texts before.
        *_, picture = draw(with_look(options, look, home), [*WORDS[:4], ONE_WORD])
        image = Image.fromarray(picture[: ROW_PX - 4, : width // 3 - GAP_PX])
        strip.paste(image, (number * width // 3, (ROW_PX - image.height) // 2))
    return strip


def gallery(home: Path) -> Image.Image:
    """Draw all of it; ``home`` is a folder to work in."""
    looks = [(name, _of_look(name, home)) for name in look_names()]
    effects = [(effect.name(), _of_effect(effect, home)) for effect in EFFECTS]
    looks_px = len(looks) * LOOK_LINES * ROW_PX
    num_rows = -(-len(effects) // EFFECT_COLUMNS)
    page = Image.new("RGB", (WIDTH_PX, looks_px + (num_rows + 1) * ROW_PX), PAGE)
    for number, (name, strip) in enumerate(looks):
        _put(page, name, strip, (0, number * LOOK_LINES * ROW_PX))
    for number, (name, strip) in enumerate(effects):
        column, row = divmod(number, num_rows)
        place = column * WIDTH_PX // EFFECT_COLUMNS, looks_px + (row + 1) * ROW_PX
        _put(page, name, strip, place)
    return page


def _put(page: Image.Image, name: str, strip: Image.Image, place: tuple[int, int]) -> None:
    font = ImageFont.truetype(ONE_FONT, 12, layout_engine=ImageFont.Layout.BASIC)
    left, top = place
    middle = left + 4, top + ROW_PX // 2
    ImageDraw.Draw(page).text(middle, name, font=font, fill=TEXT, anchor="lm")
    page.paste(strip, (left + NAME_PX, top))


@click.command(help="Draw a picture of all looks and effects.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default=OUT)
@click.option("--backgrounds", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(out: Path, backgrounds: Path | None) -> None:
    """Draw it into a file."""
    adapt_libraries()
    with scratch() as home:
        if backgrounds is not None:
            (home / "photographs").symlink_to(backgrounds.resolve())
        gallery(home).save(out, optimize=True)


if __name__ == "__main__":
    main(prog_name="python -m bench.gallery")
