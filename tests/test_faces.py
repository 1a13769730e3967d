"""Font files are found, read and refused; what a font covers is what it draws."""

from __future__ import annotations

import errno
import itertools
import os
import random
import shutil
import stat
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import (
    BUNDLED,
    HAS_RAQM,
    ITALIC,
    SANS,
    check_equality,
    draw,
    font_file,
    picture_maker,
)
from fontTools.fontBuilder import FontBuilder
from fontTools.misc.psCharStrings import T2CharString
from fontTools.ttLib import TTFont, newTable
from fontTools.ttLib.tables._g_l_y_f import Glyph
from fontTools.ttLib.tables._k_e_r_n import KernTable_format_0
from PIL import ImageFont
from small_fonts import BOX, FLAT, bitmap_only, small_font
from small_fonts import name as glyph_name

from shmtext.config import MAX_FONT_SIZE_PX
from shmtext.draw import faces
from shmtext.draw.coverage import is_space
from shmtext.draw.faces import (
    Faces,
    FontFile,
    Trial,
    bundled_fonts,
    choose_fonts,
    find_font_files,
    read_fonts,
    trust,
)
from shmtext.engine import fonts as engine_fonts
from shmtext.engine import probe
from shmtext.engine.fonts import fonts_of
from shmtext.engine.probe import try_out
from shmtext.errors import FontError


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
    with pytest.raises(
        FontError, match=r"holds no \.ttf, \.otf, \.ttc, \.otc, \.woff, \.woff2 file"
    ):
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


def test_links_to_folders_are_followed_and_loops_end(tmp_path: Path) -> None:
    fonts, elsewhere = tmp_path / "fonts", tmp_path / "elsewhere"
    for folder in (fonts / "a", elsewhere / "deep"):
        folder.mkdir(parents=True)
    for path in (fonts / "a" / "1.ttf", elsewhere / "2.ttf", elsewhere / "deep" / "3.otf"):
        path.touch()
    (fonts / "link").symlink_to(elsewhere)
    (fonts / "again").symlink_to(fonts / "link")
    (elsewhere / "deep" / "up").symlink_to(fonts)
    (fonts / "loop").symlink_to(fonts / "loop")
    (fonts / "nowhere").symlink_to("none")

    assert ["1.ttf", "2.ttf", "3.otf"] == sorted(path.name for path in find_font_files([fonts]))
    assert 3 == len({os.path.realpath(path) for path in find_font_files([fonts / "link"])})


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root reads every folder: the system call is made to fail.
    (tmp_path / "open").mkdir()
    (tmp_path / "closed").mkdir()
    shutil.copy(SANS, tmp_path / "open")
    real = os.scandir

    def scandir(path: Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(FontError, match=r"/closed for fonts: Permission denied"):
        find_font_files([tmp_path])
    fonts, left_out = choose_fonts([tmp_path], trust, skips_bad=True)

    assert [SANS.name] == [font.name for font in fonts]
    assert "closed for fonts: Permission denied" in left_out


def test_a_dangling_link_is_called_one(tmp_path: Path) -> None:
    (tmp_path / "a.ttf").symlink_to("gone.ttf")
    for found in (tmp_path, tmp_path / "a.ttf"):
        with pytest.raises(FontError, match=r"a\.ttf is a link to gone\.ttf, which is not there"):
            choose_fonts([found], trust, skips_bad=False)


def test_bad_fonts_are_left_out_where_that_is_asked_for(tmp_path: Path) -> None:
    shutil.copy(SANS, tmp_path)
    (tmp_path / "empty.ttf").touch()
    broken = tmp_path / "broken.ttf"
    shutil.copy(ITALIC, broken)

    def probe(fonts: Sequence[FontFile]) -> list[Trial]:
        return [Trial(f"{f.name} crashes" if f.name == broken.name else "") for f in fonts]

    chosen = tmp_path, tmp_path / "none.ttf"
    fonts, left_out = choose_fonts(chosen, probe, skips_bad=True)

    assert [SANS.name] == [font.name for font in fonts]
    assert left_out.startswith("fonts left out (3): cannot open the font ")
    assert "empty.ttf is an empty file" in left_out
    assert left_out.endswith("; broken.ttf crashes")
    with pytest.raises(
        FontError, match=r"crashes\. Leave them out of fonts, or let --skip-bad-font"
    ):
        choose_fonts(chosen, probe, skips_bad=False)


def test_nothing_is_said_of_fonts_that_are_sound() -> None:
    assert choose_fonts([bundled_fonts()], trust, skips_bad=True)[1] == ""


def test_where_no_font_is_left_the_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.ttf").touch()
    for chosen in (tmp_path, tmp_path / "none.ttf"):
        with pytest.raises(FontError, match=r"no font is left: .*(is an empty file|No such file)"):
            choose_fonts([chosen], trust, skips_bad=True)


def test_of_hundreds_of_bad_fonts_some_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    for number in range(400):
        (tmp_path / f"{number:03}.ttf").touch()
    with pytest.raises(FontError) as caught:
        choose_fonts([tmp_path], trust, skips_bad=False)
    message = str(caught.value)

    assert "019.ttf is an empty file; and 380 more. Leave them out" in message
    assert "020.ttf" not in message


def test_a_font_of_bitmaps_alone_is_called_one(tmp_path: Path) -> None:
    with pytest.raises(FontError, match=r"x\.ttf has no outlines \(a bitmap-only font\)"):
        read_fonts([bitmap_only(tmp_path / "x.ttf")])


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


def poison(monkeypatch: pytest.MonkeyPatch, fonts: Sequence[Path], deed: str) -> None:
    """Let other processes do a deed when they are to draw with one of some fonts."""
    monkeypatch.setattr(
        probe,
        "CHILD",
        f"""
import os
from shmtext.engine import probe
real = probe.draw_probe
def draw_probe(source, *rest):
    if source.font.path in {list(map(str, fonts))!r}:
        {deed}
    real(source, *rest)
probe.draw_probe = draw_probe
probe.serve()
""",
    )


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("raise MemoryError", "exit code 1: MemoryError"),
        ("raise RecursionError('too deep')", "exit code 1: RecursionError: too deep"),
        ("os._exit(7)", "exit code 7)"),
        ("os.abort()", "SIGABRT"),
    ],
)
def test_a_font_that_ends_the_probe_is_named_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, deed: str, reason: str
) -> None:
    poison(monkeypatch, [ITALIC], deed)
    trials = try_out([font_file(path) for path in (SANS, ITALIC, BUNDLED[0])], (8,))

    assert ["", True, ""] == [trials[0].fault, ITALIC.name in trials[1].fault, trials[2].fault]
    assert reason in trials[1].fault


