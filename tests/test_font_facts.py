"""What ``shmtext fonts`` tells: of fonts, of what they have of texts, and on a sheet."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_fonts import BOX, small_font
from variable_font import variable_font

from shmtext.cli.font_table import as_json, table_lines
from shmtext.config import RunConfig, Style
from shmtext.corpus.ragged import pack_texts
from shmtext.draw.drawable import find_drawable
from shmtext.draw.examples import Examples
from shmtext.draw.faces import FontFile, bundled_fonts, find_font_files, read_fonts, trust
from shmtext.draw.font_facts import FEW, Coverage, FontFacts, Missing, facts_of
from shmtext.draw.settings import RenderSettings
from shmtext.draw.specimens import WIDTH_PX, specimen_sheet, specimen_texts
from shmtext.errors import FontError, StorageError
from shmtext.view.font_report import report_fonts

FONTS = read_fonts(find_font_files([bundled_fonts()]), trust)
FACTS = {each.name: each for each in facts_of(FONTS)}
NAMES = [font.name for font in FONTS]
CALADEA = bundled_fonts() / "Caladea-Regular.ttf"


def facts(path: Path) -> tuple[FontFile, FontFacts]:
    (font,) = read_fonts([path])
    return font, facts_of([font])[0]


def test_names_scripts_and_kerning_are_what_the_font_says() -> None:
    sans, averia = FACTS["DejaVuSans.ttf"], FACTS["AveriaSerifGWF-BoldItalic.ttf"]

    assert ("DejaVu Sans", "Book", "GPOS") == (sans.family, sans.style, sans.kerning)
    assert ("Averia Serif GWF", "kern") == (averia.family, averia.kerning)
    assert "" == FACTS["FantasqueSansMono-Regular.ttf"].kerning
    assert ["Latin"] == [script.name for script in averia.scripts]
    arabic = next(script for script in sans.scripts if script.name == "Arabic")
    assert arabic.has_rules
    assert arabic.needs_rules
    assert not any(script.needs_rules for script in FACTS["OpenSans-ExtraBold.ttf"].scripts)


def test_a_script_whose_letters_join_without_rules_is_told(tmp_path: Path) -> None:
    letters = "ابتثجحخدذرزس"
    font, known = facts(small_font(tmp_path / "a.ttf", dict.fromkeys(letters + "abπ", BOX)))

    (arabic,) = known.scripts
    assert len(letters) >= FEW
    assert (arabic.tag, arabic.needs_rules, arabic.has_rules) == ("Arab", True, False)
    assert known.num_characters == len(letters) + 3
    report = report_fonts([tmp_path])
    assert "Arabic (no rules)" in table_lines(report, None)[1]
    assert [letters] == specimen_texts(font, known)


def test_axes_are_told(tmp_path: Path) -> None:
    _, known = facts(variable_font(tmp_path / "v.ttf"))

    assert ["wght", "wdth"] == [axis.tag for axis in known.axes]
    assert all(axis.least <= axis.default <= axis.most for axis in known.axes)
    assert "GPOS" == known.kerning


def test_copies_and_fonts_of_equal_glyphs_are_told_apart(tmp_path: Path) -> None:
    from fontTools.ttLib import TTFont  # noqa: PLC0415

    shutil.copy(CALADEA, tmp_path / "copy.ttf")
    with TTFont(CALADEA) as font:
        font["name"].setName("Other", 1, 3, 1, 0x409)
        font.save(tmp_path / "renamed.ttf")
    report = report_fonts([CALADEA, tmp_path])
    caladea, renamed = report.fonts

    assert ("Caladea", "Other") == (caladea.family, renamed.family)
    assert (("renamed.ttf",), ("Caladea-Regular.ttf",)) == (
        caladea.equal_glyphs,
        renamed.equal_glyphs,
    )
    assert ((str(tmp_path / "copy.ttf"),), ()) == report.copies
    assert not any(each.equal_glyphs for each in FACTS.values())


# -- texts --------------------------------------------------------------------------------------

TEXTS = ["hello", "3.14 π", "Жизнь Ж", "中文 text", " ", "e\u0301té", "\u0301a", "a\u200bb", ""]


@given(st.lists(st.sampled_from(TEXTS), max_size=12), st.integers(1, 5))
def test_a_font_covers_what_a_run_with_it_alone_draws(texts: list[str], at_once: int) -> None:
    fonts = FONTS[:4]
    coverage = Coverage(fonts)
    for start in range(0, len(texts), at_once):
        coverage.add(pack_texts(texts[start : start + at_once]))

    assert coverage.num_texts == len(texts)
    for font, found in zip(fonts, coverage.of_fonts(), strict=True):
        settings = RenderSettings.of(RunConfig(style=Style()), (font,))
        is_drawn, _ = find_drawable(Examples.of(pack_texts(texts), settings), settings)
        assert found.num_covered == is_drawn.sum()


def test_the_commonest_missing_characters_come_first() -> None:
    coverage = Coverage(FONTS)
    coverage.add(pack_texts(TEXTS))
    found = dict(zip(NAMES, coverage.of_fonts(), strict=True))
    caladea, sans = found["Caladea-Regular.ttf"], found["DejaVuSans.ttf"]

    assert [Missing(0x4E2D, 1), Missing(0x6587, 1)] == list(sans.missing)
    assert Missing(ord("Ж"), 2) == caladea.missing[0]
    assert caladea.num_missing == len(set("πЖизнь中文"))


# -- sheets -------------------------------------------------------------------------------------


def test_specimens_are_of_characters_that_a_font_has() -> None:
    for font in FONTS:
        has = set(map(chr, font.code_points.tolist())) | {" "}
        lines = specimen_texts(font, FACTS[font.name])
        assert lines[0].startswith("Sphinx of black quartz")
        assert all(set(line) <= has for line in lines)


def test_a_font_without_letters_shows_its_signs(tmp_path: Path) -> None:
    signs = "\ue000\ue001→☃"
    font, known = facts(small_font(tmp_path / "signs.ttf", dict.fromkeys(signs, BOX)))

    assert ["".join(sorted(signs))] == specimen_texts(font, known)


def test_every_font_leaves_ink_on_a_sheet_beside_its_label() -> None:
    sans = FONTS[NAMES.index("DejaVuSans.ttf")]
    sheets = [specimen_sheet([font], [FACTS[font.name]], sans) for font in FONTS]

    for sheet in sheets:
        assert (sheet[:, WIDTH_PX + 24 :] == 255).all()
        assert (sheet < 50).sum() > 1_000
    whole = specimen_sheet(FONTS, [FACTS[name] for name in NAMES], sans)
    assert (whole < 50).sum() == sum((sheet < 50).sum() for sheet in sheets)
    many = specimen_sheet(FONTS * 3, [FACTS[name] for name in NAMES * 3], sans)
    assert many.shape[1] > whole.shape[1]
    assert (many < 50).sum() == 3 * (whole < 50).sum()


# -- the report ---------------------------------------------------------------------------------


def test_a_report_is_a_table_or_json_and_a_sheet(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("abc\nπ\n", encoding="utf-8")
    report = report_fonts([], str(tmp_path / "t.txt"), tmp_path / "sheet.png")
    lines = table_lines(report, None)
    said = json.loads(as_json(report))

    assert len(lines) == 1 + len(FONTS)
    assert lines[0].split()[:6] == ["font", "family", "style", "characters", "covered", "missing"]
    assert "50.00 %  π" in lines[1 + NAMES.index("Caladea-Regular.ttf")]
    assert "100 %" in lines[1 + NAMES.index("DejaVuSans.ttf")]
    assert 2 == said["num_texts"]
    assert [each.num_characters for each in report.fonts] == [
        each["num_characters"] for each in said["fonts"]
    ]
    assert {"π": 1} == said["fonts"][NAMES.index("Caladea-Regular.ttf")]["missing"]
    picture = cv2.imread(str(tmp_path / "sheet.png"), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert (picture < 50).any()
    assert all(len(line) <= 60 for line in table_lines(report, 60))


def test_a_bad_font_is_named_after_the_others(tmp_path: Path) -> None:
    shutil.copy(CALADEA, tmp_path)
    (tmp_path / "bad.ttf").write_bytes(b"none")
    report = report_fonts([tmp_path])

    assert ["Caladea-Regular.ttf"] == [each.name for each in report.fonts]
    assert "bad.ttf" in report.left_out
    with pytest.raises(FontError, match="no font is left"):
        report_fonts([tmp_path / "bad.ttf"])
    with pytest.raises(StorageError, match="cannot write the sheet"):
        report_fonts([], sheet=tmp_path / "nowhere" / "sheet.png")
