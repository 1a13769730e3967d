r"""Texts of files: lines of one, a column of CSV, JSONL or Parquet.

Every file is a stream of chunks in which line (row) ``i`` of the file, counted from 0, is
example ``i``: blank lines stay, as empty texts. A fault in a file is an ``InputError`` that
names the file and the line, raised while the stream is read; whoever reads it to its end before
rendering renders nothing from a faulty file.

Nothing is stripped from a text but its ``\n`` or ``\r\n``, or ``\r`` where a file has no other line
ends. Of a text that is far too long to be an example only the beginning is kept: a file may be one
line of gigabytes, and never more than a few blocks of it are in memory.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from shmtext.config import TextFile
from shmtext.corpus.ragged import TextChunk
from shmtext.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_READ_BYTES = 4 * 2**20
"""Large enough for numpy, small enough that the copies of a block in hand do not matter."""

_DECODED_BYTES = 2**18
"""At once, to see whether they are UTF-8: what they come to stays in the processor's cache."""

_KEPT_CHARACTERS = 2**20
"""Of a text. A hundred times what an example may have, so that it is seen to be too long."""
_KEPT_BYTES = 4 * _KEPT_CHARACTERS
"""Hold so many characters, whatever they are."""
_MAX_RECORD_BYTES = 8 * 2**20
"""Of a row of CSV or an object of JSONL: it is held whole while it is parsed, and may come to
thirty times as many bytes then."""
_ROWS_PER_BATCH = 65_536
_LEAST_ROW_BYTES = 8
"""Of a Parquet text, four of them its length; a column that has fewer a row shares texts."""
_MAX_NAME = 80
_MAX_NAMED = 20
"""Columns that an error names; tables may have thousands."""
_BOM = b"\xef\xbb\xbf"
_UTF_16 = "UTF-16 text, expected UTF-8: save it as UTF-8"
_FOREIGN_BEGINNINGS = {
    b"\xff\xfe": _UTF_16,
    b"\xfe\xff": _UTF_16,
    b"\x1f\x8b": "gzip where text is expected: unpack it, or name it .gz",
    b"PK\x03": "an archive, as spreadsheets and documents are: save their texts as UTF-8 text",
}
_NEWLINE, _RETURN = ord("\n"), ord("\r")

_TABLES = (".csv", ".tsv", ".parquet")
_OBJECTS = (".jsonl", ".ndjson", ".jsonlines", ".jl")


def text_file_chunks(source: TextFile) -> Iterator[TextChunk]:
    """Read a file of texts from its beginning to its end, a few megabytes at a time."""
    path, column = source.path, source.column
    _check_regular_file(path)
    is_packed = path.suffix.lower() == ".gz"
    suffix = Path(path.stem if is_packed else path.name).suffix.lower()
    if suffix == ".json":
        raise InputError(
            f"{path} is one JSON document: write its texts as lines of a text file, or as objects, "
            "one a line (.jsonl)"
        )
    if suffix == ".parquet" and is_packed:
        raise InputError(f"{path} is a packed Parquet file: unpack it")
    if column is None and suffix in (*_TABLES, *_OBJECTS):
        noun = "column" if suffix in _TABLES else "field"
        raise InputError(
            f"{path} holds {noun}s: name the one with the texts, as {path}::{noun.upper()}"
        )
    if column is None:
        chunks = _line_chunks(path)
    elif suffix == ".parquet":
        chunks = _parquet_chunks(path, column)
    elif suffix in _OBJECTS:
        chunks = _cell_chunks(_json_cells(path, column))
    else:
        chunks = _cell_chunks(_csv_cells(path, column, "\t" if suffix == ".tsv" else ","))
    return _require_text(path, chunks)


def _require_text(path: Path, chunks: Iterator[TextChunk]) -> Iterator[TextChunk]:
    """Pass chunks on; complain at the end if all of their texts were blank."""
    has_text = False
    for chunk in chunks:
        # Only until the first text: as a rule, for the first chunk alone.
        has_text = has_text or not _is_blank(chunk.values)
        yield chunk
    if not has_text:
        raise InputError(f"{path} holds no text: expected at least one line that is not blank")


