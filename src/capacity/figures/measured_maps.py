"""Maps: a measure over two axes of the cells, or over the operands of the pair that each cell holds out.

The colour of a square is the mean over the runs of its cell, which is written in it, and each run is a dot of its own
colour below. Squares without a cell are crossed out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter

from capacity.dictionary.study_measures import MEASURES, TIME
from capacity.experiment import axes
from capacity.experiment.study_figures import PAIRS
from capacity.figures.panels import Panel, key, make_panels, note
from capacity.figures.style import FULL_WIDTH, thousands
from capacity.figures.view import View, make_places
from capacity.paper import protocol
from capacity.tables import measured
from capacity.tables.measured import Tables

COLOURS = "cividis"  # its lightness changes evenly, also for colour-blind readers
DARK = 0.55  # the share of the colours on which white is read better than black
DOTS_IN_A_ROW = 10
SMALLEST = 0.15  # inches, of a square of large operands that has room for a number and dots
LABELS = {"x": "first {operand} of the held-out pair", "y": "second {operand}"}

Squares = Mapping[str, Sequence[tuple[float, float]]]
"""The places of each cell, by its name."""


def draw(view: View, tables: Tables) -> Figure:
    """Draw the maps of the measures of a view."""
    squares, across, down = _squares(view)
    inches = FULL_WIDTH * 0.75 / min(4, len(view.facets)) if len(view.facets) > 1 else FULL_WIDTH / 2 * 0.75
    is_wide = len(across) > 6 and len(view.facets) == 1
    if is_wide:
        inches = FULL_WIDTH * 0.75
    side = inches / len(across)
    figure, panels = make_panels(view, height=max(1.2, min(side, 0.62) * len(down) + 0.35), square=True)
    if is_wide:
        figure.set_figwidth(FULL_WIDTH)
    handles: list[Any] = []
    for measure in view.spec.measures:
        runs, cells = measured.run_values(measure, tables), measured.cell_values(measure, tables)
        scale = _scale(measure, runs)
        of_measure = [panel for panel in panels if panel.measure == measure]
        for panel in of_measure:
            names = [name for name in view.of(panel.facet) if name in set(runs["cell"])]
            _draw_squares(view, panel, {name: squares[name] for name in names}, runs, cells, scale, side)
            _label(view, panel, across, down)
        _colour_bar(figure, of_measure, measure, scale)
        if runs["censored"].any():
            black: dict[str, Any] = {"color": "black", "linestyle": "", "markersize": 3.2}
            label = "a run that ended before it"
            handles.append(Line2D([], [], marker="^", markerfacecolor="white", label=label, **black))
    style: dict[str, Any] = {"color": "black", "linestyle": "", "markerfacecolor": "0.6", "markeredgewidth": 0.4}
    if _has_room(view, side):
        handles.insert(0, Line2D([], [], marker="o", markersize=3.2, label="one run, in its own colour", **style))
    if view.spec.x == PAIRS:
        label = "the paper's pair"
        handles.append(Rectangle((0, 0), 1, 1, fill=False, edgecolor="#D55E00", linewidth=1.4, label=label))
    key(view, handles, figure)
    note(view, figure, tables)
    return figure


def _squares(view: View) -> tuple[Squares, list[str], list[str]]:
    """Return the squares of each cell, as places across and down, and the labels of both axes."""
    if view.spec.x == PAIRS:
        operands = [str(operand) for operand in range(_largest_operand(view) + 1)]
        places = {}
        for name, cell in view.cells.items():
            ((left, right),) = cell.held_out
            places[name] = list(dict.fromkeys([(float(left), float(right)), (float(right), float(left))]))
        return places, operands, operands
    x, y = (make_places(view, axis, evenly=True) for axis in (view.spec.x, view.spec.y))
    squares = {name: [(x.at[view.value(name, x.axis)], y.at[view.value(name, y.axis)])] for name in view.cells}
    return squares, list(x.labels.values()), list(y.labels.values())


def _largest_operand(view: View) -> int:
    """Return the largest operand of any cell of a map of pairs."""
    return max(cell.largest_operand for cell in view.cells.values())


def _has_room(view: View, side: float) -> bool:
    """Return whether squares of a side in inches have numbers and dots; those of many pairs have their colour alone."""
    is_large = view.spec.x == PAIRS and _largest_operand(view) > protocol.LARGEST_OPERAND
    return not is_large or side >= SMALLEST


def _scale(measure: str, runs: pd.DataFrame) -> Normalize:
    """Return the range of colours: from 0 to 1 for shares, and that of the runs for numbers."""
    if MEASURES[measure].has_share or runs.empty:
        return Normalize(0.0, 1.0)
    low, high = float(runs["value"].min()), float(runs["value"].max())
    return Normalize(low, high if high > low else low + 1.0)


def _draw_squares(
    view: View, panel: Panel, squares: Squares, runs: pd.DataFrame, cells: pd.DataFrame, scale: Normalize, side: float
) -> None:
    """Draw the squares of a panel, and on each its mean and its runs.

    Args:
        view: what the figure shows.
        panel: to draw on.
        squares: the places of each cell.
        runs, cells: the values of the measure.
        scale: of the colours.
        side: of a square, in inches.
    """
    colours = ScalarMappable(scale, COLOURS)
    axis = panel.axis
    size = float(numpy.clip(side * 13, 4.5, 8))
    up = -1 if view.spec.x == PAIRS else 1
    for name, places in squares.items():
        of_cell = runs[runs["cell"] == name].sort_values("value")
        mean = float(cells["value"].get(name, numpy.nan))
        has_mean = not numpy.isnan(mean)
        face = colours.to_rgba(numpy.array(mean)) if has_mean else (1.0, 1.0, 1.0, 1.0)
        ink = "white" if has_mean and scale(mean) < DARK else "black"
        is_marked = view.spec.x != PAIRS and not view.summary.at[name, "published"] and view.is_mixed
        for across, down in places:
            axis.add_patch(Rectangle((across - 0.48, down - 0.48), 0.96, 0.96, facecolor=face, edgecolor="0.7", lw=0.4))
            if not _has_room(view, side):
                continue
            text = _written(panel.measure, mean) + "†" * is_marked
            axis.text(across, down + 0.16 * up, text, color=ink, fontsize=size, ha="center", va="center", zorder=4)
            _draw_dots(axis, (across, down), of_cell, colours, ink, side * up)
        if view.spec.x == PAIRS and view.cells[name].held_out == ((5, 7),):
            for across, down in places:
                corner = (across - 0.48, down - 0.48)
                axis.add_patch(Rectangle(corner, 0.96, 0.96, fill=False, edgecolor="#D55E00", linewidth=1.4, zorder=5))


def _draw_dots(
    axis: Axes, centre: tuple[float, float], runs: pd.DataFrame, colours: ScalarMappable, ink: str, side: float
) -> None:
    """Draw the runs of a cell in the lower half of its square, from low to high, in rows.

    ``side`` is that of the square in inches, and negative where the axis runs downwards.
    """
    number = len(runs)
    in_a_row = min(number, max(5, DOTS_IN_A_ROW))
    rows = -(-number // in_a_row) if number else 0
    step_x, step_y = 0.86 / max(in_a_row, 5), 0.4 / max(rows, 2)
    diameter = min(step_x, step_y) * 0.86 * abs(side) * 72
    for place, (value, censored) in enumerate(zip(runs["value"], runs["censored"], strict=True)):
        row, column = divmod(place, in_a_row)
        in_this = min(in_a_row, number - row * in_a_row)
        x = centre[0] + (column - (in_this - 1) / 2) * step_x
        y = centre[1] - numpy.sign(side) * (0.14 + (row + 0.5) * step_y)
        face = "white" if censored else colours.to_rgba(value)
        mark = "^" if censored else "o"
        axis.plot(x, y, mark, markersize=diameter, markerfacecolor=face, color=ink, markeredgewidth=0.4, zorder=4)


def _written(measure: str, mean: float) -> str:
    """Return the mean of a cell in a few characters."""
    if numpy.isnan(mean):
        return "not\nreached" if MEASURES[measure].form == TIME else "-"
    if MEASURES[measure].has_share:
        return f"{mean:.0%}"
    return thousands(mean).replace(" ", "") if mean >= 1000 else f"{mean:.3g}"


def _label(view: View, panel: Panel, across: Sequence[str], down: Sequence[str]) -> None:
    axis = panel.axis
    axis.set_xlim(-0.5, len(across) - 0.5)
    axis.set_ylim(-0.5, len(down) - 0.5)
    axis.set_facecolor("0.95")
    axis.set_xticks(range(len(across)), across)
    axis.set_yticks(range(len(down)), down)
    for text in (*axis.get_xticklabels(), *axis.get_yticklabels()):
        text.set_parse_math(False)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    if view.spec.x == PAIRS:
        axis.invert_yaxis()
    labels = {"x": axes.LABELS.get(view.spec.x, ""), "y": axes.LABELS.get(view.spec.y, "")}
    if view.spec.x == PAIRS:
        operand = "digit" if _largest_operand(view) <= protocol.LARGEST_OPERAND else "operand"
        labels = {role: text.format(operand=operand) for role, text in LABELS.items()}
    axis.tick_params(labelbottom=panel.is_bottom, labelleft=panel.is_left)
    if panel.is_bottom:
        axis.set_xlabel(labels["x"])
    if panel.is_left:
        axis.set_ylabel(labels["y"])


def _colour_bar(figure: Figure, panels: Sequence[Panel], measure: str, scale: Normalize) -> None:
    mappable = ScalarMappable(scale, COLOURS)
    bar = figure.colorbar(mappable, ax=[panel.axis for panel in panels], shrink=0.85, aspect=22, pad=0.015)
    bar.set_label(MEASURES[measure].label)
    if MEASURES[measure].has_share:
        bar.formatter = PercentFormatter(1.0)
        bar.update_ticks()
    bar.outline.set_visible(False)
