"""Settings of looks: names, tables and files become looks, and are written as such again."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from math import ceil, floor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from shmtext import RunConfig
from shmtext.config import canonical_json, config_from_options, fingerprint, load_toml
from shmtext.config.fields import settings_of
from shmtext.config.kinds import Choice, Number, Switch
from shmtext.config.looks import (
    BUDGET,
    CLEAN,
    MIX,
    Look,
    Looks,
    chosen_looks,
    look_comment,
    look_names,
    mix_of,
    preset_of,
)
from shmtext.config.looks_text import page
from shmtext.config.ranges import Range, RangeOf
from shmtext.config.settings import RunConfig as Config
from shmtext.config.writing import json_schema, toml_of
from shmtext.engine.identity import config_of, identity_of
from shmtext.errors import ConfigError
from shmtext.looks.blur import Blur
from shmtext.looks.effect import Effect, Kind
from shmtext.looks.noise import Noise
from shmtext.looks.registry import BY_NAME, EFFECTS

PRESETS = [name for name in look_names() if name in mix_of(name)]
MIXES = [name for name in look_names() if name not in mix_of(name)]


def looks(value: object) -> Looks:
    return RunConfig(look=value).look  # type: ignore[arg-type]


def shares(value: object) -> dict[str, float]:
    return {look.name: look.share for look in looks(value).looks}


def read(folder: Path, text: str) -> RunConfig:
    (folder / "run.toml").write_text(text, encoding="utf-8")
    return config_from_options(load_toml(folder / "run.toml"))


def identity(config: RunConfig) -> dict[str, Any]:
    """As it stands in a folder's record: its keys are sorted there."""
    found: dict[str, Any] = json.loads(canonical_json(identity_of(config, {}, "", 100)))
    return found


# -- presets -------------------------------------------------------------------------------------


def test_every_file_is_a_preset_that_says_what_it_is() -> None:
    folder = files("shmtext.looks").joinpath("presets")
    assert sorted(look_names()) == sorted(each.name.split(".")[0] for each in folder.iterdir())
    for name in look_names():
        first, *_ = look_comment(name).splitlines()
        assert first.endswith(".")
        assert len(first) <= 80


def test_the_presets_are_those_that_the_option_names() -> None:
    said = settings_of(Config)["look"].about.help
    for name in look_names():
        assert name in said


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_look(name: str) -> None:
    look = preset_of(name)

    assert (name, 1) == (look.name, look.share)
    assert [type(effect) for effect in look.effects] == [
        kind for kind in BY_NAME.values() if look.effect(kind) is not None
    ]
    assert (name == CLEAN) == (look.effects == ())


@pytest.mark.parametrize("name", MIXES)
def test_a_mix_is_made_of_presets(name: str) -> None:
    mix = mix_of(name)

    assert set(mix) <= set(PRESETS)
    assert all(share > 0 for share in mix.values())
    total = sum(mix.values())
    assert shares(name) == pytest.approx({part: share / total for part, share in mix.items()})


def test_looks_and_effects_have_names_of_their_own() -> None:
    assert not set(look_names()) & set(BY_NAME)
    assert not {*look_names(), *BY_NAME} & {"base", "share", "budget", MIX}


def test_each_effect_is_listed_once_with_a_number_of_its_own_in_the_order_of_kinds() -> None:
    kinds = [effect.kind for effect in EFFECTS]

    assert len(EFFECTS) == len(BY_NAME) == len({effect.number for effect in EFFECTS})
    assert kinds == sorted(kinds, key=[*Kind].index)


# -- which, and how often ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("scan", {"scan": 1}),
        ("scan=3", {"scan": 1}),
        (["scan", "photo=0.5"], {"scan": 1, "photo": 0.5}),
        (("scan = 2", " photo"), {"scan": 2, "photo": 1}),
        ({"scan": 2, "photo": {"share": 1}}, {"scan": 2, "photo": 1}),
        ({"scan": {}, "clean": 1}, {"scan": 1, "clean": 1}),
        ({"scan": 0, "photo": 3, "screen": 1}, {"photo": 3, "screen": 1}),
        ({"my-own": {"base": "scan"}, "photo": 1}, {"my_own": 1, "photo": 1}),
        ([], {}),
        ({}, {}),
        ("clean", {}),
        (["clean=7"], {}),
        ({"clean": {"share": 3, "budget": 2, "base": "clean"}}, {}),
        ({"clean": 1, "scan": 0}, {}),
    ],
)
def test_shares(value: object, expected: dict[str, float]) -> None:
    assert expected == shares(value)


