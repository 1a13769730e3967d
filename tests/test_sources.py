"""Files of texts become examples line by line, and faulty ones an error that names the line."""

from __future__ import annotations

import csv
import gzip
import json
import os
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shmtext.config import BalancedText, TextFile
from shmtext.corpus import sources
from shmtext.corpus.ragged import gather_chunks
from shmtext.corpus.reading import corpus_chunks
from shmtext.corpus.sources import text_file_chunks
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
@settings(max_examples=40)  # each of hundreds of blocks
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


# Line ends


CR_ONLY = b"alpha\rbeta\r"


@pytest.mark.parametrize("read_bytes", [1, 2, 5, 2**20])
@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (CR_ONLY, ["alpha", "beta"]),
        (b"alpha\rbeta", ["alpha", "beta"]),
        (b"\ralpha\r\rbeta\r", ["", "alpha", "", "beta"]),
        ("\ufeffä\rß\r".encode(), ["ä", "ß"]),
        (b"alpha\r", ["alpha"]),
    ],
)
def test_a_file_with_returns_alone_is_read_as_lines(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    read_bytes: int,
    content: bytes,
    texts: list[str],
) -> None:
    small_blocks(monkeypatch, read_bytes)

    assert texts == read(written(tmp_path, content))
    assert texts == read(written(tmp_path, gzip.compress(content), "words.txt.gz"))


def test_a_file_of_returns_that_turns_to_newlines_has_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch, 4)

    assert list("abcdef") == read(written(tmp_path, b"a\rb\rc\rd\r\ne\nf"))


def test_a_table_with_returns_alone_is_read_as_rows(tmp_path: Path) -> None:
    content = b'text,n\r"a ""b""",1\rc,2\r'

    assert ['a "b"', "c"] == read(written(tmp_path, content, "w.csv"), "text")
    assert ["x"] == read(written(tmp_path, b'{"t": "x"}\r', "w.jsonl"), "t")


def test_a_fault_in_a_file_with_returns_alone_is_named_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"line 3: expected UTF-8 text, found no UTF-8 \(byte 0xff"
    ):
        read(written(tmp_path, b"a\rb\rc\xff\rd"))


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(("name", "column"), [("w.txt", None), ("w.csv", "t"), ("w.jsonl", "t")])
def test_utf_16_is_refused_by_its_name(
    tmp_path: Path, codec: str, name: str, column: str | None
) -> None:
    with pytest.raises(InputError, match="is UTF-16 text, expected UTF-8: save it as UTF-8"):
        read(written(tmp_path, "\ufeffab\r\n".encode(codec), name), column)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (gzip.compress(b"a\n"), "is gzip where text is expected: unpack it, or name it .gz"),
        (b"PK\x03\x04rest", "is an archive, as spreadsheets and documents are"),
    ],
    ids=["gzip", "archive"],  # gzip's bytes hold the time: two workers would name them differently
)
def test_what_is_no_text_is_refused_by_its_name(tmp_path: Path, content: bytes, kind: str) -> None:
    with pytest.raises(InputError, match=kind):
        read(written(tmp_path, content))


# Tables and documents


