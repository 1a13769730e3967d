"""What is known of fonts is what reading them anew comes to, whatever becomes of its folder."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import BUNDLED, ITALIC, SANS
from fontTools.ttLib import TTCollection, TTFont
from small_fonts import BOX, POINT, bitmap_only, small_font
from variable_font import variable_font

from shmtext.draw.faces import FontFile, Readings, Trial, read_here
from shmtext.draw.reading import read_file
from shmtext.draw.reading_bytes import reading_of, to_bytes
from shmtext.engine import fonts as fonts_module
from shmtext.engine import known as known_module
from shmtext.engine.fonts import fonts_of
from shmtext.engine.known import KnownFonts, known_fonts
from shmtext.errors import FontError


def plain(value: Any) -> Any:
    """Everything of a font or reading, as what can be compared."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tolist()
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    if hasattr(type(value), "__dataclass_fields__"):
        return [plain(getattr(value, each.name)) for each in fields(value)]
    return value


class Counting:
    """Reads files and tries fonts out, and counts them."""

    def __init__(self) -> None:
        self.num_read = self.num_tried = 0

    def read(self, files: Sequence[Path]) -> Readings:
        self.num_read += len(files)
        yield from read_here(files)

    def try_out(self, fonts: Sequence[FontFile]) -> list[Trial]:
        self.num_tried += len(fonts)
        return [Trial(blank=[0x41]) for _ in fonts]


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "fonts"


def fonts_in(readings: Any) -> list[FontFile]:
    return [each.font for reading in readings for each in reading.fonts]


def entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of two variable fonts."""
    folder = tmp_path_factory.mktemp("varied")
    collection = TTCollection()
    collection.fonts = [TTFont(variable_font(folder / "a.ttf")) for _ in range(2)]
    collection.save(folder / "both.ttc")
    return folder / "both.ttc"


def test_a_reading_is_equal_after_it_was_bytes(varied: Path, tmp_path: Path) -> None:
    cff = small_font(tmp_path / "a.otf", {"a": BOX, "b": POINT}, cff=True)
    for path in (*BUNDLED, varied, cff):
        read = read_file(path)

        assert plain(read) == plain(reading_of(to_bytes(read)).at(path))


def test_what_is_known_is_not_read_again(folder: Path, counting: Counting) -> None:
    files = [*BUNDLED]
    first = list(KnownFonts(folder).read(files, counting.read))
    again = list(KnownFonts(folder).read(files, counting.read))

    assert len(files) == counting.num_read
    assert plain(first) == plain(again)
    assert plain(list(read_here(files))) == plain(again)


def test_what_is_known_was_tried_out_at_these_sizes(folder: Path, counting: Counting) -> None:
    fonts = fonts_in(read_here([SANS, ITALIC]))
    known = KnownFonts(folder)
    for sizes_px, num_tried in (((32,), 2), ((32, 32), 2), ((32, 16), 4), ((16, 32), 4), ((8,), 6)):
        trials = known.try_out(fonts, counting.try_out, sizes_px)
        assert [Trial(blank=[0x41])] * 2 == trials
        assert num_tried == counting.num_tried


def test_content_decides_not_where_a_file_lies(
    folder: Path, tmp_path: Path, counting: Counting
) -> None:
    path = Path(shutil.copy(SANS, tmp_path / "font.ttf"))
    before = os.stat(path)
    KnownFonts(folder).read([SANS, path], counting.read)
    assert 2 == counting.num_read  # both were unknown when they were asked for
    (moved,) = KnownFonts(folder).read([path], counting.read)
    assert (2, "font.ttf", str(path)) == (
        counting.num_read,
        moved.fonts[0].font.name,
        moved.fonts[0].font.path,
    )
    # Another font of the same size and time in its place is another font.
    changed = bytearray(path.read_bytes())
    changed[-1] ^= 1
    path.write_bytes(changed)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    (other,) = KnownFonts(folder).read([path], counting.read)

    assert 3 == counting.num_read
    assert moved.fonts[0].font.sha256 != other.fonts[0].font.sha256


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:0],
        lambda data: data[:20],
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: bytes(len(data)),
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    ],
)
def test_what_is_damaged_is_read_anew_and_mended(
    damage: Any, folder: Path, counting: Counting
) -> None:
    (read,) = KnownFonts(folder).read([ITALIC], counting.read)
    KnownFonts(folder).try_out(fonts_in([read]), counting.try_out, (32,))
    for path in entries(folder):
        path.write_bytes(damage(path.read_bytes()))
    for _ in range(2):
        (again,) = KnownFonts(folder).read([ITALIC], counting.read)
        KnownFonts(folder).try_out(fonts_in([again]), counting.try_out, (32,))
        assert plain(read) == plain(again)
        assert (2, 2) == (counting.num_read, counting.num_tried)


def test_one_font_s_file_under_another_s_name_is_not_believed(
    folder: Path, counting: Counting
) -> None:
    known = KnownFonts(folder)
    known.read([SANS], counting.read)
    (of_sans,) = entries(folder)
    known.read([ITALIC], counting.read)
    (of_italic,) = set(entries(folder)) - {of_sans}
    shutil.copy(of_sans, of_italic)
    (read,) = KnownFonts(folder).read([ITALIC], counting.read)

    assert 3 == counting.num_read
    assert ITALIC.name == read.fonts[0].font.name


def test_with_other_versions_nothing_is_known(
    folder: Path, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    KnownFonts(folder).read([ITALIC], counting.read)
    monkeypatch.setattr(known_module, "_versions", lambda: "others")
    KnownFonts(folder).read([ITALIC], counting.read)

    assert 2 == counting.num_read


def test_what_cannot_be_used_is_not_kept(folder: Path, tmp_path: Path, counting: Counting) -> None:
    (tmp_path / "empty.ttf").touch()
    (tmp_path / "cut.ttf").write_bytes(SANS.read_bytes()[:5_000])
    (tmp_path / "gone.ttf").symlink_to("nowhere.ttf")
    os.mkfifo(tmp_path / "pipe.ttf")
    collection = TTCollection()
    collection.fonts = [TTFont(ITALIC), TTFont(bitmap_only(tmp_path / "bitmaps.ttf"))]
    collection.save(tmp_path / "half.ttc")
    bad = [tmp_path / f"{name}.ttf" for name in ("empty", "cut", "gone", "pipe", "bitmaps")]
    files = [*bad, tmp_path / "half.ttc"]
    for num_read in (len(files), 2 * len(files)):
        readings = list(KnownFonts(folder).read(files, counting.read))
        assert all(isinstance(each, FontError) for each in readings[:-1])
        assert num_read == counting.num_read
    font = fonts_in(read_here([ITALIC]))
    for _ in range(2):
        (trial,) = KnownFonts(folder).try_out(font, lambda _: [Trial("crashes")], (32,))
        assert "crashes" == trial.fault

    assert not folder.exists()


@pytest.mark.parametrize("obstacle", ["a file", "a link to itself", "none"])
def test_without_a_folder_fonts_are_read_all_the_same(
    obstacle: str, folder: Path, counting: Counting
) -> None:
    folder.parent.mkdir()
    if obstacle == "a file":
        folder.touch()
    elif obstacle == "a link to itself":
        folder.symlink_to(folder)
    known = KnownFonts(None if obstacle == "none" else folder)
    for num_read in (2, 4):
        assert 2 == len(fonts_in(known.read([SANS, ITALIC], counting.read)))
        assert num_read == counting.num_read


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EACCES])
def test_where_nothing_can_be_written_nothing_is_left(
    number: int, folder: Path, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replace(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", replace)
    assert 2 == len(fonts_in(KnownFonts(folder).read([SANS, ITALIC], counting.read)))

    assert [] == entries(folder)


def test_runs_that_start_at_once_find_what_is_whole(folder: Path) -> None:
    expected = plain(list(read_here(BUNDLED)))

    def start(_: int) -> Any:
        return plain(list(KnownFonts(folder).read(list(BUNDLED), read_here)))

    with ThreadPoolExecutor(8) as pool:
        assert all(expected == found for found in pool.map(start, range(16)))
    assert len(BUNDLED) == len(entries(folder))


def test_the_oldest_go_where_there_is_too_much(
    folder: Path, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = list(BUNDLED)
    for age, path in enumerate(files):
        KnownFonts(folder).read([path], counting.read)
        newest = max(entries(folder), key=lambda entry: entry.stat().st_mtime_ns)
        os.utime(newest, ns=(0, (age + 1) * 10**9))
    sizes = [path.stat().st_size for path in entries(folder)]
    monkeypatch.setattr(known_module, "MOST_BYTES", sum(sizes))
    KnownFonts(folder).try_out(fonts_in(read_here([SANS])), counting.try_out, (32,))
    assert sum(path.stat().st_size for path in entries(folder)) <= 3 * sum(sizes) // 4
    counting.num_read = 0
    KnownFonts(folder).read(files[-1:], counting.read)
    assert 0 == counting.num_read
    KnownFonts(folder).read(files[:1], counting.read)
    assert 1 == counting.num_read


def test_the_folder_is_in_the_user_s_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    known_fonts().read([ITALIC], read_here)

    assert 1 == len(entries(tmp_path / "shmtext" / "fonts"))


def test_a_run_s_fonts_are_the_same_whether_they_are_known_or_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, varied: Path
) -> None:
    paths = [SANS, ITALIC, Path(f"{varied}#1@wght=300"), varied]
    unknown = plain(fonts_of(paths, (20,), skips_bad=False))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept = plain(fonts_of(paths, (20,), skips_bad=False))
    # Neither read nor tried out again.
    monkeypatch.setattr(fonts_module, "read_here", lambda files: (1 / 0 for _ in files))
    monkeypatch.setattr(fonts_module, "try_out", lambda *_: 1 / 0)

    assert unknown == kept == plain(fonts_of(paths, (20,), skips_bad=False))


def test_fonttools_is_not_imported_for_known_fonts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    fonts_of((), (), skips_bad=False)
    monkeypatch.setitem(sys.modules, "fontTools.ttLib", None)

    assert len(BUNDLED) == len(fonts_of((), (), skips_bad=False)[0])


def test_many_files_are_read_by_other_processes_to_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, varied: Path
) -> None:
    (tmp_path / "empty.ttf").touch()
    (tmp_path / "cut.ttf").write_bytes(SANS.read_bytes()[:5_000])
    paths = [SANS, tmp_path, varied, ITALIC]
    here = plain(fonts_of(paths, (20,), skips_bad=True))
    monkeypatch.setattr(fonts_module, "READ_APART", 1)

    assert here == plain(fonts_of(paths, (20,), skips_bad=True))
    assert "fonts left out (2): " in here[1]


def test_what_came_of_drawing_is_kept_with_what_other_processes_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, varied: Path
) -> None:
    blank = small_font(tmp_path / "blank.ttf", {"a": BOX, "b": POINT})
    paths = [SANS, varied, blank]
    expected = {size_px: plain(fonts_of(paths, (size_px,), skips_bad=False)) for size_px in (20, 9)}
    tried: list[int] = []
    real = fonts_module.try_out

    def try_out(fonts: Sequence[FontFile], sizes_px: Sequence[int]) -> list[Trial]:
        tried.append(len(fonts))
        return real(fonts, sizes_px)

    monkeypatch.setattr(fonts_module, "READ_APART", 1)
    monkeypatch.setattr(fonts_module, "try_out", try_out)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for size_px in (20, 20, 9, 9):
        assert expected[size_px] == plain(fonts_of(paths, (size_px,), skips_bad=False))

    # At another size once; the files are three, the fonts four.
    assert [4] == tried
    assert 3 + 4 == len(entries(tmp_path / "shmtext" / "fonts"))


def test_however_many_threads_hash_files_each_is_known_by_its_own_content(
    folder: Path, counting: Counting, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = [*BUNDLED, tmp_path / "gone.ttf", *BUNDLED[:3]]
    expected = plain(list(read_here(files))[: len(BUNDLED)])
    monkeypatch.setattr(known_module, "FILES_PER_THREAD", 1)
    for num_threads in (3, 5):
        monkeypatch.setattr(known_module, "default_num_workers", lambda num=num_threads: num)
        readings = list(KnownFonts(folder).read(files, counting.read))
        assert expected == plain(readings[: len(BUNDLED)])
        assert isinstance(readings[len(BUNDLED)], FontError)

    assert len(files) + 1 == counting.num_read
