"""Every example in a docstring does what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import shmtext

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(shmtext.__path__, "shmtext.")
    if not module.name.endswith(("__main__", "torch_dataset"))  # the latter needs PyTorch
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))

    assert 0 == result.failed


def test_there_are_examples_and_they_are_found() -> None:
    found = sum(
        len(test.examples)
        for name in MODULES
        for test in doctest.DocTestFinder().find(importlib.import_module(name))
    )

    assert found > 20
