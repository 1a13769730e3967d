from __future__ import annotations

import errno
import json
import os
import zlib
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from dataset_runs import (
    FINGERPRINT,
    ORIGIN,
    PLAN,
    RECORD,
    SWEPT,
    PowerCut,
    failing,
    fragment_of,
    open_fds,
    output_bytes,
    power_cut,
    record_of,
    render_shard,
)
from stored import shard_path

from shmtext.dataset.check import check_shard
from shmtext.dataset.containers import CONTAINERS, one_file
from shmtext.dataset.containers.base import StoredSum
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.manifest import (
    Manifest,
    commit_shard,
    committed_shards,
    current_boot_id,
    manifest_name,
    parse_manifest,
    read_manifest,
    uncommit,
)
from shmtext.dataset.record import RunRecord
from shmtext.dataset.sealed import seal
from shmtext.errors import DamageError, StorageError

SMALL = {name: record_of(8, name) for name in CONTAINERS}
"""One shard, of which one example is skipped: a sweep over every call stays short."""
WAYS = {
    "files": ("files", one_file.MAX_HELD_BYTES),
    "tar": ("tar", one_file.MAX_HELD_BYTES),
    "parquet": ("parquet", one_file.MAX_HELD_BYTES),
    "pictures that wait on disk": ("tar", 0),
}
"""Containers, and how many bytes of pictures may wait in memory."""


@pytest.fixture(params=WAYS)
def small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> RunRecord:
    name, max_held_bytes = WAYS[request.param]
    monkeypatch.setattr(one_file, "MAX_HELD_BYTES", max_held_bytes)
    return SMALL[name]