def test_a_mix_shares_its_share_among_its_parts() -> None:
    total = sum(mix_of("mixed").values())
    expected = {part: 3 * share / total for part, share in mix_of("mixed").items()}
    expected["scan"] += 2

    assert expected == pytest.approx(shares(["mixed=3", "scan=2"]))


def test_the_order_in_which_looks_are_named_makes_no_difference() -> None:
    one, other = RunConfig(look=["scan", "photo=2"]), RunConfig(look=["photo=2", "scan"])  # type: ignore[arg-type]

    assert one == other
    assert one.look.looks == other.look.looks
    assert ["photo", "scan"] == [look.name for look in one.look.looks]


def test_clean_alone_is_no_look() -> None:
    clean = RunConfig(look="clean")  # type: ignore[arg-type]

    assert RunConfig() == clean
    assert fingerprint(identity(RunConfig())) == fingerprint(identity(clean))
    assert "look" not in identity(clean)


def test_looks_come_with_a_version_of_each_effect() -> None:
    versions = identity(RunConfig(look="scan"))["versions"]  # type: ignore[arg-type]

    assert versions["effect blur"] == str(Blur.version)
    assert "effect blur" not in identity(RunConfig())["versions"]


# -- what a table changes ------------------------------------------------------------------------


def test_a_table_changes_what_it_names_and_leaves_the_rest_as_it_is(tmp_path: Path) -> None:
    (look,) = read(tmp_path, "[look.scan.blur]\nsigma-px = [0.4, 1.25]").look.looks
    preset = preset_of("scan")
    blur = preset.effect(Blur)
    assert blur is not None
    assert Range((0.4, 1.25)) != blur.sigma_px

    expected = replace(blur, sigma_px=Range((0.4, 1.25)))
    assert expected == look.effect(Blur)
    others = [effect for effect in look.effects if effect != expected]
    assert others == [effect for effect in preset.effects if effect != blur]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("[0.5, 1.5]", Range((0.5, 1.5))),
        ("0.5", Range((0.5, 0.5))),
        ("1", Range((1, 1))),
        ("{uniform = [0.5, 1.5]}", Range((0.5, 1.5))),
        ("{log = [0.5, 1.5]}", Range((0.5, 1.5), "log")),
        ("{log = 2}", Range((2, 2), "log")),
        ("{triangular = [0.5, 1, 1.5]}", Range((0.5, 1, 1.5), "triangular")),
        ("{triangular = 1}", Range((1, 1, 1), "triangular")),
        ("{choice = [3, 5]}", Range((3, 5), "choice")),
        ("{choice = 3}", Range((3,), "choice")),
        ("{choice = [5, 3, 5]}", Range((5, 3, 5), "choice")),
    ],
)
def test_ranges(tmp_path: Path, written: str, expected: Range) -> None:
    (look,) = read(tmp_path, f"[look.scan.blur]\nsigma_px = {written}").look.looks
    blur = look.effect(Blur)

    assert blur is not None
    assert expected == blur.sigma_px


def test_false_takes_an_effect_away_and_a_table_adds_one(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        """
        [look.mine]
        base = "scan"
        budget = 0.5
        blur = false
        [look.bare]
        base = "clean"
        share = 2
        noise = {}
        """,
    )
    bare, mine = config.look.looks

    assert Look("bare", 2, 1, (Noise(),)) == bare
    assert mine.effect(Blur) is None
    assert len(mine.effects) == len(preset_of("scan").effects) - 1
    assert ("mine", 1, 0.5) == (mine.name, mine.share, mine.budget)


def test_one_s_own_look_may_have_no_effect() -> None:
    assert Looks((Look("mine"),)) == looks({"mine": {"base": "clean"}})


def test_a_name_like_a_preset_s_may_be_made_from_another() -> None:
    (look,) = looks({"scan": {"base": "photo"}}).looks

    assert preset_of("photo").effects == look.effects


# -- the command line over a file ----------------------------------------------------------------


def chosen(folder: Path, text: str, *names: str) -> Looks:
    """As ``render --look NAME --config run.toml`` has it."""
    (folder / "run.toml").write_text(text, encoding="utf-8")
    return looks(chosen_looks(names, load_toml(folder / "run.toml").get("look")))


def test_looks_of_the_command_line_have_what_the_file_s_tables_say(tmp_path: Path) -> None:
    tables = "[look.photo]\nshare = 3\n[look.photo.blur]\nsigma_px = 2\n[look.scan]\nnoise = false"
    one = chosen(tmp_path, tables, "photo")
    two = chosen(tmp_path, tables, "photo", "scan=0.5")

    (photo,) = one.looks
    assert Range((2, 2)) == photo.effect(Blur).sigma_px  # type: ignore[union-attr]
    assert {"photo": 3, "scan": 0.5} == {look.name: look.share for look in two.looks}
    assert two.looks[1].effect(Noise) is None


