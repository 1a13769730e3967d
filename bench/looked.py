"""Texts drawn with looks, without files and encoding, for questions about what looks cost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from bench import work
from shmtext.config import config_from_options
from shmtext.config.looks import CLEAN, Look
from shmtext.dataset.plan import Plan
from shmtext.draw.batch import Pixels
from shmtext.draw.pictures import PictureMaker
from shmtext.looks.effect import Effect

US = 1e6


@dataclass(frozen=True, slots=True)
class Drawn:
    """One round of drawing."""

    cpu_us: float
    """Per picture."""
    num_images: int
    width_px: float
    height_px: float
    """On average."""


class Drawing:
    """Texts, and what draws them with a look; warm from its second round on."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        config = config_from_options(options)
        self._maker = PictureMaker(work.settings_of(config))
        self._texts = work.texts_of(config)

    def run(self) -> Drawn:
        """Draw all texts."""
        num = width = height = 0
        begin_s = time.process_time()
        for pictures in self._batches():
            num += len(pictures)
            height += sum(picture.shape[0] for picture in pictures)
            width += sum(picture.shape[1] for picture in pictures)
        cpu_us = (time.process_time() - begin_s) / num * US
        return Drawn(cpu_us, num, width / num, height / num)

    def write(self, folder: Path) -> int:
        """Write all pictures as PNG, for others to read; tell how many there are."""
        folder.mkdir()
        number = 0
        for pictures in self._batches():
            for picture in pictures:
                cv2.imwrite(str(folder / f"{number:06d}.png"), picture)
                number += 1
        return number

    def _batches(self) -> Iterator[Sequence[Pixels]]:
        for shard in Plan(len(self._texts)).shards():
            texts = self._texts.slice(shard.start, shard.stop)
            prepared = self._maker.prepare(texts, shard.start, self._texts)
            for batch in self._maker.draw(prepared, _no_mark):
                yield batch.pictures


def _no_mark(_position: int | None) -> None:
    pass


def with_look(options: Mapping[str, Any], look: object, home: Path) -> dict[str, Any]:
    """Add a look to options, and photographs where it can use some."""
    looked = {**options, "look": look}
    if not config_from_options(looked).look.needs_photos:
        return looked
    folder = home / "photographs"
    if not folder.exists():
        work.write_photographs(folder)
    return {**looked, "backgrounds": str(folder)}


def only(effects: Sequence[Effect]) -> dict[str, Any]:
    """A look of these effects alone, of which none is left out, whatever it does to a text."""
    return {"only": {**Look("only", effects=tuple(effects)).plain(), "base": CLEAN, "budget": 100}}
