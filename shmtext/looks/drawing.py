"""Which effects examples have, and with which parameters.

Where random words come from is their caller's; what parameters do, the effects'.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shmtext.config.looks import Look
from shmtext.corpus.ranges import Ints
from shmtext.looks.effect import Draws, Effect, Traits, Values
from shmtext.looks.registry import EFFECTS
from shmtext.looks.sheet import within


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """An effect, the examples of a batch that have it, and its parameters for these."""

    effect: type[Effect]
    rows: Ints
    """Numbers in the batch, ascending, ``(num_rows,)``."""
    values: Values
    """Each of shape ``(num_rows,)``."""

    def take(self, which: NDArray[np.generic]) -> Drawn:
        """For some of its rows: their places, or a truth value for each."""
        values = {name: each[which] for name, each in self.values.items()}
        return Drawn(self.effect, self.rows[which], values)

    def within(self, place: Ints, first: int, last: int) -> Drawn:
        """For examples whose places in an order are in ``[first, last)``, counted from there."""
        order, rows = within(self.rows, place, first, last)
        values = {name: each[order] for name, each in self.values.items()}
        return Drawn(self.effect, rows, values)


DrawsOf = Callable[[type[Effect], Ints], Draws]
"""The random words of an effect, for some examples by their numbers in the batch."""


def draw_effects(
    looks: Sequence[Look], look_id: Ints, traits: Traits, draws_of: DrawsOf, *, degrades: bool
) -> list[Drawn]:
    """Draw effects of examples whose looks have the given places in ``looks``.

    Effects that make text harder to read are left out where they come to more than a look's budget
    together with those before them; without ``degrades`` all of them are. So are those that need
    photographs where there are none.
    """
    budget = np.array([look.budget for look in looks])[look_id]
    spent = np.zeros(look_id.size)
    drawn: list[Drawn] = []
    for effect in EFFECTS:
        if effect.degrades and not degrades:
            continue
        if effect.needs_photos and traits.photos is None:
            continue
        parts = []
        for place, look in enumerate(looks):
            settings = look.effect(effect)
            if settings is not None:
                rows = np.flatnonzero(look_id == place)
                parts.append(_draw_one(settings, rows, traits, draws_of))
        one = _joined(effect, [part for part in parts if part.rows.size])
        if one is not None and effect.degrades:
            severity = effect.severity(one.values, traits.take(one.rows))
            is_kept = spent[one.rows] + severity <= budget[one.rows]
            one = one.take(is_kept)
            spent[one.rows] += severity[is_kept]
        if one is not None and one.rows.size:
            drawn.append(one)
    return drawn


def told(drawn: Sequence[Drawn], num: int) -> list[list[dict[str, Any]]]:
    """Name and parameters of every effect that each of ``num`` examples has, as JSON has them."""
    effects: list[list[dict[str, Any]]] = [[] for _ in range(num)]
    for each in drawn:
        name, columns = each.effect.name(), {k: v.tolist() for k, v in each.values.items()}
        for place, row in enumerate(each.rows.tolist()):
            values = {parameter: column[place] for parameter, column in columns.items()}
            effects[row].append({"name": name, "values": values})
    return effects


def _draw_one(settings: Effect, rows: Ints, traits: Traits, draws_of: DrawsOf) -> Drawn:
    effect = type(settings)
    rows = rows[settings.occurs(draws_of(effect, rows))]
    return Drawn(effect, rows, settings.draw(draws_of(effect, rows), traits.take(rows)))


def _joined(effect: type[Effect], parts: Sequence[Drawn]) -> Drawn | None:
    if len(parts) < 2:
        return parts[0] if parts else None
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(rows)
    names = parts[0].values
    joined = {name: np.concatenate([part.values[name] for part in parts]) for name in names}
    return Drawn(effect, rows[order], {name: each[order] for name, each in joined.items()})
