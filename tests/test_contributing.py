"""What CONTRIBUTING.md names is there: files, names in them, commands, headings it leads to."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from fault_runs import REPOSITORY
from test_package import links
from test_readme import bench

PAGE = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(command, comments=True)
    for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S)
    for line in block.splitlines()
    for command in line.split("#")[0].split("&&")
]
"""Those in blocks, each by its words."""

PROSE = re.sub(r"^```.*?^```$", "", PAGE, flags=re.M | re.S)
QUOTED = re.findall(r"`([^`\n]+)`", PROSE)
FILES = [word for word in QUOTED if re.fullmatch(r"[\w./-]+(/|\.(py|md|toml))", word)]
NAMES = r"(?:`[\w-]+`(?:,\s+|\s+and\s+))*`[\w-]+`"
NAMED_IN = [
    (name, file)
    for names, file in re.findall(rf"({NAMES})\s+in\s+`([\w./]+)`", PROSE)
    for name in re.findall(r"`([\w-]+)`", names)
]
"""What is said to be in a file, and that file."""


def of(*beginning: str) -> list[list[str]]:
    """The commands that begin so, without that; with those in the prose."""
    commands = [*COMMANDS, *(word.split() for word in QUOTED)]
    return [
        words[len(beginning) :] for words in commands if tuple(words[: len(beginning)]) == beginning
    ]


def test_the_page_has_what_is_looked_for_here() -> None:
    assert len(FILES) > 40
    assert len(NAMED_IN) > 20
    assert len(COMMANDS) > 12


@pytest.mark.parametrize("file", sorted(set(FILES)))
def test_files_that_are_named_are_there(file: str) -> None:
    assert (REPOSITORY / file).exists()


@pytest.mark.parametrize(("name", "file"), NAMED_IN)
def test_what_is_said_to_be_in_a_file_is_there(name: str, file: str) -> None:
    text = (REPOSITORY / file).read_text(encoding="utf-8")

    assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)


def test_links_lead_to_headings_that_are_there() -> None:
    found = links(PROSE)

    assert len(found) > 4
    for _, target in found:
        file, _, heading = target.partition("#")
        text = (REPOSITORY / file).read_text(encoding="utf-8")
        headings = {each.lower().replace(" ", "-") for each in re.findall(r"^#+ (.*)$", text, re.M)}
        assert not heading or heading in headings, target


@pytest.mark.parametrize(
    "words", [*of("pytest"), *of("coverage", "run", "-m", "pytest")], ids=" ".join
)
def test_tests_that_a_command_runs_are_there(words: list[str]) -> None:
    files = [REPOSITORY / word for word in words if "/" in word]
    names = [
        name
        for file in files
        for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.M)
    ]

    assert not words or names
    if "-k" in words:
        assert any(words[words.index("-k") + 1] in name for name in names)


@pytest.mark.parametrize("words", of("python", "-m", "bench"), ids=" ".join)
def test_benchmarks_that_are_named_are_there(words: list[str]) -> None:
    with bench.make_context("bench", list(words)) as context:
        name, command, rest = bench.resolve_command(context, words or ["all"])

    assert command is not None
    command.make_context(str(name), rest)


@pytest.mark.parametrize("words", of(".ci/run"), ids=" ".join)
def test_steps_that_are_named_are_there(words: list[str]) -> None:
    steps = re.findall(r"^#   (\w+) ", (REPOSITORY / ".ci/run").read_text(encoding="utf-8"), re.M)

    assert set(words) <= set(steps)


def test_what_is_installed_is_what_the_commands_need() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (setup,) = (words for words in COMMANDS if words[:3] == ["pip", "install", "-e"])
    extras = re.fullmatch(r"\.\[(.*)\]", setup[3])
    assert extras
    installed = {
        re.split(r"[<>=\[]", requirement)[0]
        for extra in extras[1].split(",")
        for requirement in project["optional-dependencies"][extra]
    }
    programs = {words[0] for words in COMMANDS}

    assert programs <= {
        *installed,
        *("git", "cd", "python3", ".", "pip", "python", ".ci/run", "pre-commit"),
    }
    assert ["pip", "install", "pre-commit"] in COMMANDS


def test_scripts_that_are_run_are_there() -> None:
    scripts = [words[0] for words in of("python") if words[0] != "-m"]

    assert scripts
    assert all(Path(REPOSITORY, script).is_file() for script in scripts)
