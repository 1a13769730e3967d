"""What commands print for programs, how quiet they can be, and what terminals are spared."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from drawing import SANS
from fault_runs import BAD_INPUT, DONE, HANG_S, STOPPED, Finished, environment, run_here

from shmtext.cli.as_json import names_of, plain
from shmtext.config.looks import look_names
from shmtext.dataset.places import StoreUrl
from shmtext.errors import ExitCode
from shmtext.looks.registry import BY_NAME
from shmtext.parts import Part

TINY = (
    *("--letters", "abcdefgh", "--numbers", "0123", "--character-frequency", "20"),
    *("--fonts", SANS, "--engine", "serial"),
)
"""Some 22 examples."""
TWO_SHARDS = (*TINY, "--character-frequency", "200")

RUN_KEYS = {
    *("folder", "container", "num_images", "num_skipped", "num_failed", "num_alone"),
    *("num_rendered", "image_bytes", "elapsed_s", "digest", "characters", "has_csv"),
    "images_per_s",
}
PART_KEYS = {
    *("folder", "part", "num_shards", "num_run_shards", "num_images", "num_skipped"),
    *("num_failed", "num_alone", "num_rendered", "image_bytes", "elapsed_s", "images_per_s"),
}
EXPORT_KEYS = {
    *("folder", "to", "num_images", "image_bytes", "left_out", "first_left_out", "num_escaped"),
    *("num_written", "elapsed_s", "loading", "notes"),
}
STATUS_KEYS = {
    *("folder", "holders", "holder", "finished", "num_examples", "num_shards", "num_missing"),
    *("num_committed_shards", "num_images", "num_skipped", "num_failed", "image_bytes"),
    *("images_per_s", "damages"),
}
REPORT_KEYS = {
    *("num_shards", "num_whole", "missing", "damages", "finished", "damaged_shards", "whole"),
}


def document(ended: Finished, code: int = DONE) -> Any:
    """The one document on standard output, and nothing else there."""
    assert code == ended.returncode, ended.stderr
    return json.loads(ended.stdout)


def told(ended: Finished) -> list[str]:
    """What was told of besides progress."""
    return [line for line in ended.stderr.splitlines() if "images/s" not in line]


def test_render_says_what_it_came_to_as_json(tmp_path: Path) -> None:
    first = document(run_here("render", tmp_path / "out", *TINY, "--json"))
    again = document(run_here("render", tmp_path / "out", *TINY, "--json"))

    assert RUN_KEYS == set(first)
    assert str(tmp_path / "out") == first["folder"]
    assert pq.read_metadata(tmp_path / "out" / "metadata.parquet").num_rows == first["num_images"]
    assert (first["num_images"], first["digest"]) == (again["num_images"], again["digest"])
    assert 0 == again["num_rendered"]


def test_parts_and_their_join_are_said_as_json(tmp_path: Path) -> None:
    out = tmp_path / "out"
    parts = [document(run_here("render", out, *TWO_SHARDS, "--part", p, "--json")) for p in PARTS]
    joined = document(run_here("join", out, "--json"))

    assert [PART_KEYS] * 2 == [set(part) for part in parts]
    assert PARTS == [part["part"] for part in parts]
    assert set(joined) == RUN_KEYS
    assert sum(part["num_images"] for part in parts) == joined["num_images"]


PARTS = ["0/2", "1/2"]


def test_an_export_is_said_as_json(tmp_path: Path) -> None:
    run_here("render", tmp_path / "out", *TINY).expect(DONE)
    split = ("--split", "train=0.5,val=0.5")
    exported = run_here(
        "export", tmp_path / "out", "--to", "jsonl", tmp_path / "d", *split, "--json"
    )
    said = document(exported)

    assert EXPORT_KEYS == set(said)
    assert {"train", "val"} == set(said["num_images"])
    assert ("jsonl", str(tmp_path / "d")) == (said["to"], said["folder"])


def test_status_and_verify_are_said_as_json_with_the_codes_that_they_have(tmp_path: Path) -> None:
    run_here("render", tmp_path, *TINY).expect(DONE)
    status, whole = run_here("status", tmp_path, "--json"), run_here("verify", tmp_path, "--json")
    (tmp_path / "images" / "00000" / "000000003.jpg").unlink()
    damaged = run_here("verify", tmp_path, "--json")

    assert STATUS_KEYS == set(document(status))
    assert document(status)["finished"]
    assert REPORT_KEYS == set(document(whole))
    assert document(whole)["whole"]
    found = document(damaged, STOPPED)
    assert not found["whole"]
    assert [0] == found["damaged_shards"]
    (damage,) = found["damages"]
    assert {"shard", "path", "what"} == set(damage)
    assert (0, "images/00000/000000003.jpg") == (damage["shard"], damage["path"])
    assert ["shmtext: "] == [line[:9] for line in told(damaged)]


def test_looks_are_said_as_json() -> None:
    looks = document(run_here("looks", "--json"))["looks"]
    effects = document(run_here("looks", "--effects", "--json"))["effects"]

    assert list(look_names()) == [look["name"] for look in looks]
    assert [{"name", "about", "effects", "shares"}] * len(looks) == [set(look) for look in looks]
    mixed = looks[-1]
    assert ("mixed", []) == (mixed["name"], mixed["effects"])
    assert set(mixed["shares"]) <= set(look_names())
    assert list(BY_NAME) == [effect["name"] for effect in effects]
    assert {"name", "kind", "about", "degrades"} == set(effects[0])


@pytest.mark.parametrize("name", [*look_names(), "blur"])
def test_a_look_is_the_same_as_json_and_as_toml(name: str) -> None:
    as_toml = run_here("looks", name).stdout

    assert tomllib.loads(as_toml) == document(run_here("looks", name, "--json"))


def test_errors_are_said_as_ever_where_json_is_asked_for(tmp_path: Path) -> None:
    for asked in (
        ("render", tmp_path / "out", "--fonts", tmp_path / "none", "--json"),
        ("status", tmp_path, "--json"),
        ("verify", tmp_path, "--json"),
        ("join", tmp_path, "--json"),
        ("export", tmp_path, "--to", "jsonl", tmp_path / "dest", "--json"),
        ("looks", "bluur", "--json"),
    ):
        ended = run_here(*asked).expect(BAD_INPUT, "shmtext: ", num_lines=1)
        assert "" == ended.stdout


def test_a_run_without_a_picture_has_its_summary_and_its_complaint(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("\u4e2d\n", encoding="utf-8")
    asked = ("render", tmp_path / "out", "--texts", tmp_path / "texts.txt", "--fonts", SANS)
    ended = run_here(*asked, "--json")

    assert 1 == document(ended, ExitCode.FAILED_EXAMPLES)["num_skipped"]
    assert ["shmtext: nothing could be drawn"] == [line[:31] for line in told(ended)]
    quiet = run_here(*asked, "--quiet").expect(ExitCode.FAILED_EXAMPLES, num_lines=1)
    assert "" == quiet.stdout


def test_folders_whose_names_are_no_utf_8_are_said_so_that_python_finds_them(
    tmp_path: Path,
) -> None:
    out = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe"))
    rendered = run_here("render", out, *TINY, "--json")
    status = run_here("status", out, "--json")

    assert rendered.stdout.isascii()
    for ended in (rendered, status):
        assert Path(document(ended)["folder"]) == out
        assert Path(document(ended)["folder"]).is_dir()


def test_places_and_parts_are_texts_in_json() -> None:
    assert "s3://words/runs/1" == plain(StoreUrl("s3", "words", "runs/1"))
    assert {"a": ["b", "1/4", None]} == plain({"a": (Path("b"), Part(1, 4), None)})
    with pytest.raises(TypeError, match="no JSON"):
        names_of(object)


# -- quiet ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("quiet", ["--quiet", "-q"])
def test_quiet_commands_say_nothing(tmp_path: Path, quiet: str) -> None:
    (tmp_path / "bad.ttf").write_bytes(b"no font")
    out, fonts = tmp_path / "out", ("--fonts", tmp_path / "bad.ttf", "--skip-bad-fonts")
    dest = ("--to", "jsonl", tmp_path / "dest")
    for asked in (
        ("render", out, *TWO_SHARDS, *fonts, "--part", "0/2"),
        ("render", out, *TWO_SHARDS, *fonts),
        ("join", out),
        ("export", out, *dest),
    ):
        ended = run_here(*asked, quiet)
        assert (DONE, "", "") == (ended.returncode, ended.stdout, ended.stderr)


def test_errors_are_said_however_quiet_a_command_is(tmp_path: Path) -> None:
    ended = run_here("render", tmp_path / "out", "--fonts", tmp_path / "none", "--quiet")

    ended.expect(BAD_INPUT, "shmtext: cannot open the font", num_lines=1)
    assert "" == ended.stdout


def test_quiet_leaves_the_document_that_is_asked_for(tmp_path: Path) -> None:
    ended = run_here("render", tmp_path / "out", *TINY, "--quiet", "--json")

    assert RUN_KEYS == set(document(ended))
    assert "" == ended.stderr


# -- terminals -----------------------------------------------------------------------------------


def shown(out: Path, *options: str, **variables: str) -> str:
    """All that a terminal is sent on standard error while a run is rendered."""
    terminal, end = os.openpty()
    command = [sys.executable, "-m", "shmtext", "render", str(out), *map(str, TINY), *options]
    child = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=end, env=environment(variables)
    )
    os.close(end)
    sent = b""
    with suppress(OSError):  # how a terminal ends that nobody writes to any more
        while part := os.read(terminal, 1 << 12):
            sent += part
    os.close(terminal)
    assert DONE == child.wait(HANG_S)
    return sent.decode()


COLOR = re.compile("\x1b\\[(?:[0-9]+;)*(?:3[0-9]|4[0-9]|9[0-7]|10[0-7])(?:;[0-9]+)*m")


@pytest.mark.timeout(HANG_S)
def test_a_terminal_has_colours_unless_no_color_is_set(tmp_path: Path) -> None:
    colored = shown(tmp_path / "a", TERM="xterm-256color")
    plain_bar = shown(tmp_path / "b", TERM="xterm-256color", NO_COLOR="1")

    assert COLOR.search(colored)
    assert "images/s" in plain_bar
    assert not COLOR.search(plain_bar)


@pytest.mark.timeout(HANG_S)
def test_a_dumb_terminal_gets_lines_without_escape_codes(tmp_path: Path) -> None:
    (tmp_path / "bad.ttf").write_bytes(b"no font")
    sent = shown(
        tmp_path / "out", "--fonts", str(tmp_path / "bad.ttf"), "--skip-bad-fonts", TERM="dumb"
    )

    assert "bad.ttf is not a TrueType" in sent
    assert sent.replace("\r\n", "").isprintable()


@pytest.mark.timeout(HANG_S)
def test_a_quiet_run_sends_a_terminal_nothing(tmp_path: Path) -> None:
    assert "" == shown(tmp_path / "out", "--quiet", TERM="xterm-256color")
