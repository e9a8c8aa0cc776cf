"""Stage 5: the trade-off and the curves of training, drawn from tables alone.

A quantity keeps its colour and mark in every figure. Hollow marks and a dagger say that a cell departs from the paper's
protocol.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator, PercentFormatter

from capacity import errors, histories, tables
from capacity.plotting import (
    BLUE,
    FULL_WIDTH,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    STYLE,
    count_seeds,
    dagger,
    footnote,
    save,
)


class Quantity:
    """What is drawn: a score, the words for it, and its colour and mark."""

    def __init__(self, score: str, label: str, colour: str, mark: str, dashes: Any) -> None:
        self.score, self.label, self.colour, self.mark, self.dashes = score, label, colour, mark, dashes


HELD_OUT = Quantity("held_out", "held-out expressions right", ORANGE, "o", "-")
FACTS = Quantity("facts_paper_prompts", "facts recalled", BLUE, "s", "-")
SEEN = Quantity("seen", "seen expressions right", GREY, "D", (0, (1, 1)))
SEEN_ADDITION = Quantity("seen_addition", "seen additions right", GREEN, "^", (0, (4, 1)))
SEEN_SUBTRACTION = Quantity("seen_subtraction", "seen subtractions right", PURPLE, "v", (0, (1, 1)))
LOSS = Quantity("stream_loss", "loss (right axis)", GREY, "", "-")
# Lines across a panel, on the axis of the loss; here the score is a column of the summary.
FLOORS = (
    Quantity("loss_floor_order_unknown", "lowest loss, order of lines unknown", GREY, "", (0, (4, 2))),
    Quantity("loss_floor_order_known", "lowest loss, order of lines known", GREY, "", (0, (1, 2))),
)

PANELS = {"alone": ("arithmetic", "facts"), "joint": ("joint",)}


def tradeoff(runs: pd.DataFrame, summary: pd.DataFrame, title: str) -> Figure:
    """Held-out accuracy and recall of facts against the number of parameters, trained alone and jointly.

    Every run is a small mark, every cell a large one with its 95 % interval. A line joins cells of one recipe only.
    """
    panels = [name for name, tasks in PANELS.items() if summary["task"].isin(tasks).any()]
    figure = Figure(figsize=(FULL_WIDTH if len(panels) > 1 else FULL_WIDTH * 0.6, 3.5))
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    drawn: list[Quantity] = []
    for axis, panel in zip(axes, panels, strict=True):
        cells = summary[summary["task"].isin(PANELS[panel])]
        for offset, quantity in zip((-0.035, 0.0, 0.035), (SEEN, HELD_OUT, FACTS), strict=True):
            if _draw_quantity(axis, quantity, cells, runs, offset) and quantity not in drawn:
                drawn.append(quantity)
        axis.set_title({"alone": "trained alone", "joint": "trained jointly"}[panel])
        _parameter_axis(axis, cells)
        axis.set_ylim(-0.04, 1.04)
        axis.yaxis.set_major_formatter(PercentFormatter(1.0))
        axis.grid(axis="y", color="0.9", linewidth=0.5)
    axes[0].set_ylabel("share right, final iterate")
    handles: list[Any] = [_handle(quantity) for quantity in drawn]
    handles.append(Line2D([], [], color="black", marker="o", markersize=2, linestyle="", label="one run"))
    if not summary["published"].all():
        label = "hollow: not the paper's protocol"
        handles.append(Line2D([], [], color="black", marker="o", markerfacecolor="white", linestyle="", label=label))
    figure.legend(handles=handles, loc="outside upper center", ncols=len(panels) + 1, frameon=False, title=title)
    footnote(figure, summary)
    return figure


def curves(task: str, runs: pd.DataFrame, history: pd.DataFrame, summary: pd.DataFrame, title: str) -> Figure:
    """The paper's grid for one task: accuracies and loss over the updates, a panel per cell.

    Lines are means over seeds; of the held-out share every run is drawn too. Thin level lines are the lowest losses
    of the cell (:mod:`capacity.floors`).
    """
    cells = summary[summary["task"] == task]
    columns = min(2, len(cells))
    rows = -(-len(cells) // columns)
    figure = Figure(figsize=(FULL_WIDTH if columns > 1 else FULL_WIDTH * 0.6, 1.0 + 1.75 * rows))
    axes = figure.subplots(rows, columns, sharey=True, squeeze=False)
    history = history[history["task"] == task]
    wanted = (SEEN_ADDITION, SEEN_SUBTRACTION, HELD_OUT, FACTS)
    quantities = [each for each in wanted if each.score in history and history[each.score].notna().any()]
    history = history.replace([numpy.inf, -numpy.inf], numpy.nan)  # what a diverged run leaves
    largest_loss = float(history["stream_loss"].max())
    for axis in axes.flat[len(cells) :]:
        axis.set_visible(False)
    floors = [floor for floor in FLOORS if cells[floor.score].notna().any()]
    several = cells.duplicated("size", keep=False).tolist()
    for number, ((_, cell), axis) in enumerate(zip(cells.iterrows(), axes.flat, strict=False)):
        right = _draw_curves(axis, history[history["cell"] == cell["cell"]], quantities, largest_loss, number, columns)
        for floor in floors:
            if pd.notna(cell[floor.score]):
                right.axhline(cell[floor.score], color=floor.colour, linestyle=floor.dashes, linewidth=0.6)
        label = f"{cell['size']}{dagger(cell)}: {cell['parameters']:,} parameters, {count_seeds(cell['n'])}"
        axis.set_title(label + (f"\n{cell['variant']}" if several[number] else ""))
        if number >= len(cells) - columns:
            axis.set_xlabel("updates")
        if number % columns == 0:
            axis.set_ylabel("share right")
    handles = [_handle(quantity, marks=False) for quantity in (*quantities, LOSS, *floors)]
    figure.legend(handles=handles, loc="outside upper center", ncols=columns + 1, frameon=False, title=title)
    footnote(figure, cells)
    return figure


def _draw_quantity(axis: Axes, quantity: Quantity, cells: pd.DataFrame, runs: pd.DataFrame, offset: float) -> bool:
    """Marks, intervals and lines of one quantity; False if no cell has it. ``offset`` is in decades."""
    mean, low, high = (f"final_{quantity.score}_{part}" for part in ("mean", "low", "high"))
    cells = cells[cells[mean].notna()].sort_values("parameters")
    for _, recipe in cells.groupby(["task", "variant", "learning_rate", "dropout", "weight_decay"], sort=False):
        line = quantity.dashes if quantity is not SEEN else ":"
        axis.plot(recipe["parameters"] * 10**offset, recipe[mean], color=quantity.colour, linewidth=1, linestyle=line)
    for _, cell in cells.iterrows():
        place = cell["parameters"] * 10**offset
        single = runs.loc[runs["cell"] == cell["cell"], f"final_{quantity.score}"].dropna()
        spread = 10 ** numpy.linspace(-0.02, 0.02, len(single)) if len(single) > 1 else numpy.ones(len(single))
        axis.plot(place * spread, single, ".", color=quantity.colour, markersize=2.5, alpha=0.7, zorder=4)
        if pd.notna(cell[low]):
            axis.plot([place] * 2, [cell[low], cell[high]], color=quantity.colour, linewidth=1.5, zorder=3)
        face = quantity.colour if cell["published"] else "white"
        small = quantity is SEEN
        axis.plot(
            place,
            cell[mean],
            quantity.mark,
            color=quantity.colour,
            markerfacecolor=face,
            markersize=3.5 if small else 6,
            markeredgewidth=0.8 if small else 1.2,
            zorder=3.5,
        )
    return not cells.empty


def _draw_curves(
    axis: Axes, history: pd.DataFrame, quantities: Sequence[Quantity], largest_loss: float, number: int, columns: int
) -> Axes:
    """The curves of one cell; returns the axis of the loss, on the right."""
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
                axis.plot(run["iteration"], run[quantity.score], color=quantity.colour, linewidth=0.4, alpha=0.5)
        axis.plot(
            means.index,
            means[quantity.score],
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


def _parameter_axis(axis: Axes, cells: pd.DataFrame) -> None:
    """A logarithmic axis with the sizes as its labels, each at the mean of its parameter counts over the tasks."""
    axis.set_xscale("log")
    places = cells.groupby("size", sort=False)["parameters"].apply(lambda counts: numpy.exp(numpy.log(counts).mean()))
    marked = {str(size): "†" if (~group["published"]).any() else "" for size, group in cells.groupby("size")}
    thinned = _thin_labels(places.sort_values())
    axis.xaxis.set_major_locator(FixedLocator(list(thinned)))
    axis.xaxis.set_minor_locator(NullLocator())
    labels = [f"{size}{marked[str(size)]}\n{_thousands(place)}" for size, place in thinned.items()]
    axis.set_xticks(list(thinned), labels)
    low, high = cells["parameters"].min(), cells["parameters"].max()
    margin = max((high / low) ** 0.08, 1.4)
    axis.set_xlim(low / margin, high * margin)
    axis.set_xlabel("parameters")


def _thin_labels(places: pd.Series) -> pd.Series:
    """Leave out the labels that would stand on one another: closer than a tenth of the axis."""
    span = numpy.log(places.max() / places.min()) if len(places) > 1 else 0.0
    kept: list[int] = []
    for number, place in enumerate(places):
        if not kept or numpy.log(place / places.iloc[kept[-1]]) >= span / 10:
            kept.append(number)
    return places.iloc[kept]


def _thousands(count: float) -> str:
    if count >= 1e6:
        return f"{count / 1e6:.1f} M"
    return f"{count / 1e3:.1f} k" if count >= 1e3 else f"{count:.0f}"


def _handle(quantity: Quantity, marks: bool = True) -> Line2D:
    mark = quantity.mark if marks else ""
    return Line2D(
        [], [], color=quantity.colour, marker=mark, linestyle=quantity.dashes, markersize=4, label=quantity.label
    )


def draw(name: str, runs: pd.DataFrame, history: pd.DataFrame, summary: pd.DataFrame, title: str) -> Figure:
    """``tradeoff``, or the curves of the task of that name. Raises ValueError if the study does not train it."""
    if name == "tradeoff":
        return tradeoff(runs, summary, title)
    if not (summary["task"] == name).any():
        raise ValueError(
            f"figure {name!r}: this study has no {name} cells; it trains {', '.join(summary['task'].unique())}"
        )
    return curves(name, runs, history, summary, title)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figure", choices=("tradeoff", "arithmetic", "facts", "joint"))
    parser.add_argument("--runs", required=True, help="table of runs")
    parser.add_argument("--history", required=True, help="table of histories")
    parser.add_argument("--summary", required=True, help="table with one row per cell")
    parser.add_argument("--title", required=True, help="title of the study")
    parser.add_argument("--pdf", required=True, type=Path)
    parser.add_argument("--png", required=True, type=Path)
    arguments = parser.parse_args()
    matplotlib.use("agg")
    read = tables.read_frame
    with matplotlib.rc_context(STYLE):
        figure = draw(
            arguments.figure,
            read(arguments.runs, tables.RUNS),
            read(arguments.history, histories.HISTORY),
            read(arguments.summary, tables.SUMMARY),
            arguments.title,
        )
        save(figure, arguments.pdf, arguments.png)


if __name__ == "__main__":
    errors.run(main)
