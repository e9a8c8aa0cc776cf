"""What was run, in words: axes that vary, what all share, seeds and departures."""

from __future__ import annotations

from capacity.experiment.cell import make_cell
from capacity.paper.protocol import SIZES, Size
from capacity.studies.cells_run import describe
from tests.support.handmade_answers import SMALL, cell, runs_of, tables
from tests.support.handmade_results import evaluation, run


def described(*evaluations):
    return describe(tables(evaluations).runs)


def test_what_varies_has_its_values_and_what_all_share_is_said_once():
    found = described(
        *(runs_of(cell(size, stream=stream), 3, 0) for size in SMALL for stream in ("fixed", "reshuffled"))
    )
    assert (found.cells, found.runs, found.diverged) == (6, 18, 0)
    assert found.varying == (("size", "n14, n28, n56", ""), ("stream", "fixed, reshuffled", "fixed"))
    assert "learning rate 0.01" in found.shared
    assert "held out (5, 7)" in found.shared
    assert "seed of the order of lines 1337" in found.shared
    assert found.seeds == ("every cell has 3 seeds (0-2)",)
    assert found.departs == 3


def test_departures_that_all_share_stand_beside_the_paper_s_value():
    found = described(runs_of(cell("n14", iterations=600), 2, 0), runs_of(cell("n28", iterations=600), 2, 0))
    assert "600 updates (paper: 30,000)" in found.shared
    assert [name for name, *_ in found.varying] == ["size"]


def test_the_schedule_follows_the_iterations_and_the_final_rate_the_peak():
    found = described(*(runs_of(cell("n14", iterations=n, learning_rate=0.02), 1, 0) for n in (300, 600)))
    assert [name for name, *_ in found.varying if "follows from" not in name] == ["updates"]
    assert ("updates", "300, 600", "30,000") in found.varying


def test_what_is_set_for_each_task_and_size_is_no_axis_of_its_own():
    facts = make_cell("facts", SIZES["n14"])
    found = described(runs_of(cell("n14"), 2, 2), evaluation(facts, [run(facts, 5)]))
    assert found.varying[0] == ("task", "arithmetic, facts", "")
    assert ("batch (by task and size)", "576, 882", "576, 882") in found.varying
    assert found.seeds == ("2 seeds (0-1): arithmetic n14", "1 seed (5): facts n14")


def test_sizes_without_a_name_are_shown_by_their_shape():
    found = described(*(runs_of(cell(Size(depth, 1, width, 1)), 1, 0) for depth in (1, 2) for width in (8, 12)))
    assert found.varying == (("layers", "1, 2", ""), ("width", "8, 12", ""))
    assert found.shared[:3] == ("arithmetic", "1 head", "MLP factor 1")


def test_diverged_runs_are_counted():
    assert described(runs_of(cell("n14"), 5, 0, diverged=2)).diverged == 2