def _is_blank(values: NDArray[np.uint8]) -> bool:
    text = values.tobytes().decode()
    return not text or text.isspace()


def _check_regular_file(path: Path) -> None:
    """Refuse what is not a file before it is opened: opening a FIFO waits for its writer."""
    with _input_errors(path):
        mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise InputError(f"{path} is {kind}: expected a text, CSV or Parquet file")


@contextmanager
def _input_errors(path: Path) -> Iterator[None]:
    """Turn what can go wrong while a file is read into one line about that file."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is no whole gzip file ({error}): get it anew") from error
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"cannot read {path}: {reason}: check the path and who may read it"
        ) from error


def _open_binary(path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")


# Lines of a text file


def _line_chunks(path: Path) -> Iterator[TextChunk]:
    for block in _whole_lines(path, keeps_long=False):
        yield _split_block(block)


def _whole_lines(path: Path, *, keeps_long: bool) -> Iterator[bytes]:
    """Read a file in blocks that end where a line does.

    A line that runs on from block to block is cut short as soon as it is too long for an example,
    and empty blocks follow up to its end: whoever reads may want to stop. With ``keeps_long`` it
    is kept whole, and refused where that would take too much memory.
    """
    held: list[bytes] = []
    num_held_bytes, num_lines = 0, 0
    is_cut = False
    for piece in _checked_pieces(path):
        if is_cut:
            is_cut = b"\n" not in piece
            piece = b"" if is_cut else piece[piece.index(b"\n") + 1 :]
        # A line in several pieces is joined once.
        stop = piece.rfind(b"\n") + 1
        block = b"".join([*held, piece[:stop]]) if stop else b""
        held = [piece[stop:]] if stop else [*held, piece]
        num_held_bytes = len(piece) - stop + (0 if stop else num_held_bytes)
        num_lines += _count_lines(block) if keeps_long else 0
        yield block
        if keeps_long and num_held_bytes > _MAX_RECORD_BYTES:
            raise _too_long(path, num_lines + 1)
        if not keeps_long and num_held_bytes > _KEPT_BYTES:
            yield _first_characters(b"".join(held)) + b"\n"
            held, num_held_bytes, is_cut = [], 0, True
    if num_held_bytes:
        yield b"".join(held)


def _too_long(path: Path, line: int) -> InputError:
    return InputError(
        f"{path}, line {line:,}: expected at most {_MAX_RECORD_BYTES >> 20} MiB a row, found more: "
        "is a line end or a quote missing?"
    )


def _first_characters(text: bytes) -> bytes:
    return text.decode()[:_KEPT_CHARACTERS].encode()


def _checked_pieces(path: Path) -> Iterator[bytes]:
    """Read a file in pieces of whole characters, all of them text; ``\\n`` ends lines."""
    num_lines = 0
    has_returns: bool | None = None  # whether ``\r`` alone ends lines: not known before the first
    rest = b""
    with _input_errors(path), _open_binary(path) as file:
        head = file.read(len(_BOM))
        for beginning, kind in _FOREIGN_BEGINNINGS.items():
            if head.startswith(beginning):
                raise InputError(f"{path} is {kind}")
        block = (head if head != _BOM else b"") + file.read(_READ_BYTES)
        while block:
            following = file.read(_READ_BYTES)
            piece = rest + block
            stop = _whole_characters(piece) if following else len(piece)
            if following and has_returns is not False and piece.endswith(b"\r"):
                stop -= 1  # the first half of a line end, perhaps
            piece, rest, block = piece[:stop], piece[stop:], following
            if has_returns is None and (b"\n" in piece or b"\r" in piece):
                has_returns = b"\n" not in piece
            if has_returns:
                piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            fault, position = _find_fault(piece)
            if fault:
                line = num_lines + piece.count(b"\n", 0, position) + 1
                raise _bad_text(path, f"line {line:,}", fault)
            num_lines += _count_lines(piece)
            yield piece


def _count_lines(piece: bytes) -> int:
    # ``bytes.count`` takes a third of what reading a file of short lines takes.
    return int(np.count_nonzero(np.frombuffer(piece, np.uint8) == _NEWLINE))


def _whole_characters(piece: bytes) -> int:
    """Where a last character begins that is not whole; the length where it is.

    >>> _whole_characters("aß".encode()), _whole_characters("aß".encode()[:-1])
    (3, 1)
    """
    for num_bytes in range(1, min(4, len(piece) + 1)):
        byte = piece[-num_bytes]
        if byte >= 0xC0:
            is_whole = num_bytes >= 2 + (byte >= 0xE0) + (byte >= 0xF0)
            return len(piece) - (0 if is_whole else num_bytes)
        if byte < 0x80:
            break
    return len(piece)


def _find_fault(block: bytes) -> tuple[str, int]:
    """Say what is wrong first in a block of UTF-8, and at which byte; an empty text if nothing."""
    nul = block.find(b"\0")
    start, stop = 0, len(block) if not block.isascii() else 0
    try:
        while start < stop:
            some = block[start : start + _DECODED_BYTES]
            if start + len(some) < stop:
                some = some[: _whole_characters(some)]
            some.decode()
            start += len(some)
    except UnicodeDecodeError as error:
        position = start + error.start
        if nul < 0 or position < nul:
            return f"no UTF-8 (byte 0x{block[position]:02x})", position
    return ("a NUL character", nul) if nul >= 0 else ("", 0)


def _bad_text(path: Path | str, place: str, fault: str) -> InputError:
    return InputError(f"{path}, {place}: expected UTF-8 text, found {fault}: correct the file")


def _split_block(block: bytes) -> TextChunk:
    """Take the line ends out of some whole lines, or of none."""
    codes = np.frombuffer(block, np.uint8)
    newlines = np.flatnonzero(codes == _NEWLINE)
    has_return = (newlines > 0) & (codes[newlines - 1] == _RETURN)
    is_kept = np.ones(codes.size, np.bool_)
    is_kept[newlines] = False
    is_kept[newlines[has_return] - 1] = False
    if not block or block.endswith(b"\n"):
        lengths = np.diff(newlines, prepend=-1) - 1
    else:
        lengths = np.diff(newlines, prepend=-1, append=codes.size) - 1
    lengths[: newlines.size] -= has_return
    return _shortened(codes[is_kept], lengths)


def _shortened(values: NDArray[np.uint8], lengths: NDArray[np.int64]) -> TextChunk:
    """Cut texts that are too long for an example to the first ``_KEPT_CHARACTERS``."""
    long = np.flatnonzero(lengths > _KEPT_CHARACTERS)
    if long.size == 0:
        return TextChunk(values, lengths.astype(np.int32))
    stops = np.cumsum(lengths)
    is_kept = np.ones(values.size, np.bool_)
    for text in long.tolist():
        start, stop = int(stops[text] - lengths[text]), int(stops[text])
        # Only so many bytes are looked at, then up to the end of a character.
        kept = values[start : min(stop, start + _KEPT_BYTES)].tobytes().decode(errors="ignore")
        lengths[text] = len(kept[:_KEPT_CHARACTERS].encode())
        is_kept[start + lengths[text] : stop] = False
    return TextChunk(values[is_kept], lengths.astype(np.int32))


# A column of a CSV file, a field of JSON's objects


def _cell_chunks(cells: Iterator[bytes]) -> Iterator[TextChunk]:
    held: list[bytes] = []
    num_held_bytes = 0
    for cell in cells:
        held.append(cell)
        num_held_bytes += len(cell)
        if len(held) == _ROWS_PER_BATCH or num_held_bytes >= _READ_BYTES:
            yield _pack_cells(held)
            held, num_held_bytes = [], 0
    if held:
        yield _pack_cells(held)


def _pack_cells(cells: list[bytes]) -> TextChunk:
    lengths = np.fromiter(map(len, cells), np.int64, len(cells))
    return _shortened(np.frombuffer(b"".join(cells), np.uint8), lengths)


def _csv_cells(path: Path, column: str, delimiter: str) -> Iterator[bytes]:
    """Read one column's cells, as UTF-8. Blank lines count as rows: they are empty texts."""
    # The module's limit of 128 KiB a cell is global; a longer text is none of its business. A quote
    # that is never closed makes one cell of the rest of the file.
    limit = csv.field_size_limit(_MAX_RECORD_BYTES)
    num_bytes = 0  # of the row that is read

    def counted_lines() -> Iterator[str]:
        nonlocal num_bytes
        for number, line in enumerate(_decoded_lines(path), start=1):
            num_bytes += len(line)
            if num_bytes > _MAX_RECORD_BYTES:
                raise _too_long(path, number)
            yield line

    try:
        # Strict: a quote that is never closed would silently swallow the rest of the file.
        rows = csv.reader(counted_lines(), delimiter=delimiter, strict=True)
        index = column_index(path, column, next(rows, []))
        for row in rows:
            num_bytes = 0
            if row and index >= len(row):
                raise InputError(
                    f"{path}, line {rows.line_num:,}: expected a cell for column {column!r} "
                    f"(number {index + 1}), found {len(row)} cells: complete the row"
                )
            yield row[index].encode() if row else b""
    except csv.Error as error:
        raise InputError(f"{path}, line {rows.line_num:,}: no CSV ({error}): correct it") from error
    finally:
        csv.field_size_limit(limit)


