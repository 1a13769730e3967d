"""Font files are found, read and refused; what a font covers is what it draws."""

from __future__ import annotations

import os
import random
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest
from drawing import BUNDLED, ITALIC, SANS, font_file
from fontTools.fontBuilder import FontBuilder
from fontTools.misc.psCharStrings import T2CharString
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables._g_l_y_f import Glyph
from PIL import ImageFont

from shmtext.config import MAX_FONT_SIZE_PX
from shmtext.engine.probe import try_out
from shmtext.errors import FontError
from shmtext.render import faces
from shmtext.render.coverage import is_space
from shmtext.render.faces import Faces, Trial, bundled_fonts, find_font_files, read_fonts


def test_six_to_ten_fonts_under_5_mb_come_with_the_package() -> None:
    assert 6 <= len(BUNDLED) <= 10
    assert sum(path.stat().st_size for path in BUNDLED) < 5_000_000


def test_each_bundled_font_has_its_licence_text() -> None:
    licences = [path.stem for path in (bundled_fonts() / "licenses").glob("*.txt")]

    assert licences
    for path in BUNDLED:
        assert any(path.stem.startswith(licence.split("-")[0]) for licence in licences), path.name


def test_every_bundled_font_covers_ascii_and_latin_1() -> None:
    wanted = {*range(0x20, 0x7F), *range(0xA0, 0x100)}

    for path in BUNDLED:
        assert wanted <= set(font_file(path).code_points.tolist()), path.name


def test_folders_are_searched_whole_and_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "z").mkdir()
    for name in ("b.ttf", "a.TTF", "z/c.otf", "notes.txt", ".hidden"):
        (tmp_path / name).touch()

    assert ["a.TTF", "b.ttf", "c.otf"] == [path.name for path in find_font_files([tmp_path])]


def test_a_font_named_twice_is_found_once() -> None:
    assert [SANS, *(path for path in BUNDLED if path != SANS)] == find_font_files(
        [SANS, bundled_fonts(), SANS]
    )


def test_a_missing_font_and_a_folder_without_fonts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FontError, match=r"cannot open the font .*/none\.ttf: No such file"):
        find_font_files([tmp_path / "none.ttf"])
    with pytest.raises(FontError, match=r"holds no \.ttf, \.otf, \.ttc file"):
        find_font_files([tmp_path])


def test_files_of_equal_content_count_once(tmp_path: Path) -> None:
    copy = shutil.copy(SANS, tmp_path / "Copy.ttf")

    assert 2 == len(read_fonts([SANS, copy, ITALIC]))


def test_fonts_of_one_name_are_told_apart_by_their_content(tmp_path: Path) -> None:
    same_name = shutil.copy(ITALIC, tmp_path / SANS.name)
    names = [font.name for font in read_fonts([SANS, same_name])]

    assert 2 == len(set(names))
    assert {f"{SANS.name}#{font_file(path).sha256[:8]}" for path in (SANS, ITALIC)} == set(names)


def test_where_fonts_lie_and_in_what_order_they_are_named_does_not_matter(tmp_path: Path) -> None:
    moved = [tmp_path / path.name for path in BUNDLED]
    for path, new in zip(BUNDLED, moved, strict=True):
        shutil.copy(path, new)
    random.Random(1).shuffle(moved)

    assert [(f.name, f.sha256) for f in read_fonts(BUNDLED)] == [
        (f.name, f.sha256) for f in read_fonts(moved)
    ]


def test_every_font_that_cannot_be_used_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty.ttf").touch()
    (tmp_path / "text.ttf").write_text("no font")
    (tmp_path / "cut.ttf").write_bytes(SANS.read_bytes()[:5_000])
    with pytest.raises(FontError) as caught:
        read_fonts([*find_font_files([tmp_path]), SANS, bundled_fonts()])
    message = str(caught.value)

    assert "\n" not in message
    for name in ("empty.ttf", "text.ttf", "cut.ttf", "is not a font file"):
        assert name in message
    assert "DejaVu" not in message
    assert message.endswith("Leave them out of fonts, or let --skip-bad-fonts do that")


def test_a_damaged_font_raises_a_font_error_or_is_read(tmp_path: Path) -> None:
    whole, rng = ITALIC.read_bytes(), random.Random(2)
    path = tmp_path / "damaged.ttf"
    refused: list[str] = []
    for _ in range(40):
        damaged = bytearray(whole)
        for _ in range(20):
            damaged[rng.randrange(2_000)] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            read_fonts([path])
        except FontError as error:
            refused.append(str(error))

    assert refused
    assert not any("\n" in message for message in refused)


