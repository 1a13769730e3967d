"""Every command and script of the pages does what it says, as printed, in the order of the pages.

Left out are ``pip`` (``.ci/run`` runs those in environments and systems of their own) and the
benchmarks, whose arguments alone are looked at.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from drawing import ITALIC, SANS
from fault_runs import (
    DONE,
    HANG_S,
    INTERRUPTED,
    REPOSITORY,
    assert_committed_is_whole,
    environment,
    num_committed,
    until,
)
from option_table import BETWEEN, table
from pages import ALL, ARCHITECTURE, DESIGN, NAMES, PAGES

from bench.__main__ import main as bench

BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```$", ALL, re.M | re.S)
ROWS = re.findall(r"^\| `(shmtext .*?)` \| (.*) \|$", PAGES["docs/command-line.md"], re.M)
BENCHES = sorted(set(re.findall(r"`python -m bench(.*?)`", ALL)))

TEXTS = ["one", "two words", "Größe", "null"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The user's files, under the names that the pages give them."""
    (tmp_path / "my-fonts").mkdir()
    shutil.copy(SANS, tmp_path / "my-fonts")
    shutil.copy(ITALIC, tmp_path / "Special.ttf")
    with gzip.open(tmp_path / "lines.txt.gz", "wt", encoding="utf-8") as file:
        file.write("".join(f"{text}\n" for text in TEXTS))
    column = pa.table({"column": TEXTS})
    pq.write_table(column, tmp_path / "data.parquet")
    pyarrow.csv.write_csv(column, tmp_path / "data.csv")
    objects = "".join(json.dumps({"field": text}) + "\n" for text in TEXTS)
    (tmp_path / "data.jsonl").write_text(objects)
    (toml,) = re.findall(r"--config run\.toml` \| .*\(`(.*?)`\)", ALL)
    (tmp_path / "run.toml").write_text(f"{toml}\n")
    return tmp_path


