"""What a worker says comes across whole, in one write that Linux does not cut in two."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shmtext.engine.messages import MAX_ERROR_CHARACTERS, MAX_LINE_BYTES, Message, MessageKind
from shmtext.engine.progress import ShardDone

NUMBERS = st.builds(ShardDone, *[st.integers(0, 2**60)] * 5).map(asdict)
REPORTS = st.builds(
    Message,
    st.sampled_from(get_args(MessageKind)),
    st.integers(0, 2**40),
    st.text(max_size=300),
    st.just({}) | NUMBERS,
)


@given(REPORTS)
def test_a_report_comes_across_as_it_was(report: Message) -> None:
    assert report == Message.parse(report.line())


@given(st.text(max_size=5_000))
def test_a_report_is_one_short_line_whatever_the_error(error: str) -> None:
    line = Message("bug", error=error).line()

    assert len(line) <= MAX_LINE_BYTES
    assert line.count(b"\n") == 1
    assert Message.parse(line).error in (error[:MAX_ERROR_CHARACTERS], "(too long)")


def test_a_kind_that_no_worker_knows_is_a_bug() -> None:
    line = Message("ready").line().replace(b"ready", b"tired")

    with pytest.raises(RuntimeError, match="nobody knows: tired"):
        Message.parse(line)


def test_saying_something_to_nobody_does_no_harm() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    Message("ready").write(write_end)
    os.close(write_end)


def test_a_worker_s_first_module_needs_no_library() -> None:
    """What takes long to import, or may fail to, is imported where that can be reported."""
    code = (
        "import sys, shmtext.engine.spawn, shmtext.engine.worker; "
        "print(*{'numpy', 'cv2', 'PIL', 'pyarrow', 'psutil', 'shmtext.config'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "\n"