@pytest.mark.parametrize("fonts_per_child", [1, 2, 100])
def test_however_many_processes_probe_each_font_is_blamed_for_itself(
    monkeypatch: pytest.MonkeyPatch, fonts_per_child: int
) -> None:
    monkeypatch.setattr(probe, "FONTS_PER_CHILD", fonts_per_child)
    monkeypatch.setattr(probe, "default_num_workers", lambda: 3)
    bad = BUNDLED[1], BUNDLED[4], BUNDLED[5]
    poison(monkeypatch, bad, "os.abort()")
    trials = try_out(list(map(font_file, BUNDLED)), (8,))

    for path, trial in zip(BUNDLED, trials, strict=True):
        fault = f"{path} crashes the font library (SIGABRT)" if path in bad else ""
        assert fault == trial.fault


@pytest.fixture
def asked_of_children(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, tuple[int, ...]]]:
    """What other processes are asked for, files being read by them however few they are."""
    monkeypatch.setattr(engine_fonts, "READ_APART", 1)
    asked: list[tuple[str, int, tuple[int, ...]]] = []
    real = probe._answers

    def answers(work: Any) -> Iterator[Any]:
        if work.items:
            asked.append((work.kind, len(work.items), tuple(work.sizes_px)))
        return real(work)

    monkeypatch.setattr(probe, "_answers", answers)
    return asked


def test_fonts_that_other_processes_read_are_drawn_with_at_once(
    asked_of_children: list[tuple[str, int, tuple[int, ...]]], tmp_path: Path
) -> None:
    blank = small_font(tmp_path / "blank.ttf", {"a": BOX, "b": FLAT})
    fonts, left_out = fonts_of([SANS, ITALIC, blank], (8, 20), skips_bad=False)

    assert [("read", 3, (8, 20))] == asked_of_children
    assert "" == left_out
    assert [{ord("a")}] == [set(f.code_points.tolist()) for f in fonts if f.name == blank.name]


