"""The work that questions share: configs, their corpora and fonts, and the plain Pillow loop.

Nothing is timed here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench.places import ONE_FONT
from shmtext.config import BalancedText, Output, RunConfig
from shmtext.corpus.ragged import RaggedTexts, gather_chunks, take_texts
from shmtext.corpus.reading import corpus_chunks
from shmtext.dataset.columns import LabelSchema
from shmtext.dataset.containers import open_container
from shmtext.dataset.containers.base import Container
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.plan import Plan
from shmtext.dataset.record import RunRecord
from shmtext.draw.faces import FontFile, bundled_fonts, find_font_files, read_fonts
from shmtext.draw.labels import labels_of
from shmtext.draw.settings import RenderSettings
from shmtext.engine.to_dataset import DatasetSink
from shmtext.errors import FontError
from shmtext.looks.photos import PhotoReader, gather_photos

EXAMPLES_PER_FREQUENCY = 64 / 12.5
"""Of the default balanced text: 62 characters and 2 spaces, 12.5 characters an example."""

FACE_FONTS = (
    *("Caladea-Regular.ttf", "Comfortaa-Regular.ttf", "DejaVuSans.ttf"),
    *("FantasqueSansMono-Regular.ttf", "LiberationSerif-Italic.ttf", "RobotoCondensed-Regular.ttf"),
)
FACE_SIZES_PX = (31, 33)
"""Twelve faces of bundled fonts alone, so that every machine has the same; 32 px on average."""

NUM_PHOTOGRAPHS = 8

SYSTEM_FONTS = Path("/usr/share/fonts")


def balanced(num_examples: int) -> BalancedText:
    """Return the balanced text, 5 to 20 characters an example, that comes to about so many."""
    return BalancedText(character_frequency=math.ceil(num_examples / EXAMPLES_PER_FREQUENCY))


def twelve_faces(num_examples: int, **more: Any) -> dict[str, Any]:
    """Return the options of what the project's speed is stated for: twelve faces mixed."""
    return {
        "character_frequency": balanced(num_examples).character_frequency,
        "fonts": [str(bundled_fonts() / name) for name in FACE_FONTS],
        "font_sizes": list(FACE_SIZES_PX),
        **more,
    }


def one_face(num_examples: int, **more: Any) -> dict[str, Any]:
    """Return the options of a run in one face, DejaVu Sans at 32 px."""
    fonts = {"fonts": [str(ONE_FONT)], "font_sizes": [32]}
    return {**twelve_faces(num_examples), **fonts, **more}


def looked_at(num_examples: int, **more: Any) -> dict[str, Any]:
    """Return the options of texts for effects: twelve faces, pictures of about 250 x 40 px."""
    lengths = {"min_example_size": 13, "max_example_size": 17, "max_images": num_examples}
    return twelve_faces(num_examples * 2, **lengths, **more)


def toml(options: Mapping[str, Any]) -> str:
    """Write options as a TOML file's text, for the command line to read.

    >>> toml({"font_sizes": [32], "mode": "gray"})
    'font_sizes = [32]\\nmode = "gray"\\n'
    """
    # JSON's strings, whole numbers, booleans and lists of them are TOML's.
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in options.items())


def texts_of(config: RunConfig) -> RaggedTexts:
    """Make a config's corpus, in private memory."""
    chunks = corpus_chunks(config.corpus, config.seed, config.style.max_chars_per_line)
    return gather_chunks(take_texts(chunks, config.max_images))


def settings_of(config: RunConfig) -> RenderSettings:
    """Read a config's fonts and photographs, as a run does before it begins."""
    fonts = _fonts(config.style.fonts or (bundled_fonts(),))
    if config.backgrounds is None:
        return RenderSettings.of(config, fonts)
    reader = PhotoReader(config.backgrounds, is_colored=config.picture_mode == "rgb")
    return RenderSettings.of(config, fonts, gather_photos(reader))


@cache
def _fonts(paths: tuple[Path, ...]) -> tuple[FontFile, ...]:
    return read_fonts(find_font_files(paths))


