"""Texts and fonts that are not as they should be: refused by name, or skipped with a reason."""

from __future__ import annotations

import csv
import gzip
import os
import random
import re
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fault_runs import (
    BAD_INPUT,
    DONE,
    INTERRUPTED,
    REPOSITORY,
    Finished,
    finish,
    run,
    run_here,
    skipped,
    start,
    tree,
    until,
    write_shim,
    write_texts,
)
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables.DefaultTable import DefaultTable

SERIAL = ("--engine", "serial")
SANS = REPOSITORY / "fonts" / "DejaVuSans.ttf"


def refused(out: Path, *options: object, **how: object) -> Finished:
    """Run with input that can't be used: one line, and nothing rendered or committed."""
    asked = ("render", out, *options, *SERIAL)
    ended = run(*asked, **how) if how else run_here(*asked)  # type: ignore[arg-type]
    ended.expect(BAD_INPUT, num_lines=1)
    assert {path.name for path in out.glob("*")} <= {"_stage", ".lock", ".workers.lock"}
    assert not list(out.glob("_stage/*"))
    return ended


def labels(out: Path) -> dict[int, dict[str, object]]:
    rows = pq.read_table(out / "metadata.parquet").to_pylist()
    return {row["example_index"]: row for row in rows}


# -- texts -----------------------------------------------------------------------------------------


def parquet_bytes(folder: Path, table: dict[str, list[object]]) -> bytes:
    pq.write_table(pa.table(table), folder / "whole.parquet")
    return (folder / "whole.parquet").read_bytes()


def cut_parquet(folder: Path) -> bytes:
    return parquet_bytes(folder, {"text": ["a", "b"] * 500})[:-9]


def parquet_of_numbers(folder: Path) -> bytes:
    return parquet_bytes(folder, {"text": [1, 2]})


def parquet_with_a_gap(folder: Path) -> bytes:
    return parquet_bytes(folder, {"text": ["a", None]})


def cut_gzip(_: Path) -> bytes:
    return gzip.compress(random.Random(1).randbytes(9_000).hex().encode())[:-500]


BAD_TEXTS: dict[str, tuple[str, bytes | Callable[[Path], bytes], str]] = {
    "empty": ("words.txt", b"", "words.txt holds no text"),
    "blank lines": ("words.txt", b"\n \n\t\r\n\n", "words.txt holds no text"),
    "NUL": ("words.txt", b"a\nb\nc\0d\n", "words.txt, line 3: "),
    "lone surrogate": ("words.txt", b"a\nb\xed\xa0\x80\n", "words.txt, line 2: "),
    "no UTF-8": ("words.txt", b"a\nb\nc\nGr\xf6\xdfe\n", "words.txt, line 4: "),
    "gzip cut short": ("words.txt.gz", cut_gzip, "words.txt.gz is no whole gzip file"),
    "no such column": ("w.csv::text", b"id,word\n1,a\n", "none among id, word"),
    "no column named": ("w.csv", b"id,word\n1,a\n", "::COLUMN"),
    "CSV cut in a quote": ("w.csv::word", b'id,word\n1,a\n2,"b', "w.csv, line 3: no CSV"),
    "CSV that is no UTF-8": ("w.csv::word", b"id,word\n1,\xe4\n", "w.csv, line 2: "),
    "Parquet cut short": ("w.parquet::text", cut_parquet, "w.parquet is no whole Parquet file"),
    "numbers": ("w.parquet::text", parquet_of_numbers, "to hold strings, found int64"),
    "a null": ("w.parquet::text", parquet_with_a_gap, "w.parquet, row 2: "),
}


@pytest.mark.parametrize("fault", BAD_TEXTS)
def test_faulty_texts_are_refused_with_file_and_line(out: Path, tmp_path: Path, fault: str) -> None:
    name, content, message = BAD_TEXTS[fault]
    data = content if isinstance(content, bytes) else content(tmp_path)
    (tmp_path / name.partition("::")[0]).write_bytes(data)
    refused(out, "--texts", tmp_path / name).expect(BAD_INPUT, message)


@pytest.mark.parametrize("kind", ["folder", "FIFO", "link loop", "missing", "device"])
def test_texts_that_are_no_file_are_refused_without_waiting(
    out: Path, tmp_path: Path, kind: str
) -> None:
    texts = tmp_path / "words.txt"
    if kind == "folder":
        texts.mkdir()
    elif kind == "FIFO":
        os.mkfifo(texts)
    elif kind == "link loop":
        texts.symlink_to(texts)
    elif kind == "device":
        texts.symlink_to("/dev/zero")
    refused(out, "--texts", texts).expect(BAD_INPUT, str(texts))


def test_a_folder_is_good_for_the_corrected_file(out: Path, tmp_path: Path) -> None:
    texts = tmp_path / "words.txt"
    texts.write_bytes(b"good\nbad\xff\n")
    refused(out, "--texts", texts)
    texts.write_bytes(b"good\nmended\n")
    run("render", out, "--texts", texts, *SERIAL).expect(DONE, num_lines=0)
    assert [row["text"] for row in labels(out).values()] == ["good", "mended"]


