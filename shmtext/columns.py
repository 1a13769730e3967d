"""A column of label rows as whoever knows it hands it over: a declaration, then plain arrays.

The room that knows a column declares it (a ``ColumnSpec``) and fills it (a ``Column``); a run's
declarations stand in its ``run.json``. What becomes of columns on disk is ``dataset/``'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from shmtext.errors import ConfigError

Kind = Literal[
    "string",
    "bool",
    "int16",
    "int32",
    "int64",
    "uint32",
    "float32",
    "list<int32>",
    "list<int32[2]>",
    "list<int16[4]>",
    "list<int16[8]>",
]
"""What a row of the column holds; ``list<int16[4]>`` is any number of items of four numbers."""

ITEM_SIZES: Mapping[Kind, int] = {"list<int32[2]>": 2, "list<int16[4]>": 4, "list<int16[8]>": 8}
"""Numbers in each item of lists whose items are no single ones."""


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """The declaration of a column."""

    name: str
    kind: Kind
    about: str
    """One line for people: what it says, and its unit."""
    repeats: bool = False
    """Few values, many times each: worth a dictionary."""

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ConfigError(f"a column's name must be an identifier, got {self.name!r}")
        if self.kind not in get_args(Kind):
            raise ConfigError(
                f"column {self.name} must be one of {', '.join(get_args(Kind))}, got {self.kind}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """The values of a column, of some rows in example order.

    Of numbers, ``values`` are those, shape ``(num_rows,)``. Of strings they are UTF-8 end to end
    between the seams ``offsets``, or positions in ``choices``. Of lists they are all elements end
    to end between the seams ``offsets``; items of several numbers have shape ``(num_items, size)``.
    """

    spec: ColumnSpec
    values: NDArray[Any]
    offsets: NDArray[np.integer] | None = None
    choices: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        kind, has_seams = self.spec.kind, self.offsets is not None
        is_string = kind == "string"
        if (self.choices is not None) > is_string:
            raise ValueError(f"column {self.spec.name} of {kind} can have no choices")
        if has_seams != (kind.startswith("list<") or (is_string and self.choices is None)):
            raise ValueError(
                f"column {self.spec.name} of {kind} must {'not ' * has_seams}have offsets"
            )
        item = (ITEM_SIZES[kind],) if kind in ITEM_SIZES else ()
        wanted = (len(self.values), *item)
        if self.values.shape != wanted:
            raise ValueError(
                f"column {self.spec.name} of {kind} must have values of shape {wanted}, got "
                f"{self.values.shape}"
            )

    def __len__(self) -> int:
        return len(self.values) if self.offsets is None else self.offsets.size - 1
