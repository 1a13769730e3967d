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


def import_streaming() -> ModuleType:
    """Import it, with empty classes where its of ``transformers`` are, unless this is installed."""
    import_torchvision()
    with pytest.MonkeyPatch.context() as patch:
        if not importlib.util.find_spec("transformers"):
            for module_name, names in CLASSES.items():
                module = ModuleType(module_name)
                for name in names:
                    setattr(module, name, type(name, (dict,), {}))
                # Gone afterwards: others ask whether it is there, and then for more of it.
                patch.setitem(sys.modules, module_name, module)
        streaming: ModuleType = pytest.importorskip("streaming")
    return streaming