@pytest.fixture
def whole(small: RunRecord, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("whole")
    with OutputFolder.open(out, create=False) as folder:
        render_shard(folder, 0, small)
    return output_bytes(out)


def assert_nothing_or_everything(folder: OutputFolder, small: RunRecord) -> None:
    manifest = read_manifest(folder, 0)

    assert manifest is None or check_shard(folder, small, manifest, checksums=True) == []


def test_a_committed_shard_is_read_back(tmp_path: Path) -> None:
    with OutputFolder.open(tmp_path, create=False) as folder:
        assert read_manifest(folder, PLAN.shard(1)) is None
        manifest = render_shard(folder, 1)

        assert manifest == read_manifest(folder, PLAN.shard(1))
        assert ({1: manifest}, []) == committed_shards(folder, PLAN, FINGERPRINT)
        assert check_shard(folder, RECORD, manifest, checksums=True) == []


@pytest.mark.parametrize("function", SWEPT)
@pytest.mark.parametrize(("code", "redone"), [(errno.ENOSPC, False), (errno.EIO, True)])
def test_whichever_call_fails_the_shard_is_committed_whole_or_not_at_all(
    tmp_path: Path,
    small: RunRecord,
    whole: dict[str, bytes],
    function: str,
    code: int,
    redone: bool,
) -> None:
    for k in count(1):
        with OutputFolder.open(tmp_path / str(k), create=True) as folder:
            if redone:
                render_shard(folder, 0, small)
            before = open_fds()
            with failing(function, k, code) as calls, suppress(StorageError):
                render_shard(folder, 0, small)
            assert before == open_fds()
            assert_nothing_or_everything(folder, small)
            render_shard(folder, 0, small)
            assert whole == output_bytes(tmp_path / str(k))
        if calls[0] < k:
            break

    assert k > 1


@pytest.mark.parametrize("redone", [False, True])
def test_whenever_the_process_ends_the_shard_is_committed_whole_or_not_at_all(
    tmp_path: Path, small: RunRecord, whole: dict[str, bytes], redone: bool
) -> None:
    for k in count(1):
        with OutputFolder.open(tmp_path / str(k), create=True) as folder:
            if redone:
                render_shard(folder, 0, small)
            with power_cut(k) as calls, suppress(PowerCut):
                render_shard(folder, 0, small)
            assert_nothing_or_everything(folder, small)
            render_shard(folder, 0, small)
            assert whole == output_bytes(tmp_path / str(k))
        if calls[0] < k:
            break

    assert k > 20


def test_a_stale_skipped_fragment_does_not_outlive_a_commit_without_one(tmp_path: Path) -> None:
    record = record_of(5)
    with OutputFolder.open(tmp_path, create=False) as folder:
        folder.make_folder("fragments")
        folder.write_file("fragments/00000.skipped.parquet", b"stale", sync=False)
        manifest = render_shard(folder, 0, record)

        assert manifest.skipped_bytes is None
        assert folder.list_names("fragments") == ["00000.json", "00000.parquet"]


def test_an_uncommitted_shard_can_be_committed_again_with_the_same_bytes(tmp_path: Path) -> None:
    with OutputFolder.open(tmp_path, create=False) as folder:
        render_shard(folder, 0)
        before = output_bytes(tmp_path)
        uncommit(folder, 0)
        uncommit(folder, 0)
        assert committed_shards(folder, PLAN, FINGERPRINT) == ({}, [])
        render_shard(folder, 0)

    assert before == output_bytes(tmp_path)


def test_pictures_and_labels_of_different_shards_are_not_committed(tmp_path: Path) -> None:
    with (
        OutputFolder.open(tmp_path, create=False) as folder,
        RECORD.container.stage(folder, PLAN.shard(0)) as sink,
        pytest.raises(ValueError, match="pictures of shard 0, labels of shard 1"),
    ):
        commit_shard(folder, sink, fragment_of(PLAN.shard(1)), ORIGIN)


def manifest_bytes(tmp_path: Path) -> tuple[Manifest, bytes]:
    with OutputFolder.open(tmp_path, create=False) as folder:
        manifest = render_shard(folder, 0)
        data = folder.read_file(manifest_name(0))
    assert data is not None
    return manifest, data


def test_no_flipped_bit_and_no_cut_passes_for_another_manifest(tmp_path: Path) -> None:
    manifest, data = manifest_bytes(tmp_path)
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 8
        for damaged in (bytes(flipped), data[:position]):
            try:
                found = parse_manifest(damaged, "it")
            except DamageError:
                continue
            assert manifest == found


@pytest.mark.parametrize(
    "changes",
    [
        {"stored_bytes": None, "stored_crc32": None},
        {"stored_bytes": 1, "stored_crc32": None},
        {"stored_bytes": 1.0, "stored_crc32": 1},
        {"version": 1},
        {"num_rows": 1},
        {"num_rows": True},
        {"fingerprint": None},
        {"seconds": "1"},
        {"skipped_bytes": None},
        {"path": "../../etc/passwd"},
        {"num_skipped": -1, "num_failed": 6},
        {"num_alone": -1},
        {"num_alone": 1_000_000},
        {"num_alone": None},
    ],
)
def test_a_manifest_that_is_not_exactly_one_is_damage(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    manifest, _ = manifest_bytes(tmp_path)
    with pytest.raises(DamageError):
        parse_manifest(seal({**manifest.as_json(), **changes}, readable=False), "it")


KEYS = (
    *("version", "shard", "start", "stop", "num_rows", "num_skipped", "num_failed", "image_bytes"),
    *("fingerprint", "images_digest", "fragment_bytes", "fragment_crc32", "skipped_bytes"),
    *("skipped_crc32", "worker", "host", "boot_id", "num_alone", "seconds", "finished_at"),
    *("stored_bytes", "stored_crc32"),
)


@pytest.mark.parametrize("name", CONTAINERS)
def test_the_sum_of_a_shards_pictures_stands_in_its_manifest(tmp_path: Path, name: str) -> None:
    with OutputFolder.open(tmp_path, create=False) as folder:
        manifest = render_shard(folder, 1, record_of(400, name))
        data = folder.read_file(manifest_name(1))
        assert data is not None
        assert manifest == parse_manifest(data, "it")
    keys = [key for key in json.loads(data) if key != "checksum"]
    path = tmp_path / shard_path(name, 1)
    if name == "files":
        files = sorted(path.iterdir())
        sizes = [file.stat().st_size for file in files]
        summed = "\0".join(file.name for file in files).encode()
        summed += b"".join(size.to_bytes(8, "little") for size in sizes)
        expected = StoredSum(sum(sizes), zlib.crc32(summed))
    else:
        expected = StoredSum(path.stat().st_size, zlib.crc32(path.read_bytes()))

    assert sorted(KEYS) == sorted(keys)
    assert expected == manifest.stored


def test_a_manifest_is_one_line_of_known_keys_in_a_known_order(tmp_path: Path) -> None:
    expected = {
        "version": 2,
        "shard": 0,
        "start": 0,
        "stop": 160,
        "num_rows": 155,
        "num_skipped": 3,
        "num_failed": 2,
        "fingerprint": FINGERPRINT,
        "worker": 0,
        "host": "host",
        "boot_id": None,
        "num_alone": 0,
        "seconds": 0.5,
        "finished_at": 1e9,
    }
    manifest, data = manifest_bytes(tmp_path)
    sums = {key: getattr(manifest, key) for key in KEYS if key not in expected}
    order = {key: {**expected, **sums}[key] for key in KEYS}

    assert seal(order, readable=False) == data


def test_a_manifest_of_files_from_before_these_had_a_sum_is_read(tmp_path: Path) -> None:
    manifest, _ = manifest_bytes(tmp_path)
    older = replace(manifest, stored_bytes=None, stored_crc32=None)
    with OutputFolder.open(tmp_path, create=False) as folder:
        folder.write_file(manifest_name(0), seal(older.as_json(), readable=False), sync=False)

        assert ({0: older}, []) == committed_shards(folder, PLAN, FINGERPRINT)


@pytest.mark.parametrize("key", ["images_digest", "stored_bytes", "stored_crc32"])
def test_a_manifest_without_a_key_is_damage(tmp_path: Path, key: str) -> None:
    manifest, _ = manifest_bytes(tmp_path)
    value = manifest.as_json()
    del value[key]
    with pytest.raises(DamageError, match="exactly the keys"):
        parse_manifest(seal(value, readable=False), "it")


def test_manifests_of_another_run_or_shard_are_damage(tmp_path: Path) -> None:
    with OutputFolder.open(tmp_path, create=False) as folder:
        for index in range(3):
            render_shard(folder, index)
        os.replace(tmp_path / manifest_name(1), tmp_path / manifest_name(0))
        foreign = replace(render_shard(folder, 2), fingerprint="0" * 64)
        folder.write_file(manifest_name(2), seal(foreign.as_json(), readable=False), sync=False)
        (tmp_path / "fragments" / "00007.json").write_bytes(b"")
        (tmp_path / "fragments" / "..json").write_bytes(b"")
        manifests, damages = committed_shards(folder, PLAN, FINGERPRINT)

    assert manifests == {}
    assert {None, 0, 2} == {damage.shard for damage in damages}
    assert len(damages) == 4
    assert "other settings" in str(next(d for d in damages if d.shard == 2))


def test_manifests_of_shards_that_are_not_asked_for_are_not_opened(tmp_path: Path) -> None:
    with OutputFolder.open(tmp_path, create=False) as folder:
        manifests = [render_shard(folder, index) for index in range(3)]
        (tmp_path / manifest_name(0)).write_bytes(b"damaged")
        (tmp_path / "fragments" / "00007.json").write_bytes(b"nobody's")

        assert ({2: manifests[2]}, []) == committed_shards(folder, PLAN, FINGERPRINT, {2})
        assert ({}, []) == committed_shards(folder, PLAN, FINGERPRINT, ())
        found, damages = committed_shards(folder, PLAN, FINGERPRINT, range(2))
        assert ([1], [0]) == (list(found), [damage.shard for damage in damages])


def test_a_manifest_laid_out_for_people_is_as_good(tmp_path: Path) -> None:
    with OutputFolder.open(tmp_path, create=False) as folder:
        manifests = {index: render_shard(folder, index) for index in range(3)}
        readable = seal(manifests[1].as_json(), readable=True)
        folder.write_file(manifest_name(1), readable, sync=False)

        assert (manifests, []) == committed_shards(folder, PLAN, FINGERPRINT)


def test_a_manifest_that_is_a_link_is_damage(tmp_path: Path) -> None:
    with OutputFolder.open(tmp_path, create=False) as folder:
        render_shard(folder, 0)
        os.rename(tmp_path / manifest_name(0), tmp_path / "elsewhere")
        (tmp_path / manifest_name(0)).symlink_to(tmp_path / "elsewhere")
        manifests, damages = committed_shards(folder, PLAN, FINGERPRINT)

    assert manifests == {}
    assert [damage.shard for damage in damages] == [0]


def test_what_is_not_a_manifest_is_not_looked_at(tmp_path: Path) -> None:
    with OutputFolder.open(tmp_path, create=False) as folder:
        assert committed_shards(folder, PLAN, FINGERPRINT) == ({}, [])
        folder.make_folder("fragments")
        (tmp_path / "fragments" / "00000.parquet").write_bytes(b"left over")

        assert committed_shards(folder, PLAN, FINGERPRINT) == ({}, [])


def test_only_the_manifest_says_who_rendered_a_shard_and_when(tmp_path: Path) -> None:
    manifest, data = manifest_bytes(tmp_path)

    assert json.loads(data)["host"] == manifest.host == "host"


def test_the_boot_id_is_that_of_the_kernel() -> None:
    boot_id = current_boot_id()

    assert boot_id is None or len(boot_id) == 36
