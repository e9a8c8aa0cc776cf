"""Lines and dots: a measure over one axis of the cells, every run a dot, and of each cell the mean with its interval.

Lines join cells of one recipe only. Hollow marks are cells that depart from the paper's protocol; hollow triangles are
runs that ended before the event whose time is shown.
"""

from __future__ import annotations

import textwrap
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from capacity.dictionary.study_measures import MEASURES, OUTCOME, SHARE, TIME
from capacity.experiment import axes
from capacity.experiment.study_figures import LINES
from capacity.figures.panels import (
    Panel,
    colour_handles,
    draw_levels,
    key,
    label_values,
    make_panels,
    note,
    place_axis,
    scale_values,
    side_by_side,
    span_of,
    swarm,
)
from capacity.figures.view import Places, View, make_places
from capacity.tables import measured
from capacity.tables.measured import Tables

WIDEST = 0.07  # of the axis of a scatter, that runs with the same values take side by side


def draw(view: View, tables: Tables) -> Figure:
    """Draw lines, or dots side by side, of the measures of a view."""
    are_lines = view.spec.kind == LINES
    places = make_places(view, view.spec.x, evenly=not are_lines)
    figure, panels = make_panels(view)
    handles: list[Any] = colour_handles(view, linestyle="-" if are_lines else "")
    censored = False
    bounds: list[Any] = []
    values = {
        name: (measured.run_values(name, tables), measured.cell_values(name, tables)) for name in view.spec.measures
    }
    for panel in panels:
        censored |= _draw_panel(view, panel, places, *values[panel.measure])
        bounds += draw_levels(view, panel, places)
        scale_values(panel.axis, panel.measure)
        label_values(panel)
        place_axis(view, panel, places)
    handles += _handles(view, censored) + bounds
    key(view, handles, figure)
    note(view, figure, tables)
    return figure


def _draw_panel(view: View, panel: Panel, places: Places, runs: pd.DataFrame, cells: pd.DataFrame) -> bool:
    """Draw the cells of a panel, and say whether the time of any run is censored.

    ``runs`` and ``cells`` are the values of its measure, of all panels.
    """
    span = span_of(panel.measure, runs["value"])
    are_lines, number = view.spec.kind == LINES, len(view.colours)
    share = 0.5 if are_lines else 0.84
    width = places.step * (share / number if number > 1 else 0.4) * 0.8
    censored = False
    for level, aside in side_by_side(view, share):
        names = [name for name in view.of(panel.facet, level) if name in set(runs["cell"])]
        names.sort(key=lambda name: places.at[view.value(name, view.spec.x)])
        at = {name: places.at[view.value(name, view.spec.x)] + aside * places.step for name in names}
        for name in names:
            of_cell = runs[runs["cell"] == name].sort_values("seed")
            spread = [at[name] + each for each in swarm(of_cell["value"].tolist(), span, width)]
            _draw_runs(panel, of_cell, spread, level.colour)
            censored |= bool(of_cell["censored"].any())
            if name in cells.index:
                _draw_mean(view, panel, name, at[name], cells, width, of_cell)
        if are_lines:
            _join(view, panel, level, {name: at[name] for name in names if name in cells.index}, cells)
    return censored


def _draw_runs(panel: Panel, runs: pd.DataFrame, spread: list[float], colour: str) -> None:
    """Draw a small mark for each run of a cell; a triangle for one that ended before its event."""
    if MEASURES[panel.measure].is_outcome:
        return  # the share and its interval say it all
    is_censored = runs["censored"].to_numpy()
    for flag, mark, face, size in ((False, "o", colour, 2.2), (True, "^", "white", 3.2)):
        chosen = is_censored == flag
        panel.axis.plot(
            [place for place, one in zip(spread, chosen, strict=True) if one],
            runs["value"][chosen],
            mark,
            color=colour,
            markerfacecolor=face,
            markersize=size,
            markeredgewidth=0.6 if flag else 0,
            alpha=1.0 if flag else 0.55,
            zorder=2.5,
            clip_on=False,
            in_layout=False,
        )


def _draw_mean(
    view: View, panel: Panel, name: str, place: float, cells: pd.DataFrame, width: float, runs: pd.DataFrame
) -> None:
    """Draw the mean of a cell with its interval: a mark on a line, a bar across the dots."""
    level = next(each for each in view.colours if name in view.of(panel.facet, each))
    value, low, high = (float(cells[part][name]) for part in ("value", "low", "high"))
    if pd.notna(low) and pd.isna(high):
        high = float(runs["value"].max())  # as far as the runs were looked at
    if pd.notna(low):
        panel.axis.plot(
            [place, place], [low, high], color=level.colour, linewidth=1.5, zorder=3, clip_on=False, in_layout=False
        )
    if pd.isna(value):
        return
    face = level.colour if view.summary.at[name, "published"] else "white"
    style: dict[str, Any] = {"color": level.colour, "zorder": 4, "clip_on": False, "in_layout": False}
    if view.spec.kind != LINES:
        panel.axis.plot([place - width / 2, place + width / 2], [value] * 2, linewidth=1.2, **style)
    panel.axis.plot([place], [value], level.mark, markerfacecolor=face, markersize=4.5, markeredgewidth=1.0, **style)


