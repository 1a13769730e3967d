"""Files of texts become examples line by line, and faulty ones an error that names the line."""

from __future__ import annotations

import csv
import gzip
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtext.config import BalancedText, TextFile
from shmtext.corpus import sources
from shmtext.corpus.ragged import gather_chunks
from shmtext.corpus.sources import corpus_chunks, text_file_chunks
from shmtext.errors import InputError

LINES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\n\0"), max_size=12), max_size=12
)


def read(path: Path, column: str | None = None) -> list[str]:
    return list(gather_chunks(text_file_chunks(TextFile(path, column))))


def written(folder: Path, content: bytes, name: str = "words.txt") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def parquet(folder: Path, column: pa.Array, name: str = "text") -> Path:
    path = folder / "words.parquet"
    pq.write_table(pa.table({"id": pa.array(range(len(column))), name: column}), path)
    return path


def small_blocks(monkeypatch: pytest.MonkeyPatch, num_bytes: int) -> None:
    monkeypatch.setattr(sources, "_READ_BYTES", num_bytes)


# Lines


@pytest.mark.parametrize("read_bytes", [1, 2, 3, 7, 64, 2**20])
@given(lines=LINES, has_last_newline=st.booleans())
def test_line_i_is_example_i_however_the_file_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    read_bytes: int,
    lines: list[str],
    has_last_newline: bool,
) -> None:
    path = tmp_path_factory.getbasetemp() / "lines.txt"
    content = "x\n" + "\n".join(lines) + "\n" * has_last_newline
    path.write_bytes(content.encode())
    # A last line end does not begin another line, and only whole line ends are taken off.
    *ended, last = content.split("\n")
    expected = [line.removesuffix("\r") for line in ended] + ([last] if last else [])

    with pytest.MonkeyPatch.context() as monkeypatch:
        small_blocks(monkeypatch, read_bytes)
        assert expected == read(path)


def test_texts_of_all_scripts_come_through(tmp_path: Path) -> None:
    texts = ["Größe: 42 €", "日本語", "emoji 👩‍👩‍👧", "  edges\t "]

    assert texts == read(written(tmp_path, "\n".join(texts).encode()))


def test_windows_line_ends_and_blank_lines(tmp_path: Path) -> None:
    assert ["a", "", "b\rc", "", "d"] == read(written(tmp_path, b"a\r\n\r\nb\rc\n\nd"))


def test_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    assert ["a", "\ufeffb"] == read(written(tmp_path, b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n"))


def test_gzip_files_are_read_as_what_they_hold(tmp_path: Path) -> None:
    assert ["a", "ß"] == read(written(tmp_path, gzip.compress("a\nß\n".encode()), "words.txt.gz"))


def test_line_of_a_million_characters_passes_through(tmp_path: Path) -> None:
    texts = ["x" * 1_000_000, "short"]

    assert texts == read(written(tmp_path, "\n".join(texts).encode()))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\nb\xff\nc", r"words\.txt, line 2: expected UTF-8 text, found no UTF-8 \(byte 0xff\)"),
        (b"a\n\nb\0\xff\n", r"line 3: expected UTF-8 text, found a NUL character"),
        (b"\xed\xa0\x80\n", r"line 1: .*0xed"),  # A lone surrogate.
        (b"a\n\xc3", r"line 2: .*0xc3"),
        (b"a\xff\n\0", r"line 1: .*0xff"),
    ],
)
@pytest.mark.parametrize("read_bytes", [2, 2**20])
def test_faulty_line_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str, read_bytes: int
) -> None:
    small_blocks(monkeypatch, read_bytes)

    with pytest.raises(InputError, match=message):
        read(written(tmp_path, content))


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b" \t\r\n", "\u3000\n".encode(), b"\xef\xbb\xbf"]
)
def test_file_without_any_text_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match=r"words\.txt holds no text"):
        read(written(tmp_path, content))


def test_gzip_file_cut_short_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(os.urandom(1_000).hex().encode())
    for content in (packed[:-200], b"plain", packed[:100] + b"\0" * 50 + packed[150:]):
        with pytest.raises(InputError, match=r"w\.gz is no whole gzip file"):
            read(written(tmp_path, content, "w.gz"))


def test_what_is_no_file_is_refused_without_opening_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    for name, message in [
        ("pipe", "is no regular file"),
        (".", "is a folder"),
        ("missing", "cannot read .*missing: No such file"),
        ("loop", "cannot read .*loop: "),
    ]:
        for column in (None, "text"):
            with pytest.raises(InputError, match=message):
                text_file_chunks(TextFile(tmp_path / name, column))


@pytest.mark.parametrize("name", ["w.csv", "w.csv.gz", "w.parquet", "W.CSV"])
def test_table_without_a_column_named_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=rf"name the one with the texts, as .*{name}::COLUMN"):
        text_file_chunks(TextFile(written(tmp_path, b"a\n", name)))


# CSV


