"""Parts of a run: whatever they are and however they end, joined they are one machine's run."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dataset_runs import PowerCut, power_cut
from fault_runs import Notes, tree
from hypothesis import given, settings
from hypothesis import strategies as st

import shmtext
from shmtext import Output, Renderer, RunConfig, Style, TextFile
from shmtext.dataset import gather
from shmtext.engine import resume, to_dataset
from shmtext.engine.checking import Committed
from shmtext.errors import ConfigError, FolderError, MissingShardsError
from shmtext.parts import Part

CONTAINERS = ("files", "tar", "parquet")


# -- which shards are whose ------------------------------------------------------------------------


@given(st.integers(0, 200), st.integers(1, 60))
def test_each_shard_is_of_one_part_of_each_number(num_shards: int, num_parts: int) -> None:
    parts = [Part(index, num_parts) for index in range(num_parts)]

    found = sorted(shard for part in parts for shard in part.shards(num_shards))

    assert found == list(range(num_shards))
    for part in parts:
        assert [s for s in range(num_shards) if s in part] == list(part.shards(num_shards))


@given(st.integers(0, 999_999), st.integers(1, 1_000_000))
def test_a_part_is_read_back_from_its_notation_and_its_name(index: int, num_parts: int) -> None:
    part = Part(index % num_parts, num_parts)

    assert Part.parse(str(part)) == part
    assert Part.named(part.name) == part


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1/",
        "/2",
        "2/2",
        "-1/2",
        "0/0",
        "1/2/3",
        "a/b",
        "0.0/2",
        "٠/2",
        "0/1000001",
        "0 /2",
    ],
)
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="a part is i/n"):
        Part.parse(text)


@pytest.mark.parametrize("name", ["", "parts", "1-of-1", "0-of-", "-of-2", "0-of-2-of-3", "x-of-2"])
def test_other_names_are_no_part(name: str) -> None:
    assert Part.named(name) is None


# -- rendering and joining -------------------------------------------------------------------------


class Runs:
    """A run of seven shards, whole and in parts, in one container."""

    def __init__(self, folder: Path, container: str) -> None:
        texts = folder / "texts.txt"
        # One in forty can't be drawn, and one whole shard.
        texts.write_text(
            "".join(
                "\u0378\n" if i % 40 == 7 or 64 * 3 <= i < 64 * 4 else f"text {i}\n"
                for i in range(64 * 6 + 20)
            ),
            encoding="utf-8",
        )
        self.config = RunConfig(
            corpus=TextFile(texts),
            style=Style(font_sizes=(12,)),
            output=Output(image_format="png", container=container),
        )
        self.renderer = Renderer(self.config, engine="serial")
        self.whole = folder / "whole"
        self.summary = self.renderer.render(self.whole)
        self.tree = tree(self.whole)


@pytest.fixture(scope="module", params=CONTAINERS)
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runs]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shmtext.dataset.plan.shard_size", lambda _: 64)
        made = Runs(tmp_path_factory.mktemp(request.param), request.param)
        with made.renderer:
            yield made


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


parts = st.integers(1, 9).flatmap(lambda n: st.builds(Part, st.integers(0, n - 1), st.just(n)))
attempts = st.lists(st.tuples(parts, st.none() | st.integers(1, 400)), max_size=7)


@given(attempts, st.integers(1, 9), st.randoms(use_true_random=False), st.booleans())
@settings(max_examples=20)
def test_parts_of_any_number_in_any_order_each_killed_anywhere_join_to_the_run_of_one_machine(
    runs: Runs,
    attempts: list[tuple[Part, int | None]],
    num_parts: int,
    random: object,
    is_joined: bool,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out")
        for part, dies_at in attempts:
            if dies_at is None:
                runs.renderer.render_part(out, str(part))
                continue
            with pytest.raises(PowerCut), power_cut(dies_at):
                runs.renderer.render_part(out, str(part))
                raise PowerCut  # it had ended before
        if is_joined:
            rest = [str(Part(index, num_parts)) for index in range(num_parts)]
            random.shuffle(rest)  # type: ignore[attr-defined]
            for part in rest:
                runs.renderer.render_part(out, part)
            summary = shmtext.join(out)
        else:
            summary = runs.renderer.render(out)

        assert summary.digest == runs.summary.digest
        assert tree(out) == runs.tree
        assert sorted(each for each in os.listdir(out) if each[0] in "._") == [
            *(".lock", ".workers.lock", "_SUCCESS.json")
        ]


@given(st.integers(1, 5), st.integers(1, 400), st.booleans())
@settings(max_examples=12)
def test_parts_in_folders_of_their_own_join_to_the_run_of_one_machine_though_the_join_is_killed(
    runs: Runs, num_parts: int, dies_at: int, links: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        if not links:
            patch.setattr("os.link", refuse_link)
        folders = [Path(folder, f"part{index}") for index in range(num_parts)]
        for index, part in enumerate(folders):
            runs.renderer.render_part(part, f"{index}/{num_parts}")
        out = Path(folder, "out")
        # One thread: what a dead process does no more, others of its threads don't either.
        patch.setattr("shmtext.engine.join.BRINGING_THREADS", 1)
        with pytest.raises(PowerCut), power_cut(dies_at):
            shmtext.join(*folders, into=out)
            raise PowerCut
        before = [tree(part) for part in folders]
        summary = shmtext.join(*folders, into=out)

        assert summary.digest == runs.summary.digest
        assert tree(out) == runs.tree
        assert before == [tree(part) for part in folders]
        assert shmtext.verify(out, checksums=True).whole
        num_links = {path.stat().st_nlink for path in out.glob("images/**/*") if path.is_file()}
        assert num_links == {2 if links else 1}


def refuse_link(*_: object, **__: object) -> None:
    raise OSError(18, "Invalid cross-device link")


def test_a_part_tells_what_it_came_to(runs: Runs, out: Path) -> None:
    first = runs.renderer.render_part(out, "1/3")
    again = runs.renderer.render_part(out, "1/3")

    assert (first.num_shards, first.num_run_shards) == (2, 7)
    assert first.num_images + first.num_skipped + first.num_failed == 2 * 64
    assert first.num_rendered == first.num_images
    assert again.num_rendered == 0
    assert again.num_images == first.num_images
    assert shmtext.run_status(out).num_committed_shards == 2
    assert os.listdir(out / "_stage") == []


def test_a_part_without_a_shard_is_done(runs: Runs, out: Path) -> None:
    summary = runs.renderer.render_part(out, "8/9")

    assert (summary.num_shards, summary.num_images) == (0, 0)


def test_what_is_missing_is_named_and_nothing_is_merged(runs: Runs, out: Path) -> None:
    runs.renderer.render_part(out, "3/4")
    with pytest.raises(MissingShardsError, match=r"6 of 7 shards are missing .*\(0-2, 4-6\)"):
        shmtext.join(out)
    before = tree(out)
    runs.renderer.render_part(out, "0/2")
    with pytest.raises(MissingShardsError, match=r"2 of 7 shards are missing .*\(1, 5\)"):
        shmtext.join(out)

    assert "metadata.parquet" not in before
    assert not (out / "_SUCCESS.json").exists()


def test_a_join_finds_damage_and_has_the_part_rendered_again(runs: Runs, out: Path) -> None:
    for part in ("0/2", "1/2"):
        runs.renderer.render_part(out, part)
    picture = next(path for path in sorted(out.glob("images/**/*")) if path.is_file())
    picture.write_bytes(picture.read_bytes()[:-1])
    notes = Notes()
    with pytest.raises(MissingShardsError, match=r"1 of 7 .*\(0\)"):
        shmtext.join(out, observer=notes)
    assert "damaged, and made again" in notes.lines[0]
    runs.renderer.render_part(out, "0/2")
    shmtext.join(out)

    assert tree(out) == runs.tree


def test_a_joined_run_is_left_alone_unless_other_tables_are_asked_for(
    runs: Runs, out: Path
) -> None:
    runs.renderer.render_part(out, "0/1")
    shmtext.join(out, csv=False)
    assert not (out / "labels.csv").exists()
    written = (out / "_SUCCESS.json").stat().st_mtime_ns
    shmtext.join(out)
    assert (out / "_SUCCESS.json").stat().st_mtime_ns == written
    shmtext.join(out, csv_columns="filename,words")
    assert (out / "labels.csv").read_text().splitlines()[0] == "filename,words"
    shmtext.join(out, csv_columns="filename,label")

    assert tree(out) == runs.tree


def test_a_part_of_a_finished_run_leaves_it_finished_and_mends_only_its_own(
    runs: Runs, out: Path
) -> None:
    runs.renderer.render(out)
    assert runs.renderer.render_part(out, "0/2").num_rendered == 0
    assert (out / "_SUCCESS.json").exists()
    (out / "fragments/00001.json").unlink()
    assert runs.renderer.render_part(out, "0/2").num_rendered == 0
    assert runs.renderer.render_part(out, "1/2").num_rendered > 0
    assert not (out / "_SUCCESS.json").exists()
    shmtext.join(out)

    assert tree(out) == runs.tree


def test_marks_of_verify_are_taken_by_any_part_and_are_not_taken_twice(
    runs: Runs, out: Path
) -> None:
    runs.renderer.render(out)
    picture = next(path for path in sorted(out.glob("images/**/*")) if path.is_file())
    data = picture.read_bytes()
    picture.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    assert not shmtext.verify(out, checksums=True).whole
    runs.renderer.render_part(out, "1/2")
    assert runs.renderer.render_part(out, "0/2").num_rendered > 0
    shmtext.join(out)

    assert tree(out) == runs.tree


def test_parts_of_another_config_are_refused_key_by_key_and_leave_no_trace(
    runs: Runs, out: Path
) -> None:
    runs.renderer.render_part(out, "0/2")
    before = tree(out)
    other = RunConfig(corpus=runs.config.corpus, style=Style(font_sizes=(13,)))
    with pytest.raises(FolderError, match=r"style.font_sizes: \[12\] in the folder, \[13\] asked"):
        shmtext.render_part(other, out, "1/2", engine="serial")

    assert tree(out) == before


def test_of_two_configs_that_begin_at_once_one_is_refused_with_the_difference(
    runs: Runs, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have seen that no run is there before either says that its own is."""
    both_looked = threading.Barrier(2, timeout=60)
    real = resume.write_record

    def write_record(*arguments: object) -> None:
        both_looked.wait()
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(resume, "write_record", write_record)
    other = RunConfig(corpus=runs.config.corpus, style=Style(font_sizes=(13,)))
    refused: list[Exception] = []

    def render(config: RunConfig, part: str) -> None:
        try:
            shmtext.render_part(config, out, part, engine="serial")
        except FolderError as error:
            refused.append(error)

    threads = [
        threading.Thread(target=render, args=(config, f"{index}/2"))
        for index, config in enumerate((runs.config, other))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 1
    assert "style.font_sizes" in str(refused[0])
    assert len({path.read_text().count('"version"') for path in out.glob("run.json")}) == 1


def test_a_part_does_not_write_a_damaged_record_anew(runs: Runs, out: Path) -> None:
    runs.renderer.render_part(out, "0/2")
    (out / "run.json").write_text("{")
    with pytest.raises(shmtext.ShmtextError, match=r"run.json is damaged.*render without a part"):
        runs.renderer.render_part(out, "1/2")
    runs.renderer.render(out)

    assert tree(out) == runs.tree


def test_parts_need_no_links(runs: Runs, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", refuse_link)
    for part in ("0/2", "1/2"):
        runs.renderer.render_part(out, part)
    shmtext.join(out)

    assert tree(out) == runs.tree


# -- folders of their own --------------------------------------------------------------------------


def test_folders_of_different_runs_are_not_joined_and_none_is_made(
    runs: Runs, tmp_path: Path
) -> None:
    runs.renderer.render_part(tmp_path / "a", "0/2")
    other = RunConfig(corpus=runs.config.corpus, style=Style(font_sizes=(13,)))
    shmtext.render_part(other, tmp_path / "b", "1/2", engine="serial")
    with pytest.raises(FolderError, match=rf"font_sizes: \[13\] in {tmp_path}/b, \[12\] in"):
        shmtext.join(tmp_path / "a", tmp_path / "b", into=tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_one_shard_of_two_contents_is_refused(runs: Runs, tmp_path: Path) -> None:
    """A machine that comes to other bytes from the same settings is faulty; who can say which?"""
    for name, size in (("a", 12), ("b", 13)):
        config = RunConfig(
            corpus=runs.config.corpus, style=Style(font_sizes=(size,)), output=runs.config.output
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("shmtext.engine.run.identity_of", lambda *_: {"format": 7})
            shmtext.render_part(config, tmp_path / name, "0/1", engine="serial")
    with pytest.raises(FolderError, match="different pictures or labels of shard 0"):
        shmtext.join(tmp_path / "a", tmp_path / "b", into=tmp_path / "out")


def test_a_shard_that_is_damaged_in_one_folder_is_brought_from_another(
    runs: Runs, tmp_path: Path
) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        runs.renderer.render_part(folder, "0/1")
    picture = next(path for path in sorted(folders[0].glob("images/**/*")) if path.is_file())
    picture.write_bytes(picture.read_bytes()[:-1])
    shmtext.join(*folders, into=tmp_path / "out")

    assert tree(tmp_path / "out") == runs.tree


def test_what_is_copied_is_read_back_and_damage_named(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.renderer.render_part(tmp_path / "a", "0/1")
    picture = next(path for path in sorted((tmp_path / "a").glob("images/**/*")) if path.is_file())
    data = picture.read_bytes()
    picture.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    monkeypatch.setattr(os, "link", refuse_link)
    notes = Notes()
    with pytest.raises(MissingShardsError, match=r"1 of 7 .*\(0\)"):
        shmtext.join(tmp_path / "a", into=tmp_path / "out", observer=notes)

    assert "damaged, and not joined: images/00000" in notes.lines[0]
    assert not (tmp_path / "out/fragments/00000.json").exists()


def test_a_folder_that_is_written_to_is_not_joined(runs: Runs, tmp_path: Path) -> None:
    from shmtext.dataset.folder import OutputFolder  # noqa: PLC0415
    from shmtext.dataset.locks import lock  # noqa: PLC0415

    runs.renderer.render_part(tmp_path / "a", "0/1")
    with OutputFolder.open(tmp_path / "a", create=False, part=Part(0, 1)) as folder:
        lock(folder)
        for arguments in ({}, {"into": tmp_path / "out"}):
            with pytest.raises(FolderError, match="part 0/1: process"):
                shmtext.join(tmp_path / "a", **arguments)  # type: ignore[arg-type]


# -- several hosts ---------------------------------------------------------------------------------


class Host:
    """Another machine, as far as manifests tell."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def be(self, name: str, boot_id: str) -> None:
        self._patch.setattr(socket, "gethostname", lambda: name)
        for module in (resume, to_dataset, gather):
            self._patch.setattr(module, "current_boot_id", lambda: boot_id)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(monkeypatch)


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Shards of which every byte was read."""
    found: list[int] = []
    real = resume.check_all

    def check_all(committed: Committed, *more: Any) -> Any:
        found.extend(sorted(committed.with_checksums))
        return real(committed, *more)

    monkeypatch.setattr(resume, "check_all", check_all)
    return found


def test_of_another_host_no_byte_is_read_again(
    runs: Runs, out: Path, host: Host, checked: list[int]
) -> None:
    for index in range(3):
        host.be(f"node{index}", f"boot of {index}")
        runs.renderer.render_part(out, f"{index}/3")
    runs.renderer.render_part(out, "0/2")
    shmtext.join(out)
    shmtext.join(out)
    runs.renderer.render(out)

    assert checked == []


def test_what_a_host_wrote_before_it_was_started_anew_is_read_once_by_whoever_comes_to_it(
    runs: Runs, out: Path, host: Host, checked: list[int]
) -> None:
    host.be("a", "first")
    runs.renderer.render_part(out, "0/2")
    host.be("b", "of b")
    runs.renderer.render_part(out, "1/4")
    host.be("a", "second")
    runs.renderer.render_part(out, "0/4")
    assert checked == [0, 4]  # its own, of which the part 2/4 is not
    runs.renderer.render_part(out, "0/4")
    runs.renderer.render_part(out, "3/4")
    assert checked == [0, 4]
    host.be("b", "of b")
    shmtext.join(out)
    assert checked == [0, 4, 2, 6]  # a is known to have been started anew
    shmtext.join(out)
    host.be("a", "second")
    runs.renderer.render(out)
    assert checked == [0, 4, 2, 6]
    host.be("a", "third")
    runs.renderer.render(out)
    assert checked == [0, 4, 2, 6, 0, 2, 3, 4, 6]


def test_on_a_disk_of_its_own_a_machine_is_known_whatever_it_is_called(
    runs: Runs, out: Path, host: Host, checked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container a host is called anew each time."""
    host.be("4f0c9d2e11aa", "first")
    runs.renderer.render_part(out, "0/1")
    host.be("9a7b3c21d0ef", "second")
    monkeypatch.setattr(resume.time, "clock_gettime", lambda _: -10.0)  # started a moment later
    monkeypatch.setattr(resume, "is_local", lambda _: False)
    shmtext.join(out)
    assert checked == []
    monkeypatch.setattr(resume, "is_local", lambda _: True)
    shmtext.join(out)
    assert checked == list(range(7))
