from __future__ import annotations

import math

import numpy
import pytest

from capacity.statistics import survival
from capacity.statistics.crossings import crossing

NEVER = math.inf


def rng():
    return numpy.random.default_rng(0)


def crossed(first, second, scores=(1.0, 2.0, 3.0), runs=5):
    """The crossing of times that are the same in all runs of a score."""
    return crossing(scores, [[each] * runs for each in first], [[each] * runs for each in second], rng(), 500)


def test_times_that_are_powers_cross_where_their_logarithms_do():
    """T_mem = 1000 / s and T_gen = 100 s in powers of ten: equal where -x + 3 = x + 2."""
    found = crossed((1000, 100, 10), (100, 1000, 10_000), scores=(0.0, 1.0, 2.0))
    assert found.score == pytest.approx(0.5)
    assert (found.low, found.high) == (found.score, found.score)
    assert (found.number, found.first_is_larger_below) == (1, True)
    assert [median.value for median in found.first] == [1000, 100, 10]


def test_beside_a_time_that_is_not_reached_only_the_gap_is_known():
    found = crossed((NEVER, 50, 20), (100, 100, NEVER))
    assert (found.score, found.low, found.high) == (1.5, 1, 2)


def test_scores_at_which_no_time_is_reached_say_nothing():
    found = crossed((500, NEVER, 20), (100, NEVER, NEVER))
    assert (found.score, found.low, found.high) == (2, 1, 3)


@pytest.mark.parametrize(("first", "score"), [(1000, math.inf), (10, -math.inf)])
def test_a_time_that_is_always_the_larger_one_crosses_outside(first, score):
    found = crossed((first,) * 3, (100,) * 3)
    assert (found.score, found.low, found.high, found.number) == (score, score, score, 0)


def test_times_that_do_not_differ_have_no_crossing():
    found = crossed((100,) * 3, (100,) * 3)
    assert (found.score, found.low, found.high) == (None, -math.inf, math.inf)
    assert found.first_is_larger_below is None


def test_several_crossings_have_a_middle_and_an_interval_that_holds_them():
    found = crossed((1000, 10, 1000, 10), (100,) * 4, scores=(1.0, 2.0, 3.0, 4.0))
    assert (found.score, found.number) == (2.5, 3)
    assert (found.low, found.high) == (1.5, 3.5)


def test_the_median_is_that_of_kaplan_and_meier():
    for times in ([4, 1, NEVER], [3, NEVER, 1, 2], [5, 6, NEVER, NEVER], [7, NEVER, NEVER]):
        found = crossing([0.0, 1.0], [times, times], [[1.0], [1.0]], rng(), 10)
        ends = [10 if time == NEVER else time for time in times]
        expected = survival.kaplan_meier(ends, [time != NEVER for time in times]).median
        assert found.first[0].value == (NEVER if expected is None else expected)


def test_the_interval_grows_with_the_spread_of_runs():
    spread = numpy.geomspace(1 / 8, 8, 9)
    narrow = crossing([0.0, 1.0, 2.0], [[1000], [100], [10]], [[100], [300], [1000]], rng(), 500)
    first, second = ([at * spread for at in times] for times in ((1000, 100, 10), (100, 300, 1000)))
    wide = crossing([0.0, 1.0, 2.0], first, second, rng(), 500)
    assert wide.score == pytest.approx(narrow.score)
    assert wide.low < narrow.low == narrow.high < wide.high


def test_too_few_scores_and_times_that_make_no_sense():
    assert crossing([1.0], [[1.0]], [[2.0]], rng()) is None
    assert crossing([1.0, 2.0], [[1.0], []], [[2.0], [1.0]], rng()) is None
    with pytest.raises(ValueError, match="times must be above 0"):
        crossing([1.0, 2.0], [[0.0], [1.0]], [[2.0], [1.0]], rng())
    with pytest.raises(ValueError, match="2 scores, 1 first and 2 second groups"):
        crossing([1.0, 2.0], [[1.0]], [[2.0], [1.0]], rng())
