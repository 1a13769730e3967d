"""Photographs of a folder, decoded once: every picture at several sizes, laid out in one array.

    pixels   | photo 0, whole | halved | halved twice | … | photo 1, whole | halved | …

``PhotoTable`` says what lies where, and what of it all decides bytes: its digest. Where the array
lies, in memory of one process or shared, is the caller's business. What is done with photographs is
``photograph.py``'s.

Pillow reads the files, as it tells a size before it decodes, and says of a file cut short that it
is; OpenCV does not tell sizes, and its libraries print to standard error. Which way up a picture
was taken (Exif) does not matter, nor what it has besides colour: transparency, further frames.
"""

from __future__ import annotations

import hashlib
import math
import os
import stat
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from shmtext.corpus.ranges import Ints
from shmtext.errors import InputError

Pixels = NDArray[np.uint8]

SUFFIXES = (
    *(".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm"),
    *(".tif", ".tiff", ".webp"),
)
FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Pillow's names for what these are. It knows others, one of which starts another program (EPS)."""

MAX_PIXELS = 89_000_000
"""Of a file's picture: a fifth of a gigabyte in colour, while it is decoded. From slightly more on
Pillow itself warns of bombs."""
MIN_SIDE_PX = 64
"""Less shows nothing but its own repetition under a text."""

BUDGET_BYTES = 256 << 20
"""Of all photographs together, however many there are."""
AREAS_PX = tuple(2**power for power in (20, 19, 18, 17))
"""What a photograph may have, whole; the largest is taken that the budget has room for. With less
than the last (418 x 313) a line of text would not fit on it."""
NUM_LEVELS = 4
"""Sizes of each photograph: whole, and halved up to three times."""
MIN_LEVEL_PX = 32
"""The shorter side of a halved one; those that would be smaller are left out."""

MAX_NAMED = 20
"""Files left out that a message names; the rest are counted."""


@dataclass(frozen=True, slots=True, eq=False)
class PhotoTable:
    """Which photographs there are, and where their pixels lie; small, travels to workers.

    Arrays have shape ``(num_photos, NUM_LEVELS)``; heights and widths are 0 where a photograph is
    too small to be halved so often.
    """

    is_colored: bool
    offset: Ints
    height: Ints
    width: Ints
    sha256: str
    """Over the sizes and pixels of all photographs, in their order, hexadecimal."""

    def __len__(self) -> int:
        return len(self.offset)

    @property
    def identity(self) -> dict[str, int | str]:
        """What of the photographs decides a run's bytes, as JSON."""
        return {"num_pictures": len(self), "sha256": self.sha256}


@dataclass(frozen=True, slots=True, eq=False)
class Photos:
    """Photographs that can be cut from."""

    table: PhotoTable
    levels: tuple[tuple[Pixels, ...], ...]
    """Views by photograph and how often it is halved, ``(height, width)`` or with 3 channels; empty
    where a photograph is too small to be halved so often."""

    @classmethod
    def of(cls, table: PhotoTable, pixels: Pixels) -> Self:
        """Find the photographs of a table in the array that they lie in, ``(num_bytes,)``."""
        channels = (3,) if table.is_colored else ()

        def level(offset: int, height: int, width: int) -> Pixels:
            shape = (height, width, *channels)
            return pixels[offset : offset + math.prod(shape)].reshape(shape)

        places = np.stack([table.offset, table.height, table.width], axis=-1).tolist()
        return cls(table, tuple(tuple(level(*place) for place in photo) for photo in places))

    def __len__(self) -> int:
        return len(self.table)


def gather_photos(reader: PhotoReader) -> Photos:
    """Read photographs into this process's memory. Raises ``InputError`` where none is left."""
    pixels = np.empty(reader.max_num_bytes, np.uint8)
    num_bytes = 0
    for piece in reader.pieces():
        pixels[num_bytes : num_bytes + piece.size] = piece
        num_bytes += piece.size
    pixels.setflags(write=False)
    return Photos.of(reader.table(), pixels[:num_bytes])