@pytest.mark.parametrize("read_bytes", [1, 2**20])
@given(rows=st.lists(st.tuples(LINES.map("\n".join), st.text("ab,\"'", max_size=4))))
def test_csv_cells_are_the_texts(
    tmp_path_factory: pytest.TempPathFactory, read_bytes: int, rows: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "cells.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("text", "other"), ("x", ""), *rows])

    with pytest.MonkeyPatch.context() as monkeypatch:
        small_blocks(monkeypatch, read_bytes)
        assert ["x", *(text for text, _ in rows)] == read(path, "text")


def test_csv_with_everything_that_csv_files_have(tmp_path: Path) -> None:
    content = '\ufeffid,text\r\n1,"a ""b"", c"\r\n\r\n3,"two\nlines"\r\n4,\r\n'.encode()

    expected = ['a "b", c', "", "two\nlines", ""]
    assert expected == read(written(tmp_path, content, "w.csv"), "text")
    assert expected == read(written(tmp_path, gzip.compress(content), "w.csv.gz"), "text")


def test_csv_cell_of_a_million_characters_passes_through(tmp_path: Path) -> None:
    limit = csv.field_size_limit()

    assert ["x" * 10**6] == read(written(tmp_path, b"t\n" + b"x" * 10**6, "w.csv"), "t")
    assert limit == csv.field_size_limit()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"id,word\n1,a\n", r"expected one column 'text', found none among id, word"),
        (b"text,text\n1,a\n", r"found several among text, text"),
        (b"", "holds no text"),
        (b"text\n", "holds no text"),
        (b"text\n\n \n", "holds no text"),
        (b"id,text\n1,a\n2\n", r"line 3: expected a cell for column 'text' \(number 2\), found 1"),
        (b"id,text\n1,a\n2,\xff\n", r"line 3: .*0xff"),
        (b"id,text\n1,\0\n", "line 2: .*NUL"),
        (b'text\na\n"b\nc\n', r"line 4: no CSV \(unexpected end of data\)"),
    ],
)
def test_faulty_csv_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(written(tmp_path, content, "w.csv"), "text")


# Parquet


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())],
)
@pytest.mark.parametrize("rows_per_batch", [1, 3, 1_000])
def test_parquet_cells_are_the_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: pa.DataType, rows_per_batch: int
) -> None:
    monkeypatch.setattr(sources, "_ROWS_PER_BATCH", rows_per_batch)
    texts = ["a", "", "Größe", "日本語", "a", "two\nlines"]

    assert texts == read(parquet(tmp_path, pa.array(texts).cast(kind)), "text")


def test_parquet_null_is_named_by_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_ROWS_PER_BATCH", 2)

    with pytest.raises(InputError, match=r"words\.parquet, row 4: expected a text, found null"):
        read(parquet(tmp_path, pa.array(["a", "b", "c", None])), "text")


def raw_strings(*cells: bytes) -> pa.Array:
    """Strings that Arrow was never asked to check."""
    return pa.array(cells, pa.binary()).view(pa.string())


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ((b"a", b"\xff"), "row 2: .*0xff"),
        ((b"a", b"b\0"), "row 2: .*NUL"),
        ((b"a\xc3", b"\xa4"), "row 1: .*0xc3"),  # Whole only when laid end to end.
        ((b"a", b"", b"\xa4b"), "row 3: .*0xa4"),
        ((b"\xed\xa0\x80",), "row 1: .*0xed"),
    ],
)
def test_parquet_text_that_is_no_utf8_is_named_by_its_row(
    tmp_path: Path, cells: tuple[bytes, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read(parquet(tmp_path, raw_strings(*cells)), "text")


def test_faulty_parquet_files_are_refused(tmp_path: Path) -> None:
    whole = parquet(tmp_path, pa.array(["a", "b"] * 500)).read_bytes()
    for content in (whole[:-1], whole[: len(whole) // 2], b"PAR1", b"no table at all"):
        with pytest.raises(InputError, match=r"w\.parquet is no whole Parquet file"):
            read(written(tmp_path, content, "w.parquet"), "text")
    with pytest.raises(InputError, match=r"w\.parquet is empty"):
        read(written(tmp_path, b"", "w.parquet"), "text")


def test_parquet_columns_that_hold_no_strings_are_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path, pa.array(["a"]))

    with pytest.raises(InputError, match="expected column 'id' to hold strings, found int64"):
        read(path, "id")
    with pytest.raises(InputError, match="expected one column 'word', found none among id, text"):
        read(path, "word")


def test_parquet_without_any_text_is_refused(tmp_path: Path) -> None:
    for column in (pa.array([], pa.string()), pa.array(["", " "])):
        with pytest.raises(InputError, match="holds no text"):
            read(parquet(tmp_path, column), "text")


def test_either_kind_of_corpus_is_a_stream_of_chunks(tmp_path: Path) -> None:
    path = written(tmp_path, b"a\nb\n")
    balanced = BalancedText(letters="a", numbers="", character_frequency=7, space_freq=0)

    assert ["a", "b"] == list(gather_chunks(corpus_chunks(TextFile(path), 0, None)))
    assert "a" * 7 == "".join(gather_chunks(corpus_chunks(balanced, 0, None)))
