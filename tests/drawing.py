"""Drives ``PictureMaker``, and draws the same pictures with nothing but Pillow.

``plain_picture`` is written from the documented geometry, not from ``draw/reference.py``: it
draws on a sheet that is ample on every side, and cuts the picture out of it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, features

from shmtext.config import Output, Page, RunConfig, Style
from shmtext.config.settings import Layout
from shmtext.corpus.ragged import pack_texts
from shmtext.draw.batch import Batch
from shmtext.draw.faces import FontFile, bundled_fonts, read_fonts
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.settings import RenderSettings
from shmtext.draw.texts import ShardTexts, Skip

BUNDLED = tuple(sorted(bundled_fonts().glob("*.ttf")))
SANS = bundled_fonts() / "DejaVuSans.ttf"
ITALIC = bundled_fonts() / "LiberationSerif-Italic.ttf"
LATIN_1 = "".join(map(chr, (*range(0x20, 0x7F), *range(0xA0, 0xAD), *range(0xAE, 0x100))))
"""Without the soft hyphen, which is never drawn."""

both_layouts = pytest.mark.parametrize("layout", get_args(Layout))

HAS_RAQM = bool(features.check_feature("raqm"))
"""It is the truth of layout full, and no part of a run."""
needs_raqm = pytest.mark.skipif(not HAS_RAQM, reason="this Pillow finds no Raqm or no FriBiDi")

Pixels = NDArray[np.uint8]


@cache
def font_file(path: Path) -> FontFile:
    (font,) = read_fonts([path])
    return font


def picture_maker(
    fonts: Sequence[Path] = (SANS,),
    *,
    seed: int = 0,
    output: Output | None = None,
    with_boxes: bool = False,
    page: Page | None = None,
    **style: Any,
) -> PictureMaker:
    """Return a maker for PNG unless ``output`` says otherwise; ``style`` as for ``Style``."""
    config = RunConfig(
        style=Style(**style),
        page=page or Page(),
        output=output or Output(image_format="png"),
        seed=seed,
    )
    settings = RenderSettings.of(config, tuple(map(font_file, fonts)))
    return PictureMaker(settings, with_boxes=with_boxes)


@dataclass(frozen=True)
class Drawing:
    """What a maker made of some texts."""

    maker: PictureMaker
    shard: ShardTexts
    pictures: dict[int, Pixels]
    """By position."""
    num_alone: int
    """Pictures that could not be drawn together with others."""
    boxes: dict[int, dict[int, tuple[int, ...]]]
    """By position and cluster: left, top, right, bottom; nothing unless asked for."""

    @property
    def reasons(self) -> dict[int, str]:
        return {skip.position: skip.reason for skip in self.shard.skips}

    @property
    def failed(self) -> set[int]:
        return {skip.position for skip in self.shard.skips if skip.failed}


def draw(maker: PictureMaker, texts: Sequence[str], start: int = 0) -> Drawing:
    """Draw examples ``[start, start + len(texts))``, and see that each comes out once."""
    shard = maker.prepare(pack_texts(texts), start)
    pictures: dict[int, Pixels] = {}
    boxes: dict[int, dict[int, tuple[int, ...]]] = {}
    num_alone = 0
    for batch in maker.draw(shard, lambda _position: None):
        num_alone += batch.is_alone
        assert len(batch.positions) == 1 or not batch.is_alone
        for position, picture in zip(batch.positions.tolist(), batch.pictures, strict=True):
            assert position not in pictures
            # Copied at once: what comes later must not be able to change it.
            pictures[position] = picture.copy()
        boxes |= boxes_of(batch)
    drawing = Drawing(maker, shard, pictures, num_alone, boxes)
    assert set(range(len(texts))) == pictures.keys() | drawing.reasons.keys()
    assert not pictures.keys() & drawing.reasons.keys()
    return drawing


def boxes_of(batch: Batch) -> dict[int, dict[int, tuple[int, ...]]]:
    """Boxes of a batch by position and cluster, each seen to be upright."""
    if batch.glyphs is None:
        return {}
    found: dict[int, dict[int, tuple[int, ...]]] = {}
    for position, (first, last) in zip(
        batch.positions.tolist(), pairwise(batch.glyphs.seams.tolist()), strict=True
    ):
        clusters = batch.glyphs.cluster[first:last].tolist()
        boxes = batch.glyphs.corners[first:last].astype(int).tolist()
        assert len(clusters) == len(set(clusters))
        found[position] = {}
        for cluster, box in zip(clusters, boxes, strict=True):
            (left, top), (right, bottom) = box[0], box[2]
            assert [[left, top], [right, top], [right, bottom], [left, bottom]] == box
            found[position][cluster] = left, top, right, bottom
    return found


def random_texts(
    num: int, alphabet: str = LATIN_1, *, longest: int = 24, seed: int = 1
) -> list[str]:
    """Texts that begin with an x, so that none is blank."""
    rng = random.Random(seed)
    return ["x" + "".join(rng.choices(alphabet, k=rng.randint(0, longest))) for _ in range(num)]


def plain_picture(
    lines: Sequence[str],
    face: ImageFont.FreeTypeFont,
    colors: tuple[str, str],
    mode: str,
    direction: str | None = None,
) -> Pixels:
    """Draw lines by Pillow alone; gray ``(height, width)`` or red, green, blue."""
    ascent, descent = face.getmetrics()
    line_px = ascent + descent
    boxes = [face.getbbox(line, direction=direction) for line in lines]
    ends = [math.ceil(face.getlength(line, direction=direction)) for line in lines]
    # Lines of a right-to-left paragraph end where its longest does.
    starts = [max(ends) - end if direction == "rtl" else 0 for end in ends]
    left = min(0, *(start + int(box[0]) for start, box in zip(starts, boxes, strict=True)))
    right = max(0, *ends, *(start + int(box[2]) for start, box in zip(starts, boxes, strict=True)))
    tops = [k * line_px + int(box[1]) for k, box in enumerate(boxes)]
    bottoms = [k * line_px + int(box[3]) for k, box in enumerate(boxes)]
    top, bottom = min(0, *tops), max(line_px * len(lines), *bottoms)
    margin = line_px
    size = right - left + 2 * margin, bottom - top + 2 * margin
    sheet = Image.new("L" if mode == "gray" else "RGB", size, colors[1])
    pen = ImageDraw.Draw(sheet)
    for k, line in enumerate(lines):
        place = margin - left + starts[k], margin - top + k * line_px
        pen.text(place, line, fill=colors[0], font=face, direction=direction)
    blank = Image.new(sheet.mode, size, colors[1])
    crop = (margin, margin, size[0] - margin, size[1] - margin)
    picture = np.array(sheet.crop(crop))
    sheet.paste(blank.crop(crop), crop)
    assert sheet.tobytes() == blank.tobytes(), f"ink outside of the canvas of {lines}"
    return picture


def plain_face(drawing: Drawing, position: int) -> ImageFont.FreeTypeFont:
    """Open anew the face that a text was drawn in."""
    font, size_px = drawing.maker.faces.font_and_size(int(drawing.shard.face_id[position]))
    shaped = bool(drawing.shard.is_shaped[position])
    layout = ImageFont.Layout.RAQM if shaped else ImageFont.Layout.BASIC
    return _open(font.path, font.number or 0, size_px, layout)


@cache
def _open(path: str, number: int, size_px: int, layout: ImageFont.Layout) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size_px, number, layout_engine=layout)


def check_equality(drawing: Drawing, plain_every: int = 1, reference_every: int = 1) -> int:
    """See that every picture is the reference's and Pillow's; return how many there are.

    With ``plain_every`` above 1 only so many of them are drawn plainly, too; likewise by the
    reference, but for those that Pillow can't draw here.
    """
    settings, shard = drawing.maker.settings, drawing.shard
    for position, picture in drawing.pictures.items():
        lines = shard.lines_of(position)
        face = plain_face(drawing, position)
        where = f"{lines!r} in {face.getname()} at {face.size} px"
        is_pillows = HAS_RAQM or not shard.is_shaped[position]
        if not is_pillows or position % reference_every == 0:
            reference = drawing.maker.draw_plainly(shard, position)
            assert not isinstance(reference, Skip), f"the reference does not draw {where}"
            assert_same(reference, picture, f"{where}, reference")
        if position % plain_every or not is_pillows:
            continue
        colors = settings.color_pairs[int(shard.styles.pair_id[position])]
        direction = None
        if shard.is_shaped[position]:
            direction = "rtl" if shard.is_rtl[position] else "ltr"
        plain = plain_picture(lines, face, colors, settings.mode, direction)
        assert_same(plain, picture, f"{where}, plain drawing")
    return len(drawing.pictures)


def assert_same(expected: Pixels, actual: Pixels, where: str) -> None:
    assert expected.shape == actual.shape, where
    assert np.array_equal(expected, actual), where
