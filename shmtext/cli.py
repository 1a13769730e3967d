"""The command line: arguments to ``RunConfig``, and the only printing and exit codes.

Which options there are, and what is said of them, stands with the settings: ``config/settings.py``.
They have no defaults here: what is not given is left to ``--config``, and to the settings. What
takes long to import is imported by the command that needs it.
"""

from __future__ import annotations

import json
import os
import resource
import shlex
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem, shell_complete

from shmtext import __version__
from shmtext.config.kinds import Choice, FilePath, ListOf, Number, Switch, Whole, scalar_of
from shmtext.config.looks import LooksKind, chosen_looks, look_names
from shmtext.config.options import Option, config_options, start_options
from shmtext.config.texts import SourceKind
from shmtext.errors import ConfigError, ExitCode, ShmtextError

if TYPE_CHECKING:
    from shmtext.config import RunConfig, Start
    from shmtext.dataset.check import Report
    from shmtext.dataset.places import RunPlace
    from shmtext.engine.characters import CharacterSummary
    from shmtext.engine.export import ExportSummary
    from shmtext.engine.inspect import RunStatus
    from shmtext.engine.progress import Progress
    from shmtext.engine.run import PartSummary, RunSummary
    from shmtext.terminal import Bar

MIN_ADDRESS_SPACE_BYTES = 600 << 20
"""What NumPy, OpenCV and PyArrow map; most of it never becomes memory in use."""

NO_MEMORY = (
    "not enough memory: free some, raise the limit on this process (ulimit -v), or use fewer "
    "workers or --engine serial; what is committed is kept"
)
OTHER_OPENCVS = {"opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"}
"""Distributions whose files lie in the same folder as those of opencv-python-headless."""

COMPLETION = "_SHMTEXT_COMPLETE"
"""Environment variable in which a shell asks what could stand at the cursor."""

IMAGEFOLDER_IMAGES = 100_000
"""Hugging Face's imagefolder looks at every file first: a minute here, an hour at some millions."""

LINE_EVERY_S = 10
"""Between progress lines where there is no terminal: a night's log stays readable."""

MAX_HOLDERS = 8
"""Processes that are named, of those that write to a folder."""

MOST_TEXT = 40
"""Characters of a text that is named."""
MANY_SKIPPED = 0.1
"""Share of examples from which on it is said why they were skipped."""

Command = TypeVar("Command", bound=Callable[..., Any])


def main() -> None:
    """Run the command line; every foreseeable error is one line and its own exit code."""
    code: int | None
    try:
        # Not ``cli.main``: it answers a closed pipe with exit code 1.
        if completion := os.environ.get(COMPLETION):
            code = shell_complete(cli, {}, "shmtext", COMPLETION, completion)
        else:
            with cli.make_context("shmtext", sys.argv[1:]) as context:
                code = cli.invoke(context)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.exceptions.Exit as ending:
        code = ending.exit_code
    except ShmtextError as error:
        _complain(str(error))
        code = error.exit_code
    except click.ClickException as error:
        _complain_of_usage(error)
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough (``shmtext status out | head -1``).
        _close_output()
        code = ExitCode.DONE
    except _OutputError as error:
        _close_output()
        _complain(f"cannot write to standard output: {error}: all else is done")
        code = ExitCode.STOPPED
    except MemoryError:
        _complain(NO_MEMORY)
        code = ExitCode.STOPPED
    except ImportError as error:
        code = _complain_of_library(error)
    sys.exit(int(code or 0))


def _complain_of_usage(error: click.ClickException) -> None:
    context = getattr(error, "ctx", None)
    usage = (
        f"{context.get_usage()}\nTry '{context.command_path} --help' for help.\n\n"
        if context
        else ""
    )
    with suppress(OSError):  # the exit code says it, too
        click.echo(f"{usage}Error: {_shown(error.format_message())}", err=True)


class _OutputError(Exception):
    """Standard output takes nothing, for the reason given."""


def _say(line: str) -> None:
    _write(f"{_shown(line)}\n")


def _say_utf_8(text: str) -> None:
    """Print lines that programs read back, in which nothing needs to be made harmless."""
    _write(text.encode())