def _json_cells(path: Path, field: str) -> Iterator[bytes]:
    """Read one field of every object, as UTF-8. Blank lines are empty texts."""
    for number, line in enumerate(_decoded_lines(path), start=1):
        text = _json_text(f"{path}, line {number:,}", line, field) if line.strip() else ""
        try:
            encoded = text.encode()
        except UnicodeEncodeError as error:
            fault = f"half a character (U+{ord(text[error.start]):04X})"
            raise _bad_text(path, f"line {number:,}", fault) from error
        if b"\0" in encoded:
            raise _bad_text(path, f"line {number:,}", "a NUL character")
        yield encoded


def _json_text(place: str, line: str, field: str) -> str:
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else error
        raise InputError(f"{place}: cannot read it as a JSON object ({reason})") from error
    if not isinstance(value, dict):
        raise InputError(f"{place}: expected a JSON object, found {type(value).__name__}")
    if field not in value:
        raise InputError(f"{place}: expected the field {field!r}, found {_named(list(value))}")
    text = value[field]
    if not isinstance(text, str):
        raise InputError(
            f"{place}: expected the field {field!r} to hold a string, found {json.dumps(text)[:40]}"
        )
    return text


def _decoded_lines(path: Path) -> Iterator[str]:
    for block in _whole_lines(path, keeps_long=True):
        # Not ``splitlines``: it cuts at other characters, too.
        yield from io.StringIO(block.decode(), newline="\n")