@pytest.mark.parametrize("name", ["w.jsonl", "w.ndjson", "w.jl", "W.JSONLINES", "w.jsonl.gz"])
@given(texts=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"))))
def test_line_i_of_jsonl_is_example_i(
    tmp_path_factory: pytest.TempPathFactory, name: str, texts: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    objects = [{"id": 3, "text": "x"}, *({"text": text, "more": [text]} for text in texts)]
    lines = [json.dumps(each, ensure_ascii=len(texts) % 2 == 0) for each in objects]
    content = "\n".join(lines).encode()
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)

    assert ["x", *texts] == read(path, "text")


def test_blank_lines_of_jsonl_are_empty_texts(tmp_path: Path) -> None:
    assert ["", "a", "", ""] == read(written(tmp_path, b'\n{"t": "a"}\r\n\n  \n', "w.jsonl"), "t")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("plain", "line 2: cannot read it as a JSON object (Expecting value)"),
        ('{"t": "a"', "line 2: cannot read it as a JSON object"),
        ('{"t": "a"} {"t": "b"}', "line 2: cannot read it as a JSON object (Extra data)"),
        ("[" * 100_000, "line 2: cannot read it as a JSON object"),
        ('["t"]', "line 2: expected a JSON object, found list"),
        ("{}", "line 2: expected the field 't', found none"),
        ('{"text": "a", "T": 1}', "line 2: expected the field 't', found text, T"),
        ('{"t": null}', "line 2: expected the field 't' to hold a string, found null"),
        ('{"t": 3}', "line 2: expected the field 't' to hold a string, found 3"),
        ('{"t": ["a"]}', "line 2: expected the field 't' to hold a string, found [\"a\"]"),
        (r'{"t": "a\u0000"}', "line 2: expected UTF-8 text, found a NUL character"),
        (r'{"t": "a\ud800"}', "line 2: expected UTF-8 text, found half a character (U+D800)"),
    ],
)
def test_a_line_that_is_no_object_with_the_field_is_named(
    tmp_path: Path, line: str, fault: str
) -> None:
    path = written(tmp_path, b'{"t": "good"}\n' + line.encode(), "w.jsonl")
    with pytest.raises(InputError) as caught:
        read(path, "t")

    assert str(caught.value).startswith(f"{path}, {fault}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "column", "fault"),
    [
        ("w.jsonl", None, "holds fields: name the one with the texts, as .*::FIELD"),
        ("w.ndjson.gz", None, "holds fields: name the one with the texts, as .*::FIELD"),
        ("w.tsv", None, "holds columns: name the one with the texts, as .*::COLUMN"),
        ("w.json", None, "is one JSON document: write its texts as lines"),
        ("w.json", "t", "is one JSON document: write its texts as lines"),
        ("w.json.gz", "t", "is one JSON document: write its texts as lines"),
        ("w.parquet.gz", "t", "is a packed Parquet file: unpack it"),
    ],
)
def test_what_is_no_file_of_lines_is_refused_by_its_name(
    tmp_path: Path, name: str, column: str | None, fault: str
) -> None:
    content = gzip.compress(b"{}") if name.endswith("gz") else b"{}"
    with pytest.raises(InputError, match=fault):
        read(written(tmp_path, content, name), column)


def test_of_a_wide_table_a_few_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"found none among 0, 1, .*, 19 and 980 more$"):
        read(written(tmp_path, ",".join(map(str, range(1_000))).encode(), "w.csv"), "text")


def test_columns_of_tsv_are_parted_by_tabs(tmp_path: Path) -> None:
    assert ["a, b", "c"] == read(written(tmp_path, b"n\ttext\n1\ta, b\n2\tc\n", "w.tsv"), "text")


# Lines of any length


KEPT = sources._KEPT_CHARACTERS


@pytest.mark.parametrize("character", ["a", "ß", "中", "𝄞"])
@pytest.mark.parametrize("read_bytes", [1_000, 4 * 2**20])
def test_of_a_text_that_is_far_too_long_the_beginning_is_kept_wherever_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, character: str, read_bytes: int
) -> None:
    monkeypatch.setattr(sources, "_KEPT_CHARACTERS", 100)
    monkeypatch.setattr(sources, "_KEPT_BYTES", 400)
    small_blocks(monkeypatch, read_bytes)
    long, whole = character * 5_000, character * 100
    lines = ["a", long, "b", long, whole, "c", character * 101, long]
    expected = ["a", whole, "b", whole, whole, "c", whole, whole]

    for end in ("\n", "\r\n", "\r"):
        assert expected == read(written(tmp_path, end.join(lines).encode()))
        assert expected == read(written(tmp_path, (end.join(lines) + end).encode()))
    csv_lines = "".join(f"{line},1\n" for line in ["t", *lines])
    assert expected == read(written(tmp_path, csv_lines.encode(), "w.csv"), "t")
    json_lines = "".join(json.dumps({"t": line}) + "\n" for line in lines)
    assert expected == read(written(tmp_path, json_lines.encode(), "w.jsonl"), "t")
    assert expected == read(parquet(tmp_path, pa.array(lines)), "text")