def test_a_font_that_ends_the_process_that_reads_and_draws_is_named_alone(
    asked_of_children: list[tuple[str, int, tuple[int, ...]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, [ITALIC], "os.abort()")
    fonts, left_out = fonts_of([SANS, ITALIC, BUNDLED[0]], (8,), skips_bad=True)

    assert {SANS.name, BUNDLED[0].name} == {font.name for font in fonts}
    assert f"fonts left out (1): {ITALIC} crashes the font library (SIGABRT)" == left_out
    # The process that goes on reads and draws with those after it; then that one alone.
    assert [("read", 3, (8,)), ("read", 1, ()), ("draw", 1, (8,))] == asked_of_children


def test_a_font_s_time_is_over_before_its_answer_is_taken_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever takes it down may be slow: the font would be blamed."""
    monkeypatch.setattr(
        probe,
        "CHILD",
        """
import os, signal
from shmtext.engine import probe
real = probe._answer
def answer(*said):
    if signal.alarm(0) > 0:
        os._exit(9)
    real(*said)
probe._answer = answer
probe.serve()
""",
    )

    assert ["", ""] == [
        trial.fault for trial in try_out(list(map(font_file, (SANS, ITALIC))), (8,))
    ]


def test_the_last_of_a_process_s_answers_counts_if_it_is_whole() -> None:
    parts = b'["ready", 0]\n', b'[["", [1]], 0]\n', b'["", 5]\nab\ncd', b'[["soft", []], 0]\n'
    expected = [("ready", b""), (["", [1]], b""), ("", b"ab\ncd"), (["soft", []], b"")]
    said, ends = b"".join(parts), list(itertools.accumulate(map(len, parts)))
    for length in range(len(said) + 1):
        num_whole = sum(end <= length for end in ends)
        rest = said[ends[num_whole - 1] if num_whole else 0 : length]
        assert (expected[:num_whole], rest) == probe._parted(said[:length])


def test_a_probe_that_does_not_begin_blames_no_font(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "CHILD", "raise ImportError('no library')")

    with pytest.raises(FontError, match=r"can't be tried out: .*exit code 1: ImportError: no lib"):
        try_out([font_file(SANS)], (8,))


def test_damaged_fonts_and_undrawable_ones_are_named_together(tmp_path: Path) -> None:
    (tmp_path / "random.ttf").write_bytes(b"no font at all")

    with pytest.raises(FontError, match=r"random\.ttf .*; soft\.ttf crashes\. Leave them out"):
        read_fonts([tmp_path / "random.ttf", SANS], lambda _fonts: [Trial("soft.ttf crashes")])


def test_an_entry_of_a_kern_table_stands_for_all_characters_of_its_glyphs(tmp_path: Path) -> None:
    """The example of ``_kern_pairs``."""
    path = small_font(tmp_path / "kerned.ttf", {"A": BOX, "V": BOX})
    with TTFont(path) as font:
        a, v = glyph_name("A"), glyph_name("V")
        for table in font["cmap"].tables:
            table.cmap[0x410] = a
        subtable = KernTable_format_0()
        subtable.coverage, subtable.format = 1, 0
        subtable.kernTable = {(a, v): -80, (v, a): -80, (v, v): 5}
        font["kern"] = newTable("kern")
        font["kern"].version, font["kern"].kernTables = 0, [subtable]
        font.save(path)
    (read,) = read_fonts([path])
    pairs = ["".join(map(chr, pair)) for pair in read.kern_pairs.tolist()]

    assert ["AV", "VA", "VV", "V\u0410", "\u0410V"] == pairs
    assert [-80 & 0xFFFF] * 2 + [5] + [-80 & 0xFFFF] * 2 == read.kern_entries.tolist()
    assert not read.has_unread_kerning


def test_pairs_that_freetype_does_not_read_are_not_kerned() -> None:
    """A length of 16 bits says that a table of 18,694 pairs has 7,771; HarfBuzz reads them all."""
    (path,) = (path for path in BUNDLED if path.name == "OpenSans-ExtraBold.ttf")
    read = font_file(path)
    face = ImageFont.truetype(str(path), 500, layout_engine=ImageFont.Layout.BASIC)

    def kerning(pair: str) -> float:
        return face.getlength(pair) - face.getlength(pair[0]) - face.getlength(pair[1])

    assert (7_771, 2) == read.kern_pairs.shape
    assert kerning("To") != 0
    assert kerning("\u0422\u043e") == 0  # the same letters to the eye, in Cyrillic
    assert [ord("T"), ord("o")] in read.kern_pairs.tolist()
    assert [0x422, 0x43E] not in read.kern_pairs.tolist()


@pytest.mark.parametrize("kind", ["cut", "of another form", "of another version", "Apple's"])
def test_texts_are_drawn_as_pillow_does_whatever_a_kern_table_is(kind: str, tmp_path: Path) -> None:
    pairs = struct.pack(">4H4H", 0, 26, 1, 2, 12, 1, 0, 0)[:14]
    pairs += struct.pack(">2Hh2Hh", 1, 2, -400, 2, 1, 300)
    table = {
        "cut": struct.pack(">2H", 0, 1) + pairs[:7],
        "of another form": struct.pack(">2H", 0, 1) + struct.pack(">3H", 0, 26, 0x201) + pairs[6:],
        "of another version": struct.pack(">2H", 2, 1) + pairs,
        "Apple's": struct.pack(">2L", 1 << 16, 1) + struct.pack(">LBBH", 28, 0, 0, 0) + pairs[6:],
    }[kind]
    path = small_font(tmp_path / "made.ttf", {"A": BOX, "V": BOX})
    with TTFont(path) as font:
        font["kern"] = newTable("kern")
        font["kern"].compile = lambda _font: table
        font.save(path)
    for layout in ("basic", "full") if HAS_RAQM else ("basic",):
        maker = picture_maker([path], font_sizes=(40,), layout=layout)
        assert 3 == check_equality(draw(maker, ["AVA", "VAV", "AAVV"]))
