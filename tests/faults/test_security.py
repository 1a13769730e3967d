"""What others put in the way: links, forged records, planted pickles. Nothing leaves the folder."""

from __future__ import annotations

import ast
import json
import os
import pickle
import re
import shutil
import stat
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fault_runs import (
    BAD_INPUT,
    CONTAINERS,
    DONE,
    REPOSITORY,
    STOPPED,
    Finished,
    Tree,
    in_containers,
    kill_session,
    run,
    segments_of,
    start,
    tree,
    until,
    write_shim,
)
from stored import shard_path

from shmtext import Output, Renderer, RunConfig, ShmtextError, Style, run_status, verify
from shmtext.config.settings import Container
from shmtext.dataset.sealed import seal

pytestmark = pytest.mark.usefixtures("no_segment_left")

Undisturbed = Callable[..., Tree]
SANS = REPOSITORY / "fonts" / "DejaVuSans.ttf"
SMALL = ("--max-images", 40, "--fonts", SANS)
SERIAL = ("--engine", "serial")
WORKERS = ("--engine", "processes", "--workers", 1)
ANY_MODE = ("sh", "-c", 'umask 0; exec "$@"', "sh")
"""With it, whatever is closed to others was closed on purpose."""


def render(out: Path, *options: object, **how: Any) -> Finished:
    return run("render", out, *SMALL, *SERIAL, *options, **how)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


# -- modes -----------------------------------------------------------------------------------------


