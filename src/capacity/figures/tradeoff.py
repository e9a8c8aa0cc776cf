"""The trade-off: held-out accuracy and recall of facts against the number of parameters.

Hollow marks and a dagger say that a cell departs from the paper's protocol.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import matplotlib
import numpy
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from capacity.experiment.text import in_order_of_numbers
from capacity.figures.quantities import FACTS, HELD_OUT, SEEN, Quantity
from capacity.figures.style import FULL_WIDTH, KEY_LINE, NAMED_COLOURS, footnote, legend, thousands, told_apart
from capacity.paper import protocol
from capacity.tasks.registry import TASKS

PANELS = {
    "trained alone": ("arithmetic", "facts"),
    "trained jointly": ("joint",),
    **{name: (name,) for name in TASKS if name not in protocol.TASKS},
}
"""The tasks of each panel by its title. The paper's share panels, as each has scores that the other has not."""

CHARACTER = 0.023
"""The share of the axis of a panel that a character of a label takes, with the space between labels."""


def draw(runs: pd.DataFrame, summary: pd.DataFrame, title: str) -> Figure:
    """Draw the trade-off of a study, with a panel for tasks trained alone and one for tasks trained jointly.

    Every run is a small mark, and every cell a large one with the 95 % interval of its mean. A line joins cells of one
    recipe only. Where more than task and size varies, the colour says what; otherwise it is that of the quantity.

    Args:
        runs: one row per run.
        summary: one row per cell.
        title: of the study.
    """
    panels = [name for name, tasks in PANELS.items() if summary["task"].isin(tasks).any()]
    figure = Figure(figsize=(FULL_WIDTH if len(panels) > 1 else FULL_WIDTH * 0.6, 3.5))
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    drawn: list[Quantity] = []
    apart = told_apart(summary["cell"], shapes=False)
    variants = list(dict.fromkeys(sorted(apart.values(), key=in_order_of_numbers)))
    for axis, panel in zip(axes, panels, strict=True):
        for number, variant in enumerate(variants):
            is_of = summary["task"].isin(PANELS[panel]) & summary["cell"].map(apart).eq(variant)
            for offset, quantity in zip((-0.035, 0.0, 0.035), (SEEN, HELD_OUT, FACTS), strict=True):
                look = quantity if len(variants) == 1 else replace(quantity, colour=_colour(number, len(variants)))
                aside = offset + 0.1 * ((number + 0.5) / len(variants) - 0.5)
                if _draw_quantity(axis, look, summary[is_of], runs, aside) and quantity not in drawn:
                    drawn.append(quantity)
        cells = summary[summary["task"].isin(PANELS[panel])]
        axis.set_title(panel)
        _parameter_axis(axis, cells)
        axis.set_ylim(-0.04, 1.04)
        axis.yaxis.set_major_formatter(PercentFormatter(1.0))
        axis.grid(axis="y", color="0.9", linewidth=0.5)
    axes[0].set_ylabel("share right, final iterate")
    handles: list[Any] = [
        (quantity if len(variants) == 1 else replace(quantity, colour="black")).legend_handle() for quantity in drawn
    ]
    if len(variants) > 1:
        handles += [Patch(color=_colour(number, len(variants)), label=name) for number, name in enumerate(variants)]
    handles.append(Line2D([], [], color="black", marker="o", markersize=2, linestyle="", label="one run"))
    if not summary["published"].all():
        label = "hollow: not the paper's protocol"
        handles.append(Line2D([], [], color="black", marker="o", markerfacecolor="white", linestyle="", label=label))
    columns = len(panels) + 1
    figure.set_figheight(figure.get_figheight() + KEY_LINE * max(0, -(-len(handles) // columns) - 3))
    legend(figure, title, handles=handles, loc="outside upper center", ncols=columns, frameon=False)
    footnote(figure, summary)
    return figure


def _colour(number: int, of: int) -> str:
    """The colour of one of several kinds of cells."""
    if of <= len(NAMED_COLOURS):
        return NAMED_COLOURS[number]
    return to_hex(matplotlib.colormaps["viridis"](0.9 * number / (of - 1)))


def _draw_quantity(axis: Axes, quantity: Quantity, cells: pd.DataFrame, runs: pd.DataFrame, offset: float) -> bool:
    """Draw the marks, intervals and lines of a quantity, and say whether any cell has it.

    ``offset`` moves them to the right, in decades of parameters, so that quantities do not hide one another.
    """
    mean, low, high = (f"final_{quantity.column}_{part}" for part in ("mean", "low", "high"))
    cells = cells[cells[mean].notna()].sort_values("parameters")
    for _, recipe in cells.groupby(["task", "variant", "learning_rate", "dropout", "weight_decay"], sort=False):
        line = quantity.dashes if quantity.column != SEEN.column else ":"
        axis.plot(recipe["parameters"] * 10**offset, recipe[mean], color=quantity.colour, linewidth=1, linestyle=line)
    for _, cell in cells.iterrows():
        place = cell["parameters"] * 10**offset
        of_runs = runs.loc[runs["cell"] == cell["cell"], f"final_{quantity.column}"].dropna()
        spread = 10 ** numpy.linspace(-0.02, 0.02, len(of_runs)) if len(of_runs) > 1 else numpy.ones(len(of_runs))
        axis.plot(place * spread, of_runs, ".", color=quantity.colour, markersize=2.5, alpha=0.7, zorder=4)
        if pd.notna(cell[low]):
            axis.plot([place] * 2, [cell[low], cell[high]], color=quantity.colour, linewidth=1.5, zorder=3)
        face = quantity.colour if cell["published"] else "white"
        small = quantity.column == SEEN.column
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


def _parameter_axis(axis: Axes, cells: pd.DataFrame) -> None:
    """Make the axis of parameters logarithmic and label it with the sizes.

    A size is at the geometric mean of its numbers of parameters, which differ from task to task.
    """
    axis.set_xscale("log")
    places = cells.groupby("size", sort=False)["parameters"].apply(lambda counts: numpy.exp(numpy.log(counts).mean()))
    marked = {str(size): "†" if (~group["published"]).any() else "" for size, group in cells.groupby("size")}
    named = max(len(f"{size}{mark}") for size, mark in marked.items())
    thinned = _thin_labels(places.sort_values(), max(0.1, named * CHARACTER))
    axis.xaxis.set_major_locator(FixedLocator(list(thinned)))
    axis.xaxis.set_minor_locator(NullLocator())
    labels = [f"{size}{marked[str(size)]}\n{thousands(place)}" for size, place in thinned.items()]
    axis.set_xticks(list(thinned), labels)
    low, high = cells["parameters"].min(), cells["parameters"].max()
    margin = max((high / low) ** 0.08, 1.4)
    axis.set_xlim(low / margin, high * margin)
    axis.set_xlabel("parameters")


def _thin_labels(places: pd.Series, share: float) -> pd.Series:
    """Leave out labels closer to the one before than a share of the axis, which would overlap."""
    span = numpy.log(places.max() / places.min()) if len(places) > 1 else 0.0
    kept: list[int] = []
    for number, place in enumerate(places):
        if not kept or numpy.log(place / places.iloc[kept[-1]]) >= span * share:
            kept.append(number)
    return places.iloc[kept]