def test_a_line_that_is_cut_is_there_before_its_end_is_read(tmp_path: Path) -> None:
    # What stops a reader (enough examples, a signal) is asked after each chunk.
    path = written(tmp_path, b"first\n" + b"x" * (8 * sources._READ_BYTES) + b"\nlast")
    chunks = [chunk.lengths_bytes.tolist() for chunk in text_file_chunks(TextFile(path))]

    assert [5, KEPT, 4] == [length for chunk in chunks for length in chunk]
    assert 5 < len(chunks[chunks.index([KEPT]) :])


@pytest.mark.parametrize("use_dictionary", [True, False])
@pytest.mark.parametrize(
    "texts",
    [
        ["hi", *["y" * 20_000] * 3_000],
        [f"{row}" * 2_000 for row in range(3_000)],
        ["", "a", None, "b"] * 5_000,
    ],
    ids=["few", "many", "null"],
)
def test_texts_that_parquet_stores_once_are_read_in_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, texts: list[str | None], use_dictionary: bool
) -> None:
    path = tmp_path / "w.parquet"
    pq.write_table(pa.table({"text": texts}), path, use_dictionary=use_dictionary)
    small_blocks(monkeypatch, 2**18)
    if None in texts:
        with pytest.raises(InputError, match="row 3: expected a text, found null"):
            read(path, "text")
        return
    chunks = list(text_file_chunks(TextFile(path, "text")))

    assert texts == list(gather_chunks(chunks))
    assert max(chunk.values.size for chunk in chunks) < 4 * 2**18


@pytest.mark.parametrize(("fault", "says"), [(b"\xff", "byte 0xff"), (b"\0", "a NUL character")])
def test_a_fault_far_behind_in_a_long_line_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: bytes, says: str
) -> None:
    monkeypatch.setattr(sources, "_KEPT_CHARACTERS", 100)
    monkeypatch.setattr(sources, "_KEPT_BYTES", 400)
    small_blocks(monkeypatch, 64)

    with pytest.raises(InputError, match=f"line 2: expected UTF-8 text, found .*{says}"):
        read(written(tmp_path, b"a\n" + b"x" * 10_000 + fault + b"\nb\n"))


@pytest.mark.parametrize(
    ("name", "column", "head", "tail", "num_texts"),
    [
        ("w.txt.gz", None, b"", b"\nend\n", 2),
        ("w.txt.gz", None, b"first\n", b"", 2),
        ("w.txt.gz", None, b"first\r", b"\rend", 3),
        ("w.csv.gz", "t", b"t\n", b"\n", None),
        ("w.csv.gz", "t", b't\n"', b'"\n', None),
        ("w.jsonl.gz", "t", b'{"t": "', b'"}\n', None),
    ],
)
def test_a_line_of_any_length_takes_little_memory(
    tmp_path: Path, name: str, column: str | None, head: bytes, tail: bytes, num_texts: int | None
) -> None:
    num_mib = 300
    path = tmp_path / name
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(head)
        for _ in range(num_mib):
            file.write(b"x" * 2**20)
        file.write(tail)
    tracemalloc.start()
    try:
        if num_texts is None:
            with pytest.raises(InputError, match=r"line [12]\b"):
                read(path, column)
        else:
            lengths = [len(text) for text in read(path, column)]
            assert num_texts == len(lengths)
            assert max(lengths) == KEPT
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak_bytes < num_mib * 2**20 // 2
