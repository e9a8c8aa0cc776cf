"""The grid of panels of a figure of measures: a row for each measure, a column for each value of the facet, one key."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator, PercentFormatter

from capacity.dictionary.study_measures import MEASURES
from capacity.experiment import axes
from capacity.figures.style import FULL_WIDTH, GREY, KEY_LINE, legend
from capacity.figures.view import Level, Places, View, caption

COLUMNS = 4
COLUMN_WIDTH = FULL_WIDTH / 2
LEVEL_DASHES: tuple[Any, ...] = ((0, (4, 2)), (0, (1, 2)))
SHARE_LIMITS = (-0.04, 1.04)
MARGIN = 0.45  # inches, of the labels below the panels
NOTE_LINE, TITLE_LINE = 0.115, 0.15  # inches
LETTER = 0.062  # inches: a letter of a label, on average


@dataclass(frozen=True)
class Panel:
    """A panel of a figure.

    Attributes:
        axis: to draw on.
        measure: the name of its measure.
        facet: the value of the facet.
        is_left, is_bottom: whether labels stand left of it and below it.
    """

    axis: Axes
    measure: str
    facet: Level
    is_left: bool
    is_bottom: bool


def make_panels(view: View, height: float = 1.7, square: bool = False) -> tuple[Figure, list[Panel]]:
    """Return a figure with a panel for each measure and value of the facet.

    It is as wide as a column of a page for one panel, and else as the page.

    Args:
        view: what the figure shows.
        height: of a panel, in inches.
        square: whether panels side by side have scales of their own.
    """
    columns = min(COLUMNS, len(view.facets))
    blocks = [view.facets[first : first + columns] for first in range(0, len(view.facets), columns)]
    rows = [(measure, block) for measure in view.spec.measures for block in blocks]
    width = COLUMN_WIDTH if columns == 1 else FULL_WIDTH
    titles = {facet: _title(facet, width / columns) for facet in view.facets}
    title_height = TITLE_LINE * max(title.count("\n") + 1 for title in titles.values())
    figure = Figure(figsize=(width, MARGIN + (height + title_height) * len(rows)))
    grid = figure.subplots(len(rows), columns, squeeze=False)
    panels = []
    for number, (measure, block) in enumerate(rows):
        for axis in grid[number, len(block) :]:
            axis.set_visible(False)
        for column, facet in enumerate(block):
            below = rows[number + 1][1] if number + 1 < len(rows) and rows[number + 1][0] == measure else ()
            is_last = number + 1 == len(rows) or (column >= len(below) and rows[-1][0] == measure)
            panel = Panel(grid[number, column], measure, facet, column == 0, is_last)
            panels.append(panel)
            if view.spec.facet and (number < len(blocks) or len(blocks) > 1):
                panel.axis.set_title(titles[facet]).set_parse_math(False)
            panel.axis.spines["right"].set_visible(False)
    if not square:
        for measure in view.spec.measures:
            of_measure = [panel for panel in panels if panel.measure == measure]
            for panel in of_measure:
                if panel is not of_measure[0]:
                    panel.axis.sharey(of_measure[0].axis)
                if not panel.is_left:
                    panel.axis.tick_params(labelleft=False)
    return figure, panels


def _title(facet: Level, inches: float) -> str:
    """Return the title of a panel, in lines that are not wider than it is."""
    return "\n".join(textwrap.wrap(facet.words, int(inches / 0.085), break_on_hyphens=False))


def scale_values(axis: Axes, name: str) -> None:
    """Give the axis up the scale of a measure."""
    measure = MEASURES[name]
    if measure.has_share:
        axis.set_ylim(SHARE_LIMITS)
        axis.yaxis.set_major_formatter(PercentFormatter(1.0))
    else:
        axis.yaxis.set_major_locator(MaxNLocator(5))
        axis.yaxis.set_major_formatter(FuncFormatter(plain))
        if measure.has_zero:
            low, high = axis.get_ylim()
            # The panels of a measure share this axis: those that are drawn later still widen it.
            axis.set_ylim(min(low, -0.04 * high), max(high, 0.0), auto=None)
    axis.grid(axis="y", color="0.9", linewidth=0.5)
    axis.set_axisbelow(True)


def plain(number: float, _: Any = None) -> str:
    """A number as it stands at an axis, with commas between thousands."""
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:g}"


def label_values(panel: Panel) -> None:
    """Write what the measure of a panel is, left of it."""
    if panel.is_left:
        panel.axis.set_ylabel("\n".join(textwrap.wrap(MEASURES[panel.measure].label, 24, break_on_hyphens=False)))


def place_axis(view: View, panel: Panel, places: Places) -> None:
    """Put the values of an axis below a panel, as many as find room."""
    axis = panel.axis
    columns = min(COLUMNS, len(view.facets))
    inches = (FULL_WIDTH if columns > 1 else COLUMN_WIDTH) * 0.82 / columns
    at = sorted(places.at.items(), key=lambda item: item[1])
    span = at[-1][1] - at[0][1] + 1.2 * places.step
    longest = max(len(places.labels[value]) for value, _ in at)
    room = longest * LETTER + 0.06
    turned = places.axis in axes.NAMED and places.step / span * inches < room  # of names none is left out
    room = 0.16 if turned else room
    kept: list[tuple[Any, float]] = []
    for value, place in at:
        if not kept or (place - kept[-1][1]) / span * inches >= room:
            kept.append((value, place))
    axis.xaxis.set_major_locator(FixedLocator([place for _, place in kept]))
    axis.xaxis.set_minor_locator(NullLocator())
    texts = [places.labels[value] for value, _ in kept]
    axis.set_xticks([place for _, place in kept], texts, rotation=90 if turned else 0)
    for text in axis.get_xticklabels():
        text.set_parse_math(False)
    margin = max(0.6 * places.step, 0.05 * (at[-1][1] - at[0][1]))
    axis.set_xlim(at[0][1] - margin, at[-1][1] + margin)
    axis.tick_params(labelbottom=panel.is_bottom)
    if panel.is_bottom:
        axis.set_xlabel(axes.LABELS[places.axis])


def draw_levels(view: View, panel: Panel, places: Places | None) -> list[Line2D]:
    """Draw the bounds of the measure of a panel, and return their handles.

    A bound that all cells of the panel share is a line across it, and otherwise a short one at the place of each.
    """
    handles = []
    cells = view.of(panel.facet)
    for (column, label), dashes in zip(MEASURES[panel.measure].levels, LEVEL_DASHES, strict=False):
        bounds = view.summary.loc[cells, column].dropna()
        if bounds.empty:
            continue
        style: dict[str, Any] = {"color": GREY, "linestyle": dashes, "linewidth": 0.8, "zorder": 1}
        if bounds.nunique() == 1 or places is None:
            for bound in sorted(bounds.unique()):
                panel.axis.axhline(bound, **style)
        else:
            for name, bound in bounds.items():
                place = places.at[view.value(str(name), places.axis)]
                panel.axis.plot([place - 0.45 * places.step, place + 0.45 * places.step], [bound] * 2, **style)
        handles.append(Line2D([], [], label=label, **{key: style[key] for key in ("color", "linestyle", "linewidth")}))
    return handles


def key(view: View, handles: Sequence[Any], figure: Figure) -> None:
    """Draw the key of a figure under the title of its study: the given handles, each label once."""
    by_label = {handle.get_label(): handle for handle in handles}
    longest = max((len(label) for label in by_label), default=0)
    inches = figure.get_size_inches()[0]
    rows = -(-len(by_label) // max(1, int(inches / (longest * LETTER + 0.45))))
    columns = -(-len(by_label) // max(1, rows))
    lines = textwrap.wrap(view.title, int(inches / 0.068))
    title = "\n".join(lines)
    figure.set_figheight(figure.get_figheight() + KEY_LINE * (rows + len(lines) + 0.5))
    legend(figure, title, handles=list(by_label.values()), loc="outside upper center", ncols=columns, frameon=False)
    for text in figure.legends[0].get_texts():
        text.set_parse_math(False)


def colour_handles(view: View, **style: Any) -> list[Line2D]:
    """Return the handles of the values of the colour axis, with its name, if there is one."""
    if not view.spec.colour:
        return []
    return [
        Line2D([], [], color=level.colour, marker=level.mark, label=level.words, **{"markersize": 4, **style})
        for level in view.colours
    ]


def note(view: View, figure: Figure, tables: Mapping[str, pd.DataFrame], more: str = "") -> None:
    """Write under a figure what its cells share and how they depart from the paper's protocol."""
    runs = tables["runs"][tables["runs"]["cell"].isin(list(view.cells))]
    text = f"{caption(view, runs)} {more}".strip()
    width = int(figure.get_size_inches()[0] * 20)
    lines = textwrap.wrap(text, width, break_on_hyphens=False)
    figure.set_figheight(figure.get_figheight() + NOTE_LINE * (len(lines) + 0.5))
    drawn = figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=6)
    drawn.set_parse_math(False)


