"""Libraries that readers for PyTorch import and never use, where these aren't there.

``torchvision`` in the registry is built for a PyTorch with CUDA: beside one without, its operators
are missing, and it fails as it is imported. Of ``transformers``, a hundred megabytes, ``streaming``
imports three classes to ask whether something is one.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any

import pytest

OPERATORS = ("nms", "qnms")
"""Of ``torchvision``: those that it must find as it is imported."""
CLASSES = {
    "transformers": (),
    "transformers.feature_extraction_utils": ("BatchFeature",),
    "transformers.models": (),
    "transformers.models.auto": (),
    "transformers.models.auto.tokenization_auto": ("AutoTokenizer",),
    "transformers.tokenization_utils_base": ("BatchEncoding",),
}

_kept: list[Any] = []
"""What PyTorch takes operators away with, were it gone."""


def import_torchvision() -> None:
    """Import it; its operators, if they are missing, are declared, and none can be called."""
    torch = pytest.importorskip("torch")
    if not importlib.util.find_spec("torchvision"):
        pytest.skip("could not import 'torchvision'")
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")
        _kept.append(library)
        for operator in OPERATORS:
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        importlib.import_module("torchvision")


def stand_in_for_transformers() -> None:
    """Put empty classes where its are imported from, unless it is installed."""
    if "transformers" in sys.modules or importlib.util.find_spec("transformers"):
        return
    for module_name, names in CLASSES.items():
        module = ModuleType(module_name)
        for name in names:
            setattr(module, name, type(name, (dict,), {}))
        sys.modules[module_name] = module
