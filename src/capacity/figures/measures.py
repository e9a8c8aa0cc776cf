"""The figures that studies have by their configuration alone: measures of cells over the axes that vary."""

from __future__ import annotations

from matplotlib.figure import Figure

from capacity.experiment.study_figures import CURVES, MAP, StudyFigure
from capacity.figures import measured_curves, measured_lines, measured_maps
from capacity.figures.view import make_view
from capacity.tables.measured import Tables


def draw(spec: StudyFigure, tables: Tables, title: str) -> Figure:
    """Draw a figure of a study.

    Args:
        spec: what it shows. Axes that vary and that it does not mention become colour, then facet.
        tables: those that :attr:`capacity.experiment.study_figures.StudyFigure.tables` names.
        title: of the study.

    Raises InputError if the cells of the tables cannot be shown so.
    """
    view = make_view(spec, tables["summary"], title)
    if view.spec.kind == MAP:
        return measured_maps.draw(view, tables)
    if view.spec.kind == CURVES:
        return measured_curves.draw(view, tables)
    return measured_lines.draw_scatter(view, tables) if view.spec.x_measure else measured_lines.draw(view, tables)