def _join(view: View, panel: Panel, level: Any, at: dict[str, float], cells: pd.DataFrame) -> None:
    """Join the means of cells that were trained by one recipe, but for the axis across."""
    axis = view.spec.x
    without = (axis, *axes.FOLLOWERS.get(axis, ()))
    recipes: dict[tuple[Any, ...], list[str]] = {}
    for name in at:
        recipes.setdefault(axes.recipe(view.cells[name], without), []).append(name)
    for names in recipes.values():
        values = cells.loc[names, "value"]
        panel.axis.plot([at[name] for name in names], values, color=level.colour, linewidth=1, zorder=2)


def _handles(view: View, censored: bool) -> list[Any]:
    """The entries of the key that say what marks are."""
    forms = {MEASURES[name].form for name in view.spec.measures}
    black: dict[str, Any] = {"color": "black", "linestyle": ""}
    handles = []
    if forms != {OUTCOME}:
        handles.append(Line2D([], [], marker="o", markersize=2.2, alpha=0.6, label="one run", **black))
    words = {TIME: "median", OUTCOME: "share"}
    means = " or ".join(dict.fromkeys(words.get(form, "mean") for form in sorted(forms)))
    handles.append(Line2D([], [], color="black", marker="o", markersize=4.5, label=f"{means}, 95 % interval"))
    if censored:
        triangle: dict[str, Any] = {
            "marker": "^",
            "markersize": 3.2,
            "markerfacecolor": "white",
            "markeredgewidth": 0.6,
        }
        handles.append(Line2D([], [], label="a run that ended before it", **triangle, **black))
    return handles


def draw_scatter(view: View, tables: Tables) -> Figure:
    """Draw each run by two of its measures, in the colour of its cell."""
    figure, panels = make_panels(view, height=2.2)
    handles: list[Any] = colour_handles(view, linestyle="")
    bounds: list[Any] = []
    shown = {name: measured.run_values(name, tables) for name in (view.spec.x, *view.spec.measures)}
    values = {name: runs.set_index(["cell", "seed"])["value"] for name, runs in shown.items()}
    x_measure = MEASURES[view.spec.x]
    for panel in panels:
        up_and_across = {"x": values[view.spec.x], "y": values[panel.measure]}
        points = pd.concat(up_and_across, axis=1, join="inner").reset_index().sort_values(["cell", "seed"])
        spans = [span_of(name, values[name]) for name in (view.spec.x, panel.measure)]
        for level in view.colours:
            of_level = points[points["cell"].isin(view.of(panel.facet, level))]
            aside = _overlapping(of_level, spans)
            for published in (True, False):
                chosen = of_level["cell"].map(view.summary["published"]).eq(published).to_numpy()
                panel.axis.plot(
                    of_level["x"][chosen] + aside[chosen],
                    of_level["y"][chosen],
                    level.mark,
                    color=level.colour,
                    markerfacecolor=level.colour if published else "white",
                    markersize=3.5,
                    markeredgewidth=0.8,
                    alpha=0.75,
                    clip_on=False,
                    in_layout=False,
                    zorder=3,
                )
        bounds += draw_levels(view, panel, None)
        scale_values(panel.axis, panel.measure)
        label_values(panel)
        if x_measure.form == SHARE:
            panel.axis.set_xlim(-0.05, 1.05)
            panel.axis.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        panel.axis.tick_params(labelbottom=panel.is_bottom)
        if panel.is_bottom:
            panel.axis.set_xlabel("\n".join(textwrap.wrap(x_measure.label, 22 if len(view.facets) > 2 else 40)))
    key(view, [*handles, *bounds], figure)
    said = "Each mark is one run; runs with the same values stand side by side."
    if view.spec.pooled:
        said += f" Runs of every {' and '.join(axes.name(axis) for axis in view.spec.pooled)} look alike."
    note(view, figure, tables, said)
    return figure


def _overlapping(points: pd.DataFrame, spans: list[float]) -> Any:
    """Return how far to the side points stand that would hide one another."""
    aside = pd.Series(0.0, index=points.index)
    rounded = points.assign(
        x=(points["x"] / (spans[0] or 1.0) * 50).round(), y=(points["y"] / (spans[1] or 1.0) * 50).round()
    )
    for _, same in rounded.groupby(["x", "y"]):
        step = min(0.015, WIDEST / len(same)) * (spans[0] or 1.0)
        for place, index in enumerate(same.index):
            aside[index] = (place - (len(same) - 1) / 2) * step
    return aside.to_numpy()
