"""The figures that a study has by its configuration alone: what each shows, and whether its cells can be shown so.

A figure chooses measures and says which axes of the cells stand for what. Axes that vary and that it does not mention
become colour, then facet, so that no two cells look alike.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from capacity.dictionary.study_measures import MEASURES, OUTCOME, TIME, Measure
from capacity.errors import ConfigurationError
from capacity.experiment import axes
from capacity.experiment.cell import Cell
from capacity.experiment.checks import check_measured, check_name, suggestion
from capacity.tasks.registry import TASKS

MAP, LINES, DOTS, CURVES = "map", "lines", "dots", "curves"
KINDS = (MAP, LINES, DOTS, CURVES)
PAIRS = "pairs"
"""The axis of a map that has the first operand of the pair that is held out across and the second one down."""
RESERVED = ("index", "answer", "tradeoff", "dynamics", "answers", *TASKS)
"""Names of pages and figures that every study has."""

ROLES = ("x", "y", "colour", "facet")
MOST_VALUES = {"x": 40, "y": 40, "colour": 10, "facet": 12}
"""Values of an axis in each role, beyond which nobody tells them apart."""


@dataclass(frozen=True)
class StudyFigure:
    """A figure of a study.

    Attributes:
        kind: one of :data:`KINDS`.
        measures: names of :data:`capacity.dictionary.study_measures.MEASURES`, each in a row of panels.
        x, y: the axes across and down or up; empty for none. ``x`` may be a measure instead, which makes a scatter of
            runs, and :data:`PAIRS`.
        colour, facet: the axes that have a colour, or a panel, for each of their values together.
        pooled: axes of a scatter that nothing stands for, so that runs of all their values look alike.
    """

    kind: str
    measures: tuple[str, ...]
    x: str = ""
    y: str = ""
    colour: tuple[str, ...] = ()
    facet: tuple[str, ...] = ()
    pooled: tuple[str, ...] = ()

    @property
    def x_measure(self) -> Measure | None:
        """The measure across, of a scatter of runs; a name that an axis has too stands for the axis."""
        return None if self.x in axes.LABELS else MEASURES.get(self.x)

    @property
    def every_measure(self) -> tuple[str, ...]:
        """The names of all measures, that across included."""
        return (*self.measures, self.x) if self.x_measure else self.measures

    @property
    def roles(self) -> dict[str, tuple[str, ...]]:
        """The axes that are told, by what stands for them; nothing where no axis does."""
        across = "held_out" if self.x == PAIRS else "" if self.x_measure else self.x
        given = {"x": (across,) * bool(across), "y": (self.y,) * bool(self.y)}
        return {
            role: of_role for role, of_role in (given | {"colour": self.colour, "facet": self.facet}).items() if of_role
        }

    @property
    def told(self) -> tuple[str, ...]:
        """The axes that are told."""
        return tuple(axis for of_role in self.roles.values() for axis in of_role)

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that it is drawn from, as :data:`capacity.tables.table_bounds.OF_STUDIES` names them."""
        read = {MEASURES[name].table for name in self.every_measure}
        more = [name for name in ("history", "dynamics") if name in read or (name, self.kind) == ("history", CURVES)]
        return ("runs", "summary", *more)

    def shows(self, cell: Cell) -> bool:
        """Whether a cell has a measure of the figure, and that across if there is one."""
        kind = (cell.task, cell.stream, cell.largest_operand)
        has = [MEASURES[name].is_of(*kind) for name in self.measures]
        return any(has) and (self.x_measure is None or self.x_measure.is_of(*kind))

    def tasks(self, cells: Iterable[Cell]) -> list[str]:
        """Return the tasks of the cells that it shows, in the order of the registry: whose tables it reads."""
        shown = {cell.task for cell in cells if self.shows(cell)}
        return [task for task in TASKS if task in shown]

    def options(self) -> str:
        """Return the options of the command ``draw-measures`` that draw it."""
        words = ["--kind", self.kind, "--measure", *self.measures]
        for role in ("x", "y"):
            words += [f"--{role}", getattr(self, role)] if getattr(self, role) else []
        for role in ("colour", "facet", "pooled"):
            words += [f"--{role}", *getattr(self, role)] if getattr(self, role) else []
        return shlex.join(words)


class UnfitFigureError(ConfigurationError):
    """The cells of a study do not have what a figure shows."""


