"""What stands beside the stream: PyTorch's ``DataLoader`` over files, over Pillow, over tar files.

All deliver batches of the same texts' pictures, gray, in arrays of one size, by one worker each.
PyTorch and WebDataset are imported when a loader is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import ImageFont

import shmtext
from bench import work
from shmtext.config import RunConfig
from shmtext.engine.renderer import Renderer

FILES = "files, cv2, DataLoader"
TAR = "WebDataset, cv2, DataLoader"
PILLOW, PILLOW_BASIC = "Pillow, DataLoader", "Pillow, layout basic, DataLoader"

BATCH = 256
SIZE_PX = (40, 464)
"""Height and width that hold every plain picture of twenty letters in the twelve faces."""

ENDLESS = 1 << 40
SHUFFLED = 1_000
"""Samples among which the next one of a tar file is chosen."""

Pixels = NDArray[np.uint8]
Sample = tuple[Pixels, str]
Batches = Iterator[Any]
"""Of images, ``(BATCH, height, width)``, as arrays or tensors."""


def held(picture: Pixels) -> Pixels:
    """A picture in the upper left of white of ``SIZE_PX``; smaller where it does not fit."""
    height, width = SIZE_PX
    factor = min(height / picture.shape[0], width / picture.shape[1])
    if factor < 1:
        size = (max(1, int(picture.shape[1] * factor)), max(1, int(picture.shape[0] * factor)))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    page = np.full(SIZE_PX, 255, np.uint8)
    page[: picture.shape[0], : picture.shape[1]] = picture
    return page


@dataclass(frozen=True, slots=True)
class PictureFiles:
    """A dataset of picture files."""

    samples: list[tuple[str, str]]
    """Paths and texts."""

    @classmethod
    def of(cls, folder: Path) -> PictureFiles:
        """Those of a finished run."""
        rows = pq.read_table(folder / "metadata.parquet", columns=["file_name", "text"])
        paths = (str(folder / name) for name in rows["file_name"].to_pylist())
        return cls(list(zip(paths, rows["text"].to_pylist(), strict=True)))

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        path, text = self.samples[index]
        return held(np.asarray(cv2.imread(path, cv2.IMREAD_GRAYSCALE), np.uint8)), text


class PillowDrawing:
    """A dataset that draws its pictures; fonts are opened once in each process."""

    def __init__(self, config: RunConfig, *, is_basic: bool) -> None:
        settings = work.settings_of(config)
        self._texts = list(work.texts_of(config))
        self._faces = [
            (Path(font.path), size) for font in settings.fonts for size in settings.style.font_sizes
        ]
        self._is_basic = is_basic
        self._fonts: list[ImageFont.FreeTypeFont] = []

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, index: int) -> Sample:
        if not self._fonts:
            self._fonts = work.open_faces(self._faces, is_basic=self._is_basic)
        text = self._texts[index]
        picture = work.plain_picture(text, self._fonts[index % len(self._fonts)])
        return held(np.asarray(picture)), text


def loaders(config: RunConfig, home: Path) -> Mapping[str, Callable[[], Any]]:
    """Render and export a run, and say how each loader over its pictures is made.

    Those that draw are left out where pictures have a look.
    """
    out, tars = home / "run", home / "tars"
    with Renderer(config, engine="serial") as renderer:
        renderer.render(out)
    shmtext.export(out, "webdataset", tars, workers=1)
    names = sorted(str(path) for path in tars.glob("*.tar"))
    found: dict[str, Callable[[], Any]] = {
        FILES: partial(_shuffled, PictureFiles.of(out)),
        TAR: partial(_from_tars, names, config.output.image_format),
    }
    if not config.look.looks:
        for name, is_basic in ((PILLOW, False), (PILLOW_BASIC, True)):
            found[name] = partial(_shuffled, PillowDrawing(config, is_basic=is_basic))
    return found


@contextmanager
def batches_of(make: Callable[[], Any]) -> Iterator[Batches]:
    """Lend the images of a loader's batches; its worker ends when nothing holds them any more."""
    yield (images for images, _ in make())


def _shuffled(dataset: PictureFiles | PillowDrawing) -> Any:
    from torch.utils.data import DataLoader, RandomSampler  # noqa: PLC0415 - optional

    sampler = RandomSampler(dataset, replacement=True, num_samples=ENDLESS)
    return DataLoader(dataset, BATCH, sampler=sampler, num_workers=1)


def _from_tars(names: list[str], extension: str) -> Any:
    import webdataset  # noqa: PLC0415 - optional
    from torch.utils.data import DataLoader  # noqa: PLC0415 - optional

    samples = webdataset.WebDataset(names, shardshuffle=len(names)).repeat().shuffle(SHUFFLED)
    return DataLoader(samples.to_tuple(extension, "txt").map(_decoded), BATCH, num_workers=1)


def _decoded(sample: tuple[bytes, bytes]) -> Sample:
    data, text = sample
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    return held(np.asarray(picture, np.uint8)), text.decode()