def test_a_pipe_is_no_font(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.ttf")
    assert stat.S_ISFIFO((tmp_path / "pipe.ttf").stat().st_mode)

    with pytest.raises(FontError, match="is not a font file but a folder, pipe or device"):
        read_fonts([tmp_path / "pipe.ttf"])


def without_ink(tmp_path: Path, character: str) -> Path:
    """Make a font that maps a character to a glyph that draws nothing."""
    path = tmp_path / "edited.ttf"
    with TTFont(ITALIC) as font:
        font["glyf"][font.getBestCmap()[ord(character)]] = Glyph()
        font.save(path)
    return path


def test_a_character_whose_glyph_draws_nothing_is_not_covered(tmp_path: Path) -> None:
    edited = font_file(without_ink(tmp_path, "Q"))

    # The Cyrillic letter is a composite of the Latin one.
    assert set("QԚ") == {
        chr(c) for c in np.setdiff1d(font_file(ITALIC).code_points, edited.code_points).tolist()
    }


def with_subroutines(path: Path) -> None:
    """Make a CFF font: A is a call of a subroutine that draws, B of one that does not, C empty."""
    box = [0, 0, "rmoveto", 500, "hlineto", 700, "vlineto", -500, "hlineto", "endchar"]
    # Numbers of subroutines are told with a bias of 107.
    calls = {"A": [-107, "callgsubr"], "B": [-106, "callgsubr"]}
    programs = {".notdef": box, **calls, "C": ["endchar"]}
    builder = FontBuilder(1000, isTTF=False)
    builder.setupGlyphOrder(list(programs))
    builder.setupCharacterMap({ord(name): name for name in "ABC"})
    strings = {name: T2CharString(program=program) for name, program in programs.items()}
    builder.setupCFF("Calls", {}, strings, {})
    for program in (box, ["endchar"]):
        builder.font["CFF "].cff.GlobalSubrs.append(T2CharString(program=program))
    builder.setupHorizontalMetrics(dict.fromkeys(programs, (600, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)


def test_a_glyph_drawn_by_a_subroutine_is_covered(tmp_path: Path) -> None:
    with_subroutines(tmp_path / "calls.otf")
    face = ImageFont.truetype(tmp_path / "calls.otf", 40, layout_engine=ImageFont.Layout.BASIC)
    seen = [ord(c) for c in "ABC" if face.getmask(c).getbbox() is not None]

    assert [ord("A")] == seen == font_file(tmp_path / "calls.otf").code_points.tolist()


def test_covered_characters_that_are_no_spaces_have_ink() -> None:
    for path in BUNDLED:
        face = ImageFont.truetype(path, 40, layout_engine=ImageFont.Layout.BASIC)
        for code_point in random.Random(3).sample(font_file(path).code_points.tolist(), 60):
            has_ink = face.getmask(chr(code_point)).getbbox() is not None

            assert has_ink or is_space(code_point)


def test_only_so_many_faces_are_kept_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "OPEN_FACES", 3)
    open_faces = Faces(tuple(map(font_file, BUNDLED)), (10, 20))
    for face_id in [*range(len(open_faces)), 0]:
        assert 10 + 10 * (face_id % 2) == open_faces.get(face_id).size

    assert 3 == len(open_faces._open)
    assert open_faces.get(0) is open_faces.get(0)


def test_sizes_vary_fastest_among_faces() -> None:
    found = Faces((font_file(SANS), font_file(ITALIC)), (10, 20))

    assert [(font.name, size) for font, size in map(found.font_and_size, range(4))] == [
        (SANS.name, 10),
        (SANS.name, 20),
        (ITALIC.name, 10),
        (ITALIC.name, 20),
    ]


def test_the_probe_passes_fonts_that_can_be_drawn() -> None:
    fonts = [font_file(path) for path in (SANS, ITALIC)]

    assert [Trial(blank=[]), Trial(blank=[])] == try_out(fonts, (8, 300, MAX_FONT_SIZE_PX))


def test_the_probe_names_the_fonts_that_cannot_be_drawn(tmp_path: Path) -> None:
    broken = shutil.copy(ITALIC, tmp_path / "broken.ttf")
    font = font_file(Path(broken))
    Path(broken).write_bytes(b"OTTO")

    good, bad = try_out([font_file(SANS), font], (32,))

    assert "" == good.fault
    assert "broken.ttf cannot be drawn" in bad.fault


def test_damaged_fonts_and_undrawable_ones_are_named_together(tmp_path: Path) -> None:
    (tmp_path / "random.ttf").write_bytes(b"no font at all")

    with pytest.raises(FontError, match=r"random\.ttf .*; soft\.ttf crashes\. Leave them out"):
        read_fonts([tmp_path / "random.ttf", SANS], lambda _fonts: [Trial("soft.ttf crashes")])