class PhotoReader:
    """Reads a folder's pictures, one at a time: ``pieces`` to its end, then ``table``."""

    def __init__(
        self, folder: Path, *, is_colored: bool, check: Callable[[], None] = lambda: None
    ) -> None:
        """Find the pictures and their sizes. Raises ``InputError`` where there are none.

        ``check`` is called before each file is opened, and may raise to end it all.
        """
        self._folder = folder
        self._is_colored = is_colored
        self._check = check
        self._left_out: list[str] = []
        paths = self._find()
        self._num_found = len(paths) + len(self._left_out)
        sized: list[tuple[str, int]] = []
        for path in paths:
            check()
            try:
                width, height = _size(path)
            except _UnusableError as error:
                self._leave_out(path, error)
            else:
                sized.append((path, height * width))
        self._num_channels = 3 if is_colored else 1
        self._num_usable = len(sized)
        self._area_px, self._paths, self.max_num_bytes = self._share_out(sized)
        self._sizes: list[list[tuple[int, int]]] = []
        self._digest = hashlib.sha256()

    def pieces(self) -> Iterator[Pixels]:
        """Decode each photograph: its pixels, whole and halved, as one array ``(num_bytes,)``.

        Pictures that can't be decoded are left out. Raises ``InputError`` where none is left.
        """
        for path in self._paths:
            self._check()
            try:
                photo = _decoded(path, self._area_px, is_colored=self._is_colored)
            except _UnusableError as error:
                self._leave_out(path, error)
                continue
            levels = _levels(photo)
            self._sizes.append([level.shape[:2] for level in levels])
            piece = np.concatenate([level.reshape(-1) for level in levels])
            self._digest.update(np.array(self._sizes[-1], "<i8").tobytes())
            self._digest.update(piece)
            yield piece
        if not self._sizes:
            raise InputError(
                f"no background is left: {self._shown_left_out()}; give a folder with pictures "
                "that can be read"
            )

    def table(self) -> PhotoTable:
        """What lies where, once ``pieces`` came to their end."""
        sizes = np.zeros((len(self._sizes), NUM_LEVELS, 2), np.int64)
        for row, each in zip(sizes, self._sizes, strict=True):
            row[: len(each)] = each
        height, width = sizes[..., 0], sizes[..., 1]
        num_bytes = height * width * self._num_channels
        ends = np.cumsum(num_bytes).reshape(num_bytes.shape)
        return PhotoTable(
            is_colored=self._is_colored,
            offset=ends - num_bytes,
            height=height,
            width=width,
            sha256=self._digest.hexdigest(),
        )

    @property
    def note(self) -> str:
        """One line on what was left out, and why; empty where everything is used."""
        notes = []
        if self._left_out:
            notes.append(
                f"left out {len(self._left_out):,} of {self._num_found:,} backgrounds: "
                f"{self._shown_left_out()}"
            )
        if len(self._paths) < self._num_usable:
            notes.append(
                f"{len(self._paths):,} of {self._num_usable:,} backgrounds are used, evenly spread "
                f"over their names: there is room for {BUDGET_BYTES >> 20} MiB of them"
            )
        return "; ".join(notes)

    def _find(self) -> list[str]:
        """List the picture files in the folder and those under it, by their names."""
        folder = self._folder
        try:
            mode = os.stat(folder).st_mode
        except OSError as error:
            raise InputError(
                f"cannot open the folder of backgrounds {folder}: {error.strerror}: check the path"
            ) from error
        if not stat.S_ISDIR(mode):
            raise InputError(f"{folder} is no folder: give backgrounds the folder of your pictures")
        found: list[str] = []
        for inside, _, names in os.walk(folder, onerror=self._leave_folder_out):
            paths = (os.path.join(inside, name) for name in names)
            # Nothing else is opened: a pipe would be waited for.
            found += [each for each in paths if _is_picture(each)]
        if not found and not self._left_out:
            raise InputError(
                f"the folder of backgrounds {folder} holds no picture ({', '.join(SUFFIXES)}): "
                "give one that does"
            )
        return sorted(found, key=lambda path: path.split(os.sep))

    def _share_out(self, sized: Sequence[tuple[str, int]]) -> tuple[int, list[str], int]:
        """How large photographs may be, which have room, and how many bytes these come to."""
        paths = [path for path, _ in sized]
        for area_px in AREAS_PX:
            each = [self._most_bytes(min(area, area_px)) for _, area in sized]
            if sum(each) <= BUDGET_BYTES:
                return area_px, paths, sum(each)
        num_used = BUDGET_BYTES // self._most_bytes(AREAS_PX[-1])
        used = [number * len(paths) // num_used for number in range(num_used)]
        return AREAS_PX[-1], [paths[number] for number in used], sum(each[n] for n in used)

    def _most_bytes(self, area_px: int) -> int:
        """Of a photograph with all that it is halved to: a third more than whole."""
        return area_px * self._num_channels * 4 // 3 + 1

    def _leave_out(self, path: str, error: Exception) -> None:
        self._left_out.append(f"{os.path.relpath(path, self._folder)} ({error})")

    def _leave_folder_out(self, error: OSError) -> None:
        self._leave_out(error.filename, _UnusableError(error.strerror))

    def _shown_left_out(self) -> str:
        more = len(self._left_out) - MAX_NAMED
        rest = f", and {more:,} more" if more > 0 else ""
        return ", ".join(self._left_out[:MAX_NAMED]) + rest


class _UnusableError(Exception):
    """A file can't be used as a photograph, for the reason given."""


def _is_picture(path: str) -> bool:
    return path.lower().endswith(SUFFIXES) and os.path.isfile(path)


def _size(path: str) -> tuple[int, int]:
    """Width and height of a picture, from its first bytes."""
    try:
        with _quiet(), Image.open(path, formats=FORMATS) as image:
            width, height = image.size
    except Exception as error:
        raise _UnusableError(_reason(path, error)) from error
    if width * height > MAX_PIXELS:
        raise _UnusableError(f"larger than {MAX_PIXELS:,} pixels: {width:,} x {height:,}")
    if min(width, height) < MIN_SIDE_PX:
        raise _UnusableError(f"smaller than {MIN_SIDE_PX} pixels: {width:,} x {height:,}")
    return width, height


def _decoded(path: str, area_px: int, *, is_colored: bool) -> Pixels:
    """A picture of at most ``area_px``, in the colours of the run."""
    mode = "RGB" if is_colored else "L"
    try:
        with _quiet(), Image.open(path, formats=FORMATS) as image:
            size = _reduced(*image.size, area_px)
            image.draft(mode, size)  # a JPEG comes out smaller, at a fraction of the time
            pixels = np.array(_shallow(image).convert(mode))
    except Exception as error:
        raise _UnusableError(_reason(path, error)) from error
    return cast("Pixels", cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def _shallow(image: Image.Image) -> Image.Image:
    """A picture of 16 bits with the upper eight: Pillow would cut it off at 255."""
    if not image.mode.startswith("I"):
        return image
    upper = np.asarray(image).astype(np.int64) >> 8
    return Image.fromarray(upper.clip(0, 255).astype(np.uint8))


def _quiet() -> warnings.catch_warnings[None]:
    """Keep what Pillow says of tags and profiles from the user: what counts, it raises."""
    return warnings.catch_warnings(action="ignore")


def _reason(path: str, error: Exception) -> str:
    """Why Pillow's readers raised, which is whatever their parsers stumble over."""
    if isinstance(error, Image.DecompressionBombError):
        return f"larger than {MAX_PIXELS:,} pixels"
    if isinstance(error, UnidentifiedImageError):
        is_empty = os.path.exists(path) and os.path.getsize(path) == 0
        return "empty" if is_empty else "not a picture"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, MemoryError):
        return "there is no memory to decode it"
    return f"damaged: {error or type(error).__name__}"


def _reduced(width: int, height: int, area_px: int) -> tuple[int, int]:
    """Width and height of a picture in proportion, of at most ``area_px``."""
    if width * height <= area_px:
        return width, height
    scale = np.sqrt(area_px / (width * height))
    return max(int(width * scale), 1), max(int(height * scale), 1)


def _levels(photo: Pixels) -> list[Pixels]:
    """A photograph, whole, and halved as often as it is large enough for."""
    levels = [photo]
    while len(levels) < NUM_LEVELS:
        height, width = (side // 2 for side in levels[-1].shape[:2])
        if min(height, width) < MIN_LEVEL_PX:
            break
        even = levels[-1][: 2 * height, : 2 * width]
        half = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
        levels.append(cast("Pixels", half))
    return levels
