"""A user's own effects on a batch: the last thing that is done to its pictures.

What they do is unknown: they may raise, end the process or never return. So each picture's text is
marked before it is theirs, and one that they raise at, or make no picture of, is not drawn. How
they are found and loaded is ``loading.py``'s, where their random words come from, their caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints
from shmtext.errors import ConfigError
from shmtext.looks.sheet import Pixels, Sheet, within

Mark = Callable[[int | None], None]
"""Told a text's position in its shard before anything that could crash on it, and None when that
went well."""

MOST_FAULTS = 10
MOST_FAULTS_SHARE = 0.01
"""More pictures than both, of those that an effect was given: it is the effect that is at fault."""

MOST_CHARACTERS = 500
"""Of what an effect says as it raises; what comes after is cut off."""


class OwnEffect(Protocol):
    """An own effect, loaded."""

    @property
    def name(self) -> str:
        """As messages have it."""

    @property
    def probability(self) -> float:
        """How often it occurs."""

    def apply(self, picture: Pixels, mask: Pixels, words: NDArray[np.uint64]) -> object:
        """Return the picture changed, or another of its shape; may change what it is given.

        ``mask``, coverage of the text's ink, is changed alike by what moves ink. ``words`` are four
        random words.
        """


class FaultError(Exception):
    """An own effect did not make a picture."""


@dataclass(eq=False, slots=True)
class Record:
    """How an effect has fared in this process."""

    num_calls: int = 0
    num_faults: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class OwnDrawn:
    """An own effect, the examples of a batch that have it, and random words for these."""

    effect: OwnEffect
    record: Record
    rows: Ints
    """Numbers in the batch, ascending, ``(num_rows,)``."""
    words: NDArray[np.uint64]
    """Shape ``(num_rows, 4)``."""

    def within(self, place: Ints, first: int, last: int) -> OwnDrawn:
        """For examples whose places in an order are in ``[first, last)``, counted from there."""
        order, rows = within(self.rows, place, first, last)
        return OwnDrawn(self.effect, self.record, rows, self.words[order])


@dataclass(frozen=True, slots=True, eq=False)
class OwnBatch:
    """All own effects on a batch, in the order in which they were asked for."""

    drawn: Sequence[OwnDrawn]
    positions: Ints
    """Of the batch's texts in their shard, ``(num_examples,)``."""
    mark: Mark
    faults: dict[int, str] = field(default_factory=dict)
    """Why there is no picture of some texts, by position; known once effects were applied."""

    def within(self, place: Ints, first: int, last: int) -> OwnBatch:
        """For examples whose places in an order are in ``[first, last)``, counted from there."""
        positions = self.positions[np.argsort(place)[first:last]]
        drawn = [each.within(place, first, last) for each in self.drawn]
        return OwnBatch(drawn, positions, self.mark, self.faults)

    def tell(self, effects: Sequence[list[dict[str, Any]]]) -> None:
        """Add to what is told of each example's effects, as ``drawing.told`` has it."""
        for each in self.drawn:
            for row, words in zip(each.rows.tolist(), each.words.tolist(), strict=True):
                effects[row].append({"name": each.effect.name, "values": {"words": words}})

    def apply(self, sheet: Sheet) -> None:
        """Do them to a batch's pictures. Raises ``ConfigError`` where one fails at too many."""
        for each in self.drawn:
            pictures = sheet.pictures(sheet.paper, each.rows)
            masks = sheet.pictures(sheet.mask, each.rows)
            for place, position in enumerate(self.positions[each.rows].tolist()):
                if position in self.faults:
                    continue
                self.mark(position)
                each.record.num_calls += 1
                try:
                    _change(each.effect, pictures[place], masks[place], each.words[place])
                except FaultError as error:
                    self.faults[position] = f"cannot be drawn: {error}"
                    _blame(each.effect, each.record, error)
        if self.drawn:
            self.mark(None)


def _change(effect: OwnEffect, picture: Pixels, mask: Pixels, words: NDArray[np.uint64]) -> None:
    """Let an effect change a picture, and the mask of its ink."""
    ink = mask.copy()
    try:
        result = effect.apply(picture.copy(), ink, words.copy())
    except MemoryError:
        raise  # the machine's, not the picture's
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {error}"[:MOST_CHARACTERS]
        raise FaultError(f"{said} (in effect {effect.name})") from error
    if (
        not isinstance(result, np.ndarray)
        or result.dtype != np.uint8
        or result.shape != picture.shape
    ):
        raise FaultError(
            f"effect {effect.name} must return a picture of uint8 in shape {picture.shape}, as it "
            f"was given one, got {_described(result)}"
        )
    picture[...] = result
    mask[...] = ink


def _blame(effect: OwnEffect, record: Record, error: FaultError) -> None:
    record.num_faults += 1
    if record.num_faults > max(MOST_FAULTS, MOST_FAULTS_SHARE * record.num_calls):
        raise ConfigError(
            f"effect {effect.name} failed at {record.num_faults} of {record.num_calls} pictures, "
            f"at the last one so: {error}: mend it, and start anew in another folder"
        )


def _described(result: object) -> str:
    if isinstance(result, np.ndarray):
        return f"{result.dtype} in shape {result.shape}"
    return type(result).__name__
