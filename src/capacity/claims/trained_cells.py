"""Every cell that was trained, in whatever study: what counts is what was trained, not under which name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from capacity.experiment.cell import Cell, base_cell, parse_cell
from capacity.tables.fitting import seen_fit

Trained = list[tuple[Cell, pd.DataFrame]]
"""Cells with their runs."""

LEARNING_RATES = ("learning_rate", "final_learning_rate")
"""The axes of the learning rate."""

SEEN = {
    "arithmetic": ("final_seen",),
    "facts": ("final_facts_matched_prompts",),
    "joint": ("final_seen", "final_facts_matched_prompts"),
}
"""The columns of the share right of what a task trains on, by which a learning rate is chosen."""


def trained_cells(studies: Mapping[str, pd.DataFrame]) -> Trained:
    """Return every cell of any study with its runs, each run once.

    Left out are cells whose runs all begin with the same weights: they are no sample of what a run does.
    """
    frames = [runs for runs in studies.values() if len(runs)]
    if not frames:
        return []
    runs = pd.concat(frames, ignore_index=True).drop_duplicates(["cell", "seed"])
    cells = [(parse_cell(str(name)), group.reset_index(drop=True)) for name, group in runs.groupby("cell")]
    return [(cell, group) for cell, group in cells if cell.initialisation_seed is None]


def on_fixed_lines(cells: Trained, task: str) -> Trained:
    """Return the cells of a task that read the paper's data, with its lines in a fixed order."""
    return [
        (cell, runs) for cell, runs in cells if (cell.task, cell.stream) == (task, "fixed") and has_paper_data(cell)
    ]


def has_paper_data(cell: Cell) -> bool:
    """Tell whether a cell has the paper's lines, and holds out the same ones."""
    return cell.line_settings == base_cell(cell.task, cell.size).line_settings


def widest(cells: Trained, key: Callable[[Cell], object]) -> Trained:
    """Return, of the sets of cells with one key, that with the most sizes, then the most runs, then the first."""
    sets: dict[object, Trained] = {}
    for cell, runs in cells:
        sets.setdefault(key(cell), []).append((cell, runs))
    extent = {
        name: (len({cell.size for cell, _ in each}), sum(len(runs) for _, runs in each)) for name, each in sets.items()
    }
    return sets[max(sets, key=lambda name: extent[name])] if sets else []


def departures_but(*axes: str) -> Callable[[Cell], object]:
    """Return a function that gives the departures of a cell from the paper, apart from those on some axes."""
    return lambda cell: frozenset((name, value) for name, value in cell.departures().items() if name not in axes)


def fitting_best(cells: Trained) -> tuple[Cell, pd.DataFrame]:
    """Return the cell whose runs have the highest mean accuracy on what they see, and of equals the lowest mean loss.

    It is how a learning rate is chosen: held-out items have no part in it.
    """
    return max(cells, key=lambda trained: seen_fit(trained[1], SEEN[trained[0].task]))