def begin(program: list[str], folder: Path) -> subprocess.Popen[str]:
    """Start a program there as a terminal does, with the installed command in the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        program,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environment({"PATH": path}),
        start_new_session=True,
    )


def do(program: list[str], folder: Path, code: int = DONE) -> str:
    """Run a program to its end, and return what it printed."""
    with begin(program, folder) as process:
        out, err = process.communicate(timeout=HANG_S)
    assert code == process.returncode, (program, out, err)
    return out


def without_pip(commands: str) -> str:
    return re.sub(r"^pip [^\n]*?(&& (?!pip|pytest)|$)", "", commands, flags=re.M)


def interrupt_and_resume(block: str, folder: Path, out: Path) -> None:
    """Start what takes long, twice, and end it by Ctrl-C once it has committed something new."""
    for _ in range(2):
        num_before = num_committed(out)
        with begin(["bash", "-ec", block], folder) as process:
            until(
                lambda num=num_before, process=process: (
                    num_committed(out) > num or process.poll() is not None
                )
            )
            os.killpg(process.pid, signal.SIGINT)
            complaint = process.communicate(timeout=HANG_S)[1]
        assert INTERRUPTED == process.returncode, complaint
        assert num_committed(out) > num_before
    assert_committed_is_whole(out)


def test_every_block_runs_as_printed_one_after_the_other_in_one_folder(folder: Path) -> None:
    for language, block in BLOCKS:
        if language == "python":
            do([sys.executable, "-c", block], folder)
        elif block.startswith("shmtext render big"):
            interrupt_and_resume(block, folder, folder / "big")
        else:
            do(["bash", "-ec", without_pip(block)], folder)

    assert {"out", "big", "letters", "first", "second"} <= {each.name for each in folder.iterdir()}


@pytest.mark.parametrize(("command", "does"), ROWS)
def test_every_command_of_the_table_runs_as_printed(folder: Path, command: str, does: str) -> None:
    if not command.startswith("shmtext render"):
        do(["shmtext", "render", "OUT", "--max-images", "9"], folder)
    do(shlex.split(command), folder)
    if "--texts" in command:
        files = re.findall(r"`(\S+::\S+)`", does)
        assert ["data.parquet::column", "data.csv::column", "data.jsonl::field"] == files
        for file in files:
            do(["shmtext", "render", file, "--texts", file], folder)
        for out in ("OUT", *files):
            table = pq.read_table(folder / out / "metadata.parquet")
            assert TEXTS == table.column("text").to_pylist()
    if "--config" in command:
        table = pq.read_table(folder / "OUT" / "metadata.parquet")
        assert {24, 32} == set(table.column("font_size_px").to_pylist())


def test_texts_that_look_like_missing_ones_are_in_labels_csv_as_they_are(folder: Path) -> None:
    (folder / "na.txt").write_text("NA\nnull\nnan\n")
    do(["shmtext", "render", "out", "--texts", "na.txt"], folder)
    with (folder / "out" / "labels.csv").open(newline="") as file:
        labels = [row["label"] for row in csv.DictReader(file)]

    assert ["NA", "null", "nan"] == labels
    # Only pandas can be told not to take them for something else, and the page says how.
    assert 'read_csv("out/labels.csv", keep_default_na=False)' in ALL


def test_the_line_for_the_shell_s_settings_switches_completion_on(folder: Path) -> None:
    (line,) = re.findall(r'`(eval "\$\(_SHMTEXT_COMPLETE=.*?\)")`', ALL)

    assert "_shmtext_completion" in do(["bash", "-ec", f"{line}; complete -p shmtext"], folder)


@pytest.mark.parametrize("arguments", BENCHES)
def test_benchmarks_that_are_named_are_there(arguments: str) -> None:
    words = shlex.split(arguments)
    with bench.make_context("bench", list(words)) as context:
        name, command, rest = bench.resolve_command(context, words or ["all"])

    assert command is not None
    assert name in bench.list_commands(context)
    command.make_context(str(name), rest)


def test_the_table_of_options_is_that_of_the_settings() -> None:
    """``python tests/option_table.py`` writes it."""
    assert [table()] == BETWEEN.findall(ALL)


def test_the_readme_names_every_page() -> None:
    assert {f"docs/{path.name}" for path in (REPOSITORY / "docs").glob("*.md")} == set(NAMES)
    assert len(NAMES) == len(set(NAMES))


def test_the_architecture_names_every_page_of_the_design() -> None:
    named = re.findall(r"^\| \[[^\]]+\]\(\.\./(\S+)\) \|", DESIGN[ARCHITECTURE], re.M)
    assert {*named, ARCHITECTURE} == set(DESIGN)
    assert len(named) == len(set(named))


@pytest.mark.parametrize("name", [*PAGES, *DESIGN])
def test_links_lead_to_files_and_headings(name: str) -> None:
    folder, page = (REPOSITORY / name).parent, (PAGES | DESIGN)[name]
    found = re.findall(r"\]\((?!https?://)([^)#]*)(?:#([^)]+))?\)", page)
    for file, heading in found:
        path = folder / file if file else REPOSITORY / name
        assert path.exists(), file
        if heading:
            there = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.M)
            assert heading in {each.lower().replace(" ", "-") for each in there}
    assert name == "README.md" or len(re.findall(r"^# ", page, re.M)) == 1 + _comments(page)


def _comments(page: str) -> int:
    """Lines of scripts that begin as headings do."""
    blocks = re.findall(r"^```.*?^```$", page, re.M | re.S)
    return sum(len(re.findall(r"^# ", block, re.M)) for block in blocks)


def test_the_page_has_what_is_looked_for_here() -> None:
    assert 3 <= sum(language == "sh" for language, _ in BLOCKS)
    assert 2 <= sum(language == "python" for language, _ in BLOCKS)
    assert 5 <= len(ROWS)
    assert 4 <= len(BENCHES)