def test_a_mix_of_the_command_line_has_the_file_s_tables_in_its_parts(tmp_path: Path) -> None:
    found = {
        look.name: look for look in chosen(tmp_path, "[look.scan]\nblur = false", "mixed").looks
    }

    assert shares("mixed") == {name: look.share for name, look in found.items()}
    assert found["scan"].effect(Blur) is None


@pytest.mark.parametrize("text", ["look = ['scan', 'mixed=2']", "look = 'scan'", ""])
def test_names_in_the_file_give_way_to_the_command_line(tmp_path: Path, text: str) -> None:
    assert looks("photo") == chosen(tmp_path, text, "photo")


def test_what_is_wrong_in_a_table_is_told_though_its_look_is_not_drawn(tmp_path: Path) -> None:
    refuses(
        lambda: chosen(tmp_path, "[look.scan.blur]\nsigma = 1", "photo"), "look.scan.blur.sigma"
    )


# -- what is refused -----------------------------------------------------------------------------


def refuses(make: Callable[[], object], *parts: str) -> None:
    """See that making raises a one-line error with these parts."""
    with pytest.raises(ConfigError) as caught:
        make()
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("look = 'scna'", "unknown look 'scna' (did you mean scan?); known are: clean, fax"),
        ("[look]\nscna = 1", "unknown look 'scna' (did you mean scan?)"),
        (
            "[look.mine.blur]",
            "unknown look 'mine' (did you mean mixed?); known are: "
            f"{', '.join(look_names())}; your own says what it is made from, such as base = ",
        ),
        (
            "[look.mine]\nbase = 'scam'",
            "unknown [look.mine] base 'scam' (did you mean scan?); known are: clean, fax",
        ),
        ("[look.mine]\nbase = 'mixed'", "unknown [look.mine] base 'mixed'"),
        ("[look.mine]\nbase = ['scan']", "[look.mine] base must be text, got ['scan']"),
        ("[look.'a.b']\nbase = 'scan'", "look must be names of letters, digits and _, got 'a.b'"),
        ("look = ['scan', 'scan=2']", "look: scan is given twice: give it once, with one share"),
        ("look = 3", "look must be names of looks, or a table of them, got 3"),
        ("look = ['scan', 3]", "look must be a look's name, or NAME=SHARE, got 3"),
        ("look = ['scan=often']", "NAME=SHARE with a number behind =, got 'scan=often'"),
        ("look = ['scan=']", "NAME=SHARE with a number behind =, got 'scan='"),
        ("look = ['scan=-1']", "[look.scan] share must be 0 to 1,000,000, got -1"),
        ("look = ['scan=nan']", "[look.scan] share must be 0 to 1,000,000, got nan"),
        ("look = ['scan=1e7']", "[look.scan] share must be 0 to 1,000,000, got 10000000"),
        ("[look]\nscan = inf", "[look.scan] share must be 0 to 1,000,000, got inf"),
        ("[look.scan]\nshare = '1'", "[look.scan] share must be a number, got '1'"),
        ("look = ['scan=0']", "look: the shares of all looks are 0: give one that is not"),
        ("[look]\nscan = true", "[look] scan must be a table, or a share, got True"),
        ("[look]\nscan = 'yes'", "[look] scan must be a table, or a share, got 'yes'"),
        ("[look.scan]\nbudget = 101", "[look.scan] budget must be 0 to 100, got 101"),
        ("[look.scan]\nbudget = nan", "[look.scan] budget must be 0 to 100, got nan"),
        (
            "[look.clean.blur]",
            "[look.clean] is what is drawn without effects: give yours another name, as in "
            '[look.mine] base = "clean"',
        ),
        ("[look.clean]\nbase = 'scan'", "[look.clean] is what is drawn without effects"),
        ("[look.mixed]\nblur = false", "set blur of one of these"),
        ("[look.mixed]\nbase = 'scan'", "[look.mixed] is made of"),
        ("[look.scan.blurr]", "unknown option 'look.scan.blurr' (did you mean look.scan.blur?)"),
        ("[look.scan]\nshares = 1", "'look.scan.shares' (did you mean look.scan.share?)"),
        ("[look.scan]\nmix = {}", "unknown option 'look.scan.mix'"),
        (
            "[look.scan.blur]\nsigma = 1",
            "unknown option 'look.scan.blur.sigma' (did you mean look.scan.blur.sigma_px?); known "
            "are: look.scan.blur.probability, look.scan.blur.sigma_px",
        ),
        (
            "[look.scan]\nblur = 0.5",
            "[look.scan] blur must be a table of its settings, or false, got 0.5",
        ),
        ("[look.scan]\nblur = true", "[look.scan] blur must be a table of its settings, or false"),
        (
            "[look.scan.blur]\nprobability = 1.5",
            "[look.scan.blur] probability must be 0 to 1, got 1.5",
        ),
        (
            "[look.scan.blur]\nprobability = [0, 1]",
            "[look.scan.blur] probability must be a number, got [0, 1]",
        ),
        (
            "[look.scan.blur]\nsigma_px = [2, 1]",
            "[look.scan.blur] sigma_px must rise from its low to its high end, got [2, 1]",
        ),
        (
            "[look.scan.blur]\nsigma_px = {triangular = [1, 3, 2]}",
            "[look.scan.blur] sigma_px must rise from its low to its high end, got [1, 3, 2]",
        ),
        (
            "[look.scan.blur]\nsigma_px = [1]",
            "[look.scan.blur] sigma_px must be 2 numbers where it is uniform, got 1",
        ),
        (
            "[look.scan.blur]\nsigma_px = {log = [1, 2, 3]}",
            "[look.scan.blur] sigma_px must be 2 numbers where it is log, got 3",
        ),
        (
            "[look.scan.blur]\nsigma_px = {triangular = [1, 2]}",
            "[look.scan.blur] sigma_px must be 3 numbers where it is triangular, got 2",
        ),
        (
            "[look.scan.blur]\nsigma_px = {choice = []}",
            "[look.scan.blur] sigma_px must hold at least one number, got none",
        ),
        (
            "[look.scan.blur]\nsigma_px = {log = [0, 2]}",
            "[look.scan.blur] sigma_px must be above 0 where it is log, got [0, 2]",
        ),
        (
            "[look.scan.blur]\nsigma_px = {normal = [0, 2]}",
            "[look.scan.blur] sigma_px must be a table of one of uniform, log, triangular, choice",
        ),
        (
            "[look.scan.blur]\nsigma_px = {log = [1, 2], uniform = [1, 2]}",
            "[look.scan.blur] sigma_px must be a table of one of uniform, log, triangular, choice",
        ),
        ("[look.scan.blur]\nsigma_px = {}", "[look.scan.blur] sigma_px must be a table of one of"),
        (
            "[look.scan.blur]\nsigma_px = [0.4, 11]",
            "[look.scan.blur] sigma_px must be 0 to 10, got 11",
        ),
        ("[look.scan.blur]\nsigma_px = -1", "[look.scan.blur] sigma_px must be 0 to 10, got -1"),
        (
            "[look.scan.blur]\nsigma_px = [0, nan]",
            "[look.scan.blur] sigma_px must be 0 to 10, got nan",
        ),
        ("[look.scan.blur]\nsigma_px = inf", "[look.scan.blur] sigma_px must be 0 to 10, got inf"),
        (
            "[look.scan.blur]\nsigma_px = 'wide'",
            "[look.scan.blur] sigma_px must be a number, [low, high], or a table such as",
        ),
        (
            "[look.scan.blur]\nsigma_px = true",
            "[look.scan.blur] sigma_px must be a number, [low, high], or a table such as",
        ),
        (
            "[look.scan.blur]\nsigma_px = ['1', 2]",
            "[look.scan.blur] sigma_px must be a number, got '1'",
        ),
        (
            "[look.scan.jpeg]\nquality = [40.5, 90]",
            "[look.scan.jpeg] quality must be a whole number, 5 to 100, got 40.5",
        ),
        ("[look.scan.blur]\nsigma-px = 1\nsigma_px = 2", "sets look.scan.blur.sigma_px twice"),
        ("[look.a-b]\nbase = 'scan'\n[look.a_b]\nbase = 'scan'", "sets look.a_b twice"),
    ],
)
def test_messages_name_the_table(tmp_path: Path, text: str, message: str) -> None:
    refuses(lambda: read(tmp_path, text), message)


