"""A run's identity changes with every setting that decides a byte, and with no other."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args

import pytest

from shmtext import BalancedText, Output, RunConfig, Style, TextFile
from shmtext.config import Engine, ImageFormat, Mode, Resume
from shmtext.draw.encode import FILE_FORMATS, encoder
from shmtext.engine.identity import LEFT_OUT, identity_of
from shmtext.engine.renderer import Renderer

OTHERS: dict[tuple[type, str], Any] = {
    (RunConfig, "corpus"): BalancedText(letters="xyz"),
    (RunConfig, "style"): Style(font_sizes=(8,)),
    (RunConfig, "output"): Output(image_format="png"),
    (RunConfig, "max_images"): 3,
    (RunConfig, "seed"): 1,
    (BalancedText, "letters"): "abc",
    (BalancedText, "numbers"): "123",
    (BalancedText, "space_freq"): 2,
    (BalancedText, "character_frequency"): 7,
    (BalancedText, "min_example_size"): 4,
    (BalancedText, "max_example_size"): 21,
    (BalancedText, "split_letters"): True,
    (TextFile, "path"): Path("elsewhere.csv"),
    (TextFile, "column"): "text",
    (Style, "fonts"): (Path("font.ttf"),),
    (Style, "skip_bad_fonts"): True,
    (Style, "font_sizes"): (31,),
    (Style, "font_colors"): ("#010203",),
    (Style, "background_colors"): ("#fcfdfe",),
    (Style, "max_chars_per_line"): 9,
    (Output, "image_format"): "png",
    (Output, "jpeg_quality"): 94,
    (Output, "mode"): "rgb",
    (Output, "csv"): False,
}
"""A value for every field there is, other than its default."""

TEXTS = RunConfig(corpus=TextFile(Path("words.csv"), "word"))


FIELDS = [
    pytest.param(type(part), field.name, base, id=f"{type(part).__name__}.{field.name}")
    for base in (RunConfig(), TEXTS)
    for part in (base, base.corpus, base.style, base.output)
    for field in fields(part)
]
"""Every field of every settings class, and a config that has such a part."""


def flipped(base: RunConfig, kind: type, name: str) -> RunConfig:
    other = OTHERS[kind, name]
    if kind is RunConfig:
        return replace(base, **{name: other})
    (part,) = [field.name for field in fields(base) if type(getattr(base, field.name)) is kind]
    return replace(base, **{part: replace(getattr(base, part), **{name: other})})


def identity(config: RunConfig) -> dict[str, Any]:
    return identity_of(config, {"font.ttf": "0123"}, "abcd", 100)


@pytest.mark.parametrize(("kind", "name", "base"), FIELDS)
def test_every_setting_is_part_of_the_identity_or_left_out_by_name(
    kind: type, name: str, base: RunConfig
) -> None:
    config = flipped(base, kind, name)
    is_left_out = name in LEFT_OUT.get(kind, ()) and not is_dataclass(OTHERS[kind, name])

    assert config != base
    assert (identity(config) == identity(base)) == is_left_out


def test_no_field_is_left_out_that_is_not_there() -> None:
    for kind, names in LEFT_OUT.items():
        assert names <= {field.name for field in fields(kind)}


def test_a_field_that_nobody_thought_of_is_part_of_the_identity() -> None:
    from dataclasses import dataclass  # noqa: PLC0415

    @dataclass(frozen=True, slots=True, kw_only=True)
    class LaterStyle(Style):
        slant: float = 0.0

    def config(slant: float) -> RunConfig:
        return RunConfig(style=LaterStyle(slant=slant))

    assert identity(config(0.5)) != identity(config(0.0))


def test_auto_is_what_it_comes_to() -> None:
    auto, gray = RunConfig(), RunConfig(output=Output(mode="gray"))

    assert identity(auto) == identity(gray)


# -- choices -----------------------------------------------------------------------------------


def with_choice(value: Any, name: str, choice: str) -> Any:
    """A value with a choice that only its own check was taught."""
    object.__setattr__(value, name, choice)
    return value


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
