"""Imports go one way, and each dangerous thing has one home. Read from the source, not run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "shmtext"
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))

ROOMS = {
    "bottom": {
        *("errors.py", "canonical.py", "columns.py", "cgroups.py", "limits.py", "checksums.py"),
        *("__init__.py", "parts.py", "opencv.py"),
        *(name for name in MODULES if name.startswith("config/")),
    },
    "corpus": {name for name in MODULES if name.startswith("corpus/")},
    "looks": {name for name in MODULES if name.startswith("looks/")},
    "draw": {name for name in MODULES if name.startswith("draw/")},
    "dataset": {name for name in MODULES if name.startswith("dataset/")},
    "engine": {name for name in MODULES if name.startswith("engine/")},
    "ring": {name for name in MODULES if name.startswith("ring/")},
    "view": {name for name in MODULES if name.startswith("view/")},
    "front": {"__main__.py", *(name for name in MODULES if name.startswith("cli/"))},
}
SEES = {
    "bottom": {"bottom"},
    "corpus": {"corpus", "bottom"},
    "looks": {"looks", "bottom"},
    "draw": {"draw", "looks", "bottom"},
    "dataset": {"dataset", "bottom"},
    "engine": {"engine", "dataset", "draw", "looks", "corpus", "bottom"},
    "ring": {"ring", "engine", "dataset", "draw", "corpus", "bottom"},
    "view": {"view", "engine", "dataset", "draw", "corpus", "bottom"},
    "front": {"front", "view", "engine", "dataset", "bottom"},
}
SHARED = {
    *("corpus/ranges.py", "corpus/ragged.py", "corpus/wrap.py"),
    *("corpus/breaks.py", "corpus/greedy.py", "corpus/properties.py"),
}
"""Pure arrays of ranges, of texts and of lines, which every room may speak of."""

LOOKING_UP = {
    f"config/{name}.py": {"looks/registry.py", "looks/effect.py"}
    for name in ("looks", "looks_text")
}
"""A look's settings are those of its effects, which declare them: found where they are registered,
when a look is asked for."""

HOMES: dict[str, set[str]] = {
    "multiprocessing.shared_memory": {"corpus/shared.py"},
    "mmap": {"corpus/shared.py"},
    "multiprocessing.util": {"engine/held.py"},
    "multiprocessing.parent_process": {"engine/stop.py"},
    "multiprocessing.connection": {
        "engine/supervisor.py",
        "engine/spawn.py",
        "engine/worker.py",
    },
    "multiprocessing": set(),
    "multiprocessing.resource_tracker": {"corpus/shared.py"},
    "subprocess": {"engine/probe.py", "engine/spawn.py"},
    "concurrent.futures": {
        *("dataset/many.py", "dataset/objects.py"),
        *("engine/inprocess.py", "engine/join.py", "engine/known.py"),
    },
    "signal": {
        "engine/deaths.py",
        "engine/stop.py",
        "engine/probe.py",
        "corpus/shared.py",
        "__main__.py",
    },
    "pyarrow": {"dataset/*", "corpus/sources.py", "engine/libraries.py"},
    "PIL": {
        "draw/boxes.py",
        "draw/faces.py",
        "draw/freetype.py",
        "draw/ink.py",
        "draw/placed.py",
        "draw/reference.py",
        "draw/sources.py",
        "looks/photos.py",
        "view/inline.py",
        "config/colors.py",
        "engine/identity.py",
        "engine/known.py",
    },
    "platformdirs": {"engine/known.py"},
    "ctypes": {"corpus/shared.py", "draw/freetype.py", "engine/libraries.py"},
    "fontTools": {
        *("draw/tables.py", "draw/cmaps.py", "draw/coverage.py", "draw/stored.py"),
        "draw/font_facts.py",
    },
    "uharfbuzz": {
        *("draw/glyph_font.py", "draw/faces.py", "draw/equivalents.py", "draw/shape/proof.py"),
        *("draw/postscript.py", "draw/opened.py", "draw/variations.py"),
        *("draw/shape/scripts.py", "draw/shape/shaper.py", "draw/shape/simple.py"),
        *("draw/shape/marks.py", "draw/font_facts.py"),
        *("draw/shape/spaces.py", "draw/shape/vertical.py"),
    },
    "bidi": {"draw/shape/order.py"},
    "cv2": {
        *("draw/*", "looks/*", "view/sheet.py", "view/embedding.py"),
        *("engine/libraries.py", "engine/opened.py", "engine/gathered.py"),
    },
    "jinja2": {"view/html.py"},
    "isal": {"draw/encode.py", "checksums.py"},
    "psutil": {"engine/*", "corpus/headroom.py"},
    "datasets": {"corpus/hub.py"},
    "lmdb": {"dataset/export/lmdb.py"},
    "ray": {"engine/ray_nodes.py"},
    "obstore": {"dataset/objects.py"},
    "asyncio": {"dataset/objects.py"},
    "click": {"cli/*"},
    "rich": {"cli/bar.py", "cli/font_table.py"},
    "tomllib": {"config/reading.py", "config/looks.py", "config/looks_text.py"},
    "uniseg": {"corpus/properties.py"},
    "fcntl": {"dataset/folder.py", "corpus/shared.py", "cli/pictures.py"},
    "shutil": {"dataset/folder.py", "dataset/bucket.py"},
    "random": set(),
    "tempfile": {"dataset/bucket.py", "ring/loaded.py", "engine/dry_run.py"},
    "torch": {"ring/torch_dataset.py"},
    "pickle": set(),
    "logging": {"draw/tables.py", "engine/logged.py"},
}
"""What may be imported where only; the most specific name counts."""

NAMES_OF_PIL = {
    "config/colors.py": {"PIL.ImageColor"},
    "engine/identity.py": {"PIL.features"},
    "engine/known.py": {"PIL.features"},
}

NUMPY_RANDOM = {"Generator", "Philox", "SFC64", "SeedSequence"}
"""What can be seeded; all else of ``numpy.random`` draws from one hidden stream."""


@cache
def parse(module: str) -> ast.Module:
    return ast.parse((PACKAGE / module).read_text(encoding="utf-8"))


def imports(module: str) -> Iterator[str]:
    """Full names of what a module imports, at its head or in a function."""
    return names_imported(module, ast.walk(parse(module)))


def names_imported(module: str, nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def home_of(name: str) -> str | None:
    """The module of this package that a full name is in or is, as a path within the package."""
    parts = name.split(".")
    for length in (len(parts), len(parts) - 1):
        stem = "/".join(parts[1:length])
        for path in (f"{stem}.py", f"{stem}/__init__.py".lstrip("/")):
            if path in MODULES:
                return path
    return None


def own_imports(module: str) -> list[str]:
    return [name for name in imports(module) if name.split(".")[0] == "shmtext"]


def imported_modules(module: str) -> set[str]:
    """Modules of this package that a module imports."""
    return homes_of(imports(module))


def homes_of(names: Iterable[str]) -> set[str]:
    own = [name for name in names if name.split(".")[0] == "shmtext"]
    return {home for name in own if (home := home_of(name)) is not None}


def needed_modules(module: str) -> set[str]:
    """Likewise, but for what is imported for type checkers alone."""
    nodes: list[ast.AST] = [parse(module)]
    names: list[str] = []
    while nodes:
        node = nodes.pop()
        names += names_imported(module, [node])
        is_for_types = isinstance(node, ast.If) and dotted(node.test) == "TYPE_CHECKING"
        nodes += [] if is_for_types else ast.iter_child_nodes(node)
    return homes_of(names)


def effect_modules() -> set[str]:
    """Modules of which the list of rooms says no more than the registry does."""
    return imported_modules("looks/registry.py") - {"looks/effect.py"}


def room(module: str) -> str:
    return next(name for name, modules in ROOMS.items() if module in modules)


def dotted(node: ast.expr) -> str:
    """The name that an expression of attributes spells: ``np.random.rand``."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def test_every_module_is_in_a_room() -> None:
    homeless = set(MODULES) - set().union(*ROOMS.values())

    assert set() == homeless - {"corpus/__init__.py"}


