from __future__ import annotations

import pytest

from capacity.dictionary.column import names
from capacity.dictionary.figure_measures import (
    FIGURE_MEASURES,
    FORMS,
    NUMBER,
    OUTCOME,
    SHARE,
    STREAMS_WITH_ORDER,
    TIME,
)
from capacity.dictionary.histories import HISTORY
from capacity.dictionary.measures import OUTCOMES
from capacity.dictionary.studies import DYNAMICS, RUNS, SUMMARY
from capacity.evaluation import bits
from capacity.tables.runs import MEASURES
from capacity.tasks.registry import SCORES, TASKS

TABLES = {"runs": names(RUNS), "dynamics": names(DYNAMICS), "history": names(HISTORY)}


@pytest.mark.parametrize("name", FIGURE_MEASURES)
def test_a_measure_is_a_column_of_its_table_and_of_the_summary_in_its_form(name):
    measure = FIGURE_MEASURES[name]
    assert measure.form in FORMS
    assert measure.column in TABLES[measure.table]
    assert measure.history in ("", *TABLES["history"])
    assert measure.score in ("", *SCORES)
    assert set(dict(measure.levels)) <= set(names(RUNS)) & set(names(SUMMARY))
    if measure.table == "runs":
        ending = "share" if measure.form == OUTCOME else "mean"
        assert {f"{measure.column}_{part}" for part in (ending, "low", "high")} <= set(names(SUMMARY))
        assert (measure.form == OUTCOME) == (measure.column in names(OUTCOMES))
        assert measure.form == OUTCOME or measure.column in MEASURES
    units = {column.name: column.unit for column in (*RUNS, *DYNAMICS, *HISTORY)}
    if measure.form in (SHARE, NUMBER, TIME):
        assert (measure.form == SHARE) == units[measure.column].startswith("share")
        assert (measure.form == TIME) == (units[measure.column] == "updates")


def test_the_streams_with_an_order_are_those_whose_bits_are_measured():
    assert STREAMS_WITH_ORDER == bits.STREAMS_WITH_ORDER


def test_a_task_has_the_measures_of_its_scores():
    having = {task: {name for name, each in FIGURE_MEASURES.items() if each.is_of(task, "aligned")} for task in TASKS}
    assert {"held-out", "all-right", "time-to-generalize"} <= having["arithmetic"]
    assert {"facts", "bits", "time-to-fit-facts"} <= having["facts"]
    assert having["arithmetic"] & having["facts"] == {"loss"}
    assert having["joint"] == having["arithmetic"] | having["facts"]
    assert FIGURE_MEASURES["order-bits"].is_of("facts", "reshuffled")
    assert not FIGURE_MEASURES["order-bits"].is_of("facts", "answer-only")
