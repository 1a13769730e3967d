"""The atlas holds what Pillow draws, draws nothing twice, and stays within its bound."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from drawing import BUNDLED, ITALIC, LATIN_1, SANS, font_file
from numpy.typing import NDArray

from shmtext.draw import glyphs
from shmtext.draw.characters import CharacterTable
from shmtext.draw.faces import Faces
from shmtext.draw.glyphs import STRIDE_STEP, FaceMetrics, GlyphAtlas
from shmtext.draw.sources import SHEET_PX, CharacterGlyphs


class Drawn:
    """An atlas and what it was told and asked for."""

    def __init__(self, *fonts: object, sizes_px: tuple[int, ...] = (32,)) -> None:
        self.faces = Faces(tuple(font_file(path) for path in fonts), sizes_px)  # type: ignore[arg-type]
        self.metrics = FaceMetrics(self.faces)
        self.table = CharacterTable(self.faces.fonts)
        self.atlas = GlyphAtlas(self.metrics, CharacterGlyphs(self.faces, self.table))
        self.told: list[int] = []

    def slots(self, text: str, face_id: int = 0, y_px: Sequence[int] = ()) -> NDArray[np.int32]:
        characters = self.table.ids(np.array([ord(c) for c in text], np.uint32))
        faces = np.full(characters.size, face_id)
        y = np.array(y_px) if y_px else None
        return self.atlas.slots(faces, characters, y, self.told.append)

    def columns(self, slot: int) -> NDArray[np.uint8]:
        """A glyph's frame in the first face, transposed."""
        first, number = (
            int(self.atlas.glyphs[name][slot]) for name in ("first_row", "num_columns")
        )
        return self.atlas.columns(int(self.metrics.stride[0]))[first : first + number]


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_columns_of_a_glyph_are_pillow_s_mask(path: object) -> None:
    drawn = Drawn(path, sizes_px=(29,))
    face = drawn.faces.get(0)
    stride, above = int(drawn.metrics.stride[0]), int(drawn.metrics.above_px[0])
    for character, slot in zip(LATIN_1, drawn.slots(LATIN_1).tolist(), strict=True):
        glyph = drawn.atlas.glyphs[slot]
        if not glyph["fits"] or not glyph["num_columns"]:
            continue
        core, (left, top) = face.getmask2(character, mode="L", anchor="la")
        mask = np.array(list(core), np.uint8).reshape(core.size[::-1])
        sheet = np.zeros((stride, 200), np.uint8)
        y, x = top + above, left + 100
        inked = np.flatnonzero(mask.any(axis=1))
        rows = slice(int(inked[0]), int(inked[-1]) + 1)
        sheet[y + rows.start : y + rows.stop, x : x + mask.shape[1]] = mask[rows]
        first = int(glyph["first_row"])
        columns = drawn.atlas.columns(stride)[first : first + int(glyph["num_columns"])]
        at = 100 + int(glyph["ink_left"])

        assert np.array_equal(sheet[:, at : at + columns.shape[0]], columns.T), character
        assert sheet.sum(dtype=np.int64) == columns.sum(dtype=np.int64)


def test_a_glyph_is_drawn_once_and_announced_at_its_first_use() -> None:
    drawn = Drawn(SANS)
    first = drawn.slots("abca")
    again = drawn.slots("cabd")

    assert [0, 1, 2, 3] == sorted([*drawn.told[:3], 3])
    assert [3] == drawn.told[3:]
    assert first[0] == first[3] == again[1]
    assert 4 == len({*first.tolist(), *again.tolist()})


def test_faces_have_their_own_glyphs() -> None:
    drawn = Drawn(SANS, ITALIC, sizes_px=(16, 32))

    assert 4 == len({int(drawn.slots("a", face_id)[0]) for face_id in range(4)})


def test_row_0_of_every_stride_is_blank() -> None:
    drawn = Drawn(SANS, sizes_px=(8, 64))
    for face_id in range(2):
        drawn.slots(LATIN_1, face_id)
        assert not drawn.atlas.columns(int(drawn.metrics.stride[face_id]))[0].any()


def test_strides_are_few_and_hold_a_line() -> None:
    metrics = FaceMetrics(Faces(tuple(map(font_file, BUNDLED)), tuple(range(8, 65))))

    assert (metrics.stride % STRIDE_STEP == 0).all()
    assert (metrics.stride >= metrics.above_px + metrics.line_px).all()
    assert len(set(metrics.stride.tolist())) < 20