def test_the_list_of_rooms_names_every_module_where_it_is() -> None:
    text = (PACKAGE / "ARCHITECTURE.md").read_text(encoding="utf-8")
    listed: list[str] = []
    folders: list[str] = []
    for line in text.split("```")[1].splitlines()[2:]:
        name, depth = line.split()[0], (len(line) - len(line.lstrip())) // 2
        if depth == 0:
            break
        folders[depth - 1 :] = [name]
        if name.endswith(".py"):
            listed.append("".join(folders))
    unlisted = {name for name in MODULES if name.endswith("/__init__.py")} | effect_modules()

    assert sorted(set(MODULES) - unlisted) == sorted(listed)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_one_way(module: str) -> None:
    for imported in imported_modules(module):
        if imported == "__init__.py" or module == "__init__.py" or imported in SHARED:
            continue  # the public names are seen from everywhere, and see everything
        if imported in LOOKING_UP.get(module, ()):
            continue

        assert room(imported) in SEES[room(module)], f"{module} imports {imported}"


def test_effects_are_looked_up_when_they_are_asked_for() -> None:
    for module, names in LOOKING_UP.items():
        assert names <= imported_modules(module)
        assert not names & homes_of(names_imported(module, parse(module).body))


def test_the_shared_modules_see_no_other_room() -> None:
    for module in SHARED:
        assert imported_modules(module) <= {*SHARED, "errors.py"}


