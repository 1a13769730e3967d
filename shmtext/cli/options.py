"""Options as click has them, and what shells complete.

Which options of settings there are, and what is said of them, stands with the settings:
``config/settings.py``. They have no defaults here: what is not given is left to ``--config``, and
to the settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from shmtext.config.kinds import Choice, FilePath, ListOf, Number, Switch, Whole, scalar_of
from shmtext.config.looks import LooksKind, chosen_looks, look_names
from shmtext.config.options import Option, config_options, start_options
from shmtext.config.texts import SourceKind

if TYPE_CHECKING:
    from shmtext.config import RunConfig, Start

Command = TypeVar("Command", bound=Callable[..., Any])
Completion = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def completing_words(words: Callable[[], Iterable[str]]) -> Completion:
    """Offer those of some words that begin so."""
    return lambda _context, _parameter, begun: [
        CompletionItem(word) for word in words() if word.startswith(begun)
    ]


def completing_paths(kind: str) -> Completion:
    """Leave it to the shell, which knows ``kind`` ``file`` and ``dir``."""
    return lambda _context, _parameter, begun: [CompletionItem(begun, type=kind)]


class GroupedOption(click.Option):
    """Stands under a heading in its command's help."""

    def __init__(self, *args: Any, group: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.group = group


class GroupedCommand(click.Command):
    """Lists options under their groups' headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write headings in the order of their first options."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            if isinstance(option, GroupedOption) and record is not None:
                groups.setdefault(option.group, []).append(record)
        for group, records in groups.items():
            with formatter.section(group):
                formatter.write_dl(records)


class FolderName(click.Path):
    """A path that names a folder: no name at all would be the current folder to ``Path``."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return a path, or the URL of a bucket as it is."""
        if value == "":
            self.fail("expected the name of a folder, got an empty one ('.' is the current one)")
        from shmtext.dataset.places import is_url  # noqa: PLC0415 - takes long

        if is_url(value):
            return value
        return super().convert(value, param, ctx)


json_option = click.option(
    "--json",
    "as_json",
    cls=GroupedOption,
    group="Run",
    is_flag=True,
    help="Print one JSON document, for programs; all else goes to standard error.",
)
quiet_option = click.option(
    "--quiet",
    "-q",
    cls=GroupedOption,
    group="Run",
    is_flag=True,
    help="Print errors only, and what --json asks for: the exit code says the rest.",
)
out_argument = click.argument(
    "out", type=FolderName(path_type=Path), shell_complete=completing_paths("dir")
)


def settings_options(command: Command) -> Command:
    """Give a command an option for every setting that the command line has a name for."""
    return _with_options(command, [*config_options().values(), *start_options().values()])


def config_settings_options(command: Command) -> Command:
    """Likewise, for those of a config, without those of a start."""
    return _with_options(command, [*config_options().values()])


def _with_options(command: Command, options: Sequence[Option]) -> Command:
    for option in reversed([each for each in options if each.part is None]):
        command = _option(option)(command)
    return command


config_file_option = click.option(
    "--config",
    cls=GroupedOption,
    group="Run",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="Read options from a TOML file (font_sizes = [24, 32]); the command line wins.",
)


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
            settings["shell_complete"] = completing_words(lambda: words)
        case LooksKind():
            settings["shell_complete"] = completing_words(look_names)
        case FilePath() | SourceKind():
            settings["shell_complete"] = completing_paths("file")
    default = f" [default: {option.default_text}]" if option.default_text else ""
    return click.option(
        option.switch,
        cls=GroupedOption,
        group=about.group,
        help=f"{about.help}{default}",
        metavar=option.metavar or None,
        multiple=isinstance(kind, (ListOf, LooksKind)),
        **settings,
    )


def settings_given(config: Path | None, given: Mapping[str, Any]) -> tuple[RunConfig, Start]:
    """What the options of a file and those of the command line, which win, come to together."""
    from shmtext.config import load_toml  # noqa: PLC0415 - takes long

    options = load_toml(config) if config is not None else {}
    tables = options.get("look")
    options.update({name: value for name, value in given.items() if value not in (None, ())})
    if given.get("look"):
        options["look"] = chosen_looks(given["look"], tables)
    return settings_in(options)


def settings_in(options: dict[str, Any]) -> tuple[RunConfig, Start]:
    """Tell the options of a config from those of a start."""
    from shmtext.config import Start, config_from_options  # noqa: PLC0415

    start = {name: options.pop(name) for name in start_options() if name in options}
    return config_from_options(options), Start(**start)
