"""The curves of training: accuracies and loss over the updates, a panel per cell.

A dagger says that a cell departs from the paper's protocol.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from capacity.figures.quantities import FACTS, FLOORS, HELD_OUT, LOSS, SEEN, SEEN_ADDITION, SEEN_SUBTRACTION, Quantity
from capacity.figures.style import FULL_WIDTH, count_seeds, dagger, footnote, legend, told_apart
from capacity.tasks.registry import TASKS


def draw(task: str, history: pd.DataFrame, summary: pd.DataFrame, title: str) -> Figure:
    """Draw the paper's grid for one task: accuracies and loss over the updates, a panel per cell.

    Lines are means over seeds; of the held-out share every run is drawn too. Thin level lines are the lowest losses
    of the cell (:mod:`capacity.evaluation.floors`).

    Args:
        task: the task whose cells are drawn.
        history: one row per run and evaluation.
        summary: one row per cell.
        title: of the study.

    Raises ValueError if the study does not train the task.
    """
    if not (summary["task"] == task).any():
        raise ValueError(
            f"figure {task!r}: this study has no {task} cells; it trains {', '.join(summary['task'].unique())}"
        )
    cells = summary[summary["task"] == task]
    columns = min(2, len(cells))
    rows = -(-len(cells) // columns)
    figure = Figure(figsize=(FULL_WIDTH if columns > 1 else FULL_WIDTH * 0.6, 1.0 + 1.75 * rows))
    axes = figure.subplots(rows, columns, sharey=True, squeeze=False)
    history = history[history["task"] == task]
    seen = (SEEN_ADDITION, SEEN_SUBTRACTION) if TASKS[task].has_operands else (SEEN,)
    quantities = [
        quantity
        for quantity in (*seen, HELD_OUT, FACTS)
        if quantity.column in history and history[quantity.column].notna().any()
    ]
    history = history.replace([numpy.inf, -numpy.inf], numpy.nan)  # what a diverged run leaves
    largest_loss = float(history["stream_loss"].max())
    for axis in axes.flat[len(cells) :]:
        axis.set_visible(False)
    floors = [floor for floor in FLOORS if cells[floor.column].notna().any()]
    apart = told_apart(cells["cell"])
    for number, ((_, cell), axis) in enumerate(zip(cells.iterrows(), axes.flat, strict=False)):
        right = _draw_curves(axis, history[history["cell"] == cell["cell"]], quantities, largest_loss, number, columns)
        for floor in floors:
            if pd.notna(cell[floor.column]):
                right.axhline(cell[floor.column], color=floor.colour, linestyle=floor.dashes, linewidth=0.6)
        label = f"{cell['size']}{dagger(cell)}: {cell['parameters']:,} parameters, {count_seeds(cell['n'])}"
        axis.set_title("\n".join([label, *([apart[cell["cell"]]] if apart[cell["cell"]] else [])]))
        if number >= len(cells) - columns:
            axis.set_xlabel("updates")
        if number % columns == 0:
            axis.set_ylabel("share right")
    handles = [quantity.legend_handle(marks=False) for quantity in (*quantities, LOSS, *floors)]
    legend(figure, title, handles=handles, loc="outside upper center", ncols=columns + 1, frameon=False)
    footnote(figure, cells)
    return figure


def _draw_curves(
    axis: Axes, history: pd.DataFrame, quantities: Sequence[Quantity], largest_loss: float, number: int, columns: int
) -> Axes:
    """Draw the curves of one cell, and return the axis of the loss, on the right.

    Args:
        axis: of the panel.
        history: of the cell.
        quantities: the shares to draw.
        largest_loss: of all panels, which share their scale.
        number: of the panel, counted from the top left.
        columns: of the grid of panels.
    """
    means = history.drop(columns=["cell", "task", "size", "variant"]).groupby("iteration").mean()
    right = axis.twinx()
    right.plot(means.index, means["stream_loss"], color=LOSS.colour, linewidth=1)
    right.set_ylim(0, largest_loss * 1.04)
    right.tick_params(labelcolor=LOSS.colour, labelright=number % columns == columns - 1)
    right.yaxis.set_major_locator(MaxNLocator(4))
    if number % columns == columns - 1:
        right.set_ylabel("loss (nats per character)", color=LOSS.colour)
    for quantity in quantities:
        if quantity is HELD_OUT and history["seed"].nunique() > 1:
            for _, run in history.groupby("seed"):
                axis.plot(run["iteration"], run[quantity.column], color=quantity.colour, linewidth=0.4, alpha=0.5)
        axis.plot(
            means.index,
            means[quantity.column],
            color=quantity.colour,
            linestyle=quantity.dashes,
            linewidth=1.3,
            zorder=3,
        )
    axis.set_zorder(right.get_zorder() + 1)  # accuracies in front of the loss
    axis.patch.set_visible(False)
    axis.set_ylim(-0.04, 1.04)
    axis.set_xlim(0, means.index.max())
    axis.yaxis.set_major_formatter(PercentFormatter(1.0))
    axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    return right
