"""Photographs of a folder: every picture that can be read, exactly; what can't be is named."""

from __future__ import annotations

import io
import os
import shutil
import struct
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from photographs import SCENES, Pixels, scene, write_scenes
from PIL import Image

from shmtext.errors import InputError
from shmtext.looks import photos
from shmtext.looks.photos import PhotoReader, Photos, gather_photos


def read(folder: Path, *, is_colored: bool = False) -> tuple[Photos, str]:
    reader = PhotoReader(folder, is_colored=is_colored)
    return gather_photos(reader), reader.note


def save(path: Path, pixels: Pixels, mode: str = "", **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def plain(height: int = 80, width: int = 90, level: int = 100) -> Pixels:
    return np.full((height, width), level, np.uint8)


def noisy(height: int, width: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("scenes"))


# -- what is read ----------------------------------------------------------------------------------


@pytest.mark.parametrize("is_colored", [False, True])
def test_pictures_are_read_whole_and_halved_in_the_order_of_names(
    scenes: Path, is_colored: bool
) -> None:
    found, note = read(scenes, is_colored=is_colored)

    assert "" == note
    assert len(SCENES) == len(found) == len(found.levels)
    for name, levels in zip(sorted(SCENES), found.levels, strict=True):
        expected = Image.open(scenes / name).convert("RGB" if is_colored else "L")
        height, width = SCENES[name][1:]
        if height * width <= photos.AREAS_PX[0]:
            # Pillow makes JPEGs gray in another way as it decodes them.
            tolerance = 1 if name.endswith("jpg") and not is_colored else 0
            difference = np.abs(np.asarray(expected).astype(int) - levels[0])
            assert difference.max() <= tolerance, name
        for upper, lower in pairwise(levels):
            if lower.size:
                assert np.array_equal(halved(upper), lower), name


def halved(pixels: Pixels) -> Pixels:
    """Means of four, halves upwards."""
    height, width = (side // 2 * 2 for side in pixels.shape[:2])
    even = pixels[:height, :width].astype(int)
    four = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    return ((four + 2) // 4).astype(np.uint8)


def test_the_table_says_where_every_size_lies(scenes: Path) -> None:
    found, _ = read(scenes)
    table = found.table
    num_bytes = (table.height * table.width).reshape(-1)

    assert (len(SCENES), photos.NUM_LEVELS) == table.offset.shape
    assert np.array_equal(np.cumsum(num_bytes) - num_bytes, table.offset.reshape(-1))
    for number, levels in enumerate(found.levels):
        sizes = [level.shape for level in levels]
        assert list(zip(table.height[number], table.width[number], strict=True)) == sizes
    # The smallest picture has no halves: they would be a strip's height.
    assert [(64, 64), (32, 32), (0, 0), (0, 0)] == [each.shape for each in found.levels[0]]


def test_photographs_cannot_be_written(scenes: Path) -> None:
    found, _ = read(scenes)

    with pytest.raises(ValueError, match="read-only"):
        found.levels[0][0][0, 0] = 1


def test_folders_are_searched_whole_and_other_files_are_left_alone(tmp_path: Path) -> None:
    save(tmp_path / "b" / "deep" / "one.PNG", plain(level=1))
    save(tmp_path / "a" / "two.jpeg", plain(level=200))
    save(tmp_path / "elsewhere.png", plain(level=90)).rename(tmp_path / "no suffix")
    (tmp_path / "notes.txt").write_text("not a picture")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder.png").mkdir()
    found, note = read(tmp_path)

    assert "" == note
    assert [200, 1] == [int(levels[0][0, 0]) for levels in found.levels]


def test_names_may_be_of_any_encoding(tmp_path: Path) -> None:
    for name in (b"\xe9t\xe9.png", "été.png".encode(), b"new\nline.png"):
        save(tmp_path / os.fsdecode(name), noisy(70, 70, len(name)))
    found, note = read(tmp_path)

    assert (3, "") == (len(found), note)


def test_where_the_folder_lies_and_what_files_are_called_does_not_matter(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / "one" / f"{number}.png", noisy(90, 70, number))
    shutil.copytree(tmp_path / "one", tmp_path / "other" / "place")
    for number in range(3):
        (tmp_path / f"other/place/{number}.png").rename(tmp_path / f"other/place/n{number}.png")
    digests = [read(tmp_path / each)[0].table.identity for each in ("one", "other/place")]

    assert digests[0] == digests[1]
    assert {"num_pictures", "sha256"} == set(digests[0])


def test_each_pixel_and_the_order_count(tmp_path: Path) -> None:
    pixels = noisy(70, 80)
    save(tmp_path / "a" / "1.png", pixels)
    save(tmp_path / "a" / "2.png", plain())
    save(tmp_path / "b" / "1.png", plain())
    save(tmp_path / "b" / "2.png", pixels)
    pixels[69, 79, 0] ^= 255
    save(tmp_path / "c" / "1.png", pixels)
    save(tmp_path / "c" / "2.png", plain())
    found = {read(tmp_path / each)[0].table.sha256 for each in "abc"}

    assert 3 == len(found)


def test_pictures_of_every_sort_come_to_the_same_levels(tmp_path: Path) -> None:
    pixels = np.repeat(np.repeat(noisy(9, 10)[:, :, :1], 8, axis=0), 8, axis=1)[..., 0]
    as_color = np.repeat(pixels[..., None], 3, axis=2)
    save(tmp_path / "a gray.png", pixels)
    save(tmp_path / "b alpha.png", as_color, "RGBA")
    save(tmp_path / "c half alpha.png", pixels, "LA")
    Image.fromarray(pixels.astype(np.uint16) * 257).save(tmp_path / "d deep.png")
    save(tmp_path / "e palette.gif", pixels, "P")
    further = [Image.fromarray(pixels[::-1])]
    save(tmp_path / "f moving.webp", as_color, lossless=True, save_all=True, append_images=further)
    save(tmp_path / "g.bmp", as_color)
    save(tmp_path / "h.pgm", pixels)
    save(tmp_path / "i.tif", as_color, compression="tiff_lzw")
    save(tmp_path / "j.jp2", as_color, irreversible=False)
    for is_colored, expected in ((False, pixels), (True, as_color)):
        found, note = read(tmp_path, is_colored=is_colored)

        assert (10, "") == (len(found), note)
        for levels in found.levels:
            assert np.array_equal(expected, levels[0])


# -- how much ------------------------------------------------------------


def test_large_pictures_are_reduced_in_proportion(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.zeros((1200, 3000), np.uint8))
    save(tmp_path / "b.jpg", np.zeros((3000, 1200), np.uint8))
    found, _ = read(tmp_path)
    heights, widths = found.table.height[:, 0], found.table.width[:, 0]

    assert [(647, 1619), (1619, 647)] == list(zip(heights.tolist(), widths.tolist(), strict=True))
    assert (heights * widths <= photos.AREAS_PX[0]).all()


@pytest.mark.parametrize("is_colored", [False, True])
def test_many_pictures_share_the_room_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_colored: bool
) -> None:
    for number in range(8):
        save(tmp_path / f"{number}.png", np.full((800, 1200), number, np.uint8))
    budget = 8 * photos.AREAS_PX[2] * 4 // 3 * (3 if is_colored else 1) + 99
    monkeypatch.setattr(photos, "BUDGET_BYTES", budget)
    found, note = read(tmp_path, is_colored=is_colored)
    area = int(found.table.height[0, 0] * found.table.width[0, 0])

    assert (8, "") == (len(found), note)
    assert 0.99 * photos.AREAS_PX[2] < area <= photos.AREAS_PX[2]


def test_of_more_than_there_is_room_for_some_are_used_evenly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        save(tmp_path / f"{number}.png", np.full((400, 800), number, np.uint8))
    monkeypatch.setattr(photos, "BUDGET_BYTES", 4 * (photos.AREAS_PX[-1] * 4 // 3 + 1))
    found, note = read(tmp_path)

    assert [0, 2, 5, 7] == [int(levels[0][0, 0]) for levels in found.levels]
    assert note.startswith("4 of 10 backgrounds are used, evenly spread over their names")


def test_memory_is_bounded_whatever_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = np.random.default_rng(1).integers(64, 900, (30, 2)).tolist()
    for number, (height, width) in enumerate(sides):
        save(tmp_path / f"{number}.png", np.zeros((height, width), np.uint8))
    for budget in (1 << 20, 3 << 20, 20 << 20):
        monkeypatch.setattr(photos, "BUDGET_BYTES", budget)
        table = read(tmp_path)[0].table

        assert (table.height * table.width).sum() <= budget


# -- what can't be read ------------------------------------------------------------


def png_of(width: int, height: int) -> bytes:
    """The header of a picture of any size, and hardly more."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = b""
    for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(99))), (b"IEND", b"")):
        body = name + data
        chunks += struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunks


def encoded(image_format: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(scene("landscape.jpg")[:200, :220]).save(file, image_format)
    return file.getvalue()


BAD = {
    "a.jpg": (b"hello", "not a picture"),
    "b.png": (b"", "empty"),
    "c.jpg": (encoded("JPEG")[:3_000], "damaged: image file is truncated"),
    "d.png": (encoded("PNG")[:3_000], "damaged: "),
    "e.png": (png_of(60_000, 60_000), "larger than 89,000,000 pixels"),
    "f.png": (png_of(10_000, 10_000), "larger than 89,000,000 pixels: 10,000 x 10,000"),
    "g.png": (png_of(640, 480), "damaged: "),
    "h.png": (png_of(16, 480), "smaller than 64 pixels: 16 x 480"),
    "i.jpg": (b"version https://git-lfs.github.com/spec/v1\n", "not a picture"),
    "j.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n", "not a picture"),
}


@pytest.mark.parametrize("name", BAD)
def test_one_bad_picture_is_named_left_out_and_counted(
    tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    content, reason = BAD[name]
    (tmp_path / name).write_bytes(content)
    for number in range(2):
        save(tmp_path / f"good{number}.png", plain())
    found, note = read(tmp_path, is_colored=True)

    assert 2 == len(found)
    assert note.startswith(f"left out 1 of 3 backgrounds: {name} ({reason}")
    assert 1 == len(note.splitlines())
    assert ("", "") == capfd.readouterr()


def test_bad_pictures_are_named_together_and_many_are_counted(tmp_path: Path) -> None:
    save(tmp_path / "z.png", plain())
    for number in range(25):
        (tmp_path / f"{number:02}.jpg").write_bytes(b"no")
    _, note = read(tmp_path)

    assert note.startswith("left out 25 of 26 backgrounds: 00.jpg (not a picture), 01.jpg (not ")
    assert note.endswith("19.jpg (not a picture), and 5 more")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda _: None,
            r"cannot open the folder of backgrounds .*: No such file .*check the path",
        ),
        (lambda path: path.write_text("x"), r"is no folder: give backgrounds the folder of your"),
        (lambda path: path.mkdir(), r"holds no picture \(\.bmp, .*\.webp\): give one that does"),
    ],
    ids=["missing", "a file", "empty"],
)
def test_a_folder_that_is_none_is_one_line(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    make(tmp_path / "photos")

    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path / "photos")
    assert 1 == len(str(caught.value).splitlines())


def test_a_folder_without_a_readable_picture_is_one_line(tmp_path: Path) -> None:
    for name, (content, _) in BAD.items():
        (tmp_path / name).write_bytes(content)

    with pytest.raises(InputError, match=r"no background is left: a\.jpg \(not a .*; give a fol"):
        read(tmp_path)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    image_format=st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000"]),
    changes=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=6),
    end=st.integers(1, 2**16),
)
def test_a_damaged_picture_is_read_or_left_out_and_nothing_else(
    tmp_path: Path, image_format: str, changes: list[tuple[int, int]], end: int
) -> None:
    content = bytearray(_encoded(image_format))
    for place, byte in changes:
        # Half of them in the head, where sizes and tables are.
        content[place // 2 % len(content) if place % 2 else place % min(99, len(content))] = byte
    save(tmp_path / "good.png", plain())
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(content[: max(end % (2 * len(content)), 1)])
    found, note = read(tmp_path, is_colored=True)

    assert len(found) == 2 - bool(note)
    assert note == "" or note.startswith("left out 1 of 2 backgrounds: bad.jpg (")


_known: dict[str, bytes] = {}


def _encoded(image_format: str) -> bytes:
    if image_format not in _known:
        _known[image_format] = encoded(image_format)
    return _known[image_format]


def test_reading_can_be_ended_between_any_two_files(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"{number}.png", plain())

    for last in range(6):
        calls: list[None] = []

        def check(last: int = last, calls: list[None] = calls) -> None:
            calls.append(None)
            if len(calls) > last:
                raise InterruptedError

        with pytest.raises(InterruptedError):
            gather_photos(PhotoReader(tmp_path, is_colored=False, check=check))
