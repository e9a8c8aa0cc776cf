"""Where half of the runs have an outcome: inside of the ladder, outside of it, nowhere, and where none can be told."""

from __future__ import annotations

import pytest

from capacity.paper.protocol import Size
from capacity.studies import threshold
from tests.support.handmade_answers import NOTHING, cell, draws, runs_of, tables

WIDTHS = (8, 10, 12, 14, 16, 20)
WIDTH = {"rule": "threshold", "measure": "all-right", "along": "width", "by": []}


def asked(rights, total=10, settings=WIDTH):
    ladder = [runs_of(cell(Size(1, 1, width, 1)), total, right) for width, right in zip(WIDTHS, rights, strict=False)]
    return threshold.answer(settings, tables(ladder), draws())


def test_a_share_that_falls_crosses_one_half_where_the_curve_says():
    found = asked((10, 9, 7, 4, 1, 0))
    assert 12 < float(found.outcome) < 14
    assert found.sentence.startswith("At which width do half of the runs have all held-out expressions right? width 1")
    assert "above which fewer have it" in found.sentence
    assert "; 60 runs)" in found.sentence
    fitted = dict(zip(found.tables[0].columns, found.tables[0].rows[0], strict=True))
    assert fitted["low"] < fitted["width at one half"] < fitted["high"]
    assert [row[3] for row in found.tables[1].rows] == [10, 9, 7, 4, 1, 0]


def test_separated_outcomes_have_the_middle_of_the_gap_and_an_interval_that_holds_it():
    found = asked((10, 10, 10, 0, 0, 0))
    fitted = dict(zip(found.tables[0].columns, found.tables[0].rows[0], strict=True))
    assert fitted["width at one half"] == pytest.approx((12 * 14) ** 0.5)
    assert (fitted["low"], fitted["high"]) == (pytest.approx(12), pytest.approx(14))


@pytest.mark.parametrize(
    ("rights", "words"),
    [
        ((0,) * 6, "none between 8 and 20 (60 runs): 0 of 60 runs have it"),
        ((10,) * 6, "none between 8 and 20 (60 runs): 60 of 60 runs have it"),
        ((3, 2, 2, 1, 0, 0), "none between 8 and 20 (60 runs): the share stays below one half"),
        ((10, 10, 9, 8, 8, 7), "none between 8 and 20 (60 runs): the share stays above one half"),
    ],
)
def test_a_share_on_one_side_of_one_half_has_none(rights, words):
    found = asked(rights)
    assert found.outcome == "none"
    assert words in found.sentence


def test_a_share_without_a_slope_has_none():
    found = asked((5, 6, 4, 6, 5, 5))
    assert found.outcome == "none"
    assert "none between 8 and 20 (60 runs): the slope is not different from 0 (p = " in found.sentence
    assert asked((1, 0), total=1).outcome == "none"  # two runs tell nothing of a slope


def test_one_value_is_not_run():
    assert asked((5,)).outcome == "not run"
    assert threshold.answer(WIDTH, NOTHING, draws()).outcome == "not run"