@pytest.fixture
def running(out: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start runs that are too long to end before the test has looked at them."""
    started: list[subprocess.Popen[str]] = []

    def begin(*shims: Path) -> subprocess.Popen[str]:
        options = ("--character-frequency", 20_000, *WORKERS)
        started.append(start("render", out, *options, shims=shims, prefix=ANY_MODE))
        return started[-1]

    yield begin
    for main in started:
        kill_session(main)
        main.communicate()
        run("render", out.parent / "sweep", *SMALL, *SERIAL)


def test_segments_are_for_their_owner_alone(
    running: Callable[..., subprocess.Popen[str]],
) -> None:
    main = running()
    # One for the corpus, one for the workers' counters.
    segments = until(lambda: len(held := segments_of(main)) == 2 and held)
    assert {mode_of(segment) for segment in segments} == {0o600}


def test_files_in_place_of_segments_are_for_their_owner_alone(
    running: Callable[..., subprocess.Popen[str]], out: Path, tmp_path: Path
) -> None:
    running(write_shim(tmp_path / "shim", "del os.posix_fallocate"))
    stage = out / "_stage"
    files = until(lambda: len(found := list(stage.glob("smt_*"))) == 2 and found)
    assert {mode_of(file) for file in files} == {0o600}
    assert mode_of(stage) == 0o700


@in_containers(*CONTAINERS)
def test_nothing_in_an_output_can_be_written_by_others(out: Path, container: str) -> None:
    render(out, "--container", container, prefix=ANY_MODE).expect(DONE, num_lines=0)
    modes = {path: mode_of(path) for path in (out, *out.rglob("*"))}
    assert len(modes) > (40 if container == "files" else 10)
    assert not [path for path, mode in modes.items() if mode & (stat.S_IWGRP | stat.S_IWOTH)]


# -- links -----------------------------------------------------------------------------------------


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder that nothing may be written to."""
    folder = tmp_path / "elsewhere"
    (folder / "00000").mkdir(parents=True)
    (folder / "precious").write_text("precious")
    (folder / "00000" / "000000000.jpg").write_text("precious, too")
    return folder


def test_an_output_that_is_a_link_is_refused(out: Path, elsewhere: Path) -> None:
    before = contents(elsewhere)
    out.symlink_to(elsewhere)
    render(out).expect(BAD_INPUT, "is a link", num_lines=1)
    for command in (run_status, verify):
        assert "is a link" in str(fault_of(command, out))
    assert contents(elsewhere) == before


SHARD, PICTURES = "images/00000", "pictures"
"""A shard that is a folder; the file that has its first picture, whatever the container."""
FOLDERS = ("images", SHARD, "fragments", "_stage")
FILES = (
    PICTURES,
    "fragments/00000.parquet",
    "fragments/00000.json",
    "metadata.parquet",
    "labels.csv",
    "run.json",
    "_SUCCESS.json",
    "_damaged.json",
    ".lock",
    ".workers.lock",
)


def path_of(name: str, container: str) -> str:
    """The path that a name of ``FILES`` stands for."""
    if name != PICTURES:
        return name
    shard = shard_path(container, 0)
    return f"{shard}/000000000.jpg" if container == "files" else shard


@pytest.fixture(scope="session")
def finished(container: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "out"
    render(folder, "--container", container).expect(DONE, num_lines=0)
    return folder


@pytest.fixture(scope="session")
def whole(finished: Path) -> Tree:
    return tree(finished)


@pytest.fixture
def done(out: Path, finished: Path) -> Path:
    """An output of a finished run."""
    shutil.copytree(finished, out)
    return out


def fault_of(command: Callable[[Path], object], out: Path) -> ShmtextError | None:
    """What a command in this process says; anything but a ``ShmtextError`` is a bug."""
    try:
        command(out)
    except ShmtextError as error:
        return error
    return None


Again = Callable[[Path], ShmtextError | None]


@pytest.fixture(scope="session")
def again(container: Container) -> Again:
    """Go on with a run in this process, which is quicker than another."""
    config = RunConfig(
        style=Style(fonts=(SANS,)), output=Output(container=container), max_images=40
    )
    return lambda out: fault_of(lambda folder: Renderer(config, 1, "serial").render(folder), out)


@in_containers(*CONTAINERS)
@pytest.mark.parametrize("name", [*FOLDERS, *FILES])
def test_a_link_put_in_an_output_is_not_written_through(
    done: Path, elsewhere: Path, again: Again, whole: Tree, container: str, name: str
) -> None:
    # The shard has to be made again, and with it all that is about it.
    for gone in ("fragments/00000.json", "_SUCCESS.json"):
        (done / gone).unlink()
    replaced = done / path_of(name, container)
    if replaced.is_dir():
        replaced.rename(done.parent / "moved")
    else:
        replaced.unlink(missing_ok=True)
    replaced.symlink_to(elsewhere if name in FOLDERS else elsewhere / "precious")
    before = contents(elsewhere)
    fault = again(done)
    assert contents(elsewhere) == before
    if fault is not None:
        assert fault.exit_code == STOPPED, fault
        # What it says to do helps.
        replaced.unlink()
        assert again(done) is None
    assert tree(done) == whole
    assert contents(elsewhere) == before


# -- forged records --------------------------------------------------------------------------------


def forge(path: Path, **values: object) -> None:
    """Change a record and give it a checksum that fits."""
    value = json.loads(path.read_text())
    del value["checksum"]
    for key, new in values.items():
        of_identity = key in ("fonts", "image_format")
        (value["identity"] if of_identity else value)[key] = new
    path.write_bytes(seal(value, readable=True))


BAD_RECORDS: dict[str, dict[str, object]] = {
    "more examples than numbers": {"num_examples": 10**30},
    "fewer than none": {"num_examples": -1},
    "shards of nothing": {"examples_per_shard": 0},
    "a path for a format": {"image_format": "/../../../elsewhere/x"},
    "no word for a format": {"image_format": None},
    "a path for a font": {"fonts": {"../../etc/passwd": "0" * 64}},
    "a path for a fingerprint": {"fingerprint": "../../elsewhere"},
}


@pytest.mark.parametrize("forgery", BAD_RECORDS)
def test_a_forged_run_record_leads_nowhere(
    done: Path, elsewhere: Path, again: Again, whole: Tree, forgery: str
) -> None:
    record = (done / "run.json").read_bytes()
    before = contents(elsewhere)
    forge(done / "run.json", **BAD_RECORDS[forgery])
    fault_of(run_status, done)
    fault_of(verify, done)
    again(done)
    (done / "run.json").write_bytes(record)
    assert again(done) is None
    assert tree(done) == whole
    assert contents(elsewhere) == before


BAD_MANIFESTS: dict[str, dict[str, object]] = {
    "a shard below the first": {"shard": -1},
    "a shard beyond the last": {"shard": 10**12, "start": 10**16, "stop": 10**16 + 40},
    "another shard's examples": {"start": 40, "stop": 80},
    "rows without end": {"stop": 2**62, "num_rows": 2**62},
    "a fragment without end": {"fragment_bytes": 2**62},
    "a fragment below nothing": {"fragment_bytes": -1},
    "a path for a digest": {"images_digest": "../../elsewhere"},
}


@pytest.mark.parametrize("forgery", BAD_MANIFESTS)
def test_a_forged_manifest_is_damage_and_its_shard_made_again(
    done: Path, elsewhere: Path, again: Again, whole: Tree, forgery: str
) -> None:
    before = contents(elsewhere)
    forge(done / "fragments" / "00000.json", **BAD_MANIFESTS[forgery])
    assert verify(done).damaged_shards == (0,)
    assert again(done) is None
    assert tree(done) == whole
    assert contents(elsewhere) == before


def test_a_resume_of_a_finished_run_finds_a_forged_sum_by_itself(
    done: Path, again: Again, whole: Tree
) -> None:
    """Which is more than a glance at a shard asks."""
    forge(done / "fragments" / "00000.json", images_digest="0" * 64)
    assert again(done) is None
    assert verify(done).whole
    assert tree(done) == whole


@pytest.mark.parametrize("host", ["../../elsewhere", "name\n\x1b[2J", "n" * 100_000])
def test_what_a_manifest_says_of_its_host_is_not_used(done: Path, host: str) -> None:
    forge(done / "fragments" / "00000.json", host=host)
    assert verify(done).whole


RECORDS = ("run.json", "fragments/00000.json", "_SUCCESS.json", "_damaged.json")
UPSETTING = {"figures": b"9" * 10_000, "zeros": b"\0" * 100, "no UTF-8": b"\xff\xfe"}


@pytest.mark.parametrize("content", UPSETTING)
@pytest.mark.parametrize("name", RECORDS)
def test_records_that_are_made_to_upset_a_parser_are_damage(
    done: Path, again: Again, whole: Tree, name: str, content: str
) -> None:
    (done / name).write_bytes(UPSETTING[content])
    fault_of(run_status, done)
    fault_of(verify, done)
    assert again(done) is None
    assert tree(done) == whole


# -- pickles ---------------------------------------------------------------------------------------


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, flag: Path) -> None:
        self.flag = flag

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, int]]:
        return os.open, (str(self.flag), os.O_CREAT)


