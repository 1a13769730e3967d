from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from dataset_runs import output_bytes
from hypothesis import given
from hypothesis import strategies as st

from shmtext import RunConfig, render, verify
from shmtext.columns import ColumnSpec
from shmtext.config import fingerprint
from shmtext.dataset.columns import LabelSchema
from shmtext.dataset.containers import open_container
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.plan import Plan
from shmtext.dataset.record import (
    RunRecord,
    read_record,
    refuse_difference,
    refuse_foreign_files,
    write_record,
)
from shmtext.dataset.sealed import check_types, seal, unseal
from shmtext.errors import DamageError, FolderError, VersionError

IDENTITY = {"seed": 0, "style": {"font_sizes": (24, 32)}}
WIDTH = ColumnSpec("width_px", "int32", "width of the picture")
RECORD = RunRecord(
    IDENTITY, Plan(400), open_container("files", 400, "jpg"), LabelSchema.of([WIDTH])
)
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
    (tmp_path / "run.json").write_bytes(seal({"version": 2, "path": "../x"}, readable=True))
    with OutputFolder.open(tmp_path, create=False) as folder, pytest.raises(DamageError):
        read_record(folder)


def test_the_same_identity_is_not_refused() -> None:
    same = replace(RECORD, identity={"style": {"font_sizes": [24, 32]}, "seed": 0})
    refuse_difference(RECORD, same)


def test_another_identity_is_refused_key_by_key_with_the_ways_out() -> None:
    with pytest.raises(FolderError) as caught:
        other = replace(RECORD, identity={"seed": 1, "style": {"font_sizes": (24,)}})
        refuse_difference(RECORD, other)

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


def test_the_record_says_all_that_a_reader_must_know(tmp_path: Path) -> None:
    with OutputFolder.open(tmp_path, create=False) as folder:
        write_record(folder, RECORD)
    value = json.loads((tmp_path / "run.json").read_text())

    assert ("files", "jpg", 160) == (
        value["container"],
        value["extension"],
        value["examples_per_shard"],
    )
    assert value["columns"][3] == {
        "name": "width_px",
        "kind": "int32",
        "about": "width of the picture",
        "repeats": False,
    }
    assert fingerprint(IDENTITY) == value["fingerprint"]


FORGERIES: dict[str, dict[str, object]] = {
    "no container": {"container": "zip"},
    "a path for an extension": {"extension": "/../../elsewhere/x"},
    "columns that are none": {"columns": [1]},
    "a column without a kind": {"columns": [{"name": "text"}]},
    "a column of no kind": {"columns": [{"name": "a", "kind": "int3", "about": ""}]},
    "a column without a name": {"columns": [{"name": None, "kind": "bool", "about": ""}]},
    "no columns": {"columns": []},
    "columns twice": {"columns": [*RECORD.schema.as_json(), *RECORD.schema.as_json()]},
    "other shards": {"examples_per_shard": 1},
    "fewer examples than none": {"num_examples": -1},
    "more examples than numbers": {"num_examples": 10**30},
    "another fingerprint": {"fingerprint": "0" * 64},
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_record_is_damage_in_one_line(tmp_path: Path, forgery: str) -> None:
    with OutputFolder.open(tmp_path, create=False) as folder:
        write_record(folder, RECORD)
        value = json.loads((tmp_path / "run.json").read_text())
        del value["checksum"]
        folder.write_file("run.json", seal(value | FORGERIES[forgery], readable=True), sync=False)
        with pytest.raises(DamageError) as caught:
            read_record(folder)

    assert "\n" not in str(caught.value)


def test_other_columns_are_refused_and_other_words_about_them_are_not() -> None:
    wider = replace(RECORD, schema=LabelSchema.of([WIDTH, replace(WIDTH, name="height_px")]))
    with pytest.raises(FolderError, match="its label table has other columns"):
        refuse_difference(RECORD, wider)

    refuse_difference(RECORD, replace(RECORD, schema=LabelSchema.of([replace(WIDTH, about="w")])))


def test_a_folder_of_another_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    config = RunConfig(max_images=3)
    render(config, tmp_path)
    value = json.loads((tmp_path / "run.json").read_bytes())
    del value["checksum"]
    (tmp_path / "run.json").write_bytes(seal({**value, "version": 1}, readable=True))
    before = output_bytes(tmp_path)
    for look in (lambda: render(config, tmp_path), lambda: verify(tmp_path)):
        with pytest.raises(VersionError, match="has format version 1, this shmtext knows 2: use"):
            look()

    assert before == output_bytes(tmp_path)
