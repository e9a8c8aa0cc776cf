"""Curves: measures over the updates of training, every run thin and the mean over the runs of a cell thick."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from capacity.figures.panels import draw_levels, key, label_values, make_panels, note, plain, scale_values
from capacity.figures.view import View
from capacity.tables import measured
from capacity.tables.measured import Tables


def draw(view: View, tables: Tables) -> Figure:
    """Draw the curves of the measures of a view."""
    figure, panels = make_panels(view)
    handles: list[Any] = []
    if view.spec.colour:
        handles = [
            Line2D([], [], color=level.colour, linestyle=level.dashes, linewidth=1.3, label=level.words)
            for level in view.colours
        ]
    bounds: list[Any] = []
    courses = {measure: measured.course(measure, tables["history"]) for measure in view.spec.measures}
    last = max((int(course["iteration"].max()) for course in courses.values() if len(course)), default=1)
    for panel in panels:
        course = courses[panel.measure]
        for level in view.colours:
            of_level = course[course["cell"].isin(view.of(panel.facet, level))]
            if of_level.empty:
                continue
            style: dict[str, Any] = {"color": level.colour, "linestyle": level.dashes}
            for _, run in of_level.groupby("seed"):
                run = run.sort_values("iteration")
                panel.axis.plot(run["iteration"], run["value"], color=level.colour, linewidth=0.4, alpha=0.45)
            means = of_level.groupby("iteration")["value"].mean()
            panel.axis.plot(means.index, means, linewidth=1.4, zorder=3, **style)
        bounds += draw_levels(view, panel, None)
        scale_values(panel.axis, panel.measure)
        label_values(panel)
        panel.axis.set_xlim(0, last)
        panel.axis.xaxis.set_major_locator(MaxNLocator(4 if len(view.facets) < 3 else 3, integer=True))
        panel.axis.xaxis.set_major_formatter(FuncFormatter(plain))
        panel.axis.tick_params(labelbottom=panel.is_bottom)
        if panel.is_bottom:
            panel.axis.set_xlabel("updates")
    handles += [
        Line2D([], [], color="black", linewidth=0.4, alpha=0.7, label="one run"),
        Line2D([], [], color="black", linewidth=1.4, label="mean over runs"),
        *bounds,
    ]
    key(view, handles, figure)
    note(view, figure, tables)
    return figure
