"""What do fonts and glyphs cost at their first use?

Glyphs: drawing alone, without files and encoding, of texts whose faces or characters are many: CPU
time of one worker's first pictures, over that of the same pictures once all is known; and what
Pillow takes to draw the same glyphs. Fonts: reading and trying out many that nobody has seen
before, copies of those that come along whose files differ; then the same once they are known.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
from PIL import ImageFont

from bench import asking, plots, work
from bench.asking import Answer, Setting
from bench.measure import Spread, cost_of, interleave, ratios, spread
from bench.places import scratch
from bench.rows import table
from shmtext.config import config_from_options
from shmtext.corpus.ragged import RaggedTexts, pack_texts
from shmtext.draw.faces import bundled_fonts
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.settings import RenderSettings
from shmtext.engine.fonts import fonts_of

NAME = "first-use"
QUESTION = "What do fonts and glyphs cost at their first use?"

SHARD = 600
"""Texts that are drawn at a time, about as many as a run of 6,000 has in a shard."""
SIZES_PX = range(16, 116)
CJK_SIZES_PX = range(24, 36)
CJK = [chr(0x4E00 + number) for number in range(5_000)]
FONTS_SIZE_PX = 32
US = 1e6

Texts = tuple[RenderSettings, RaggedTexts]


@dataclass(frozen=True, slots=True)
class GlyphRow:
    """One kind of text."""

    texts: str
    num_images: int
    num_glyphs: int
    """That are drawn for them, by face and character."""
    first_us: Spread
    """CPU time an image."""
    again_us: Spread
    glyph_us: Spread
    """What the first use of a glyph adds."""
    pillow_us: Spread
    """What Pillow takes to draw it, faces opened once."""
    pillow_over: Spread


@dataclass(frozen=True, slots=True)
class FontRow:
    """Fonts that are new, or known."""

    are_known: bool
    num_fonts: int
    wall_s: Spread
    cpu_s: Spread


@dataclass(frozen=True, slots=True)
class _Drawn:
    first_s: float
    again_s: float


def ask(setting: Setting, cjk_font: Path | None = None) -> Answer:
    """Measure each kind of text, and reading fonts."""
    num_images = setting.num(6_000, 200)
    kinds: dict[str, Texts] = {"100 sizes x 6 fonts": _many_sizes(num_images)}
    if cjk_font is not None:
        kinds["5,000 CJK characters x 12 sizes"] = _cjk(num_images, cjk_font)
    rows = [_glyph_row(kind, texts, setting.num(5, 1)) for kind, texts in kinds.items()]
    with scratch() as folder:
        fonts = _font_rows(folder, setting.num(2_000, 40), setting.num(3, 1))
    text = [_glyph_table(rows), _font_table(fonts)]
    if cjk_font is None:
        text.insert(1, "No CJK characters: name a font that has them with --cjk-font.")
    return Answer(NAME, rows, text, lambda figure: _draw(figure, rows), {"-fonts": fonts})


def _many_sizes(num_images: int) -> Texts:
    options = work.twelve_faces(2 * num_images, max_images=num_images)
    config = config_from_options(options | {"font_sizes": list(SIZES_PX)})
    return work.settings_of(config), work.texts_of(config)


def _cjk(num_images: int, font: Path) -> Texts:
    random_texts = random.Random(0)
    texts = [
        "".join(random_texts.choices(CJK, k=random_texts.randint(5, 20))) for _ in range(num_images)
    ]
    # Of a collection the first font: the others have the same glyphs.
    options = {"fonts": [f"{font}#0"], "font_sizes": list(CJK_SIZES_PX)}
    return work.settings_of(config_from_options(options)), pack_texts(texts)


def _glyph_row(kind: str, texts: Texts, num_rounds: int) -> GlyphRow:
    num_images, glyphs = len(texts[1]), _glyphs(texts)
    cases: dict[str, Callable[[], Any]] = {
        "ours": lambda: _draw_twice(texts),
        "pillow": lambda: _draw_with_pillow(texts[0], glyphs),
    }
    results = interleave(cases, num_rounds, num_warm_ups=0)
    drawn: list[_Drawn] = results["ours"]
    first_use_s = [each.first_s - each.again_s for each in drawn]
    return GlyphRow(
        texts=kind,
        num_images=num_images,
        num_glyphs=len(glyphs),
        first_us=spread(each.first_s for each in drawn) * (US / num_images),
        again_us=spread(each.again_s for each in drawn) * (US / num_images),
        glyph_us=spread(first_use_s) * (US / len(glyphs)),
        pillow_us=spread(results["pillow"]) * (US / len(glyphs)),
        pillow_over=ratios(results["pillow"], first_use_s),
    )


def _draw_twice(texts: Texts) -> _Drawn:
    settings, ragged = texts
    maker = PictureMaker(settings)
    return _Drawn(_draw_all(maker, ragged), _draw_all(maker, ragged))


def _draw_all(maker: PictureMaker, texts: RaggedTexts) -> float:
    begin_s = time.process_time()
    for start in range(0, len(texts), SHARD):
        shard = maker.prepare(texts.slice(start, min(start + SHARD, len(texts))), start)
        for _ in maker.draw(shard, lambda _position: None):
            pass
    return time.process_time() - begin_s


def _glyphs(texts: Texts) -> list[tuple[int, str]]:
    """Faces and characters that occur together, face by face."""
    settings, ragged = texts
    faces = PictureMaker(settings).prepare(ragged, 0).face_id.tolist()
    drawn = zip(faces, ragged, strict=True)
    return sorted({(face_id, character) for face_id, text in drawn for character in text})


def _draw_with_pillow(settings: RenderSettings, glyphs: list[tuple[int, str]]) -> float:
    begin_s, opened, face = time.process_time(), -1, None
    for face_id, character in glyphs:
        if face is None or face_id != opened:
            font_id, size_id = divmod(face_id, settings.num_sizes)
            font, size_px = settings.fonts[font_id], settings.sizes_px[font_id][size_id]
            opened, face = face_id, _face(font.stored.path, size_px)
        face.getlength(character)
        face.getmask2(character, mode="L", anchor="ls")
    return time.process_time() - begin_s


def _face(path: str, size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size_px, layout_engine=ImageFont.Layout.BASIC)


def _font_rows(folder: Path, num_fonts: int, num_rounds: int) -> list[FontRow]:
    """Read copies of bundled fonts, each with a few bytes at its end that no other has."""
    bundled = sorted(bundled_fonts().glob("*.ttf"))
    fonts = folder / "fonts"
    fonts.mkdir()
    for number in range(num_fonts):
        source = bundled[number % len(bundled)]
        copy = fonts / f"{number:05d}-{source.name}"
        copy.write_bytes(source.read_bytes() + number.to_bytes(4, "big"))
    costs: dict[bool, list[Any]] = {False: [], True: []}
    for round_number in range(num_rounds):
        with patch.dict(os.environ, {"XDG_CACHE_HOME": str(folder / f"cache-{round_number}")}):
            for are_known in costs:
                cost = cost_of(lambda: fonts_of([fonts], [FONTS_SIZE_PX], skips_bad=False))
                costs[are_known].append(cost)
    return [
        FontRow(
            are_known,
            num_fonts,
            spread(cost.wall_s for cost in found),
            spread(cost.cpu_s for cost in found),
        )
        for are_known, found in costs.items()
    ]


def _glyph_table(rows: list[GlyphRow]) -> str:
    header = ["texts", "images", "glyphs", "first, us", "again, us", "us/glyph", "Pillow", "over"]
    lines = [
        [
            *(row.texts, row.num_images, row.num_glyphs, row.first_us, row.again_us),
            *(row.glyph_us, row.pillow_us, row.pillow_over),
        ]
        for row in rows
    ]
    return table(header, lines)


def _font_table(rows: list[FontRow]) -> str:
    header = ["fonts", "known", "wall, s", "CPU, s"]
    return table(header, [[row.num_fonts, row.are_known, row.wall_s, row.cpu_s] for row in rows])


def _draw(figure: Any, rows: list[GlyphRow]) -> None:
    of = {f"{row.texts}: ours": row.glyph_us.median for row in rows}
    of |= {f"{row.texts}: Pillow": row.pillow_us.median for row in rows}
    plots.bars(figure.subplots(), of, "CPU us a glyph, first use")


@click.command(NAME, help=QUESTION)
@asking.options
@click.option(
    "--cjk-font",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A font with Chinese characters; without it these are left out.",
)
def command(out: Path, quick: bool, cjk_font: Path | None) -> None:
    """Ask the question."""
    setting = Setting(quick, out)
    asking.deliver(ask(setting, cjk_font), setting)
