"""Configurations with one key changed, and what is said of them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from capacity.errors import ConfigurationError
from capacity.experiment import configuration
from capacity.experiment.grid import Study

DELETED = Ellipsis  # an object that has the same name in every process of the tests

SMALL: dict[str, Any] = {
    "budget": "small",
    "device": "cpu",
    "threads": {"default": 1, "sizes": {"wide": 3}},
    "precision": {"default": "float32", "sizes": {"wide": "bfloat16"}},
    "kernel": "auto",
    "compile": False,
    "snapshots": {"seconds": 60, "updates": 0},
    "cuda_graph": False,
    "container": "image.sif",
    "sizes": {
        "n14": {"layers": 1, "heads": 1, "width": 14, "mlp_factor": 1},
        "wide": {"layers": 2, "heads": 2, "width": 12, "mlp_factor": 3},
    },
    "studies": {
        "one": {"title": "One", "grids": [{"task": ["arithmetic"], "size": ["n14"]}]},
    },
    "budgets": {
        "small": {
            "run": ["one"],
            "seeds_per_job": 2,
            "cells": [
                {"seeds": [0]},
                {"where": {"size": ["n14"], "task": ["arithmetic"]}, "set": {"iterations": 300}, "seeds": [9, "3-5"]},
            ],
        },
    },
}
"""A configuration of one cell, with whatever a configuration has."""

GRID = "studies.one.grids.0"
ENTRY = "budgets.small.cells.1"


def with_change(config: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy of a configuration in which one key, given as a path with dots, is set or deleted."""
    result = copy.deepcopy(config)
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    inner: Any = result
    for part in way:
        inner = inner[part]
    if value is DELETED:
        del inner[last]
    else:
        inner[last] = value
    return result


def message(config: Any) -> str:
    """Return what a configuration that cannot be run is refused with."""
    with pytest.raises(ConfigurationError) as caught:
        configuration.validate(config)
    return str(caught.value)


def changed(path: str, value: Any, config: dict[str, Any] = SMALL) -> dict[str, Any]:
    """Return a copy of a configuration in which one key, given as a path with dots, is set or deleted."""
    return with_change(config, path, value)


def study(config: dict[str, Any], name: str = "one") -> Study:
    """Return a study of a configuration, which must be one that can be run."""
    return configuration.validate(config)[name]
