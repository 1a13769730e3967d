"""Tar shards are what ``tarfile`` would write, as far as it goes, and what GNU tar reads."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from dataset_runs import PLAN, drawn_of, picture, record_of, render_shard, text
from hypothesis import given
from hypothesis import strategies as st
from stored import members

from shmtext.corpus.ragged import pack_texts
from shmtext.dataset.containers import tar
from shmtext.dataset.containers.one_file import Scratch
from shmtext.dataset.containers.tar import BLOCK_BYTES, END, sample_blocks
from shmtext.dataset.folder import OutputFolder
from shmtext.dataset.manifest import read_labels
from shmtext.errors import DamageError

SHARD = PLAN.shard(1)
DRAWN = drawn_of(SHARD)


def by_tarfile(files: Sequence[tuple[str, bytes]]) -> bytes:
    """The slow reference."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as file:
        for name, data in files:
            member = tarfile.TarInfo(name)  # whose owner and times are all 0
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def assert_is_by_tarfile(found: bytes, files: Sequence[tuple[str, bytes]]) -> None:
    """Equal but for the end: ``tarfile`` fills up 20 blocks, as tapes want it."""
    reference = by_tarfile(files)

    assert found == reference[: len(found)]
    assert set(reference[len(found) :]) <= {0}


sizes = st.sampled_from([0, 1, 511, 512, 513, 1_023, 1_024, 1_025, 5_120]) | st.integers(0, 2_000)
texts_ = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@given(st.lists(st.tuples(sizes, texts_, st.booleans()), min_size=1, max_size=9), st.integers(0, 2))
def test_the_blocks_of_samples_are_those_of_tarfile(
    samples: list[tuple[int, str, bool]], num_kinds: int
) -> None:
    kinds = ("txt", "json")[:num_kinds]
    pictures = [bytes([i % 255 + 1]) * size for i, (size, _, _) in enumerate(samples)]
    texts = [text_ for _, text_, _ in samples]
    data = [
        np.frombuffer(each, np.uint8) if is_array else each
        for each, (_, _, is_array) in zip(pictures, samples, strict=True)
    ]
    names = [
        [f"{i:09d}.{extension}".encode() for i in range(len(samples))]
        for extension in ("jpg", *kinds)
    ]
    found = sample_blocks(names, data, [pack_texts(texts)] * len(kinds), Scratch())
    expected = [
        (f"{i:09d}.{extension}", content)
        for i, (each, text_) in enumerate(zip(pictures, texts, strict=True))
        for extension, content in (("jpg", each), *((kind, text_.encode()) for kind in kinds))
    ]

    assert_is_by_tarfile(found.tobytes() + END, expected)


def test_a_picture_of_gigabytes_has_its_size_in_the_header() -> None:
    header = tarfile.TarInfo("000000000.jpg")
    header.size = 8**10 + 5  # fills eleven octal digits
    block = np.ones((1, BLOCK_BYTES), np.uint8)
    tar._write_headers(block, np.array([0]), [[b"000000000.jpg"]], np.array([[header.size]]))

    assert header.tobuf(tarfile.USTAR_FORMAT) == block.tobytes()


@pytest.mark.parametrize("name", ["tar", "tar+json"])
def test_a_shard_is_the_tar_file_of_its_pictures_each_with_its_text(
    tmp_path: Path, name: str
) -> None:
    record = record_of(400, name)
    with OutputFolder.open(tmp_path, create=False) as folder:
        manifest = render_shard(folder, 1, record)
        rows = read_labels(folder, SHARD, manifest, record.schema).to_pylist()
    files = []
    for row in rows:
        key = f"{row['example_index']:09d}"
        files += [(f"{key}.jpg", picture(row["example_index"]))]
        files += [(f"{key}.txt", text(row["example_index"]).encode())]
        if name == "tar+json":
            spelled = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
            files += [(f"{key}.json", spelled.encode())]
    data = (tmp_path / "images/00001.tar").read_bytes()

    assert_is_by_tarfile(data, files)
    assert len(data) % BLOCK_BYTES == 0
    assert files == list(members(tmp_path / "images/00001.tar").items())