# -- written and read again ----------------------------------------------------------------------


def numbers(kind: RangeOf | Number) -> st.SearchStrategy[float]:
    low, high = kind.limits.at_least, kind.limits.at_most
    assert low is not None
    assert high is not None
    if isinstance(kind, RangeOf) and kind.is_whole:
        return st.integers(int(low), int(high))
    whole = range(ceil(low), floor(high) + 1)
    return st.floats(low, high) | st.sampled_from(whole) if whole else st.floats(low, high)


def values(kind: Any, default: object) -> st.SearchStrategy[Any]:
    """Values of a setting as TOML has them; of kinds that are not known here, the default."""
    if isinstance(kind, RangeOf):
        each = numbers(kind)
        pairs, triples = (st.lists(each, min_size=n, max_size=n).map(sorted) for n in (2, 3))
        tables = st.one_of(
            st.fixed_dictionaries({"uniform": pairs}),
            st.fixed_dictionaries({"log": pairs.filter(lambda pair: pair[0] > 0)}),
            st.fixed_dictionaries({"triangular": triples}),
            st.fixed_dictionaries({"choice": st.lists(each, min_size=1, max_size=3)}),
        )
        return each | pairs | tables
    if isinstance(kind, Number):
        return numbers(kind)
    if isinstance(kind, Switch):
        return st.booleans()
    if isinstance(kind, Choice):
        return st.sampled_from(kind.words)
    return st.just(list(default) if isinstance(default, tuple) else default)