def write_photographs(folder: Path) -> Path:
    """Make a folder of pictures as large and as busy as photographs, for looks that use some."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(NUM_PHOTOGRAPHS):
        corners = rng.integers(40, 220, (2, 2, 3)).astype(np.uint8)
        picture = cv2.resize(corners, (1200, 800), interpolation=cv2.INTER_LINEAR)
        for _ in range(150):  # walls, windows, shelves: what has edges
            x, y = rng.integers(-100, 1200), rng.integers(-100, 800)
            width, height = rng.integers(20, 260, 2)
            color = rng.integers(20, 240, 3).tolist()
            box = (int(x), int(y), int(width), int(height))
            cv2.rectangle(picture, box, color, -1)
        picture = cv2.GaussianBlur(picture, (0, 0), 1 + number)
        grain = rng.integers(-12, 13, picture.shape[:2])[..., None]
        picture = (picture + grain).clip(0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number}.jpg"), picture)
    return folder


def usable_fonts(limit: int) -> list[Path]:
    """List bundled fonts, then this machine's, that draw ASCII; at most so many."""
    candidates = find_font_files([bundled_fonts()])
    if SYSTEM_FONTS.is_dir():
        candidates += sorted(SYSTEM_FONTS.rglob("*.ttf"))
    found: dict[str, Path] = {}
    for path in candidates:
        try:
            (font,) = read_fonts([path])
        except FontError:
            continue
        if {*range(0x30, 0x3A), *range(0x41, 0x5B)} <= set(font.code_points.tolist()):
            found.setdefault(font.sha256, path)
        if len(found) == limit:
            break
    return list(found.values())


def sink_in(
    folder: OutputFolder,
    num_examples: int,
    settings: RenderSettings,
    container: Container | None = None,
) -> DatasetSink:
    """Return the sink of a run whose identity nobody asks for; to files where nothing is said."""
    container = container or open_container("files", num_examples, settings.output.image_format)
    schema = LabelSchema.of([label.spec for label in labels_of(settings)])
    record = RunRecord({}, Plan(num_examples), container, schema)
    return DatasetSink(folder, record, settings, worker=0)


@dataclass(frozen=True, slots=True, eq=False)
class PillowJob:
    """What a user would write in ten lines: which texts, in which faces, to which files."""

    texts: Sequence[str]
    faces: Sequence[tuple[Path, int]]
    """Font file and size; opened once each. The faces take turns."""
    output: Output
    mode: str
    """``gray`` or ``rgb``."""
    folder: Path


def pillow_loop(job: PillowJob) -> None:
    """Draw and save one text after another, black on white, with Pillow alone."""
    # The basic layout is the faster one; shaping would make the comparison too easy.
    fonts = open_faces(job.faces, is_basic=True)
    suffix = job.output.image_format
    how: dict[str, Any] = {"quality": job.output.jpeg_quality} if suffix == "jpg" else {}
    for index, text in enumerate(job.texts):
        picture = plain_picture(text, fonts[index % len(fonts)], job.mode)
        picture.save(job.folder / f"{index:06d}.{suffix}", **how)


def open_faces(
    faces: Sequence[tuple[Path, int]], *, is_basic: bool
) -> list[ImageFont.FreeTypeFont]:
    """Open font files at sizes, with the basic layout or with the one that Pillow prefers."""
    layout = ImageFont.Layout.BASIC if is_basic else None
    return [ImageFont.truetype(path, size, layout_engine=layout) for path, size in faces]


def plain_picture(text: str, font: ImageFont.FreeTypeFont, mode: str = "gray") -> Image.Image:
    """Draw a text, black on white, with Pillow alone; ``mode`` as in ``PillowJob``."""
    left, top, right, bottom = font.getbbox(text)
    size = max(1, math.ceil(right - left)), max(1, math.ceil(bottom - top))
    kind, white, black = ("L", 255, 0) if mode == "gray" else ("RGB", "white", "black")
    picture = Image.new(kind, size, white)
    ImageDraw.Draw(picture).text((-left, -top), text, font=font, fill=black)
    return picture
