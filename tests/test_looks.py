"""Looks: an example alone, in any batch, comes out the same; effects and presets one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from looks import draw, in_two_fonts, maker, only

from shmtext.config.fields import settings_of
from shmtext.config.looks import look_names
from shmtext.config.ranges import RangeOf
from shmtext.corpus.ragged import pack_texts
from shmtext.looks.effect import Effect
from shmtext.looks.registry import EFFECTS

TEXTS = [f"Word{number} jQ" * (1 + number % 3) for number in range(24)]


def same_alone(look: object, num_texts: int = len(TEXTS), **more: object) -> None:
    """Draw texts together, each alone, and some of them from another start."""
    one = in_two_fonts(maker(look, **more))  # type: ignore[arg-type]
    together, _ = draw(one, TEXTS[:num_texts])
    for example in range(num_texts):
        alone, _ = draw(one, TEXTS[example : example + 1], example)
        assert alone.keys() == {example} & together.keys()
        if alone:
            assert np.array_equal(alone[example], together[example]), f"example {example}"


@pytest.mark.parametrize("mode", ["gray", "rgb"])
@pytest.mark.parametrize("name", look_names())
def test_a_preset_draws_an_example_alone_as_among_others(name: str, mode: str) -> None:
    same_alone([name], mode=mode, sizes=(20, 32))


@pytest.mark.parametrize("mode", ["gray", "rgb"])
@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.name())
def test_an_effect_draws_an_example_alone_as_among_others(effect: type, mode: str) -> None:
    same_alone(only(**{effect.name(): {}}), 10, mode=mode, sizes=(20, 32))


@st.composite
def parameters(draw: st.DrawFn, effect: type[Effect]) -> dict[str, Any]:
    """Ranges of an effect that go beyond its own by as much as these are wide, within bounds."""
    own, values = effect(), {}
    for name, each in settings_of(effect).items():
        if isinstance(each.kind, RangeOf) and draw(st.booleans()):
            limits, given_range = each.kind.limits, getattr(own, name)
            more = max(given_range.high - given_range.low, 1 if each.kind.is_whole else 0.1)
            low = max(limits.at_least, given_range.low - more)
            high = min(limits.at_most, given_range.high + more)
            one = st.integers(int(low), int(high)) if each.kind.is_whole else st.floats(low, high)
            values[name] = sorted([draw(one), draw(one)])
    return values


@st.composite
def any_look(draw: st.DrawFn) -> dict[str, Any]:
    """A look of a few effects, with parameters of all kinds."""
    chosen = draw(st.lists(st.sampled_from(EFFECTS), min_size=1, max_size=4, unique=True))
    return only(**{effect.name(): draw(parameters(effect)) for effect in chosen})


@settings(max_examples=20)
@given(any_look(), st.sampled_from(["gray", "rgb"]), st.integers(0, 2**32))
def test_whatever_the_parameters_an_example_is_drawn_alone_as_among_others(
    look: dict[str, Any], mode: str, seed: int
) -> None:
    same_alone(look, 12, mode=mode, sizes=(16, 32), seed=seed)


@pytest.mark.parametrize("mode", ["gray", "rgb"])
def test_examples_whose_look_is_clean_are_drawn_as_without_a_look(mode: str) -> None:
    mixed = maker(["photo", "clean", "receipt"], mode=mode, sizes=(20, 32))  # type: ignore[arg-type]
    names = [look.name for look in mixed.settings.config.look.looks]
    look_id = mixed.prepare(pack_texts(TEXTS), 0).styles.look_id
    clean = np.flatnonzero(look_id == names.index("clean")).tolist()
    drawn, _ = draw(mixed, TEXTS)
    plain, _ = draw(maker([], mode=mode, sizes=(20, 32)), TEXTS)  # type: ignore[arg-type]

    assert 3 < len(clean) < 15
    assert all(np.array_equal(plain[example], drawn[example]) for example in clean)
