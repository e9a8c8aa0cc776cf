"""Arms beside a reference: streams and weight decays beside the fixed stream without decay."""

from __future__ import annotations

import pytest

from capacity.studies import arms
from tests.support.handmade_answers import NOTHING, cell, draws, runs_of, tables

REFERENCE = {"stream": "fixed", "weight_decay": 0.0}
SETTINGS = {
    "rule": "arms",
    "reference": REFERENCE,
    "arms": ["stream", "weight_decay"],
    "measure": "all-right",
    "by": ["size"],
}


def asked(evaluations, settings=SETTINGS):
    return arms.answer(settings, tables(evaluations), draws())


def study(size, reference, reshuffled, decayed, both, total=20):
    """The four arms of a size, by how many runs have all right."""
    return [
        runs_of(cell(size), total, reference),
        runs_of(cell(size, stream="reshuffled"), total, reshuffled),
        runs_of(cell(size, weight_decay=0.1), total, decayed),
        runs_of(cell(size, stream="reshuffled", weight_decay=0.1), total, both),
    ]


def test_each_arm_is_compared_with_the_reference_and_named_by_what_differs():
    found = asked(study("n14", 2, 20, 2, 0))
    rows = [dict(zip(found.tables[0].columns, row, strict=True)) for row in found.tables[0].rows]
    assert [(row["arm"], row["differs"]) for row in rows] == [
        ("weight decay 0.1", "cannot be told"),
        ("stream reshuffled", "yes"),
        ("stream reshuffled, weight decay 0.1", "cannot be told"),
    ]
    assert [row["difference"] for row in rows] == pytest.approx([0, 0.9, -0.1])
    assert rows[1]["low"] < 0.9 < rows[1]["high"]
    assert (rows[1]["runs, reference"], rows[1]["mean, reference"], rows[1]["mean, arm"]) == (20, 0.1, 1)
    assert found.sentence.startswith(
        "Which arms differ from stream fixed, no weight decay in the share of runs with all held-out expressions right?"
        " n14: weight decay 0.1 cannot be told ("
    )
    assert "stream reshuffled yes, more (20 of 20 runs [0.832, 1.000], p < 0.0001 after Holm over 3)" in found.sentence
    assert (found.outcome, found.runs) == ("differs", 80)


def test_the_correction_is_over_all_arms_and_groups():
    one = asked(study("n14", 0, 6, 0, 0))
    two = asked([*study("n14", 0, 6, 0, 0), *study("n56", 0, 0, 0, 0)])
    p_values = [
        dict(zip(found.tables[0].columns, row, strict=True))
        for found in (one, two)
        for row in found.tables[0].rows
        if row[:2] == ("n14", "stream reshuffled")
    ]
    assert p_values[0]["p"] == p_values[1]["p"]
    assert p_values[0]["p, Holm"] == pytest.approx(3 * p_values[0]["p"])
    assert p_values[1]["p, Holm"] == pytest.approx(6 * p_values[1]["p"])


def test_many_alike_runs_are_equivalent():
    found = asked(study("n14", 100, 100, 100, 100, total=100))
    assert found.outcome == "no"
    assert "equivalent to within 0.15" in found.sentence


def test_without_the_reference_it_is_not_run_and_what_is_missing_is_named():
    found = asked(study("n14", 2, 20, 2, 0)[1:])
    assert (found.outcome, found.missing) == ("not run", ("n14, stream fixed, no weight decay",))
    assert arms.answer(SETTINGS, NOTHING, draws()).outcome == "not run"
    one_size = asked([*study("n14", 2, 20, 2, 0), *study("n56", 2, 20, 2, 0)[1:]])
    assert one_size.missing == ("n56, stream fixed, no weight decay",)
    assert one_size.runs == 80
