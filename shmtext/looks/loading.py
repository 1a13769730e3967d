"""A user's own effects found, hashed and loaded: first where a run starts, then by all who draw.

Whoever starts a run finds each effect's file, and loads it to see whether that goes well; an
``OwnSource`` says what was found, and travels. Who draws loads the same file, and no other: not
what has its name elsewhere, nor what it has become since. How effects are asked for is said in
``config/own.py``.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.abc import SourceLoader
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec, module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shmtext.config.own import AskedEffect
from shmtext.errors import ConfigError
from shmtext.looks.own import OwnEffect
from shmtext.looks.sheet import Pixels
from shmtext.looks.transforms import load_transform

ADVICE = "put back what was there, or start anew in another folder"


@dataclass(frozen=True, slots=True)
class OwnSource:
    """Where an own effect comes from; travels to workers."""

    asked: AskedEffect
    is_colored: bool
    """Whether it is given pictures with colours."""
    moves_ink: bool
    """Whether it is known to."""
    path: str = ""
    """Of the function's file; empty for a transform, as are the next."""
    sha256: str = ""
    """Of that file."""

    def recorded(self) -> dict[str, str]:
        """What an identity says of it: the transform, or the function and its file's content."""
        content = {"sha256": self.sha256} if self.sha256 else {}
        return {"effect": self.asked.recorded(), **content}


def find_own(asked: Sequence[str], *, is_colored: bool) -> tuple[OwnSource, ...]:
    """Find a run's own effects, and load each once. Raises ``ConfigError`` where that fails."""
    found = []
    for text in asked:
        effect = AskedEffect.parse(text)
        if effect.is_transform:
            transform = load_transform(effect, is_colored=is_colored)
            found.append(OwnSource(effect, is_colored, transform.moves_ink))
        else:
            path = _path_of(effect)
            sha256 = hashlib.sha256(_read(effect, path)).hexdigest()
            source = OwnSource(effect, is_colored, False, str(path), sha256)
            load_own(source)
            found.append(source)
    return tuple(found)


def load_own(source: OwnSource) -> OwnEffect:
    """Load an effect that was found before.

    Raises ``ConfigError`` where its file is not what it was then, or can't be used.
    """
    asked = source.asked
    if asked.is_transform:
        return load_transform(asked, is_colored=source.is_colored)
    code = _read(asked, Path(source.path))
    if hashlib.sha256(code).hexdigest() != source.sha256:
        raise ConfigError(f"{source.path} was changed during the run: {ADVICE}")
    module = _module(asked, source.path, code)
    function = getattr(module, asked.call, None)
    if not callable(function):
        what = "no such name" if function is None else f"a {type(function).__name__}, no function"
        raise ConfigError(f"effect {asked.name}: {source.path} has {what}: {asked.call}")
    return OwnFunction(asked.name, asked.probability, function)


@dataclass(frozen=True, slots=True)
class OwnFunction:
    """A function of a picture and four random words."""

    name: str
    probability: float
    function: Any

    def apply(self, picture: Pixels, mask: Pixels, words: NDArray[np.uint64]) -> object:
        """Call it. What it does to ink's places is not known: it should leave them."""
        del mask
        return self.function(picture, words)


def _path_of(asked: AskedEffect) -> Path:
    """The file of a function: as given, or the first module of that name, this folder's first."""
    if asked.is_file:
        return Path(asked.place)
    spec = _spec_of(asked.place)
    if spec is None:
        raise ConfigError(
            f"effect {asked.name}: there is no module {asked.place} in this folder or among those "
            "that Python finds: check the name, or give a path that ends in .py"
        )
    if spec.origin is None or not spec.origin.endswith(".py"):
        raise ConfigError(
            f"effect {asked.name}: {asked.place} is no file of Python ({spec.origin}), whose "
            "content could be part of what the run is"
        )
    return Path(spec.origin).absolute()


def _spec_of(module: str) -> ModuleSpec | None:
    names = module.split(".")
    folders = [str(Path.cwd()), *sys.path]
    spec = None
    for depth in range(len(names)):
        # Within a package's own folders; nothing is run.
        spec = PathFinder.find_spec(".".join(names[: depth + 1]), folders)
        if spec is None:
            break
        folders = list(spec.submodule_search_locations or ())
    if spec is not None:
        return spec
    try:
        # Others find modules, too: those of packages that are installed to be edited.
        return find_spec(module)
    except (ImportError, ValueError):
        return None


def _read(asked: AskedEffect, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"effect {asked.name}: cannot read {path}: {error.strerror}: check the path"
        ) from error


class _HeldCode(SourceLoader):
    """Loads a module from bytes that were read before; nothing that Python keeps of it compiled."""

    def __init__(self, path: str, code: bytes) -> None:
        self._path, self._code = path, code

    def get_filename(self, fullname: str) -> str:
        del fullname
        return self._path

    def get_data(self, path: str | bytes) -> bytes:
        del path
        return self._code


def _module(asked: AskedEffect, path: str, code: bytes) -> ModuleType:
    """Run a module's code. What it imports is found beside it, too, after all else."""
    *packages, name = asked.place.split(".") if not asked.is_file else [Path(path).stem]
    # An ``__init__`` is its package: what it is beside is one folder up.
    depth = len(packages) + (Path(path).stem == "__init__" and name != "__init__")
    root = str(Path(path).parents[depth])
    if root not in sys.path:
        sys.path.append(root)
    loader = _HeldCode(path, code)
    spec = spec_from_loader(".".join([*packages, name]), loader)
    assert spec is not None
    module = module_from_spec(spec)
    try:
        if packages:
            importlib.import_module(".".join(packages))
        # Whatever looks its own module up, as dataclasses do, finds one; a user's own import stays.
        sys.modules.setdefault(spec.name, module)
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        if sys.modules.get(spec.name) is module:
            del sys.modules[spec.name]
        raise ConfigError(
            f"effect {asked.name}: {path} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    return module
