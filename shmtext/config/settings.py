"""What a run is: frozen settings, each declared once, with all that is said of it, and checked.

What stands at a field is explained in ``fields.py``. Names, tables and files are ``reading.py``'s
and ``writing.py``'s. Nothing here opens a text or a font; ``engine/held.py`` does.
"""

from __future__ import annotations

import os
import string
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from shmtext.config.colors import READABLE_LEVELS, contrast, parse_color
from shmtext.config.fields import About, check, metadata, part, setting
from shmtext.config.kinds import FilePath, ListOf, Text, refusal
from shmtext.config.looks import Looks, LooksKind
from shmtext.config.marks import is_invisible, is_mark, mark_groups
from shmtext.config.own import OwnKind
from shmtext.errors import ConfigError

ImageFormat = Literal["jpg", "png"]
Mode = Literal["auto", "gray", "rgb"]
Engine = Literal["auto", "processes", "threads", "serial"]
Resume = Literal["auto", "never", "must"]
Container = Literal["files", "tar", "tar+json", "parquet"]
Layout = Literal["full", "basic"]
Direction = Literal["auto", "ltr", "rtl", "ttb"]
Fallback = Literal["none", "text", "character"]
Boxes = Literal["none", "characters", "words"]
FurtherColumn = Literal["effects"]

CORPUS, STYLE, LOOK, OUTPUT, RUN = "Corpus", "Style", "Look", "Output", "Run"
"""Headings of ``--help``, of the README's table and of what ``shmtext config`` prints."""

MIN_CONTRAST = 16
"""Of 255 levels, in at least one channel, between a text and its background. JPEG alone moves a
level by several, and a person hardly sees a text that differs less."""

MAX_SEED = 2**64 - 1
MAX_FONT_SIZE_PX = 1_000
"""A glyph is then 1 MB; FreeType itself refuses sizes not far above."""
MAX_CHARACTERS = 2**36
"""64 Gi characters: beyond any machine's memory, and far from where int64 arithmetic ends."""
MAX_WORKERS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancedText:
    """Random text in which every character occurs equally often.

    Every character of ``letters`` and ``numbers`` is taken ``character_frequency`` times, with
    ``space_freq * character_frequency`` spaces for each of the two groups that is not empty;
    all is shuffled and cut into examples of ``min_example_size`` to ``max_example_size``
    characters. With ``split_letters`` each example is followed by its characters spelled out.

    A mark among them (a vowel sign, an accent) is put on a random letter of its script, and stays
    with it: a letter with its marks counts as one character of an example.
    """

    letters: str = setting(
        string.ascii_letters,
        About("Letters of the balanced random text.", CORPUS, "CHARS", default_text="a-z A-Z"),
    )
    numbers: str = setting(
        string.digits, About("Digits likewise.", CORPUS, "CHARS", default_text="0-9")
    )
    space_freq: float = setting(
        1,
        About(
            "Spaces per group (letters, digits), in character frequencies.",
            *(CORPUS, "N"),
            at_least=0,
            at_most=1_000_000,
        ),
    )
    character_frequency: int = setting(
        1_000, About("How often each character occurs in all.", CORPUS, "N", at_least=1)
    )
    min_example_size: int = setting(
        5,
        About(
            "Fewest characters of an example; a letter with its marks is one.",
            CORPUS,
            "N",
            at_least=1,
        ),
    )
    max_example_size: int = setting(
        20, About("Most characters of an example, likewise.", CORPUS, "N", at_least=1)
    )
    split_letters: bool = setting(
        False, About("Follow each example by its characters spelled out.", CORPUS)
    )

    def __post_init__(self) -> None:
        check(self)
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
        invisible = [f"U+{ord(c):04X}" for c in characters if is_invisible(c)]
        if invisible:
            raise ConfigError(
                "letters and numbers must hold no joiners, variation selectors or other characters "
                f"that leave no ink by themselves, got {', '.join(invisible)}: leave them out"
            )
        mark_groups(characters)  # raises where a mark has no letter to stand on
        if self.min_example_size > self.max_example_size:
            raise ConfigError(
                f"min_example_size ({self.min_example_size}) must be at most "
                f"max_example_size ({self.max_example_size})"
            )
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

    @property
    def num_clusters(self) -> int:
        """Characters likewise, but a letter with its marks is one: what is shuffled and cut."""
        num_marks = sum(map(is_mark, self.letters + self.numbers))
        return self.num_characters - num_marks * self.character_frequency


