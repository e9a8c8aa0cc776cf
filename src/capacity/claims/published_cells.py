"""TODO claims.published_cells."""

from __future__ import annotations

from dataclasses import asdict

from capacity.experiment.cell import Cell, make_cell
from capacity.paper import protocol
from capacity.paper.published import RESULTS, result


def cell(task: str, size: str, variant: str) -> Cell:
    """The settings of a published cell. Raises KeyError as :func:`result` does."""
    found = result(task, size, variant)
    shape = protocol.SIZES[found.size]
    return make_cell(found.task, shape, **(protocol.weight_decay_variant(shape) if variant == "wd" else {}))


def grokking_cell() -> Cell:
    """The settings of the paper's long run of MLT, stopped at 1.5 million iterations."""
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
    """Which of the paper's variants a cell is of, by its weight decay and dropout; None for neither or another size."""
    for found in RESULTS:
        known = cell(found.task, found.size, found.variant)
        if all(getattr(known, axis) == getattr(trained, axis) for axis in ("task", "size", "weight_decay", "dropout")):
            return found.variant
    return None


def differences(trained: Cell, reference: Cell) -> str:
    """``iterations 3000 (paper: 30000)`` for each setting in which a cell differs from a published one."""
    found, paper = asdict(trained), asdict(reference)
    return ", ".join(
        f"{name.replace('_', ' ')} {found[name]} (paper: {paper[name]})" for name in paper if found[name] != paper[name]
    )
