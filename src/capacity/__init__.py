"""Capacity, memorization and generalization of small Transformers: the library behind the workflow.

In a notebook, ``capacity.load(cell, seed)`` gives a trained network that can be asked, and ``capacity.runs()`` and
``capacity.history()`` give every run below ``results/`` as a data frame. What they need is imported when they are used.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_IN_NOTEBOOKS = {
    "load": "capacity.notebook.loading",
    "runs": "capacity.notebook.frames",
    "history": "capacity.notebook.frames",
}


def __getattr__(name: str) -> Any:
    if name not in _IN_NOTEBOOKS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_IN_NOTEBOOKS[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_IN_NOTEBOOKS])