def effects(kind: type[Effect]) -> st.SearchStrategy[Any]:
    optional = {
        name: values(each.kind, getattr(kind(), name)) for name, each in settings_of(kind).items()
    }
    return st.just(False) | st.fixed_dictionaries({}, optional=optional)


@st.composite
def look_tables(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(sorted(BY_NAME)), max_size=4, unique=True))
    return {
        "base": draw(st.sampled_from(PRESETS)),
        "share": draw(st.floats(0.125, 1_000) | st.integers(1, 1_000)),
        "budget": draw(st.floats(0, BUDGET.limits.at_most)),
        **{name: draw(effects(BY_NAME[name])) for name in names},
    }


TABLES = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True).filter(
        lambda name: name not in look_names()
    ),
    look_tables(),
    max_size=3,
)


def made(tables: dict[str, Any]) -> RunConfig:
    """The config with such looks; effects may refuse values that do not go together."""
    try:
        return RunConfig(look=tables)  # type: ignore[arg-type]
    except ConfigError:
        reject()
        raise


def assert_reads_back(config: RunConfig) -> None:
    text = toml_of(config)
    read = config_from_options(tomllib.loads(text))

    assert config == read
    assert canonical_json(config.look.plain()) == canonical_json(read.look.plain())
    found = config_of(identity(config))
    assert config.look == found.look
    assert identity(config) == identity(replace(found, max_images=None))


@given(TABLES)
def test_looks_written_read_back_as_they_are(tables: dict[str, Any]) -> None:
    assert_reads_back(made(tables))


@pytest.mark.parametrize("value", [*look_names(), ["mixed", "scan=0.3"], ["clean", "photo=0.5"]])
def test_presets_written_read_back_as_they_are(value: object) -> None:
    assert_reads_back(RunConfig(look=value))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", look_names())
def test_what_is_printed_of_a_preset_is_that_preset(name: str) -> None:
    printed = page(name)

    assert looks(name) == looks(tomllib.loads(printed).get("look", {}))
    assert printed.startswith("# " + look_comment(name).splitlines()[0])
    assert printed.endswith("\n")


@pytest.mark.parametrize("name", BY_NAME)
def test_what_is_printed_of_an_effect_is_that_effect_at_its_defaults(name: str) -> None:
    effect = BY_NAME[name]
    printed = page(name.replace("_", "-"))

    assert Looks((Look("mine", effects=(effect(),)),)) == looks(tomllib.loads(printed)["look"])
    for each in settings_of(effect).values():
        assert each.about.help.rstrip(".") in printed


def test_a_page_that_is_not_there_is_told_by_its_nearest_name() -> None:
    refuses(lambda: page("bluur"), "unknown look or effect 'bluur' (did you mean blur?)")
    refuses(lambda: page("scam"), "unknown look or effect 'scam' (did you mean scan?)")


# -- the JSON Schema -----------------------------------------------------------------------------


@given(TABLES)
def test_the_schema_takes_what_is_taken(validator: Any, tables: dict[str, Any]) -> None:
    made(tables)

    assert validator.is_valid({"look": tables})  # what validate says would be as long as the schema


@pytest.mark.parametrize("name", look_names())
def test_the_schema_takes_presets(validator: Any, name: str) -> None:
    validator.validate({"look": [name]})
    validator.validate(tomllib.loads(page(name)))
    validator.validate(tomllib.loads(toml_of(RunConfig(look=name))))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def validator() -> Any:
    jsonschema = pytest.importorskip("jsonschema")
    return jsonschema.Draft202012Validator(json.loads(json.dumps(json_schema())))
