"""Measures that rise, fall, do neither, and of which nothing can be told."""

from __future__ import annotations

import pytest

from capacity.paper.protocol import Size
from capacity.studies import trend
from tests.support.handmade_answers import NOTHING, cell, draws, runs_of, tables

WIDTHS = (8, 14, 28, 56)
ALONG = {"rule": "trend", "measure": "all-right", "along": "width", "by": []}


def ladder(rights, total=10, **axes):
    return [
        runs_of(cell(Size(1, 1, width, 1), **axes), total, right) for width, right in zip(WIDTHS, rights, strict=True)
    ]


def asked(evaluations, settings=ALONG):
    return trend.answer(settings, tables(evaluations), draws())


@pytest.mark.parametrize("measure", ["all-right", "held-out"])
@pytest.mark.parametrize(
    ("rights", "outcome"), [((9, 6, 3, 0), "falls"), ((0, 3, 6, 9), "rises"), ((3, 4, 4, 3), "cannot be told")]
)
def test_a_trend_has_a_direction(measure, rights, outcome):
    found = asked(ladder(rights), ALONG | {"measure": measure})
    assert found.outcome == outcome
    assert found.runs == 40
    assert [row[0] for row in found.tables[0].rows] == list(WIDTHS)


def test_shares_that_are_equal_at_both_ends_have_no_trend():
    assert asked(ladder((0, 0, 0, 0), total=20)).outcome == "no trend"
    assert asked(ladder((20, 20, 20, 20), total=20)).outcome == "no trend"
    assert asked(ladder((0, 0, 0, 0), total=2)).outcome == "cannot be told"


def test_each_group_has_its_own_and_is_corrected_over_all():
    both = [*ladder((9, 6, 3, 0)), *ladder((0, 3, 6, 9), stream="reshuffled")]
    found = asked(both, ALONG | {"by": ["stream"]})
    assert found.outcome == "differs"
    assert "stream fixed: falls (p" in found.sentence
    assert "after Holm over 2" in found.sentence


def test_along_the_number_of_parameters_and_a_setting_that_may_be_zero():
    assert asked(ladder((9, 6, 3, 0)), ALONG | {"along": "parameters"}).outcome == "falls"
    decayed = [runs_of(cell("n14", weight_decay=decay), 10, right) for decay, right in ((0.0, 0), (0.1, 5), (1.0, 10))]
    assert asked(decayed, ALONG | {"along": "weight_decay"}).outcome == "rises"


def test_one_value_is_not_run_and_named():
    found = asked(ladder((9, 6, 3, 0))[:1])
    assert (found.outcome, found.missing) == ("not run", ("the study with a second value of width",))
    assert trend.answer(ALONG, NOTHING, draws()).outcome == "not run"
