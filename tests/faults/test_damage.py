"""Files that were committed and are not any more what they were: ``verify`` names exactly the
shards concerned, the next run makes them again, and nothing else.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fault_runs import (
    BAD_INPUT,
    DONE,
    STOPPED,
    Notes,
    in_containers,
    run,
    tree,
    write_shim,
)
from stored import shard_path

from shmtext import Output, Renderer, RunConfig, verify
from shmtext.config.settings import Container
from shmtext.dataset.sealed import seal
from shmtext.engine import resume
from shmtext.errors import FolderError, ShmtextError

OPTIONS = ("--max-images", 600)
"""Four shards of 196, 196, 196 and 12."""

Damaging = Callable[[Path], object]


@pytest.fixture(scope="module")
def config(container: Container) -> RunConfig:
    return RunConfig(max_images=600, output=Output(container=container))


@pytest.fixture(scope="module")
def whole(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("damage") / "whole"
    with Renderer(config, engine="serial") as renderer:
        renderer.render(out)
    return out


@pytest.fixture(scope="module")
def serial(config: RunConfig) -> Renderer:
    return Renderer(config, engine="serial")


@pytest.fixture
def out(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "out"))


def image(index: int) -> str:
    return f"images/{index // 196:05d}/{index:09d}.jpg"


def holder(container: str, index: int) -> str:
    """The file that has a picture: that and no other, or all of its shard."""
    return image(index) if container == "files" else shard_path(container, index // 196)


def rewrite(name: str, change: Callable[[bytes], bytes]) -> Damaging:
    return lambda out: (out / name).write_bytes(change((out / name).read_bytes()))


def cut(name: str) -> Damaging:
    return rewrite(name, lambda data: data[:-1])


def empty(name: str) -> Damaging:
    return rewrite(name, lambda _: b"")


def zero_tail(name: str) -> Damaging:
    return rewrite(name, lambda data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2))


def flip(name: str, part: float) -> Damaging:
    """Flip one bit at this part of the file."""

    def change(data: bytes) -> bytes:
        at = min(int(len(data) * part), len(data) - 1)
        return data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]

    return rewrite(name, change)


def delete(name: str) -> Damaging:
    return lambda out: (out / name).unlink()


def swap(one: str, other: str) -> Damaging:
    def damage(out: Path) -> None:
        os.rename(out / one, out / "_held")
        os.rename(out / other, out / one)
        os.rename(out / "_held", out / other)

    return damage


FRAGMENT, MANIFEST = "fragments/00002.parquet", "fragments/00001.json"
Cases = dict[str, tuple[Damaging, set[int]]]
"""What is done, and the shards that must be made again."""

TO_PICTURES: Cases = {
    "image cut": (cut(image(200)), {1}),
    "image emptied": (empty(image(3)), {0}),
    "image flipped at its start": (flip(image(588), 0), {3}),
    "image flipped in its middle": (flip(image(588), 0.5), {3}),
    "image flipped at its end": (flip(image(588), 1), {3}),
    "image deleted": (delete(image(400)), {2}),
    "image zeroed from its middle": (zero_tail(image(400)), {2}),
    "images swapped within a shard": (swap(image(5), image(6)), {0}),
    "images swapped between shards": (swap(image(5), image(500)), {0, 2}),
    "folder of images deleted": (lambda out: shutil.rmtree(out / "images/00001"), {1}),
}


def replace_by_folder(name: str) -> Damaging:
    def damage(out: Path) -> None:
        (out / name).unlink()
        (out / name).mkdir()
        (out / name / "of-nobody").touch()

    return damage


def replace_by_link(name: str) -> Damaging:
    """The bytes are still there, but elsewhere: somebody could change them."""

    def damage(out: Path) -> None:
        (out / name).rename(out / ".elsewhere")
        (out / name).symlink_to(out / ".elsewhere")

    return damage


TO_ONE_FILE: dict[str, tuple[Callable[[str], Damaging], int]] = {
    "cut": (cut, 1),
    "emptied": (empty, 0),
    "flipped at its start": (lambda name: flip(name, 0), 3),
    "flipped in its middle": (lambda name: flip(name, 0.5), 2),
    "flipped at its end": (lambda name: flip(name, 1), 3),
    "deleted": (delete, 1),
    "zeroed from its middle": (zero_tail, 0),
    "made longer": (lambda name: rewrite(name, lambda data: data + bytes(512)), 1),
    "replaced by a folder": (replace_by_folder, 2),
    "replaced by a link": (replace_by_link, 1),
}
"""What is done to a shard that is one file, and to which."""
TO_RECORDS: Cases = {
    "all images deleted": (lambda out: shutil.rmtree(out / "images"), {0, 1, 2, 3}),
    "fragment cut": (cut(FRAGMENT), {2}),
    "fragment emptied": (empty(FRAGMENT), {2}),
    "fragment flipped": (flip(FRAGMENT, 0.4), {2}),
    "fragment zeroed from its middle": (zero_tail(FRAGMENT), {2}),
    "fragment deleted": (delete(FRAGMENT), {2}),
    "fragments swapped": (swap(FRAGMENT, "fragments/00001.parquet"), {1, 2}),
    "manifest cut": (rewrite(MANIFEST, lambda data: data[:-2]), {1}),
    "manifest emptied": (empty(MANIFEST), {1}),
    "manifest flipped": (flip(MANIFEST, 0.5), {1}),
    "manifest deleted": (delete(MANIFEST), {1}),
    "manifests swapped": (swap(MANIFEST, "fragments/00002.json"), {1, 2}),
    "label table cut": (cut("metadata.parquet"), set()),
    "label table flipped": (flip("metadata.parquet", 0.6), set()),
    "label table deleted": (delete("metadata.parquet"), set()),
    "csv flipped": (flip("labels.csv", 0.6), set()),
    "csv emptied": (empty("labels.csv"), set()),
    "success flipped": (flip("_SUCCESS.json", 0.5), set()),
    "success emptied": (empty("_SUCCESS.json"), set()),
}


def shard_times(out: Path) -> dict[int, float]:
    """When each shard was committed."""
    manifests = (json.loads(path.read_text()) for path in (out / "fragments").glob("*.json"))
    return {manifest["shard"]: manifest["finished_at"] for manifest in manifests}


@pytest.mark.parametrize("name", TO_RECORDS)
def test_damage_to_records_is_named_and_made_good(
    out: Path, whole: Path, serial: Renderer, name: str
) -> None:
    assert_made_good(out, whole, serial, TO_RECORDS[name])


@in_containers("files")
@pytest.mark.parametrize("name", TO_PICTURES)
def test_damage_to_pictures_is_named_and_made_good(
    out: Path, whole: Path, serial: Renderer, name: str
) -> None:
    assert_made_good(out, whole, serial, TO_PICTURES[name])


@in_containers("tar", "parquet")
@pytest.mark.parametrize("name", TO_ONE_FILE)
def test_damage_to_a_shards_one_file_is_named_and_made_good(
    out: Path, whole: Path, serial: Renderer, container: str, name: str
) -> None:
    damaging, shard = TO_ONE_FILE[name]
    case = damaging(shard_path(container, shard)), {shard}
    assert_made_good(out, whole, serial, case)
    assert not (out / shard_path(container, shard)).is_symlink()


@in_containers("tar", "parquet")
def test_swapped_files_of_shards_are_named_and_made_good(
    out: Path, whole: Path, serial: Renderer, container: str
) -> None:
    damage = swap(shard_path(container, 0), shard_path(container, 2))
    assert_made_good(out, whole, serial, (damage, {0, 2}))


def assert_made_good(
    out: Path, whole: Path, serial: Renderer, case: tuple[Damaging, set[int]]
) -> None:
    damage, shards = case
    before = shard_times(out)
    damage(out)
    report = verify(out, checksums=True)
    assert not report.whole
    assert set(report.damaged_shards) | set(report.missing) == shards
    serial.render(out)
    assert tree(out) == tree(whole)
    after = shard_times(out)
    assert {index for index in before if after[index] != before[index]} == shards
    assert verify(out, checksums=True).whole


def test_a_damaged_record_is_written_again(out: Path, whole: Path, serial: Renderer) -> None:
    half = rewrite("run.json", lambda data: data[: len(data) // 2])
    for damage in (half, empty("run.json"), flip("run.json", 0.3), delete("run.json")):
        damage(out)
        before = shard_times(out)
        serial.render(out)
        assert tree(out) == tree(whole)
        assert shard_times(out) == before


def test_verify_on_the_command_line_names_shards_and_the_next_run_mends_them(
    out: Path, whole: Path, container: str
) -> None:
    flipped, shorter = holder(container, 200), holder(container, 3)
    flip(flipped, 0.5)(out)
    cut(shorter)(out)
    # Sizes alone find the one, every byte both.
    quick = run("verify", out).expect(STOPPED)
    assert "shard 0" in quick.stdout
    assert "shard 1" not in quick.stdout
    slow = run("verify", out, "--checksums").expect(STOPPED, num_lines=1)
    assert flipped in slow.stdout
    assert shorter in slow.stdout
    assert "shard 2" not in slow.stdout
    options = (*OPTIONS, "--container", container)
    run("render", out, *options, "--engine", "processes", "--workers", 2).expect(DONE)
    assert tree(out) == tree(whole)
    run("verify", out, "--checksums").expect(DONE, num_lines=0)


def test_a_resume_finds_damage_of_sizes_by_itself(out: Path, whole: Path, container: str) -> None:
    empty(holder(container, 3))(out)
    delete(holder(container, 400))(out)
    cut(FRAGMENT)(out)
    ended = run("render", out, *OPTIONS, "--container", container)
    ended.expect(DONE, "damaged, and made again")
    assert "392 rendered" in ended.stdout or "196" in ended.stdout
    assert tree(out) == tree(whole)


def test_after_another_boot_every_byte_is_checked_once(
    out: Path,
    whole: Path,
    config: RunConfig,
    container: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flip(holder(container, 200), 0.5)(out)
    notes = Notes()
    with Renderer(config, engine="serial", observer=notes) as renderer:
        # In this boot sizes are trusted: the bytes are in the page cache or on the disk.
        renderer.render(out)
        assert notes.lines == []
        monkeypatch.setattr(resume, "current_boot_id", lambda: "another boot")
        renderer.render(out)
        assert len(notes.lines) == 1
        assert holder(container, 200) in notes.lines[0]
        assert tree(out) == tree(whole)
        # Checked once: what is damaged within the new boot is no longer looked for.
        flip(holder(container, 3), 0.5)(out)
        renderer.render(out)
        assert len(notes.lines) == 1


def test_a_finished_run_that_lost_nothing_is_left_alone(out: Path, serial: Renderer) -> None:
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.*")}
    assert serial.render(out).num_rendered == 0
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*.*")}
    changed = {path.name for path in before if before[path] != after.get(path)}
    assert changed <= {".lock", ".workers.lock"}


def reseal(path: Path, changes: dict[str, object]) -> None:
    value = json.loads(path.read_text())
    del value["checksum"]
    path.write_bytes(seal({**value, **changes}, readable=False))


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 99},
        {"shard": 3},
        {"start": 0},
        {"stop": 10**30},
        {"num_rows": -1},
        {"fingerprint": "0" * 64},
        {"seconds": 10**320},
        {"finished_at": float("nan")},
        {"fragment_bytes": 10**12},
        {"images_digest": "../../etc/passwd"},
        {"path": "../../elsewhere"},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_a_manifest_that_lies_under_a_right_checksum_is_damage(
    out: Path, whole: Path, serial: Renderer, changes: dict[str, object]
) -> None:
    reseal(out / MANIFEST, changes)
    assert 1 in verify(out, checksums=True).damaged_shards
    serial.render(out)
    assert tree(out) == tree(whole)


@in_containers("tar", "parquet")
@pytest.mark.parametrize(
    "changes",
    [
        {"stored_bytes": 0},
        {"stored_bytes": -1},
        {"stored_bytes": 10**30},
        {"stored_bytes": None, "stored_crc32": None},
        {"stored_crc32": 1},
        {"stored_crc32": "../.."},
    ],
    ids=str,
)
def test_a_lie_about_a_shards_one_file_is_damage(
    out: Path, whole: Path, serial: Renderer, changes: dict[str, object]
) -> None:
    reseal(out / MANIFEST, changes)
    assert verify(out, checksums=True).damaged_shards == (1,)
    serial.render(out)
    assert tree(out) == tree(whole)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 99},
        {"identity": {}},
        {"identity": {"image_format": "../../x"}},
        {"num_examples": -1},
        {"num_examples": 10**30},
        {"examples_per_shard": 1},
        {"fingerprint": "../.."},
    ],
    ids=str,
)
def test_a_record_that_lies_under_a_right_checksum_is_refused(
    out: Path, changes: dict[str, object]
) -> None:
    reseal(out / "run.json", changes)
    with pytest.raises(ShmtextError) as refusal:
        assert verify(out).whole
        pytest.fail("it was believed")
    assert "\n" not in str(refusal.value)
    run("status", out).expect(int(refusal.value.exit_code), num_lines=1)


def test_a_run_with_other_settings_is_refused_key_by_key(out: Path, container: str) -> None:
    before = tree(out)
    ended = run("render", out, *OPTIONS, "--container", container, "--seed", 5)
    ended.expect(BAD_INPUT, "seed: 0 in the folder, 5 asked for", num_lines=1)
    assert tree(out) == before


@in_containers("files", "tar", "parquet")
def test_a_run_in_another_container_is_refused(out: Path, container: str) -> None:
    before = tree(out)
    for other in ("files", "tar", "tar+json", "parquet"):
        if other == container:
            continue
        config = RunConfig(max_images=600, output=Output(container=other))  # type: ignore[arg-type]
        with pytest.raises(FolderError, match=r"container: .* in the folder, .* asked for"):
            Renderer(config, engine="serial").render(out)
        assert tree(out) == before


@pytest.mark.parametrize("engine", ["serial", "processes"])
def test_pictures_behind_a_link_are_neither_trusted_nor_given_up(
    out: Path, whole: Path, tmp_path: Path, container: str, engine: str
) -> None:
    options = (*OPTIONS, "--container", container, "--engine", engine, "--workers", 1)
    run("render", out, *options).expect(DONE)
    (out / "_SUCCESS.json").unlink()
    committed = sorted(path.name for path in out.glob("fragments/*.json"))
    (out / "images").rename(tmp_path / "elsewhere")
    (out / "images").symlink_to(tmp_path / "elsewhere")
    for command in (("verify", out), ("render", out, *options)):
        run(*command).expect(STOPPED, "a link or a file stands where a folder should", num_lines=1)
        assert committed == sorted(path.name for path in out.glob("fragments/*.json"))
    (out / "images").unlink()
    (tmp_path / "elsewhere").rename(out / "images")
    ended = run("render", out, *options).expect(DONE, num_lines=0)
    assert "600 images were there already" in ended.stdout
    assert tree(out) == tree(whole)


def test_pictures_that_cannot_be_read_are_not_given_up(
    out: Path, whole: Path, tmp_path: Path, container: str
) -> None:
    options = (*OPTIONS, "--container", container)
    run("render", out, *options).expect(DONE)
    shim = write_shim(
        tmp_path / "shim",
        """
        real, real_open = os.scandir, os.open

        def scandir(folder):
            if isinstance(folder, int):
                raise OSError(5, "Input/output error")
            return real(folder)

        def open(name, flags, mode=0o777, *, dir_fd=None):
            if name in ("00000.tar", "00000.parquet"):
                if os.readlink(f"/proc/self/fd/{dir_fd}").endswith("/images"):
                    raise OSError(5, "Input/output error")
            return real_open(name, flags, mode, dir_fd=dir_fd)

        os.scandir, os.open = scandir, open
        """,
    )
    for command in (("verify", out), ("render", out, *options)):
        run(*command, shims=[shim]).expect(STOPPED, "the device that holds", num_lines=1)
    run("verify", out, "--checksums").expect(DONE)
    assert tree(out) == tree(whole)


@pytest.mark.parametrize("num_images", [30, 100, 300])
def test_a_lost_record_lets_no_other_run_take_the_folder(
    out: Path, serial: Renderer, num_images: int
) -> None:
    """Whichever shards the other run would have: those of this one are foreign to it."""
    for content in (b"", None):
        (out / "run.json").unlink() if content is None else (out / "run.json").write_bytes(content)
        before = tree(out)
        with pytest.raises(FolderError, match="its shards are of a run with other settings"):
            serial.render(out, max_images=num_images)
        assert tree(out) == before
    serial.render(out)