def test_an_atlas_at_its_bound_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Drawn(SANS)
    drawn.slots(LATIN_1)
    held = drawn.atlas.num_bytes
    drawn.slots("Ω")
    assert drawn.atlas.num_bytes > held
    monkeypatch.setattr(glyphs, "ATLAS_BYTES", held)
    drawn.slots("aΣ")

    assert drawn.atlas.num_bytes < held / 10


def test_a_text_that_meets_the_bound_keeps_every_glyph_it_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = Drawn(SANS)
    drawn.slots("abc")
    monkeypatch.setattr(glyphs, "ATLAS_BYTES", 0)
    slots = drawn.slots("abcd")
    advances = drawn.atlas.glyphs["advance_26_6"][slots]

    assert [round(drawn.faces.get(0).getlength(c) * 64) for c in "abcd"] == advances.tolist()


def test_many_characters_never_take_much_more_than_the_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(glyphs, "ATLAS_BYTES", 50_000)
    drawn = Drawn(SANS)
    code_points = font_file(SANS).code_points[:3_000].tolist()
    most = 0
    for at in range(0, len(code_points), 20):
        drawn.slots("".join(map(chr, code_points[at : at + 20])))
        most = max(most, drawn.atlas.num_bytes)

    assert 50_000 < most < 50_000 + 20 * 60 * 56


def test_a_glyph_that_stands_higher_is_the_same_some_rows_up() -> None:
    drawn = Drawn(SANS)
    own, *shifted = drawn.slots("xxxx", y_px=[0, 3, -2, 3]).tolist()
    again = drawn.slots("xx", y_px=[3, 0]).tolist()

    assert shifted[0] == shifted[2] == again[0]
    assert own == again[1]
    assert 3 == len({own, *shifted})
    assert np.array_equal(np.roll(drawn.columns(own), -3, axis=1), drawn.columns(shifted[0]))
    assert np.array_equal(np.roll(drawn.columns(own), 2, axis=1), drawn.columns(shifted[1]))
    tops = drawn.atlas.glyphs["ink_top"][[own, *shifted]] - drawn.atlas.glyphs["ink_top"][own]
    assert [0, -3, 2, -3] == tops.tolist()
    assert [0, 1, 2] == sorted(drawn.told)


def test_a_glyph_that_stands_too_high_for_its_frame_does_not_fit() -> None:
    drawn = Drawn(SANS)
    slots = drawn.slots("xxx", y_px=[0, 100, -100])

    assert [True, False, False] == drawn.atlas.glyphs["fits"][slots].tolist()
    assert [True] * 3 == drawn.atlas.glyphs["has_ink"][slots].tolist()


def test_an_atlas_that_begins_anew_knows_no_glyph_that_stood_higher(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = Drawn(SANS)
    drawn.slots("xab", y_px=[3, 0, 0])
    monkeypatch.setattr(glyphs, "ATLAS_BYTES", 0)
    drawn.slots("c")
    monkeypatch.undo()
    own, shifted = drawn.slots("xx", y_px=[0, 3]).tolist()

    assert np.array_equal(np.roll(drawn.columns(own), -3, axis=1), drawn.columns(shifted))


def test_characters_met_later_leave_slots_as_they_were() -> None:
    drawn = Drawn(SANS, ITALIC)
    first = [drawn.slots("abc", face_id).tolist() for face_id in range(2)]
    drawn.slots("".join(map(chr, font_file(SANS).code_points[:500].tolist())))

    assert first == [drawn.slots("abc", face_id).tolist() for face_id in range(2)]


def test_a_glyph_larger_than_any_before_it_is_read_whole() -> None:
    size_px = 3 * SHEET_PX // 2
    drawn = Drawn(SANS, sizes_px=(16, size_px))
    for face_id in (0, 1, 0):
        source = CharacterGlyphs(drawn.faces, drawn.table)
        key = int(drawn.table.ids(np.array([ord("W")], np.uint32))[0])
        small, large = source.draw(0, key).mask, source.draw(1, key).mask
        core, _ = drawn.faces.get(face_id).getmask2("W", mode="L", anchor="ls")
        pixels = np.array(list(core), np.uint8).reshape(core.size[::-1])
        left, top, right, bottom = core.getbbox()

        assert max(large.shape) > SHEET_PX
        assert np.array_equal((small, large)[face_id], pixels[top:bottom, left:right])