def test_a_line_of_a_million_characters_is_skipped_alone(out: Path, tmp_path: Path) -> None:
    texts = write_texts(tmp_path / "long.txt", 40, {7: "x" * 1_000_000, 23: "漢" * 1_000_000})
    short = write_texts(tmp_path / "short.txt", 40)
    run("render", out, "--texts", texts, *SERIAL).expect(DONE, num_lines=0)
    assert [(row["example_index"], row["failed"]) for row in skipped(out)] == [
        (7, False),
        (23, False),
    ]
    assert {row["reason"] for row in skipped(out)} == {"longer than 10,000 characters"}
    run("render", tmp_path / "other", "--texts", short, *SERIAL).expect(DONE)
    assert pictures(out) == {
        name: sum_
        for name, sum_ in pictures(tmp_path / "other").items()
        if int(Path(name).stem) not in (7, 23)
    }


def pictures(out: Path) -> dict[str, str]:
    return {name: sum_ for name, sum_ in tree(out).items() if name.startswith("images/")}


CONTROLS = {
    "bell \a": "U+0007",
    "escape \x1b[31m": "U+001B",
    "tab\there": "U+0009",
    "feed\f": "U+000C",
    "return\rhere": "U+000D",
    "delete \x7f": "U+007F",
    "next line \x85": "U+0085",
    "separators \u2028\u2029": "U+2028, U+2029",
    "no character \ufffe": "U+FFFE",
    "private \U0010ffff": "U+10FFFF",
}


