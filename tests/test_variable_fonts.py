"""Variable fonts: the words behind ``@`` come to the fonts they say, drawn as Pillow draws them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import SANS, assert_same, draw, font_file, plain_picture
from fontTools.colorLib.builder import buildCOLR, buildCPAL
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables.DefaultTable import DefaultTable
from fontTools.varLib.models import normalizeLocation, piecewiseLinearMap
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont, features
from small_fonts import BOX, NOTHING, bitmap_only, small_font
from variable_font import CHARACTERS, variable_font, with_axes_times

import shmtext
from shmtext import Output, RunConfig, Style, TextFile
from shmtext.draw.faces import FontFile, find_font_files, read_fonts
from shmtext.draw.instances import Asked, split_asked
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.reading import read_file
from shmtext.draw.settings import RenderSettings
from shmtext.draw.shape.shaper import ShapedFont, scaled_advances_26_6
from shmtext.draw.texts import Skip
from shmtext.draw.variations import ONE, Axes, VariedTables, normalized_16_16
from shmtext.engine.probe import try_out
from shmtext.errors import FontError

needs_raqm = pytest.mark.skipif(
    not features.check_feature("raqm"), reason="this Pillow finds no Raqm or no FriBiDi"
)

TEXTS = ["AV", "VAVAVA", "To me", "Tome AVeV", "moom", "A\nVA To", "e"]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return variable_font(tmp_path_factory.mktemp("variable") / "Varied.ttf")


def fonts_of(path: Path, choice: str) -> tuple[FontFile, ...]:
    return read_fonts(find_font_files([Path(f"{path}@{choice}")]))


def places(path: Path, choice: str) -> list[Axes]:
    return [font.axes for font in fonts_of(path, choice)]


def weights(*values: float) -> list[Axes]:
    return [(("wght", value), ("wdth", 100)) if value != 400 else () for value in values]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("wght=300", weights(300)),
        ("wght=400,wdth=100", weights(400)),
        (" wght = 512.5 ", weights(512.5)),
        ("wght=700,wdth=87.5", [(("wght", 700), ("wdth", 87.5))]),
        ("Bold", weights(700)),
        ("condensed  BOLD", [(("wght", 700), ("wdth", 87.5))]),
        ("wght=300..700", weights(400, 300, 700)),
        ("wght=100..300", weights(100, 300)),
        ("wght=800..900", weights(800, 900)),
        ("wght=300..300", weights(300)),
        ("wght=100..900:400", weights(100, 500, 900)),
        ("wght=100..890:200", weights(100, 300, 500, 700)),
        ("wdth=62.5..75", [(("wght", 400), ("wdth", 62.5)), (("wght", 400), ("wdth", 75))]),
        ("*", [*weights(400, 300, 700), (("wght", 700), ("wdth", 87.5))]),
    ],
)
def test_words_behind_a_font_come_to_places_on_its_axes(
    path: Path, choice: str, expected: list[Axes]
) -> None:
    assert expected == places(path, choice)


def test_several_axes_come_to_all_pairs_of_their_values(path: Path) -> None:
    pairs = itertools.product((300.0, 700.0), (75.0, 87.5, 100.0))

    found = places(path, "wght=300..700:400,wdth=75..100:12.5")
    assert {(("wght", wght), ("wdth", wdth)) for wght, wdth in pairs} == set(found)


def test_labels_name_what_differs_from_the_default(path: Path) -> None:
    assert [
        "Varied.ttf",
        "Varied.ttf@wdth=87.5",
        "Varied.ttf@wght=300",
        "Varied.ttf@wght=300,wdth=87.5",
    ] == [font.name for font in fonts_of(path, "wght=300..400:100,wdth=87.5..100:12.5")]


def test_a_font_s_default_is_the_font_as_it_is(path: Path) -> None:
    asked = [path, *(Path(f"{path}@{choice}") for choice in ("Regular", "wght=400", "wdth=100"))]
    (font,) = read_fonts(asked)

    assert (font_file(path).digest, "Varied.ttf") == (font.digest, font.name)


@pytest.mark.parametrize(
    ("choice", "fault"),
    [
        ("opsz=3", "has no axis 'opsz': it has wght from 100 to 900, wdth from 62.5 to 100"),
        ("wght=50", "has wght from 100 to 900, got 50"),
        ("wght=300..1000", "has wght from 100 to 900, got 300..1000"),
        ("wght=700..300", "has wght from 100 to 900, got 700..300"),
        ("Blod", "has no instance 'Blod': it has Light, Regular, Bold, Condensed Bold"),
        ("wght=300.3", "would stand at wght=300.3: an axis can be set in whole values or 8ths"),
        ("wght=100..900:1", "comes to more than 256 fonts, .*: take longer steps"),
        *(
            (choice, r"is not understood: behind @ may stand AXIS=VALUE, .*, NAME or \*")
            for choice in (
                *("", "=3", "wght=", "wght=a", "wght=nan", "wght=300,", "wght=300,wght=400"),
                *("wght=300:10", "wght=300..500:0", "wght=300..500:-1", "wght=300..500:x"),
            )
        ),
    ],
)
def test_words_that_come_to_nothing_are_refused_in_a_line(
    path: Path, choice: str, fault: str
) -> None:
    with pytest.raises(FontError, match=rf"Varied\.ttf\S* {fault}") as error:
        fonts_of(path, choice)
    assert "\n" not in str(error.value)


def test_only_a_variable_font_s_file_can_be_asked_for_places(tmp_path: Path, path: Path) -> None:
    with pytest.raises(FontError, match=r"DejaVuSans.ttf is not a variable font: leave out '@\*'"):
        fonts_of(SANS, "*")
    with pytest.raises(FontError, match=r"is a folder: '@\*' may stand behind a font file alone"):
        fonts_of(path.parent, "*")
    with pytest.raises(FontError, match=r"cannot open the font \S*none.ttf: No such file"):
        fonts_of(tmp_path / "none.ttf", "wght=300")


def test_a_font_that_does_not_say_how_widths_vary_is_left_at_its_default(tmp_path: Path) -> None:
    narrow = variable_font(tmp_path / "x.ttf", with_widths=False)
    assert weights(400) == places(narrow, "wght=400")
    with pytest.raises(FontError, match=r"no HVAR table.*let `fonttools varLib\.hvar` add that"):
        fonts_of(narrow, "wght=300")


def test_a_file_with_an_at_sign_in_its_path_is_found_by_it(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where there is no file called a
    (folder := tmp_path / "me@work").mkdir()
    for name in ("Varied.ttf", "Varied.ttf@wght=300"):
        (folder / name).write_bytes(path.read_bytes())
    named = folder / "Varied.ttf@wght=300"
    assert Asked(named, None, None) == split_asked(named)
    assert weights(400) == places(folder / "Varied.ttf", "wght=300")
    assert weights(500) == places(folder / "Varied.ttf", "wght=500")
    assert weights(500) == places(folder / "Varied.ttf@wght=300", "wght=500")
    assert Asked(Path("a@b/c.ttf"), None, "Bold") == split_asked(Path("a@b/c.ttf@Bold"))


@given(
    st.integers(100 * 8, 900 * 8).map(lambda eighths: eighths / 8),
    st.integers(500, 800).map(lambda eighths: eighths / 8),
)
def test_coordinates_are_fonttools_own_to_the_16_384th(
    path: Path, wght: float, wdth: float
) -> None:
    with TTFont(path) as font:
        ends = {
            axis.axisTag: (axis.minValue, axis.defaultValue, axis.maxValue)
            for axis in font["fvar"].axes
        }
        segments = font["avar"].segments
        tables = VariedTables(font.reader["fvar"], font.reader["avar"], b"")
    expected = normalizeLocation({"wght": wght, "wdth": wdth}, ends)
    found = normalized_16_16(tables, (("wght", wght), ("wdth", wdth)))
    for (tag, value), coordinate in zip(expected.items(), found, strict=True):
        mapped = piecewiseLinearMap(value, segments[tag]) if segments[tag] else value
        assert abs(mapped - coordinate / ONE) < 1 / 16_384


def truth_of(
    font: FontFile, size_px: int, doubled: Path, layout: ImageFont.Layout = ImageFont.Layout.RAQM
) -> ImageFont.FreeTypeFont:
    """Open a face as Pillow alone does; ``doubled`` has axes twice as long, for halves."""
    face = ImageFont.truetype(str(doubled), size_px, layout_engine=layout)
    if font.axes:
        face.set_variation_by_axes([int(2 * value) for _, value in font.axes])
    return face


def maker_of(fonts: Sequence[FontFile], **style: Any) -> PictureMaker:
    config = RunConfig(style=Style(**style), output=Output(image_format="png"))
    return PictureMaker(RenderSettings.of(config, tuple(fonts)))


@needs_raqm
@pytest.mark.parametrize("size_px", [9, 16, 33, 60])
def test_texts_are_drawn_as_pillow_draws_them_on_these_axes(
    path: Path, tmp_path: Path, size_px: int
) -> None:
    doubled = with_axes_times(tmp_path / "doubled.ttf", path, 2)
    choices = ["*", "wght=100..900:50", "wght=650,wdth=71", "wght=100,wdth=62.5"]
    fonts = read_fonts([Path(f"{path}@{choice}") for choice in choices])
    maker = maker_of(fonts, font_sizes=(size_px,))
    drawing = draw(maker, TEXTS * 6)
    drawn_with = set()
    for position, picture in drawing.pictures.items():
        font, _ = maker.faces.font_and_size(int(drawing.shard.face_id[position]))
        drawn_with.add(font.axes)
        lines = drawing.shard.lines_of(position)
        face = truth_of(font, size_px, doubled)
        expected = plain_picture(lines, face, ("#000000", "#ffffff"), "gray")

        assert_same(expected, picture, f"{lines} in {font.name}")
        reference = maker.draw_plainly(drawing.shard, position)
        assert not isinstance(reference, Skip)
        assert_same(reference, picture, f"{lines} in {font.name}, reference")
    assert len(TEXTS) * 6 == len(drawing.pictures)
    assert len(drawn_with) > 10


def test_layout_basic_has_the_places_too(path: Path, tmp_path: Path) -> None:
    doubled = with_axes_times(tmp_path / "doubled.ttf", path, 2)
    (font,) = fonts_of(path, "wght=700,wdth=87.5")
    drawing = draw(maker_of([font], layout="basic", font_sizes=(30,)), TEXTS)
    face = truth_of(font, 30, doubled, ImageFont.Layout.BASIC)
    for position, picture in drawing.pictures.items():
        lines = drawing.shard.lines_of(position)

        assert_same(plain_picture(lines, face, ("#000000", "#ffffff"), "gray"), picture, str(lines))


@needs_raqm
def test_advances_are_freetype_s(path: Path, tmp_path: Path) -> None:
    doubled = with_axes_times(tmp_path / "doubled.ttf", path, 2)
    for font in fonts_of(path, "wght=100..900:50,wdth=62.5..100:12.5"):
        face = truth_of(font, 64, doubled)
        shaped = ShapedFont(font)
        advances = scaled_advances_26_6(shaped.advances_units, 64, 1000)
        for character in CHARACTERS:
            glyph = shaped.in_units.get_nominal_glyph(ord(character))

            assert face.getlength(character) * 64 == advances[glyph], (font.name, character)


def test_area_by_default_does_not_speak_for_other_places(path: Path) -> None:
    """Each outline has four points, few enough to be in doubt."""
    reading = read_file(path)
    for choice, doubtful in (("wght=400", ""), ("wght=700", CHARACTERS)):
        ((font,), _) = reading.chosen(Asked(path, None, choice))
        assert sorted(map(ord, doubtful)) == font.doubtful.tolist()


def test_fonts_are_tried_out_where_they_stand(path: Path) -> None:
    default, bold = (*fonts_of(path, "Regular"), *fonts_of(path, "Bold"))
    assert ["", ""] == [trial.fault for trial in try_out([default, bold], (16,))]
    gone = replace(bold, path=str(path.parent / "gone.ttf"))
    (trial,) = try_out([gone], (16,))
    assert "gone.ttf@wght=700,wdth=100 cannot be drawn" in trial.fault


def test_a_run_s_identity_tells_places_apart_and_its_pictures_are_drawn_again(
    path: Path, tmp_path: Path
) -> None:
    (texts := tmp_path / "texts.txt").write_text("\n".join(["AVTo", "me", "VATo"] * 20))
    (tmp_path / "b").mkdir()
    other = variable_font(tmp_path / "b" / "Varied.ttf", with_gpos=False)
    asked = [f"{path}@wght=300..700", f"{path}@wdth=87.5", f"{other}@wght=300"]
    config = RunConfig(
        corpus=TextFile(texts),
        style=Style(fonts=tuple(map(Path, asked))),
        output=Output(image_format="png"),
    )
    shmtext.render(config, tmp_path / "out", engine="serial")
    identity = json.loads((tmp_path / "out" / "run.json").read_text())["identity"]
    sha256 = font_file(path).sha256
    assert {
        "Varied.ttf": sha256,
        "Varied.ttf@wdth=87.5": f"{sha256}@wght=400,wdth=87.5",
        f"Varied.ttf@wght=300#{sha256[:8]}": f"{sha256}@wght=300,wdth=100",
        f"Varied.ttf@wght=300#{font_file(other).sha256[:8]}": (
            f"{font_file(other).sha256}@wght=300,wdth=100"
        ),
        "Varied.ttf@wght=700": f"{sha256}@wght=700,wdth=100",
    } == identity["fonts"]
    for fonts in ([path, other], asked, [f"{path}@Bold", tmp_path / "b"]):
        with shmtext.open(tmp_path / "out", fonts=fonts) as run:
            assert {*identity["fonts"]} == {example.row["font"] for example in run}
            for index, (picture, _) in enumerate(run):
                assert np.array_equal(picture, run.render(index))
    with (
        shmtext.open(tmp_path / "out", fonts=[path]) as run,
        pytest.raises(FontError, match="300#"),
    ):
        run.render(0)


def test_fonts_of_colours_alone_are_refused_by_what_they_are(tmp_path: Path) -> None:
    path = bitmap_only(tmp_path / "x.ttf")
    with pytest.raises(FontError, match=r"no outlines \(a bitmap-only font\)"):
        read_fonts([path])
    with TTFont(path) as font:
        font["CBDT"] = DefaultTable("CBDT")
        font["CBDT"].data = b"\0\3\0\0"
        font.save(path)
    with pytest.raises(FontError, match=r"\(a colour font, CBDT\): colour glyphs are not drawn"):
        read_fonts([path])


def test_of_a_font_with_layers_of_colour_what_has_ink_in_one_is_covered(tmp_path: Path) -> None:
    path = small_font(tmp_path / "x.ttf", {"a": BOX, "b": NOTHING, "c": BOX})
    with TTFont(path) as font:
        font["COLR"] = buildCOLR({"u0061": [("u0063", 0)], "u0062": [("u0063", 0)]}, version=0)
        font["CPAL"] = buildCPAL([[(1.0, 0.0, 0.0, 1.0)]])
        font.save(path)
    (read,) = read_fonts([path])
    drawing = draw(maker_of([read], font_sizes=(20,)), ["a"])
    face = ImageFont.truetype(str(path), 20, layout_engine=ImageFont.Layout.BASIC)

    assert [ord("a"), ord("c")] == read.code_points.tolist()
    expected = plain_picture(["a"], face, ("#000000", "#ffffff"), "gray")
    assert np.array_equal(expected, drawing.pictures[0])
