"""A user's own effects: found, loaded, done last, blamed for what they do, a part of each run."""

from __future__ import annotations

import importlib
import json
import os
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import SANS
from fault_runs import FAILED_EXAMPLES, run, skipped, tree
from looks import draw, fonts, only
from looks import maker as looking_maker

import shmtext
from shmtext import BalancedText, Output, RunConfig, ShmtextError, Style, render
from shmtext.config import config_from_options, load_toml
from shmtext.config.own import AskedEffect
from shmtext.config.settings import Mode
from shmtext.config.writing import toml_of
from shmtext.corpus.ragged import pack_texts
from shmtext.draw.draws import words
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.settings import RenderSettings
from shmtext.engine.shards import maker_of
from shmtext.errors import ConfigError, FolderError

TEXTS = [f"Word{number} jQ" * (1 + number % 3) for number in range(24)]

RAIN = """
def rain(picture, words):
    picture[:, int(words[0]) % picture.shape[1]] = int(words[1]) % 256
    return picture
"""

TOP = """
def top(picture, words):
    picture[0] = {}
    return picture
"""

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def paths_stay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Loading may add a folder to where modules are found, and a module to those that are."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]
    importlib.invalidate_caches()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a module, and return its path."""

    def write(code: str, name: str = "own_effects.py") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(code))
        return path

    return write


def maker(*effects: object, look: object = (), mode: Mode = "gray", seed: int = 0) -> PictureMaker:
    config = RunConfig(
        effect=tuple(map(str, effects)),
        look=look,  # type: ignore[arg-type]
        style=Style(font_sizes=(20, 32)),
        output=Output(mode=mode),
        seed=seed,
    )
    return PictureMaker(RenderSettings.of(config, fonts()))


def pictures(made: PictureMaker, texts: Sequence[str] = TEXTS, start: int = 0) -> dict[int, Any]:
    return draw(made, texts, start)[0]


def own_words(place: int, example: int, seed: int = 0, attempt: int = 0) -> Any:
    return words(seed, 2_000 + place, example, example + 1, attempt=attempt)[0]


def test_the_column_of_effects_tells_of_them_with_their_words(write: Write, tmp_path: Path) -> None:
    config = RunConfig(
        effect=(f"{write(RAIN)}:rain=0.5",),
        look=only(blur={}),  # type: ignore[arg-type]
        output=Output(column=("effects",)),
        max_images=60,
    )
    render(config, tmp_path / "out", 1, "serial")
    with shmtext.open(tmp_path / "out") as stored:
        told = {row["example_index"]: json.loads(row["effects"]) for _, row in stored}

    names = {tuple(effect["name"] for effect in said["effects"]) for said in told.values()}
    assert len(names) == 2
    for example, said in told.items():
        for effect in said["effects"][1:]:
            assert effect["name"].endswith("rain")
            drawn = own_words(0, example, attempt=said["attempt"])
            assert effect["values"] == {"words": drawn.tolist()}


# -- asked for ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place", "call", "probability"),
    [
        ("mine:rain", "mine", "rain", 1),
        ("some.mine:rain=0.3", "some.mine", "rain", 0.3),
        (" /a/rain.py:rain=.25 ", "/a/rain.py", "rain", 0.25),
        ("/a=0.5/rain=1.py:rain", "/a=0.5/rain=1.py", "rain", 1),
        ("albumentations:Blur", "albumentations", "Blur", 1),
        ("A.Blur()", "albumentations", "Blur", 1),
        ("A.Blur( (3,5),p = .5 )=1", "albumentations", "Blur((3, 5), p=0.5)", 1),
        (
            "albumentations.X(a={1: [-2.5, None]})=0.2",
            "albumentations",
            "X(a={1: [-2.5, None]})",
            0.2,
        ),
        ("A:rain", "A", "rain", 1),
    ],
)
def test_an_effect_is_a_place_and_a_call(
    text: str, place: str, call: str, probability: float
) -> None:
    asked = AskedEffect.parse(text)

    assert AskedEffect(place, call, probability) == asked
    assert asked == AskedEffect.parse(asked.plain())
    assert (asked.plain(),) == RunConfig(effect=text).effect  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        *("rain", "", ":rain", "mine:", "mine:1", "mi ne:rain", "a..b:rain", "mine.txt/x:rain", 3),
        *("mine:rain=2", "mine:rain=-0.1", "mine:rain=nan", "A.Blur(", "A.Blur(x)", "A.Blur(**{})"),
        *("A.Blur(*[1])", "A.Blur(open('x'))", "A.Blur(a=1)(b=2)", "A.B.C(1)", "mine:rain()"),
    ],
)
def test_what_is_no_effect_is_refused_in_one_line(text: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig(effect=(text,))

    assert "\n" not in str(caught.value)
    assert "effect" in str(caught.value)


def test_paths_in_toml_begin_in_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("effect = ['own/rain.py:rain=0.5', 'mine:rain', '/a/b.py:c', 'A.Blur(3)']")
    config = config_from_options(load_toml(path))

    assert (
        *(f"{tmp_path}/own/rain.py:rain=0.5", "mine:rain"),
        *("/a/b.py:c", "albumentations:Blur(3)"),
    ) == config.effect
    path.write_text(toml_of(config))
    assert config == config_from_options(load_toml(path))


# -- found and loaded --------------------------------------------------------------------------


def test_a_module_is_found_in_this_folder_before_others(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here, there = write(RAIN, "here/mine.py"), write("rain = 3", "there/mine.py")
    monkeypatch.chdir(here.parent)
    sys.path.insert(0, str(there.parent))
    found = maker("mine:rain").settings.own
    monkeypatch.chdir(tmp_path)

    assert [str(here)] == [source.path for source in found]
    with pytest.raises(ConfigError, match=r"there/mine\.py has a int, no function: rain"):
        maker("mine:rain")


def test_a_module_may_be_of_a_package_and_import_what_is_beside_it(
    write: Write, tmp_path: Path
) -> None:
    write("", "pack_of_mine/__init__.py")
    write("LEVEL = 7", "pack_of_mine/levels.py")
    write("MORE = 2", "beside_the_pack.py")
    code = """
        from __future__ import annotations
        from dataclasses import dataclass
        from .levels import LEVEL
        import beside_the_pack

        @dataclass
        class Fill:
            level: int
            def __call__(self, picture, words):
                picture[:2] = self.level
                return picture

        fill = Fill(LEVEL + beside_the_pack.MORE)
    """
    path = write(code, "pack_of_mine/effects.py")
    sys.path.append(str(tmp_path))
    made = maker("pack_of_mine.effects:fill")
    write("raise RuntimeError", "pack_of_mine/elsewhere.py")

    assert [str(path)] == [source.path for source in made.settings.own]
    assert all((picture[:2] == 9).all() for picture in pictures(made).values())


def test_what_stands_beside_a_file_is_found_where_nothing_else_is(write: Write) -> None:
    write("LEVEL = 5", "levels_of_mine.py")
    write("raise RuntimeError", "json.py")
    path = write(f"import json, levels_of_mine\n{TOP.format('levels_of_mine.LEVEL')}")

    assert all((picture[0] == 5).all() for picture in pictures(maker(f"{path}:top")).values())


FOUND_WRONG = [
    ("{path}/none.py:rain", "cannot read .*none.py: No such file"),
    ("no_such_module_here:rain", "there is no module no_such_module_here"),
    ("os.no_such_module:rain", "there is no module os.no_such_module"),
    ("math:sin", "math is no file of Python"),
    ("{path}/own_effects.py:rani", "own_effects.py has no such name: rani"),
    ("{path}/own_effects.py:LEVEL", "has a int, no function: LEVEL"),
    ("{path}/raises.py:rain", "raises.py cannot be imported: ValueError: boom"),
    ("{path}/exits.py:rain", "exits.py cannot be imported: SystemExit: 3"),
    ("{path}/wrong.py:rain", "wrong.py cannot be imported: SyntaxError"),
    ("{path}:rain", "effect must be MODULE:FUNCTION"),
]


@pytest.mark.parametrize(("effect", "said"), FOUND_WRONG)
@pytest.mark.parametrize("engine", ["serial", "processes"])
def test_what_cant_be_loaded_ends_a_run_before_it_has_begun(
    write: Write, tmp_path: Path, out: Path, effect: str, said: str, engine: Any
) -> None:
    write(RAIN + "LEVEL = 3\n")
    write("raise ValueError('boom')", "raises.py")
    write("import sys; sys.exit(3)", "exits.py")
    write("def rain(", "wrong.py")
    with pytest.raises(ConfigError, match=said) as caught:
        render(RunConfig(effect=(effect.format(path=tmp_path),), max_images=3), out, 1, engine)

    assert "\n" not in str(caught.value)
    assert not (out / "run.json").exists()
    assert not {"raises", "exits", "wrong"} & set(sys.modules)


def test_what_is_loaded_is_what_was_hashed_and_never_what_python_kept(write: Write) -> None:
    for level in (1, 2):
        path = write(TOP.format(level))
        os.utime(path, ns=(0, 0))
        drawn = pictures(maker(f"{path}:top"))

        assert all((picture[0] == level).all() for picture in drawn.values())


def test_a_user_s_own_import_of_the_module_stays(write: Write, tmp_path: Path) -> None:
    path = write(RAIN, "mine_already.py")
    sys.path.append(str(tmp_path))
    import mine_already  # type: ignore[import-not-found]  # noqa: PLC0415

    maker(f"{path}:rain")

    assert sys.modules["mine_already"] is mine_already


# -- done last ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["gray", "rgb"])
@pytest.mark.parametrize("look", [(), only(blur={}, noise={}, rotation={}), ("scan",)], ids=str)
def test_it_is_done_to_what_a_look_comes_to_with_words_of_the_example(
    write: Write, mode: Mode, look: Any
) -> None:
    effects = [f"{write(RAIN)}:rain", f"{write(RAIN, 'other.py')}:rain"]
    # A look of clean pictures is drawn by way of effects, too.
    plain = looking_maker(look or only(), mode=mode, sizes=(20, 32))
    before = pictures(plain, start=1_000)
    after = pictures(maker(*effects, look=look, mode=mode), start=1_000)

    assert before.keys() == after.keys()
    for example, picture in before.items():
        for place in (0, 1):
            first, second, *_ = own_words(place, example).tolist()
            picture[:, first % picture.shape[1]] = second % 256
        assert np.array_equal(picture, after[example])


@pytest.mark.parametrize("look", [(), ("scan",)])
def test_an_example_alone_is_as_among_others(write: Write, look: Any) -> None:
    made = maker(f"{write(RAIN)}:rain=0.6", look=look, mode="rgb")
    together = pictures(made)
    for example, text in enumerate(TEXTS):
        assert np.array_equal(together[example], pictures(made, [text], example)[example])


def test_it_occurs_as_often_as_it_should_and_where_it_does_whatever_its_words(
    write: Write,
) -> None:
    code = "def note(picture, words):\n    picture[:, 0] = 3\n    return picture\n"
    texts = ["word"] * 400
    made = [maker(f"{write(code)}:note={share}") for share in (0.3, 0.6, 0)]
    noted = [
        {
            example
            for example, picture in pictures(each, texts).items()
            if (picture[:, 0] == 3).all()
        }
        for each in made
    ]

    assert 90 < len(noted[0]) < 150
    assert 200 < len(noted[1]) < 280
    assert noted[0] < noted[1]
    assert not noted[2]


def test_it_is_given_a_copy_in_rows_end_to_end_and_four_words(write: Write) -> None:
    code = """
        import numpy as np

        SEEN = []

        def look(picture, words):
            assert picture.flags.c_contiguous and picture.flags.writeable and picture.base is None
            assert picture.dtype == np.uint8 and words.dtype == np.uint64 and words.shape == (4,)
            SEEN.append(picture.shape)
            again = picture.copy()
            picture[...] = 0
            words[...] = 0
            return again[::1]
    """
    modes: dict[Mode, int] = {"gray": 2, "rgb": 3}
    for mode, dimensions in modes.items():
        made = maker(f"{write(code)}:look", mode=mode)
        before = pictures(looking_maker(only(), mode=mode, sizes=(20, 32)))
        after = pictures(made)

        assert all(np.array_equal(before[example], after[example]) for example in before)
        assert {dimensions} == {picture.ndim for picture in after.values()}


def test_where_it_hides_the_text_the_last_attempt_goes_without_it(write: Write) -> None:
    code = "def hide(picture, _):\n    return picture * 0 + 200\n"
    hidden = pictures(maker(f"{write(code)}:hide"))
    plain = pictures(looking_maker(only(), sizes=(20, 32)))

    assert hidden.keys() == plain.keys()
    assert all(np.array_equal(hidden[example], plain[example]) for example in plain)


def test_what_is_drawn_again_is_given_other_words(write: Write) -> None:
    code = """
        def first(picture, words):
            if int(words[0]) % 2:
                return picture * 0 + 200
            picture[0, :] = int(words[1]) % 256
            return picture
    """
    drawn = pictures(maker(f"{write(code)}:first", seed=3), ["word"] * 60)
    attempts = set()
    for example, picture in drawn.items():
        tries = [own_words(0, example, 3, attempt).tolist() for attempt in range(3)]
        attempt = next((k for k, each in enumerate(tries) if each[0] % 2 == 0), 3)
        attempts.add(attempt)
        expected = tries[attempt][1] % 256 if attempt < 3 else 255
        assert (picture[0] == expected).all()
    assert {0, 1, 2, 3} == attempts


# -- to blame ----------------------------------------------------------------------------------

RARE = 90
"""Of so many examples, one meets its fault."""

FAULTS = {
    "raise ValueError('boom')": "ValueError: boom (in effect own_effects.py:faulty)",
    "sys.exit('enough')": "SystemExit: enough (in effect own_effects.py:faulty)",
    "raise OSError('gone')": "OSError: gone (in effect own_effects.py:faulty)",
    "return picture[:-1]": "got uint8 in shape",
    "return picture.astype(np.int32)": "got int32 in shape",
    "return picture[..., None]": "1)",
    "return picture.tolist()": "got list",
    "return None": "got NoneType",
}


def faulty(deed: str) -> str:
    return f"""
        import os, signal, sys, time
        import numpy as np

        def faulty(picture, words):
            if int(words[3]) % {RARE} == 0:
                {deed}
            return picture
    """


def is_met(example: int) -> bool:
    return int(own_words(0, example)[3]) % RARE == 0


def run_config(effect: object, **more: Any) -> RunConfig:
    """Some 280 examples in 3 shards."""
    return RunConfig(
        effect=(str(effect),),
        corpus=BalancedText(letters="abcdefgh", numbers="0123", character_frequency=250),
        style=Style(fonts=(SANS,), font_sizes=(16,)),
        output=Output(image_format="png"),
        **more,
    )


@pytest.mark.parametrize("deed", FAULTS)
def test_an_example_that_it_fails_at_is_named_and_the_others_are_as_ever(
    write: Write, deed: str
) -> None:
    texts = ["word"] * 400
    before = pictures(looking_maker(only(), sizes=(20, 32)), texts)
    made = maker(f"{write(faulty(deed))}:faulty")
    shard = made.prepare(pack_texts(texts), 0)
    after: dict[int, Any] = {}
    marked: list[int | None] = []
    for batch in made.draw(shard, marked.append):
        after |= dict(zip(batch.positions.tolist(), batch.pictures, strict=True))

    assert {*filter(is_met, range(400))} == {skip.position for skip in shard.skips} != set()
    for skip in shard.skips:
        assert skip.failed
        assert skip.reason.startswith("cannot be drawn: ")
        assert "own_effects.py:faulty" in skip.reason
        assert FAULTS[deed] in skip.reason
    assert before.keys() - after.keys() == {skip.position for skip in shard.skips}
    assert all(np.array_equal(before[example], after[example]) for example in after)
    assert set(range(400)) <= set(marked)
    assert marked[-1] is None


@pytest.mark.parametrize(("engine", "workers"), [("threads", 2), ("processes", 2)])
def test_what_it_raises_costs_the_example_alone_with_every_engine(
    write: Write, tmp_path: Path, engine: Any, workers: int
) -> None:
    config = run_config(f"{write(faulty('raise ValueError(chr(98))'))}:faulty=0.9")
    one = render(config, tmp_path / "one", engine="serial")
    two = render(config, tmp_path / "two", workers, engine)

    assert one.num_failed == two.num_failed > 0
    assert one.digest == two.digest
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    reasons = {row["reason"] for row in skipped(tmp_path / "two") if row["failed"]}
    assert {"cannot be drawn: ValueError: b (in effect own_effects.py:faulty)"} == reasons


@pytest.mark.parametrize("engine", ["serial", "threads", "processes"])
def test_one_that_fails_time_and_again_ends_the_run_and_is_named(
    write: Write, out: Path, engine: Any
) -> None:
    path = write("def never(picture, words):\n    raise KeyError('never')")
    with pytest.raises(ShmtextError, match=r"never failed at 11 of 11 pictures, .*'never'") as said:
        render(run_config(f"{path}:never"), out, 1, engine)

    assert "\n" not in str(said.value)


def test_one_that_ends_its_process_costs_the_example_alone(write: Write, tmp_path: Path) -> None:
    deed = "os.kill(os.getpid(), signal.SIGSEGV)"
    rare = faulty(deed).replace(str(RARE), "160")
    path = write(rare)
    options = (
        *("--character-frequency", 250, "--letters", "abcdefgh", "--numbers", "0123"),
        *("--fonts", SANS, "--font-sizes", 16, "--image-format", "png"),
    )
    ended = run(
        *("render", tmp_path / "out", *options, "--effect", f"{path}:faulty"),
        *("--engine", "processes", "--workers", 2),
    )
    ended.expect(FAILED_EXAMPLES)
    rows = skipped(tmp_path / "out")
    met = [i for i in range(280) if int(own_words(0, i)[3]) % 160 == 0]

    assert met == [row["example_index"] for row in rows] != []
    assert all(str(row["reason"]).startswith("ended its worker 2 times: SIGSEGV") for row in rows)
    # All else is what a run without the fault comes to.
    write(faulty("pass"))
    render(run_config(f"{path}:faulty"), tmp_path / "well", engine="serial")
    drawn = {path.name: path.read_bytes() for path in (tmp_path / "out/images").glob("*/*")}
    well = {path.name: path.read_bytes() for path in (tmp_path / "well/images").glob("*/*")}
    assert drawn.items() <= well.items()
    assert len(met) == len(well) - len(drawn)


# -- part of what a run is ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("engine", "workers"), [("threads", 2), ("processes", 1), ("processes", 2)]
)
def test_every_engine_writes_the_same_bytes(
    write: Write, tmp_path: Path, engine: Any, workers: int
) -> None:
    write("LEVEL = 40", "level_of_mine.py")
    path = write(f"from level_of_mine import LEVEL\n{RAIN}")
    config = run_config(f"{path}:rain=0.7", look=("scan",))
    render(config, tmp_path / "one", engine="serial")
    render(config, tmp_path / "two", workers, engine)

    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def effects_in(out: Path) -> Any:
    record = json.loads((out / "run.json").read_text())
    return record["identity"]["effects"]


def test_a_run_is_continued_with_the_same_file_alone_wherever_it_lies(
    write: Write, tmp_path: Path, out: Path
) -> None:
    path, moved = write(RAIN), write(RAIN, "elsewhere/own_effects.py")
    first = render(run_config(f"{path}:rain"), out, engine="serial")

    assert 0 == render(run_config(f"{moved}:rain"), out).num_rendered
    for effect in (f"{path}:rain=0.5", f"{write(RAIN, 'another.py')}:rain"):
        with pytest.raises(FolderError, match=r"effects: .* in the folder"):
            render(run_config(effect), out)
    write(f"{RAIN}\n")
    with pytest.raises(FolderError, match=r"effects: .*own_effects\.py:rain"):
        render(run_config(f"{path}:rain"), out)
    (tmp_path / "other").mkdir()
    other = render(run_config(f"{path}:rain"), tmp_path / "other/out", engine="serial")
    # Labels and pictures are the same: it is the file that is another.
    assert first.digest == other.digest
    assert effects_in(out) != effects_in(tmp_path / "other/out")


def test_a_file_that_changes_during_a_run_ends_it(write: Write) -> None:
    path = write(RAIN)
    settings = maker(f"{path}:rain").settings
    maker_of(settings)
    write(f"{RAIN}\n")
    with pytest.raises(ConfigError, match=r"own_effects\.py was changed during the run"):
        maker_of(settings)
    path.unlink()
    with pytest.raises(ConfigError, match=r"cannot read .*own_effects\.py"):
        maker_of(settings)


@pytest.mark.parametrize("form", ["{path}:rain=0.8", "own_effects:rain=0.8"])
def test_examples_are_drawn_again_where_the_file_is(
    write: Write, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    path = write(RAIN)
    monkeypatch.chdir(tmp_path)
    render(run_config(form.format(path=path), look=("scan",)), out, engine="serial")
    with shmtext.open(out, fonts=SANS) as opened:
        for index in range(0, len(opened), 17):
            assert np.array_equal(opened[index].picture, opened.render(index))
    write(f"{RAIN}\n")
    with (
        shmtext.open(out, fonts=SANS) as opened,
        pytest.raises(FolderError, match=r"own_effects\.py is not the file that it was made with"),
    ):
        opened.render(0)
    path.unlink()
    with (
        shmtext.open(out, fonts=SANS) as opened,
        pytest.raises(FolderError, match=r"has effects of its own .*: to draw its examples again"),
    ):
        opened.render(0)


def test_a_module_is_named_by_its_path_to_workers_that_run_elsewhere(
    write: Write, tmp_path: Path
) -> None:
    """By the command line, whose workers do not look into the folder that it is called in."""
    write(RAIN)
    ended = run(
        *("render", "out", "--max-images", 30, "--effect", "own_effects:rain"),
        *("--engine", "processes", "--workers", 1),
        prefix=("env", "-C", str(tmp_path)),
    )
    ended.expect(0)
    assert ["own_effects:rain"] == [each["effect"] for each in effects_in(tmp_path / "out")]
