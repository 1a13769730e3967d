from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtext.config import fingerprint
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.record import (
    RunRecord,
    read_record,
    refuse_difference,
    refuse_foreign_files,
    write_record,
)
from shmtext.dataset.sealed import check_types, seal, unseal
from shmtext.errors import DamageError, FolderError

IDENTITY = {"seed": 0, "style": {"font_sizes": (24, 32)}}
RECORD = RunRecord(IDENTITY, fingerprint(IDENTITY), 400, 160)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text().filter(lambda k: k != "checksum"), json_values), st.booleans())
def test_a_sealed_value_is_read_back(value: dict[str, object], readable: bool) -> None:
    value["version"] = 1

    assert value == unseal(seal(value, readable=readable), "it", 1)


@given(st.data())
def test_a_flipped_bit_in_a_sealed_value_is_found_or_changes_nothing(data: st.DataObject) -> None:
    value = {"version": 1, "text": "Größe", "numbers": [1, 2.5, None]}
    sealed = bytearray(seal(value, readable=False))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        read = unseal(bytes(sealed), "it", 1)
    except DamageError:
        return

    assert value == read


def test_another_version_is_refused() -> None:
    with pytest.raises(DamageError, match="format version 2, this shmtext knows 1"):
        unseal(seal({"version": 2}, readable=False), "run.json", 1)


@pytest.mark.parametrize("value", [{"a": True}, {"a": "1"}, {}, {"a": 1, "b": 2}, []])
def test_keys_and_types_must_be_exact(value: object) -> None:
    with pytest.raises(DamageError, match="is damaged"):
        check_types("it", value, {"a": int})


def test_the_record_is_read_back_equal(tmp_path: Path) -> None:
    with OutputFolder.open(tmp_path, create=False) as folder:
        assert read_record(folder) is None
        write_record(folder, RECORD)

        assert read_record(folder) == RECORD


def test_equal_runs_have_equal_records(tmp_path: Path) -> None:
    for name in ("a", "b"):
        with OutputFolder.open(tmp_path / name, create=True) as folder:
            write_record(folder, RECORD)

    assert (tmp_path / "a/run.json").read_bytes() == (tmp_path / "b/run.json").read_bytes()


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff", b'{"version":1}'])
def test_garbage_is_damage_not_a_traceback(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "run.json").write_bytes(data)
    with OutputFolder.open(tmp_path, create=False) as folder, pytest.raises(DamageError):
        read_record(folder)


def test_a_record_with_other_keys_is_damage(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_bytes(seal({"version": 1, "path": "../x"}, readable=True))
    with OutputFolder.open(tmp_path, create=False) as folder, pytest.raises(DamageError):
        read_record(folder)


def test_the_same_identity_is_not_refused() -> None:
    refuse_difference(RECORD, {"style": {"font_sizes": [24, 32]}, "seed": 0})


def test_another_identity_is_refused_key_by_key_with_the_ways_out() -> None:
    with pytest.raises(FolderError) as caught:
        refuse_difference(RECORD, {"seed": 1, "style": {"font_sizes": (24,)}})

    message = str(caught.value)
    assert "seed: 0 in the folder, 1 asked for" in message
    assert "style.font_sizes: [24, 32] in the folder, [24] asked for" in message
    assert all(way in message for way in ("same settings", "another folder", "delete"))


def test_a_folder_of_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    with (
        OutputFolder.open(tmp_path, create=False) as folder,
        pytest.raises(FolderError, match="not empty and holds no run"),
    ):
        refuse_foreign_files(folder)


@pytest.mark.parametrize("names", [[], ["_stage", ".lock"], ["run.json", "images"], ["fragments"]])
def test_folders_that_a_run_left_are_not_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).touch()
    with OutputFolder.open(tmp_path, create=False) as folder:
        refuse_foreign_files(folder)


def test_the_record_is_json_a_person_can_read(tmp_path: Path) -> None:
    with OutputFolder.open(tmp_path, create=False) as folder:
        write_record(folder, RECORD)
    text = (tmp_path / "run.json").read_text()

    assert json.loads(text)["num_examples"] == 400
    assert text.count("\n") > 5
