from __future__ import annotations

import numpy
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh

from capacity.figures import dynamics, style
from capacity.figures.dynamics import ALL, NOT_ALL
from tests.support.handmade_figures import RIGHT, GeneralizingStudy, drawn_of_two_tasks, visible_axes


def test_every_evaluation_of_every_run_has_its_state(one):
    """A row per run, the first to generalize on top: seeds 0 and 1, then those that never did."""
    states = visible_axes(one.draw("dynamics"))[0]
    (mesh,) = [each for each in states.collections if isinstance(each, QuadMesh)]
    kept, not_all, diverged = ALL, NOT_ALL, dynamics.DIVERGED
    assert numpy.asarray(mesh.get_array()).reshape(4, 5).tolist() == [
        [not_all, kept, kept, kept, kept],
        [not_all, not_all, kept, not_all, not_all],
        [not_all] * 5,
        [not_all, not_all, diverged, diverged, diverged],
    ]
    edges = mesh.get_coordinates()[0, :, 0]
    assert edges.tolist() == [0, 3750, 11250, 18750, 26250, 30000]


def test_every_run_is_a_line_and_the_mean_another(one):
    _, share, margin, _ = visible_axes(one.draw("dynamics"))
    for axis, factor, offset in ((share, 1 / 4, 0), (margin, 1, -2)):
        lines = [line for line in axis.lines if len(line.get_xdata()) == 5]
        assert len(lines) == len(RIGHT) + 1
        for line, right in zip(lines, RIGHT.values(), strict=False):
            known = numpy.isfinite(line.get_ydata())
            expected = numpy.array(right) * factor + offset
            assert line.get_ydata()[known] == pytest.approx(expected[known])
    lines = [line for line in share.lines if len(line.get_xdata()) == 5]
    assert lines[-1].get_ydata() == pytest.approx(numpy.mean(list(RIGHT.values()), axis=0) / 4)


def test_gains_and_losses_are_marked(one):
    share = visible_axes(one.draw("dynamics"))[1]
    marked = {line.get_marker(): [float(place) for place in line.get_xdata()] for line in share.lines}
    assert marked["^"] == [7500, 15000]
    assert marked["v"] == [22500]


def test_the_survival_curve_counts_the_runs_that_have_not_generalized_yet(one):
    axis = visible_axes(one.draw("dynamics"))[-1]
    curve = axis.lines[0]
    assert list(curve.get_xdata()) == [0, 7500, 15000, 30000]
    assert list(curve.get_ydata()) == pytest.approx([1, 3 / 4, 1 / 2, 1 / 2])
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["n28: 2 of 4 did"]
    low, high = (line.get_ydata() for line in axis.lines[1:3])
    assert all(low <= curve.get_ydata())
    assert all(high >= curve.get_ydata())
    assert [line.get_marker() for line in axis.lines if len(line.get_xdata()) == 1] == ["|"]  # two runs are censored


def test_the_legend_names_divergence_only_where_there_is_some(one):
    def words(study):
        return [text.get_text() for text in study.draw("dynamics").legends[0].get_texts()]

    assert "diverged" in words(one)
    assert "diverged" not in words(GeneralizingStudy(one.cells, seeds=(0, 1)))


def test_a_cell_without_a_history_has_empty_panels(studies):
    study = studies["decay"]
    kept = study.history["variant"] == "paper"
    with style.styled():
        figure = dynamics.draw(study.history[kept], study.runs[study.runs["variant"] == "paper"], study.summary, "")
        FigureCanvasAgg(figure).draw()
    assert [len(text.get_text()) > 0 for text in visible_axes(figure)[-1].get_legend().get_texts()] == [True]


def test_the_command_draws_the_tables_of_several_tasks_and_the_same_bytes_again(studies, tmp_path):
    study = studies["two"]
    # pandas has no loss of a diverged run that Parquet would tell from a missing one
    history = study.history.fillna({"stream_loss": numpy.inf})
    tables = {"--history": history, "--runs": study.runs, "--summary": study.summary}
    drawn = [drawn_of_two_tasks("draw-dynamics", tables, tmp_path / folder) for folder in ("first", "second")]
    assert drawn[0] == drawn[1]
    with style.styled():
        style.save(study.draw("dynamics"), tmp_path / "expected.pdf", tmp_path / "expected.png")
    assert drawn[0][1] == (tmp_path / "expected.png").read_bytes()
