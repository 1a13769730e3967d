"""Pictures that stand in for photographs, for tests: none comes with the package.

python tests/photographs.py FOLDER
"""

from __future__ import annotations

import sys
import tempfile
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shmtext.looks.photos import PhotoReader, Photos, gather_photos

Pixels = NDArray[np.uint8]


def noise(rng: np.random.Generator, height: int, width: int, grain_px: int) -> NDArray[np.int64]:
    """Smooth random levels around 0, at most 127 away."""
    small = rng.integers(0, 256, (height // grain_px + 2, width // grain_px + 2), np.uint8)
    large = cv2.resize(small, None, fx=grain_px, fy=grain_px, interpolation=cv2.INTER_LINEAR)
    return large[:height, :width].astype(np.int64) - 128


def mixed(
    shares: NDArray[np.int64], low: tuple[int, ...], high: tuple[int, ...]
) -> NDArray[np.int64]:
    """Colours between two, by shares of 255."""
    step = np.array(high) - np.array(low)
    return np.array(low) + shares.clip(0, 255)[..., None] * step // 255


def landscape(rng: np.random.Generator, height: int, width: int) -> Pixels:
    rows = np.arange(height)[:, None] * 255 // height + np.zeros((1, width), np.int64)
    clouds = noise(rng, height, width, 64) + noise(rng, height, width, 16) // 3
    picture = mixed(rows + clouds, (70, 120, 200), (225, 225, 235)).clip(0, 255).astype(np.uint8)
    for depth in range(3):
        base = height * (5 + depth) // 9
        peaks = base + rng.integers(-height // 8, height // 8, 9)
        ridge = list(
            zip(np.linspace(0, width, 9).astype(int).tolist(), peaks.tolist(), strict=True)
        )
        outline = np.array([*ridge, (width, height), (0, height)], np.int32)
        cv2.fillPoly(picture, [outline], (80 - 20 * depth, 100 - 15 * depth, 60 - 15 * depth))
    return grained(rng, picture, 10)


def wall(rng: np.random.Generator, height: int, width: int) -> Pixels:
    picture = np.full((height, width, 3), (190, 180, 170), np.uint8)
    brick = height // 8
    for row in range(9):
        for column in range(-1, width // (2 * brick) + 1):
            left = column * 2 * brick + row % 2 * brick
            color = np.array((150, 70, 50)) + rng.integers(-25, 25)
            corners = (left, row * brick), (left + 2 * brick - 5, row * brick + brick - 5)
            cv2.rectangle(picture, *corners, color.tolist(), -1)
    return grained(rng, picture, 30)


def lights(rng: np.random.Generator, height: int, width: int) -> Pixels:
    picture = np.full((height, width, 3), (14, 16, 30), np.uint8)
    for _ in range(60):
        center = int(rng.integers(0, width)), int(rng.integers(0, height))
        color = rng.integers(60, 256, 3).tolist()
        cv2.circle(picture, center, int(rng.integers(4, height // 8)), color, -1)
    return cv2.GaussianBlur(picture, (15, 15), 5)


def leaves(rng: np.random.Generator, height: int, width: int) -> Pixels:
    levels = sum(noise(rng, height, width, grain) for grain in (4, 9, 20, 50))
    return mixed(128 + levels, (20, 40, 10), (190, 220, 110)).astype(np.uint8)


def shelves(rng: np.random.Generator, height: int, width: int) -> Pixels:
    picture = np.full((height, width, 3), (60, 45, 35), np.uint8)
    shelf = height // 4
    for row in range(4):
        left = 0
        while left < width:
            thick, tall = int(rng.integers(8, 34)), int(rng.integers(shelf // 2, shelf - 8))
            corners = (left, (row + 1) * shelf - tall), (left + thick - 2, (row + 1) * shelf - 8)
            cv2.rectangle(picture, *corners, rng.integers(20, 245, 3).tolist(), -1)
            left += thick
    return picture


def snow(rng: np.random.Generator, height: int, width: int) -> Pixels:
    """Black and white, pixel by pixel: as hard to read on as can be."""
    return np.repeat(rng.integers(0, 2, (height, width, 1), np.uint8) * 255, 3, axis=2)


def blank(_rng: np.random.Generator, height: int, width: int) -> Pixels:
    """An overexposed sky."""
    return np.full((height, width, 3), 255, np.uint8)


def grained(rng: np.random.Generator, picture: Pixels, most: int) -> Pixels:
    grain = rng.integers(-most, most + 1, picture.shape[:2])[..., None]
    return (picture + grain).clip(0, 255).astype(np.uint8)


SCENES = {
    "landscape.jpg": (landscape, 600, 800),
    "wall.png": (wall, 480, 640),
    "lights.jpg": (lights, 900, 1400),
    "leaves.webp": (leaves, 300, 200),
    "shelves.png": (shelves, 700, 500),
    "snow.bmp": (snow, 128, 96),
    "blank.png": (blank, 64, 64),
}


def scene(name: str) -> Pixels:
    make, height, width = SCENES[name]
    return make(np.random.default_rng(len(name)), height, width)


def write_scenes(folder: Path) -> Path:
    """Write all scenes into a folder that need not be there yet."""
    folder.mkdir(exist_ok=True)
    for name in SCENES:
        cv2.imwrite(str(folder / name), cv2.cvtColor(scene(name), cv2.COLOR_RGB2BGR))
    return folder


@cache
def photos(*, is_colored: bool) -> Photos:
    """All scenes, as a run has them."""
    with tempfile.TemporaryDirectory() as folder:
        return gather_photos(PhotoReader(write_scenes(Path(folder)), is_colored=is_colored))


if __name__ == "__main__":
    write_scenes(Path(sys.argv[1]))
