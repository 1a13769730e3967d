"""Encoded pictures are what every reader reads back."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawing import BUNDLED, draw, picture_maker
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from shmtext.config import Output
from shmtext.draw import encode
from shmtext.draw.encode import encode_png, encoder

PNGCHECK = shutil.which("pngcheck")

Pixels = NDArray[np.uint8]


@st.composite
def pictures(draw: st.DrawFn) -> Pixels:
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 70))
    shape = (height, width) if draw(st.booleans()) else (height, width, 3)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    picture = rng.integers(0, 256, shape, np.uint8)
    if draw(st.booleans()):
        picture[rng.random(shape) < 0.9] = 255
    return picture


def text_pictures(mode: str) -> list[Pixels]:
    output = Output(image_format="png", mode=mode)
    maker = picture_maker(BUNDLED, output=output, font_sizes=[32], font_colors=["#203040"])
    return list(draw(maker, [f"Some text {n * 7919}" for n in range(60)]).pictures.values())


def check_png(picture: Pixels) -> None:
    """See that OpenCV and Pillow read back what was encoded."""
    data = encode_png(picture)
    with Image.open(io.BytesIO(data)) as opened:
        opened.load()
        assert ("L" if picture.ndim == 2 else "RGB") == opened.mode
        assert np.array_equal(picture, np.array(opened))
    with Image.open(io.BytesIO(data)) as opened:
        opened.verify()
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    decoded = decoded.reshape(picture.shape)
    assert np.array_equal(picture, decoded if picture.ndim == 2 else decoded[:, :, ::-1])


@given(pictures())
def test_a_png_is_read_back_identically(picture: Pixels) -> None:
    check_png(picture)


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (1, 500), (500, 1, 3), (3, 70_000)])
def test_odd_sizes_are_read_back_identically(shape: tuple[int, ...]) -> None:
    check_png(np.random.default_rng(0).integers(0, 256, shape, np.uint8))


@given(pictures())
def test_a_png_without_isal_is_read_back_identically(picture: Pixels) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encode, "_deflate", lambda data: zlib.compress(data, 1))
        patch.setattr(encode, "crc32", zlib.crc32)
        check_png(picture)


@given(pictures())
@settings(max_examples=30)
def test_a_png_has_one_idat_and_the_checksums_of_its_chunks(picture: Pixels) -> None:
    data = encode_png(picture)
    assert b"\x89PNG\r\n\x1a\n" == data[:8]
    kinds, at = [], 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        body = data[at + 4 : at + 8 + length]
        kinds.append(body[:4])
        assert zlib.crc32(body) == struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0]
        at += 12 + length

    assert [b"IHDR", b"IDAT", b"IEND"] == kinds


@pytest.mark.skipif(PNGCHECK is None, reason="pngcheck is not installed (apt install pngcheck)")
@pytest.mark.parametrize("mode", ["gray", "rgb"])
def test_pngcheck_finds_no_fault(tmp_path: Path, mode: str) -> None:
    small = np.zeros((1, 1) if mode == "gray" else (1, 1, 3), np.uint8)
    for number, picture in enumerate([small, *text_pictures(mode)]):
        (tmp_path / f"{number}.png").write_bytes(encode_png(picture))
    files = sorted(tmp_path.iterdir())
    assert PNGCHECK is not None
    done = subprocess.run([PNGCHECK, "-v", *files], capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stdout
    assert "No errors" in done.stdout


@pytest.mark.parametrize("mode", ["gray", "rgb"])
def test_pngs_of_texts_are_smaller_than_opencv_s(mode: str) -> None:
    ours = theirs = 0
    for picture in text_pictures(mode):
        ours += len(encode_png(picture))
        theirs += len(cv2.imencode(".png", picture)[1])

    assert ours < theirs


@given(pictures(), st.integers(1, 100))
def test_a_jpeg_is_opencv_s(picture: Pixels, quality: int) -> None:
    data = bytes(encoder(Output(image_format="jpg", jpeg_quality=quality))(picture))
    for_opencv = picture if picture.ndim == 2 else picture[:, :, ::-1]
    done, expected = cv2.imencode(".jpg", for_opencv, [cv2.IMWRITE_JPEG_QUALITY, quality])

    assert done
    assert bytes(expected) == data
    with Image.open(io.BytesIO(data)) as opened:
        assert picture.shape[1::-1] == opened.size
        assert ("L" if picture.ndim == 2 else "RGB") == opened.mode


@pytest.mark.parametrize("image_format", ["jpg", "png"])
def test_a_red_picture_is_read_back_red(image_format: str) -> None:
    output = Output(image_format=image_format)
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[:, :, 0] = 255
    with Image.open(io.BytesIO(bytes(encoder(output)(picture)))) as opened:
        red, green, blue = opened.convert("RGB").getpixel((8, 8))

    assert red > 250
    assert max(green, blue) < 5


def test_a_picture_beyond_the_room_that_is_kept_is_encoded_as_within(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picture = np.random.default_rng(4).integers(0, 256, (30, 50, 3), np.uint8)
    within = bytes(encoder(Output())(picture))
    monkeypatch.setattr(encode, "KEPT_BYTES", picture.size - 1)

    assert within == bytes(encoder(Output())(picture))


def test_a_picture_that_is_a_view_is_encoded_as_its_copy() -> None:
    strip = np.random.default_rng(3).integers(0, 256, (50, 400), np.uint8)
    view = strip[5:40, 100:230]

    assert encode_png(view.copy()) == encode_png(view)
    jpeg = encoder(Output())
    assert bytes(jpeg(view.copy())) == bytes(jpeg(view))


def test_the_deflate_library_is_named_with_its_version() -> None:
    name, version = encode.deflate_version.split(" ", 1)

    assert name in ("isal", "zlib")
    assert version[0].isdigit()


@given(st.binary(max_size=200))
def test_checksums_are_zlib_s(data: bytes) -> None:
    assert zlib.crc32(data) == encode.crc32(data)
