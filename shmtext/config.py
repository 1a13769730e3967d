"""What a run is: frozen settings, checked when they are made, and their fingerprint.

Settings come from Python, from the command line or from a TOML file, and end here. This module
opens no text and no font; ``engine/held.py`` does.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import string
import tomllib
import unicodedata
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, TypeGuard, assert_never, cast, get_args

from PIL import ImageColor

from shmtext.errors import ConfigError

ImageFormat = Literal["jpg", "png"]
Mode = Literal["auto", "gray", "rgb"]
Engine = Literal["auto", "processes", "threads", "serial"]
Resume = Literal["auto", "never", "must"]

MIN_CONTRAST = 16
"""Of 255 levels, in at least one channel, between a text and its background. JPEG alone moves a
level by several, and a person hardly sees a text that differs less."""

MAX_SEED = 2**64 - 1
MAX_FONT_SIZE_PX = 1_000
"""A glyph is then 1 MB; FreeType itself refuses sizes not far above."""
MAX_CHARACTERS = 2**36
"""64 Gi characters: beyond any machine's memory, and far from where int64 arithmetic ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancedText:
    """Random text in which every character occurs equally often.

    Every character of ``letters`` and ``numbers`` is taken ``character_frequency`` times, with
    ``space_freq * character_frequency`` spaces for each of the two groups that is not empty;
    all is shuffled and cut into examples of ``min_example_size`` to ``max_example_size``
    characters. With ``split_letters`` each example is followed by its characters spelled out.
    """

    letters: str = string.ascii_letters
    numbers: str = string.digits
    space_freq: float = 1
    character_frequency: int = 1_000
    min_example_size: int = 5
    max_example_size: int = 20
    split_letters: bool = False

    def __post_init__(self) -> None:
        _check_type("letters", self.letters, str, "text")
        _check_type("numbers", self.numbers, str, "text")
        object.__setattr__(self, "space_freq", _number("space_freq", self.space_freq))
        _check_type("split_letters", self.split_letters, bool, "true or false")
        characters = self.letters + self.numbers
        if not characters:
            raise ConfigError("letters and numbers are both empty: give at least one character")
        repeated = sorted({c for c in characters if characters.count(c) > 1})
        if repeated:
            raise ConfigError(
                f"each character must stand once in letters and numbers together, "
                f"{''.join(repeated)!r} stands more often: its frequency would not be balanced"
            )
        undrawable = [c for c in characters if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
        if undrawable or any(c.isspace() for c in characters):
            raise ConfigError(
                "letters and numbers must hold no spaces, control characters or surrogates "
                f"(set spaces with space_freq), got {characters!r}"
            )
        for name in ("character_frequency", "min_example_size", "max_example_size"):
            object.__setattr__(self, name, count(name, getattr(self, name)))
        if self.min_example_size > self.max_example_size:
            raise ConfigError(
                f"min_example_size ({self.min_example_size}) must be at most "
                f"max_example_size ({self.max_example_size})"
            )
        if not 0 <= self.space_freq <= 1_000_000:
            raise ConfigError(f"space_freq must be 0 to 1,000,000, got {self.space_freq}")
        if self.num_characters > MAX_CHARACTERS:
            raise ConfigError(
                f"character_frequency {self.character_frequency:,} makes "
                f"{self.num_characters:,} characters, at most {MAX_CHARACTERS:,} can be handled"
            )

    @property
    def num_spaces(self) -> int:
        """Spaces in the whole text, for both groups together."""
        groups = bool(self.letters) + bool(self.numbers)
        return groups * round(self.space_freq * self.character_frequency)

    @property
    def num_characters(self) -> int:
        """Characters in the whole text before it is cut, spaces included."""
        letters_and_numbers = len(self.letters) + len(self.numbers)
        return letters_and_numbers * self.character_frequency + self.num_spaces


@dataclass(frozen=True, slots=True)
class TextFile:
    """One example a line of a UTF-8 text file, a cell of a CSV, TSV or Parquet column, or an object
    of a JSONL file, whose field ``column`` names. All but Parquet may be packed (``.gz``).
    """

    path: Path
    column: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", _path("texts", self.path))
        if self.column is not None:
            _check_type("the column of texts", self.column, str, "text")

    @classmethod
    def parse(cls, texts: str) -> TextFile:
        """Read the command line's ``PATH`` or ``PATH::COLUMN``.

        A file whose own name has ``::`` in it is found by that, if it is there.

        >>> TextFile.parse("words.csv::word").column
        'word'
        """
        _check_type("texts", texts, str, "text")
        parts = texts.split("::")
        if len(parts) == 1 or os.path.exists(_path("texts", texts)):
            return cls(Path(texts))
        # The longest beginning that is there, in case a column's name has ``::`` in it, too.
        places = range(len(parts) - 1, 0, -1)
        there = (place for place in places if os.path.exists("::".join(parts[:place])))
        place = next(there, len(parts) - 1)
        path, column = "::".join(parts[:place]), "::".join(parts[place:])
        if not path or not column:
            raise ConfigError(f"texts must be PATH or PATH::COLUMN, got {texts!r}")
        return cls(Path(path), column)


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What may be drawn. Of each list one entry is drawn for each example, all equally likely."""

    fonts: tuple[Path, ...] = ()
    """Font files, and folders of them; empty: the fonts that come with the package."""
    skip_bad_fonts: bool = False
    """Leave out fonts that can't be used, and say so, rather than refuse the run."""
    font_sizes: tuple[int, ...] = (32,)
    """Pixel sizes (the em square's height)."""
    font_colors: tuple[str, ...] = ("#000000",)
    background_colors: tuple[str, ...] = ("#ffffff",)
    """Colours as ``#rrggbb``, a CSS name or ``r,g,b``; kept as ``#rrggbb``."""
    max_chars_per_line: int | None = None
    """Wrap texts as ``textwrap.wrap`` does at this width; None: only where a text has newlines."""

    def __post_init__(self) -> None:
        def normalise(name: str, values: Iterable[Any]) -> None:
            object.__setattr__(self, name, tuple(dict.fromkeys(values)))

        normalise("fonts", [_path("fonts", font) for font in _as_list("fonts", self.fonts)])
        _check_type("skip_bad_fonts", self.skip_bad_fonts, bool, "true or false")
        normalise("font_sizes", map(_hashable, _as_list("font_sizes", self.font_sizes)))
        normalise("font_colors", map(parse_color, _as_list("font_colors", self.font_colors)))
        normalise(
            "background_colors",
            map(parse_color, _as_list("background_colors", self.background_colors)),
        )
        for name in ("font_sizes", "font_colors", "background_colors"):
            if not getattr(self, name):
                raise ConfigError(f"{name} must hold at least one value, got none")
        normalise(
            "font_sizes", [count("font_sizes", size, MAX_FONT_SIZE_PX) for size in self.font_sizes]
        )
        if self.max_chars_per_line is not None:
            width = count("max_chars_per_line", self.max_chars_per_line)
            object.__setattr__(self, "max_chars_per_line", width)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """How pictures and labels are stored."""

    image_format: ImageFormat = "jpg"
    jpeg_quality: int = 95
    mode: Mode = "auto"
    """``auto``: gray when every colour is gray, else rgb."""
    csv: bool = True
    """Also write ``labels.csv``."""

    def __post_init__(self) -> None:
        check_choice("image_format", self.image_format, get_args(ImageFormat))
        check_choice("mode", self.mode, get_args(Mode))
        object.__setattr__(self, "jpeg_quality", count("jpeg_quality", self.jpeg_quality, 100))
        _check_type("csv", self.csv, bool, "true or false")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """Everything a user decides about a run's output.

    >>> RunConfig(style=Style(font_sizes=[24, 32])).style.font_sizes
    (24, 32)
    """

    corpus: BalancedText | TextFile = field(default_factory=BalancedText)
    style: Style = field(default_factory=Style)
    output: Output = field(default_factory=Output)
    max_images: int | None = None
    """Render only the first so many examples of the corpus."""
    seed: int = 0
    """0 to 2**64 - 1."""

    def __post_init__(self) -> None:
        _check_type("corpus", self.corpus, (BalancedText, TextFile), "a BalancedText or TextFile")
        _check_type("style", self.style, Style, "a Style")
        _check_type("output", self.output, Output, "an Output")
        if self.max_images is not None:
            object.__setattr__(self, "max_images", count("max_images", self.max_images))
        if not _is_whole(self.seed) or not 0 <= self.seed <= MAX_SEED:
            raise ConfigError(
                f"seed must be a whole number from 0 to 2**64 - 1, got {_shown(self.seed)}"
            )
        object.__setattr__(self, "seed", int(self.seed))
        if not self.color_pairs:
            raise ConfigError(
                f"no font colour differs from a background colour by {MIN_CONTRAST} of 255 levels "
                f"(in {self.picture_mode} pictures): the text could not be read"
            )

    @property
    def picture_mode(self) -> Literal["gray", "rgb"]:
        """What ``output.mode`` comes to with these colours."""
        if self.output.mode != "auto":
            return self.output.mode
        colors = self.style.font_colors + self.style.background_colors
        return "gray" if all(len({c[1:3], c[3:5], c[5:7]}) == 1 for c in colors) else "rgb"

    @property
    def color_pairs(self) -> tuple[tuple[str, str], ...]:
        """``(font_color, background_color)`` pairs that can be told apart in a picture.

        Others, nearer than ``MIN_CONTRAST``, are never drawn.
        """
        return tuple(
            (font_color, background_color)
            for font_color in self.style.font_colors
            for background_color in self.style.background_colors
            if _contrast(font_color, background_color, self.picture_mode) >= MIN_CONTRAST
        )


def parse_color(color: str) -> str:
    """Bring ``#rrggbb``, ``#rgb``, a CSS name or ``r,g,b`` to ``#rrggbb``.

    >>> parse_color("255, 0,128"), parse_color("navy")
    ('#ff0080', '#000080')
    """
    parts = str(color).split(",")
    if len(parts) == 3 and all(re.fullmatch(r"\s*[0-9]{1,9}\s*", part) for part in parts):
        channels = tuple(int(part) for part in parts)
        known = max(channels) <= 255
    else:
        try:
            channels = ImageColor.getrgb(str(color).strip())
        except ValueError:
            known = False
        else:
            known = len(channels) == 3 and all(0 <= channel <= 255 for channel in channels)
    if not known:
        raise ConfigError(
            f"a colour must be '#rrggbb', a CSS name or 'r,g,b' (0-255), got {color!r}"
        )
    return "#{:02x}{:02x}{:02x}".format(*channels)


def _contrast(color: str, other: str, mode: Literal["gray", "rgb"]) -> int:
    """Levels between two colours, in the channel in which they differ most.

    >>> _contrast("#ff0000", "#ffff00", "rgb"), _contrast("#fefefe", "#ffffff", "gray")
    (255, 1)
    """
    pairs = zip(_levels(color, mode), _levels(other, mode), strict=True)
    return max(abs(level - level_of_other) for level, level_of_other in pairs)


def _levels(color: str, mode: Literal["gray", "rgb"]) -> tuple[int, ...]:
    match mode:
        case "gray":
            return (cast("int", ImageColor.getcolor(color, "L")),)
        case "rgb":
            return ImageColor.getrgb(color)
        case _:
            assert_never(mode)


CORPUS_OPTIONS = (
    *("letters", "numbers", "space_freq", "character_frequency"),
    *("min_example_size", "max_example_size", "split_letters"),
)
STYLE_OPTIONS = (
    *("fonts", "skip_bad_fonts", "font_sizes", "font_colors", "background_colors"),
    "max_chars_per_line",
)
OUTPUT_OPTIONS = ("image_format", "jpeg_quality", "mode", "csv")
RUN_OPTIONS = ("max_images", "seed")
START_OPTIONS = ("workers", "engine", "resume")
"""Of a start alone, no part of a config: they never change a byte of the output."""
CONFIG_OPTIONS = (*CORPUS_OPTIONS, "texts", *STYLE_OPTIONS, *OUTPUT_OPTIONS, *RUN_OPTIONS)


def config_from_options(options: Mapping[str, Any]) -> RunConfig:
    """Build a config from the flat names that the command line and TOML files share.

    Names left out take their defaults. ``texts`` excludes the balanced text's options.
    """
    unknown = sorted(set(options) - set(CONFIG_OPTIONS))
    if unknown:
        known = (*CONFIG_OPTIONS, *START_OPTIONS)
        nearest = difflib.get_close_matches(unknown[0], known, 1)
        meant = f" (did you mean {nearest[0]}?)" if nearest else ""
        raise ConfigError(f"unknown option {unknown[0]!r}{meant}; known are: {', '.join(known)}")

    def part(names: Iterable[str]) -> dict[str, Any]:
        return {name: options[name] for name in names if name in options}

    balanced = part(CORPUS_OPTIONS)
    try:
        if "texts" in options and balanced:
            raise ConfigError(
                f"texts and {next(iter(balanced))} exclude each other: the first reads texts from "
                "a file, the second makes balanced random text"
            )
        corpus = (
            TextFile.parse(options["texts"]) if "texts" in options else BalancedText(**balanced)
        )
        style, output = Style(**part(STYLE_OPTIONS)), Output(**part(OUTPUT_OPTIONS))
        return RunConfig(corpus=corpus, style=style, output=output, **part(RUN_OPTIONS))
    except (TypeError, AttributeError) as error:
        raise ConfigError(f"an option has a value of the wrong type: {error}") from error


def load_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file of option names (underscores or hyphens) and values.

    Paths in ``fonts`` and ``texts`` are taken relative to the file's own folder, so that a
    config works from wherever it is called.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"cannot read the config {path}: {error.strerror}: check the path"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a TOML file: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is nested too deeply: expected names and values") from error
    except ValueError as error:
        raise ConfigError(f"{path} holds a number that is too large ({error})") from error
    options: dict[str, Any] = {}
    for name, value in table.items():
        option = name.replace("-", "_")
        if option in options:
            raise ConfigError(f"{path} sets {option} twice, with _ and with -: keep one of them")
        options[option] = value
    if "fonts" in options:
        fonts = _as_list("fonts", options["fonts"])
        options["fonts"] = [str(path.parent / str(font)) for font in fonts]
    if isinstance(options.get("texts"), str):
        options["texts"] = str(path.parent / options["texts"])
    return options


def canonical_json(value: object) -> str:
    """The one JSON text of a value: keys sorted, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def fingerprint(identity: Mapping[str, Any]) -> str:
    """Hash (SHA-256, hexadecimal) of everything that decides a run's output bytes."""
    return hashlib.sha256(canonical_json(identity).encode()).hexdigest()


def differences(wanted: object, found: object, prefix: str = "") -> list[str]:
    """Key-by-key difference of two JSON values, a line each: ``key: found -> wanted``.

    >>> differences({"a": {"b": 1}, "c": 2}, {"a": {"b": 3}, "c": 2})
    ['a.b: 3 in the folder, 1 asked for']
    """
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return [
            line
            for key in sorted({*wanted, *found})
            for line in differences(wanted.get(key), found.get(key), f"{prefix}{key}.")
        ]
    # By their JSON, which is hashed: 1 and 1.0 are equal, and hashed differently.
    if canonical_json(wanted) == canonical_json(found):
        return []
    return [f"{prefix[:-1]}: {json.dumps(found)} in the folder, {json.dumps(wanted)} asked for"]


def _as_list(name: str, value: object) -> list[Any]:
    """Accept one value in place of a list of one."""
    if isinstance(value, (str, Integral, Path)):
        return [value]
    try:
        return list(cast("Iterable[Any]", value))
    except TypeError:
        raise ConfigError(f"{name} must be a list, got {value!r}") from None


def _path(name: str, value: object) -> Path:
    if not isinstance(value, (str, Path)) or not str(value) or "\0" in str(value):
        raise ConfigError(f"{name} must be a path without NUL, got {value!r}")
    return Path(value)


def _hashable(value: Any) -> Any:
    """A value that a set takes; what it is is checked afterwards."""
    return value if isinstance(value, Hashable) else repr(value)


def _shown(value: object) -> str:
    try:
        return repr(value)
    except ValueError:  # Python spells out no number of more than 4,300 digits
        return "a number of thousands of digits"


def _is_whole(value: object) -> TypeGuard[int]:
    # NumPy's integers count as whole numbers, too. True and False do to Python, and are never
    # meant as such.
    return isinstance(value, Integral) and not isinstance(value, bool)


def _number(name: str, value: object) -> float:
    """A number as Python's own; a whole one without decimals, however it was written."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise ConfigError(f"{name} must be a number, got {value!r}")
    try:
        number = float(value)
    except OverflowError as error:
        raise ConfigError(f"{name} must be a number of reasonable size ({error})") from error
    return int(number) if number.is_integer() else number


def _check_type(
    name: str, value: object, wanted: type | tuple[type, ...], description: str
) -> None:
    if not isinstance(value, wanted):
        raise ConfigError(f"{name} must be {description}, got {value!r}")


def count(name: str, value: object, at_most: int = 2**62) -> int:
    """``value`` as an int; ``ConfigError`` unless it is a whole number from 1 to ``at_most``."""
    if not _is_whole(value) or not 1 <= value <= at_most:
        limit = f" to {at_most:,}" if at_most < 2**62 else " or more"
        raise ConfigError(f"{name} must be a whole number, 1{limit}, got {_shown(value)}")
    return int(value)


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise ``ConfigError`` unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
