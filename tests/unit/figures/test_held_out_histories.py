from __future__ import annotations

import numpy
import pandas as pd
import pytest

from capacity.experiment.cell import make_cell
from capacity.figures import held_out_histories, style
from capacity.paper.protocol import SIZES
from tests.support.handmade_figures import DIVERGED, RIGHT, GeneralizingStudy, drawn_of_two_tasks, visible_axes

NAMES = ["5+7", "7+5", "5-7", "7-5"]


@pytest.fixture(scope="module")
def one():
    """A cell whose five evaluations are those of the handmade runs."""
    return GeneralizingStudy([make_cell("joint", SIZES["n28"], iterations=400, evaluation_interval=100)])


def states_of(axis):
    """The states that a panel shows, a row per expression and run."""
    (mesh,) = axis.collections[:1]
    return numpy.asarray(mesh.get_array())


def test_each_expression_has_a_row_per_run_and_is_dark_where_it_is_right(one):
    """Of the held-out expressions the first so many are right, in the order of the corpus: 5+7, 7+5, 5-7, 7-5."""
    (axis,) = visible_axes(one.draw("held_out_histories"))
    states = states_of(axis)
    assert states.shape == (len(NAMES) * len(RIGHT), 5)
    for place in range(len(NAMES)):
        for seed, right in RIGHT.items():
            expected = [int(place < count) for count in right]
            if seed == DIVERGED:
                expected[2:] = [held_out_histories.DIVERGED] * 3
            assert states[place * len(RIGHT) + seed].tolist() == expected
    assert [label.get_text() for label in axis.get_yticklabels()] == NAMES
    assert axis.get_yticks().tolist() == [2, 6, 10, 14]
    assert axis.get_xlim() == (0, one.cells[0].iterations)


def test_divergence_has_a_key_only_where_there_is_some(one):
    def keys(study):
        return [text.get_text() for text in study.draw("held_out_histories").legends[0].get_texts()]

    assert keys(one) == ["answered right", "not", "diverged"]
    assert keys(GeneralizingStudy(one.cells, seeds=(0, 1))) == ["answered right", "not"]


def test_evaluations_lie_an_interval_apart_and_the_last_after_all_updates():
    cell = pd.Series({"evaluation_interval": 250, "iterations": 600})
    assert held_out_histories.evaluation_times(cell, 4).tolist() == [0, 250, 500, 600]


def test_of_many_expressions_some_are_named_and_a_cell_without_any_has_an_empty_panel(one):
    study = GeneralizingStudy(one.cells)
    study.expression_histories["split"] = "held_out"  # all 200
    (axis,) = visible_axes(study.draw("held_out_histories"))
    assert states_of(axis).shape == (200 * len(RIGHT), 5)
    assert 6 <= len(axis.get_yticks()) <= held_out_histories.MOST_NAMES
    study.expression_histories["split"] = "seen"
    (axis,) = visible_axes(study.draw("held_out_histories"))
    assert len(axis.collections) == 0


def test_a_study_of_facts_has_no_such_figure(laptop):
    summary = laptop.summary[laptop.summary["task"] == "facts"]
    with pytest.raises(ValueError, match="'held_out_histories': this study has no arithmetic or joint cells"):
        held_out_histories.draw(pd.DataFrame(), summary, "A study")


def test_the_command_draws_the_tables_of_several_tasks_and_the_same_bytes_again(studies, tmp_path):
    study = studies["two"]
    tables = {"--histories": study.expression_histories, "--summary": study.summary}
    drawn = [drawn_of_two_tasks("draw-held-out-histories", tables, tmp_path / folder) for folder in ("first", "second")]
    assert drawn[0] == drawn[1]
    with style.styled():
        style.save(study.draw("held_out_histories"), tmp_path / "expected.pdf", tmp_path / "expected.png")
    assert drawn[0][1] == (tmp_path / "expected.png").read_bytes()
