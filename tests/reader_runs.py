"""One awkward run, stored and exported in every way, for tests through the readers of others.

What a reader must find is the run stored as ``files``, read with nothing but its label table and
Pillow. How a reader is called is in ``readers/``.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow.parquet as pq
from fault_runs import DONE, run
from numpy.typing import NDArray
from PIL import Image

from shmtext import Output, RunConfig, Style, TextFile, render
from shmtext.config.settings import Container

ImageFormat = Literal["png", "jpg"]
IMAGE_FORMATS: tuple[ImageFormat, ...] = ("png", "jpg")

TEXTS = (
    *("plain", 'two words, "quoted"', "Größe: 42 €", " edges ", "null", "NA", "שלום 12", "x.y.z"),
    *(
        "日本語",
        "a\\tb",
        "long text that is wrapped into lines",
        "[1, 2]",
        '{"a": 1}',
        "don't",
        "%s",
    ),
)
"""Each is numbered, so that no two are the same. One has characters of no bundled font: examples
are skipped. Tabs and newlines within lines are those of wrapping alone.
"""
NUM_EXAMPLES = 300
"""In three shards."""


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """A picture that a reader must find."""

    data: bytes
    """The encoded picture."""
    row: Mapping[str, Any]
    """Its label row, without where the picture is."""

    @property
    def text(self) -> str:
        """Its label."""
        text: str = self.row["text"]
        return text

    def pixels(self, mode: str | None = None) -> NDArray[np.uint8]:
        """As Pillow decodes it, in its own mode or in ``mode``."""
        with Image.open(io.BytesIO(self.data)) as picture:
            return np.array(picture.convert(mode) if mode else picture)


class Runs:
    """The same examples in each container and picture format, made when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._texts = folder / "texts.txt"
        lines = (f"{TEXTS[i % len(TEXTS)]}{i}\n" for i in range(NUM_EXAMPLES))
        self._texts.write_text("".join(lines), encoding="utf-8")
        self._expected: dict[ImageFormat, list[Expected]] = {}

    def stored(self, container: Container, image_format: ImageFormat) -> Path:
        """The run's folder. PNG is in colour and has looks, JPEG is plain and gray."""
        out = self._folder / f"{container}-{image_format}"
        if not out.exists():
            is_colored = image_format == "png"
            style = Style(
                font_sizes=(12, 16),
                max_chars_per_line=12,
                **({"font_colors": ("#c00000", "#0000a0")} if is_colored else {}),
            )
            output = Output(
                container=container,
                image_format=image_format,
                boxes="characters" if is_colored else "words",
                column=("effects",) if is_colored else (),
            )
            config = RunConfig(
                corpus=TextFile(self._texts),
                style=style,
                output=output,
                **({"look": "photo"} if is_colored else {}),
            )
            render(config, out, engine="serial")
        return out

    def exported(self, to: str, image_format: ImageFormat, *options: str) -> Path:
        """The folder of an export, of the run that is stored as Parquet files."""
        dest = self._folder / "-".join([to, image_format, *options])
        if not dest.exists():
            out = self.stored("parquet", image_format)
            run("export", out, "--to", to, dest, *options).expect(DONE)
        return dest

    def expected(self, image_format: ImageFormat) -> list[Expected]:
        """What is in the run, in order."""
        if image_format not in self._expected:
            out = self.stored("files", image_format)
            rows = pq.read_table(out / "metadata.parquet").to_pylist()
            data = [(out / row.pop("file_name")).read_bytes() for row in rows]
            pairs = zip(data, rows, strict=True)
            self._expected[image_format] = [Expected(*pair) for pair in pairs]
        return self._expected[image_format]


def assert_pixels(found: Iterable[Any], expected: Iterable[NDArray[np.uint8]]) -> None:
    """Assert that pictures, whatever NumPy makes an array of, are these in this order."""
    for position, (picture, pixels) in enumerate(zip(found, expected, strict=True)):
        assert np.array_equal(np.asarray(picture), pixels), f"picture {position} differs"


def by_text(expected: Iterable[Expected], texts: Iterable[str]) -> Iterator[Expected]:
    """Of these pictures those with these texts, in the texts' order."""
    known = {each.text: each for each in expected}
    return (known[text] for text in texts)
