"""A run's identity changes with every setting that decides a byte, and with no other."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args

import pytest
from held_effects import HELD_EFFECTS
from looks import only
from nested_settings import Blur, Look, Noise

from shmtext import BalancedText, Output, Page, RunConfig, Source, Style, TextFile, Texts
from shmtext.canonical import canonical_json, differences
from shmtext.config import Engine, ImageFormat, Mode, Resume
from shmtext.config.fields import About, part, settings_of
from shmtext.config.kinds import plain
from shmtext.config.looks import Looks, LooksKind
from shmtext.draw.encode import FILE_FORMATS, encoder
from shmtext.engine.identity import (
    BESIDE_SETTINGS,
    FONT_SHARES,
    LEFT_OUT,
    OUTPUT_FORMAT,
    PHOTOGRAPHS,
    UNKNOWN_TEXTS,
    config_of,
    identity_of,
    spelled_out,
)
from shmtext.engine.renderer import Renderer
from shmtext.errors import FolderError
from shmtext.looks.registry import BY_NAME, EFFECTS


def look_of(value: Any) -> Looks:
    """Looks as settings have them, of what a user may give."""
    return LooksKind().take("look", value)


OTHERS: dict[tuple[type, str], Any] = {
    (RunConfig, "corpus"): BalancedText(letters="xyz"),
    (RunConfig, "style"): Style(font_sizes=(8,)),
    (RunConfig, "page"): Page(width=99),
    (RunConfig, "output"): Output(image_format="png"),
    (RunConfig, "effect"): ("mine:rain",),
    (RunConfig, "backgrounds"): Path("photos"),
    (RunConfig, "look"): look_of(["scan"]),
    (RunConfig, "max_images"): 3,
    (RunConfig, "seed"): 1,
    (BalancedText, "letters"): "abc",
    (BalancedText, "numbers"): "123",
    (BalancedText, "space_freq"): 2,
    (BalancedText, "character_frequency"): 7,
    (BalancedText, "min_example_size"): 4,
    (BalancedText, "max_example_size"): 21,
    (BalancedText, "split_letters"): True,
    (Texts, "sources"): (Source(TextFile(Path("elsewhere.csv"))),),
    (Texts, "normalize"): "NFKC",
    (Texts, "case"): "upper",
    (Texts, "min_text_chars"): 2,
    (Texts, "max_text_chars"): 30,
    (Texts, "shuffle_words"): "2-5",
    (Texts, "sample"): 7,
    (Texts, "replace"): True,
    (Texts, "min_character_count"): 9,
    (Texts, "max_repeats"): 3,
    (Style, "fonts"): (Path("font.ttf"),),
    (Style, "skip_bad_fonts"): True,
    (Style, "font_share"): ("Lora*=3",),
    (Style, "each_font"): True,
    (Style, "font_sizes"): (31,),
    (Style, "font_colors"): ("#010203",),
    (Style, "background_colors"): ("#fcfdfe",),
    (Style, "min_contrast"): 20,
    (Style, "max_chars_per_line"): 9,
    (Style, "layout"): "basic",
    (Style, "direction"): "ttb",
    (Style, "fallback"): "text",
    (Page, "align"): ("right",),
    (Page, "line_spacing"): ("4",),
    (Page, "line_pitch"): "pillow",
    (Page, "letter_spacing"): ("5%",),
    (Page, "word_spacing"): ("-1",),
    (Page, "margin"): ("2 10%",),
    (Page, "height"): (40,),
    (Page, "width"): 300,
    (Page, "min_width"): 100,
    (Page, "max_width_px"): 250,
    (Output, "image_format"): "png",
    (Output, "jpeg_quality"): 94,
    (Output, "mode"): "rgb",
    (Output, "container"): "tar",
    (Output, "csv"): False,
    (Output, "csv_columns"): "filename,words",
    (Output, "boxes"): "words",
    (Output, "column"): ("effects",),
}
"""A value for every field there is, other than its default."""

TEXTS = RunConfig(corpus=TextFile(Path("words.csv"), "word"))
FORMATS: tuple[ImageFormat, ...] = get_args(ImageFormat)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterConfig(RunConfig):
    """A config with settings that come later, of which no list knows."""

    slant: float = 0.0
    scene: Look = part(lambda: Look(blur=Blur(probability=0.5)), About())
    ink: Look | None = None


FIELDS = [
    pytest.param(type(part), field.name, base, id=f"{type(part).__name__}.{field.name}")
    for base in (RunConfig(), TEXTS)
    for part in (base, base.corpus, base.style, base.page, base.output)
    for field in fields(part)
]
"""Every field of every settings class, and a config that has such a part."""


def flipped(base: RunConfig, kind: type, name: str) -> RunConfig:
    """The config with another value in one field; choices need not be known yet."""
    other = OTHERS[kind, name]
    if kind is RunConfig and name == "backgrounds":  # refused without a look that uses them
        return with_choice(base, name, other)
    if kind is RunConfig:
        return replace(base, **{name: other})
    (part,) = [field.name for field in fields(base) if type(getattr(base, field.name)) is kind]
    return with_choice(base, part, with_choice(replace(getattr(base, part)), name, other))


def with_choice(value: Any, name: str, choice: Any) -> Any:
    """A copy with a value that only its own check was taught."""
    copied = replace(value)
    object.__setattr__(copied, name, choice)
    return copied


def identity(config: RunConfig) -> dict[str, Any]:
    return identity_of(config, {"font.ttf": "0123"}, "abcd", 100)


@pytest.mark.parametrize(("kind", "name", "base"), FIELDS)
def test_every_setting_is_part_of_the_identity_or_left_out_by_name(
    kind: type, name: str, base: RunConfig
) -> None:
    config = flipped(base, kind, name)
    is_left_out = name in LEFT_OUT.get(kind, ()) and LEFT_OUT[kind][name](base)

    assert config != base
    if (kind, name) == (Output, "mode"):
        assert ("gray", "rgb") == (identity(base)["mode"], identity(config)["mode"])
    else:
        assert (identity(config) == identity(base)) == is_left_out


def test_no_field_is_left_out_that_is_not_there() -> None:
    for kind, names in LEFT_OUT.items():
        assert set(names) <= {field.name for field in fields(kind)}


def test_what_is_left_out_of_every_run_is_this() -> None:
    """A field more on this list is a decision: two runs that differ in it mix in one folder."""
    always = {
        f"{kind.__name__}.{name}"
        for kind, names in LEFT_OUT.items()
        for name, is_left_out in names.items()
        if all(is_left_out(RunConfig(output=Output(image_format=each))) for each in FORMATS)
    }

    assert {
        *("Texts.sources", "Style.fonts", "Style.skip_bad_fonts", "Style.font_share"),
        *("Output.mode", "Output.csv", "Output.csv_columns"),
        *("RunConfig.max_images", "RunConfig.effect", "RunConfig.backgrounds"),
    } == always


def test_the_quality_of_jpeg_counts_where_there_are_jpegs() -> None:
    def asked(image_format: Any, quality: int) -> dict[str, Any]:
        return identity(RunConfig(output=Output(image_format=image_format, jpeg_quality=quality)))

    assert asked("jpg", 80) != asked("jpg", 81)
    assert asked("png", 80) == asked("png", 95)


def test_a_field_that_nobody_thought_of_is_part_of_the_identity() -> None:
    assert identity(LaterConfig(slant=0.5)) != identity(LaterConfig())


def test_a_field_that_comes_later_leaves_the_runs_of_before_as_they_are() -> None:
    assert identity(RunConfig()) == identity(LaterConfig())


@pytest.mark.parametrize(
    "config",
    [
        LaterConfig(scene=Look()),
        LaterConfig(scene=Look(blur=Blur(sigma_px=(0.5, 2)))),
        LaterConfig(scene=Look(blur=None)),
        LaterConfig(ink=Look()),
        LaterConfig(ink=Look(blur=None)),
        LaterConfig(scene=Look(noise=Noise())),
        LaterConfig(scene=Look(noise=Noise(levels=3))),
        LaterConfig(scene=Look(edge=Noise(levels=3))),
        LaterConfig(scene=Look(edge=Blur())),
    ],
    ids=str,
)
def test_settings_within_settings_decide_by_what_they_change(config: RunConfig) -> None:
    """A part is compared with what stands there by default, which need not be its own default."""
    others = [LaterConfig(), LaterConfig(scene=Look(blur=Blur()), slant=0.1), TEXTS]

    assert all(identity(config) != identity(other) for other in others)
    assert identity(config) == identity(replace(config))


def test_no_setting_has_the_name_of_what_stands_beside_settings() -> None:
    assert not set(settings_of(RunConfig)) & BESIDE_SETTINGS
    with_fallback = identity(RunConfig(style=Style(fallback="text")))
    of_some = {"effects", PHOTOGRAPHS, FONT_SHARES}
    assert {*BESIDE_SETTINGS - of_some, "style"} == set(with_fallback)
    assert BESIDE_SETTINGS - of_some - {"font_order"} == set(identity(RunConfig()))


def test_the_order_of_fonts_counts_where_one_may_stand_in_for_another() -> None:
    def asked(fallback: Any, *fonts: str) -> str:
        digests = dict.fromkeys(fonts, "0123")
        config = RunConfig(style=Style(fallback=fallback))
        return canonical_json(identity_of(config, digests, "abcd", 100))

    assert asked("none", "a.ttf", "b.ttf") == asked("none", "b.ttf", "a.ttf")
    for fallback in ("text", "character"):
        assert asked(fallback, "a.ttf", "b.ttf") != asked(fallback, "b.ttf", "a.ttf")


def test_defaults_are_what_they_were_when_the_format_got_its_number() -> None:
    """An identity does not spell them out: who changes one raises ``OUTPUT_FORMAT`` with it."""
    assert 7 == OUTPUT_FORMAT
    assert HELD_DEFAULTS == spelled_out(RunConfig())
    assert HELD_DEFAULTS_OF_TEXTS == spelled_out(Texts("words.txt"))  # type: ignore[arg-type]


HELD_DEFAULTS_OF_TEXTS = {
    "kind": "Texts",
    "sources": (Source(TextFile(Path("words.txt"))),),
    "normalize": "NFC",
    "case": "keep",
    "min_text_chars": None,
    "max_text_chars": None,
    "shuffle_words": None,
    "sample": None,
    "replace": False,
    "min_character_count": None,
    "max_repeats": 20,
}

HELD_DEFAULTS = {
    "kind": "RunConfig",
    "corpus": {
        "kind": "BalancedText",
        "letters": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "numbers": "0123456789",
        "space_freq": 1,
        "character_frequency": 1_000,
        "min_example_size": 5,
        "max_example_size": 20,
        "split_letters": False,
    },
    "style": {
        "kind": "Style",
        "fonts": (),
        "skip_bad_fonts": False,
        "font_share": (),
        "each_font": False,
        "font_sizes": (32,),
        "font_colors": ("#000000",),
        "background_colors": ("#ffffff",),
        "min_contrast": 28,
        "max_chars_per_line": None,
        "layout": "full",
        "direction": "auto",
        "fallback": "none",
    },
    "page": {
        "kind": "Page",
        "align": ("start",),
        "line_spacing": ("0",),
        "line_pitch": "font",
        "letter_spacing": ("0",),
        "word_spacing": ("0",),
        "margin": ("0",),
        "height": (),
        "width": None,
        "min_width": None,
        "max_width_px": None,
    },
    "output": {
        "kind": "Output",
        "image_format": "jpg",
        "jpeg_quality": 95,
        "mode": "auto",
        "container": "files",
        "csv": True,
        "csv_columns": "filename,label",
        "boxes": "none",
        "column": (),
    },
    "look": {},
    "effect": (),
    "backgrounds": None,
    "max_images": None,
    "seed": 0,
}


# -- and back ----------------------------------------------------------------------------------


LOOKS: list[Any] = [
    ["scan"],
    ["scan", "clean=0.25"],
    ["mixed"],
    {"scan": {"share": 1 / 3, "budget": 0.7}, "clean": 1e-7},
    {"scan": {"blur": {"sigma_px": {"log": [0.5, 2]}}, "noise": False}},
    {"scan": {}, "mine": {"base": "clean", "blur": {"probability": 0.1}, "share": 2}},
    {"z": {"base": "clean", "weight": {}}, "a": {"base": "clean", "weight": {"grow_px": [1, 2]}}},
]
"""As tables and names have them."""

CONFIGS = [
    RunConfig(),
    TEXTS,
    RunConfig(corpus=Texts(["a.txt=3", "b.txt"], normalize="none", sample=3)),  # type: ignore[arg-type]
    RunConfig(
        corpus=BalancedText(letters="xyz", numbers="", space_freq=0.5, split_letters=True),
        style=Style(font_sizes=(8, 9), font_colors=("navy", "red"), max_chars_per_line=4),
        output=Output(image_format="png", mode="rgb"),
        seed=2**64 - 1,
    ),
    RunConfig(output=Output(jpeg_quality=80, csv=False)),
    RunConfig(output=Output(boxes="words", column=("effects",))),
    *(RunConfig(look=look_of(value)) for value in LOOKS),
]


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
def test_an_identity_gives_back_a_config_of_that_identity(config: RunConfig) -> None:
    as_read = json.loads(canonical_json(identity(config)))
    back = config_of(as_read)

    assert identity(config) == identity(back)
    assert 100 == back.max_images
    assert (config.seed, config.picture_mode) == (back.seed, back.picture_mode)
    is_read = isinstance(config.corpus, Texts)
    assert back.corpus == (
        replace(config.corpus, sources=UNKNOWN_TEXTS) if is_read else config.corpus
    )
    assert (config.look, config.style) == (back.look, back.style)


def test_every_number_of_a_look_is_part_of_the_identity() -> None:
    base = {"share": 1, "budget": 1, "blur": {"probability": 0.5, "sigma_px": [0.4, 1]}}
    others: list[Any] = [
        {**base, "share": 2},
        {**base, "budget": 0.9},
        {**base, "blur": {"probability": 0.6, "sigma_px": [0.4, 1]}},
        {**base, "blur": {"probability": 0.5, "sigma_px": [0.4, 1.1]}},
        {**base, "blur": {"probability": 0.5, "sigma_px": {"log": [0.4, 1]}}},
        {**base, "noise": {}},
        {"share": 1, "budget": 1},
    ]
    looks = [{"clean": {}, "mine": {"base": "clean", **each}} for each in [base, *others]]
    texts = {canonical_json(identity(RunConfig(look=look_of(look)))) for look in looks}

    assert len(looks) == len(texts)


def test_looks_are_those_whatever_order_they_are_given_in() -> None:
    one, other = (RunConfig(look=look_of(each)) for each in (["scan", "clean"], ["clean", "scan"]))

    assert one == other
    assert identity(one) == identity(other)


def test_the_version_of_each_effect_of_a_run_is_part_of_the_identity(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config, without = (RunConfig(look=look_of(only(**{name: {}}))) for name in ("blur", "weight"))
    before = identity(config), identity(without), identity(RunConfig())
    monkeypatch.setattr(BY_NAME["blur"], "version", 2)
    after = identity(config), identity(without), identity(RunConfig())

    assert ['versions.effect blur: "1" in the folder, "2" asked for'] == differences(
        after[0], before[0]
    )
    assert before[1:] == after[1:]


@pytest.mark.parametrize(
    "change",
    [
        {"format": 3},
        {"format": None},
        {"slant": 0.5},
        {"style": {"slant": 0.5}},
        {"style": 3},
        {"corpus": {"kind": "Poem"}},
        {"output": {"image_format": "webp"}},
        {"output": []},
        {"mode": None},
        {"num_examples": 0},
    ],
    ids=str,
)
def test_an_identity_of_another_version_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(FolderError, match="use the version that wrote them") as caught:
        config_of({**identity(RunConfig()), **change})

    assert "\n" not in str(caught.value)


def test_two_identities_differ_in_words_where_one_says_nothing() -> None:
    one, other = RunConfig(), RunConfig(seed=1, style=Style(font_sizes=(8,)))
    defaults = spelled_out(RunConfig())

    assert [
        "seed: 0 in the folder, 1 asked for",
        "style.font_sizes: [32] in the folder, [8] asked for",
    ] == differences(identity(other), identity(one), defaults)
    assert [
        "seed: 1 in the folder, 0 asked for",
        "style.font_sizes: [8] in the folder, [32] asked for",
    ] == differences(identity(one), identity(other), defaults)


def test_looks_differ_in_words() -> None:
    one = RunConfig(look=look_of(["scan", "clean=0.5"]))
    other = RunConfig(
        look=look_of({"scan": {"blur": {"sigma_px": [0.1, 0.2]}}, "clean": {"share": 0.25}})
    )
    found = differences(identity(other), identity(one), spelled_out(RunConfig()))

    assert "look.clean.share: 0.5 in the folder, 0.25 asked for" in found
    assert any(line.startswith("look.scan.blur.sigma_px: ") for line in found)
    assert len(found) == 2


def test_texts_in_place_of_random_ones_are_one_difference() -> None:
    config = RunConfig(corpus=BalancedText(letters="xyz"))

    assert ['corpus.kind: "BalancedText" in the folder, "Texts" asked for'] == differences(
        identity(TEXTS), identity(config), spelled_out(RunConfig())
    )


def test_auto_is_what_it_comes_to() -> None:
    auto, gray = RunConfig(), RunConfig(output=Output(mode="gray"))

    assert identity(auto) == identity(gray)


# -- choices -----------------------------------------------------------------------------------


def test_a_format_that_no_encoder_knows_is_never_written_as_another() -> None:
    output = with_choice(Output(), "image_format", "webp")

    with pytest.raises(KeyError):
        encoder(output)


def test_every_format_has_an_encoder() -> None:
    assert set(get_args(ImageFormat)) == set(FILE_FORMATS)
    for image_format in get_args(ImageFormat):
        assert callable(encoder(Output(image_format=image_format)))


def test_a_mode_that_is_not_known_is_no_other() -> None:
    with pytest.raises(AssertionError):
        RunConfig(output=with_choice(Output(), "mode", "cmyk"))


@pytest.mark.parametrize("mode", get_args(Mode))
def test_every_mode_comes_to_gray_or_rgb(mode: Any) -> None:
    assert RunConfig(output=Output(mode=mode)).picture_mode in ("gray", "rgb")


@pytest.mark.parametrize("engine", get_args(Engine))
@pytest.mark.parametrize("resume", get_args(Resume)[:1])
def test_every_engine_renders(tmp_path: Path, engine: Any, resume: Any) -> None:
    with Renderer(RunConfig(max_images=3), 1, engine) as renderer:
        assert renderer.render(tmp_path / "out", resume=resume).num_images == 3


def test_an_engine_that_is_not_known_is_no_other(tmp_path: Path) -> None:
    with Renderer(RunConfig(max_images=3)) as renderer:
        object.__setattr__(renderer._holding.means, "engine", "gpu")
        with pytest.raises(AssertionError):
            renderer.render(tmp_path / "out")


def test_effects_at_their_defaults_are_what_their_versions_say() -> None:
    """An identity leaves out what is at its default: see ``held_effects.py``."""
    found = {
        effect.name(): (
            effect.number,
            effect.version,
            {name: plain(each.default) for name, each in settings_of(effect).items()},
        )
        for effect in EFFECTS
    }
    assert HELD_EFFECTS == found
