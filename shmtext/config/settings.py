"""What a run is: frozen settings, each declared once, with all that is said of it, and checked.

What stands at a field is explained in ``fields.py``. Names, tables and files are ``reading.py``'s
and ``writing.py``'s. Nothing here opens a text or a font; ``engine/held.py`` does.
"""

from __future__ import annotations

import itertools
import string
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shmtext.config.colors import (
    READABLE_LEVELS,
    PictureMode,
    contrast,
    named_pairs,
    parse_color,
)
from shmtext.config.fields import About, check, part, setting
from shmtext.config.kinds import ListOf, shown
from shmtext.config.looks import Looks, LooksKind
from shmtext.config.marks import is_invisible, is_mark, mark_groups
from shmtext.config.own import OwnKind
from shmtext.config.page import Page
from shmtext.config.shares import FontShareKind, parsed
from shmtext.config.texts import CORPUS, TextFile, Texts
from shmtext.errors import ConfigError
from shmtext.parts import Part as RunPart

ImageFormat = Literal["jpg", "png"]
Mode = Literal["auto", "gray", "rgb"]
Engine = Literal["auto", "processes", "threads", "serial"]
Resume = Literal["auto", "never", "must"]
Distributor = Literal["ray"]
Container = Literal["files", "tar", "tar+json", "parquet"]
Layout = Literal["full", "basic"]
Direction = Literal["auto", "ltr", "rtl", "ttb"]
Fallback = Literal["none", "text", "character"]
Boxes = Literal["none", "characters", "words"]
FurtherColumn = Literal["effects"]