def column_index(path: Path | str, column: str, names: list[str]) -> int:
    """The place of a column among a table's names; ``InputError`` unless it is there once."""
    if not names:
        raise InputError(f"{path} holds no text: expected a first line with the columns' names")
    if names.count(column) != 1:
        found = "several" if column in names else "none"
        raise InputError(
            f"{path}: expected one column {column!r}, found {found} among {_named(names)}"
        )
    return names.index(column)


def _named(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMED:,} more" if len(names) > _MAX_NAMED else ""
    shown = [name if len(name) <= _MAX_NAME else f"{name[:_MAX_NAME]}…" for name in names]
    return ", ".join(shown[:_MAX_NAMED]) + more if names else "none"


# A column of a Parquet file


def _parquet_chunks(path: Path, column: str) -> Iterator[TextChunk]:
    # Imported here: it takes a tenth of a second, and most corpora are no Parquet files.
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty: expected a Parquet file")
    num_rows = 0
    try:
        metadata = pq.read_metadata(path)
        num_bytes = _num_column_bytes(metadata, column)
        # Texts that are written once for many rows are read so, too: out of some hundred bytes may
        # come gigabytes.
        shared = [column] if 0 < num_bytes < _LEAST_ROW_BYTES * metadata.num_rows else None
        num_batch_rows = _ROWS_PER_BATCH
        if not shared and num_bytes:
            num_batch_rows = min(_READ_BYTES * metadata.num_rows // num_bytes, num_batch_rows)
        # Streamed: else a whole column of a row group would be held.
        streamed = {"read_dictionary": shared, "buffer_size": _READ_BYTES}
        with pq.ParquetFile(path, metadata=metadata, **streamed) as file:
            schema = file.schema_arrow
            column_index(path, column, list(schema.names))
            check_is_text(path, schema.field(column))
            sizes = {"batch_size": max(1, num_batch_rows), "columns": [column]}
            for batch in file.iter_batches(**sizes, use_threads=False):
                for rows in _in_blocks(batch.column(0)):
                    chunk = arrow_chunk(path, rows, num_rows)
                    num_rows += chunk.lengths_bytes.size
                    yield chunk
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is no whole Parquet file ({reason}): get it anew") from error


def _num_column_bytes(metadata: pq.FileMetaData, column: str) -> int:
    """What a column comes to when it is unpacked, by what the file says of itself."""
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    chunks = [group.column(index) for group in groups for index in range(group.num_columns)]
    return sum(int(c.total_uncompressed_size) for c in chunks if c.path_in_schema == column)


def _in_blocks(texts: pa.Array) -> Iterator[pa.Array]:
    """Cut texts that are shared by many rows so that each piece comes to about a block."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    if not pa.types.is_dictionary(texts.type):
        yield texts
        return
    num_bytes = pc.fill_null(pc.binary_length(texts.dictionary), 0).to_numpy(zero_copy_only=False)
    rows = pc.fill_null(texts.indices, 0).to_numpy(zero_copy_only=False)
    block = np.cumsum(num_bytes.take(rows, mode="clip"), dtype=np.int64) // _READ_BYTES
    seams = [0, *(np.flatnonzero(np.diff(block)) + 1).tolist(), len(texts)]
    for start, stop in pairwise(seams):
        yield texts.slice(start, stop - start)


def check_is_text(path: Path | str, field: pa.Field) -> None:
    """Raise ``InputError`` unless a column holds strings."""
    import pyarrow as pa  # noqa: PLC0415

    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    is_text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    if not any(holds(kind) for holds in is_text):
        raise InputError(f"{path}: expected column {field.name!r} to hold strings, found {kind}")


def arrow_chunk(path: Path | str, array: pa.Array, num_rows_before: int) -> TextChunk:
    """Take the two buffers out of an Arrow array of strings, whose layout is ours.

    ``num_rows_before`` is for the row that ``InputError`` names, where one is null or no text.
    """
    import pyarrow as pa  # noqa: PLC0415

    texts = array.cast(pa.large_string())
    if texts.null_count:
        row = num_rows_before + int(texts.is_null().to_numpy(zero_copy_only=False).argmax()) + 1
        raise InputError(f"{path}, row {row:,}: expected a text, found null: fill or drop the row")
    texts.validate()
    _, offset_buffer, value_buffer = texts.buffers()
    if len(texts) == 0:
        return TextChunk(np.empty(0, np.uint8), np.empty(0, np.int32))
    offsets = np.frombuffer(offset_buffer, np.int64, len(texts) + 1, 8 * texts.offset)
    stored = b"" if value_buffer is None else value_buffer
    values = np.frombuffer(stored, np.uint8)[offsets[0] : offsets[-1]].copy()
    seams = offsets - offsets[0]
    _check_rows(path, values, seams, num_rows_before)
    return _shortened(values, np.diff(seams))


def _check_rows(
    path: Path | str, values: NDArray[np.uint8], seams: NDArray[np.int64], num_rows_before: int
) -> None:
    """Raise for the first row with a byte that is NUL or no UTF-8."""
    fault, position = _find_fault(values.tobytes())
    starts = seams[:-1][seams[:-1] < values.size]
    # Two halves of a character in neighbouring rows make one that is whole only end to end.
    torn = starts[(values[starts] & 0xC0) == 0x80]
    if torn.size and (not fault or int(torn[0]) < position):
        position = int(torn[0]) - 1
        fault = f"no UTF-8 (byte 0x{values[position]:02x})"
    if fault:
        row = int(np.searchsorted(seams, position, side="right"))
        raise _bad_text(path, f"row {num_rows_before + row:,}", fault)