def side_by_side(view: View, share: float) -> Iterator[tuple[Level, float]]:
    """Yield each colour with how far it stands aside, in steps, so that all together take a share of a step."""
    number = len(view.colours)
    for place, level in enumerate(view.colours):
        yield level, share * ((place + 0.5) / number - 0.5) if number > 1 else 0.0


def swarm(values: Sequence[float], span: float, width: float) -> list[float]:
    """Return how far to the side each value stands so that equal ones, or nearly so, do not hide one another.

    Args:
        values: of the runs.
        span: the range of the axis; values in one fiftieth of it stand side by side.
        width: that the widest row may take.
    """
    rows: dict[int, list[int]] = {}
    for number, value in enumerate(values):
        rows.setdefault(round(value / span * 50) if span else 0, []).append(number)
    most = max(map(len, rows.values()), default=1)
    step = width / max(most, 6)
    aside = [0.0] * len(values)
    for row in rows.values():
        for place, number in enumerate(sorted(row, key=lambda each: values[each])):
            aside[number] = (place - (len(row) - 1) / 2) * step
    return aside


def span_of(measure: str, values: pd.Series) -> float:
    """Return the range of a measure over all runs, of which these are the values; that of a share is 1."""
    if MEASURES[measure].has_share:
        return 1.0
    return float(numpy.ptp(values)) if len(values) else 1.0