def test_json_gives_back_the_label_row(tmp_path: Path) -> None:
    record = record_of(400, "tar+json")
    with OutputFolder.open(tmp_path, create=False) as folder:
        manifest = render_shard(folder, 1, record)
        rows = read_labels(folder, SHARD, manifest, record.schema).to_pylist()
    found = members(tmp_path / "images/00001.tar")

    assert rows == [json.loads(found[f"{row['example_index']:09d}.json"]) for row in rows]
    assert [text(i) for i in DRAWN] == [row["text"] for row in rows]


def test_neither_owner_nor_time_of_a_run_is_in_it(tmp_path: Path) -> None:
    with OutputFolder.open(tmp_path, create=False) as folder:
        render_shard(folder, 1, record_of(400, "tar"))
    with tarfile.open(tmp_path / "images/00001.tar", "r:") as file:
        found = {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode, m.type) for m in file}

    assert {(0, 0, 0, "", "", 0o644, tarfile.REGTYPE)} == found


@pytest.mark.skipif(shutil.which("tar") is None, reason="no tar")
def test_the_program_tar_lists_and_unpacks_it(tmp_path: Path) -> None:
    with OutputFolder.open(tmp_path, create=False) as folder:
        render_shard(folder, 1, record_of(400, "tar"))
    path, unpacked = tmp_path / "images/00001.tar", tmp_path / "unpacked"
    unpacked.mkdir()
    listed = subprocess.run(
        ["tar", "-tf", path], capture_output=True, text=True, check=True
    ).stdout.split()
    ended = subprocess.run(["tar", "-xf", path, "-C", unpacked], capture_output=True, check=True)

    assert [f"{i:09d}.{extension}" for i in DRAWN for extension in ("jpg", "txt")] == listed
    assert ended.stderr == b""
    for i in DRAWN:
        assert picture(i) == (unpacked / f"{i:09d}.jpg").read_bytes()
        assert text(i).encode() == (unpacked / f"{i:09d}.txt").read_bytes()


# -- damage ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shard_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("tar")
    with OutputFolder.open(out, create=False) as folder:
        render_shard(folder, 1, record_of(400, "tar"))
    return (out / "images/00001.tar").read_bytes()


def read_all(data: bytes, out: Path) -> list[bytes | None]:
    """Pictures of a shard's file with these bytes; None for one that is said to be damaged."""
    record = record_of(400, "tar")
    path = out / "images/00001.tar"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    found: list[bytes | None] = []
    with OutputFolder.open(out, create=False) as folder:
        try:
            with record.container.opened(folder, SHARD) as read:
                for i in DRAWN:
                    try:
                        found += read([f"images/00001.tar/{i:09d}.jpg"])
                    except DamageError:
                        found.append(None)
        except DamageError:
            found = [None] * len(DRAWN)
    return found


@given(data=st.data())
def test_whatever_bit_is_flipped_pictures_elsewhere_are_read_or_it_is_damage(
    shard_file: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whoever asks holds what is read against its checksum: of one picture other bytes may come."""
    at = data.draw(st.integers(0, len(shard_file) - 1))
    flipped = bytearray(shard_file)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    found = read_all(bytes(flipped), tmp_path_factory.getbasetemp() / "flipped")

    others = [i for i, each in zip(DRAWN, found, strict=True) if each not in (None, picture(i))]
    assert len(others) <= 1


@pytest.mark.parametrize("size", [b"-0000001000", b"-7777777777", b"77777777777", b"x", b""])
def test_a_header_that_leads_back_or_too_far_is_damage(
    shard_file: bytes, tmp_path: Path, size: bytes
) -> None:
    at = 8 * BLOCK_BYTES
    data = shard_file[: at + 124] + size.ljust(11, b"\0") + shard_file[at + 135 :]

    assert [None] * len(DRAWN) == read_all(data, tmp_path)


@pytest.mark.parametrize("num_bytes", [0, 1, 511, 512, 1_024, 5_000])
def test_a_file_cut_short_is_damage(shard_file: bytes, tmp_path: Path, num_bytes: int) -> None:
    assert [None] * len(DRAWN) == read_all(shard_file[:num_bytes], tmp_path)
