"""Which expressions each size answers, as squares of colour.

Each cell has two squares, additions above subtractions: the left operand runs down, the right operand across, and the
colour is the share of seeds that answer right at the final iterate. Held-out expressions are outlined.
"""

from __future__ import annotations

import math

import numpy
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from capacity.experiment.cell import parse_cell
from capacity.figures.style import FULL_WIDTH, ORANGE, SIGNS, cell_title, expression_cells, footnote, in_rows, legend

COLUMNS = 4  # the paper's four sizes side by side
SQUARE = 1.55  # inches
COLOURS = "cividis"  # its lightness changes evenly, also for colour-blind readers
TICKS = 4  # along a side, at most


def draw(expressions: pd.DataFrame, summary: pd.DataFrame, title: str) -> Figure:
    """Draw the answers of a study.

    Args:
        expressions: one row per cell and expression, from :func:`capacity.tables.expressions.expressions_table`.
        summary: one row per cell.
        title: of the study.

    Raises ValueError if no cell has arithmetic.
    """
    by_task = expression_cells("answers", summary)
    columns = min(COLUMNS, max(map(len, by_task.values())))
    blocks = in_rows(by_task, columns)
    width = FULL_WIDTH if columns == COLUMNS else 1.0 + SQUARE * max(columns, 2)
    figure = Figure(figsize=(width, 0.9 + (2 * SQUARE + 0.4) * len(blocks)))
    axes = figure.subplots(2 * len(blocks), columns, squeeze=False)
    for axis in axes.flat:
        axis.set_visible(False)
    for number, (task, block) in enumerate(blocks):
        for column, cell in enumerate(block):
            for row, operation in enumerate(SIGNS):
                axis = axes[2 * number + row, column]
                axis.set_visible(True)
                of_cell = (expressions["cell"] == cell["cell"]) & (expressions["operation"] == operation)
                _draw_square(axis, expressions[of_cell], parse_cell(str(cell["cell"])).largest_operand)
                if column == 0:
                    axis.set_ylabel(f"a in a {SIGNS[operation]} b")
            axes[2 * number + 1, column].set_xlabel("b")
            axes[2 * number, column].set_title(cell_title(cell, by_task[task]))
    bar = figure.colorbar(
        ScalarMappable(Normalize(0.0, 1.0), COLOURS), ax=axes, location="bottom", shrink=0.4, aspect=30, pad=0.02
    )
    bar.set_label("share of seeds right, final iterate")
    handle = Patch(facecolor="none", edgecolor=ORANGE, linewidth=1.2, label="held out")
    legend(figure, title, handles=[handle], loc="outside upper center", frameon=False)
    footnote(figure, summary[summary["task"].isin(by_task)])
    return figure


def _draw_square(axis: Axes, expressions: pd.DataFrame, largest_operand: int) -> None:
    """Draw the expressions of one operation, 10 x 10 of digits; one that was not asked is a white cell with a cross."""
    operands = range(largest_operand + 1)
    table = expressions.pivot(index="left", columns="right", values="share").reindex(index=operands, columns=operands)
    shares = table.to_numpy(dtype=float)
    axis.imshow(shares, cmap=COLOURS, vmin=0.0, vmax=1.0, interpolation="nearest")
    left, right = numpy.isnan(shares).nonzero()
    finer = 10 / len(operands)  # than squares of digits
    axis.plot(right, left, "x", color="0.6", markersize=2 * finer)
    for expression in expressions[expressions["split"] == "held_out"].to_dict("records"):
        corner = (expression["right"] - 0.5, expression["left"] - 0.5)
        axis.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=ORANGE, linewidth=1.2 * finer, clip_on=False))
    ticks = range(0, len(operands), math.ceil(len(operands) / TICKS))
    axis.set_xticks(ticks)
    axis.set_yticks(ticks)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=2)
