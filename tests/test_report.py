"""A report says of a run what its rows say, is light whatever the pictures are, and harmless
whatever texts and files are called.
"""

from __future__ import annotations

import os
import re
import shutil
from base64 import b64decode, b64encode
from collections import Counter
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from fault_runs import run as run_shmtext
from hypothesis import given, settings
from hypothesis import strategies as st
from report_runs import HOSTILE, LOST, config_of, render_looks

import shmtext
from shmtext.dataset.committed import open_committed
from shmtext.dataset.manifest import Manifest
from shmtext.errors import ConfigError, FolderError, StorageError
from shmtext.view.embedding import embedded
from shmtext.view.html import MOST_BYTES, html_of, visible
from shmtext.view.page import HIGH_PX, Page, page_of
from shmtext.view.timeline import NUM_STEPS, PAUSE_S, timeline_of

pytest.importorskip("jinja2", reason="Jinja is not installed")


class Parsed(HTMLParser):
    """What a page consists of, as a parser of HTML reads it."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(data.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all_of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.tags if found == tag]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_looks(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def page(run: Path) -> Page:
    with open_committed(run) as committed:
        return page_of(committed, run, 400)


def with_cards(page: Page, **changes: Any) -> Page:
    return replace(page, cards=tuple(replace(card, **changes) for card in page.cards))


def test_counts_are_those_of_the_label_table(run: Path, page: Page) -> None:
    rows = pq.read_table(run / "metadata.parquet").to_pylist()
    counts = page.statistics
    assert len(rows) == counts.num_rows == page.num_images
    characters = Counter("".join(row["text"] for row in rows))
    listed = {each.code: each.count for each in counts.characters.commonest}
    assert {f"U+{ord(each):04X}": count for each, count in characters.items()} == listed
    assert sum(characters.values()) == counts.characters.count
    for bars, name in ((counts.fonts, "font"), (counts.looks, "look")):
        assert bars is not None
        assert Counter(row[name] for row in rows) == {each.name: each.count for each in bars.bars}
    lengths = Counter(len(row["text"]) for row in rows)
    widths = Counter(row["width_px"] for row in rows)
    for histogram, values in ((counts.lengths, lengths), (counts.widths, widths)):
        assert histogram is not None
        bins = [*histogram.bins, *([histogram.beyond] if histogram.beyond else [])]
        for each in bins:
            assert each.count == sum(
                count for value, count in values.items() if each.first <= value <= each.last
            )
        assert len(rows) == sum(each.count for each in bins)
        assert (min(values), max(values)) == (histogram.least, histogram.most)


def test_every_picture_is_there_as_it_is_stored_with_its_label(run: Path, page: Page) -> None:
    rows = pq.read_table(run / "metadata.parquet").to_pylist()
    images = Parsed(html_of(page)).all_of("img")
    assert len(rows) == len(images)
    for row, image in zip(rows, images, strict=True):
        assert image["src"] is not None
        assert (run / row["file_name"]).read_bytes() == b64decode(image["src"].partition(",")[2])
        shown = row["text"] if len(row["text"]) <= 200 else row["text"][:200] + "…"
        assert shown == image["alt"]
        assert (str(row["width_px"]), str(row["height_px"])) == (image["width"], image["height"])


def test_high_pictures_are_shown_smaller_in_their_own_proportions(page: Page) -> None:
    high = replace(page.cards[0], width_px=300, height_px=3 * HIGH_PX)
    assert (100, HIGH_PX) == high.shown_px
    assert (1, HIGH_PX) == replace(high, width_px=1).shown_px


def test_examples_without_a_picture_stand_last_with_text_and_reason(page: Page) -> None:
    lost = [card for card in page.cards if card.reason]
    assert list(page.cards[-len(lost) :]) == lost
    assert set(LOST) == {card.text for card in lost if card.state == "skipped"}
    texts = Parsed(html_of(page)).texts
    assert all(card.text in texts and card.reason in texts for card in lost)


def test_settings_are_those_that_config_prints(run: Path, page: Page) -> None:
    assert run_shmtext("config", run).stdout == page.toml


def test_nothing_of_a_text_becomes_markup(page: Page) -> None:
    parsed = Parsed(html_of(page))
    assert set(HOSTILE) <= set(parsed.texts)
    assert 1 == len(parsed.all_of("script")) == len(parsed.all_of("style"))
    assert all(str(each["src"]).startswith("data:image/") for each in parsed.all_of("img"))


@given(text=st.text(st.characters(), min_size=1, max_size=20))
@settings(max_examples=30)
def test_no_name_can_leave_its_place(page: Page, text: str) -> None:
    def named(name: str) -> bytes:
        card = replace(page.cards[0], text=name, font=name, look=name, reason=name, stored=b"")
        of_name = {"name": name, "toml": name, "facts": ((name, name),)}
        return html_of(replace(page, cards=(card,), **of_name))

    data, other = named(text), named("name")
    assert [tag for tag, _ in Parsed(other).tags] == [tag for tag, _ in Parsed(data).tags]
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", data)


def test_what_cannot_be_seen_is_shown() -> None:
    assert "␀␛␡\\x9b\t\n" == visible("\0\x1b\x7f\x9b\t\n")
    assert "run-\\udcff" == visible(os.fsdecode(b"run-\xff"))


def test_a_folder_may_be_called_anything(run: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"<b>\xff\x1b'\"")
    shutil.copytree(run, tmp_path / name)
    path = shmtext.report(tmp_path / name, tmp_path / f"{name}.html")
    assert f"{tmp_path}/<b>\\udcff␛'\"" in Parsed(path.read_bytes()).texts


def test_the_policy_permits_what_is_inlined_and_nothing_else(page: Page) -> None:
    data = html_of(page)
    (policy,) = (
        each["content"]
        for each in Parsed(data).all_of("meta")
        if each.get("http-equiv") == "Content-Security-Policy"
    )
    hashes = {
        tag: b64encode(
            sha256(data.split(f"<{tag}>".encode())[1].split(f"</{tag}>".encode())[0]).digest()
        ).decode()
        for tag in ("style", "script")
    }
    assert (
        "default-src 'none'; img-src data:; "
        f"style-src 'sha256-{hashes['style']}'; script-src 'sha256-{hashes['script']}'; "
        "base-uri 'none'; form-action 'none'"
    ) == policy
    for _, attributes in Parsed(data).tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]


def test_a_page_of_four_hundred_large_pictures_is_light_and_says_so(page: Page) -> None:
    generator = np.random.Generator(np.random.Philox(1))
    noise = generator.integers(0, 256, (200, 300, 3), np.uint8)
    _, stored = cv2.imencode(".png", noise)
    card = replace(
        page.cards[0], stored=bytes(stored), width_px=300, height_px=200, text="<&>😀" * 50
    )
    data = html_of(replace(page, cards=(card,) * 400))
    assert MOST_BYTES // 2 < len(data) < MOST_BYTES
    parsed = Parsed(data)
    assert 400 == len(parsed.all_of("img"))
    assert "400 of them, the largest, are recoded as WebP here" in "".join(parsed.texts)
    for image in parsed.all_of("img"):
        assert str(image["src"]).startswith("data:image/webp;base64,")
        assert ("300", "200") == (image["width"], image["height"])


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.integers(500, 40_000))
def test_the_largest_pictures_alone_are_recoded_and_all_fit(
    sides: list[int], num_bytes: int
) -> None:
    generator = np.random.Generator(np.random.Philox(1))
    stored = [
        bytes(cv2.imencode(".png", generator.integers(0, 256, (side, side, 3), np.uint8))[1])
        for side in sides
    ]
    found = embedded(stored, num_bytes)
    least_recoded = min(
        (len(data) for data, each in zip(stored, found, strict=True) if each.is_recoded),
        default=None,
    )
    for data, each in zip(stored, found, strict=True):
        if not each.is_recoded:
            assert data == each.data
            assert least_recoded is None or len(data) < least_recoded
    # One pixel of WebP may be more than there is room for.
    smallest = max(len(each.data) for each in found) <= 100
    encoded = sum(len(b64encode(each.data)) for each in found)
    assert encoded <= num_bytes or smallest


def test_a_run_without_looks_has_no_filter_of_looks(tmp_path: Path) -> None:
    shmtext.render(config_of(tmp_path), tmp_path / "out", engine="serial")
    path = shmtext.report(tmp_path / "out", tmp_path / "page.html")
    parsed = Parsed(path.read_bytes())
    assert ["font", "state"] == sorted(str(each["name"]) for each in parsed.all_of("select"))
    assert "Looks" not in parsed.texts


def test_a_run_without_any_picture_has_a_page(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("中文\n日本\n", encoding="utf-8")
    config = shmtext.RunConfig(corpus=shmtext.TextFile(tmp_path / "texts.txt"))
    shmtext.render(config, tmp_path / "out", engine="serial")
    parsed = Parsed(shmtext.report(tmp_path / "out", tmp_path / "page.html").read_bytes())
    assert [] == parsed.all_of("img")
    assert {"中文", "日本"} <= set(parsed.texts)


def test_a_run_that_was_cut_short_is_told_as_far_as_it_is(tmp_path: Path) -> None:
    shmtext.render(config_of(tmp_path, num_repeats=20), tmp_path / "out", engine="serial")
    (tmp_path / "out/_SUCCESS.json").unlink()
    (tmp_path / "out/fragments/00001.json").unlink()
    with open_committed(tmp_path / "out") as committed:
        found = page_of(committed, tmp_path / "out", 10)
        num_images = sum(each.num_rows for each in committed.manifests)
    assert "Interrupted" == found.state
    assert num_images == found.num_images == found.statistics.num_rows
    assert 10 == found.num_pictures
    assert b"committed so far" in html_of(found)


def test_a_damaged_shard_and_a_damaged_picture_are_told(tmp_path: Path) -> None:
    shmtext.render(config_of(tmp_path, num_repeats=20), tmp_path / "out", engine="serial")
    fragment = tmp_path / "out/fragments/00001.parquet"
    fragment.write_bytes(b"none")
    picture = min((tmp_path / "out/images/00000").iterdir())
    picture.write_bytes(picture.read_bytes()[:-1])
    with open_committed(tmp_path / "out") as committed:
        found = page_of(committed, tmp_path / "out", 400)
    assert any("fragments/00001.parquet" in line for line in found.damages.lines)
    damaged = [card for card in found.cards if card.state == "damaged"]
    assert any(picture.name in card.reason for card in damaged)
    texts = "".join(Parsed(html_of(found)).texts)
    assert "not as committed" in texts
    assert picture.name in texts


def manifest(shard: int, **changes: Any) -> Manifest:
    """Of a shard of a hundred pictures that took ten seconds."""
    fields = dict.fromkeys(each.name for each in dataclass_fields(Manifest)) | {
        **dict.fromkeys(("start", "num_skipped", "num_failed", "num_alone", "worker"), 0),
        **dict.fromkeys(("stop", "num_rows"), 100),
        "shard": shard,
        "host": "a",
        "seconds": 10.0,
        "finished_at": 1e9,
    }
    return Manifest(**(fields | changes))


def test_throughput_is_spread_over_the_time_that_shards_took() -> None:
    found = timeline_of(
        [
            manifest(0, finished_at=1_000.0, seconds=20.0, worker=0),
            manifest(1, finished_at=1_000.0, seconds=10.0, worker=1, num_alone=3),
        ]
    )
    assert found is not None
    assert (980.0, 1_000.0, 20.0) == (found.begin_s, found.end_s, found.at_work_s)
    assert 15.0 == pytest.approx(found.highest_per_s)  # 5 pictures/s, and 10 in the second half
    assert [5.0, 10.0] == [each.images_per_s for each in found.lanes]
    assert (10.0, 3) == (found.images_per_s, found.num_alone)
    assert () == found.pauses


def test_pauses_between_starts_are_cut_out_and_told() -> None:
    found = timeline_of(
        [
            manifest(0, finished_at=1_000.0),
            manifest(1, finished_at=1_010.0 + PAUSE_S / 2),
            manifest(2, finished_at=50_000.0),
        ]
    )
    assert found is not None
    (pause,) = found.pauses
    assert (1_010.0 + PAUSE_S / 2, 49_990.0) == (pause.begin_s, pause.end_s)
    assert found.paused_s == pause.end_s - pause.begin_s
    assert 30.0 + PAUSE_S / 2 == pytest.approx(found.at_work_s)
    assert (20.0 + PAUSE_S / 2) / found.at_work_s == pytest.approx(pause.step / NUM_STEPS)


def test_manifests_may_say_that_a_shard_took_no_time_or_less() -> None:
    found = timeline_of([manifest(0, seconds=-1.0), manifest(1, seconds=0.0, finished_at=9e11)])
    assert found is not None
    assert (200, 1) == (found.num_images, found.num_pauses)


@pytest.mark.parametrize("name", ["run.json", "labels.csv", "images/page.html", "page.txt"])
def test_no_file_of_the_run_is_replaced(run: Path, name: str) -> None:
    before = {each: each.stat().st_mtime_ns for each in run.rglob("*")}
    with pytest.raises(ConfigError, match=r"expected the name of a .html|own files"):
        shmtext.report(run, run / name)
    assert before == {each: each.stat().st_mtime_ns for each in run.rglob("*")}


def test_a_page_is_put_into_the_run_where_that_is_asked_for(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run)
    with pytest.raises(ConfigError, match="choose another folder"):
        shmtext.report(run)
    assert not (run / "report.html").exists()
    shmtext.report(run, "report.html")
    assert (run / "report.html").read_bytes().startswith(b"<!DOCTYPE html>")
    (run / "report.html").unlink()
    monkeypatch.chdir(tmp_path)
    assert Path("report.html") == shmtext.report(run)
    assert ["report.html"] == os.listdir(tmp_path)


def test_a_page_that_cannot_be_written_is_an_error_and_leaves_nothing(
    run: Path, tmp_path: Path
) -> None:
    (tmp_path / "page.html").mkdir()
    with pytest.raises(StorageError, match=r"page\.html: Is a directory"):
        shmtext.report(run, tmp_path / "page.html")
    with pytest.raises(StorageError, match="No such file"):
        shmtext.report(run, tmp_path / "none/page.html")
    assert ["page.html"] == os.listdir(tmp_path)


def test_where_no_run_is_there_is_no_page(tmp_path: Path) -> None:
    with pytest.raises(FolderError):
        shmtext.report(tmp_path, tmp_path / "page.html")
    for num_images in (0, 1_001):
        with pytest.raises(ConfigError, match="1 to 1,000"):
            shmtext.report(tmp_path, num_images=num_images)
