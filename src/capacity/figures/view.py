"""What a figure of measures shows: its cells with what stands for each axis, and their values, ready to be drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy
import pandas as pd
from matplotlib.colors import to_hex

from capacity.experiment import axes
from capacity.experiment.cell import Cell, base_cell, parse_cell
from capacity.experiment.study_figures import DOTS, LINES, StudyFigure, make_figure
from capacity.figures.style import BLUE, NAMED_COLOURS, count_seeds, thousands

MARKS = "os^DvPX<>*"
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)))
LOGARITHMIC = (
    *("learning_rate", "final_learning_rate", "width", "parameters", "iterations", "warmup_iterations"),
    *("decay_iterations", "evaluation_interval", "batch"),
)
"""Axes on which steps are factors."""
LARGE_RANGE = 30
"""The ratio from which on the axis of any other number above zero is logarithmic."""


@dataclass(frozen=True)
class Level:
    """A value that stands for a colour, a mark and dashes, or for a panel.

    Attributes:
        value: of the cells on the axes that stand for it together.
        words: the value with its axes.
        colour, mark, dashes: of what is drawn.
    """

    value: tuple[Any, ...]
    words: str
    colour: str = "black"
    mark: str = "o"
    dashes: Any = "-"


@dataclass(frozen=True)
class View:
    """The cells of a figure and how they are told apart.

    Attributes:
        spec: the figure.
        title: of the study.
        cells: that it shows, by name.
        summary: their rows of the summary, by name.
        colours, facets: what stands for colour and for panels, at least one of each.
    """

    spec: StudyFigure
    title: str
    cells: Mapping[str, Cell]
    summary: pd.DataFrame
    colours: Sequence[Level]
    facets: Sequence[Level]

    def of(self, facet: Level, colour: Level | None = None) -> list[str]:
        """Return the names of the cells of a panel, or of those of one colour in it."""
        return [
            name
            for name in self.cells
            if self.together(name, self.spec.facet) == facet.value
            and (colour is None or self.together(name, self.spec.colour) == colour.value)
        ]

    def together(self, name: str, several: Sequence[str]) -> tuple[Any, ...]:
        """Return the values of a cell on several axes."""
        return tuple(self.value(name, axis) for axis in several)

    def value(self, name: str, axis: str) -> Any:
        """Return the value of a cell on an axis, which can be a number of parameters here."""
        if axis == "parameters":
            return int(self.summary["parameters"][name])
        return axes.value(self.cells[name], axis)

    def values(self, axis: str) -> list[Any]:
        """Return the values of the cells on an axis, each once and in order."""
        if axis == "parameters":
            return sorted({self.value(name, axis) for name in self.cells})
        return axes.ordered(self.cells.values(), axis)

    @property
    def is_hollow(self) -> bool:
        """Whether some cells depart from the paper's protocol."""
        return not bool(self.summary["published"].all())

    @property
    def is_mixed(self) -> bool:
        """Whether some cells are the paper's and some are not, so that marks tell them apart."""
        return self.summary["published"].nunique() > 1


def make_view(spec: StudyFigure, summary: pd.DataFrame, title: str) -> View:
    """Return what a figure shows of a study, where axes that it does not mention stand for something too.

    Raises InputError if the cells cannot be shown so.
    """
    entry = {"kind": spec.kind, "measure": list(spec.measures)} | {
        role: getattr(spec, role) for role in ("x", "y", "colour", "facet", "pooled")
    }
    every = {str(name): parse_cell(name) for name in summary["cell"]}
    spec = make_figure(entry, list(every.values()), "figure")
    shown = {name: cell for name, cell in every.items() if spec.shows(cell)}
    rows = summary.set_index("cell").loc[list(shown)]
    bare = View(spec, title, shown, rows, (), ())
    colours, facets = (levels(bare, axis) for axis in (spec.colour, spec.facet))
    return View(spec, title, shown, rows, colours, facets)


