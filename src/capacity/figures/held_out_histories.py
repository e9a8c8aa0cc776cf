"""Which held-out expressions come and go over training, as rasters.

Each cell has a panel over the updates. Its held-out expressions lie one below the other, and each has a row per run,
in the order of the seeds: dark at the evaluations at which the run answers the expression right.
"""

from __future__ import annotations

import numpy
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from capacity.figures.style import FULL_WIDTH, GREY, SIGNS, cell_title, expression_cells, footnote, in_rows, legend

COLUMNS = 4  # the paper's four sizes side by side
ROW, LOWEST, HIGHEST = 0.028, 1.3, 4.0  # inches: of a run's row, and of a panel
MOST_NAMES = 12  # expressions that are named beside a panel
WRONG, RIGHT, DIVERGED = range(3)
STATES = ("0.92", "black", GREY)


def draw(histories: pd.DataFrame, summary: pd.DataFrame, title: str) -> Figure:
    """Draw the held-out expressions of a study over training.

    Args:
        histories: one row per run and expression, as :mod:`capacity.tables.expression_histories` makes them.
        summary: one row per cell.
        title: of the study.

    Raises ValueError if no cell has arithmetic.
    """
    by_task = expression_cells("held_out_histories", summary)
    columns = min(COLUMNS, max(map(len, by_task.values())))
    blocks = in_rows(by_task, columns)
    held_out = histories[histories["split"] == "held_out"]
    rows = held_out.groupby("cell").size()
    heights = [
        min(max(LOWEST, ROW * max(rows.get(cell["cell"], 0) for cell in block)), HIGHEST) + 0.7 for _, block in blocks
    ]
    width = FULL_WIDTH if columns > 2 else 0.35 * FULL_WIDTH * (columns + 0.5)
    figure = Figure(figsize=(width, 0.7 + sum(heights)))
    axes = figure.subplots(len(blocks), columns, squeeze=False, height_ratios=heights)
    for axis in axes.flat:
        axis.set_visible(False)
    for number, (task, block) in enumerate(blocks):
        for column, cell in enumerate(block):
            axis = axes[number, column]
            axis.set_visible(True)
            axis.set_title(cell_title(cell, by_task[task]))
            _draw_cell(axis, cell, held_out[held_out["cell"] == cell["cell"]])
            axis.set_xlabel("updates")
    labels = {RIGHT: "answered right", WRONG: "not", DIVERGED: "diverged"}
    states = (RIGHT, WRONG, DIVERGED) if held_out["diverged_at"].notna().any() else (RIGHT, WRONG)
    handles = [Patch(color=STATES[state], label=labels[state]) for state in states]
    legend(figure, title, handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
    footnote(figure, summary[summary["task"].isin(by_task)])
    return figure


def _draw_cell(axis: Axes, cell: pd.Series, held_out: pd.DataFrame) -> None:
    """Draw the panel of a cell, in which a row is a run's answers to one expression."""
    held_out = held_out.sort_values(["operation", "left", "right", "seed"])
    names = [f"{row['left']}{SIGNS[row['operation']]}{row['right']}" for row in held_out.to_dict("records")]
    axis.set_xlim(0, cell["iterations"])
    axis.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axis.tick_params(axis="y", length=0)
    axis.spines[:].set_visible(False)
    if held_out.empty:
        axis.set_yticks([])
        return
    times = evaluation_times(cell, int(held_out["evaluations"].max()))
    middles = (times[1:] + times[:-1]) / 2
    edges = numpy.concatenate([times[:1], middles, times[-1:]])  # each evaluation reaches halfway to its neighbours
    states = numpy.array([[int(digit) for digit in text] for text in held_out["answered"]])
    states[times[None, :] >= held_out["diverged_at"].fillna(numpy.inf).to_numpy()[:, None]] = DIVERGED
    rows = numpy.arange(len(states) + 1)
    colours = ListedColormap(STATES)
    axis.pcolormesh(edges, rows, states, cmap=colours, vmin=-0.5, vmax=2.5, rasterized=True)
    axis.hlines(rows[1:-1], edges[0], edges[-1], color="white", linewidth=min(0.5, 6 / len(states)))
    starts = [number for number, name in enumerate(names) if number == 0 or name != names[number - 1]]
    axis.hlines(starts[1:], edges[0], edges[-1], color="white", linewidth=min(2.5, 80 / len(states)))
    ends = [*starts[1:], len(names)]
    shown = range(0, len(starts), -(-len(starts) // MOST_NAMES))
    axis.set_yticks([(starts[each] + ends[each]) / 2 for each in shown], [names[starts[each]] for each in shown])
    axis.set_ylim(len(states), 0)


def evaluation_times(cell: pd.Series, evaluations: int) -> NDArray[numpy.float64]:
    """Return the updates done at each evaluation of a cell: one per interval, and one after the last update."""
    interval, iterations = float(cell["evaluation_interval"]), float(cell["iterations"])
    times: NDArray[numpy.float64] = numpy.minimum(numpy.arange(evaluations) * interval, iterations)
    return times