def test_the_bomb_works(tmp_path: Path) -> None:
    os.close(pickle.loads(pickle.dumps(Bomb(tmp_path / "flag"))))
    assert (tmp_path / "flag").exists()


@in_containers(*CONTAINERS)
def test_a_pickle_planted_in_an_output_is_never_loaded(
    done: Path, tmp_path: Path, container: str, again: Again, whole: Tree
) -> None:
    bomb = pickle.dumps(Bomb(tmp_path / "flag"))
    for name in (
        *(path_of(each, container) for each in FILES),
        ".boot_checked",
        "fragments/00000.skipped.parquet",
        "_stage/00000.pkl",
    ):
        (done / name).parent.mkdir(exist_ok=True)
        (done / name).write_bytes(bomb)
    assert fault_of(run_status, done) is not None
    assert fault_of(verify, done) is not None
    assert again(done) is None
    assert tree(done) == whole
    assert not (tmp_path / "flag").exists()


def test_a_pickle_in_the_schema_of_a_parquet_file_is_never_loaded(
    out: Path, tmp_path: Path
) -> None:
    # CVE-2023-47248. Written as bytes: pyarrow knows the name, and would load it to write it.
    extension = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": pickle.dumps(Bomb(tmp_path / "flag")),
    }
    field = pa.field("text", pa.string(), metadata=extension)
    table = pa.table([pa.array(["one", "two"])], schema=pa.schema([field]))
    pq.write_table(table, tmp_path / "texts.parquet")
    ended = render(out, "--texts", f"{tmp_path / 'texts.parquet'}::text")
    assert ended.returncode in (DONE, BAD_INPUT)
    assert not (tmp_path / "flag").exists()


