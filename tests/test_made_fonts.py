"""Fonts made of others are held by a process once, few at a time, no longer than they are used."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from weakref import WeakValueDictionary

import pytest
from drawing import BUNDLED, font_file

from shmtext.draw import made_fonts
from shmtext.draw.faces import Faces

GLYPH = "\U000f0024"


def open_files() -> set[int]:
    """Inodes of the fonts in memory that this process has open."""
    links = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return {os.stat(path).st_ino for path in links if "shmtext-font" in os.readlink(path)}


@pytest.fixture
def num_held(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Count the fonts that a test holds, beside those of other tests' faces."""
    monkeypatch.setattr(made_fonts, "_STORES", WeakValueDictionary())
    before = open_files()
    return lambda: len(open_files() - before)


def opened_faces(num_fonts: int) -> Faces:
    faces = Faces(tuple(map(font_file, BUNDLED[:num_fonts])), (16, 24))
    for face_id in range(len(faces)):
        faces.by_number(face_id)
    return faces


def test_faces_of_all_sizes_and_threads_share_a_font_until_the_last_goes(
    num_held: Callable[[], int],
) -> None:
    several = [opened_faces(3), opened_faces(2)]
    assert 3 == num_held()
    several.pop(0)
    assert 3 == num_held()
    several.pop()
    assert 0 == num_held()


@pytest.mark.parametrize(("name", "limit", "num"), [("MOST_FONTS", 2, 2), ("MOST_BYTES", 1, 1)])
def test_no_more_fonts_are_held_than_may_be(
    name: str, limit: int, num: int, num_held: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made_fonts, name, limit)
    faces = opened_faces(4)

    assert num == num_held()
    assert all(faces.by_number(face_id).getbbox(GLYPH)[2] > 0 for face_id in range(len(faces)))
