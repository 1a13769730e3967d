"""Runs of which reports are made: several looks and scripts, hostile texts, examples that fail."""

from __future__ import annotations

from pathlib import Path

from shmtext import Output, RunConfig, Style, TextFile, render
from shmtext.config.looks import chosen_looks

HOSTILE = (
    "<script>document.title = 'taken'</script>",
    "</style><style>body{display:none}",
    "\"onerror='alert(1)' &quot; &amp;",
    "{{ 7 * 7 }} {% raw %}",
    "-->]]></svg><img src=x>",
)
TEXTS = (*HOSTILE, "Größe: 42 €", "Съешь ещё", "naïve café", "ab", "fox jumps over", "x" * 300)
LOST = ("中文字", "日本語のテスト")
"""That no font of the package covers."""


def config_of(folder: Path, *, num_repeats: int = 4, looks: tuple[str, ...] = ()) -> RunConfig:
    """Of hostile and other texts, some of which can't be drawn."""
    path = folder / "texts.txt"
    path.write_text("\n".join((TEXTS + LOST) * num_repeats) + "\n", encoding="utf-8")
    look = {"look": chosen_looks(looks, None)} if looks else {}
    return RunConfig(
        corpus=TextFile(path),
        style=Style(font_sizes=(16, 24)),
        output=Output(mode="rgb"),
        **look,
    )


def render_looks(folder: Path) -> Path:
    """A run with two looks."""
    render(config_of(folder, looks=("photo", "clean")), folder / "out", engine="serial")
    return folder / "out"