STYLE, LOOK, OUTPUT, RUN = "Style", "Look", "Output", "Run"
"""Headings, beside ``CORPUS``, of ``--help``, the table of options and ``shmtext config``."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What may be drawn. Of each list one entry is drawn for each example, all equally likely but
    for fonts that have shares."""

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
    font_share: tuple[str, ...] = setting(
        (),
        About(
            "How often fonts are drawn whose names in labels match, in proportion to others; 0: "
            "never. Of several that match, the first counts.",
            *(STYLE, "GLOB=SHARE"),
            default_text="1 for every font",
            kind=ListOf(FontShareKind(), may_be_empty=True),
        ),
    )
    each_font: bool = setting(
        False,
        About(
            "Draw every text in every font, one after the other: examples are texts times fonts.",
            STYLE,
            default_text="no: in one that is drawn",
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
    min_contrast: int = setting(
        READABLE_LEVELS,
        About(
            "Levels of 255 between a text's colour and its background's: nearer pairs of those "
            "given are left out, and a colour that has no other pair is refused; 0: all are drawn. "
            f"With looks, {READABLE_LEVELS} levels of luminance remain the least.",
            *(STYLE, "LEVELS"),
            at_least=0,
            at_most=255,
        ),
    )
    """As ``config/colors.py`` measures it. Colours that looks draw have a contrast of their own."""
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
        if self.each_font and any(each.share for each in parsed(self.font_share)):
            raise ConfigError(
                "each_font draws every font equally often: of font_share only 0 can be given "
                "beside it, which leaves fonts out"
            )

    @property
    def given_colors(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Colours of papers and of inks that are not those by default: looks leave them alone."""
        papers, inks = self.background_colors, self.font_colors
        plain = Style.__dataclass_fields__
        return (
            () if papers == plain["background_colors"].default else papers,
            () if inks == plain["font_colors"].default else inks,
        )


def parse_part(text: object) -> str:
    """A part's notation in its one form. Raises ``ConfigError``.

    >>> parse_part("00/16")
    '0/16'
    """
    return str(RunPart.parse(str(text)))


def parse_csv_columns(names: object) -> str:
    """Read two names with a comma between, which CSV writes as they are.

    >>> parse_csv_columns("filename, words")
    'filename,words'
    """
    columns = [name.strip() for name in names.split(",")] if isinstance(names, str) else []
    is_plain = all(name.isprintable() and '"' not in name for name in columns)
    if len(columns) != 2 or not all(columns) or columns[0] == columns[1] or not is_plain:
        raise ConfigError(
            "expected two different names without quotes, such as filename,words, got "
            f"{shown(names)}"
        )
    return ",".join(columns)


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
    csv_columns: str = setting(
        "filename,label",
        About(
            "What its two columns are called; filename,words: as in EasyOCR's lists.",
            *(OUTPUT, "NAME,NAME"),
            parse=parse_csv_columns,
        ),
    )
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

    @property
    def csv_header(self) -> str | None:
        """The first line of labels.csv; None where there is none."""
        return self.csv_columns if self.csv else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """Everything a user decides about a run's output.

    >>> RunConfig(style=Style(font_sizes=[24, 32])).style.font_sizes
    (24, 32)
    """

    corpus: BalancedText | Texts | TextFile = part(BalancedText, About(is_flat=True))
    """A ``TextFile`` stands for the ``Texts`` of it alone, and becomes that."""
    style: Style = part(Style, About(is_flat=True))
    page: Page = part(Page, About(is_flat=True))
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
        if isinstance(self.corpus, TextFile):
            object.__setattr__(self, "corpus", Texts.of(self.corpus))
        if self.backgrounds is not None and not self.look.needs_photos:
            raise ConfigError(
                "backgrounds are used by looks that have the effect photograph, and none of these "
                "has it: choose such a look (look = photo), or leave out backgrounds"
            )
        self.look.check_given(*self.style.given_colors)
        self._check_page()
        self._refuse_colors_without_a_pair()

    def _refuse_colors_without_a_pair(self) -> None:
        pairs = self.color_pairs
        inks, papers = {ink for ink, _ in pairs}, {paper for _, paper in pairs}
        alone = [each for each in self._all_pairs if each[0] not in inks or each[1] not in papers]
        if alone:
            remedy = "or lower min_contrast (0 draws all pairs)"
            if self._are_guarded and self.style.min_contrast <= READABLE_LEVELS:
                remedy = "as looks and effects need so many, whatever min_contrast is"
            raise ConfigError(
                f"text cannot be read in colours of fewer than {self._least_contrast} levels "
                f"({self._judged_mode} pictures): {named_pairs(alone, self._judged_mode)}; give "
                f"others, {remedy}"
            )

    def _check_page(self) -> None:
        style, page = self.style, self.page
        if page.height and style.font_sizes != Style.__dataclass_fields__["font_sizes"].default:
            raise ConfigError("height and font_sizes exclude each other: either decides the other")
        if page.max_width_px is not None and style.max_chars_per_line is not None:
            raise ConfigError(
                "max_width_px and max_chars_per_line exclude each other: texts are wrapped by one"
            )
        unfit = (
            name
            for name in ("height", "letter_spacing", "line_pitch", "max_width_px", "word_spacing")
            if getattr(page, name) != Page.__dataclass_fields__[name].default
        )
        name = next(unfit, "align justify" if "justify" in page.align else None)
        if style.direction == "ttb" and name is not None:
            raise ConfigError(f"lines from top to bottom (direction ttb) take no {name}")

    @property
    def trial_sizes_px(self) -> tuple[int, ...]:
        """About the sizes that fonts will be drawn at: heights are not far from theirs."""
        return self.page.height or self.style.font_sizes

    @property
    def picture_mode(self) -> PictureMode:
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
        return tuple(pair for pair in self._all_pairs if not self._is_near(*pair))

    @property
    def near_pairs(self) -> tuple[tuple[str, str], ...]:
        """The pairs that are left out, as their colours are too near each other to be read."""
        return tuple(pair for pair in self._all_pairs if self._is_near(*pair))

    @property
    def near_pairs_note(self) -> str:
        """What is said of the pairs that are left out; empty where none is."""
        pairs = self.near_pairs
        if not pairs:
            return ""
        return (
            f"{len(pairs):,} of {len(self._all_pairs):,} pairs of colours are left out, of fewer "
            f"than {self._least_contrast} levels: {named_pairs(pairs, self._judged_mode)}"
        )

    @property
    def _all_pairs(self) -> tuple[tuple[str, str], ...]:
        return tuple(itertools.product(self.style.font_colors, self.style.background_colors))

    def _is_near(self, font_color: str, background_color: str) -> bool:
        if self.look.chooses_colors and not all(self.style.given_colors):
            return False
        return contrast(font_color, background_color, self._judged_mode) < self._least_contrast

    @property
    def _are_guarded(self) -> bool:
        """Whether pictures are asked in the end whether their text can be read, in gray."""
        return bool(self.look.looks or self.effect)

    @property
    def _judged_mode(self) -> PictureMode:
        """In which pictures colours of a pair have to differ."""
        return "gray" if self._are_guarded else self.picture_mode

    @property
    def _least_contrast(self) -> int:
        """By how many levels, at least."""
        least = self.style.min_contrast
        return max(least, READABLE_LEVELS) if self._are_guarded else least


@dataclass(frozen=True, slots=True)
class RayCluster:
    """A cluster of Ray whose nodes render a run; all of them have its folder, texts and fonts."""

    address: str | None = None
    """None: that of the environment variable ``RAY_ADDRESS``, one that runs on this machine, or a
    new one of this machine alone."""


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
    part: str | None = setting(
        None,
        About(
            "Render every N-th shard from the I-th on, as one machine of N (0/4, 1/4, ...); "
            "`shmtext join` makes the label table when all are there.",
            *(RUN, "I/N"),
            default_text="all of the run",
            parse=parse_part,
        ),
    )
    distributor: Distributor | None = setting(
        None,
        About(
            "ray: the nodes of a Ray cluster render, all of which have OUT, texts and fonts under "
            "the same paths.",
            RUN,
            default_text="this machine renders",
        ),
    )
    ray_address: str | None = setting(
        None,
        About(
            "Of the Ray cluster.",
            *(RUN, "HOST:PORT"),
            default_text="RAY_ADDRESS, one on this machine, or a new one of this machine",
        ),
    )

    def __post_init__(self) -> None:
        check(self)
        if self.ray_address is not None and self.distributor != "ray":
            raise ConfigError("ray_address is of a Ray cluster: ask for it, by distributor 'ray'")
        if self.distributor == "ray" and self.part is not None:
            raise ConfigError(
                "part and distributor 'ray' exclude each other: nodes share all parts"
            )

    @property
    def cluster(self) -> RayCluster | None:
        """Whose nodes render; None: this machine."""
        return RayCluster(self.ray_address) if self.distributor == "ray" else None
