"""Trained networks, found by their cell and seed in a folder of results, or in one file of weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from capacity.errors import InputError, some_of
from capacity.experiment.assignment import RECORD, WEIGHTS
from capacity.experiment.cell import parse_cell
from capacity.experiment.checks import check_named_cell
from capacity.experiment.seeds import format_seeds, parse_seeds, seeds_of
from capacity.model import weights
from capacity.notebook.network import Network

MOST_NAMED = 5  # cells that a message names


def load(cell: str | Path, seed: int, results: str | Path = "results") -> Network:
    """Return one trained network.

    Args:
        cell: Name of the cell, such as ``task=arithmetic/size=n14/variant=paper``; or the path of a file of weights,
            which says by itself which cell and seeds it holds.
        seed: Of the run.
        results: Folder of results.

    Raises InputError if there is no such network, naming those that there are, or if its file is damaged or of another
    version.
    """
    if str(cell).endswith(".safetensors"):
        path = Path(cell)
        name, _, seeds = weights.read_runs(path).rpartition("/seeds=")
        return _from_file(path, name, parse_seeds(seeds), seed)
    name = str(cell)
    check_named_cell(parse_cell(name))
    cells = Path(results) / "cells"
    folders = {each: folder for folder in sorted(cells.glob(f"{name}/seeds=*")) for each in _trained(folder)}
    if not folders:
        raise InputError(f"{cells} has no trained network of {name}; {_advice(cells)}")
    if seed not in folders:
        raise InputError(f"{cells} has no seed {seed} of {name}; it has the seeds {format_seeds(folders)}")
    return _from_file(folders[seed] / WEIGHTS, name, seeds_of(folders[seed]), seed)


def trained_cells(cells: Path) -> Iterator[str]:
    """Yield the name of each cell that has a trained network in the folder of all cells."""
    for folder in sorted(cells.glob("task=*/size=*/variant=*")):
        if any(_trained(job) for job in folder.glob("seeds=*")):
            yield folder.relative_to(cells).as_posix()


def _trained(folder: Path) -> tuple[int, ...]:
    """The seeds of a finished job; none if it has not finished."""
    return seeds_of(folder) if (folder / RECORD).is_file() and (folder / WEIGHTS).is_file() else ()


def _from_file(path: Path, name: str, seeds: tuple[int, ...], seed: int) -> Network:
    cell = parse_cell(name)
    if seed not in seeds:
        raise InputError(f"{path} has no seed {seed}; it has the seeds {format_seeds(seeds)} of {name}")
    stack, number = weights.load(path, cell, seeds), seeds.index(seed)
    return Network(cell, seed, {parameter: value[number] for parameter, value in stack.items()})


def _advice(cells: Path) -> str:
    trained = list(trained_cells(cells))
    if not trained:
        return (
            "it has no trained networks at all: run snakemake, or unpack docs/results/workstation/networks.zip in the "
            "folder above results"
        )
    return f"it has {some_of(trained, MOST_NAMED)}"
