from __future__ import annotations

import math

import numpy
import pytest

from capacity.statistics.intervals import clopper_pearson
from capacity.statistics.survival import kaplan_meier

# Weeks of remission under 6-mercaptopurine, Freireich et al., Blood 21 (1963); the curve is in Kalbfleisch & Prentice,
# The Statistical Analysis of Failure Time Data, chapter 1.
REMISSION = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
RELAPSED = [True] * 9 + [False] * 12
PUBLISHED = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}


def share_at(curve, time):
    return curve.share[max(index for index, point in enumerate(curve.times) if point <= time)]


def test_kaplan_meier_is_the_published_curve():
    curve = kaplan_meier(REMISSION, RELAPSED)
    assert {time: round(share_at(curve, time), 3) for time in PUBLISHED} == PUBLISHED
    assert share_at(curve, 5.9) == 1.0
    assert share_at(curve, 35) == share_at(curve, 23)
    assert (curve.events, curve.censored, curve.median) == (9, 12, 23.0)
    assert curve.times == (0.0, *sorted(set(map(float, REMISSION))))
    assert curve.at_risk[:4] == (21, 21, 17, 16)  # three relapses and one censored at 6, one relapse at 7


def test_the_order_of_runs_does_not_matter():
    order = numpy.random.default_rng(0).permutation(len(REMISSION))
    shuffled = kaplan_meier([REMISSION[place] for place in order], [RELAPSED[place] for place in order])
    assert shuffled == kaplan_meier(REMISSION, RELAPSED)


def test_without_censoring_the_curve_is_a_share_with_its_exact_interval():
    times = [1, 1, 2, 3, 3, 3, 5, 8, 9, 9]
    curve = kaplan_meier(times, [True] * 10)
    for time, share, low, high in zip(curve.times, curve.share, curve.low, curve.high, strict=True):
        left = sum(end > time for end in times)
        assert share == pytest.approx(left / 10)
        assert (low, high) == pytest.approx(clopper_pearson(left, 10), abs=1e-9)
    assert curve.median == 3.0


@pytest.mark.parametrize("total", [1, 5, 20])
def test_runs_that_never_have_the_event_have_an_exact_interval_and_no_median(total):
    curve = kaplan_meier([30_000] * total, [False] * total)
    assert curve.times == (0.0, 30_000.0)
    assert curve.share == (1.0, 1.0)
    assert curve.low == pytest.approx([0.025 ** (1 / total)] * 2)
    assert curve.high == (1.0, 1.0)
    assert (curve.events, curve.censored, curve.median) == (0, total, None)


def test_the_median_is_reached_when_half_have_had_the_event():
    assert kaplan_meier([1, 2, 3, 4], [True] * 4).median == 2.0
    assert kaplan_meier([1, 2, 3, 4], [True, True, False, False]).median == 2.0
    assert kaplan_meier([1, 3, 3, 3], [True, False, False, False]).median is None


def test_an_event_at_the_start_counts_from_the_start():
    curve = kaplan_meier([0, 0, 4, 4], [True, False, True, False])
    assert curve.times == (0.0, 4.0)
    assert curve.share == pytest.approx((0.75, 0.375))


def test_the_band_is_made_of_quantiles_of_products_of_beta_variables():
    """Fay, Brittain & Proschan 2013, by simulation: two moments make an error of up to 0.02 where few are at risk."""
    rng = numpy.random.default_rng(11)
    curve = kaplan_meier(REMISSION, RELAPSED)
    product = numpy.ones(100_000)
    for place, time in enumerate(curve.times):
        events = sum(end == time and relapsed for end, relapsed in zip(REMISSION, RELAPSED, strict=True))
        left = curve.at_risk[place] - events
        product *= rng.beta(left + 1, events, size=len(product)) if events else 1.0
        lower = product * rng.beta(left, 1, size=len(product)) if left else 0.0 * product
        assert curve.low[place] == pytest.approx(numpy.quantile(lower, 0.025), abs=0.02)
        assert curve.high[place] == pytest.approx(numpy.quantile(product, 0.975), abs=0.01)


def test_the_band_covers_the_true_share_at_least_about_as_often_as_it_says():
    rng = numpy.random.default_rng(12)
    trials, covered = 300, 0
    for _ in range(trials):
        events, censored = rng.exponential(1.0, 15), rng.exponential(2.0, 15)
        curve = kaplan_meier(numpy.minimum(events, censored).tolist(), (events <= censored).tolist())
        place = max(index for index, point in enumerate(curve.times) if point <= 0.7)
        covered += curve.low[place] <= math.exp(-0.7) <= curve.high[place]
    assert covered / trials >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / trials)


@pytest.mark.parametrize(
    ("times", "observed", "message"),
    [
        ([], [], "at least one"),
        ([1, 2], [True], "2 times but 1"),
        ([-1.0], [True], "negative"),
        ([math.nan, 2.0], [True, True], "1 values of 2 that are not finite"),
    ],
)
def test_times_that_make_no_curve_are_refused(times, observed, message):
    with pytest.raises(ValueError, match=message):
        kaplan_meier(times, observed)
