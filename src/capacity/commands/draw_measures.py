"""Draw measures of the cells of a study over the axes that vary, as its configuration says."""

from __future__ import annotations

import argparse
from pathlib import Path

from capacity.commands.arguments import add_figure_arguments
from capacity.commands.drawing import make_figure
from capacity.dictionary.study_measures import MEASURES
from capacity.errors import InputError
from capacity.experiment.axes import LABELS
from capacity.experiment.study_figures import KINDS, PAIRS, StudyFigure
from capacity.figures import measures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    measure_names, axis_names = ", ".join(MEASURES), ", ".join(LABELS)
    parser.add_argument("--kind", required=True, choices=KINDS, help="how cells are shown")
    parser.add_argument("--measure", required=True, nargs="+", help=f"measures to show, of {measure_names}")
    parser.add_argument("--x", default="", help=f"axis across, of {axis_names}; {PAIRS} in a map; or a measure")
    parser.add_argument("--y", default="", help="axis down, in a map")
    parser.add_argument("--colour", nargs="*", default=[], help="axes that are the colour; default: what else varies")
    parser.add_argument("--facet", nargs="*", default=[], help="axes with a panel for each value; default: the rest")
    parser.add_argument("--pooled", nargs="*", default=[], help="axes of a scatter that nothing stands for")
    for name in ("runs", "summary"):
        parser.add_argument(f"--{name}", required=True, nargs="+", type=Path, help=f"tables {name}, one for each task")
    for name in ("history", "dynamics"):
        parser.add_argument(
            f"--{name}", nargs="*", default=[], type=Path, help=f"tables {name}, where a measure is from there"
        )
    add_figure_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    spec = StudyFigure(
        arguments.kind,
        tuple(arguments.measure),
        arguments.x,
        arguments.y,
        tuple(arguments.colour),
        tuple(arguments.facet),
        tuple(arguments.pooled),
    )
    if unknown := [name for name in spec.measures if name not in MEASURES]:
        raise InputError(f"--measure: {unknown[0]!r} is not one of {', '.join(MEASURES)}")
    paths = {name: getattr(arguments, name) for name in spec.tables}
    if missing := [name for name, of_kind in paths.items() if not of_kind]:
        raise InputError(f"--{missing[0]}: is missing; {', '.join(spec.measures)} is read from there")
    make_figure(
        "draw-measures",
        arguments,
        paths,
        lambda tables: measures.draw(spec, tables, arguments.title),
        figure=spec.options(),
    )