LOADERS = {"pickle", "cPickle", "_pickle", "dill", "joblib", "marshal", "shelve", "torch", "yaml"}
CALLS = {"eval", "exec", "__import__", "compile", "loads", "load", "read_pickle", "Unpickler"}
ALLOWED = {("json", "loads"), ("tomllib", "loads")}


def imported(tree_: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree_):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def called(tree_: ast.AST) -> set[tuple[str, str]]:
    """What is called, and on what: ``json.loads`` is (json, loads)."""
    found = set()
    for node in ast.walk(tree_):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found.add(("", node.func.id))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found.add((ast.unparse(node.func.value), node.func.attr))
    return found


def test_no_module_loads_code_or_pickles() -> None:
    modules = sorted((REPOSITORY / "shmtext").rglob("*.py"))
    assert len(modules) > 20
    for path in modules:
        code = ast.parse(path.read_text(encoding="utf-8"))
        # A stream's batches become tensors there; that nothing is loaded is seen below.
        makes_tensors = {"torch"} if path.name == "torch_dataset.py" else set[str]()
        assert not imported(code) & LOADERS - makes_tensors, path
        assert not {call for call in called(code) if call[1] in CALLS} - ALLOWED, path


def test_objects_are_received_from_the_main_process_alone() -> None:
    receiving = {
        path.name
        for path in (REPOSITORY / "shmtext").rglob("*.py")
        if any(name == "recv" for _, name in called(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert receiving == {"worker.py"}


# -- versions --------------------------------------------------------------------------------------

FLOORS = {"pillow": (12, 3), "pyarrow": (14, 0, 1), "fonttools": (4, 43)}
"""Below these are known holes that fonts, pictures or Parquet files of others reach."""


@pytest.mark.parametrize("name", FLOORS)
def test_versions_with_known_holes_are_excluded_and_the_reason_stands_beside(name: str) -> None:
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    requirements = tomllib.loads(text)["project"]["dependencies"]
    (requirement,) = [each for each in requirements if re.match(rf"{name}\b", each)]
    assert as_tuple(requirement.partition(">=")[2]) >= FLOORS[name]
    (line,) = [line for line in text.splitlines() if f'"{requirement}"' in line]
    assert re.search(r"#.*CVE-\d{4}-\d+", line), line
    assert as_tuple(version(name)) >= FLOORS[name]


def as_tuple(version_: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version_.partition(";")[0]))


# -- the working folder ----------------------------------------------------------------------------


def test_processes_of_a_run_import_nothing_from_the_working_folder(
    out: Path, tmp_path: Path
) -> None:
    planted = tmp_path / "planted"
    planted.mkdir()
    for name in ("shmtext", "numpy", "json", "PIL"):
        (planted / f"{name}.py").write_text(f"open({str(tmp_path / 'flag')!r}, 'w')\n")
    # As the installed command has it: without the working folder in the path.
    code = (
        f"import os, sys; os.chdir({str(planted)!r}); sys.path.remove(''); "
        "from shmtext.__main__ import main; main()"
    )
    run("render", out, *SMALL, *WORKERS, program=("-c", code)).expect(DONE, num_lines=0)
    assert not (tmp_path / "flag").exists()
