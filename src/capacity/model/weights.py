"""The weights of a job as one safetensors file: plain numbers and a checksum, safe to load whoever wrote it.

The shapes that a file states are compared with those of the cell before any tensor is read, so that a forged size costs
no memory.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from capacity.corpora import corpus
from capacity.errors import ForeignFileError, InputError, is_of_memory
from capacity.experiment.cell import Cell
from capacity.experiment.seeds import runs_name
from capacity.model import initialization
from capacity.storage import files

Parameters = Mapping[str, NDArray[numpy.float32]]

TYPE, BYTES = "F32", 4
LONGEST_HEADER = 2**20  # bytes for names and offsets of the tensors: far more than any network here needs


def save(path: Path, parameters: Parameters, cell: Cell, seeds: Sequence[int]) -> None:
    """Write the parameters of a stack, with the names of its runs and a checksum in the metadata."""
    about = {"runs": runs_name(cell, seeds), files.CHECKSUM: checksum(parameters)}
    # A single key, because safetensors writes several in no fixed order, and the same weights must be the same bytes.
    with files.atomic(path) as temporary:
        arrays = {name: numpy.asarray(value, order="C") for name, value in parameters.items()}  # as they are written
        save_file(arrays, temporary, metadata={"about": json.dumps(about, sort_keys=True)})


def load(path: str | Path, cell: Cell, seeds: Sequence[int]) -> Parameters:
    """Read the parameters of a stack. Values that are not finite are accepted: a seed that diverged has them.

    Raises InputError naming the file if it is damaged, of other runs or of other shapes.
    """
    runs, shapes = runs_name(cell, seeds), _shapes(cell, len(seeds))
    files.check_file(path)
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
    if size > LONGEST_HEADER + BYTES * sum(math.prod(shape) for shape in shapes.values()):
        raise InputError(f"{path} has {size} bytes, too many for {runs}; {files.REMEDY}")
    try:
        with safe_open(path, framework="numpy") as stored:
            about = _about(path, stored.metadata() or {})
            if about.get("runs") != runs:
                raise ForeignFileError(f"{path} holds {about.get('runs')}, not {runs}; {files.REMEDY}")
            _check_shapes(path, stored, shapes)
            parameters = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except SafetensorError as error:
        if is_of_memory(error):
            raise
        raise InputError(f"{path} is not a whole safetensors file ({error}); {files.REMEDY}") from error
    if about.get(files.CHECKSUM) != checksum(parameters):
        raise InputError(f"{path} is damaged: its content does not fit its checksum; {files.REMEDY}")
    return parameters


def read_runs(path: str | Path) -> str:
    """Return the name of the runs whose parameters a file holds, such as ``task=.../size=.../variant=.../seeds=0-4``.

    The name of a cell says its shape, heads, block and lines, and so its vocabulary. Raises InputError naming the file
    if it is damaged or does not say which runs it holds.
    """
    files.check_file(path)
    try:
        with safe_open(path, framework="numpy") as stored:
            runs = _about(path, stored.metadata() or {}).get("runs")
    except SafetensorError as error:
        raise InputError(f"{path} is not a whole safetensors file ({error}); {files.REMEDY}") from error
    if not isinstance(runs, str):
        raise InputError(f"{path} does not say which runs it holds; {files.REMEDY}")
    return runs


def checksum(parameters: Parameters) -> str:
    """Return the SHA-256, in hexadecimal, of names, types, shapes and values, in the order of the names."""
    digest = hashlib.sha256()
    for name, value in sorted(parameters.items()):
        digest.update(f"{name} {value.dtype} {list(value.shape)} ".encode())
        digest.update(numpy.ascontiguousarray(value).data)
    return digest.hexdigest()


def _about(path: str | Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    try:
        return dict(json.loads(metadata["about"]))
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path} does not say which runs it holds; {files.REMEDY}") from error


def _shapes(cell: Cell, seeds: int) -> dict[str, list[int]]:
    vocabulary = corpus.vocabulary(corpus.build(cell))
    return {
        name: [seeds, *shape] for name, shape in initialization.shapes(cell.size, len(vocabulary), cell.block).items()
    }


def _check_shapes(path: str | Path, stored: Any, shapes: Mapping[str, list[int]]) -> None:
    names = set(stored.keys())
    if wrong := sorted(names.symmetric_difference(shapes)):
        is_extra = wrong[0] in names
        said = f"has a tensor {wrong[0]!r} that the cell has not" if is_extra else f"has no tensor {wrong[0]!r}"
        raise InputError(f"{path} {said}; {files.REMEDY}")
    for name, shape in shapes.items():
        tensor = stored.get_slice(name)
        kind, size = tensor.get_dtype(), tensor.get_shape()
        if (kind, size) != (TYPE, shape):
            raise InputError(f"{path}: {name!r} is {kind} {size}, and has to be {TYPE} {shape}; {files.REMEDY}")
