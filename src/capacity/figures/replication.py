"""The paper's numbers beside ours, as a forest: a row for each of the paper's cells that was run.

Scores are those of the checkpoint that the paper's rule picks, as the paper reports them, and the loss is the last one.
"""

from __future__ import annotations

import textwrap
from typing import Any

import numpy
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from capacity.figures.style import BLUE, FULL_WIDTH, ORANGE

PANELS = {
    "addition": ("paper_addition", "paper_best_addition_910", "additions right"),
    "subtraction": ("paper_subtraction", "paper_best_subtraction_910", "subtractions right"),
    "facts": ("paper_facts", "paper_best_facts_paper_prompts", "facts recalled"),
    "loss": ("paper_final_loss", "final_stream_loss", "last loss (nats)"),
}
"""By panel: the column of the paper's number, the stem of the columns of ours, and the label."""

ROW, MARGIN, LEAST = 0.21, 1.15, 2.0
"""Inches: of a row, of the key, the note and the axes, and the least height of a figure."""


def draw(table: pd.DataFrame) -> Figure:
    """Draw the table of the paper's numbers beside ours.

    Args:
        table: one row per published cell, as :func:`capacity.claims.replication.replication_table` makes it.
    """
    rows = table[table["n"] > 0].reset_index(drop=True)
    shown = [name for name, (paper, ours, _) in PANELS.items() if rows[[paper, f"{ours}_mean"]].notna().any().any()]
    figure = Figure(figsize=(FULL_WIDTH, max(LEAST, MARGIN + ROW * len(rows))))
    if not shown:
        figure.text(0.5, 0.5, "None of the paper's cells was run.", ha="center")
        return figure
    axes = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    places = _places(rows)
    for name, axis in zip(shown, axes, strict=True):
        _draw_panel(axis, rows, places, name)
    axes[0].set_yticks(places, [_label(row) for _, row in rows.iterrows()])
    axes[0].set_ylim(max(places) + 0.6, -0.6)
    figure.legend(handles=_handles(rows), loc="outside upper center", ncols=4, frameon=False)
    _note(figure, table, rows)
    return figure


def _places(rows: pd.DataFrame) -> list[float]:
    """Return the heights of the rows, with room between the groups of one task and variant."""
    groups = rows["task"] + rows["variant"]
    starts = (groups != groups.shift()).cumsum() - 1
    return [number + 0.6 * start for number, start in enumerate(starts)]


def _label(row: pd.Series) -> str:
    dagger = "†" if row["departs"] else ""
    variant = "" if row["variant"] == "base" else f" {row['variant']}"
    return f"{row['task']}, {row['size']}{variant}{dagger}, n = {row['n']}"


def _draw_panel(axis: Axes, rows: pd.DataFrame, places: list[float], name: str) -> None:
    paper, ours, label = PANELS[name]
    for place, (_, row) in zip(places, rows.iterrows(), strict=True):
        mean, low, high, own = (row[f"{ours}_{part}"] for part in ("mean", "low", "high", "seed_1337"))
        if pd.notna(low):
            axis.plot([low, high], [place, place], color=BLUE, linewidth=1.6, solid_capstyle="butt", zorder=2)
        face = "white" if row["departs"] else BLUE
        axis.plot(mean, place, "o", color=BLUE, markerfacecolor=face, markersize=4.2, zorder=3, clip_on=False)
        axis.plot(own, place, "|", color=ORANGE, markersize=8, markeredgewidth=1.4, zorder=4, clip_on=False)
        style: dict[str, Any] = {"markerfacecolor": "none", "markersize": 6.5, "markeredgewidth": 0.9}
        axis.plot(row[paper], place, "D", color="black", zorder=5, clip_on=False, **style)
    axis.set_xlabel(label)
    axis.grid(axis="y", color="0.9", linewidth=0.5)
    axis.set_axisbelow(True)
    axis.tick_params(axis="y", length=0)
    axis.spines["right"].set_visible(False)
    if name != "loss":
        values = rows[[paper, *(f"{ours}_{part}" for part in ("mean", "low", "seed_1337"))]].to_numpy(dtype=float)
        least = numpy.nanmin(values)
        axis.set_xlim(0.9 if least > 0.92 else 0, 1)


def _handles(rows: pd.DataFrame) -> list[Line2D]:
    blank: dict[str, Any] = {"linestyle": "", "color": BLUE}
    handles = [
        Line2D([], [], marker="D", markerfacecolor="none", color="black", linestyle="", label="the paper, seed 1337"),
        Line2D([], [], marker="|", markeredgewidth=1.4, color=ORANGE, linestyle="", label="ours, seed 1337"),
        Line2D([], [], marker="o", markersize=4.2, color=BLUE, label="ours, all seeds: mean and 95 % interval"),
    ]
    if rows["departs"].astype(bool).any():
        handles.append(Line2D([], [], marker="o", markerfacecolor="white", label="another recipe", **blank))
    return handles


def _note(figure: Figure, table: pd.DataFrame, rows: pd.DataFrame) -> None:
    """Write under the figure which cells are not there, and that marks of another recipe compare no like with like."""
    text = "Scores of the evaluation that the paper's rule picks, which looks at held-out expressions too."
    if rows["departs"].astype(bool).any():
        text += " † Hollow: not the paper's protocol; replication.md says how it departs."
    if len(rows) < len(table):
        text += f" {len(table) - len(rows)} of the paper's {len(table)} cells were not run."
    lines = textwrap.wrap(text, int(FULL_WIDTH * 20))
    figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=6)
