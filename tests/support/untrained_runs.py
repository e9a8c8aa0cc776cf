"""Runs with weights and a record that nobody trained: the weights of a seed are its initial ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy

from capacity.corpora import corpus
from capacity.experiment.cell import Cell
from capacity.experiment.seeds import runs_name
from capacity.model import initialization, weights
from capacity.storage import json_files

RECORD = {
    "kernel": "numba",
    "device": "cpu",
    "precision": "float32",
    "compile": False,
    "graph": False,
    "threads": 1,
    "platform": "Linux x86_64",
    "git_commit": "a" * 40,
    "source_digest": "b" * 64,
}
VERSIONS = {"numpy": "2.4.6", "torch": "2.13.0"}


def run_parameters(cell: Cell, seeds: Sequence[int]) -> dict[str, Any]:
    """Return weights of a stack: each value is that of its seed, whatever the other seeds are."""
    shapes = initialization.shapes(cell.size, len(corpus.vocabulary(corpus.build(cell))), cell.block)
    return {
        name: numpy.stack([numpy.full(shape, seed + place, dtype=numpy.float32) for seed in seeds])
        for place, (name, shape) in enumerate(shapes.items())
    }


def write_run(results: Path, cell: Cell, seeds: Sequence[int], change: float = 0.0, **record: Any) -> Path:
    """Write weights, to which ``change`` is added, and the record of a job, and return its folder."""
    folder = results / "cells" / runs_name(cell, seeds)
    parameters = {name: value + numpy.float32(change) for name, value in run_parameters(cell, seeds).items()}
    weights.save(folder / "weights.safetensors", parameters, cell, seeds)
    content = RECORD | {"versions": VERSIONS, "cell": cell.name, "seeds": list(seeds)} | record
    json_files.write_json(folder / "run.json", content)
    return folder
