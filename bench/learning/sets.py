"""Sets of pictures with texts: read from anyone's folder or table, or drawn by this project.

All become one array: gray, ``HEIGHT_PX`` high, at most ``WIDTH_PX`` wide. Texts lose what the
recogniser has no letters for. How it learns them is not known here.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

import shmtext
from bench.measure import Watching
from shmtext.config import RunConfig
from shmtext.config.looks import Looks
from shmtext.looks.effect import Effect

HEIGHT_PX, WIDTH_PX = 32, 128
NARROWEST_PX = 8

LETTERS = " 0123456789abcdefghijklmnopqrstuvwxyz.,:;!?'\"-+/()&%$#@*="
"""What the recogniser can say; it knows no case."""

CODE = {letter: number for number, letter in enumerate(LETTERS, 1)}
"""Classes of letters; 0 is CTC's blank."""

TEXT_COLUMNS = ("text", "label")
BATCH_ROWS = 512

STREAMED: dict[str, Any] = {
    "size": (HEIGHT_PX, WIDTH_PX),
    "fit": "pad",
    "pad": "edge",
    "channels": 1,
}
"""What ``shmtext.stream`` is told, for batches such as ``Pictures`` are."""

Pixels = NDArray[np.uint8]

Labelled = Iterator[tuple[bytes, str, str]]
"""Encoded pictures, their texts, and what they are called."""


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Pictures with texts, as the recogniser takes them."""

    data: Pixels
    """``(num, HEIGHT_PX, width)``, of ``WIDTH_PX`` or as wide as the widest; beyond its width each
    goes on as its last column."""
    widths_px: NDArray[np.int16]
    texts: tuple[str, ...]
    """Of ``LETTERS``, none empty."""

    def __len__(self) -> int:
        return len(self.texts)

    @classmethod
    def of(cls, data: Pixels, widths_px: NDArray[Any], texts: Sequence[str]) -> Pictures:
        """Pictures with any texts; those of whose text nothing is left are left out.

        Raises ``click.ClickException`` if all are.
        """
        said = [normal(text) for text in texts]
        held = np.flatnonzero([bool(text) for text in said])
        if not held.size:
            raise click.ClickException(f"no text has letters such as {LETTERS!r}")
        if len(held) < len(said):
            data, widths_px = data[held], widths_px[held]
        return cls(data, widths_px.astype(np.int16), tuple(filter(None, said)))

    def take(self, numbers: NDArray[np.intp]) -> Pictures:
        """Some of them, in this order."""
        texts = tuple(self.texts[number] for number in numbers.tolist())
        return Pictures(self.data[numbers], self.widths_px[numbers], texts)

    def first(self, num: int) -> Pictures:
        """The first ones alone."""
        return Pictures(self.data[:num], self.widths_px[:num], self.texts[:num])

    def save(self, path: Path) -> None:
        """Write them for other processes; ``load`` reads them."""
        np.savez(path, data=self.data, widths_px=self.widths_px, texts=np.array(self.texts))

    @classmethod
    def load(cls, path: Path) -> Pictures:
        """Read what ``save`` wrote."""
        with np.load(path) as held:
            return cls(held["data"], held["widths_px"], tuple(held["texts"].tolist()))


@dataclass(frozen=True, slots=True)
class Made:
    """Pictures that this project drew for a question, and what that took."""

    pictures: Pictures
    cpu_us: float
    """Per picture: drawn, and fitted to the recogniser's size."""


def normal(text: str) -> str:
    """A text as the recogniser can say it: lower case, spaces one by one, known letters alone.

    >>> normal("Total:  €12.50")
    'total: 12.50'
    """
    return "".join(letter for letter in " ".join(text.lower().split()) if letter in CODE)


def read_set(path: Path, limit: int | None = None) -> Pictures:
    """Read labelled pictures; ``limit`` is the most that are taken, the first ones.

    A folder says in ``metadata.parquet``, ``labels.csv``, ``gt.txt`` or ``labels.tsv`` which file
    has which text; a Parquet file has columns ``image`` (encoded bytes, alone or as Hugging Face
    has them) and ``text`` or ``label``. Raises ``click.ClickException`` for anything else, and for
    pictures that can't be read. Texts of which nothing is left are left out.
    """
    rows = _of_folder(path) if path.is_dir() else _of_parquet(path)
    pictures, texts = [], []
    for encoded, given, name in rows:
        if not (text := normal(given)):
            continue
        pictures.append(_fitted(_decoded(encoded, f"{path}: {name}")))
        texts.append(text)
        if len(texts) == limit:
            break
    if not texts:
        raise click.ClickException(f"{path}: no picture has a text of letters such as {LETTERS!r}")
    return _packed(pictures, texts)


