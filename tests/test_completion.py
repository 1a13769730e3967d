"""Shells complete the installed command: what click gives them, and what an option takes."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete
from fault_runs import BAD_INPUT, DONE, HANG_S, environment, run

from shmtext.cli.main import COMPLETION, cli

SHELLS: dict[str, type[ShellComplete]] = {
    "bash": BashComplete,
    "zsh": ZshComplete,
    "fish": FishComplete,
}

COMMANDS = [
    f"plain,{name}"
    for name in (
        *("config", "export", "fonts", "join", "looks"),
        *("preview", "render", "report", "status", "verify"),
    )
]


def completed(line: str, shell: str = "bash") -> list[str]:
    """What the program offers at the end of a line, in the words of that shell's script."""
    words = line.split()
    index = len(words) - (not line.endswith(" "))
    env = {
        COMPLETION: f"{shell}_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": line.split(" ")[-1] if shell == "fish" else str(index),
    }
    return run(env=env).expect(DONE, num_lines=0).stdout.split()


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_click_s_script_for_the_installed_command(shell: str) -> None:
    (command,) = entry_points(group="console_scripts", name="shmtext")
    said = run(env={COMPLETION: f"{shell}_source"}).expect(DONE, num_lines=0).stdout

    assert said == SHELLS[shell](cli, {}, command.name, COMPLETION).source()
    assert COMPLETION == f"_{command.name}_complete".upper()


def test_commands_and_options_are_completed() -> None:
    assert COMMANDS == completed("shmtext ")
    fonts = [f"plain,--font-{name}" for name in ("share", "sizes", "colors")]
    assert fonts == completed("shmtext render out --font-")
    assert ["plain,--checksums"] == completed("shmtext verify out --ch")
    assert ["plain,--dry-run"] == completed("shmtext render out --dr")
    for command in ("render out", "join out", "export out"):
        assert ["plain,--quiet"] == completed(f"shmtext {command} --q")
    for command in ("render", "join", "export", "status", "verify", "looks", "fonts"):
        assert ["plain,--json"] == completed(f"shmtext {command} --js")


@pytest.mark.parametrize(
    ("begun", "words"),
    [
        ("--image-format ", "jpg png"),
        ("--mode ", "auto gray rgb"),
        ("--mode g", "gray"),
        ("--engine ", "auto processes threads serial"),
        ("--resume ", "auto never must"),
        ("--look ", "clean fax photo receipt scan screen mixed"),
        ("--look sc", "scan screen"),
    ],
)
def test_an_option_with_few_words_offers_those(begun: str, words: str) -> None:
    assert [f"plain,{word}" for word in words.split()] == completed(f"shmtext render out {begun}")


def test_looks_and_effects_are_completed_where_they_are_printed() -> None:
    assert ["plain,scan", "plain,screen"] == completed("shmtext looks sc")
    assert "plain,blur" in completed("shmtext looks b")


@pytest.mark.parametrize("option", ["--image-format", "--mode", "--engine", "--resume"])
def test_words_offered_are_those_that_the_option_accepts(out: Path, option: str) -> None:
    complaint = run("render", out, option, "other").expect(BAD_INPUT).stderr
    accepted = complaint.split(" one of ")[1].split(", got ")[0].split(", ")

    assert [f"plain,{word}" for word in accepted] == completed(f"shmtext render out {option} ")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("shmtext render ", "dir,"),
        ("shmtext status /t", "dir,/t"),
        ("shmtext verify /t", "dir,/t"),
        ("shmtext render out --fonts /usr/sh", "file,/usr/sh"),
        ("shmtext render out --texts lin", "file,lin"),
        ("shmtext render out --config run", "file,run"),
        ("shmtext config ru", "file,ru"),
    ],
)
def test_paths_are_left_to_the_shell(line: str, answer: str) -> None:
    assert [answer] == completed(line)


def test_bash_completes_a_command_line_with_that_script() -> None:
    script = f"""
        eval "$({COMPLETION}=bash_source shmtext)"
        COMP_WORDS=(shmtext render out --mode g) COMP_CWORD=4
        _shmtext_completion shmtext
        echo "${{COMPREPLY[@]}}"
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    said = subprocess.check_output(
        ["bash", "-ec", script], text=True, env=environment({"PATH": path}), timeout=HANG_S
    )

    assert "gray\n" == said


@pytest.mark.parametrize("shell", ["tcsh_source", "bash_explain", "bash"])
def test_an_unknown_shell_or_question_is_refused_as_click_does(shell: str) -> None:
    assert 1 == run(env={COMPLETION: shell}).returncode