def _write(text: str | bytes) -> None:
    try:
        click.echo(text, nl=False)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _OutputError(error.strerror) from error


def _shown(line: str) -> str:
    """One line, whatever a file is called and a text says: nothing in it moves the cursor."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def _close_output() -> None:
    """Drop what standard output holds back: Python would try again as it ends."""
    with suppress(OSError):
        sys.stdout.close()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def cli() -> None:
    """Labelled text pictures by the million, for training text recognisers."""


Completion = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _completing_words(words: Callable[[], Iterable[str]]) -> Completion:
    return lambda _context, _parameter, begun: [
        CompletionItem(word) for word in words() if word.startswith(begun)
    ]


def _pages_of_looks() -> Iterable[str]:
    from shmtext.config.looks_text import page_names  # noqa: PLC0415 - see the top

    return page_names()


def _export_formats() -> Iterable[str]:
    from shmtext.dataset.export import FORMATS  # noqa: PLC0415 - see the top

    return FORMATS


def _completing_paths(kind: str) -> Completion:
    return lambda _context, _parameter, begun: [CompletionItem(begun, type=kind)]


class _GroupedOption(click.Option):
    def __init__(self, *args: Any, group: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.group = group


class _FolderName(click.Path):
    """A path that names a folder: no name at all would be the current folder to ``Path``."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if value == "":
            self.fail("expected the name of a folder, got an empty one ('.' is the current one)")
        from shmtext.dataset.places import is_url  # noqa: PLC0415 - see the top

        if is_url(value):
            return value
        return super().convert(value, param, ctx)


_out = click.argument(
    "out", type=_FolderName(path_type=Path), shell_complete=_completing_paths("dir")
)


