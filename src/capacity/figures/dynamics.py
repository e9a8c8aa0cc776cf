"""When runs generalize, and when they lose it again.

Each cell has three panels over the updates, every run in each: at which evaluations all held-out expressions are right
(a row per run), the share of them that is right, and their margin. Below, for each task, the share of runs that have
not generalized yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter
from matplotlib.transforms import ScaledTranslation

from capacity.figures.style import (
    FULL_WIDTH,
    GREY,
    ORANGE,
    Cells,
    cell_title,
    dagger,
    expression_cells,
    footnote,
    in_rows,
    legend,
    told_apart,
)
from capacity.tables.dynamics import survival

COLUMNS = 4  # the paper's four sizes side by side
HEIGHTS = (0.55, 0.95, 0.95)  # inches: a row per run, share, margin
SURVIVAL_HEIGHT = 1.5
LEGEND_DROP, LEGEND_LINE = 0.35, 0.13  # inches: from a panel to its legend under the label, and a line of that
NOT_ALL, ALL, DIVERGED = range(3)
STATES = ("0.92", ORANGE, GREY)
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)))


def draw(history: pd.DataFrame, runs: pd.DataFrame, summary: pd.DataFrame, title: str) -> Figure:
    """Draw the dynamics of a study.

    Args:
        history: one row per run and evaluation.
        runs: one row per run, as :func:`capacity.tables.dynamics.run_times` makes them.
        summary: one row per cell.
        title: of the study.

    Raises ValueError if no cell has held-out expressions.
    """
    by_task = expression_cells("dynamics", summary)
    columns = min(COLUMNS, max(map(len, by_task.values())))
    blocks = in_rows(by_task, columns)
    history = history.replace([numpy.inf, -numpy.inf], numpy.nan)  # what a diverged run leaves
    heights = [sum(HEIGHTS) + 0.75] * len(blocks) + [
        SURVIVAL_HEIGHT + LEGEND_LINE * (max(map(len, by_task.values())) + 1) / 2
    ]
    width = FULL_WIDTH if max(columns, 2 * len(by_task)) > 2 else 0.7 * FULL_WIDTH
    figure = Figure(figsize=(width, 1.0 + sum(heights)))
    *parts, last = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    limits = _margin_limits(history)
    for part, (task, block) in zip(parts, blocks, strict=True):
        grid = part.subplots(len(HEIGHTS), columns, height_ratios=HEIGHTS, squeeze=False)
        for axis in grid[:, len(block) :].flat:
            axis.set_visible(False)
        for column, cell in enumerate(block):
            axes = grid[:, column]
            _draw_cell(axes, cell, history[history["cell"] == cell["cell"]], runs[runs["cell"] == cell["cell"]])
            axes[0].set_title(cell_title(cell, by_task[task]))
            axes[2].set_ylim(limits)
            _label(axes, first=column == 0)
    for number, (task, axis) in enumerate(zip(by_task, last.subplots(1, len(by_task), squeeze=False)[0], strict=True)):
        _draw_survival(axis, by_task[task], runs)
        axis.set_title(f"{task}: not yet all held-out expressions right")
        if number == 0:
            axis.set_ylabel("share of runs")
    cells = summary[summary["task"].isin(by_task)]
    diverged = not history.loc[history["cell"].isin(cells["cell"]), "stream_loss"].notna().all()
    legend(figure, title, handles=_handles(diverged), loc="outside upper center", ncols=3, frameon=False)
    footnote(figure, cells)
    return figure


def _draw_cell(axes: Sequence[Axes], cell: pd.Series, history: pd.DataFrame, runs: pd.DataFrame) -> None:
    """Draw the three panels of a cell; the run that generalizes first is the top row of the first panel."""
    states, share, margin = axes
    history = history.sort_values(["seed", "iteration"])
    order = runs.sort_values(["t_gen", "seed"])["seed"].tolist()
    if order:
        _draw_states(states, history, order)
    for axis, column in ((share, "held_out"), (margin, "held_out_margin")):
        for _, run in history.groupby("seed"):
            axis.plot(run["iteration"], run[column], color=ORANGE, linewidth=0.5, alpha=0.5)
        means = history.groupby("iteration")[column].mean()
        axis.plot(means.index, means, color=ORANGE, linewidth=1.3, zorder=3)
    for times, mark, face in ((runs["t_gen"], "^", "black"), (runs["t_lose"], "v", "white")):
        events = times.dropna()
        share.plot(events, numpy.ones(len(events)), mark, color="black", markerfacecolor=face, markersize=3, zorder=4)
    share.set_ylim(-0.04, 1.12)
    states.set_yticks([])
    states.spines[:].set_visible(False)
    share.yaxis.set_major_formatter(PercentFormatter(1.0))
    margin.axhline(0, color="black", linewidth=0.5)
    for axis in axes:
        axis.spines["right"].set_visible(False)
        axis.set_xlim(0, cell["iterations"])
        axis.xaxis.set_major_locator(MaxNLocator(3, integer=True))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _draw_states(axis: Axes, history: pd.DataFrame, order: list[int]) -> None:
    """Draw a row per run, in the given order of seeds; each evaluation reaches halfway to its neighbours."""
    right = (history["held_out"] >= 1.0).astype(int)
    state = right.mask(history["stream_loss"].isna(), DIVERGED)
    table = history.assign(state=state).pivot(index="seed", columns="iteration", values="state").loc[order]
    times = table.columns.to_numpy(dtype=float)
    between = (times[1:] + times[:-1]) / 2
    edges = numpy.concatenate([times[:1], between, times[-1:]])
    colours = ListedColormap(STATES)
    rows = numpy.arange(len(order) + 1)
    axis.pcolormesh(edges, rows, table.to_numpy(dtype=float), cmap=colours, vmin=-0.5, vmax=2.5, rasterized=True)
    axis.hlines(rows[1:-1], edges[0], edges[-1], color="white", linewidth=min(0.5, 3 / len(order)))
    axis.set_ylim(len(order), 0)


def _draw_survival(axis: Axes, cells: Cells, runs: pd.DataFrame) -> None:
    """Draw Kaplan-Meier curves with pointwise 95 % bands, and a tick where runs end without having generalized."""
    colours = matplotlib.colormaps["viridis"](numpy.linspace(0.0, 0.85, len(cells)))
    words = told_apart(cell["cell"] for cell in cells)
    for number, (cell, colour) in enumerate(zip(cells, colours, strict=True)):
        of_cell = runs[runs["cell"] == cell["cell"]]
        if of_cell.empty:
            continue
        curve = survival(of_cell["t_gen"], of_cell["last_iteration"])
        name = f"{cell['size']}{dagger(cell)}"
        name += f", {words[cell['cell']]}" if words[cell["cell"]] else ""
        label = f"{name}: {curve.events} of {len(of_cell)} did"
        dashes = DASHES[number % len(DASHES)]
        axis.plot(
            curve.times, curve.share, drawstyle="steps-post", color=colour, linestyle=dashes, linewidth=1.3, label=label
        )
        axis.fill_between(curve.times, curve.low, curve.high, step="post", color=colour, alpha=0.08, linewidth=0)
        for limit in (curve.low, curve.high):
            axis.plot(curve.times, limit, drawstyle="steps-post", color=colour, linewidth=0.3, alpha=0.6)
        if curve.censored:
            axis.plot(curve.times[-1], curve.share[-1], "|", color=colour, markersize=6, clip_on=False)
    axis.spines["right"].set_visible(False)
    axis.set_ylim(-0.04, 1.04)
    axis.set_xlim(0, max(cell["iterations"] for cell in cells))
    axis.yaxis.set_major_formatter(PercentFormatter(1.0))
    axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axis.set_xlabel("updates")
    below = axis.transAxes + ScaledTranslation(0, -LEGEND_DROP, axis.figure.dpi_scale_trans)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below, ncols=2, frameon=False)


def _label(axes: Sequence[Axes], first: bool) -> None:
    """Label the updates under the last panel of a cell only, and the panels beside the first cell of a row only."""
    states, share, margin = axes
    for axis in (states, share):
        axis.tick_params(labelbottom=False)
    states.tick_params(bottom=False)
    margin.set_xlabel("updates")
    if first:
        states.set_ylabel("runs")
        share.set_ylabel("share right")
        margin.set_ylabel("margin (nats)")
    else:
        share.tick_params(labelleft=False)
        margin.tick_params(labelleft=False)


def _margin_limits(history: pd.DataFrame) -> tuple[float, float]:
    """The ends of the axis of margins, which are the same for every panel and have zero between them."""
    margins = history["held_out_margin"].dropna()
    low, high = min(0.0, float(margins.min())), max(0.0, float(margins.max()))
    spare = 0.05 * (high - low) or 1.0
    return low - spare, high + spare


def _handles(diverged: bool) -> list[Any]:
    """The entries of the legend; divergence has one only where there is some."""
    handles: list[Any] = [
        Patch(color=STATES[ALL], label="all held-out expressions right"),
        Patch(color=STATES[NOT_ALL], label="not all right"),
        Line2D([], [], color="black", marker="^", linestyle="", markersize=4, label="all right for the first time"),
        Line2D(
            [], [], color="black", marker="v", markerfacecolor="white", linestyle="", markersize=4, label="first lost"
        ),
        Line2D([], [], color=ORANGE, linewidth=0.5, alpha=0.7, label="one run"),
        Line2D([], [], color=ORANGE, linewidth=1.3, label="mean over runs"),
    ]
    return handles + [Patch(color=STATES[DIVERGED], label="diverged")] * diverged