def make_set(config: RunConfig) -> Made:
    """Draw a run's pictures, each example once; without the loss of a file's encoding.

    In this process: what workers take to begin would count for as much as a small set.
    Raises ``click.ClickException`` for one of whose texts nothing is left.
    """
    data, widths_px, texts = [], [], []
    asked = {**STREAMED, "batch_size": BATCH_ROWS, "workers": 0, "shuffle": False}
    with shmtext.stream(config, **asked) as stream:
        watching = Watching()
        for batch in stream:
            num = int(np.searchsorted(batch.positions, stream.num_examples))
            data.append(batch.images[:num].copy())
            widths_px.append(batch.widths[:num].copy())
            texts += batch.texts[:num]
            if batch.positions[-1] >= stream.num_examples - 1:
                break
        cpu_s = watching.cost().cpu_s
    pictures = Pictures.of(np.concatenate(data), np.concatenate(widths_px), texts)
    return Made(pictures, cpu_s / len(texts) * 1e6)


def without(config: RunConfig, effects: Sequence[str]) -> RunConfig:
    """A config whose looks leave out effects, given by name or by kind (such as *geometry*).

    Raises ``click.ClickException`` for those that none of its looks has.
    """
    for name in effects:
        if not any(_named(effect, [name]) for look in config.look.looks for effect in look.effects):
            raise click.ClickException(f"no look of this run has an effect, or a kind, {name!r}")
    looks = (
        replace(look, effects=tuple(each for each in look.effects if not _named(each, effects)))
        for look in config.look.looks
    )
    return replace(config, look=Looks(tuple(looks)))


def _named(effect: Effect, names: Sequence[str]) -> bool:
    return effect.name() in names or effect.kind.value in names


def _of_folder(folder: Path) -> Labelled:
    for name, rows_of in LABEL_FILES.items():
        if (folder / name).is_file():
            for file, text in rows_of(folder / name):
                try:
                    encoded = (folder / file).read_bytes()
                except OSError as error:
                    raise click.ClickException(f"{folder / file}: {error.strerror}") from error
                yield encoded, text, file
            return
    raise click.ClickException(
        f"{folder}: expected a file of labels, one of {', '.join(LABEL_FILES)}; found none"
    )


def _from_metadata(path: Path) -> Iterable[tuple[str, str]]:
    table = pq.read_table(path, columns=["file_name", "text"])
    return zip(table["file_name"].to_pylist(), table["text"].to_pylist(), strict=True)


def _from_csv(path: Path) -> Iterator[tuple[str, str]]:
    with open(path, encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            yield row["filename"], row["label"]


def _from_tabs(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        file, tab, text = line.partition("\t")
        if tab:
            yield file, text


LABEL_FILES: dict[str, Callable[[Path], Iterable[tuple[str, str]]]] = {
    "metadata.parquet": _from_metadata,
    "labels.csv": _from_csv,
    "gt.txt": _from_tabs,
    "labels.tsv": _from_tabs,
}
"""Asked for in this order."""


def _of_parquet(path: Path) -> Labelled:
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise click.ClickException(
            f"{path}: expected a folder with labels or a Parquet file; {error}"
        ) from error
    names = file.schema_arrow.names
    text_column = next((name for name in TEXT_COLUMNS if name in names), None)
    if "image" not in names or text_column is None:
        raise click.ClickException(
            f"{path}: expected columns image and text (or label), found {', '.join(names)}"
        )
    number = 0
    for batch in file.iter_batches(BATCH_ROWS, columns=["image", text_column]):
        for image, text in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield image["bytes"] if isinstance(image, dict) else image, text, f"row {number}"
            number += 1


def _decoded(encoded: bytes, name: str) -> Pixels:
    picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise click.ClickException(f"{name} is no picture that OpenCV can read")
    return np.asarray(picture, np.uint8)


def _fitted(picture: Pixels) -> Pixels:
    """As high as all are, and as wide as its shape says, but for those that would be too wide."""
    height, width = picture.shape
    width_px = min(max(round(width * HEIGHT_PX / height), NARROWEST_PX), WIDTH_PX)
    how = cv2.INTER_AREA if height > HEIGHT_PX else cv2.INTER_LINEAR
    return cv2.resize(picture, (width_px, HEIGHT_PX), interpolation=how)


def _packed(pictures: Sequence[Pixels], texts: Sequence[str]) -> Pictures:
    data = np.empty((len(pictures), HEIGHT_PX, WIDTH_PX), np.uint8)
    for row, picture in zip(data, pictures, strict=True):
        row[:, : picture.shape[1]] = picture
        row[:, picture.shape[1] :] = picture[:, -1:]
    widths_px = np.array([picture.shape[1] for picture in pictures], np.int16)
    return Pictures(data, widths_px, tuple(texts))