class _GroupedCommand(click.Command):
    """Lists options under their groups' headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            if isinstance(option, _GroupedOption) and record is not None:
                groups.setdefault(option.group, []).append(record)
        for group, records in groups.items():
            with formatter.section(group):
                formatter.write_dl(records)


def _settings_options(command: Command) -> Command:
    """Give a command an option for every setting that the command line has a name for."""
    options = [*config_options().values(), *start_options().values()]
    for option in reversed([each for each in options if each.part is None]):
        command = _option(option)(command)
    return command


def _option(option: Option) -> Callable[[Command], Command]:
    about, kind = option.setting.about, option.setting.kind
    settings: dict[str, Any] = {}
    match scalar_of(kind):
        case Switch():
            settings["default"] = None
        case Whole():
            settings["type"] = int
        case Number():
            settings["type"] = float
        case Choice(words):
            settings["shell_complete"] = _completing_words(lambda: words)
        case LooksKind():
            settings["shell_complete"] = _completing_words(look_names)
        case FilePath() | SourceKind():
            settings["shell_complete"] = _completing_paths("file")
    default = f" [default: {option.default_text}]" if option.default_text else ""
    return click.option(
        option.switch,
        cls=_GroupedOption,
        group=about.group,
        help=f"{about.help}{default}",
        metavar=option.metavar or None,
        multiple=isinstance(kind, (ListOf, LooksKind)),
        **settings,
    )


@cli.command(cls=_GroupedCommand)
@_out
@_settings_options
@click.option(
    "--config",
    cls=_GroupedOption,
    group="Run",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="Read options from a TOML file (font_sizes = [24, 32]); the command line wins.",
)
def render(out: Path, config: Path | None, **given: Any) -> int:
    """Render labelled pictures into the folder OUT, or finish what was interrupted there.

    Options that may be given several times (fonts, sizes, colours) are repeated: of each, one is
    drawn per picture. OUT gets images/, metadata.parquet (one row a picture, read by Hugging
    Face's imagefolder), labels.csv and, while it runs, what it takes to resume.

    \b
    Exit codes: 0 done, 2 bad settings or input, 3 stopped by storage, memory or dying workers
    (resumable), 4 finished but some examples failed or nothing could be drawn, 130 interrupted
    (resumable).
    """
    _check_address_space()
    from shmtext.config import load_toml  # noqa: PLC0415

    options = load_toml(config) if config is not None else {}
    tables = options.get("look")
    options.update({name: value for name, value in given.items() if value not in (None, ())})
    if given["look"]:
        options["look"] = chosen_looks(given["look"], tables)
    run_config, start = _settings_in(options)

    from shmtext.engine.renderer import Renderer  # noqa: PLC0415 - see the top

    started = asdict(start)
    held = {name: started.pop(name) for name in ("workers", "engine")}
    held["cluster"] = start.cluster
    part, _, _ = (started.pop(name) for name in ("part", "distributor", "ray_address"))
    with _Screen() as screen, Renderer(run_config, **held, observer=screen) as renderer:
        if part is not None:
            of_part = renderer.render_part(out, part, **started)
            _print_part(of_part)
            return ExitCode.FAILED_EXAMPLES if of_part.num_failed else ExitCode.DONE
        summary = renderer.render(out, **started)
    _print_summary(summary)
    return _exit_code(summary)


@cli.command(name="join")
@click.argument(
    "folders",
    nargs=-1,
    required=True,
    metavar="OUT...",
    type=_FolderName(path_type=Path),
    shell_complete=_completing_paths("dir"),
)
@click.option(
    "--into",
    type=_FolderName(path_type=Path),
    metavar="OUT",
    shell_complete=_completing_paths("dir"),
    help="Bring together here what parts left in several folders: linked, or else copied.",
)
@click.option(
    "--csv/--no-csv",
    default=None,
    help="Write labels.csv beside metadata.parquet. [default: yes]",
)
@click.option(
    "--csv-columns",
    metavar="NAME,NAME",
    help="What its two columns are called. [default: filename,label]",
)
def join_parts(folders: tuple[Path, ...], **options: Any) -> int:
    """Join the parts that render --part left in OUT: check all shards, and make the label table.

    Neither fonts nor texts are needed. Parts that lie in several folders, of machines without a
    common disk, are brought together in another one: join A B C --into OUT.

    \b
    Exit codes: 0 done, 2 bad options or folders of different runs, 3 shards are missing, which are
    named, or storage failed, 4 finished but some examples failed or nothing could be drawn, 130
    interrupted (the same command continues).
    """
    _check_address_space()
    from shmtext.engine.join import join  # noqa: PLC0415 - see the top

    with _Screen() as screen:
        summary = join(*folders, **options, observer=screen)
    _say(
        f"{summary.num_images:,} images ({summary.image_bytes / 1e6:,.1f} MB) in {summary.folder}, "
        f"joined in {summary.elapsed_s:.1f} s"
    )
    _print_lost(summary)
    return _exit_code(summary)


@cli.command()
@_out
def status(out: Path) -> int:
    """Tell how far the run in OUT is, whether it is running, interrupted or finished."""
    from shmtext.engine.inspect import run_status  # noqa: PLC0415

    _print_status(run_status(out))
    return ExitCode.DONE


@cli.command()
@_out
@click.option("--checksums", is_flag=True, help="Read every byte, not sizes alone.")
def verify(out: Path, checksums: bool) -> int:
    """Check that every picture in OUT is whole and every label row right.

    What is damaged is named, and rendered again by the next run of the same settings.
    """
    from shmtext.engine.inspect import verify as verify_run  # noqa: PLC0415

    report = verify_run(out, checksums=checksums)
    _print_report(report, out)
    return ExitCode.DONE if report.whole else ExitCode.STOPPED


@cli.command()
@_out
@click.option(
    "--to",
    required=True,
    metavar="FORMAT",
    shell_complete=_completing_words(_export_formats),
    help="lmdb, paddle, doctr, easyocr, mmocr, tesstrain, gt, imagefolder, hf-parquet, webdataset, "
    "mds, jsonl, trdg, synthtiger or coco.",
)
@click.argument("dest", type=_FolderName(path_type=Path), shell_complete=_completing_paths("dir"))
@click.option(
    "--split",
    metavar="NAME=SHARE,...",
    help="Split the pictures, as in train=0.98,val=0.02: by their examples' numbers and the seed.",
)
@click.option("--split-seed", type=int, default=0, metavar="N", help="Of splits. [default: 0]")
@click.option("--disjoint-texts", is_flag=True, help="Keep equal texts in one split.")
@click.option(
    "--unfit",
    metavar="skip|escape|refuse",
    shell_complete=_completing_words(lambda: ("skip", "escape", "refuse")),
    default="skip",
    help="What to do with texts that the format can't hold: leave their pictures out and list them "
    "in left_out.jsonl, write the texts with backslashes, or export nothing. [default: skip]",
)
@click.option(
    "--easyocr-quote",
    metavar="either|never|csv",
    shell_complete=_completing_words(lambda: ("either", "never", "csv")),
    default="either",
    help="For which of EasyOCR's readers: for both (texts with commas and quotes don't fit), that "
    "which cuts lines at the first comma, or that which reads CSV. [default: either]",
)
@click.option(
    "--workers", type=int, metavar="N", help="Processes. [default: as many as there are cores]"
)
def export(out: Path, to: str, dest: Path, **options: Any) -> int:
    """Export the finished run in OUT to a trainer's format, into the folder DEST.

    DEST must be new or empty, or hold an export that was interrupted, which is then finished.

    \b
    Exit codes: 0 done, 2 bad options or input, 3 stopped by storage, memory or damage (resumable),
    4 finished without a picture, 130 interrupted (resumable).
    """
    _check_address_space()
    from shmtext.engine.export import export as export_run  # noqa: PLC0415 - see the top

    with _Screen() as screen:
        summary = export_run(out, to, dest, **options, observer=screen)
    _print_export(summary)
    return ExitCode.DONE if any(summary.num_images.values()) else ExitCode.FAILED_EXAMPLES


@cli.command(name="config")
@click.argument(
    "source",
    metavar="[OUT|FILE]",
    required=False,
    type=_FolderName(path_type=Path),
    shell_complete=_completing_paths("file"),
)
@click.option("--schema", is_flag=True, help="Print a JSON Schema of what such a file may hold.")
def show_config(source: Path | None, schema: bool) -> int:
    """Print what a run's settings come to, as TOML that render --config takes.

    Of the run in the folder OUT, of the TOML file FILE with all that it leaves out, or, without
    either, the defaults. Where a run keeps no paths, of fonts and texts, a comment says so.
    """
    _check_address_space()
    from shmtext.config import RunConfig, Start, load_toml  # noqa: PLC0415
    from shmtext.config.writing import json_schema, toml_of  # noqa: PLC0415

    if schema:
        _say_utf_8(f"{json.dumps(json_schema(), indent=2)}\n")
    elif source is None:
        _say_utf_8(toml_of(RunConfig(), Start()))
    elif isinstance(source, str) or source.is_dir():
        from shmtext.engine.recorded import recorded_settings  # noqa: PLC0415 - see the top

        recorded = recorded_settings(source)
        _say_utf_8(toml_of(recorded.config, unknown=recorded.unknown))
    else:
        _say_utf_8(toml_of(*_settings_in(load_toml(source))))
    return ExitCode.DONE


@cli.command()
@click.argument(
    "name",
    metavar="[LOOK|EFFECT]",
    required=False,
    shell_complete=_completing_words(_pages_of_looks),
)
@click.option("--effects", is_flag=True, help="List effects, of which looks are made.")
def looks(name: str | None, effects: bool) -> int:
    """List the looks that render --look takes, or print one as TOML that render --config takes.

    Of an effect its settings are printed, with their defaults. To change a look, set what is to
    differ in a TOML file (under [look.scan.blur], sigma_px = [0.4, 1]), or copy it under a name of
    its own.
    """
    _check_address_space()
    from shmtext.config.looks_text import effects_list, looks_list, page  # noqa: PLC0415

    if name is not None and effects:
        raise ConfigError("--effects lists them all: leave out the name, or the option")
    if name is not None:
        _say_utf_8(page(name))
        return ExitCode.DONE
    for line in effects_list() if effects else looks_list():
        _say(line)
    return ExitCode.DONE


@cli.command()
@click.argument(
    "paths", nargs=-1, type=click.Path(path_type=Path), shell_complete=_completing_paths("file")
)
@click.option(
    "--texts",
    metavar="PATH[::COLUMN]",
    shell_complete=_completing_paths("file"),
    help="Tell of each font how many of these texts it covers, and what it lacks.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option(
    "--sheet",
    type=click.Path(path_type=Path),
    metavar="FILE.png",
    shell_complete=_completing_paths("file"),
    help="Draw specimens of each font on a sheet.",
)
@click.option("--skip-bad-fonts", is_flag=True, help="End well though some can't be used.")
def fonts(
    paths: tuple[Path, ...],
    texts: str | None,
    *,
    as_json: bool,
    sheet: Path | None,
    skip_bad_fonts: bool,
) -> int:
    """Tell what fonts are: of the files and folders PATHS, or those that come along.

    Characters that leave ink, scripts (no rules: the font does not say how to join or stack its
    letters), kerning, axes, and files that are the same. Fonts that can't be used are named at the
    end, and the exit code is then 2.
    """
    _check_address_space()
    from shmtext.engine.font_report import report_fonts  # noqa: PLC0415 - see the top
    from shmtext.font_table import as_json as json_of  # noqa: PLC0415
    from shmtext.font_table import table_lines  # noqa: PLC0415

    report = report_fonts(paths, texts, sheet)
    if as_json:
        _say_utf_8(f"{json_of(report)}\n")
    else:
        is_terminal = sys.stdout is not None and sys.stdout.isatty()
        width = os.get_terminal_size().columns if is_terminal else None
        for line in table_lines(report, width):
            _say(line)
    if report.left_out:
        _complain(report.left_out)
    return ExitCode.BAD_INPUT if report.left_out and not skip_bad_fonts else ExitCode.DONE


def _settings_in(options: dict[str, Any]) -> tuple[RunConfig, Start]:
    """Tell the options of a config from those of a start."""
    from shmtext.config import Start, config_from_options  # noqa: PLC0415

    start = {name: options.pop(name) for name in start_options() if name in options}
    return config_from_options(options), Start(**start)


class _Screen:
    """Shows how a run goes: a bar on a terminal, now and then a line elsewhere."""

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._line_s = time.monotonic()

    def __enter__(self) -> _Screen:
        if sys.stderr is not None and sys.stderr.isatty():
            from shmtext.terminal import Bar  # noqa: PLC0415 - imports rich

            self._bar = Bar()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def note(self, line: str) -> None:
        with suppress(OSError):  # a full disk that takes no log must not end the run
            if self._bar is not None:
                self._bar.note(_shown(line))
            else:
                click.echo(_shown(line), err=True)

    def progress(self, progress: Progress) -> None:
        trouble = _trouble(progress)
        if self._bar is not None:
            done, total = progress.num_done, progress.num_examples
            self._bar.step(done, total, images_per_s=progress.images_per_s, trouble=trouble)
            return
        now_s = time.monotonic()
        if now_s - self._line_s >= LINE_EVERY_S:
            self._line_s = now_s
            left = f", {progress.left_s:,.0f} s left" if progress.left_s is not None else ""
            self.note(
                f"{progress.num_done:,} of {progress.num_examples:,}, "
                f"{progress.images_per_s:,.0f} images/s{left}{trouble}"
            )


def _trouble(progress: Progress) -> str:
    skipped = f", {progress.num_skipped:,} skipped" if progress.num_skipped else ""
    return skipped + (f", {progress.num_failed:,} failed" if progress.num_failed else "")


def _exit_code(summary: RunSummary) -> ExitCode:
    is_all_well = summary.num_images and not summary.num_failed
    return ExitCode.DONE if is_all_well else ExitCode.FAILED_EXAMPLES


def _print_summary(summary: RunSummary) -> None:
    if summary.num_rendered == 0 and summary.num_images:
        _say(f"{summary.folder} is complete: {summary.num_images:,} images were there already")
    else:
        _say(
            f"{summary.num_images:,} images ({summary.image_bytes / 1e6:,.1f} MB) in "
            f"{summary.folder}; {summary.num_rendered:,} rendered in {summary.elapsed_s:.1f} s, "
            f"{summary.images_per_s:,.0f} images/s"
        )
    if summary.characters is not None:
        _print_characters(summary.characters, summary.folder)
    _print_lost(summary)


def _print_part(summary: PartSummary) -> None:
    _say(
        f"part {summary.part}: {summary.num_images:,} images ({summary.image_bytes / 1e6:,.1f} MB) "
        f"in {summary.num_shards:,} of the {summary.num_run_shards:,} shards of {summary.folder}; "
        f"{summary.num_rendered:,} rendered in {summary.elapsed_s:.1f} s, "
        f"{summary.images_per_s:,.0f} images/s"
    )
    if summary.num_skipped:
        _say(f"{summary.num_skipped:,} skipped")
    if summary.num_failed:
        _say(f"{summary.num_failed:,} failed")
    _say(f"when all parts are done: shmtext join {shlex.quote(str(summary.folder))}")


def _print_lost(summary: RunSummary) -> None:
    """Print what has no picture, or took long, and how to load the rest."""
    if summary.num_alone:
        _say(f"{summary.num_alone:,} of them drawn one at a time, as no batch is exact for them")
    if summary.num_skipped:
        _say(f"{summary.num_skipped:,} skipped: see {summary.folder / 'skipped.parquet'}")
    if summary.num_failed:
        _say(f"{summary.num_failed:,} failed: see {summary.folder / 'skipped.parquet'}")
    num_lost = summary.num_skipped + summary.num_failed
    if num_lost > MANY_SKIPPED * (summary.num_images + num_lost):
        _print_reasons(summary.folder)
    if summary.num_images == 0:
        _complain("nothing could be drawn: see the reasons, and give other fonts or other texts")
        return
    labels = " and labels.csv" if summary.has_csv else ""
    _say(f"labels: {summary.folder / 'metadata.parquet'}{labels}")
    _say(f"load: {_loading(summary)}")


def _print_characters(characters: CharacterSummary, folder: RunPlace) -> None:
    total, at_least = characters.num_characters, characters.at_least
    _say(
        f"{characters.num_after:,} of {total:,} characters occur {at_least:,} times or more, "
        f"{characters.num_before:,} without the {characters.num_added:,} texts taken again"
    )
    rarest = (f"{each!r} {before:,} → {after:,}" for each, before, after in characters.rarest)
    _say(f"rarest: {', '.join(rarest)}; all are in {folder / 'characters.csv'}")


def _print_export(summary: ExportSummary) -> None:
    num_images = sum(summary.num_images.values())
    if summary.num_written == 0 and num_images:
        _say(f"{summary.folder} is complete: {num_images:,} images were there already")
    else:
        _say(
            f"{num_images:,} images ({summary.image_bytes / 1e6:,.1f} MB) as {summary.to} in "
            f"{summary.folder}, in {summary.elapsed_s:.1f} s"
        )
    if len(summary.num_images) > 1:
        _say(", ".join(f"{split}: {count:,}" for split, count in summary.num_images.items()))
    for reason, count in summary.left_out.items():
        _say(f"{count:,} left out, whose text {reason}: see {summary.folder / 'left_out.jsonl'}")
    for each in summary.first_left_out:
        _say(f"  example {each.example_index}: {each.text[:MOST_TEXT]!r}")
    if summary.num_escaped:
        _say(f"{summary.num_escaped:,} texts are written with backslashes (\\\\, \\t, \\n, \\r)")
    if num_images == 0:
        _complain("no picture was exported: give a run that has some, or a format that holds them")
        return
    for note in summary.notes:
        _say(f"note: {note}")
    for line in summary.loading:
        _say(f"load: {line}")


def _loading(summary: RunSummary) -> str:
    """Return what loads a run of this kind and size; any name of a folder can be pasted."""
    folder, images = repr(str(summary.folder)), repr(str(summary.folder / "images"))
    if not isinstance(summary.folder, Path):
        return f"shmtext.open({folder})"
    if summary.container == "parquet":
        return f"datasets.load_dataset('parquet', data_dir={images})"
    if summary.container in ("tar", "tar+json"):
        return f"datasets.load_dataset('webdataset', data_dir={images})"
    if summary.num_images <= IMAGEFOLDER_IMAGES:
        return f"datasets.load_dataset('imagefolder', data_dir={folder})"
    return (
        f"shmtext.open({folder}), or elsewhere after shmtext.export({folder}, 'hf-parquet', DEST)"
    )


def _print_reasons(folder: RunPlace) -> None:
    from shmtext.engine.inspect import commonest_reasons  # noqa: PLC0415 - see the top

    for line in commonest_reasons(folder):
        _say(f"  {line}")


def _print_status(status: RunStatus) -> None:
    if status.holders:
        num_more = len(status.holders) - MAX_HOLDERS
        more = f", {num_more:,} more" if num_more > 0 else ""
        state = f"running ({', '.join(status.holders[:MAX_HOLDERS])}{more})"
    elif status.finished:
        state = "finished"
    elif status.num_committed_shards == status.num_shards:
        state = "all shards are there: run shmtext join, or the same command, for the label table"
    elif isinstance(status.folder, Path):
        state = "interrupted: run the same command to continue"
    else:
        state = "not finished: run the same command to continue (who is at work, no bucket tells)"
    _say(f"{status.folder}: {state}")
    _say(
        f"committed: {status.num_images:,} images ({status.image_bytes / 1e6:,.1f} MB) in "
        f"{status.num_committed_shards:,} of {status.num_shards:,} shards"
    )
    _say(f"missing:   {status.num_missing:,} of {status.num_examples:,} examples")
    _say(f"skipped:   {status.num_skipped:,}")
    _say(f"failed:    {status.num_failed:,}")
    if status.finished and status.num_images == 0:
        _print_reasons(status.folder)
    _say(f"rate:      {status.images_per_s:,.0f} images/s")
    for damage in status.damages:
        _say(f"damaged:   {damage}")


def _print_report(report: Report, out: Path) -> None:
    for damage in report.damages:
        shard = f"shard {damage.shard}: " if damage.shard is not None else ""
        _say(f"damaged: {shard}{damage}")
    if report.whole:
        _say(f"{out} is whole: {report.num_whole:,} shards")
        return
    if report.missing:
        _say(f"missing: {len(report.missing):,} of {report.num_shards:,} shards")
    what = "damaged" if report.damages else "not finished"
    _complain(f"{out} is {what}: run the same render command again to mend it")


def _check_address_space() -> None:
    """Raise under a limit in which the libraries would crash as they are imported, not fail."""
    limit_bytes, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit_bytes != resource.RLIM_INFINITY and limit_bytes < MIN_ADDRESS_SPACE_BYTES:
        raise MemoryError


def _complain_of_library(error: ImportError) -> ExitCode:
    """Say what to do when a library that was installed with this program can't be loaded."""
    if any(reason in str(error) for reason in ("failed to map segment", "cannot allocate")):
        _complain(NO_MEMORY)
        return ExitCode.STOPPED
    if error.name == "cv2":
        _complain(f"OpenCV can't be loaded ({error}): {_opencv_remedy()}")
    elif not isinstance(error, ModuleNotFoundError) and ".so" in str(error):
        _complain(f"a library of the system is missing ({error}): install the package that has it")
    else:
        raise error
    return ExitCode.BAD_INPUT


def _opencv_remedy() -> str:
    """Return the commands that leave one OpenCV: its wheels overwrite each other's files."""
    from importlib.metadata import distributions  # noqa: PLC0415 - when all is lost

    names = {distribution.name.lower().replace("_", "-") for distribution in distributions()}
    others = " ".join(sorted(names & OTHER_OPENCVS))
    remove = f"pip uninstall -y {others} && " if others else ""
    return f"{remove}pip install --force-reinstall --no-deps opencv-python-headless"


def _complain(line: str) -> None:
    with suppress(OSError):  # the exit code says it, too
        click.echo(f"shmtext: {_shown(line)}", err=True)
