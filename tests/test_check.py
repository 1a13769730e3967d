from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dataset_runs import (
    merge,
    output_bytes,
    picture,
    record_of,
    render_run,
    render_shard,
)
from stored import shard_path

from shmtext.dataset import check
from shmtext.dataset.check import (
    check_run,
    check_shard,
    check_shards,
    mark_damaged,
    take_damaged_marks,
)
from shmtext.dataset.containers import CONTAINERS
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.glance import Glance
from shmtext.dataset.manifest import Manifest, committed_shards, manifest_name
from shmtext.dataset.merge import read_success, remove_success
from shmtext.dataset.record import RunRecord
from shmtext.dataset.sealed import seal
from shmtext.errors import DamageError, InterruptedRunError

IMAGE = "images/00001/000000200.jpg"
Damaging = Callable[[Path], None]


@pytest.fixture(scope="module", params=CONTAINERS)
def container(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def record(container: str) -> RunRecord:
    return record_of(400, container)


@pytest.fixture(scope="module")
def whole(record: RunRecord, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "whole"
    with OutputFolder.open(out, create=True) as folder:
        render_run(folder, record)
    return out


@pytest.fixture
def out(tmp_path: Path, whole: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "out"))


@pytest.fixture
def folder(out: Path) -> Iterator[OutputFolder]:
    with OutputFolder.open(out, create=False) as folder:
        yield folder


def rewrite(name: str, change: Callable[[bytes], bytes]) -> Damaging:
    def damage(out: Path) -> None:
        path = out / name
        path.write_bytes(change(path.read_bytes()))

    return damage


def flip(offset: int) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        flipped = bytearray(data)
        flipped[offset] ^= 0x10
        return bytes(flipped)

    return change


def remove(name: str) -> Damaging:
    return lambda out: (out / name).unlink()


def swap(one: str, other: str) -> Damaging:
    def damage(out: Path) -> None:
        os.rename(out / one, out / "held")
        os.rename(out / other, out / one)
        os.rename(out / "held", out / other)

    return damage


def link(name: str) -> Damaging:
    """The right bytes, but behind a link."""

    def damage(out: Path) -> None:
        os.rename(out / name, out / "elsewhere")
        (out / name).symlink_to(out / "elsewhere")

    return damage


def instead(name: str, kind: str) -> Damaging:
    """Something that is no file."""

    def damage(out: Path) -> None:
        (out / name).unlink()
        if kind == "folder":
            (out / name).mkdir()
        else:
            os.mkfifo(out / name)

    return damage


CUT = rewrite(IMAGE, lambda data: data[:-1])
Cases = dict[str, tuple[Damaging, set[int]]]
"""What is done, and the shards that must be named."""

# Found by sizes alone.
TO_RECORDS: Cases = {
    "all images deleted": (lambda out: shutil.rmtree(out / "images"), {0, 1, 2}),
    "fragment cut short": (rewrite("fragments/00002.parquet", lambda data: data[:-1]), {2}),
    "fragment emptied": (rewrite("fragments/00002.parquet", lambda _: b""), {2}),
    "fragment start flipped": (rewrite("fragments/00002.parquet", flip(5)), {2}),
    "fragment middle flipped": (rewrite("fragments/00002.parquet", flip(900)), {2}),
    "fragment end flipped": (rewrite("fragments/00002.parquet", flip(-1)), {2}),
    "fragment deleted": (remove("fragments/00002.parquet"), {2}),
    "fragments swapped": (swap("fragments/00000.parquet", "fragments/00001.parquet"), {0, 1}),
    "skipped flipped": (rewrite("fragments/00000.skipped.parquet", flip(30)), {0}),
    "skipped deleted": (remove("fragments/00000.skipped.parquet"), {0}),
    "manifest flipped": (rewrite("fragments/00001.json", flip(40)), {1}),
    "manifest emptied": (rewrite("fragments/00001.json", lambda _: b""), {1}),
    "manifest deleted": (remove("fragments/00001.json"), {1}),
    "manifests swapped": (swap("fragments/00000.json", "fragments/00001.json"), {0, 1}),
    "label table cut short": (rewrite("metadata.parquet", lambda data: data[:-1]), set()),
    "label table deleted": (remove("metadata.parquet"), set()),
    "csv deleted": (remove("labels.csv"), set()),
    "skipped table a link": (link("skipped.parquet"), set()),
    "success flipped": (rewrite("_SUCCESS.json", flip(30)), set()),
}
TO_FILES: Cases = {
    "image cut short": (CUT, {1}),
    "image emptied": (rewrite(IMAGE, lambda _: b""), {1}),
    "image deleted": (remove(IMAGE), {1}),
    "image a link": (link(IMAGE), {1}),
    "image too many": (lambda out: (out / "images/00001/x.jpg").touch(), {1}),
    "image swapped for another size": (swap(IMAGE, "images/00001/000000201.jpg"), {1}),
    "image swapped between shards": (swap("images/00000/000000000.jpg", IMAGE), {0, 1}),
    "folder deleted": (lambda out: shutil.rmtree(out / "images/00001"), {1}),
    "folder a link": (link("images/00001"), {1}),
    "folders swapped": (swap("images/00000", "images/00001"), {0, 1}),
}
# Of the same size: found by checksums.
TO_BYTES_OF_RECORDS: Cases = {
    "label table flipped": (rewrite("metadata.parquet", flip(500)), set()),
    "csv flipped": (rewrite("labels.csv", flip(500)), set()),
    "skipped table flipped": (rewrite("skipped.parquet", flip(50)), set()),
}
TO_BYTES_OF_FILES: Cases = {
    "image start flipped": (rewrite(IMAGE, flip(0)), {1}),
    "image end flipped": (rewrite(IMAGE, flip(-1)), {1}),
    "image swapped for the same size": (swap(IMAGE, "images/00001/000000203.jpg"), {1}),
}


def to_one_file(container: str) -> Cases:
    """What befalls a shard that is one file, found by sizes alone."""
    zeroth, first = shard_path(container, 0), shard_path(container, 1)
    return {
        "file cut short": (rewrite(first, lambda data: data[:-1]), {1}),
        "file cut in two": (rewrite(first, lambda data: data[: len(data) // 2]), {1}),
        "file emptied": (rewrite(first, lambda _: b""), {1}),
        "file longer": (rewrite(first, lambda data: data + bytes(512)), {1}),
        "file deleted": (remove(first), {1}),
        "file a link": (link(first), {1}),
        "file a folder": (instead(first, "folder"), {1}),
        "file a fifo": (instead(first, "fifo"), {1}),
        "files swapped": (swap(zeroth, first), {0, 1}),
        "file of another shard": (lambda out: shutil.copy(out / zeroth, out / first), {1}),
    }


def to_bytes_of_one_file(container: str) -> Cases:
    first = shard_path(container, 1)

    def swap_pictures(data: bytes) -> bytes:
        one, other = picture(200), picture(203)
        held = data.replace(one, b"?" * len(one)).replace(other, one)
        return held.replace(b"?" * len(one), other)

    return {
        "file start flipped": (rewrite(first, flip(0)), {1}),
        "file middle flipped": (rewrite(first, flip(5_000)), {1}),
        "file end flipped": (rewrite(first, flip(-1)), {1}),
        "file zeroed from its middle": (
            rewrite(first, lambda data: data[: len(data) // 2] + bytes(-(-len(data) // 2))),
            {1},
        ),
        "pictures swapped in a file": (rewrite(first, swap_pictures), {1}),
    }


def over_containers(of_files: Cases, of_one_file: Callable[[str], Cases]) -> Cases:
    """Cases by container and name; tar+json is checked as tar is."""
    by_container = {"files": of_files, **{name: of_one_file(name) for name in ("tar", "parquet")}}
    return {
        f"{container}: {name}": case
        for container, cases in by_container.items()
        for name, case in cases.items()
    }


# Records know of containers no more than whether there is a sum of one file.
BY_SIZE = over_containers(TO_RECORDS | TO_FILES, to_one_file) | {
    f"tar: {name}": case for name, case in TO_RECORDS.items()
}
BY_CHECKSUM = over_containers(TO_BYTES_OF_RECORDS | TO_BYTES_OF_FILES, to_bytes_of_one_file)


def each_of(*cases: Cases) -> pytest.MarkDecorator:
    """Parametrise by container and case."""
    names = [name for each in cases for name in each]
    values = [(name.partition(":")[0], name) for name in names]
    return pytest.mark.parametrize(("container", "case"), values, indirect=["container"], ids=names)


in_files = pytest.mark.parametrize("container", ["files"], indirect=True)


@pytest.mark.parametrize("checksums", [False, True])
def test_an_undamaged_run_is_whole(
    record: RunRecord, folder: OutputFolder, checksums: bool
) -> None:
    report = check_run(folder, record, checksums)

    assert report.whole
    assert (report.num_whole, report.num_shards, report.damages) == (3, 3, ())


def test_an_unfinished_run_is_not_damaged_and_not_whole(record: RunRecord, tmp_path: Path) -> None:
    with OutputFolder.open(tmp_path, create=False) as folder:
        render_shard(folder, 1, record)
        report = check_run(folder, record, checksums=True)

    assert (
        report.damages,
        report.missing,
        report.finished,
        report.whole,
    ) == ((), (0, 2), False, False)


@pytest.mark.parametrize("checksums", [False, True])
@each_of(BY_SIZE)
def test_damage_to_sizes_and_small_files_is_always_found(
    record: RunRecord, folder: OutputFolder, out: Path, case: str, checksums: bool
) -> None:
    damage, shards = BY_SIZE[case]
    damage(out)
    report = check_run(folder, record, checksums)

    assert not report.whole
    assert shards == set(report.damaged_shards)
    assert 3 - len(shards) == report.num_whole
    assert report.damages
    assert all("\n" not in str(found) for found in report.damages)


@each_of(BY_SIZE)
def test_a_glance_changes_nothing_of_what_is_found(
    record: RunRecord,
    folder: OutputFolder,
    out: Path,
    case: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    BY_SIZE[case][0](out)
    found = check_run(folder, record, checksums=False)
    monkeypatch.setattr(Glance, "is_whole", lambda _self, _manifest: False)

    assert check_run(folder, record, checksums=False) == found


@each_of({f"files: {name}": case for name, case in (TO_FILES | TO_RECORDS).items()})
def test_damage_is_found_where_manifests_are_of_before_files_had_a_sum(
    record: RunRecord, folder: OutputFolder, out: Path, case: str
) -> None:
    for index, manifest in committed_shards(folder, record.plan, record.fingerprint)[0].items():
        older = replace(manifest, stored_bytes=None, stored_crc32=None)
        folder.write_file(manifest_name(index), seal(older.as_json(), readable=False), sync=False)
    assert check_run(folder, record, checksums=False).whole
    damage, shards = BY_SIZE[case]
    damage(out)

    assert shards == set(check_run(folder, record, checksums=False).damaged_shards)


def test_shards_that_a_glance_finds_whole_are_not_looked_at_again(
    record: RunRecord, folder: OutputFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    closely: list[int] = []

    def noted(folder: OutputFolder, record: RunRecord, manifest: Manifest, *more: Any) -> Any:
        closely.append(manifest.shard)
        return check_shard(folder, record, manifest, *more)

    monkeypatch.setattr(check, "check_shard", noted)
    manifests, _ = committed_shards(folder, record.plan, record.fingerprint)

    assert [] == check_shards(folder, record, manifests.values(), ())
    assert [] == closely
    assert [] == check_shards(folder, record, manifests.values(), {1})
    assert [1] == closely


def test_a_check_of_shards_ends_when_it_is_told_to(record: RunRecord, folder: OutputFolder) -> None:
    manifests, _ = committed_shards(folder, record.plan, record.fingerprint)
    calls: list[None] = []

    def stop_at_the_second() -> None:
        calls.append(None)
        if len(calls) == 2:
            raise InterruptedRunError

    with pytest.raises(InterruptedRunError):
        check_shards(folder, record, manifests.values(), (), stop_at_the_second)
    assert len(calls) == 2


@each_of(BY_CHECKSUM)
def test_damage_to_bytes_is_found_with_checksums(
    record: RunRecord, folder: OutputFolder, out: Path, case: str
) -> None:
    damage, shards = BY_CHECKSUM[case]
    damage(out)
    report = check_run(folder, record, checksums=True)

    assert check_run(folder, record, checksums=False).whole
    assert not report.whole
    assert shards == set(report.damaged_shards)


@each_of(BY_SIZE, BY_CHECKSUM)
def test_marked_damage_is_mended_by_redoing_what_is_not_committed(
    record: RunRecord, folder: OutputFolder, out: Path, whole: Path, case: str
) -> None:
    {**BY_SIZE, **BY_CHECKSUM}[case][0](out)
    (out / "images").mkdir(exist_ok=True)
    mark_damaged(folder, check_run(folder, record, checksums=True).damaged_shards)
    take_damaged_marks(folder)

    manifests, _ = committed_shards(folder, record.plan, record.fingerprint)
    for index in set(range(3)) - set(manifests):
        render_shard(folder, index, record)
    merge(folder, record)
    folder.remove_tree("elsewhere")

    assert check_run(folder, record, checksums=True).whole
    assert output_bytes(whole) == output_bytes(out)


@in_files
def test_the_damaged_picture_is_named(record: RunRecord, folder: OutputFolder, out: Path) -> None:
    CUT(out)
    size = len(picture(200))

    assert [f"{IMAGE}: has {size - 1} bytes, {size} were committed"] == [
        str(damage) for damage in check_run(folder, record, checksums=False).damages
    ]


@in_files
def test_many_damaged_pictures_are_counted_not_listed(
    record: RunRecord, folder: OutputFolder, out: Path
) -> None:
    for path in (out / "images/00001").iterdir():
        path.write_bytes(b"")
    damages = check_run(folder, record, checksums=False).damages

    assert len(damages) == 11
    assert "146 more of its pictures" in str(damages[-1])


@in_files
def test_a_link_to_the_right_bytes_outside_is_not_followed(
    record: RunRecord, folder: OutputFolder, out: Path, tmp_path: Path
) -> None:
    (tmp_path / "picture").write_bytes(picture(200))
    (out / IMAGE).unlink()
    (out / IMAGE).symlink_to(tmp_path / "picture")

    assert check_run(folder, record, checksums=True).damaged_shards == (1,)


def test_another_runs_success_file_is_found(record: RunRecord, folder: OutputFolder) -> None:
    other = replace(record, identity={"seed": 1})

    assert "other settings" in str(check_run(folder, other, False).damages)


def test_marks_add_up_and_are_taken_once(
    record: RunRecord, folder: OutputFolder, out: Path
) -> None:
    assert frozenset() == take_damaged_marks(folder)
    assert read_success(folder) is not None
    assert mark_damaged(folder, [2])
    assert mark_damaged(folder, {0})

    assert frozenset() == take_damaged_marks(folder, among=(1,))
    assert frozenset({0}) == take_damaged_marks(folder, among=range(2))
    assert frozenset({2}) == take_damaged_marks(folder)
    assert list(committed_shards(folder, record.plan, record.fingerprint)[0]) == [1]
    assert read_success(folder) is None
    assert frozenset() == take_damaged_marks(folder)
    assert not (out / "_damaged.json").exists()


def test_a_mark_without_shards_has_the_label_table_redone(
    record: RunRecord, folder: OutputFolder
) -> None:
    mark_damaged(folder, ())
    take_damaged_marks(folder)

    assert read_success(folder) is None
    assert len(committed_shards(folder, record.plan, record.fingerprint)[0]) == 3


def test_unreadable_marks_are_damage_until_they_are_written_again(
    folder: OutputFolder, out: Path
) -> None:
    (out / "_damaged.json").write_bytes(b"{")
    with pytest.raises(DamageError, match=r"_damaged\.json"):
        take_damaged_marks(folder)
    mark_damaged(folder, [1])

    assert frozenset({1}) == take_damaged_marks(folder)


def test_a_read_only_run_can_be_checked_but_not_marked(
    record: RunRecord, folder: OutputFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "mkdir", refuse)

    assert check_run(folder, record, checksums=True).whole
    assert not mark_damaged(folder, [1])


def test_a_shard_removed_from_a_finished_run_is_damage_only_while_it_says_finished(
    record: RunRecord, folder: OutputFolder, out: Path
) -> None:
    (out / "fragments/00001.json").unlink()
    assert check_run(folder, record, checksums=False).damaged_shards == (1,)
    remove_success(folder)

    assert check_run(folder, record, checksums=False).missing == (1,)
    assert check_run(folder, record, checksums=False).damages == ()
