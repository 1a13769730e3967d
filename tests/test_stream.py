"""Batches in a training loop: what they hold, in which order, and where they go on."""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import shmtext
from shmtext import ShmtextError, StreamBatch
from shmtext.config import RunConfig, config_from_options
from shmtext.errors import ConfigError, InputError, RendererError

TEXTS = [
    *(f"text {number} öß" for number in range(30)),
    "",
    "  ",
    "two\tlines and more than that, so that they are wrapped",
    "漢字",
    "יום טוב",
    "a",
]


def config_of(tmp_path: Path, texts: Iterable[str] = TEXTS, **more: Any) -> RunConfig:
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    # A column of Parquet or JSONL keeps what a line of a text file can't hold.
    # Fonts that are bundled are trusted: others would be tried out in a process, each time.
    return config_from_options({"texts": f"{path}::text", "font_sizes": [20, 31], **more})


def drawn(batches: Iterable[StreamBatch]) -> list[tuple[int, int, str, str]]:
    """Of each picture its position, example, text and hash."""
    found = []
    for batch in batches:
        for row in range(len(batch)):
            picture = batch.images[row, : batch.heights[row], : batch.widths[row]]
            digest = hashlib.sha256(str(picture.shape).encode() + picture.tobytes()).hexdigest()
            found.append(
                (int(batch.positions[row]), int(batch.indices[row]), batch.texts[row], digest)
            )
    return found


def take(stream: shmtext.Stream, num: int) -> list[tuple[int, int, str, str]]:
    return drawn(itertools.islice(stream, num))


RUNS: dict[str, dict[str, Any]] = {
    "plain": {},
    "coloured": {
        "font_colors": ["#ff0000", "#0000a0"],
        "background_colors": ["#ffffff", "#e0e0ff"],
    },
    "wrapped": {"max_chars_per_line": 7},
    "looks": {"look": ["mixed"], "max_chars_per_line": 20},
    "wrapped by width": {"max_width_px": 90, "align": "justify", "font_sizes": [12, 20]},
    "on a page": {
        "height": 24,
        "font_sizes": [32],
        "margin": ["2", "10% 3"],
        "min_width": 99,
        "letter_spacing": "1",
    },
    "basic": {"layout": "basic", "mode": "rgb"},
    "boxes": {"boxes": "characters", "look": ["scan"]},
}


