"""Pictures in terminals: what is sent shows the picture, and only where the terminal shows any."""

from __future__ import annotations

import base64
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Mapping
from fcntl import ioctl
from pathlib import Path

import numpy as np
import pytest
from fault_runs import DONE, HANG_S, environment
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from numpy.typing import NDArray
from PIL import Image

from shmtext.view.inline import KITTY_CHUNK, inline

PICTURES = nps.arrays(
    np.uint8,
    st.tuples(st.integers(1, 20), st.integers(1, 40), st.just(3)),
    elements=st.sampled_from([0, 1, 128, 254, 255]),
)
ATTRIBUTES = b"\x1b[c"
BY_NAME = {"TERM": "xterm-256color"}


def of_kitty(sent: str) -> NDArray[np.uint8]:
    """What kitty makes of it: base64 in pieces, all but the last announce another."""
    messages = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", sent)
    assert sent == "".join(f"\x1b_G{keys};{data}\x1b\\" for keys, data in messages) + "\n"
    settings = [dict(each.split("=") for each in keys.split(",")) for keys, _ in messages]
    assert {"a": "T", "f": "100", "q": "2"}.items() <= settings[0].items()
    assert [each["m"] for each in settings] == ["1"] * (len(settings) - 1) + ["0"]
    assert all(len(data) <= KITTY_CHUNK and len(data) % 4 == 0 for _, data in messages)
    return of_png(base64.b64decode("".join(data for _, data in messages), validate=True))


def of_iterm2(sent: str) -> NDArray[np.uint8]:
    (keys, data), *more = re.findall(r"\x1b\]1337;File=([^:]*):([^\x07]*)\x07\n", sent)
    settings = dict(each.split("=") for each in keys.split(";"))
    png = base64.b64decode(data, validate=True)
    picture = of_png(png)
    assert not more
    assert settings == {
        "inline": "1",
        "size": str(len(png)),
        "width": f"{picture.shape[1]}px",
    }
    return picture


def of_png(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "RGB"
        return np.asarray(image)


def of_sixels(sent: str) -> NDArray[np.uint8]:
    """What a VT340 makes of it, pixel by pixel; colours are shares of a hundred."""
    match = re.fullmatch(r'\x1bPq"1;1;(\d+);(\d+)([^\x1b]*)\x1b\\\n', sent)
    assert match is not None
    width, height = int(match[1]), int(match[2])
    picture = np.zeros((height, width, 3), np.int64)
    registers: dict[int, tuple[int, ...]] = {}
    x = top = color = 0
    tokens = re.findall(r"#\d+(?:;\d+){4}|#\d+|!\d+[?-~]|[?-~]|[$-]", match[3])
    assert "".join(tokens) == match[3]
    for token in tokens:
        if token == "$":
            x = 0
        elif token == "-":
            x, top = 0, top + 6
        elif token[0] == "#" and ";" in token:
            register, kind, *levels = map(int, token[1:].split(";"))
            assert kind == 2
            registers[register] = tuple(levels)
        elif token[0] == "#":
            color = int(token[1:])
        else:
            count = int(token[1:-1]) if token[0] == "!" else 1
            bits = ord(token[-1]) - 63
            for row in range(6):
                if bits >> row & 1:
                    assert x + count <= width
                    picture[top + row, x : x + count] = registers[color]
            x += count
    return picture


@given(PICTURES)
def test_kitty_and_iterm2_are_sent_the_picture(picture: NDArray[np.uint8]) -> None:
    assert np.array_equal(picture, of_kitty(inline(picture, "kitty")))
    assert np.array_equal(picture, of_iterm2(inline(picture, "iterm2")))


@given(PICTURES)
def test_sixels_are_the_picture_where_it_has_few_colors(picture: NDArray[np.uint8]) -> None:
    wanted = (picture.astype(np.int64) * 100 + 127) // 255
    assert np.array_equal(wanted, of_sixels(inline(picture, "sixel")))


def test_a_large_picture_of_many_colors_is_near_what_it_was() -> None:
    y, x = np.mgrid[:200, :300]
    picture = np.stack([y * 255 // 199, x * 255 // 299, (x + y) // 2], axis=2).astype(np.uint8)

    assert np.array_equal(picture, of_kitty(inline(picture, "kitty")))
    shown = of_sixels(inline(picture, "sixel")) * 255 / 100
    assert np.abs(shown - picture).mean() < 8


# -- in a terminal ---------------------------------------------------------------------------------


class Terminal:
    """A terminal of a size in pixels that answers what it is asked, if it does."""

    def __init__(self, width_px: int = 0, answer: bytes = b"") -> None:
        self.master, self.slave = pty.openpty()
        ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, width_px, 0))
        self._answer = answer
        self.shown = b""

    def run(self, *arguments: object, env: Mapping[str, str]) -> int:
        """Run the program in it, with these variables that tell of terminals and no others."""
        others = ("TERM_PROGRAM", "KITTY_WINDOW_ID", "LC_TERMINAL", "TMUX", "STY")
        clean = {key: value for key, value in environment(env).items() if key not in others}
        before = termios.tcgetattr(self.slave)
        process = subprocess.Popen(
            [sys.executable, "-m", "shmtext", *map(str, arguments)],
            stdin=self.slave,
            stdout=self.slave,
            stderr=subprocess.PIPE,
            env=clean | dict(env),
            start_new_session=True,
        )
        reader = threading.Thread(target=self._read)
        reader.start()
        _, err = process.communicate(timeout=HANG_S)
        assert b"" == err
        assert before == termios.tcgetattr(self.slave)
        os.close(self.slave)
        reader.join()
        os.close(self.master)
        return process.returncode

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self.master, 1 << 16)
            except OSError:  # nobody has its other end any more
                return
            asked = ATTRIBUTES in (self.shown + piece)[-len(piece) - len(ATTRIBUTES) :]
            self.shown += piece
            if asked and self._answer:
                os.write(self.master, self._answer)
                self._answer = b""

    def run_in_background(self, *arguments: object) -> int:
        """Run the program as a shell runs what ends with ``&``; a stopped one fails."""
        shell = (
            "import os, signal, subprocess, sys\n"
            "signal.signal(signal.SIGTTOU, signal.SIG_IGN)\n"
            "os.setsid(); import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
            "of_child = lambda: (os.setpgid(0, 0), signal.signal(signal.SIGTTOU, signal.SIG_DFL))\n"
            "child = subprocess.Popen(sys.argv[1:], preexec_fn=of_child)\n"
            "_, status = os.waitpid(child.pid, os.WUNTRACED)\n"
            "if os.WIFSTOPPED(status):\n"
            "    os.killpg(child.pid, signal.SIGKILL)\n"
            "    sys.exit(99)\n"
            "os._exit(os.waitstatus_to_exitcode(status))\n"
        )
        program = [sys.executable, "-m", "shmtext", *map(str, arguments)]
        process = subprocess.Popen(
            [sys.executable, "-c", shell, *program],
            stdin=self.slave,
            stdout=self.slave,
            stderr=subprocess.PIPE,
            env=environment(BY_NAME),
        )
        reader = threading.Thread(target=self._read)
        reader.start()
        _, err = process.communicate(timeout=HANG_S)
        os.close(self.slave)
        reader.join()
        os.close(self.master)
        assert b"" == err
        return process.returncode

    @property
    def text(self) -> str:
        return self.shown.replace(b"\r\n", b"\n").decode()


