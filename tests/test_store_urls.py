"""Where a run is: URLs of buckets, and what is none. Needs no client."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import shmtext
from shmtext import Output, RunConfig
from shmtext.dataset.objects import Failure
from shmtext.dataset.places import StoreUrl, run_place
from shmtext.errors import ConfigError, FolderError

names = st.text(
    st.characters(codec="ascii", categories=["L", "N"], include_characters="-_.~"), min_size=1
).filter(lambda name: name not in (".", ".."))


buckets = st.from_regex(r"[A-Za-z0-9._-]+", fullmatch=True)


@given(st.sampled_from(["s3", "gs", "az"]), buckets, st.lists(names, min_size=1, max_size=4))
def test_a_url_is_read_back_as_it_is_told(scheme: str, bucket: str, prefix: list[str]) -> None:
    text = f"{scheme}://{bucket}/{'/'.join(prefix)}"
    url = StoreUrl.parse(text)

    assert str(url) == text
    assert StoreUrl.parse(f"{text}/") == url
    assert run_place(text) == run_place(url) == url
    assert url / "run.json" == f"{text}/run.json"


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"], exclude_characters="/")))
def test_any_name_below_a_bucket_can_be_told_and_read(name: str) -> None:
    url = StoreUrl("s3", "bucket", f"runs/_{name}_")

    assert StoreUrl.parse(str(url)) == url


SECRET = "s3cr3t"


@pytest.mark.parametrize(
    "text",
    [
        f"s3://KEY:{SECRET}@bucket/run",
        f"s3://{SECRET}@bucket/run",
        f"s3://KEY:{SECRET}/{SECRET}@bucket/run",
        f"s3://[{SECRET}/run",
        f"s3://KEY:{SECRET}@bu\u2100ket/run",
        f"s3://bucket/run?token={SECRET}",
        f"az://container/run?sig={SECRET}",
        f"gs://bucket/run#{SECRET}",
        f"https://user:{SECRET}@host/bucket",
        f"hdfs://{SECRET}/run",
        f"s3://{SECRET}",
        f"s3://{SECRET}/",
        f"s3:///{SECRET}/run",
        f"s3://bucket/{SECRET}/../run",
        f"s3://bucket//{SECRET}",
        f"s3://bucket/a/%2e%2e/{SECRET}",
    ],
)
def test_a_url_that_can_not_be_used_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        run_place(text)

    assert SECRET not in str(caught.value)


def test_a_file_url_is_a_folder(tmp_path: Path) -> None:
    assert run_place(f"file://{tmp_path}/a%20b") == tmp_path / "a b"
    assert run_place("file://localhost/x") == Path("/x")
    for text in ("file://host/x", "file://x", "file:x://"):
        with pytest.raises(ConfigError):
            run_place(text)


def test_a_url_that_pathlib_has_had_is_refused() -> None:
    with pytest.raises(FolderError, match="text with two slashes"):
        run_place(Path("s3://bucket/run"))


def test_without_the_client_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ConfigError, match=r"pip install 'shmtext\[cloud\]'"):
        shmtext.render(RunConfig(max_images=3, output=Output(container="tar")), "s3://bucket/run")


@pytest.mark.parametrize(
    ("text", "why", "may_pass"),
    [
        ("... status code: 503 Service Unavailable: <Code>SlowDown</Code>", "slow down", True),
        ("... status code: 400 Bad Request: <Code>ExpiredToken</Code><Token-0>s3cr3t</Token-0>",
         "have expired", True),
        ("... status code: 403 Forbidden: <Code>SignatureDoesNotMatch</Code>s3cr3t", "secret key",
         False),
        ("error sending request\n\nDebug source: dns error s3cr3t", "not known", True),
        ("error sending request\n\nDebug source: InvalidData s3cr3t", "no TLS", False),
        ("error sending request\n\nDebug source: builder error s3cr3t", "no https", False),
        ("error sending request\n\nDebug source: s3cr3t", "the request failed", True),
        ("... PUT http://169.254.169.254/latest/api/token s3cr3t", "no credentials", False),
        ("path External AWS credential provider: RuntimeError: s3cr3t", "sign in again", False),
        ("... status code: 418 s3cr3t", "the request failed", False),
        ("<Code>s3cr3t with spaces</Code>", "the request failed", False),
    ],
)  # fmt: skip
def test_a_failure_keeps_no_word_of_the_servers(text: str, why: str, may_pass: bool) -> None:
    failure = Failure.of(ValueError(text))
    told = str(failure.error("read s3://bucket/run/run.json"))

    assert why in failure.why
    assert failure.may_pass == may_pass
    assert told.startswith("cannot read s3://bucket/run/run.json: ")
    assert SECRET not in told