def study_figures(
    study: str, settings: Mapping[str, Any] | None, cells: Iterable[Cell], left_out: Iterable[Cell] = ()
) -> dict[str, StudyFigure]:
    """Return the figures of a study by name, without those that the cells of a budget do not suffice for.

    Args:
        study: its name.
        settings: what the configuration says under ``figures``.
        cells: that the budget trains.
        left_out: further cells of the study, which the budget leaves out.

    Raises ConfigurationError naming the key of a figure that could not be drawn of all cells, unless it is optional.
    """
    cells, left_out = list(cells), list(left_out)
    figures = {}
    for name, entry in (settings or {}).items():
        key = f"studies.{study}.figures.{name}"
        if name in RESERVED:
            raise ConfigurationError(f"{key}: every study has a figure or page of this name; choose another name")
        try:
            every = make_figure(entry, [*cells, *left_out], key)
        except UnfitFigureError:
            if not entry.get("optional", False):
                raise
            continue
        if not left_out:
            figures[name] = every
            continue
        try:
            figures[name] = make_figure(entry, cells, key, is_part=True)
        except UnfitFigureError:
            continue
    return figures


def make_figure(entry: Mapping[str, Any], cells: Sequence[Cell], key: str, is_part: bool = False) -> StudyFigure:
    """Return the figure that a configuration describes, in which every axis that varies stands for something.

    Args:
        entry: the keys ``kind``, ``measure``, ``x``, ``y``, ``colour``, ``facet`` and ``pooled``.
        cells: of the study.
        key: of the configuration, for messages.
        is_part: whether these are a part of the cells that the figure is for. A colour or facet that does not vary in
            this part is left out then.

    Raises ConfigurationError naming the key if it is unknown or does not fit the kind, and UnfitFigureError if the
    cells do not have what it shows, or are not all told apart.
    """
    check_name(entry["kind"], KINDS, f"{key}.kind")
    for key_of_names, names in (
        ("measure", MEASURES),
        ("colour", axes.LABELS),
        ("facet", axes.LABELS),
        ("pooled", axes.LABELS),
    ):
        given = entry.get(key_of_names, ())
        for number, name in enumerate(_names(given)):
            check_name(name, names, f"{key}.{key_of_names}" + f"[{number}]" * (not isinstance(given, str)))
    figure = StudyFigure(
        entry["kind"],
        _names(entry["measure"]),
        entry.get("x", ""),
        entry.get("y", ""),
        _names(entry.get("colour", ())),
        _names(entry.get("facet", ())),
        _names(entry.get("pooled", ())),
    )
    _check_roles(figure, key)
    try:
        return _fitted(figure, cells, key, is_part)
    except ConfigurationError as error:
        raise UnfitFigureError(str(error)) from error


def _fitted(figure: StudyFigure, cells: Sequence[Cell], key: str, is_part: bool) -> StudyFigure:
    """Return a figure with what varies among the cells. Raises ConfigurationError if they do not have what it shows."""
    _check_measures(figure, cells, key)
    shown = [cell for cell in cells if figure.shows(cell)]
    if is_part:
        vary = {axis for axis in axes.LABELS if len({axes.value(cell, axis) for cell in shown}) > 1}
        colour, facet = (tuple(axis for axis in given if axis in vary) for given in (figure.colour, figure.facet))
        figure = replace(figure, colour=colour, facet=facet)
    _check_axes(figure, shown, key)
    return _complete(figure, shown, key)


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    """Return what is given as one name or as several."""
    return (given,) if isinstance(given, str) else tuple(given)


