"""Transforms of albumentations as effects: seeded by the example, refused if they are of no use."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import SANS
from fault_runs import run, tree
from looks import draw, fonts, only
from looks import maker as looking_maker

import shmtext
from shmtext import BalancedText, Output, RunConfig, Style, render
from shmtext.config.settings import Mode
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.settings import RenderSettings
from shmtext.engine.identity import identity_of
from shmtext.errors import ConfigError, FolderError

TEXTS = [f"Word{number}" for number in range(24)]
NOISE = "A.GaussNoise(std_range=(0.1, 0.2))"


@pytest.fixture
def library() -> None:
    """The library, which this program can do without."""
    pytest.importorskip("albumentations")


needs_library = pytest.mark.usefixtures("library")


def maker(effect: str, mode: Mode = "gray", *, with_boxes: bool = False) -> PictureMaker:
    config = RunConfig(effect=(effect,), output=Output(mode=mode))
    return PictureMaker(RenderSettings.of(config, fonts()), with_boxes=with_boxes)


def pictures(made: PictureMaker, texts: list[str] = TEXTS, start: int = 0) -> dict[int, Any]:
    return draw(made, texts, start)[0]


@pytest.mark.parametrize("engine", ["serial", "processes"])
def test_where_the_library_is_missing_it_is_said_how_to_get_it(
    out: Path, monkeypatch: pytest.MonkeyPatch, engine: Any
) -> None:
    monkeypatch.setitem(sys.modules, "albumentations", None)
    with pytest.raises(ConfigError, match=r"needs albumentations .*shmtext\[albumentations\]"):
        render(RunConfig(effect=(NOISE,), max_images=3), out, 1, engine)


def test_a_config_names_transforms_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "albumentations", None)

    assert ("albumentations:GaussNoise(std_range=(0.1, 0.2))",) == RunConfig(effect=(NOISE,)).effect


@needs_library
@pytest.mark.parametrize(
    ("effect", "said"),
    [
        ("A.GausNoise", r"unknown transform of albumentations 'GausNoise' .*mean GaussNoise\?"),
        ("A.Compose([])", "unknown transform of albumentations 'Compose'"),
        ("A.ImageOnlyTransform", "unknown transform of albumentations 'ImageOnlyTransform'"),
        ("A.GaussNoise(std=3)", "got an unexpected keyword argument 'std'"),
        ("A.GaussNoise(std_range=(3, 4))", "std_range; Value error, All values"),
        ("A.GaussNoise(1, 2, 3, 4, 5, 6, 7, 8)", "too many positional arguments"),
        ("A.ChannelDropout", "of no use for pictures that are gray"),
        ("A.Resize(8, 8)", "must leave pictures as large as they are"),
        ("A.Normalize()", "must leave pictures as large as they are, and of uint8"),
        ("A.ToFloat()", "must leave pictures as large as they are, and of uint8"),
        ("A.HistogramMatching()", "of no use for pictures that are gray: ValueError"),
    ],
)
def test_what_is_of_no_use_is_refused_in_one_line(effect: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        maker(effect)

    assert "\n" not in str(caught.value)


@needs_library
@pytest.mark.parametrize("mode", ["gray", "rgb"])
@pytest.mark.parametrize(
    "effect",
    [NOISE, "A.Blur(blur_limit=3)", "A.Rotate(limit=(-2, 2))", "A.ElasticTransform(p=0.5)"],
)
def test_an_example_alone_is_as_among_others(effect: str, mode: Mode) -> None:
    together = pictures(maker(effect, mode))
    made = maker(effect, mode)
    for example in reversed(range(len(TEXTS))):
        alone = pictures(made, TEXTS[example : example + 1], example)
        assert np.array_equal(together[example], alone[example])


@needs_library
def test_each_example_has_noise_of_its_own_every_time() -> None:
    plain = pictures(looking_maker(only()), ["word"] * 40)
    noisy = pictures(maker(NOISE), ["word"] * 40)

    assert all((noisy[example] != plain[example]).any() for example in plain)
    assert 40 == len({picture.tobytes() for picture in noisy.values()})


@needs_library
def test_one_that_moves_ink_moves_the_places_where_it_is_looked_for() -> None:
    """Otherwise the last thing that is asked, whether ink stands out, would be asked elsewhere."""
    plain = pictures(looking_maker(only()))
    shifted = pictures(maker("A.Affine(translate_px={'x': (5, 5), 'y': (0, 0)}, fill=255)"))

    assert plain.keys() == shifted.keys()
    for example, picture in shifted.items():
        assert np.array_equal(picture[:, 5:], plain[example][:, :-5])


@needs_library
def test_one_that_moves_ink_is_refused_where_boxes_are_asked_for() -> None:
    maker(NOISE, with_boxes=True)
    with pytest.raises(ConfigError, match="effect albumentations:Rotate moves ink"):
        maker("A.Rotate", with_boxes=True)


def config(effect: str) -> RunConfig:
    """Some 280 examples in 3 shards."""
    return RunConfig(
        effect=(effect,),
        corpus=BalancedText(letters="abcdefgh", numbers="0123", character_frequency=250),
        style=Style(fonts=(SANS,), font_sizes=(16,)),
        output=Output(image_format="png"),
    )


@needs_library
def test_engines_write_the_same_and_draw_it_again(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    render(config(f"{NOISE}=0.5"), one, engine="serial")
    render(config(f"albumentations:{NOISE[2:]}=0.5"), two, 2, "processes")

    assert tree(one) == tree(two)
    with shmtext.open(one, fonts=SANS) as opened:
        for index in range(0, len(opened), 50):
            assert np.array_equal(opened[index].picture, opened.render(index))
    with pytest.raises(FolderError, match="effects: "):
        render(config("A.GaussNoise(std_range=(0.1, 0.3))=0.5"), one)


@needs_library
def test_the_library_s_version_is_a_part_of_what_a_run_is() -> None:
    def versions(asked: RunConfig) -> Any:
        return identity_of(asked, {}, "", 1)["versions"]

    assert version("albumentations") == versions(config(NOISE))["albumentations"]
    assert "albucore" in versions(config(NOISE))
    assert "albumentations" not in versions(RunConfig())


@needs_library
def test_no_process_asks_the_network_for_news(tmp_path: Path) -> None:
    ended = run(
        *("render", tmp_path / "out", "--max-images", 20, "--effect", NOISE),
        *("--engine", "processes", "--workers", 1),
        env={"https_proxy": "http://127.0.0.1:9", "PYTHONWARNINGS": "error::UserWarning"},
    )

    ended.expect(0, num_lines=0)
