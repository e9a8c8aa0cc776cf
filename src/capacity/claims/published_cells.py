"""The paper's cells as settings of this package."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from capacity.experiment.cell import Cell, make_cell
from capacity.paper import protocol
from capacity.paper.published import RESULTS, result

_OF_A_VARIANT = (
    *("task", "size", "weight_decay", "dropout", "largest_operand", "answers", "fact_kind", "mixing"),
    "initialisation_seed",
)


def published_cell(task: str, size: str, variant: str) -> Cell:
    """Return the settings of a published cell. Raises KeyError as :func:`capacity.paper.published.result` does."""
    published = result(task, size, variant)
    shape = protocol.SIZES[published.size]
    return make_cell(published.task, shape, **(protocol.weight_decay_variant(shape) if variant == "wd" else {}))


def grokking_cell() -> Cell:
    """Return the settings of the paper's long run of MLT, stopped at 1.5 million iterations."""
    return make_cell(
        "arithmetic",
        protocol.MLT,
        learning_rate=1e-6,
        iterations=1_500_000,
        warmup_iterations=protocol.WARMUP_ITERATIONS,
        decay_iterations=10_000_000,
        evaluation_interval=protocol.EVALUATION_INTERVAL,
    )


def variant_of(trained: Cell) -> str | None:
    """Return which of the paper's variants a cell is, by its weight decay and dropout.

    None if it is neither, if its size is not the paper's, or if it asks something else: with larger operands, permuted
    answers or filler there is nothing of what the paper's claims are about, and runs with the same initial weights are
    no sample of them.
    """
    for published in RESULTS:
        cell = published_cell(published.task, published.size, published.variant)
        same = all(getattr(cell, axis) == getattr(trained, axis) for axis in _OF_A_VARIANT)
        if same and "arithmetic_share" not in trained.departures():
            return published.variant
    return None


def differing_settings(trained: Cell, reference: Cell) -> dict[str, tuple[Any, Any]]:
    """Return the settings in which two cells differ: the value of each, by the name of the setting."""
    ours, theirs = asdict(trained), asdict(reference)
    return {name: (ours[name], theirs[name]) for name in theirs if ours[name] != theirs[name]}


def describe_differences(differing: dict[str, tuple[Any, Any]]) -> str:
    """Put settings that differ from a published cell into words: ``iterations 3000 (paper: 30000)``, and so on."""
    return ", ".join(f"{name.replace('_', ' ')} {ours} (paper: {paper})" for name, (ours, paper) in differing.items())