def _check_roles(figure: StudyFigure, key: str) -> None:
    """Raise ConfigurationError if the roles are not those of the kind, or name what there is not."""
    x_names = [*axes.LABELS]
    if figure.kind == MAP:
        x_names.append(PAIRS)
    if figure.kind in (LINES, DOTS):
        x_names += [name for name in MEASURES if name not in axes.LABELS]
    for role, names in (("x", x_names), ("y", axes.LABELS)):
        if getattr(figure, role):
            check_name(getattr(figure, role), names, f"{key}.{role}")
    needed = {"x"} if figure.kind != CURVES else set()
    allowed = {"x", "colour", "facet"} if figure.kind in (LINES, DOTS) else {"colour", "facet"}
    if figure.kind == MAP:
        needed, allowed = ({"x"}, {"x", "facet"}) if figure.x == PAIRS else ({"x", "y"}, {"x", "y", "facet"})
    for role in ROLES:
        if role in needed and not getattr(figure, role):
            raise ConfigurationError(f"{key}.{role}: is missing; a figure of kind {figure.kind!r} needs an axis for it")
        if role not in allowed and getattr(figure, role):
            given = ", ".join(_names(getattr(figure, role)))
            raise ConfigurationError(
                f"{key}.{role}: {given!r} has no place in a figure of kind {figure.kind!r}"
                f"{f' with x: {PAIRS}' if figure.x == PAIRS else ''}, which takes {', '.join(sorted(allowed))}"
            )
    if figure.pooled and not figure.x_measure:
        raise ConfigurationError(
            f"{key}.pooled: {', '.join(figure.pooled)!r} can be pooled in a scatter of runs alone, whose x is a "
            "measure; elsewhere every axis that varies stands for something"
        )
    before: dict[str, str] = {}
    for role, of_role in (figure.roles | {"pooled": figure.pooled}).items():
        for axis in of_role:
            if axis in before:
                raise ConfigurationError(f"{key}.{role}: {axis!r} is {before[axis]} already; give another axis")
            before[axis] = role


def _check_measures(figure: StudyFigure, cells: Sequence[Cell], key: str) -> None:
    """Raise ConfigurationError if no cell has a measure, or it has nothing to show in such a figure."""
    for name in figure.every_measure:
        measure, role = MEASURES[name], "x" if name not in figure.measures else "measure"
        check_measured(name, MEASURES, cells, f"{key}.{role}")
        if figure.kind == CURVES and not measure.history:
            have = [other for other, each in MEASURES.items() if each.history]
            raise ConfigurationError(
                f"{key}.{role}: {name!r} is not measured during training, so it has no curve; one of {', '.join(have)} "
                f"has{suggestion(name, have)}"
            )
        if figure.x_measure and measure.form in (OUTCOME, TIME):
            raise ConfigurationError(f"{key}.{role}: {name!r} is not a number of every run, and cannot be in a scatter")
    if figure.x_measure and figure.x in figure.measures:
        raise ConfigurationError(f"{key}.x: {figure.x!r} is the measure already; give another one, or an axis")


def _check_axes(figure: StudyFigure, cells: Sequence[Cell], key: str) -> None:
    """Raise ConfigurationError if an axis has one value among the cells that are shown, or too many."""
    if figure.x == PAIRS:
        for cell in cells:
            if "held_out" not in TASKS[cell.task].axes or len(cell.held_out) != 1:
                raise ConfigurationError(
                    f"{key}.x: {PAIRS!r} needs cells that hold out one pair each, and {cell.name} does not"
                )
    for role, of_role in figure.roles.items():
        for axis in of_role:
            values = axes.ordered(cells, axis)
            if len(values) == 1:
                shown = f", {axes.short(axis, values[0])}," if axis != "parameters" else ""
                vary = axes.varying(cells)
                raise ConfigurationError(
                    f"{key}.{role}: {axis!r} has one value{shown} in all cells of the study that have the measure; "
                    f"what varies is {', '.join(vary) or 'nothing'}"
                )
        number = len({tuple(axes.value(cell, axis) for axis in of_role) for cell in cells})
        if number > MOST_VALUES[role] and figure.x != PAIRS:
            raise ConfigurationError(
                f"{key}.{role}: {', '.join(of_role)!r} has {number} values, more than the {MOST_VALUES[role]} that can "
                f"be told apart as {role}"
            )


def _complete(figure: StudyFigure, cells: Sequence[Cell], key: str) -> StudyFigure:
    """Let the axes that vary and are not mentioned be the colour, then the facet. Raises ConfigurationError."""
    told = figure.roles
    left = axes.varying(cells, (*figure.told, *figure.pooled))
    free = [role for role in ("colour", "facet") if role not in told and (role == "facet" or figure.kind != MAP)]
    if len(left) > len(free):
        raise ConfigurationError(
            f"{key}: the cells vary in {', '.join([*figure.told, *left])}, and a figure of kind {figure.kind!r} "
            f"has no place left for {', '.join(left[len(free) :])}; give two axes one place, as in "
            f"facet: [{', '.join(left[-2:] if len(left) > 1 else (*figure.told[-1:], *left))}], or choose another kind"
        )
    chosen = {role: (axis,) for role, axis in zip(free, left, strict=False)}
    completed = replace(figure, colour=chosen.get("colour", figure.colour), facet=chosen.get("facet", figure.facet))
    _check_axes(completed, cells, key)
    return completed