PREVIEW = ("preview", "--max-images", 6)


@pytest.mark.parametrize(
    "env",
    [
        {"TERM": "xterm-kitty"},
        BY_NAME | {"KITTY_WINDOW_ID": "1"},
        BY_NAME | {"TERM_PROGRAM": "ghostty"},
    ],
)
def test_kitty_shows_the_sheet(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    terminal = Terminal(width_px=700)

    assert DONE == terminal.run(*PREVIEW, env=env)
    assert 700 == of_kitty(terminal.text).shape[1]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "env",
    [BY_NAME | {"TERM_PROGRAM": "iTerm.app"}, BY_NAME | {"LC_TERMINAL": "iTerm2"}],
)
def test_iterm2_shows_the_sheet(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    terminal = Terminal()

    assert DONE == terminal.run(*PREVIEW, env=env)
    assert 800 == of_iterm2(terminal.text).shape[1]  # of 100 columns
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("env", [BY_NAME, BY_NAME | {"TMUX": "/tmp/tmux", "KITTY_WINDOW_ID": "1"}])
def test_a_terminal_that_answers_so_is_shown_sixels(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    terminal = Terminal(answer=b"\x1b[?62;4;22c")

    assert DONE == terminal.run(*PREVIEW, env=env)
    picture = of_sixels(terminal.text.removeprefix(ATTRIBUTES.decode()))
    assert 800 == picture.shape[1]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("answer", "env"),
    [
        (b"\x1b[?62;22c", BY_NAME),
        (b"\x1b[?64;14;24c", BY_NAME),  # neither 14 nor 24 is 4
        (b"", BY_NAME),
        (b"typed\x1b[?6c", BY_NAME),
        (b"", {"TERM": "dumb", "KITTY_WINDOW_ID": "1"}),
    ],
    ids=["without sixels", "other attributes", "silent", "keys", "dumb"],
)
def test_other_terminals_are_told_a_path(
    answer: bytes, env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    terminal = Terminal(answer=answer)

    assert DONE == terminal.run(*PREVIEW, env=env)
    said = terminal.text.removeprefix(ATTRIBUTES.decode())
    assert "preview.png: 6 of 6 examples\n" == said[-len("preview.png: 6 of 6 examples\n") :]
    assert "\x1bP" not in said
    assert "\x1b_G" not in said
    assert [tmp_path / "preview.png"] == list(tmp_path.iterdir())


def test_a_job_in_the_background_asks_no_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    terminal = Terminal(answer=b"\x1b[?62;4;22c")

    assert DONE == terminal.run_in_background(*PREVIEW)
    assert "preview.png: 6 of 6 examples\n" == terminal.text


def test_a_path_that_is_given_is_written_in_any_terminal(tmp_path: Path) -> None:
    terminal = Terminal()
    sheet = tmp_path / "sheet.png"

    assert DONE == terminal.run(*PREVIEW, "--output", sheet, env={"TERM": "xterm-kitty"})
    assert f"{sheet}: 6 of 6 examples\n" == terminal.text