def test_what_is_imported_within_the_package_exists() -> None:
    for module in MODULES:
        for name in own_imports(module):
            assert home_of(name) is not None, f"{module} imports {name}"


@pytest.mark.parametrize("module", ["errors.py", "canonical.py", "cgroups.py", "corpus/ranges.py"])
def test_the_lowest_modules_import_no_sibling(module: str) -> None:
    assert set() == imported_modules(module)


def test_modules_do_not_import_one_another_in_circles() -> None:
    done: set[str] = set()

    def walk(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"{' -> '.join((*path, module))}"
        if module not in done:
            for imported in needed_modules(module) - {"__init__.py"}:
                walk(imported, (*path, module))
            done.add(module)

    for module in MODULES:
        if module != "__init__.py":
            walk(module, ())


def is_home(module: str, homes: set[str]) -> bool:
    return module in homes or f"{module.split('/')[0]}/*" in homes


@pytest.mark.parametrize("module", MODULES)
def test_each_dangerous_thing_has_its_home(module: str) -> None:
    for name in imports(module):
        guarded = [each for each in HOMES if name == each or name.startswith(f"{each}.")]
        if guarded:
            thing = max(guarded, key=len)
            assert is_home(module, HOMES[thing]), f"{module} imports {name}"


def test_pillow_in_config_and_engine_is_colours_and_versions_only() -> None:
    for module, names in NAMES_OF_PIL.items():
        assert names == {name for name in imports(module) if name.startswith("PIL")}, module


def test_every_home_is_lived_in() -> None:
    """A home that nobody lives in any more would let the next one in unseen."""
    for thing, homes in HOMES.items():
        for home in homes:
            rooms = [module for module in MODULES if is_home(module, {home})]
            names = [name for module in rooms for name in imports(module)]
            assert any(name == thing or name.startswith(f"{thing}.") for name in names), (
                f"nothing in {home} imports {thing}"
            )


def calls(module: str) -> Iterator[str]:
    for node in ast.walk(parse(module)):
        if isinstance(node, ast.Call):
            yield dotted(node.func)


PRINTING = ("print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write")


@pytest.mark.parametrize("module", MODULES)
def test_only_the_command_line_prints(module: str) -> None:
    """The probe's child writes to its pipe."""
    found = {name for name in calls(module) if name in PRINTING}

    allowed = {"cli/printing.py": {"click.echo"}, "engine/probe.py": {"print"}}

    assert found <= allowed.get(module, set())


@pytest.mark.parametrize("module", MODULES)
def test_only_the_front_ends_the_process(module: str) -> None:
    """Workers, and what a signal ends before anything has begun, end themselves with _exit."""
    found = {name for name in calls(module) if name in ("sys.exit", "exit", "quit", "os._exit")}
    allowed = {
        "cli/main.py": {"sys.exit"},
        "__main__.py": {"os._exit"},
        "engine/worker.py": {"os._exit"},
    }

    assert found <= allowed.get(module, set())


@pytest.mark.parametrize("module", MODULES)
def test_there_is_no_unseeded_randomness(module: str) -> None:
    for node in ast.walk(parse(module)):
        name = dotted(node) if isinstance(node, ast.Attribute) else ""
        if name.startswith(("np.random.", "numpy.random.")):
            assert name.split(".")[2] in NUMPY_RANDOM, f"{module}: {name}"
        if isinstance(node, ast.Call) and dotted(node.func).endswith(
            ("random.Philox", "random.SFC64", "random.SeedSequence", "random.Generator")
        ):
            assert node.args or node.keywords, f"{module}: {dotted(node.func)} without a seed"


def test_secrets_name_segments_and_stages_only() -> None:
    """Names that no two processes share are no part of any output."""
    for module in MODULES:
        if any(name.split(".")[0] in ("secrets", "uuid") for name in imports(module)):
            assert module in ("corpus/shared.py", "dataset/folder.py", "dataset/containers.py")


def test_no_room_reads_the_environment() -> None:
    for module in MODULES:
        uses = any(
            isinstance(node, ast.Attribute) and dotted(node) in ("os.environ", "os.getenv")
            for node in ast.walk(parse(module))
        )
        homes = (
            *("__main__.py", "cli/main.py", "cli/pictures.py"),
            *("engine/spawn.py", "dataset/objects.py"),
        )
        assert not uses or module in homes, module


@pytest.mark.parametrize("module", MODULES)
def test_every_module_begins_by_saying_what_it_is(module: str) -> None:
    docstring = ast.get_docstring(parse(module))

    assert docstring
    assert docstring.splitlines()[0].rstrip().endswith((".", ":", ";", ",")) or "\n" in docstring


@pytest.mark.parametrize("module", MODULES)
def test_functions_require_five_arguments_at_most(module: str) -> None:
    """``self`` and ``cls`` aside. More would mean that a value type is missing."""
    for node in ast.walk(parse(module)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            positional = [*node.args.posonlyargs, *node.args.args]
            required = positional[: len(positional) - len(node.args.defaults)]
            pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            required += [argument for argument, default in pairs if default is None]
            names = [each.arg for each in required if each.arg not in ("self", "cls")]
            assert len(names) <= 5, f"{module}: {node.name}({', '.join(names)})"


@pytest.mark.parametrize("module", MODULES)
def test_only_process_boundaries_catch_everything(module: str) -> None:
    """Who does must report it, or let it go on."""
    broad = [
        node
        for node in ast.walk(parse(module))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or dotted(node.type) in ("Exception", "BaseException"))
    ]
    for handler in broad:
        reraises = any(isinstance(node, ast.Raise) for node in ast.walk(handler))
        assert reraises, f"{module}, line {handler.lineno}"


def test_input_is_not_checked_with_assert() -> None:
    """``assert`` is for the type checker: it may narrow a type, and nothing else."""
    for module in MODULES:
        for node in ast.walk(parse(module)):
            if isinstance(node, ast.Assert):
                assert node.msg is None, f"{module}, line {node.lineno}"
