"""The command line: every option arrives, every foreseeable error is one line with its code."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import re
import string
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from drawing import BUNDLED, ITALIC, SANS
from fault_runs import HANG_S, environment, run
from PIL import ImageFont

from shmtext import BalancedText, Output, RunConfig, Style, TextFile, Texts, config
from shmtext.cli import screen
from shmtext.cli.main import cli, main
from shmtext.cli.said import loading, print_reasons
from shmtext.config.looks import LooksKind, look_comment, look_names, mix_of, preset_of
from shmtext.config.options import config_options, start_options
from shmtext.draw.freetype import OpenFont
from shmtext.engine import renderer as engine_renderer
from shmtext.engine.inspect import skip_reasons
from shmtext.engine.opened import open as open_run
from shmtext.engine.renderer import Renderer
from shmtext.engine.run import PartSummary, RunSummary
from shmtext.errors import ExitCode
from shmtext.looks.registry import BY_NAME
from shmtext.parts import Part

TINY = (
    *("--letters", "abcdefgh", "--numbers", "0123", "--character-frequency", "20"),
    *("--fonts", str(SANS), "--engine", "serial"),
)
"""Some 22 examples."""
PAIR = ["font_color", "background_color"]


class Ended:
    """How a command ended that was run in this process."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def refuses(self, *parts: str, code: int = ExitCode.BAD_INPUT) -> None:
        """See that it is one line on stderr, with these parts, and nothing else."""
        assert code == self.code, self.err
        assert "" == self.out
        assert 1 == len(self.err.splitlines()), self.err
        assert self.err.startswith("shmtext: ")
        for part in parts:
            assert part in self.err


Shell = Callable[..., Ended]