def levels(view: View, several: Sequence[str]) -> list[Level]:
    """Return the values of some axes together, with a colour, a mark and dashes for each; one for no axis.

    The numbers of one axis get colours from dark to light, all else colours that are unlike each other.
    """
    if not several:
        return [Level((), "", BLUE)]
    texts = {axis: _texts(view, axis) for axis in several}
    ranks = {axis: {value: number for number, value in enumerate(texts[axis])} for axis in several}
    values = sorted(
        {view.together(name, several) for name in view.cells},
        key=lambda together: [ranks[axis][value] for axis, value in zip(several, together, strict=True)],
    )
    if len(several) > 1 or several[0] in axes.NAMED or len(values) <= 2:
        colours: list[str] = list(NAMED_COLOURS)
    else:
        shades = matplotlib.colormaps["viridis"](numpy.linspace(0.0, 0.85, len(values)))
        colours = [to_hex(shade) for shade in shades]
    return [
        Level(
            together,
            _words(view, several, together, texts),
            colours[number % len(colours)],
            MARKS[number % len(MARKS)],
            DASHES[number % len(DASHES)],
        )
        for number, together in enumerate(values)
    ]


def _words(
    view: View, several: Sequence[str], together: tuple[Any, ...], texts: Mapping[str, Mapping[Any, str]]
) -> str:
    """Return values with their axes, and a dagger if none of their cells is the paper's, where others are."""
    words = ", ".join(
        axes.in_words(axis, value, texts[axis][value]) for axis, value in zip(several, together, strict=True)
    )
    return words + "†" * (view.is_mixed and _departs(view, several, together))


def _texts(view: View, axis: str) -> dict[Any, str]:
    """Return each value of the cells on an axis with its text, in order."""
    if axis == "parameters":
        return {each: thousands(each) for each in view.values(axis)}
    return axes.texts(view.cells.values(), axis)


@dataclass(frozen=True)
class Places:
    """Where the values of an axis stand: evenly, or by their size or its logarithm.

    Attributes:
        axis: the axis.
        at: the place of each value.
        labels: the text of each value.
        step: the smallest distance of two places.
    """

    axis: str
    at: Mapping[Any, float]
    labels: Mapping[Any, str]
    step: float


def make_places(view: View, axis: str, evenly: bool = False) -> Places:
    """Return the places of the values of an axis; those of names, and any if ``evenly``, are 1 apart."""
    values = view.values(axis)
    labels = _texts(view, axis)
    if axis == "size":
        labels = {each: text + "†" * _departs(view, (axis,), (each,)) for each, text in labels.items()}
    if evenly or axis in axes.NAMED:
        at = {each: float(number) for number, each in enumerate(values)}
    elif min(values) > 0 and (axis in LOGARITHMIC or max(values) >= LARGE_RANGE * min(values)):
        at = {each: float(numpy.log10(each)) for each in values}
    else:
        at = {each: float(each) for each in values}
    places = sorted(at.values())
    step = min(numpy.diff(places)) if len(places) > 1 else 1.0
    return Places(axis, at, labels, float(step))


def _departs(view: View, several: Sequence[str], together: tuple[Any, ...]) -> bool:
    """Whether no cell with some values is the paper's."""
    return not any(
        view.summary.at[name, "published"] for name in view.cells if view.together(name, several) == together
    )


def caption(view: View, runs: pd.DataFrame) -> str:
    """Return what all cells share, said once, and how the hollow ones depart from the paper's protocol."""
    cells = list(view.cells.values())
    words = axes.in_every_cell(cells, view.spec.told)
    numbers = runs.groupby("cell")["seed"].nunique()
    least, most = int(numbers.min()), int(numbers.max())
    words.append(count_seeds(least) if least == most else f"{least} to {most} seeds")
    sentences = [f"In every cell: {', '.join(words)}."]
    if diverged := int(view.summary["diverged"].sum()):
        sentences.append(f"{diverged} {'run' if diverged == 1 else 'runs'} diverged.")
    if view.is_hollow:
        marked = "Hollow, †" if view.spec.kind in (LINES, DOTS) else "†" if view.is_mixed else "All cells"
        sentences.append(f"{marked}: not the paper's protocol, in {_departures(cells)}.")
    return " ".join(sentences)


def _departures(cells: Sequence[Cell]) -> str:
    """Return in what cells are not the paper's, with the paper's value where it is one for all of them."""
    departing: dict[str, set[Any]] = {}
    for cell in cells:
        usual = base_cell(cell.task, cell.size)
        for axis in cell.departures_from_published():
            departing.setdefault(axis, set()).add(None if axis in ("size", "task") else axes.value(usual, axis))
    words = []
    for axis, usual_values in departing.items():
        (usual_value,) = usual_values if len(usual_values) == 1 else (None,)
        text = "" if usual_value is None else f" (the paper: {axes.short(axis, usual_value)})"
        words.append(f"{axes.name(axis)}{text}")
    return ", ".join(words)
