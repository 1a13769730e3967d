"""A user's own effects by name: which function of which file, or which transform of albumentations.

    my_effects:rain                               of a module
    effects/rain.py:rain=0.3                      of a file, for three pictures in ten
    albumentations:GaussNoise(std_range=(0.1, 0.2))

Nothing is looked for or loaded here: ``looks/loading.py`` does that.
"""

from __future__ import annotations

import ast
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from shmtext.config.kinds import Limits, Number, Schema, refusal
from shmtext.errors import ConfigError

ALBUMENTATIONS = "albumentations"

PREFIXES = (f"{ALBUMENTATIONS}:", f"{ALBUMENTATIONS}.", "A.")
"""Of transforms; the last two are what Python calls them."""

PROBABILITY = Number(Limits(0, 1))

EXPECTED = "MODULE:FUNCTION, FILE.py:FUNCTION or albumentations:NAME(...), perhaps with =P behind"


@dataclass(frozen=True, slots=True)
class AskedEffect:
    """One own effect, as it is asked for."""

    place: str
    """A module's name, the absolute path of a file, or ``ALBUMENTATIONS``."""
    call: str
    """A function's name, or a transform with its arguments, all of them literals."""
    probability: float = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what a setting says. Raises ``ConfigError``.

        >>> AskedEffect.parse("A.Blur( blur_limit = 3 )=0.5")
        AskedEffect(place='albumentations', call='Blur(blur_limit=3)', probability=0.5)
        """
        what, probability = _split_probability(text.strip())
        for prefix in PREFIXES:
            call = _call_in(what.removeprefix(prefix)) if what.startswith(prefix) else None
            if call is not None:
                return cls(ALBUMENTATIONS, _spelled(what, call), probability)
        place, _, function = what.rpartition(":")
        if not function.isidentifier():
            raise refusal("effect", EXPECTED, text)
        if place.endswith(".py"):
            return cls(os.path.abspath(place), function, probability)
        if not all(part.isidentifier() for part in place.split(".")):
            raise refusal("effect", EXPECTED, text)
        return cls(place, function, probability)

    @property
    def is_transform(self) -> bool:
        """Whether it is one of albumentations."""
        return self.place == ALBUMENTATIONS

    @property
    def is_file(self) -> bool:
        """Whether a path leads to it."""
        return self.place.endswith(".py")

    @property
    def name(self) -> str:
        """What messages and a run's record call it: without the folder that it is in."""
        return f"{Path(self.place).name if self.is_file else self.place}:{self.call}"

    @property
    def arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """What a transform is made with: arguments by place and by name."""
        node = _call_in(self.call)
        assert node is not None
        return _arguments_of(node)

    def plain(self) -> str:
        """As settings have it."""
        return f"{self.place}:{self.call}{self._share}"

    def recorded(self) -> str:
        """Likewise, wherever its file lies."""
        return f"{self.name}{self._share}"

    @property
    def _share(self) -> str:
        return "" if self.probability == 1 else f"={self.probability}"


class OwnKind:
    """The kind of an own effect: a text, brought to one form, with absolute paths."""

    def take(self, name: str, value: object) -> str:
        """The text in that form."""
        if not isinstance(value, str) or "\0" in value:
            raise refusal(name, EXPECTED, value)
        return AskedEffect.parse(value).plain()

    def schema(self) -> Schema:
        """A string; what it may hold stands in the description."""
        return {"type": "string"}

    def rebased(self, value: str, folder: Path) -> str:
        """Let the path of a file begin in a folder."""
        place = _split_probability(value)[0].rpartition(":")[0]
        return str(folder / value) if place.endswith(".py") else value


def _split_probability(text: str) -> tuple[str, float]:
    what, sign, share = text.rpartition("=")
    try:
        number = float(share)
    except ValueError:
        return text, 1
    if not sign:
        return text, 1
    return what.rstrip(), PROBABILITY.take(f"the probability of effect {what}", number)


def _call_in(text: str) -> ast.Call | None:
    """A name, or a call of one, as Python reads it; None where it is neither."""
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if isinstance(node, ast.Name):
        return ast.Call(node, [], [])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node
    return None


def _arguments_of(node: ast.Call) -> tuple[list[Any], dict[str, Any]]:
    """Raises ``ValueError`` where an argument is no literal."""
    by_place = [ast.literal_eval(each) for each in node.args]
    by_name = {each.arg or "**": ast.literal_eval(each.value) for each in node.keywords}
    if "**" in by_name or len(by_name) < len(node.keywords):
        raise ValueError
    return by_place, by_name


def _spelled(asked: str, node: ast.Call) -> str:
    """A transform as it is recorded: however it was written, it reads the same."""
    assert isinstance(node.func, ast.Name)
    try:
        _arguments_of(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise ConfigError(
            f"effect {asked}: its arguments must be numbers, texts, True, False, None, or lists, "
            "tuples and tables of these"
        ) from None
    return ast.unparse(node) if node.args or node.keywords else node.func.id
