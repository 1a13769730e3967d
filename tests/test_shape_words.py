from pathlib import Path

import numpy as np
import pytest
import uharfbuzz as hb
from drawing import needs_raqm
from PIL import ImageFont

from shmtext.corpus.ranges import seams
from shmtext.draw.faces import Faces, bundled_fonts, read_fonts, trust
from shmtext.draw.shape import words
from shmtext.draw.shape.order import base_direction
from shmtext.draw.shape.runs import GlyphRun
from shmtext.draw.shape.scripts import resolved_scripts
from shmtext.draw.shape.spaces import has_rules_at_spaces
from shmtext.draw.shape.words import Shaper

NOTO = Path("/usr/share/fonts/truetype/noto")
TEXTS = {
    "DejaVuSans.ttf": "AVATAR To fi|שלום עולם CPU מהיר!|(עברית) abc|السلام عليكم|ab\u0661\u0662 x"
    "|e\u0301 x\u0323",
    "OpenSans-ExtraBold.ttf": "AVATAR To|fluffy|e\u0301x\u0323",
    "LiberationSerif-Italic.ttf": "Wave Ty|שלום To",
    "NotoSansDevanagari-Regular.ttf": "क्षत्रियों का|हिन्दी में (लिखा) है|ि",
    "NotoSansThai-Regular.ttf": "น้ำ ที่|ภาษาไทย",
    "NotoNaskhArabic-Regular.ttf": "السلام عليكم|لا إله (12) كتاب|مي\u200dم \u0651ا",
    "NotoNastaliqUrdu-Regular.ttf": "اردو زبان میں|پاکستان",
    "NotoSansKaithi-Regular.ttf": "𑂫𑂡 𑂠𑂴𑂚 𑂪𑂮𑂷𑂔𑂱𑂟|𑂫𑂡 𑂡",
    "NotoSansKhmer-Regular.ttf": "ខ្មែរ ភាសា",
}
SIZES_PX = 13, 32


def font_paths() -> list[Path]:
    paths = [bundled_fonts() / name for name in TEXTS] + [NOTO / name for name in TEXTS]
    return [path for path in paths if path.exists()]


def faces_of(path: Path) -> Faces:
    return Faces(read_fonts([path], trust), SIZES_PX)


def raqm_face(faces: Faces, face_id: int) -> ImageFont.FreeTypeFont:
    font, size_px = faces.font_and_size(face_id)
    return ImageFont.truetype(font.path, size_px, layout_engine=ImageFont.Layout.RAQM)


def shape(shaper: Shaper, face_id: int, texts: list[str]) -> words.Shaped:
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32)
    return shaper.lines(
        np.full(len(texts), face_id),
        codes,
        seams(np.array([len(text) for text in texts], np.int64)),
        np.array([base_direction(text) for text in texts], bool),
    )


def assert_equal(one: GlyphRun, other: GlyphRun) -> None:
    for name in GlyphRun.__slots__:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)


@needs_raqm
@pytest.mark.parametrize("path", font_paths(), ids=lambda path: path.name)
def test_lines_are_as_long_as_raqm_makes_them(path):
    faces = faces_of(path)
    shaper = Shaper(faces)
    texts = ["", *TEXTS[path.name].split("|")]
    for face_id in range(len(faces)):
        face = raqm_face(faces, face_id)
        lengths = [round(face.getlength(text) * 64) if text else 0 for text in texts]
        assert shape(shaper, face_id, texts).run.end_26_6.tolist() == lengths


@needs_raqm
@pytest.mark.parametrize("path", font_paths(), ids=lambda path: path.name)
def test_vertical_lines_are_as_long_as_raqm_makes_them(path):
    faces = faces_of(path)
    face = raqm_face(faces, 1)
    for text in TEXTS[path.name].split("|"):
        found = Shaper(faces).vertical_line(np.full(len(text), 1), text).run.end_26_6.tolist()
        assert found == [round(face.getlength(text, direction="ttb") * 64)]


