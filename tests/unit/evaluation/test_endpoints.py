from __future__ import annotations

import pytest

from capacity.evaluation.endpoints import averaged_evaluations, paper_best
from capacity.evaluation.job import evaluate_job
from capacity.training.history import history_table
from tests.support.networks import networks_of
from tests.support.random_evaluations import (
    CELL,
    SEEDS,
    make_history,
)


def test_the_final_endpoint_is_the_last_evaluation(evaluated):
    for run in evaluated["runs"]:
        final = run["final"]
        assert (final["first_iteration"], final["last_iteration"], final["evaluations"]) == (600, 600, 1)
        assert final["stream_loss"] == 3.0


@pytest.mark.parametrize(
    ("evaluations", "averaged"), [(121, 20), (500, 20), (6001, 20), (61, 10), (13, 2), (11, 2), (4, 1), (2, 1), (1, 1)]
)
def test_the_time_average_takes_20_evaluations_or_their_share_of_a_shorter_run(evaluations, averaged):
    assert averaged_evaluations(evaluations) == averaged


def test_the_time_average_is_over_the_last_evaluations(lines, stack, totals):
    history = history_table(make_history(totals, 121))
    for run in evaluate_job(CELL, lines, SEEDS, networks_of(stack, CELL.size), history, (None, None))["runs"]:
        average = run["time_average"]
        assert (average["first_iteration"], average["last_iteration"]) == (200 * 101, 200 * 120)
        assert average["evaluations"] == 20
        assert average["stream_loss"] == pytest.approx(sum(range(101, 121)) / 20)
        assert average["scores"]["seen"] == {
            "correct": sum(range(101, 121)),
            "total": 20 * 196,
            "fraction": sum(range(101, 121)) / (20 * 196),
        }
        assert average["scores"]["held_out"] == {"correct": 80, "total": 80, "fraction": 1.0}


def test_the_paper_s_rule_takes_the_earliest_of_the_best():
    right = [0.1, 0.7, 0.4, 0.7, 0.69]
    history = [{"iteration": 250 * number, "combined_910": share} for number, share in enumerate(right)]
    assert paper_best(history) == {"iteration": 250, "combined_910": 0.7}
    assert paper_best(history[::-1]) == {"iteration": 250, "combined_910": 0.7}


def test_the_paper_s_checkpoint_is_chosen_for_each_seed_by_its_own_history(lines, stack, totals):
    rows = make_history(totals, 5)
    best = {0: 1, 7: 3}
    for row in rows:
        number = row["iteration"] // 200
        row["combined_910"] = (100 if number >= best[row["seed"]] else 50) / totals["combined_910"]
    networks = networks_of(stack, CELL.size)
    for run in evaluate_job(CELL, lines, SEEDS, networks, history_table(rows), (None, None))["runs"]:
        number, chosen = best[run["seed"]], run["paper_best"]
        assert (chosen["first_iteration"], chosen["last_iteration"]) == (200 * number, 200 * number)
        assert chosen["evaluations"] == 1
        assert chosen["stream_loss"] == number
        assert chosen["scores"]["combined_910"]["correct"] == 100
        assert chosen["scores"]["seen"]["correct"] == number
        assert run["final"]["last_iteration"] == 800