@dataclass(frozen=True, slots=True)
class TextFile:
    """One example a line of a UTF-8 text file, a cell of a CSV, TSV or Parquet column, or an object
    of a JSONL file, whose field ``column`` names. All but Parquet may be packed (``.gz``).
    """

    path: Path = field(
        metadata=metadata(
            About(
                "In place of random text: one example a line of a UTF-8 file (plain or .gz), a "
                "column of a CSV, TSV or Parquet file, or a field of JSONL.",
                *(CORPUS, "PATH[::COLUMN]"),
                called="texts",
            )
        )
    )
    column: str | None = setting(
        None, About("Of a table.", CORPUS, called="the column of texts", is_option=False)
    )

    def __post_init__(self) -> None:
        check(self)

    @classmethod
    def parse(cls, texts: str) -> TextFile:
        """Read the command line's ``PATH`` or ``PATH::COLUMN``.

        A file whose own name has ``::`` in it is found by that, if it is there.

        >>> TextFile.parse("words.csv::word").column
        'word'
        """
        parts = Text().take("texts", texts).split("::")
        whole = FilePath().take("texts", texts)
        if len(parts) == 1 or os.path.exists(whole):
            return cls(whole)
        # The longest beginning that is there, in case a column's name has ``::`` in it, too.
        places = range(len(parts) - 1, 0, -1)
        there = (place for place in places if os.path.exists("::".join(parts[:place])))
        place = next(there, len(parts) - 1)
        path, column = "::".join(parts[:place]), "::".join(parts[place:])
        if not path or not column:
            raise refusal("texts", "PATH or PATH::COLUMN", texts)
        return cls(Path(path), column)


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What may be drawn. Of each list one entry is drawn for each example, all equally likely."""

    fonts: tuple[Path, ...] = setting(
        (),
        About(
            "Font file or folder of them; behind a file may stand which font of a collection, #2, "
            "and where a variable one is: @Bold, @wght=300, @wght=300..700 or @*, all its "
            "instances.",
            *(STYLE, "PATH"),
            default_text="ten fonts that come along",
        ),
    )
    skip_bad_fonts: bool = setting(
        False,
        About(
            "Leave out fonts that can't be used, and name them.",
            STYLE,
            default_text="no: refuse the run",
        ),
    )
    font_sizes: tuple[int, ...] = setting(
        (32,),
        About(
            "Pixel size: the em square's height.",
            *(STYLE, "PX"),
            at_least=1,
            at_most=MAX_FONT_SIZE_PX,
        ),
    )
    font_colors: tuple[str, ...] = setting(
        ("#000000",),
        About("#rrggbb, a CSS name, or r,g,b.", STYLE, "COLOR", parse=parse_color),
    )
    """Kept as ``#rrggbb``; likewise the next."""
    background_colors: tuple[str, ...] = setting(
        ("#ffffff",), About("Likewise.", STYLE, "COLOR", parse=parse_color)
    )
    max_chars_per_line: int | None = setting(
        None,
        About("Wrap texts at this width.", CORPUS, "N", default_text="no wrapping", at_least=1),
    )
    """In clusters, as ``corpus/wrap.py`` has it; None: only where a text has newlines."""
    layout: Layout = setting(
        "full",
        About(
            "full: kerning, ligatures, marks and every script, as HarfBuzz shapes them; basic: a "
            "glyph a character, but for texts that this would draw wrong.",
            STYLE,
        ),
    )
    direction: Direction = setting(
        "auto",
        About(
            "Whether texts read from left to right, from right to left or from top to bottom; "
            "auto: from left or right, as the first character says that has a direction.",
            STYLE,
        ),
    )

    fallback: Fallback = setting(
        "none",
        About(
            "Of texts that no font covers whole; text: one font draws what it has, others the "
            "rest; character: each is drawn by the first font that has it. Fonts are asked in the "
            "order given.",
            STYLE,
        ),
    )

    def __post_init__(self) -> None:
        check(self)
        if self.direction == "ttb" and self.layout == "basic":
            raise ConfigError("lines go from top to bottom (direction ttb) in layout full alone")

    @property
    def given_colors(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Colours of papers and of inks that are not those by default: looks leave them alone."""
        papers, inks = self.background_colors, self.font_colors
        plain = Style.__dataclass_fields__
        return (
            () if papers == plain["background_colors"].default else papers,
            () if inks == plain["font_colors"].default else inks,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """How pictures and labels are stored."""

    image_format: ImageFormat = setting("jpg", About("JPEG or PNG.", OUTPUT))
    jpeg_quality: int = setting(
        95, About("Of JPEG alone.", OUTPUT, "1-100", at_least=1, at_most=100)
    )
    mode: Mode = setting("auto", About("auto: gray when every colour is gray.", OUTPUT))
    container: Container = setting(
        "files",
        About(
            "How pictures are stored; files: one each; tar: a tar file a shard, with each text as "
            ".txt (WebDataset); tar+json: with each label row, too; parquet: a Parquet file a "
            "shard, with all label columns (Hugging Face).",
            OUTPUT,
        ),
    )
    csv: bool = setting(True, About("Write labels.csv beside metadata.parquet.", OUTPUT))
    boxes: Boxes = setting(
        "none",
        About(
            "Label boxes, in px of the final picture: around characters (letters that are drawn as "
            "one, such as a ligature or a letter with its marks, share a box), or around words.",
            OUTPUT,
        ),
    )
    column: tuple[FurtherColumn, ...] = setting(
        (),
        About(
            "Further columns of labels; effects: what looks did to each picture, as JSON.",
            OUTPUT,
            default_text="none",
        ),
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """Everything a user decides about a run's output.

    >>> RunConfig(style=Style(font_sizes=[24, 32])).style.font_sizes
    (24, 32)
    """

    corpus: BalancedText | TextFile = part(BalancedText, About(is_flat=True))
    style: Style = part(Style, About(is_flat=True))
    output: Output = part(Output, About(is_flat=True))
    look: Looks = setting(
        Looks(),
        About(
            "What pictures look like: clean, scan, fax, photo, receipt, screen, mixed; of several, "
            "one is drawn for each picture. `shmtext looks` tells more.",
            *(LOOK, "NAME[=SHARE]"),
            default_text="clean",
            kind=LooksKind(),
        ),
    )
    effect: tuple[str, ...] = setting(
        (),
        About(
            "An effect of your own, the last that is done to pictures of whatever look: a function "
            "of a picture and four random words, or a transform such as "
            "albumentations:GaussNoise(std_range=(0.1, 0.2)). Several are done in this order.",
            *(LOOK, "MODULE:FUNCTION[=P]"),
            default_text="none",
            kind=ListOf(OwnKind(), may_be_empty=True),
        ),
    )
    """Paths among them are absolute. With ``=P`` behind, as often as that; else always."""
    backgrounds: Path | None = setting(
        None,
        About(
            "Folder of photographs, searched whole, for looks whose paper is a piece of one at "
            "times (photo, mixed, the effect photograph).",
            *(LOOK, "FOLDER"),
            default_text="none: such looks have other paper",
        ),
    )
    max_images: int | None = setting(
        None,
        About("Render only the first N examples.", CORPUS, "N", default_text="all", at_least=1),
    )
    seed: int = setting(
        0,
        About(
            "Of all randomness.",
            *(CORPUS, "N"),
            at_least=0,
            at_most=MAX_SEED,
            expected="a whole number from 0 to 2**64 - 1",
        ),
    )

    def __post_init__(self) -> None:
        check(self)
        if self.backgrounds is not None and not self.look.needs_photos:
            raise ConfigError(
                "backgrounds are used by looks that have the effect photograph, and none of these "
                "has it: choose such a look (look = photo), or leave out backgrounds"
            )
        self.look.check_given(*self.style.given_colors)
        if not self.color_pairs:
            mode, levels = self._least_contrast
            raise ConfigError(
                f"no font colour differs from a background colour by {levels} of 255 levels "
                f"(in {mode} pictures): the text could not be read"
            )

    @property
    def picture_mode(self) -> Literal["gray", "rgb"]:
        """What ``output.mode`` comes to with these colours."""
        if self.output.mode != "auto":
            return self.output.mode
        if self.look.is_colored:
            return "rgb"
        colors = self.style.font_colors + self.style.background_colors
        return "gray" if all(len({c[1:3], c[3:5], c[5:7]}) == 1 for c in colors) else "rgb"

    @property
    def color_pairs(self) -> tuple[tuple[str, str], ...]:
        """``(font_color, background_color)`` pairs that can be told apart in a picture.

        Others are never drawn; but where looks choose the colour of a side that is not given, all
        are kept: only the given one of a pair is drawn.
        """
        is_half_free = self.look.chooses_colors and not all(self.style.given_colors)
        mode, levels = self._least_contrast
        return tuple(
            (font_color, background_color)
            for font_color in self.style.font_colors
            for background_color in self.style.background_colors
            if is_half_free or contrast(font_color, background_color, mode) >= levels
        )

    @property
    def _least_contrast(self) -> tuple[Literal["gray", "rgb"], int]:
        """How much colours of a pair differ, in which pictures; with looks in gray ones, too."""
        if self.look.looks or self.effect:
            return "gray", READABLE_LEVELS
        return self.picture_mode, MIN_CONTRAST


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How a run is started: it changes no byte of the output, and is no part of a config."""

    workers: int | None = setting(
        None,
        About(
            "Processes.",
            *(RUN, "N"),
            default_text="what cores, CPU quota and memory allow",
            at_least=1,
            at_most=MAX_WORKERS,
        ),
    )
    engine: Engine = setting(
        "auto",
        About(
            "auto: small runs are rendered without starting processes, unless they were cut "
            "short before.",
            RUN,
        ),
    )
    resume: Resume = setting(
        "auto",
        About(
            "What to do with a folder that holds a run: continue it, refuse it, or refuse any "
            "that holds none.",
            RUN,
        ),
    )

    def __post_init__(self) -> None:
        check(self)