def test_texts_with_control_characters_are_skipped_and_name_them(out: Path, tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    lines = [line for control in CONTROLS for line in (control, "plain, and drawn")]
    texts.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    run("render", out, "--texts", texts, *SERIAL).expect(DONE, num_lines=0)
    reasons = {row["text"]: row["reason"] for row in skipped(out)}
    assert reasons == {text: f"no font covers {named}" for text, named in CONTROLS.items()}
    assert sorted(labels(out)) == list(range(1, len(lines), 2))


# -- fonts -----------------------------------------------------------------------------------------


def bitmap_only(path: Path) -> None:
    with TTFont(SANS) as font:
        del font["glyf"], font["loca"]
        for tag in ("EBDT", "EBLC"):
            font[tag] = DefaultTable(tag)
            font[tag].data = b"\0\2\0\0\0\0\0\0"
        font.save(path)


def without_characters(path: Path) -> None:
    with TTFont(SANS) as font:
        del font["cmap"]
        font.save(path)


def cut_to(percent: int) -> Callable[[Path], object]:
    whole = SANS.read_bytes()
    return lambda path: path.write_bytes(whole[: len(whole) * percent // 100])


def sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**30)


BAD_FONTS: dict[str, Callable[[Path], object]] = {
    **{f"cut_to_{percent}_percent": cut_to(percent) for percent in (1, 5, 25, 50, 75, 95)},
    "empty": lambda path: path.touch(),
    "random": lambda path: path.write_bytes(random.Random(1).randbytes(50_000)),
    "sparse": sparse,
    "bitmap_only": bitmap_only,
    "without_characters": without_characters,
    "fifo": os.mkfifo,
    "folder": os.mkdir,
    "loop": lambda path: path.symlink_to(path),
    "device": lambda path: path.symlink_to("/dev/zero"),
    "dangling": lambda path: path.symlink_to("nowhere"),
}


def test_all_bad_fonts_of_a_folder_are_named_in_one_line(out: Path, tmp_path: Path) -> None:
    fonts = tmp_path / "fonts"
    fonts.mkdir()
    (fonts / "whole.ttf").write_bytes(SANS.read_bytes())
    for name, make in BAD_FONTS.items():
        make(fonts / f"{name}.ttf")
    ended = refused(out, "--fonts", fonts, "--max-images", 5)
    ended.expect(BAD_INPUT, *(f"{fonts / name}.ttf" for name in BAD_FONTS))
    assert "whole.ttf" not in ended.stderr


@pytest.mark.parametrize("kind", ["folder", "missing", "loop", "fifo"])
def test_a_path_without_fonts_is_refused(out: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "fonts"
    if kind != "missing":
        BAD_FONTS[kind](path)
    refused(out, "--fonts", path, "--max-images", 5).expect(BAD_INPUT, str(path))


def font_shim(folder: Path, deeds: dict[str, str]) -> Path:
    """Let FreeType's caller do a deed in the probe when it opens a font of that name."""
    return write_shim(
        folder,
        f"""
        if IS_PROBE:
            @after_import("shmtext.draw.freetype")
            def poison(module):
                real = module.open_font

                def open_font(path, *arguments):
                    deed = {deeds!r}.get(os.path.basename(path))
                    if deed is not None:
                        do(deed)
                    return real(path, *arguments)

                module.open_font = open_font
        """,
    )


IMPATIENT = (
    "-c",
    "from shmtext.engine import probe; probe.TIMEOUT_S = 2; "
    "from shmtext.__main__ import main; main()",
)


def distinct_fonts(folder: Path, *names: str) -> Path:
    """Copies of one font that differ in a byte that nobody reads."""
    folder.mkdir()
    for number, name in enumerate(names):
        (folder / name).write_bytes(SANS.read_bytes() + bytes([number]))
    return folder


def test_fonts_that_end_or_hang_the_probe_are_all_named_before_rendering(
    out: Path, tmp_path: Path
) -> None:
    deeds = {"a.ttf": "segv", "c.ttf": "loop", "e.ttf": "SIGSTOP"}
    fonts = distinct_fonts(tmp_path / "fonts", "a.ttf", "b.ttf", "c.ttf", "d.ttf", "e.ttf")
    shim = font_shim(tmp_path / "shim", deeds)
    ended = refused(
        out, "--fonts", fonts, "--max-images", 5, shims=[shim], program=IMPATIENT
    ).expect(
        BAD_INPUT,
        f"{fonts / 'a.ttf'} crashes the font library (SIGSEGV)",
        f"{fonts / 'c.ttf'} takes more than",
        f"{fonts / 'e.ttf'} takes more than",
    )
    assert "b.ttf" not in ended.stderr
    assert "d.ttf" not in ended.stderr
    # Without them the same fonts do.
    for name in deeds:
        (fonts / name).unlink()
    run("render", out, "--fonts", fonts, "--max-images", 5, *SERIAL, shims=[shim]).expect(DONE)


def test_a_signal_while_fonts_are_tried_out_ends_the_run_at_once(out: Path, tmp_path: Path) -> None:
    """Not after the time that a font is given."""
    fonts = distinct_fonts(tmp_path / "fonts", "a.ttf")
    shim = font_shim(tmp_path / "shim", {"a.ttf": "loop"})
    main = start("render", out, "--fonts", fonts, "--max-images", 5, *SERIAL, shims=[shim])
    until((shim / "looping").exists)
    (probe,) = psutil.Process(main.pid).children()
    main.send_signal(signal.SIGINT)
    finish(main).expect(INTERRUPTED, "interrupted (SIGINT)")
    assert not probe.is_running()


def test_many_slow_fonts_are_not_taken_for_one_that_hangs(out: Path, tmp_path: Path) -> None:
    # More than two seconds in all, each well within two.
    fonts = distinct_fonts(tmp_path / "fonts", *(f"{number}.ttf" for number in range(6)))
    shim = write_shim(
        tmp_path / "shim",
        """
        if IS_PROBE:
            @after_import("shmtext.draw.freetype")
            def slow_down(module):
                import time
                real = module.open_font

                def open_font(*arguments):
                    time.sleep(0.4)
                    return real(*arguments)

                module.open_font = open_font
        """,
    )
    options = ("--fonts", fonts, "--max-images", 5, *SERIAL)
    run("render", out, *options, shims=[shim], program=IMPATIENT).expect(DONE)


# -- names -----------------------------------------------------------------------------------------

ODD_NAMES = (
    b"two words.ttf",
    b"new\nline.ttf",
    "grün 😀.ttf".encode(),
    b"no utf-8 \xff\xfe.ttf",
    b"quote\"s'.ttf",
    b"-dash.ttf",
    b"%s{0}[bold].ttf",
    b"..ttf",
    b"=1+1.ttf",
    b"n" * 251 + b".ttf",
)


def test_names_of_files_come_from_numbers_alone(out: Path, tmp_path: Path) -> None:
    fonts = distinct_fonts(tmp_path / "fonts")
    (fonts / "up").mkdir()
    for number, name in enumerate(ODD_NAMES):
        data = SANS.read_bytes() + bytes([number])
        Path(os.fsdecode(os.path.join(os.fsencode(fonts), name))).write_bytes(data)
    special = {0: "../../escape", 1: "/etc/passwd", 2: "a/b.jpg", 3: "%s{0}", 4: "=1+1"}
    texts = write_texts(tmp_path / "texts.txt", 100, special)
    before = {path for path in tmp_path.rglob("*") if out not in path.parents}
    run("render", out, "--texts", texts, "--fonts", fonts / "up" / "..", *SERIAL).expect(
        DONE, num_lines=0
    )
    assert {path for path in tmp_path.rglob("*") if out not in path.parents} == {*before, out}
    assert all(re.fullmatch(r"images/\d{5}/\d{9}\.jpg", name) for name in pictures(out))
    assert len(pictures(out)) == 100
    assert_labels_survive(out, special)
    run("verify", out, "--checksums").expect(DONE)


def assert_labels_survive(out: Path, special: dict[int, str]) -> None:
    """Odd names and texts read back as they were, from the table and from the CSV."""
    rows = labels(out)
    assert all(rows[index]["text"] == text for index, text in special.items())
    names = {name.decode(errors="backslashreplace") for name in ODD_NAMES}
    assert {row["font"] for row in rows.values()} == names
    with (out / "labels.csv").open(newline="", encoding="utf-8") as file:
        cells = [(row["filename"], row["label"]) for row in csv.DictReader(file)]
    assert cells == [(row["file_name"], row["text"]) for row in rows.values()]
