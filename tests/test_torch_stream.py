"""A stream as PyTorch reads it: one sequence, whoever draws, in memory that tensors share."""

from __future__ import annotations

import gc
import hashlib
import itertools
import pickle
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fault_runs import orphaned_segments, run_in
from pages import PAGES
from test_stream import config_of

import shmtext
from shmtext.errors import RendererError, SharedMemoryError

torch = pytest.importorskip("torch", reason="torch is not installed")

pytestmark = pytest.mark.filterwarnings(
    "ignore:This DataLoader will create", "ignore:.*multi-threaded.*fork:DeprecationWarning"
)

Pictures = list[tuple[int, int, str, str]]


def drawn(batches: Iterable[Any]) -> Pictures:
    """Of each picture its position, example, text, and a hash of its row."""
    found = []
    for batch in batches:
        for row, image in enumerate(batch.images):
            digest = hashlib.sha256(image.contiguous().numpy().tobytes()).hexdigest()
            numbers = int(batch.positions[row]), int(batch.indices[row])
            found.append((*numbers, batch.texts[row], digest))
    return found


def loader_of(stream: shmtext.Stream, workers: int = 0, **more: Any) -> Any:
    return torch.utils.data.DataLoader(stream.torch(), batch_size=None, num_workers=workers, **more)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> shmtext.RunConfig:
    return config_of(tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def expected(config: shmtext.RunConfig) -> Pictures:
    with shmtext.stream(config, 8, workers=0) as stream:
        return drawn(itertools.islice(loader_of(stream), 60))


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    yield
    gc.collect()
    assert not orphaned_segments()


@pytest.mark.parametrize(
    ("workers", "more"),
    [
        (0, {}),
        (3, {"multiprocessing_context": "fork"}),
        (1, {"multiprocessing_context": "spawn"}),
        (2, {"multiprocessing_context": "fork", "persistent_workers": True}),
    ],
    ids=str,
)
def test_loaders_give_the_one_sequence_and_broken_off_no_picture_twice(
    config: shmtext.RunConfig, expected: Pictures, workers: int, more: dict[str, Any]
) -> None:
    with shmtext.stream(config, 8, workers=1) as stream:
        loader = loader_of(stream, workers, **more)
        rounds = [drawn(itertools.islice(iter(loader), num)) for num in (7, 5, 3)]
        del loader

    assert expected[: 7 * 8] == rounds[0]
    known = dict(zip((each[0] for each in expected), expected, strict=True))
    for pictures in rounds[1:]:
        first = pictures[0][0]
        assert list(range(first, first + len(pictures))) == [each[0] for each in pictures]
        assert all(known.get(each[0], each) == each for each in pictures)
    positions = [each[0] for pictures in rounds for each in pictures]
    assert len(positions) == len(set(positions))
    if not workers:
        assert expected[: 15 * 8] == list(itertools.chain(*rounds))


def test_behind_a_loader_s_batch_any_other_stream_goes_on(
    config: shmtext.RunConfig, expected: Pictures
) -> None:
    with shmtext.stream(config, 8, workers=0) as stream:
        loader = loader_of(stream, 2, multiprocessing_context="fork")
        *_, last = itertools.islice(iter(loader), 5)
        with pytest.raises(RendererError, match="state_dict\\(after=batch\\)"):
            stream.state_dict()
        state = stream.state_dict(after=last)
        stream.load_state_dict(state)
        assert expected[40:64] == drawn(itertools.islice(iter(loader), 3))
    with shmtext.stream(config, 4, workers=0) as stream:
        stream.load_state_dict(state)
        assert expected[40:56] == drawn(itertools.islice(loader_of(stream), 4))


def test_ranks_with_loaders_of_their_own_take_turns(
    config: shmtext.RunConfig, expected: Pictures
) -> None:
    pictures: Pictures = []
    for rank in range(2):
        with shmtext.stream(config, 8, workers=0, rank=rank, world_size=2) as stream:
            loader = loader_of(stream, 2, multiprocessing_context="fork")
            pictures += drawn(itertools.islice(iter(loader), 6))

    assert expected[: 12 * 8] == sorted(pictures)


def test_tensors_share_the_ring_and_keep_their_slot(config: shmtext.RunConfig) -> None:
    with shmtext.stream(config, 4, workers=1, ahead=1) as stream:
        batches = iter(loader_of(stream))
        kept = next(batches).images[1:, :, 3:]
        before = kept.clone()
        ring = stream.ring()
        assert ring is not None
        assert ring.memory.ctypes.data <= kept.data_ptr()
        assert kept.data_ptr() < ring.memory.ctypes.data + ring.memory.nbytes
        for _ in range(12):
            next(batches)
        assert torch.equal(before, kept)


def test_a_batch_can_be_sent_pinned_and_moved(config: shmtext.RunConfig) -> None:
    with shmtext.stream(config, 4, workers=0) as stream:
        (batch,) = itertools.islice(loader_of(stream), 1)
    again = pickle.loads(pickle.dumps(batch))
    moved = batch.to("cpu")

    assert drawn([batch]) == drawn([again]) == drawn([moved])
    assert 4 == len(batch) == len(moved)


def test_a_copy_for_a_loader_is_no_stream(config: shmtext.RunConfig) -> None:
    with shmtext.stream(config, 4, workers=0) as stream:
        copied = pickle.loads(pickle.dumps(stream.torch()))
        with pytest.raises(SharedMemoryError, match="for the workers of a DataLoader"):
            iter(copied)


def test_ranks_are_those_of_a_process_group_that_is_up(
    config: shmtext.RunConfig, expected: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 3)
    with shmtext.stream(config, 8, workers=0) as stream:
        pictures = drawn(itertools.islice(loader_of(stream), 2))
        assert 48 == stream.state_dict()["position"]

    assert [*expected[8:16], *expected[32:40]] == pictures


class Cuda:
    """What of CUDA a ring is pinned with."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failure: int = 0) -> None:
        self.failure = failure
        self.registered: list[tuple[int, int]] = []
        self.unregistered: list[int] = []
        self.has_passed = False
        self.num_events = 0
        cuda = self

        class Event:
            def record(self) -> None:
                cuda.num_events += 1

            def query(self) -> bool:
                return cuda.has_passed

        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "cudart", lambda: self)
        monkeypatch.setattr(torch.cuda, "Event", Event)
        monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)

    def cudaHostRegister(self, address: int, num_bytes: int, flags: int) -> int:  # noqa: N802
        assert 0 == flags
        self.registered.append((address, num_bytes))
        return self.failure

    def cudaHostUnregister(self, address: int) -> int:  # noqa: N802
        self.unregistered.append(address)
        return 0


def test_the_ring_is_pinned_once_and_a_slot_waits_for_its_copies(
    config: shmtext.RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda = Cuda(monkeypatch)
    with shmtext.stream(config, 4, workers=1, ahead=2) as stream:
        batches = iter(stream.torch())
        for _ in range(3):
            next(batches)
        next(iter(stream.torch()))
        ring = stream.ring()
        assert ring is not None
        assert [(ring.memory.ctypes.data, ring.memory.nbytes)] == cuda.registered
        # But for the last, slots are let go of, and none has been read by the device.
        assert not ring.free_again()
        assert 3 == cuda.num_events
        assert [] == cuda.unregistered
        cuda.has_passed = True
        assert [int(next(batches).positions[0]) for _ in range(6)] == [16, 20, 24, 28, 32, 36]

    assert [cuda.registered[0][0]] == cuda.unregistered


def test_a_ring_that_cuda_does_not_pin_is_an_error(
    config: shmtext.RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    Cuda(monkeypatch, failure=2)
    with (
        shmtext.stream(config, 4, workers=1, ahead=2) as stream,
        pytest.raises(SharedMemoryError, match=r"does not pin .* \(error 2\)"),
    ):
        next(iter(stream.torch()))


def blocks() -> list[str]:
    return re.findall(r"^```py\n(.*?)^```$", PAGES["docs/stream.md"], re.M | re.S)


def test_the_readme_s_lines_for_pytorch_run_as_printed(tmp_path: Path) -> None:
    (block,) = blocks()
    done = run_in(tmp_path, "-W", "error", "-c", block)

    assert (0, "") == (done.returncode, done.stderr)
    assert 3 == done.stdout.count("torch.Size([64, 3, 32, 128])")
