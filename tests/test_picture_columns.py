"""Parquet files with pictures in them say so, in the metadata where Hugging Face looks for it."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq

from shmtext import BalancedText, Output, RunConfig, render


def test_a_shard_says_that_its_images_are_pictures(tmp_path: Path) -> None:
    config = RunConfig(
        corpus=BalancedText(character_frequency=1), output=Output(container="parquet")
    )
    render(config, tmp_path / "out", engine="serial")
    file = pq.ParquetFile(tmp_path / "out/images/00000.parquet")

    said = json.loads(file.schema_arrow.metadata[b"huggingface"])
    assert {"info": {"features": {"image": {"_type": "Image"}}}} == said
    assert "image" == file.schema_arrow.names[0]