@pytest.fixture
def shmtext(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    def call(*arguments: object) -> Ended:
        monkeypatch.setattr("sys.argv", ["shmtext", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Ended(code, captured.out, captured.err)

    return call


class Recorded(Renderer):
    """A renderer that keeps what it was asked for and renders nothing."""

    asked: dict[str, Any]

    def __init__(self, config: RunConfig, workers: Any = None, engine: Any = "auto", **_: Any):
        type(self).asked = {"config": config, "workers": workers, "engine": engine}

    def close(self) -> None:
        pass

    def render(self, out: Any, max_images: Any = None, resume: Any = "auto") -> RunSummary:
        type(self).asked |= {"out": out, "max_images": max_images, "resume": resume}
        return summary_of(Path(out), 1)

    def render_part(
        self, out: Any, part: str, max_images: Any = None, resume: Any = "auto"
    ) -> PartSummary:
        type(self).asked |= {"part": part, "max_images": max_images, "resume": resume}
        return PartSummary(Path(out), Part.parse(part), 1, 4, 9, 2, 0, 0, 9, 1_000, 1.0)


@pytest.fixture
def asked(shmtext: Shell, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Return what a command asks of the renderer."""
    monkeypatch.setattr(engine_renderer, "Renderer", Recorded)

    def call(*arguments: object) -> dict[str, Any]:
        ended = shmtext("render", "out", *arguments)
        assert ExitCode.DONE == ended.code, ended.err
        return Recorded.asked

    return call


EVERY_OPTION: dict[str, tuple[list[str], Any]] = {
    "letters": (["xyz"], "xyz"),
    "numbers": (["789"], "789"),
    "space_freq": (["0.5"], 0.5),
    "character_frequency": (["17"], 17),
    "min_example_size": (["2"], 2),
    "max_example_size": (["9"], 9),
    "split_letters": ([], True),
    "max_chars_per_line": (["8"], 8),
    "layout": (["basic"], "basic"),
    "direction": (["rtl"], "rtl"),
    "fallback": (["text"], "text"),
    "effect": (["mine:rain", "A.Blur( )=0.5"], ("mine:rain", "albumentations:Blur=0.5")),
    "max_images": (["5"], 5),
    "seed": (["42"], 42),
    "fonts": (["a.ttf", "b"], (Path("a.ttf"), Path("b"))),
    "skip_bad_fonts": ([], True),
    "each_font": ([], True),
    "font_share": (["Lora*=3", "a=b*=0.50"], ("Lora*=3", "a=b*=0.5")),
    "font_sizes": (["24", "32"], (24, 32)),
    "font_colors": (["navy", "1,2,3", "#abcdef"], ("#000080", "#010203", "#abcdef")),
    "background_colors": (["white", "#eee"], ("#ffffff", "#eeeeee")),
    "min_contrast": (["0"], 0),
    "align": (["center", "justify"], ("center", "justify")),
    "line_spacing": (["4px", "-10%"], ("4", "-10%")),
    "line_pitch": (["pillow"], "pillow"),
    "letter_spacing": (["-0.50", "5 %"], ("-0.5", "5%")),
    "word_spacing": (["12.5%"], ("12.5%",)),
    "margin": (["2", "5% 3px", "1 2 3 4", "1 2 1 2"], ("2", "5% 3", "1 2 3 4", "1 2")),
    "height": (["32", "48"], (32, 48)),
    "width": (["300"], 300),
    "min_width": (["100"], 100),
    "max_width_px": (["250"], 250),
    "image_format": (["png"], "png"),
    "jpeg_quality": (["80"], 80),
    "mode": (["rgb"], "rgb"),
    "container": (["files"], "files"),
    "csv_columns": (["filename, words"], "filename,words"),
    "boxes": (["words"], "words"),
    "column": (["effects"], ("effects",)),
    "look": (["scan", "clean=0.5"], LooksKind().take("look", ["scan", "clean=0.5"])),
}

EVERY_OPTION_OF_TEXTS: dict[str, tuple[list[str], Any, tuple[str, ...]]] = {
    "normalize": (["NFKC"], "NFKC", ()),
    "case": (["upper=0.1,keep"], "keep=1,upper=0.1", ()),
    "min_text_chars": (["2"], 2, ()),
    "max_text_chars": (["20"], 20, ()),
    "shuffle_words": (["3"], "3-3", ()),
    "sample": (["20"], 20, ()),
    "replace": ([], True, ("--sample", "3")),
    "min_character_count": (["20"], 20, ()),
    "max_repeats": (["5"], 5, ()),
}
"""Likewise, of those that go with texts alone; and what else each needs beside it."""


def as_arguments(name: str, values: list[str]) -> list[str]:
    flag = f"--{name.replace('_', '-')}"
    return [flag] if not values else [part for value in values for part in (flag, value)]


def value_in(config: RunConfig, name: str) -> Any:
    for part in (config, config.corpus, config.style, config.page, config.output):
        if hasattr(part, name):
            return getattr(part, name)
    raise KeyError(name)


def test_nothing_given_is_the_default_config(asked: Callable[..., dict[str, Any]]) -> None:
    assert {
        "config": RunConfig(),
        "workers": None,
        "engine": "auto",
        "out": Path("out"),
        "max_images": None,
        "resume": "auto",
    } == asked()


@pytest.mark.parametrize("name", EVERY_OPTION)
def test_each_option_reaches_the_config_and_changes_nothing_else(
    asked: Callable[..., dict[str, Any]], name: str
) -> None:
    values, expected = EVERY_OPTION[name]
    found = asked(*as_arguments(name, values))["config"]

    assert expected == value_in(found, name)
    for other in set(EVERY_OPTION) - {name}:
        assert value_in(RunConfig(), other) == value_in(found, other)


def test_all_options_of_a_config_are_tried_here() -> None:
    tried = {*EVERY_OPTION, *EVERY_OPTION_OF_TEXTS, *("csv", "texts", "look", "backgrounds")}
    assert tried == set(config_options())


@pytest.mark.parametrize("name", EVERY_OPTION_OF_TEXTS)
def test_each_option_of_texts_goes_with_texts_alone(
    shmtext: Shell, asked: Callable[..., dict[str, Any]], name: str
) -> None:
    given, expected, others = EVERY_OPTION_OF_TEXTS[name]
    arguments = as_arguments(name, given)
    found = asked("--texts", "a.txt", *arguments, *others)["config"]

    assert expected == value_in(found, name)
    ended = shmtext("render", "out", *arguments)
    assert ExitCode.BAD_INPUT == ended.code
    assert "of texts that are read: give them" in ended.err


def test_backgrounds_are_a_folder_for_a_look_that_uses_them(
    tmp_path: Path, asked: Callable[..., dict[str, Any]]
) -> None:
    look = toml(
        tmp_path, '[look.print.photograph]\nprobability = 0.5\n[look.print]\nbase = "clean"'
    )
    found = asked("--config", look, "--backgrounds", "photos")["config"]

    assert Path("photos") == found.backgrounds
    assert found.look.needs_photos
    within = toml(tmp_path, f'backgrounds = "photos"\n{look.read_text()}')
    assert tmp_path / "photos" == asked("--config", within)["config"].backgrounds


INSTEAD_OF = {
    "each_font": "font_share",
    "height": "font_sizes",
    "max_width_px": "max_chars_per_line",
    "width": "min_width",
}
"""Options that exclude another."""


def test_all_options_together_make_one_config(asked: Callable[..., dict[str, Any]]) -> None:
    together = {name: each for name, each in EVERY_OPTION.items() if name not in INSTEAD_OF}
    arguments = [
        part for name, (values, _) in together.items() for part in as_arguments(name, values)
    ]
    expected = {name: value for name, (_, value) in together.items()}

    assert config.config_from_options(expected) == asked(*arguments)["config"]


def test_csv_and_split_letters_can_be_switched_off(asked: Callable[..., dict[str, Any]]) -> None:
    assert not asked("--no-csv")["config"].output.csv
    assert asked("--csv")["config"].output.csv
    assert not asked("--no-split-letters")["config"].corpus.split_letters


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ("words.txt", TextFile(Path("words.txt"))),
        ("words.csv::word", TextFile(Path("words.csv"), "word")),
        ("a::b.parquet::text", TextFile(Path("a::b.parquet"), "text")),
    ],
)
def test_texts_are_a_path_and_perhaps_a_column(
    asked: Callable[..., dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    texts: str,
    expected: TextFile,
) -> None:
    monkeypatch.chdir(tmp_path)  # where there is no file called a
    assert Texts.of(expected) == asked("--texts", texts)["config"].corpus


def test_options_of_the_run_are_no_part_of_the_config(
    asked: Callable[..., dict[str, Any]],
) -> None:
    found = asked("--workers", "3", "--engine", "threads", "--resume", "must")

    assert RunConfig() == found["config"]
    assert (3, "threads", "must") == (found["workers"], found["engine"], found["resume"])


def test_a_part_is_asked_of_the_renderer(
    tmp_path: Path, asked: Callable[..., dict[str, Any]]
) -> None:
    config = toml(tmp_path, 'part = "1/4"\n')

    assert asked("--part", "01/4", "--resume", "must") == {
        "config": RunConfig(),
        "workers": None,
        "engine": "auto",
        "part": "1/4",
        "max_images": None,
        "resume": "must",
    }
    assert asked("--config", config)["part"] == "1/4"
    assert asked("--config", config, "--part", "2/4")["part"] == "2/4"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--part", "4/4"], "part: a part is i/n, with i from 0 to n - 1"),
        (["--part", "x"], "part: a part is i/n, such as 0/16"),
        (["--part", "0/2", "--resume", "never"], "part and resume 'never' exclude each other"),
    ],
)
def test_what_is_no_part_is_refused_before_a_folder_is_made(
    shmtext: Shell, tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    shmtext("render", tmp_path / "out", *TINY, *arguments).refuses(complaint)

    assert not (tmp_path / "out").exists()


def test_parts_are_rendered_and_joined(shmtext: Shell, tmp_path: Path) -> None:
    out, options = tmp_path / "o u t", (*TINY, "--character-frequency", "200")
    first = shmtext("render", out, *options, "--part", "0/2")
    missing = shmtext("join", out)
    shmtext("render", out, *options, "--part", "1/2")
    whole = shmtext("status", out)
    joined = shmtext("join", out, "--no-csv")

    assert first.out.splitlines()[0].startswith("part 0/2: ")
    assert f"when all parts are done: shmtext join '{out}'" == first.out.splitlines()[-1]
    assert (ExitCode.STOPPED, "") == (missing.code, missing.out)
    assert f"shards are missing in {out} (1" in missing.err
    assert "all shards are there: run shmtext join" in whole.out
    assert ExitCode.DONE == joined.code
    assert f" MB) in {out}, joined in " in joined.out
    assert f"labels: {out}/metadata.parquet\n" in joined.out
    assert "load: datasets.load_dataset('imagefolder'" in joined.out


def test_join_says_what_it_needs(shmtext: Shell, tmp_path: Path) -> None:
    shmtext("join", tmp_path).refuses("holds no run: it has no run.json")
    shmtext("join", tmp_path / "a", tmp_path / "b").refuses("2 folders to join: give the one")
    shmtext("join", tmp_path / "a", "--into", tmp_path / "b").refuses("there is no folder")
    shmtext("join", tmp_path, "--csv-columns", "a").refuses("csv_columns")
    assert ExitCode.BAD_INPUT == shmtext("join").code

    assert not (tmp_path / "b").exists()


def toml(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_toml_sets_the_same_names(tmp_path: Path, asked: Callable[..., dict[str, Any]]) -> None:
    (tmp_path / "fonts").mkdir()
    found = asked(
        "--config",
        toml(
            tmp_path,
            """
            letters = "xyz"
            space_freq = 2
            split_letters = true
            fonts = ["fonts", "/abs.ttf"]
            font_sizes = [24, 32]
            font-colors = "navy"
            image_format = "png"
            csv = false
            seed = 7
            workers = 2
            engine = "serial"
            resume = "never"
            """,
        ),
    )

    assert (
        RunConfig(
            corpus=BalancedText(letters="xyz", space_freq=2, split_letters=True),
            style=Style(
                fonts=(tmp_path / "fonts", Path("/abs.ttf")),
                font_sizes=(24, 32),
                font_colors=("navy",),
            ),
            output=Output(image_format="png", csv=False),
            seed=7,
        )
        == found["config"]
    )
    assert (2, "serial", "never") == (found["workers"], found["engine"], found["resume"])


@pytest.mark.parametrize("name", EVERY_OPTION)
def test_the_command_line_wins_over_toml(
    tmp_path: Path, asked: Callable[..., dict[str, Any]], name: str
) -> None:
    values, expected = EVERY_OPTION[name]
    others = {
        **dict.fromkeys(("max_example_size", "max_images", "max_chars_per_line"), 30),
        "letters": "q",
        "numbers": "1",
        "space_freq": 3,
        "character_frequency": 99,
        "min_example_size": 3,
        "split_letters": False,
        "seed": 9,
        "fonts": ["z"],
        "skip_bad_fonts": False,
        "font_share": ["z*=2"],
        "each_font": False,
        "font_sizes": [9],
        "font_colors": ["red"],
        "background_colors": ["blue"],
        "image_format": "jpg",
        "jpeg_quality": 50,
        "mode": "auto",
        "boxes": "characters",
        "column": [],
        "align": ["left"],
        "line_spacing": [3, "1%"],
        "margin": 7,
        "look": "clean",
    }
    others.pop(INSTEAD_OF.get(name, ""), None)
    path = toml(tmp_path, "\n".join(f"{key} = {json.dumps(each)}" for key, each in others.items()))
    found = asked("--config", path, *as_arguments(name, values))["config"]

    assert expected == value_in(found, name)
    assert 9 == found.seed or name == "seed"


def test_texts_in_toml_are_relative_to_its_folder(
    tmp_path: Path, asked: Callable[..., dict[str, Any]]
) -> None:
    found = asked("--config", toml(tmp_path, 'texts = "words.csv::word"'))

    assert Texts.of(TextFile(tmp_path / "words.csv", "word")) == found["config"].corpus


# -- errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--font-colors", "blu"], ["a colour must be '#rrggbb'", "got 'blu'"]),
        (["--background-colors", "1,2,256"], ["a colour must be", "got '1,2,256'"]),
        (["--font-colors", "white"], ["text cannot be read in colours of fewer than 28 levels"]),
        (["--font-sizes", "0"], ["font_sizes must be a whole number, 1 to 1,000, got 0"]),
        (["--font-sizes", "1001"], ["font_sizes must be a whole number, 1 to 1,000, got 1001"]),
        (["--jpeg-quality", "101"], ["jpeg_quality must be a whole number, 1 to 100, got 101"]),
        (["--image-format", "gif"], ["image_format must be one of jpg, png, got 'gif'"]),
        (["--mode", "cmyk"], ["mode must be one of auto, gray, rgb, got 'cmyk'"]),
        (["--engine", "gpu"], ["engine must be one of auto, processes, threads, serial"]),
        (["--resume", "yes"], ["resume must be one of auto, never, must, got 'yes'"]),
        (["--workers", "0"], ["workers must be a whole number, 1 to 1,000, got 0"]),
        (["--seed", "-1"], ["seed must be a whole number from 0 to 2**64 - 1, got -1"]),
        (["--max-images", "0"], ["max_images must be a whole number, 1 or more, got 0"]),
        (["--min-example-size", "30"], ["min_example_size (30) must be at most max_example_size"]),
        (["--letters", "", "--numbers", ""], ["letters and numbers are both empty"]),
        (["--letters", "aab"], ["each character must stand once", "'a'"]),
        (["--letters", "a b"], ["must hold no spaces"]),
        (["--space-freq", "-1"], ["space_freq must be 0 to 1,000,000, got -1"]),
        (["--space-freq", "nan"], ["space_freq must be 0 to 1,000,000, got nan"]),
        (["--space-freq", "inf"], ["space_freq must be 0 to 1,000,000, got inf"]),
        (["--character-frequency", "99999999999"], ["at most 68,719,476,736 can be handled"]),
        (["--max-chars-per-line", "0"], ["max_chars_per_line must be a whole number, 1 or more"]),
        (["--fonts", "/none"], ["cannot open the font /none: No such file or directory"]),
        (["--skip-bad-fonts", "--fonts", "/none"], ["no font is left: cannot open the font /none"]),
        (["--fonts", "/dev/null"], ["/dev/null is not a font file but a folder, pipe or device"]),
        (["--texts", "/none.txt"], ["/none.txt", "No such file or directory"]),
        (["--texts", "a", "--letters", "b"], ["texts and letters exclude each other"]),
        (["--config", "/none.toml"], ["cannot read the config /none.toml: No such file"]),
    ],
    ids=lambda value: " ".join(value) if value[0].startswith("--") else "",
)
def test_wrong_settings_are_refused(
    shmtext: Shell, tmp_path: Path, arguments: list[str], parts: list[str]
) -> None:
    shmtext("render", tmp_path / "out", *arguments).refuses(*parts)

    assert not list(tmp_path.rglob("*.json")) + list(tmp_path.rglob("*.jpg"))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("font_size = 3", ["unknown option 'font_size'", "known are: letters, numbers"]),
        ("[stile]\nfont_sizes = [3]", ["unknown option 'stile'", "known are: letters, numbers"]),
        ("seed = ", ["is not a TOML file", "Invalid value"]),
        ('seed = "3"', ["seed must be a whole number", "got '3'"]),
        ("seed = true", ["seed must be a whole number", "got True"]),
        ("font_sizes = [3.5]", ["font_sizes must be a whole number", "got 3.5"]),
        ("font_sizes = {}", ["font_sizes"]),
        ("fonts = 1.5", ["fonts must be a path without NUL, got 1.5"]),
        ('fonts = ["a\\u0000b"]', ["fonts must be a path without NUL, got '"]),
        ("skip_bad_fonts = 1", ["skip_bad_fonts must be true or false, got 1"]),
        ("letters = 3", ["letters", "3"]),
        ("letters = ['a', 'b']", ["letters"]),
        ("split_letters = 'no'", ["split_letters", "'no'"]),
        ("csv = 1", ["csv must be true or false, got 1"]),
        ("space_freq = 'x'", ["space_freq", "x"]),
        ("space_freq = true", ["space_freq"]),
        ("texts = 3", ["texts", "3"]),
        ("workers = 'two'", ["workers must be a whole number", "'two'"]),
        ("engine = 3", ["engine must be one of"]),
        ("resume = true", ["resume must be one of"]),
        ("image_format = ['jpg']", ["image_format must be one of jpg, png"]),
        ("max_images = 2.0", ["max_images must be a whole number", "2.0"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_configs_are_refused(
    shmtext: Shell, tmp_path: Path, text: str, parts: list[str]
) -> None:
    path = toml(tmp_path, text)

    shmtext("render", tmp_path / "out", "--config", path).refuses(*parts)


def test_a_config_that_is_not_utf_8_is_refused(shmtext: Shell, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_bytes(b"letters = '\xff'")

    shmtext("render", "out", "--config", tmp_path / "run.toml").refuses("is not a TOML file")


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"", ["texts.txt holds no text"]),
        (b"\n\n  \n", ["texts.txt holds no text"]),
        (b"good\nbad \xff\n", ["texts.txt", "line 2"]),
        (b"good\n\nnul \x00\n", ["texts.txt", "line 3", "NUL"]),
        ("good\n\ud800\n".encode("utf-8", "surrogatepass"), ["texts.txt", "line 2"]),
    ],
    ids=["empty", "blank", "not UTF-8", "NUL", "surrogate"],
)
def test_wrong_texts_are_refused_and_nothing_is_rendered(
    shmtext: Shell, tmp_path: Path, content: bytes, parts: list[str]
) -> None:
    (tmp_path / "texts.txt").write_bytes(content)
    ended = shmtext("render", tmp_path / "out", "--texts", tmp_path / "texts.txt")

    ended.refuses(*parts)
    assert not list(tmp_path.rglob("*.jpg"))


def test_a_missing_column_is_refused_and_those_there_are_named(
    shmtext: Shell, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("word,count\nx,1\n")

    shmtext("render", tmp_path / "out", "--texts", f"{tmp_path}/a.csv::wrod").refuses(
        "wrod", "word", "count"
    )


@pytest.mark.parametrize("command", ["config", "render", "status", "verify"])
def test_a_folder_without_a_name_is_not_the_current_one(
    shmtext: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = shmtext(command, "")

    assert ExitCode.BAD_INPUT == ended.code
    assert "expected the name of a folder, got an empty one" in ended.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["render", "status", "verify"])
def test_a_name_that_is_too_long_is_refused(shmtext: Shell, tmp_path: Path, command: str) -> None:
    for name in ("x" * 256, "/".join(["x" * 200] * 25)):
        shmtext(command, tmp_path / name).refuses("is too long: most file systems take 255 bytes")


def test_a_folder_with_other_files_is_refused(shmtext: Shell, tmp_path: Path) -> None:
    (tmp_path / "theirs.txt").touch()

    shmtext("render", tmp_path, *TINY).refuses("is not empty and holds no run", "'theirs.txt'")
    assert ["theirs.txt"] == [path.name for path in tmp_path.iterdir() if path.name[0] != "."]


def test_a_file_in_the_folder_s_place_is_refused(shmtext: Shell, tmp_path: Path) -> None:
    (tmp_path / "out").touch()

    shmtext("render", tmp_path / "out", *TINY).refuses("is not a folder")


def test_another_config_is_refused_with_the_difference(shmtext: Shell, tmp_path: Path) -> None:
    shmtext("render", tmp_path, *TINY)

    shmtext("render", tmp_path, *TINY, "--font-sizes", "20", "--seed", "1").refuses(
        "font_sizes: [32] in the folder, [20] asked for", "seed: 0 in the folder, 1 asked for"
    )


@pytest.mark.parametrize(
    "arguments",
    [["render"], ["rendr"], ["render", "out", "--font"], ["render", "out", "--seed", "x"]],
)
def test_wrong_usage_is_explained_with_code_2(shmtext: Shell, arguments: list[str]) -> None:
    ended = shmtext(*arguments)

    assert ExitCode.BAD_INPUT == ended.code
    assert "" == ended.out
    assert "Error: " in ended.err
    assert "Traceback" not in ended.err


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(engine_renderer, "Renderer", fail)
    monkeypatch.setattr("sys.argv", ["shmtext", "render", "out"])

    with pytest.raises(ZeroDivisionError):
        main()


# -- what is said ----------------------------------------------------------------------------


def test_a_run_ends_with_a_summary(shmtext: Shell, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = shmtext("render", out, *TINY)
    num_images = pq.read_metadata(out / "metadata.parquet").num_rows

    assert (ExitCode.DONE, "") == (ended.code, ended.err)
    assert f"{num_images} images (" in ended.out
    assert f"{num_images} rendered in " in ended.out
    assert f"labels: {out}/metadata.parquet and labels.csv" in ended.out
    assert f"load_dataset('imagefolder', data_dir='{out}')" in ended.out


def summary_of(folder: Path, num_images: int, container: str = "files") -> RunSummary:
    return RunSummary(
        folder=folder,
        container=container,
        num_images=num_images,
        num_skipped=0,
        num_failed=0,
        num_alone=0,
        num_rendered=num_images,
        image_bytes=1,
        elapsed_s=1.0,
        digest="",
    )


def test_a_summary_names_the_rarest_characters(shmtext: Shell, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("aa\nab\n")
    options = ("--texts", tmp_path / "texts.txt", "--min-character-count", 4, "--max-repeats", 3)
    ended = shmtext("render", tmp_path / "out", *options)

    assert (
        "1 of 2 characters occur 4 times or more, 0 without the 2 texts taken again\n"
        f"rarest: 'b' 1 → 3, 'a' 3 → 5; all are in {tmp_path / 'out' / 'characters.csv'}\n"
    ) in ended.out


def test_a_summary_counts_pictures_that_were_drawn_one_at_a_time(
    shmtext: Shell, tmp_path: Path
) -> None:
    # An Å of Comfortaa leaves the rows that its face is given.
    font = BUNDLED[0].with_name("Comfortaa-Regular.ttf")
    (tmp_path / "texts.txt").write_text("plain\nan Å\nÅ Å\n")
    options = ("--texts", tmp_path / "texts.txt", "--fonts", font, "--font-sizes", 17)
    first, again = (shmtext("render", tmp_path / "out", *options) for _ in range(2))
    line = "2 of them drawn one at a time, as no batch is exact for them\n"

    assert (ExitCode.DONE, ExitCode.DONE) == (first.code, again.code)
    assert line in first.out
    assert line in again.out
    assert "one at a time" not in shmtext("render", tmp_path / "other", *TINY).out


NAMES = ["plain", "it's", 'a "b" c', "a\nb\x1b[31m", "back\\slash {x}", "größe", "\udcff"]


@pytest.mark.parametrize("name", NAMES)
def test_the_hint_loads_a_folder_of_any_name_as_pasted(name: str) -> None:
    loaded = []
    datasets = SimpleNamespace(load_dataset=lambda kind, data_dir: loaded.append((kind, data_dir)))
    hint = loading(summary_of(Path("/data", name), 100_000))
    eval(hint, {"datasets": datasets})

    assert [("imagefolder", f"/data/{name}")] == loaded
    assert hint.isprintable()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("num_images", "streaming"), [(100_000, False), (100_001, True)])
@pytest.mark.parametrize(
    ("container", "loader"),
    [("parquet", "parquet"), ("tar", "webdataset"), ("tar+json", "webdataset")],
)
def test_the_hint_for_files_of_many_pictures_loads_these_and_copies_not_too_many(
    name: str, num_images: int, streaming: bool, container: str, loader: str
) -> None:
    loaded = []

    def load(kind: str, data_dir: str, streaming: bool = False) -> None:
        loaded.append((kind, data_dir, streaming))

    datasets = SimpleNamespace(load_dataset=load)
    hint = loading(summary_of(Path("/data", name), num_images, container))
    eval(hint, {"datasets": datasets})

    assert [(loader, f"/data/{name}/images", streaming)] == loaded
    assert hint.isprintable()


@pytest.mark.parametrize("name", NAMES)
def test_the_hint_for_a_file_each_of_many_pictures_does_not_list_them(name: str) -> None:
    opened: list[object] = []
    shmtext = SimpleNamespace(open=opened.append, export=lambda *given: opened.append(given))
    hint = loading(summary_of(Path("/data", name), 100_001))
    for call in hint.split(", or elsewhere after "):
        eval(call, {"shmtext": shmtext, "DEST": "there"})

    assert [f"/data/{name}", (f"/data/{name}", "hf-parquet", "there")] == opened
    assert hint.isprintable()


def test_a_run_that_is_done_says_so(shmtext: Shell, tmp_path: Path) -> None:
    shmtext("render", tmp_path, *TINY)
    ended = shmtext("render", tmp_path, *TINY)

    assert ExitCode.DONE == ended.code
    assert f"{tmp_path} is complete: " in ended.out
    assert "images were there already" in ended.out


def test_pairs_of_colours_that_are_left_out_are_named_or_drawn_on_request(
    shmtext: Shell, tmp_path: Path
) -> None:
    colors = *("--font-colors", "black", "--font-colors", "white"), "--background-colors", "white"
    asked = *TINY, *colors, "--background-colors", "#808080"
    (tmp_path / "out").mkdir()
    shmtext("render", tmp_path / "out", *TINY, *colors).refuses("#ffffff on #ffffff (0); give")
    near = shmtext("render", tmp_path / "out", *asked)
    every = shmtext("render", tmp_path / "all", *asked, "--min-contrast", "0")
    drawn = [
        set(zip(*(table[name].to_pylist() for name in PAIR), strict=True))
        for out in ("out", "all")
        if (table := pq.read_table(tmp_path / out / "metadata.parquet", columns=PAIR))
    ]

    assert near.err == (
        "1 of 4 pairs of colours are left out, of fewer than 28 levels: #ffffff on #ffffff (0)\n"
    )
    assert "" == every.err
    assert {("#ffffff", "#ffffff")} == drawn[1] - drawn[0]
    assert (3, 4) == (len(drawn[0]), len(drawn[1]))


def test_skipped_texts_are_counted_and_are_no_failure(shmtext: Shell, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("plain\n中文\n", encoding="utf-8")
    ended = shmtext(
        *("render", tmp_path / "out", "--texts", tmp_path / "texts.txt", "--fonts", ITALIC)
    )

    assert ExitCode.DONE == ended.code
    assert f"1 skipped: see {tmp_path}/out/skipped.parquet" in ended.out


def test_a_run_that_comes_to_nothing_says_why_and_is_no_success(
    shmtext: Shell, tmp_path: Path
) -> None:
    (tmp_path / "texts.txt").write_text("中文\n你好\n   \n", encoding="utf-8")
    asked = ("render", tmp_path / "out", "--texts", tmp_path / "texts.txt")
    ended = shmtext(*asked)
    again = shmtext(*asked)

    for each in (ended, again):
        assert ExitCode.FAILED_EXAMPLES == each.code
        assert "2 of them: no font covers U+4E2D 中, U+6587 文 (or the like)" in each.out
        assert "1 of them: blank" in each.out
        assert "shmtext: nothing could be drawn" in each.err
        assert "load" not in each.out
        assert "labels" not in each.out
    status = shmtext("status", tmp_path / "out")
    assert (ExitCode.DONE, True) == (status.code, "1 of them: blank" in status.out)
    assert "is whole: 1 shards" in shmtext("verify", tmp_path / "out", "--checksums").out
    with open_run(tmp_path / "out") as run:
        assert [] == list(run)
    for _ in range(2):
        exported = shmtext("export", tmp_path / "out", "--to", "jsonl", tmp_path / "lines")
        assert ExitCode.FAILED_EXAMPLES == exported.code
        assert "shmtext: no picture was exported" in exported.err
        assert "load" not in exported.out


@pytest.mark.parametrize("content", ["", "\n", "\n  \n\t\n"])
def test_a_file_without_any_text_is_refused_before_anything_is_drawn(
    shmtext: Shell, tmp_path: Path, content: str
) -> None:
    (tmp_path / "texts.txt").write_text(content)

    shmtext("render", tmp_path / "out", "--texts", tmp_path / "texts.txt").refuses("holds no text")
    shmtext("status", tmp_path / "out").refuses("holds no run")


@pytest.mark.parametrize(("num_good", "is_told"), [(8, True), (9, False)])
def test_it_is_said_why_where_more_than_a_tenth_is_skipped(
    shmtext: Shell, tmp_path: Path, num_good: int, is_told: bool
) -> None:
    lines = [*["good"] * num_good, "中"]
    (tmp_path / "texts.txt").write_text("\n".join(lines), encoding="utf-8")
    ended = shmtext("render", tmp_path / "out", "--texts", tmp_path / "texts.txt")

    assert ExitCode.DONE == ended.code
    assert is_told == ("1 of them: no font covers U+4E2D 中\n" in ended.out)
    assert "load" in ended.out


def test_the_commonest_reasons_come_first_and_the_rest_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reasons = ["g", "c", *["bb"] * 2, "d", *["aaa"] * 3, "e", "f"]
    pq.write_table(pa.table({"reason": reasons}), tmp_path / "skipped.parquet")
    print_reasons(tmp_path)

    assert [("aaa", 3), ("bb", 2), ("g", 1), ("c", 1), ("d", 1), ("e", 1), ("f", 1)] == [
        (each.reason, each.num_examples) for each in skip_reasons(tmp_path)
    ]
    assert [
        *("  3 of them: aaa", "  2 of them: bb"),
        *("  1 of them: g", "  1 of them: c", "  1 of them: d", "  2 of them: 2 other reasons"),
    ] == capsys.readouterr().out.splitlines()


def test_bad_fonts_refuse_a_run_or_are_named_and_left_out(shmtext: Shell, tmp_path: Path) -> None:
    (tmp_path / "fonts").mkdir()
    for name, content in (("a.ttf", ITALIC.read_bytes()), ("b.ttf", b"wOFF"), ("c.ttf", b"")):
        (tmp_path / "fonts" / name).write_bytes(content)
    arguments = "render", tmp_path / "out", "--fonts", tmp_path / "fonts", "--max-images", "5"
    shmtext(*arguments).refuses(
        "b.ttf is a damaged web font", "c.ttf is an empty file", "--skip-bad-fonts"
    )
    ended = shmtext(*arguments, "--skip-bad-fonts")
    fonts = pq.read_table(tmp_path / "out" / "metadata.parquet", columns=["font"])["font"]

    assert ExitCode.DONE == ended.code
    assert ended.err.startswith("fonts left out (2): ")
    assert ended.err.endswith("c.ttf is an empty file\n")
    assert {"a.ttf"} == set(fonts.to_pylist())
    assert shmtext(*arguments, "--no-skip-bad-fonts").code == ExitCode.BAD_INPUT


def test_failed_examples_end_with_code_4(
    shmtext: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("invalid outline")

    monkeypatch.setattr(OpenFont, "render", lambda *_: None)
    monkeypatch.setattr(ImageFont.FreeTypeFont, "getmask2", refuse)
    (tmp_path / "texts.txt").write_text("one\ntwo\n")
    arguments = ("render", tmp_path / "out", "--texts", tmp_path / "texts.txt", "--fonts", SANS)
    ended = shmtext(*arguments)
    again = shmtext(*arguments)

    assert ExitCode.FAILED_EXAMPLES == ended.code == again.code
    assert f"2 failed: see {tmp_path}/out/skipped.parquet" in ended.out
    rows = pq.read_table(tmp_path / "out" / "skipped.parquet").to_pylist()
    assert [("cannot be drawn: invalid outline", True)] * 2 == [
        (row["reason"], row["failed"]) for row in rows
    ]


def test_progress_is_plain_lines_where_there_is_no_terminal(
    shmtext: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "LINE_EVERY_S", 0)
    ended = shmtext("render", tmp_path, *TINY)
    lines = ended.err.splitlines()

    assert lines
    assert "\x1b" not in ended.err
    assert "\r" not in ended.err
    for line in lines:
        assert " of " in line
        assert " images/s" in line


def test_status_tells_how_far_a_run_is(shmtext: Shell, tmp_path: Path) -> None:
    shmtext("render", tmp_path, *TINY, "--character-frequency", "200")
    finished = shmtext("status", tmp_path)
    (tmp_path / "_SUCCESS.json").unlink()
    (tmp_path / "fragments" / "00001.json").unlink()
    interrupted = shmtext("status", tmp_path)
    num_images = pq.read_metadata(tmp_path / "metadata.parquet").num_rows

    assert (ExitCode.DONE, ExitCode.DONE) == (finished.code, interrupted.code)
    assert f"{tmp_path}: finished" == finished.out.splitlines()[0]
    assert f"missing:   0 of {num_images} examples" in finished.out
    assert "interrupted: run the same command to continue" in interrupted.out
    assert f"of {num_images} examples" in interrupted.out
    assert f"missing:   0 of {num_images}" not in interrupted.out
    for name in ("committed:", "missing:", "skipped:", "failed:", "rate:"):
        assert name in finished.out


def test_status_of_a_live_run_names_who_runs_it(shmtext: Shell, tmp_path: Path) -> None:
    from shmtext.dataset.folder import OutputFolder  # noqa: PLC0415
    from shmtext.dataset.locks import lock  # noqa: PLC0415

    shmtext("render", tmp_path, *TINY)
    with OutputFolder.open(tmp_path, create=False) as folder:
        lock(folder)
        ended = shmtext("status", tmp_path)

    assert f"{tmp_path}: running (process " in ended.out


@pytest.mark.parametrize("command", ["status", "verify"])
def test_a_folder_without_a_run_has_no_status(shmtext: Shell, tmp_path: Path, command: str) -> None:
    shmtext(command, tmp_path).refuses("holds no run: it has no run.json")
    shmtext(command, tmp_path / "none").refuses("there is no folder")


def test_verify_finds_a_whole_run_whole(shmtext: Shell, tmp_path: Path) -> None:
    shmtext("render", tmp_path, *TINY)
    for options in ([], ["--checksums"]):
        ended = shmtext("verify", tmp_path, *options)

        assert (ExitCode.DONE, "") == (ended.code, ended.err)
        assert f"{tmp_path} is whole: 1 shards" in ended.out


def test_verify_names_what_is_damaged_and_the_next_run_mends_it(
    shmtext: Shell, tmp_path: Path
) -> None:
    shmtext("render", tmp_path, *TINY)
    picture = min((tmp_path / "images").rglob("*.jpg"))
    whole = picture.read_bytes()
    picture.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))

    assert ExitCode.DONE == shmtext("verify", tmp_path).code
    ended = shmtext("verify", tmp_path, "--checksums")
    assert ExitCode.STOPPED == ended.code
    assert picture.name in ended.out
    assert "run the same render command again to mend it" in ended.err
    assert ExitCode.DONE == shmtext("render", tmp_path, *TINY).code
    assert whole == picture.read_bytes()
    assert ExitCode.DONE == shmtext("verify", tmp_path, "--checksums").code


def test_nothing_in_a_name_or_a_text_moves_the_cursor(shmtext: Shell, tmp_path: Path) -> None:
    out = tmp_path / "out\x1b[2J\u202e"
    (tmp_path / "texts.txt").write_text("good\n\x1b[31m\nmore\n", encoding="utf-8")
    rendered = shmtext("render", out, "--texts", tmp_path / "texts.txt")
    (out / "images" / "00000" / "x\nshmtext: all is fine\x1b[1A\r").touch()
    (out / "images" / "00000" / "000000000.jpg").unlink()
    (out / "fragments" / "00001\n.json").touch()
    (out / ".lock").write_text("nobody\x1b[2J")
    verified, told = shmtext("verify", out), shmtext("status", out)
    with (out / ".lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        running = shmtext("status", out)
        refused = shmtext("render", out, "--texts", tmp_path / "texts.txt")

    for ended in (rendered, verified, told, running, refused):
        lines = (ended.out + ended.err).splitlines()
        assert lines
        assert all(line.isprintable() for line in lines), lines
        assert "shmtext: all is fine" not in [line.strip() for line in lines]
    assert "\\x1b[2J\\u202e" in rendered.out
    assert "x\\nshmtext: all is fine\\x1b[1A\\r: is there, none was committed" in verified.out


def test_verify_of_an_unfinished_run_says_what_is_missing(shmtext: Shell, tmp_path: Path) -> None:
    shmtext("render", tmp_path, *TINY)
    (tmp_path / "_SUCCESS.json").unlink()
    (tmp_path / "fragments" / "00000.json").unlink()
    ended = shmtext("verify", tmp_path)

    assert ExitCode.STOPPED == ended.code
    assert "missing: 1 of 1 shards" in ended.out
    assert "is not finished" in ended.err


# -- config ----------------------------------------------------------------------------------


def test_config_without_more_prints_the_defaults(
    shmtext: Shell, tmp_path: Path, asked: Callable[..., dict[str, Any]]
) -> None:
    ended = shmtext("config")

    assert (ExitCode.DONE, "") == (ended.code, ended.err)
    assert RunConfig() == asked("--config", toml(tmp_path, ended.out))["config"]
    for name in (*config_options(), *start_options()):
        assert any(f"{name} = " in line for line in ended.out.splitlines())


def test_config_prints_a_file_with_all_that_it_leaves_out(
    shmtext: Shell, tmp_path: Path, asked: Callable[..., dict[str, Any]]
) -> None:
    text = 'texts = "w.csv::wörd"\nworkers = 3\n[style]\nfonts = ["a.ttf"]\nfont-sizes = 8\n'
    printed = shmtext("config", toml(tmp_path, text))
    (tmp_path / "elsewhere").mkdir()
    found = asked("--config", toml(tmp_path / "elsewhere", printed.out))

    assert found == asked("--config", toml(tmp_path, text))
    assert 3 == found["workers"]
    assert Texts.of(TextFile(tmp_path / "w.csv", "wörd")) == found["config"].corpus


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--seed", 18_446_744_073_709_551_615, "--no-csv", "--split-letters", "--mode", "rgb"),
        ("--image-format", "png", "--font-sizes", 20, "--font-colors", "navy"),
        ("--jpeg-quality", 80, "--max-chars-per-line", 3, "--space-freq", "0.5"),
    ],
    ids=str,
)
def test_config_of_a_run_takes_it_up_again(
    shmtext: Shell, tmp_path: Path, options: tuple[object, ...]
) -> None:
    out = tmp_path / "out"
    shmtext("render", out, *TINY[:-4], *options, "--max-images", 4)
    printed = shmtext("config", out)
    names = sorted(path.name for path in out.iterdir())
    again = shmtext("render", out, "--config", toml(tmp_path, printed.out))

    assert (ExitCode.DONE, "") == (again.code, again.err)
    assert "is complete: 4 images were there already" in again.out
    assert names == sorted(path.name for path in out.iterdir())
    assert "recorded" not in printed.out


def test_config_of_a_run_says_where_it_kept_no_paths(shmtext: Shell, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("one\ntwo\n")
    paths = ("--texts", tmp_path / "texts.txt", "--fonts", ITALIC)
    shmtext("render", tmp_path / "out", *paths)
    printed = shmtext("config", tmp_path / "out")
    config = toml(tmp_path, printed.out)

    assert f"# fonts: no paths are recorded; give those of '{ITALIC.name}'" in printed.out
    assert "# texts: no path is recorded; give what the texts came from" in printed.out
    assert (
        "were there already" in shmtext("render", tmp_path / "out", "--config", config, *paths).out
    )


def test_config_of_what_is_neither_run_nor_file_is_refused(shmtext: Shell, tmp_path: Path) -> None:
    shmtext("config", tmp_path).refuses("holds no run: it has no run.json")
    shmtext("config", tmp_path / "none").refuses("cannot read the config", "No such file")
    shmtext("config", toml(tmp_path, "seed = -1")).refuses("seed must be a whole number")
    shmtext("config", toml(tmp_path, "workers = 0")).refuses("workers must be a whole number, 1")


def test_config_prints_a_schema(shmtext: Shell) -> None:
    printed = json.loads(shmtext("config", "--schema").out)

    assert {*config_options(), *start_options()} <= set(printed["properties"])


def test_config_is_utf_8_whatever_the_terminal_shows(tmp_path: Path) -> None:
    path = toml(tmp_path, 'letters = "äöü"')
    printed = subprocess.run(
        [sys.executable, "-m", "shmtext", "config", path],
        stdout=subprocess.PIPE,
        check=True,
        env=environment({"PYTHONIOENCODING": "ascii"}),
        timeout=HANG_S,
    )

    assert 'letters = "äöü"' in printed.stdout.decode()


@pytest.mark.parametrize("first", ["--csv", "--no-csv"])
def test_a_finished_run_asked_for_with_other_csv_gets_or_loses_it(
    shmtext: Shell, tmp_path: Path, first: str
) -> None:
    (other,) = {"--csv", "--no-csv"} - {first}
    for option in (first, other):
        shmtext("render", tmp_path / option, *TINY, option)
    ended = shmtext("render", tmp_path / first, *TINY, other)

    assert ExitCode.DONE == ended.code
    assert "images were there already" in ended.out
    assert contents(tmp_path / other) == contents(tmp_path / first)


def test_a_finished_run_asked_for_with_other_columns_of_csv_gets_these(
    shmtext: Shell, tmp_path: Path
) -> None:
    asked = *TINY, "--csv-columns", "filename,words"
    for out, options in (("one", TINY), ("other", asked)):
        shmtext("render", tmp_path / out, *options)
    by_default = (tmp_path / "one" / "labels.csv").read_bytes()
    ended = shmtext("render", tmp_path / "one", *asked)

    assert ExitCode.DONE == ended.code
    assert "images were there already" in ended.out
    assert contents(tmp_path / "other") == contents(tmp_path / "one")
    as_asked = (tmp_path / "one" / "labels.csv").read_bytes()
    assert as_asked == by_default.replace(b"filename,label\n", b"filename,words\n", 1)
    assert 'csv_columns = "filename,words"' in shmtext("config", tmp_path / "one").out


@pytest.mark.parametrize(
    "names", ["filename", "a,b,c", "a,", ",b", "a,a", "", 'a,"b', "a,b\nc", "a,\x1b"]
)
def test_names_of_columns_that_csv_would_not_give_back_are_refused(
    shmtext: Shell, tmp_path: Path, names: str
) -> None:
    shmtext("render", tmp_path, "--csv-columns", names).refuses(
        "csv_columns: expected two different names without quotes"
    )


def contents(out: Path) -> dict[str, bytes]:
    """Every file by name, but for who did what when."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and path.parent.name != "fragments" and path.name[0] != "."
    }


# -- looks -----------------------------------------------------------------------------------


def test_looks_are_listed_with_what_they_are_made_of(shmtext: Shell) -> None:
    ended = shmtext("looks")

    assert (ExitCode.DONE, "") == (ended.code, ended.err)
    lines = ended.out.splitlines()
    assert list(look_names()) == [line.split()[0] for line in lines if line[0] != " "]
    for name in look_names():
        assert look_comment(name).splitlines()[0] in ended.out
        for effect in preset_of(name).effects if name in mix_of(name) else ():
            assert re.search(rf"\b{effect.name()}\b", ended.out)


def test_effects_are_listed_in_the_order_in_which_they_are_done(shmtext: Shell) -> None:
    ended = shmtext("looks", "--effects")

    assert list(BY_NAME) == [line.split()[0] for line in ended.out.splitlines()]


@pytest.mark.parametrize("name", [*look_names(), "blur"])
def test_a_look_is_printed_as_toml_that_render_takes(
    shmtext: Shell, asked: Callable[..., dict[str, Any]], tmp_path: Path, name: str
) -> None:
    (tmp_path / "look.toml").write_text(shmtext("looks", name).out, encoding="utf-8")
    table = {"mine": {"base": "clean", name: {}}} if name in BY_NAME else name

    assert RunConfig(look=table) == asked("--config", tmp_path / "look.toml")["config"]  # type: ignore[arg-type]


def test_a_look_that_is_not_there_is_told_by_its_nearest_name(shmtext: Shell) -> None:
    shmtext("looks", "bluur").refuses("unknown look or effect 'bluur' (did you mean blur?)")
    shmtext("looks", "blur", "--effects").refuses("leave out the name, or the option")
    shmtext("render", "out", "--look", "scam").refuses("unknown look 'scam' (did you mean scan?)")


def test_looks_of_the_command_line_win_and_keep_what_the_file_changes(
    asked: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "run.toml").write_text("[look.scan]\n[look.photo]\nblur = false\n")

    found = asked("--config", tmp_path / "run.toml", "--look", "photo")["config"]
    assert RunConfig(look={"photo": {"blur": False}}) == found  # type: ignore[arg-type]


# -- help ------------------------------------------------------------------------------------


def help_of(*arguments: str) -> str:
    result = CliRunner().invoke(cli, [*arguments, "--help"])
    assert 0 == result.exit_code
    return str(result.output)


def test_help_mentions_every_option_with_its_default() -> None:
    text = help_of("render")
    words = text.replace("/", " ").replace(",", " ").split()

    for name in (*config_options(), *start_options(), "config"):
        assert f"--{name.replace('_', '-')}" in words
    for default in ("a-z A-Z", "1000", "#000000", "#ffffff", "jpg", "95", "auto", "32"):
        assert default in text
    for code in ("0 done", "2 bad", "3 stopped", "4 finished", "130 interrupted"):
        assert code in " ".join(text.split())


def test_help_stays_within_100_columns() -> None:
    for arguments in ([], ["config"], ["export"], ["join"], ["render"], ["status"], ["verify"]):
        result = CliRunner().invoke(cli, [*arguments, "--help"], terminal_width=100)

        assert max(map(len, result.output.splitlines())) <= 100


def test_every_command_and_option_has_a_help() -> None:
    for command in cli.commands.values():
        assert command.help
        for parameter in command.params:
            assert isinstance(parameter, click.Argument) or getattr(parameter, "help", None)


def test_every_name_of_the_command_line_is_known_to_the_config() -> None:
    names = {parameter.name for parameter in cli.commands["render"].params}

    own = {"config", "out", "as_json", "quiet", "dry_run"}
    assert {*config_options(), *start_options(), *own} == names


# -- as a process ----------------------------------------------------------------------------


def test_the_program_renders_a_compressed_word_list(tmp_path: Path) -> None:
    words = [word + tail for word in ("Größe: 42 €", "plain", "x") for tail in string.ascii_letters]
    with gzip.open(tmp_path / "words.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(words))
    done = run("render", tmp_path / "out", "--texts", tmp_path / "words.gz", "--max-images", 100)

    done.expect(0, num_lines=0)
    table = pq.read_table(tmp_path / "out" / "metadata.parquet")
    assert words[:100] == table.column("text").to_pylist()


def test_the_program_s_errors_are_one_line_and_no_traceback(tmp_path: Path) -> None:
    ended = run("render", tmp_path / "out", "--fonts", tmp_path / "none")

    ended.expect(2, "shmtext: cannot open the font", num_lines=1)
    assert "" == ended.stdout


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    run("render", tmp_path / "out", *TINY).expect(0)
    status = subprocess.Popen(
        [sys.executable, "-m", "shmtext", "status", tmp_path / "out"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    assert status.stdout is not None
    assert status.stderr is not None
    status.stdout.close()
    complaint = status.stderr.read()
    status.stderr.close()

    assert (0, "") == (status.wait(HANG_S), complaint)


@pytest.mark.timeout(HANG_S)
def test_a_terminal_shows_a_bar_and_leaves_the_lines_that_were_said(tmp_path: Path) -> None:
    terminal, end = os.openpty()
    command = [sys.executable, "-m", "shmtext", "render", str(tmp_path / "out"), *TINY]
    (tmp_path / "bad.ttf").write_bytes(b"no font")
    command += ["--fonts", str(tmp_path / "bad.ttf"), "--skip-bad-fonts", "--image-format", "png"]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=end, env=environment())
    os.close(end)
    shown = b""
    with suppress(OSError):  # how a terminal ends that nobody writes to any more
        while part := os.read(terminal, 1 << 12):
            shown += part
    os.close(terminal)

    assert ExitCode.DONE == child.wait()
    num_images = pq.read_table(tmp_path / "out" / "metadata.parquet").num_rows
    assert f"{num_images}/{num_images}".encode() in shown
    assert b"images/s" in shown
    assert b"bad.ttf is not a TrueType" in shown


# -- fonts --------------------------------------------------------------------------------------


def test_fonts_are_told_as_a_table_or_as_json(shmtext: Shell) -> None:
    table, said = shmtext("fonts"), shmtext("fonts", "--json")

    assert (ExitCode.DONE, "") == (table.code, table.err)
    assert "DejaVuSans.ttf" in table.out
    assert 10 == len(json.loads(said.out)["fonts"])


def test_bad_fonts_decide_the_exit_code_unless_they_are_skipped(
    shmtext: Shell, tmp_path: Path
) -> None:
    (tmp_path / "bad.ttf").write_bytes(b"none")
    fonts = tmp_path / "bad.ttf", BUNDLED[1]

    shown = shmtext("fonts", *fonts)
    assert ExitCode.BAD_INPUT == shown.code
    assert "Caladea" in shown.out
    assert "bad.ttf" in shown.err
    assert ExitCode.DONE == shmtext("fonts", *fonts, "--skip-bad-fonts").code
