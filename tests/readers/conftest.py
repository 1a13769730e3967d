"""What tests through other projects' readers are given."""

from __future__ import annotations

import os

import pytest
from reader_runs import IMAGE_FORMATS, ImageFormat, Runs

# Read by libraries when they are imported. Everything is here: none has to ask elsewhere.
os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """The same examples in every container."""
    return Runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture(params=IMAGE_FORMATS)
def image_format(request: pytest.FixtureRequest) -> ImageFormat:
    """Each format of pictures in turn."""
    return request.param
