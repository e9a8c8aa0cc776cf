from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from capacity.dictionary.column import names
from capacity.dictionary.histories import HISTORY
from capacity.dictionary.measures import OUTCOMES
from capacity.dictionary.studies import DYNAMICS, RUNS, SUMMARY
from capacity.dictionary.study_measures import (
    FORMS,
    MEASURES,
    NUMBER,
    SHARE,
    STREAMS_WITH_ORDER,
    TIME,
)
from capacity.evaluation import bits
from capacity.tables import runs
from capacity.tasks.registry import SCORES, TASKS

TABLES = {"runs": names(RUNS), "dynamics": names(DYNAMICS), "history": names(HISTORY)}


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_is_a_column_of_its_table_and_of_the_summary_in_its_form(name):
    measure = MEASURES[name]
    assert measure.form in FORMS
    assert measure.column in TABLES[measure.table]
    assert measure.history in ("", *TABLES["history"])
    assert measure.score in ("", *SCORES)
    assert set(dict(measure.levels)) <= set(names(RUNS)) & set(names(SUMMARY))
    if measure.table == "runs":
        is_flag = measure.column in names(OUTCOMES)
        ending = "share" if is_flag else "mean"
        assert {f"{measure.column}_{part}" for part in (ending, "low", "high")} <= set(names(SUMMARY))
        assert is_flag != (measure.column in runs.MEASURES)
        assert measure.is_outcome or not is_flag
    assert measure.is_outcome == (math.isfinite(measure.at_least) or math.isfinite(measure.at_most))
    units = {column.name: column.unit for column in (*RUNS, *DYNAMICS, *HISTORY)}
    if measure.form in (SHARE, NUMBER, TIME):
        assert (measure.form == SHARE) == units[measure.column].startswith("share")
        assert (measure.form == TIME) == (units[measure.column] == "updates")


def test_the_streams_with_an_order_are_those_whose_bits_are_measured():
    assert STREAMS_WITH_ORDER == bits.STREAMS_WITH_ORDER


def test_a_task_has_the_measures_of_its_scores():
    having = {task: {name for name, each in MEASURES.items() if each.is_of(task, "aligned")} for task in TASKS}
    assert {"held-out", "all-right", "time-to-generalize"} <= having["arithmetic"]
    assert {"facts", "bits", "time-to-fit-facts"} <= having["facts"]
    assert having["arithmetic"] & having["facts"] == {"loss"}
    assert having["joint"] == having["arithmetic"] | having["facts"]
    assert MEASURES["order-bits"].is_of("facts", "reshuffled")
    assert not MEASURES["order-bits"].is_of("facts", "answer-only")
    assert MEASURES["beyond-digits"].is_of("arithmetic", "fixed", 9)
    assert not MEASURES["beyond-digits"].is_of("arithmetic", "fixed", 10)
    assert MEASURES["held-out"].is_of("arithmetic", "fixed", 99)


def test_the_page_on_extending_lists_every_measure_with_its_form_and_where_it_can_stand():
    page = (Path(__file__).parents[3] / "docs/extending.md").read_text(encoding="utf-8")
    row = rf"^\| `([a-z-]+)` \| ({'|'.join(FORMS)}) \|.*\| (yes|no) \| (yes|no) \|$"
    rows = re.findall(row, page, re.MULTILINE)
    in_words = {True: "yes", False: "no"}
    assert rows == [
        (name, measure.form, in_words[measure.table == "runs"], in_words[bool(measure.history)])
        for name, measure in MEASURES.items()
    ]


def test_the_comment_in_the_configuration_lists_every_measure():
    text = (Path(__file__).parents[3] / "config.yaml").read_text(encoding="utf-8")
    comment = re.sub(r"\s*\n#\s*", " ", text)
    names = re.search(r"Measures: (.*?)\.", comment)
    assert names is not None
    assert names[1].split(", ") == list(MEASURES)
