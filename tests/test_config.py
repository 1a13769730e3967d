"""Settings are checked when they are made, kept in one form, and named by one fingerprint."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageColor

from shmtext.config import (
    BalancedText,
    Output,
    RunConfig,
    Start,
    Style,
    TextFile,
    Texts,
    canonical_json,
    config_from_options,
    differences,
    fingerprint,
    load_toml,
    parse_color,
)
from shmtext.config.colors import contrast
from shmtext.config.looks import LooksKind
from shmtext.config.options import start_options
from shmtext.config.writing import toml_of
from shmtext.errors import ConfigError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
OBJECTS = st.dictionaries(st.text(max_size=5), JSON, max_size=4)


def refuses(make: Any, *parts: str) -> None:
    """See that making raises a one-line error with these parts."""
    with pytest.raises(ConfigError) as caught:
        make()
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


# -- colours -----------------------------------------------------------------------------------


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_every_way_to_write_a_colour_comes_to_the_same(rgb: tuple[int, int, int]) -> None:
    wanted = "#{:02x}{:02x}{:02x}".format(*rgb)
    red, green, blue = rgb

    for written in (wanted, wanted.upper(), f"{red},{green},{blue}", f" {red} , {green},{blue} "):
        assert wanted == parse_color(written)


@pytest.mark.parametrize("name", sorted(ImageColor.colormap))
def test_css_names_are_known(name: str) -> None:
    assert "#{:02x}{:02x}{:02x}".format(*ImageColor.getrgb(name)) == parse_color(name)


@pytest.mark.parametrize(
    "color",
    [
        "",
        "blu",
        "rgb(300,0,0)",
        "hsv(0,200%,100%)",
        "#12",
        "#12345",
        "#gggggg",
        "1,2",
        "1,2,3,4",
        "1,2,256",
        "-1,2,3",
        "1.5,2,3",
        ",,",
    ],
)
def test_what_is_no_colour_is_refused(color: str) -> None:
    refuses(lambda: parse_color(color), "a colour must be '#rrggbb', a CSS name or 'r,g,b'")


@pytest.mark.parametrize("color", ["#12345678", "#1234", "rgba(1,2,3,4)"])
def test_transparent_colours_are_refused(color: str) -> None:
    refuses(lambda: parse_color(color), repr(color))


def test_gray_colours_make_gray_pictures() -> None:
    assert "gray" == RunConfig().picture_mode
    assert "gray" == RunConfig(style=Style(font_colors=["#111", "gray"])).picture_mode
    assert "rgb" == RunConfig(style=Style(font_colors=["#111112"])).picture_mode
    assert "rgb" == RunConfig(style=Style(background_colors=["ivory"])).picture_mode
    assert "rgb" == RunConfig(output=Output(mode="rgb")).picture_mode
    assert (
        "gray"
        == RunConfig(style=Style(font_colors=["red"]), output=Output(mode="gray")).picture_mode
    )


def test_a_font_colour_is_paired_with_every_background_it_can_be_told_from() -> None:
    style = Style(font_colors=["black", "white"], background_colors=["white", "red"])

    assert (
        ("#000000", "#ffffff"),
        ("#000000", "#ff0000"),
        ("#ffffff", "#ff0000"),
    ) == RunConfig(style=style).color_pairs


def test_colours_that_are_one_gray_are_not_paired() -> None:
    # Both are 76 in Pillow's gray.
    style = Style(font_colors=["#ff0000", "#000000"], background_colors=["#4c4c4c", "white"])

    assert (("#ff0000", "#4c4c4c"),) == RunConfig(
        style=style, output=Output(mode="gray")
    ).near_pairs
    assert () == RunConfig(style=style).near_pairs
    refuses(
        lambda: RunConfig(
            style=Style(font_colors=["#ff0000"], background_colors=["#4c4c4c"]),
            output=Output(mode="gray"),
        ),
        "fewer than 28 levels (gray pictures): #ff0000 on #4c4c4c (0); give others, or lower "
        "min_contrast (0 draws all pairs)",
    )


@pytest.mark.parametrize(
    ("color", "background", "mode"),
    [
        ("#fefefe", "white", "auto"),
        ("#e4e4e4", "white", "auto"),
        ("#1b1b1b", "#000000", "rgb"),
        ("#000052", "#000000", "auto"),  # blue is 0.114 of luminance: 82 of its levels are 27.7
        ("#1b001b", "#001b00", "rgb"),
        ("#12345f", "#123450", "auto"),
    ],
)
def test_colours_too_near_to_be_read_are_refused(color: str, background: str, mode: Any) -> None:
    refuses(
        lambda: RunConfig(
            style=Style(font_colors=[color], background_colors=[background]),
            output=Output(mode=mode),
        ),
        f"pictures): {parse_color(color)} on {parse_color(background)} (",
    )
    style = Style(font_colors=[color], background_colors=[background], min_contrast=0)
    assert 1 == len(RunConfig(style=style, output=Output(mode=mode)).color_pairs)


@pytest.mark.parametrize(
    ("color", "background"),
    [("#e3e3e3", "#ffffff"), ("#1c1c1c", "#000000"), ("#000053", "#000000"), ("red", "#4c4c4c")],
)
def test_colours_just_far_enough_are_drawn(color: str, background: str) -> None:
    style = Style(font_colors=[color], background_colors=[background])

    assert 1 == len(RunConfig(style=style).color_pairs)
    assert "" == RunConfig(style=style).near_pairs_note


@given(st.integers(0, 255), st.integers(0, 255))
def test_between_grays_contrast_is_their_difference_in_pictures_of_either_mode(
    one: int, other: int
) -> None:
    colors = f"#{one:02x}{one:02x}{one:02x}", f"#{other:02x}{other:02x}{other:02x}"

    assert abs(one - other) == contrast(*colors, "gray") == contrast(*colors, "rgb")


def test_a_colour_that_cannot_be_read_with_any_other_is_refused_among_others() -> None:
    light, dark_too = ["white", "#fdfdfd"], ["black", "#fefefe"]

    refuses(
        lambda: RunConfig(style=Style(font_colors=dark_too, background_colors=light)),
        "pictures): #fefefe on #ffffff (1), #fefefe on #fdfdfd (1); ",
    )
    refuses(
        lambda: RunConfig(style=Style(font_colors=light, background_colors=dark_too)),
        "pictures): #ffffff on #fefefe (1), #fdfdfd on #fefefe (1); ",
    )


def test_pairs_that_are_too_near_are_left_out_and_named() -> None:
    style = Style(font_colors=["black", "white"], background_colors=["white", "red", "#010101"])
    config = RunConfig(style=style)

    assert (("#000000", "#010101"), ("#ffffff", "#ffffff")) == config.near_pairs
    assert (
        "2 of 6 pairs of colours are left out, of fewer than 28 levels: "
        + ("#000000 on #010101 (1), #ffffff on #ffffff (0)")
        == config.near_pairs_note
    )
    assert {*config.color_pairs, *config.near_pairs} == set(
        product(style.font_colors, style.background_colors)
    )


def test_of_many_pairs_a_few_are_named() -> None:
    grays = [f"#{level:02x}{level:02x}{level:02x}" for level in range(30)]
    style = Style(font_colors=grays[:28], background_colors=["black", "white"])

    refuses(
        lambda: RunConfig(style=style),
        "#000000 on #000000 (0), #010101 on #000000 (1), ",
        ", #040404 on #000000 (4) and 23 more; ",
    )


def test_more_contrast_can_be_asked_for() -> None:
    style = Style(font_colors=["#555", "black"], background_colors=["#aaa"], min_contrast=86)

    refuses(
        lambda: RunConfig(style=style),
        "fewer than 86 levels (gray pictures): #555555 on #aaaaaa (85); ",
    )


@pytest.mark.parametrize("asked", [{"look": "scan"}, {"effect": ["mine:rain"]}])
def test_with_looks_no_pair_is_drawn_that_they_would_find_unreadable(asked: dict[str, Any]) -> None:
    def made(font_color: str) -> RunConfig:
        colors = {"font_colors": [font_color], "background_colors": ["#fefefe"]}
        return RunConfig(style=Style(**colors, min_contrast=0), **asked)

    refuses(
        lambda: made("#e3e3e3"),
        "#e3e3e3 on #fefefe (27); give others, as looks and effects need so many, whatever "
        "min_contrast is",
    )
    assert 1 == len(made("#e2e2e2").color_pairs)


def test_colours_that_looks_draw_need_no_contrast_with_those_of_the_settings() -> None:
    config = RunConfig(look=["scan"], style=Style(font_colors=["#fefefe"], min_contrast=255))

    assert (("#fefefe", "#ffffff"),) == config.color_pairs


# -- lists ---------------------------------------------------------------------------------------


def test_lists_become_tuples_without_repetition_in_their_order() -> None:
    style = Style(
        fonts=["b", Path("a"), "b"], font_sizes=[32, 8, 32], font_colors=["navy", "#000080", "red"]
    )

    assert (Path("b"), Path("a")) == style.fonts
    assert (32, 8) == style.font_sizes
    assert ("#000080", "#ff0000") == style.font_colors


def test_one_value_may_stand_for_a_list_of_one() -> None:
    style = Style(fonts="a", font_sizes=8, font_colors="red", background_colors="white")

    assert ((Path("a"),), (8,), ("#ff0000",), ("#ffffff",)) == (
        style.fonts,
        style.font_sizes,
        style.font_colors,
        style.background_colors,
    )


@pytest.mark.parametrize("name", ["font_sizes", "font_colors", "background_colors"])
def test_an_empty_list_is_refused(name: str) -> None:
    refuses(lambda: Style(**{name: []}), f"{name} must hold at least one value")


@pytest.mark.parametrize("font", ["a\0b", 1, None, b"a.ttf"])
def test_what_is_no_path_is_no_font(font: Any) -> None:
    refuses(lambda: Style(fonts=[font]), f"fonts must be a path without NUL, got {font!r}")


# -- numbers -------------------------------------------------------------------------------------

COUNTS = [
    (BalancedText, "character_frequency"),
    (BalancedText, "min_example_size"),
    (BalancedText, "max_example_size"),
    (Style, "font_sizes"),
    (Style, "max_chars_per_line"),
    (Output, "jpeg_quality"),
    (RunConfig, "max_images"),
]


@pytest.mark.parametrize(("kind", "name"), COUNTS, ids=lambda value: str(value))
@pytest.mark.parametrize("value", [0, -1, 1.0, "7", True])
def test_counts_are_whole_numbers_from_1(kind: Any, name: str, value: Any) -> None:
    given_value = [value] if name == "font_sizes" else value
    refuses(lambda: kind(**{name: given_value}), f"{name} must be a whole number, 1", repr(value))


@pytest.mark.parametrize("seed", [0, 2**64 - 1])
def test_seeds_are_64_bits(seed: int) -> None:
    assert seed == RunConfig(seed=seed).seed


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "1", None, True])
def test_other_seeds_are_refused(seed: Any) -> None:
    refuses(lambda: RunConfig(seed=seed), "seed must be a whole number from 0 to 2**64 - 1")


# -- balanced text -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"letters": "", "numbers": ""}, "letters and numbers are both empty"),
        ({"letters": "aa"}, "'a' stands more often"),
        ({"letters": "1"}, "'1' stands more often"),
        ({"letters": "a b"}, "must hold no spaces"),
        ({"letters": "a\n"}, "must hold no spaces, control characters"),
        ({"letters": "a\u3000"}, "must hold no spaces"),
        ({"letters": "a\ud800"}, "surrogates"),
        ({"letters": "\x07"}, "control characters"),
        ({"min_example_size": 21}, "min_example_size (21) must be at most max_example_size (20)"),
        ({"space_freq": -0.1}, "space_freq must be 0 to 1,000,000"),
        ({"space_freq": float("nan")}, "space_freq must be 0 to 1,000,000"),
        ({"character_frequency": 2**36}, "at most 68,719,476,736 can be handled"),
    ],
    ids=str,
)
def test_texts_that_cannot_be_balanced_are_refused(settings: Any, part: str) -> None:
    refuses(lambda: BalancedText(**settings), part)


@pytest.mark.parametrize(
    ("settings", "num_spaces", "num_characters"),
    [
        ({"letters": "abc", "numbers": "123", "character_frequency": 3}, 6, 24),
        ({"letters": "abc", "numbers": "", "character_frequency": 3}, 3, 12),
        ({"letters": "", "numbers": "1", "character_frequency": 3, "space_freq": 0}, 0, 3),
        ({"letters": "a", "numbers": "1", "character_frequency": 5, "space_freq": 0.5}, 4, 14),
        ({}, 2_000, 64_000),
    ],
)
def test_characters_are_counted_with_the_spaces_of_both_groups(
    settings: Any, num_spaces: int, num_characters: int
) -> None:
    text = BalancedText(**settings)

    assert (num_spaces, num_characters) == (text.num_spaces, text.num_characters)


# -- options and TOML ----------------------------------------------------------------------------


def test_no_options_are_the_defaults() -> None:
    assert RunConfig() == config_from_options({})


def test_options_find_their_part() -> None:
    options = {"letters": "xy", "font_sizes": [8], "mode": "rgb", "max_images": 3, "seed": 4}

    assert RunConfig(
        corpus=BalancedText(letters="xy"),
        style=Style(font_sizes=(8,)),
        output=Output(mode="rgb"),
        max_images=3,
        seed=4,
    ) == config_from_options(options)


def test_texts_take_the_place_of_balanced_text() -> None:
    assert Texts.of(TextFile(Path("a.txt"))) == config_from_options({"texts": "a.txt"}).corpus
    refuses(
        lambda: config_from_options({"texts": "a", "min_example_size": 3}),
        "texts and min_example_size exclude each other",
    )


def test_a_file_whose_name_has_two_colons_is_found(tmp_path: Path) -> None:
    name = str(tmp_path / "we::ird.csv")
    assert TextFile(tmp_path / "we", "ird.csv") == TextFile.parse(name)
    Path(name).touch()

    assert TextFile(Path(name)) == TextFile.parse(name)
    assert TextFile(Path(name), "col") == TextFile.parse(f"{name}::col")
    assert TextFile(Path(name), "a::b") == TextFile.parse(f"{name}::a::b")


def test_texts_with_a_name_that_no_file_can_have_are_found_missing_later() -> None:
    assert TextFile(Path("a" * 300), "b") == TextFile.parse("a" * 300 + "::b")


@pytest.mark.parametrize("value", [10**5_000, -(10**5_000)], ids=["positive", "negative"])
def test_numbers_beyond_measure_are_refused(value: int, tmp_path: Path) -> None:
    refuses(lambda: RunConfig(seed=value), "seed must be", "thousands of digits")
    refuses(lambda: Style(font_sizes=value), "font_sizes must be", "thousands of digits")
    refuses(lambda: BalancedText(space_freq=value), "space_freq must be a number of reasonable")
    (tmp_path / "run.toml").write_text("seed = " + "9" * 5_000)
    refuses(lambda: load_toml(tmp_path / "run.toml"), "holds a number that is too large")


@pytest.mark.parametrize("texts", ["w.csv::", "::col", "::"])
def test_texts_without_path_or_column_are_refused(texts: str) -> None:
    refuses(lambda: TextFile.parse(texts), "texts must be PATH or PATH::COLUMN", repr(texts))
    refuses(lambda: Texts(texts), "texts must be PATH or PATH::COLUMN", repr(texts))  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["", "a\0b", None, 5, b"a"])
def test_texts_that_are_no_path_are_refused(path: Any) -> None:
    refuses(lambda: TextFile(path), "texts must be a path without NUL", repr(path))


def test_a_column_that_is_no_text_is_refused() -> None:
    refuses(lambda: TextFile(Path("a"), 3), "the column of texts must be text, got 3")  # type: ignore[arg-type]


def test_an_unknown_option_is_refused_and_the_known_ones_are_named() -> None:
    refuses(
        lambda: config_from_options({"font_size": 3}),
        "unknown option 'font_size' (did you mean font_sizes?)",
        *("fonts", "workers", "engine", "resume"),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("letters", 3),
        ("letters", ["a", "b"]),
        ("numbers", None),
        ("space_freq", "1"),
        ("space_freq", True),
        ("split_letters", "no"),
        ("split_letters", 1),
        ("texts", 3),
        ("csv", "no"),
        ("font_sizes", [[8]]),
        ("image_format", ["jpg"]),
        ("mode", {}),
        ("seed", None),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_the_option_s_name(name: str, value: Any) -> None:
    refuses(lambda: config_from_options({name: value}), name)


@pytest.mark.parametrize(
    ("part", "value"),
    [("corpus", "x"), ("corpus", None), ("style", None), ("style", {}), ("output", 3)],
)
def test_a_part_of_the_wrong_type_is_refused(part: str, value: Any) -> None:
    refuses(lambda: RunConfig(**{part: value}), f"{part} must be a", repr(value))


def test_numbers_of_numpy_are_numbers() -> None:
    config = RunConfig(
        corpus=BalancedText(
            character_frequency=np.int64(3),  # type: ignore[arg-type]
            space_freq=np.float32(0.5),  # type: ignore[arg-type]
        ),
        style=Style(font_sizes=np.array([24, 32], np.uint8), max_chars_per_line=np.int16(9)),  # type: ignore[arg-type]
        output=Output(jpeg_quality=np.int32(80)),  # type: ignore[arg-type]
        max_images=np.int64(5),  # type: ignore[arg-type]
        seed=np.uint64(2**64 - 1),  # type: ignore[arg-type]
    )

    assert config == RunConfig(
        corpus=BalancedText(character_frequency=3, space_freq=0.5),
        style=Style(font_sizes=(24, 32), max_chars_per_line=9),
        output=Output(jpeg_quality=80),
        max_images=5,
        seed=2**64 - 1,
    )
    assert config.seed == json.loads(json.dumps(config.seed))
    assert Style(font_sizes=np.int64(8)).font_sizes == (8,)  # type: ignore[arg-type]
    refuses(lambda: RunConfig(max_images=np.bool_(True)), "max_images must be a whole number")  # type: ignore[arg-type]
    refuses(lambda: RunConfig(max_images=np.float64(3)), "max_images must be a whole number")  # type: ignore[arg-type]


def test_a_number_is_the_same_however_it_is_written() -> None:
    one, other = BalancedText(space_freq=1), BalancedText(space_freq=1.0)

    assert canonical_json(asdict(one)) == canonical_json(asdict(other))


def test_toml_that_names_an_option_in_both_spellings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("font-sizes = [8]\nfont_sizes = [9]\n")

    refuses(lambda: load_toml(tmp_path / "run.toml"), "sets font_sizes twice, with _ and with -")


@pytest.mark.parametrize("content", ["a = " + "[" * 100_000, "a = " + "{b=" * 100_000])
def test_toml_without_an_end_to_its_brackets_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.toml").write_text(content)

    refuses(lambda: load_toml(tmp_path / "run.toml"), f"{tmp_path}/run.toml is")


def test_options_may_stand_in_the_table_of_their_part(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(
        """
        seed = 1
        [corpus]
        min-example-size = 3
        [style]
        font-sizes = [8]
        fonts = "a.ttf"
        [output]
        mode = "rgb"
        [start]
        workers = 3
        """
    )

    assert {
        "seed": 1,
        "min_example_size": 3,
        "font_sizes": [8],
        "fonts": f"{tmp_path}/a.ttf",
        "mode": "rgb",
        "workers": 3,
    } == load_toml(tmp_path / "run.toml")
    assert config_from_options({"style": {"font_sizes": [8]}}) == config_from_options(
        {"font-sizes": [8]}
    )


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "font_sizes = [8]\n[style]\nfont-sizes = [8]",
            ["run.toml sets font_sizes twice, in a table and outside: keep one of them"],
        ),
        (
            "[style]\nfont_size = 8",
            ["unknown option 'style.font_size' (did you mean style.font_sizes?)", "style.fonts"],
        ),
        ("[output]\nfont_sizes = 8", ["'output.font_sizes' (did you mean style.font_sizes?)"]),
        ("[output]\nworkers = 8", ["unknown option 'output.workers'"]),
        ("[style]\n[style.output]\n", ["unknown option 'style.output'"]),
        ("style = 3", ["style must be a table, got 3"]),
        ("[[style]]\nfont_sizes = 8", ["style must be a table, got [{"]),
        ("[corpus]\ntexts = 'a'\nletters = 'b'", ["texts and letters exclude each other"]),
        ("[seed]", ["seed must be a whole number"]),
    ],
)
def test_tables_that_do_not_fit_are_refused(tmp_path: Path, text: str, parts: list[str]) -> None:
    (tmp_path / "run.toml").write_text(text)

    refuses(lambda: config_from_options(load_toml(tmp_path / "run.toml")), *parts)


@pytest.mark.parametrize(
    "config",
    [
        RunConfig(),
        RunConfig(corpus=BalancedText(letters='ab"\\\u2010\U0001f600ö', space_freq=0.25)),
        RunConfig(corpus=TextFile(Path("/a b/c.csv"), "wörd"), max_images=3, seed=2**63 - 1),
        RunConfig(
            style=Style(fonts=["/x.ttf", '/y "z"'], font_colors=["red"], max_chars_per_line=3),
            output=Output(image_format="png", jpeg_quality=3, mode="rgb", csv=False),
        ),
        RunConfig(output=Output(boxes="characters", column=("effects",))),
        RunConfig(look=LooksKind().take("look", ["scan", "clean=0.1"])),
        RunConfig(
            look=LooksKind().take(
                "look",
                {
                    "scan": {"share": 0.3, "blur": {"sigma_px": {"log": [0.5, 2]}}},
                    "mine": {"base": "clean", "budget": 0.5, "weight": {}},
                },
            )
        ),
    ],
    ids=["default", "text", "file", "style", "output", "looks", "tables of looks"],
)
def test_a_config_written_as_toml_reads_back(tmp_path: Path, config: RunConfig) -> None:
    start = Start(workers=3, engine="serial", resume="must", part="1/4")
    (tmp_path / "run.toml").write_text(toml_of(config, start), encoding="utf-8")
    options = load_toml(tmp_path / "run.toml")

    names = [name for name in start_options() if name in options]
    assert start == Start(**{name: options.pop(name) for name in names})
    assert config == config_from_options(options)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_any_text_of_toml_reads_back(text: str) -> None:
    config = RunConfig(corpus=TextFile(Path("/a"), text))
    lines = [each for each in toml_of(config).splitlines() if each.startswith("texts")]

    read = tomllib.loads("\n".join(lines))
    assert read["texts"] in (f"/a::{text}", f"/a::{text}=")
    assert config.corpus == Texts(read["texts"])


def test_a_name_that_is_not_utf_8_has_no_toml() -> None:
    refuses(lambda: toml_of(RunConfig(style=Style(fonts="/\udcff"))), "TOML can hold no name")


def test_toml_names_may_have_hyphens(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('font-sizes = [8]\nimage_format = "png"\n')

    assert {"font_sizes": [8], "image_format": "png"} == load_toml(tmp_path / "run.toml")


def test_toml_paths_are_relative_to_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('fonts = ["a.ttf", "/b.ttf"]\ntexts = "c.csv::word"\n')

    assert {
        "fonts": [f"{tmp_path}/a.ttf", "/b.ttf"],
        "texts": f"{tmp_path}/c.csv::word",
    } == load_toml(tmp_path / "run.toml")


@pytest.mark.parametrize("content", [b"a = ", b"\xff", b"a = 1\na = 2"])
def test_what_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.toml").write_bytes(content)

    refuses(lambda: load_toml(tmp_path / "run.toml"), f"{tmp_path}/run.toml is not a TOML file")


def test_a_toml_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    refuses(lambda: load_toml(tmp_path / "none"), "cannot read the config", "No such file")
    refuses(lambda: load_toml(tmp_path), "cannot read the config", "directory")


# -- fingerprints --------------------------------------------------------------------------------


@given(OBJECTS)
def test_a_fingerprint_does_not_depend_on_the_order_of_keys(identity: dict[str, Any]) -> None:
    turned = dict(reversed(identity.items()))

    assert fingerprint(identity) == fingerprint(turned)
    assert canonical_json(identity).isascii()
    assert identity == json.loads(canonical_json(identity))


@given(OBJECTS, OBJECTS)
def test_values_that_differ_have_other_fingerprints(one: Any, other: Any) -> None:
    assert (canonical_json(one) == canonical_json(other)) == (
        fingerprint(one) == fingerprint(other)
    )


@given(JSON)
def test_a_value_does_not_differ_from_itself(value: Any) -> None:
    assert [] == differences(value, value)


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2)),
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2)),
)
def test_differences_are_the_keys_that_differ(wanted: Any, found: Any) -> None:
    differing = [k for k in sorted({*wanted, *found}) if wanted.get(k) != found.get(k)]

    assert differing == [line.split(":")[0] for line in differences(wanted, found)]


def test_a_fingerprint_is_the_hash_of_canonical_json() -> None:
    """Runs of earlier versions must be found again."""
    identity = {"b": [1, "é"], "a": {"c": None}}
    text = b'{"a":{"c":null},"b":[1,"\\u00e9"]}'

    assert text.decode() == canonical_json(identity)
    assert hashlib.sha256(text).hexdigest() == fingerprint(identity)


def test_what_is_hashed_differently_differs() -> None:
    assert ["a: 1 in the folder, 1.0 asked for"] == differences({"a": 1.0}, {"a": 1})


def test_configs_that_say_the_same_are_equal() -> None:
    assert RunConfig(style=Style(font_colors=["#000"])) == RunConfig()
    assert replace(RunConfig(), seed=1) != RunConfig()


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("a." * 3_000 + "a = 1", "nested too deeply"),
        ("font_colors = [0x" + "f" * 5_000 + "]", "font_colors: .*thousands of digits"),
        ('background_colors = "png"', "background_colors: a colour must be .*got 'png'"),
        ("[corpus]\nseed = 7", r"'corpus\.seed' \(did you mean seed\?\)"),
        ("[output]\nworkers = 7", r"'output\.workers' \(did you mean start\.workers\?\)"),
        ("font_sizes = { 24 = 1 }", "font_sizes must be a list, got"),
    ],
    ids=["dotted", "digits", "colour", "no table", "other table", "table for a list"],
)
def test_odd_tables_are_refused_by_name(tmp_path: Path, toml: str, message: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(toml)
    with pytest.raises(ConfigError, match=message) as refusal:
        config_from_options(load_toml(path))
    assert "\n" not in str(refusal.value)