def test_kept_words_give_what_they_gave_at_first_and_so_does_an_emptied_pool(monkeypatch):
    faces = faces_of(bundled_fonts() / "DejaVuSans.ttf")
    texts = TEXTS["DejaVuSans.ttf"].split("|")
    shaper = Shaper(faces)
    first = shape(shaper, 0, texts)
    again = shape(shaper, 0, texts[::-1] + texts)
    alone = [shape(shaper, 0, [text]) for text in texts]
    monkeypatch.setattr(words, "POOL_PIECES", 0)
    assert_equal(first.run, shape(shaper, 0, texts).run)
    assert again.run.end_26_6.tolist() == [*first.run.end_26_6[::-1], *first.run.end_26_6]
    assert np.concatenate([one.run.x_26_6 for one in alone]).tolist() == first.run.x_26_6.tolist()


def test_clusters_count_characters_of_the_line():
    shaper = Shaper(faces_of(bundled_fonts() / "DejaVuSans.ttf"))
    run = shape(shaper, 0, ["ab שלו", "x ab"]).run
    starts = run.line_starts
    assert run.cluster[: starts[1]].tolist() == [0, 1, 2, 5, 4, 3]
    assert run.cluster[starts[1] :].tolist() == [0, 1, 2, 3]


def test_a_circle_that_the_text_lacks_is_told_from_one_that_it_has():
    shaper = Shaper(faces_of(bundled_fonts() / "DejaVuSans.ttf"))
    texts = ["\u0301", "e\u0301", "\u25cc\u0301", "\u0301\u25cc", "", "a b"]
    assert shape(shaper, 0, texts).circled.tolist() == [True, False, False, True, False, False]


def test_no_lines_and_empty_lines_have_no_glyphs():
    shaper = Shaper(faces_of(bundled_fonts() / "DejaVuSans.ttf"))
    assert shape(shaper, 0, []).run.line_starts.tolist() == [0]
    run = shape(shaper, 0, ["", ""]).run
    assert run.line_starts.tolist() == [0, 0, 0]
    assert run.end_26_6.tolist() == run.furthest_26_6.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("text", "scripts"),
    [
        ("", []),
        ("12", ["Zyyy"] * 2),
        ("(אa", ["Hebr", "Hebr", "Latn"]),
        ("a(א)b", ["Latn", "Latn", "Hebr", "Latn", "Latn"]),
        ("-(א)", ["Hebr", "Hebr", "Hebr", "Zyyy"]),
        ("a(א))", ["Latn", "Latn", "Hebr", "Latn", "Latn"]),
        ("\u0301,", ["Zinh", "Zinh"]),
        ("a\u05b0א", ["Latn", "Latn", "Hebr"]),
    ],
)
def test_scripts_of_signs_and_brackets_are_those_around_them(text, scripts):
    assert resolved_scripts(text) == scripts


@pytest.mark.parametrize(
    ("name", "has_rules"),
    [("Caladea-Regular.ttf", False), ("DejaVuSerif-Bold.ttf", False), ("DejaVuSans.ttf", True)],
)
def test_rules_across_spaces_are_found_in_tables(name, has_rules):
    face = hb.Face(hb.Blob.from_file_path(bundled_fonts() / name))
    assert has_rules_at_spaces(face) == has_rules


def test_a_font_whose_rules_are_damaged_counts_as_having_some():
    face = hb.Face(hb.Blob.from_file_path(bundled_fonts() / "Caladea-Regular.ttf"))
    tables = {tag: face.reference_table(tag).data for tag in face.table_tags}
    tables["GPOS"] = tables["GPOS"][:40]
    damaged = hb.Face.create_for_tables(lambda _face, tag, _data: tables.get(tag), None)
    damaged.set_get_table_tags_func(lambda _face, _data: list(tables))
    assert has_rules_at_spaces(damaged)


@needs_raqm
def test_advances_are_freetypes_without_hinting():
    path = bundled_fonts() / "Caladea-Regular.ttf"
    faces = faces_of(path)
    letters = [chr(code) for code in faces.fonts[0].code_points.tolist()[:200]]
    face = ImageFont.truetype(path, SIZES_PX[0], layout_engine=ImageFont.Layout.RAQM)
    found = shape(Shaper(faces), 0, letters).run.end_26_6
    assert found.tolist() == [round(face.getlength(letter) * 64) for letter in letters]