@pytest.mark.parametrize("name", RUNS)
def test_unshuffled_the_first_epoch_is_a_run_s_pictures_before_encoding(
    tmp_path: Path, name: str
) -> None:
    config = config_of(tmp_path, image_format="png", **RUNS[name])
    shmtext.render(config, tmp_path / "out", engine="serial")
    with (
        shmtext.open(tmp_path / "out") as run,
        shmtext.stream(config, 5, (400, 1_000), fit="keep", shuffle=False, workers=0) as stream,
    ):
        rows = [(example.picture, example.row) for example in run]
        assert len(rows) == stream.num_examples
        batches = [batch.copy() for batch in itertools.islice(stream, -(-len(rows) // 5))]
        skipped = _skipped(tmp_path / "out")
        assert skipped == {each.index: (each.text, each.reason) for each in stream.left_out}
    found = itertools.chain.from_iterable(zip(*_rows(batch), strict=True) for batch in batches)
    for (picture, row), (streamed, index, text, boxes) in zip(rows, found, strict=False):
        assert (row["example_index"], row["text"]) == (index, text)
        assert np.array_equal(picture, streamed)
        if name == "boxes":
            assert row["boxes"] == boxes


def _rows(batch: StreamBatch) -> tuple[list[Any], ...]:
    pictures = [
        image[:height, :width]
        for image, height, width in zip(batch.images, batch.heights, batch.widths, strict=True)
    ]
    boxes: list[Any] = [None] * len(batch)
    if batch.boxes is not None:
        corners = batch.boxes.corners.astype(int)
        boxes = [
            corners[first:last].reshape(-1, 8).tolist()
            for first, last in itertools.pairwise(batch.boxes.seams.tolist())
        ]
    return pictures, batch.indices.tolist(), batch.texts, boxes


def _skipped(out: Path) -> dict[int, tuple[str, str]]:
    table = pq.read_table(out / "skipped.parquet").to_pylist()
    return {row["example_index"]: (row["text"], row["reason"]) for row in table}


def test_every_epoch_has_each_example_once_and_new_pictures(tmp_path: Path) -> None:
    config = config_of(tmp_path, look=["scan"])
    with shmtext.stream(config, 7, workers=0) as stream:
        num = stream.num_examples
        pictures = take(stream, 3 * num)[: 3 * num * 7]
    epochs = [pictures[first : first + num] for first in range(0, len(pictures), num)]

    assert list(range(len(pictures))) == [position for position, *_ in pictures]
    for epoch in epochs:
        assert num == len({index for _, index, *_ in epoch})
    orders = {tuple(index for _, index, *_ in epoch) for epoch in epochs}
    assert len(epochs) == len(orders)
    digests = [digest for *_, digest in pictures]
    assert len(set(digests)) > 0.99 * len(digests)


@pytest.mark.parametrize("wrapped", [{"max_chars_per_line": 6}, {"max_width_px": 50}])
def test_texts_are_labels_that_name_what_is_drawn(tmp_path: Path, wrapped: dict[str, int]) -> None:
    config = config_of(tmp_path, **wrapped)
    with shmtext.stream(config, 9, workers=0, shuffle=False) as stream:
        texts = [(position, index, text) for position, index, text, _ in take(stream, 8)]
        left_out = {each.index for each in stream.left_out}
    shmtext.render(config, tmp_path / "out", engine="serial")
    rows = pq.read_table(tmp_path / "out/metadata.parquet").to_pylist()

    # In later epochs a text may have another font, and so other lines.
    labels = {(index, text) for position, index, text in texts if position < len(rows)}
    assert labels == {(row["example_index"], row["text"]) for row in rows}
    assert any("\n" in text for _, text in labels)
    assert not left_out & {index for index, _ in labels}
    assert {TEXTS.index(""), TEXTS.index("漢字")} <= left_out


@settings(max_examples=4)
@example(workers=1, world_size=1, batch_size=7, cut=4, bucket=4)
@example(workers=2, world_size=2, batch_size=5, cut=2, bucket=None)
@given(
    workers=st.just(0),  # which start no process
    world_size=st.integers(1, 3),
    batch_size=st.integers(1, 9),
    cut=st.integers(0, 4),
    bucket=st.sampled_from([None, 4]),
)
def test_whoever_draws_and_however_it_goes_on_there_is_one_sequence(
    tmp_path_factory: pytest.TempPathFactory,
    workers: int,
    world_size: int,
    batch_size: int,
    cut: int,
    bucket: int | None,
) -> None:
    config = config_of(tmp_path_factory.mktemp("texts"))
    more = {"fit": "keep", "size": (60, 400), "bucket": bucket}
    with shmtext.stream(config, 6, workers=0, **more) as stream:
        expected = take(stream, 23)  # as many as the others take at most
    pictures, states = [], []
    for rank in range(world_size):
        turn = {"rank": rank, "world_size": world_size}
        with shmtext.stream(config, batch_size, workers=workers, **turn, **more) as stream:
            pictures += take(stream, cut)
            states.append(stream.state_dict())
    assert [states[0]] * world_size == states
    assert cut * world_size * batch_size == states[0]["position"]
    # Another stream, with other takers, goes on.
    with shmtext.stream(config, 5, workers=0, **more) as stream:
        stream.load_state_dict(json.loads(json.dumps(states[0])))
        pictures += take(stream, 5)
    pictures.sort()
    assert expected[: len(pictures)] == pictures[: len(expected)]


def test_a_state_after_a_batch_goes_on_behind_it(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    with shmtext.stream(config, 8, workers=0) as stream:
        batches = [next(stream), next(stream), next(stream)]
        expected = drawn(batches[2:])
        stream.load_state_dict(stream.state_dict(after=batches[1]))
        assert expected == take(stream, 1)
        assert 24 == stream.state_dict()["position"]


@pytest.mark.parametrize(
    "other",
    [
        *({"seed": 1}, {"font_sizes": [21]}, {"look": ["fax"]}, {"max_images": 30}),
        *({"size": (32, 100)}, {"fit": "stretch"}, {"pad": "edge"}, {"channels": 3}),
        *({"shuffle": False}, {"bucket": 4}),
    ],
    ids=str,
)
def test_the_state_of_another_stream_is_refused(tmp_path: Path, other: dict[str, Any]) -> None:
    names = {"size", "fit", "pad", "channels", "shuffle", "bucket"}
    given_ = {name: value for name, value in other.items() if name in names}
    settings_ = {name: value for name, value in other.items() if name not in names}
    with shmtext.stream(config_of(tmp_path), 4, workers=0) as stream:
        state = stream.state_dict()
    with shmtext.stream(config_of(tmp_path, **settings_), 4, workers=0, **given_) as stream:
        with pytest.raises(ConfigError, match="of a stream with other"):
            stream.load_state_dict(state)
        assert 0 == stream.state_dict()["position"]


def test_what_decides_no_pixel_decides_no_state(tmp_path: Path) -> None:
    with shmtext.stream(config_of(tmp_path), 4, workers=0) as stream:
        state = stream.state_dict()
    same = config_of(tmp_path, image_format="png", jpeg_quality=30, container="tar", csv=True)
    with shmtext.stream(same, 9, workers=0) as stream:
        stream.load_state_dict(state)


@pytest.mark.parametrize(
    "state", [{}, {"position": -1, "fingerprint": ""}, {"position": "1"}, None, [3]], ids=str
)
def test_what_is_no_state_is_refused(tmp_path: Path, state: Any) -> None:
    with (
        shmtext.stream(config_of(tmp_path), 4, workers=0) as stream,
        pytest.raises(ConfigError, match="has a position and a fingerprint"),
    ):
        stream.load_state_dict(state)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 2.5}, "batch_size"),
        ({"size": 32}, r"size must be \(height, width\)"),
        ({"size": (32, 0)}, "size"),
        ({"size": (32, 128, 3)}, "size must be"),
        ({"fit": "crop"}, "fit"),
        ({"pad": "mirror"}, "pad"),
        ({"channels": 4}, "channels"),
        ({"workers": -1}, "workers"),
        ({"workers": True}, "workers"),
        ({"ahead": 0}, "ahead"),
        ({"shuffle": 1}, "shuffle"),
        ({"bucket": 0}, "bucket"),
        ({"bucket": 4, "fit": "stretch"}, "bucket puts pictures of like width"),
        ({"rank": 0}, "rank and world_size go together"),
        ({"rank": 2, "world_size": 2}, "rank must be"),
        ({"rank": True, "world_size": 2}, "rank must be"),
        ({"rank": 0, "world_size": 0}, "world_size"),
    ],
    ids=str,
)
def test_wrong_options_are_refused_before_anything_is_read(
    wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        shmtext.stream(RunConfig(corpus=shmtext.TextFile(Path("/nowhere"))), **wrong)


def test_what_is_no_config_is_refused() -> None:
    with pytest.raises(ConfigError, match="config must be a RunConfig"):
        shmtext.stream({"look": "scan"})  # type: ignore[arg-type]


COUNTED = (
    "^none of the 4 texts can be drawn: 2 of them: blank; "
    r"2 of them: no font covers U\+6F22 漢 \(or the like\)$"
)


@pytest.mark.parametrize(
    ("texts", "message"), [([], "holds no text"), (["", "漢", "字", ""], COUNTED)]
)
def test_texts_of_which_nothing_can_be_drawn_are_refused(
    tmp_path: Path, texts: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        shmtext.stream(config_of(tmp_path, texts), workers=0)


def test_a_batch_that_is_kept_stays_and_a_copy_has_its_own_memory(tmp_path: Path) -> None:
    with shmtext.stream(config_of(tmp_path), 4, workers=1, ahead=1) as stream:
        kept = next(stream)
        copied = kept.copy()
        before = drawn([kept])
        for _ in range(20):
            next(stream)
        assert before == drawn([kept]) == drawn([copied])
        assert not np.shares_memory(kept.images, copied.images)
        assert 4 == len(kept) == len(copied.texts)


def test_a_loop_that_holds_all_batches_is_told_and_may_go_on(tmp_path: Path) -> None:
    with shmtext.stream(config_of(tmp_path), 4, workers=1, ahead=1) as stream:
        held = [next(stream) for _ in range(3)]
        with pytest.raises(RendererError, match=r"holds all 3 batches .*batch\.copy\(\)"):
            next(stream)
        positions = [int(batch.positions[0]) for batch in held]
        del held
        assert [0, 4, 8, 12] == [*positions, int(next(stream).positions[0])]


def test_a_closed_stream_says_so_and_its_batches_stay(tmp_path: Path) -> None:
    stream = shmtext.stream(config_of(tmp_path), 4, workers=1)
    batch = next(stream)
    before = drawn([batch])
    stream.close()
    stream.close()

    assert before == drawn([batch])
    with pytest.raises(RendererError, match="closed"):
        next(stream)


@pytest.mark.parametrize("channels", [None, 1, 3])
@pytest.mark.parametrize("mode", ["auto", "gray", "rgb"])
def test_pictures_have_the_channels_that_are_asked_for(
    tmp_path: Path, channels: Any, mode: str
) -> None:
    config = config_of(tmp_path, mode=mode, font_colors=["#a00000"])
    with shmtext.stream(config, 4, (32, 100), channels=channels, workers=0) as stream:
        shape = next(stream).images.shape
    has_color = channels == 3 or (channels is None and mode != "gray")

    assert ((4, 32, 100, 3) if has_color else (4, 32, 100)) == shape


def test_in_buckets_arrays_are_as_wide_as_their_widest_picture(tmp_path: Path) -> None:
    texts = ["x" * (1 + number % 23) for number in range(400)]
    config = config_of(tmp_path, texts)
    with (
        shmtext.stream(config, 16, (32, 640), workers=0) as plain,
        shmtext.stream(config, 16, (32, 640), workers=0, bucket=16) as bucketed,
    ):
        widths = set()
        for _ in range(20):
            assert (16, 32, 640) == next(plain).images.shape
            batch = next(bucketed)
            num, height, width = batch.images.shape
            assert batch.images.flags.c_contiguous
            assert (16, 32, -(-int(batch.widths.max()) // 8) * 8) == (num, height, width)
            assert batch.widths.max() - batch.widths.min() < 150
            widths.add(width)
    assert len(widths) > 5


LONG = "x" * 6_000


def test_pictures_that_come_out_too_large_leave_their_batch_shorter_and_are_told(
    tmp_path: Path,
) -> None:
    config = config_of(tmp_path, ["a", "b", LONG, "c"], font_sizes=[4, 40])
    with shmtext.stream(config, 8, workers=0) as stream:
        assert [] == stream.left_out
        batches = list(itertools.islice(stream, 12))
        (left_out,) = stream.left_out
    there = {position: text for position, _, text, _ in drawn(batches)}
    missing = {position: example for batch in batches for position, example, _ in batch.missing}

    assert set(range(96)) == there.keys() | missing.keys()
    assert not there.keys() & missing.keys()
    assert {2} == set(missing.values())
    assert LONG in there.values()  # at its other size
    assert (2, LONG) == (left_out.index, left_out.text)
    assert "makes a picture of" in left_out.reason


@pytest.mark.parametrize("workers", [0, 1])
def test_a_stream_of_which_every_picture_is_too_large_says_why(
    tmp_path: Path, workers: int
) -> None:
    config = config_of(tmp_path, [LONG, LONG], font_sizes=[40])
    with (
        shmtext.stream(config, 8, workers=workers) as stream,
        pytest.raises(InputError, match=r"could not be drawn, the last for this: makes a picture"),
    ):
        next(stream)


def test_batches_are_their_own_iterator_and_go_on(tmp_path: Path) -> None:
    with shmtext.stream(config_of(tmp_path), 4, workers=0) as stream:
        assert iter(stream) is stream
        first = [int(batch.positions[0]) for batch in itertools.islice(stream, 3)]
        again = [int(batch.positions[0]) for batch in itertools.islice(stream, 2)]

    assert [0, 4, 8, 12, 16] == first + again


def test_torch_is_asked_for_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "shmtext.ring.torch_dataset", raising=False)
    with (
        shmtext.stream(config_of(tmp_path), 4, workers=0) as stream,
        pytest.raises(ShmtextError, match=r"needs PyTorch.*shmtext\[torch\]"),
    ):
        stream.torch()
