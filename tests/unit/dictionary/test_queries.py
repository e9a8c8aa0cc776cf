"""The queries of the page, answered by DuckDB from the tables of a handmade study."""

from __future__ import annotations

import duckdb
import pytest

from capacity.dictionary.queries import QUERIES
from tests.support.handmade_jobs import PAPER, RECALL, make_table, write_job, write_jobs
from tests.support.handmade_results import evaluation, run

LEVELS = [2.0, 1.0, 0.5]
"""The loss of the handmade histories at their three evaluations."""


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """The rows that a query gives from the handmade study, whose held-out answers of seed 1337 are wrong."""
    monkeypatch.chdir(tmp_path)
    write_jobs(tmp_path)
    for seeds in ((0, 2), (1337,)):
        runs = [run(PAPER, seed) for seed in seeds]
        for one in runs:
            (answer,) = one["answers"]
            one["answers"] = [answer | {"split": "held_out", "right": one["seed"] != 1337}, answer]
        write_job(tmp_path, evaluation(PAPER, runs))
    make_table("tabulate", "results/tables/hand")
    make_table("histories", "results/tables/hand/history.parquet")

    def rows(number):
        return duckdb.sql(QUERIES[number].sql.format(study="hand")).fetchall()

    return rows


def test_there_are_three_questions():
    assert len(QUERIES) == 3


def test_answers_are_averaged_over_the_questions_of_arithmetic_that_are_held_out(ask):
    """Of three seeds two answer right; facts have no held-out expressions."""
    assert ask(0) == [("arithmetic", "n14", "paper", 3, pytest.approx(2 / 3))]


def test_every_run_is_a_row(ask):
    rows = ask(1)
    assert [(task, seed) for task, _, _, seed, *_ in rows] == [
        ("arithmetic", 0),
        ("arithmetic", 1337),
        ("facts", 0),
        ("facts", 1),
    ]
    assert [row[4:] for row in rows] == [(1.0, 1.0, None, 0.5)] * 2 + [(None, None, 1.0, 0.5)] * 2


def test_curves_are_averaged_over_seeds(ask):
    rows = ask(2)
    assert [row[:3] for row in rows if row[0] == RECALL.task] == [("facts", "n14", step) for step in (0, 15000, 30000)]
    assert [row[3] for row in rows] == LEVELS * 2
    assert [row[4] for row in rows] == [0.0, 0.5, 0.75, None, None, None]
