from __future__ import annotations

import math

import numpy
import pytest
from scipy import stats

from capacity.statistics import intervals
from capacity.statistics.intervals import (
    RESAMPLES,
    Interval,
    _draws,
    bootstrap_mean,
    bootstrap_means,
    clopper_pearson,
    stratified_bootstrap_mean,
    two_way_bootstrap_mean,
    wilson,
)
from capacity.statistics.survival import kaplan_meier

Z = 1.959963984540054


def closed_form(count: int, total: int) -> tuple[float, float]:
    """Wilson's interval, as in his paper of 1927: the two roots of a quadratic."""
    share = count / total
    centre = share + Z**2 / (2 * total)
    half = Z * math.sqrt(share * (1 - share) / total + Z**2 / (4 * total**2))
    return (centre - half) / (1 + Z**2 / total), (centre + half) / (1 + Z**2 / total)


# Newcombe, Statistics in Medicine 17 (1998), table I.
@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_is_the_published_interval(count, total, low, high):
    assert wilson(count, total) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)],
)
def test_clopper_pearson_is_the_published_interval(count, total, low, high):
    assert clopper_pearson(count, total) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("total", "low"), [(4, 0.398), (5, 0.478), (10, 0.692), (20, 0.832)])
def test_clopper_pearson_of_all_has_a_closed_form(total, low):
    """All of n: (0.025)^(1/n), the value at which n successes in a row have a chance of 2.5 %."""
    found = clopper_pearson(total, total)
    assert found.low == pytest.approx(low, abs=5e-4)
    assert found.low == pytest.approx(0.025 ** (1 / total), rel=1e-9)
    assert found.high == 1.0


@pytest.mark.parametrize(("count", "total"), [(0, 1), (1, 4), (3, 5), (9, 10), (20, 20), (196, 200)])
def test_wilson_is_its_closed_form(count, total):
    assert wilson(count, total) == pytest.approx(closed_form(count, total), abs=1e-9)


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
def test_failures_mirror_successes(interval):
    for total in (1, 4, 20):
        for count in range(total + 1):
            found, mirrored = interval(count, total), interval(total - count, total)
            assert found.low == pytest.approx(1 - mirrored.high, abs=1e-9)
            assert 0 <= found.low <= count / total <= found.high <= 1


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
@pytest.mark.parametrize(("count", "total"), [(-1, 5), (6, 5), (0, 0), (1, 0), (0, -1)])
def test_a_count_that_is_no_proportion_is_refused(interval, count, total):
    with pytest.raises(ValueError, match=f"{count} of {total}"):
        interval(count, total)


def coverages(interval, total):
    """The exact chance that an interval holds the true share, for shares from 0.01 to 0.99."""
    limits = numpy.array([interval(count, total) for count in range(total + 1)])
    shares = numpy.linspace(0.01, 0.99, 99)[:, None]
    covered = (limits[:, 0] <= shares) & (shares <= limits[:, 1])
    return (covered * stats.binom.pmf(numpy.arange(total + 1), total, shares)).sum(axis=1)


@pytest.mark.parametrize("total", [4, 5, 10, 20])
def test_clopper_pearson_covers_every_share_at_least_as_often_as_it_says(total):
    found = coverages(clopper_pearson, total)
    assert found.min() >= 0.95
    assert found.min() < 0.98  # and is no wider than it need be


@pytest.mark.parametrize("total", [10, 20, 50])
def test_wilson_covers_as_often_as_it_says_on_average(total):
    """Agresti & Coull 1998: close to 95 % on average over the shares, though below it for some."""
    found = coverages(wilson, total)
    assert found.mean() == pytest.approx(0.95, abs=0.01)
    assert 0.83 < found.min() < 0.95


@pytest.mark.parametrize("values", [[], [0.25]])
def test_fewer_than_two_values_have_no_interval(values):
    assert bootstrap_mean(values, numpy.random.default_rng(0)) is None


def test_the_bootstrap_covers_the_true_mean_about_as_often_as_it_says():
    rng = numpy.random.default_rng(20260101)
    trials, size = 200, 30
    intervals = [bootstrap_mean(rng.normal(3.0, 2.0, size).tolist(), rng) for _ in range(trials)]
    covered = sum(low <= 3.0 <= high for low, high in intervals) / trials
    assert 0.89 <= covered <= 0.98  # 95 % less what the percentile method loses at 30, within three deviations


def test_the_bootstrap_has_the_width_of_the_normal_interval():
    values = numpy.random.default_rng(3).normal(0.0, 1.0, 400)
    low, high = bootstrap_mean(values.tolist(), numpy.random.default_rng(0))
    half = Z * values.std() / math.sqrt(len(values))
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.05 * half)


def test_values_that_agree_have_an_interval_of_no_width():
    assert bootstrap_mean([0.75] * 5, numpy.random.default_rng(0)) == Interval(0.75, 0.75)


def test_one_generator_gives_one_interval():
    values = [0.0, 0.25, 0.25, 1.0]
    first, again = (bootstrap_mean(values, numpy.random.default_rng(7)) for _ in range(2))
    assert first == again
    assert 0.0 <= first.low < 0.375 < first.high <= 1.0


@pytest.mark.parametrize("bootstrap", [bootstrap_mean, lambda values, rng: stratified_bootstrap_mean([values], rng)])
def test_a_diverged_run_is_refused_by_a_mean(bootstrap):
    with pytest.raises(ValueError, match="1 values of 3 that are not finite"):
        bootstrap([0.5, math.nan, 0.75], numpy.random.default_rng(0))


def test_one_stratum_has_the_interval_of_its_mean():
    values = numpy.random.default_rng(4).normal(size=50).tolist()
    plain, stratified = (
        bootstrap_mean(values, numpy.random.default_rng(0)),
        stratified_bootstrap_mean([values], numpy.random.default_rng(1)),
    )
    assert stratified == pytest.approx(plain, abs=0.02)


def test_strata_weigh_the_same_and_their_distance_adds_no_width():
    """The interval is mean of means +- 1.96 sqrt(sum of variance / n) / strata, however far the strata are apart."""
    rng = numpy.random.default_rng(5)
    strata = [rng.normal(centre, 1.0, size) for centre, size in ((0.0, 30), (100.0, 90), (-7.0, 60))]
    found = stratified_bootstrap_mean([values.tolist() for values in strata], numpy.random.default_rng(0))
    centre = sum(values.mean() for values in strata) / 3
    half = Z * math.sqrt(sum(values.var() / len(values) for values in strata)) / 3
    assert found == pytest.approx((centre - half, centre + half), abs=0.05 * half)


def test_the_stratified_bootstrap_covers_the_true_mean_about_as_often_as_it_says():
    rng = numpy.random.default_rng(6)
    trials, centres = 200, (0.0, 1.0, 5.0)
    covered = 0
    for _ in range(trials):
        low, high = stratified_bootstrap_mean([rng.normal(centre, 1.0, 20).tolist() for centre in centres], rng)
        covered += low <= 2.0 <= high
    assert 0.89 <= covered / trials <= 0.985


@pytest.mark.parametrize("strata", [[], [[]], [[1.0]], [[0.0, 1.0], [1.0]], [[0.0, 1.0], []]])
def test_a_stratum_of_fewer_than_two_values_leaves_no_interval(strata):
    assert stratified_bootstrap_mean(strata, numpy.random.default_rng(0)) is None


def matrix_with_effects(rng, rows, columns, row_spread, column_spread, spread):
    """A matrix of expected mean 3 whose rows and columns shift together."""
    shifts = row_spread * rng.normal(size=(rows, 1)) + column_spread * rng.normal(size=(1, columns))
    return 3.0 + shifts + spread * rng.normal(size=(rows, columns))


def test_the_two_way_bootstrap_is_its_definition_missing_runs_included():
    """Draw rows and columns with replacement, and average what is there: here one resample at a time."""
    values = matrix_with_effects(numpy.random.default_rng(7), 6, 9, 1.0, 1.0, 1.0)
    values[[0, 2, 2, 5], [1, 3, 4, 8]] = numpy.nan
    rng = numpy.random.default_rng(8)
    means = [numpy.nanmean(values[rng.integers(6, size=6)][:, rng.integers(9, size=9)]) for _ in range(10_000)]
    found = two_way_bootstrap_mean(values.tolist(), numpy.random.default_rng(9))
    assert found == pytest.approx(numpy.quantile(means, [0.025, 0.975]), abs=0.06)


def test_the_two_way_bootstrap_covers_the_true_mean_about_as_often_as_it_says():
    rng = numpy.random.default_rng(10)
    trials = 100
    found = [two_way_bootstrap_mean(matrix_with_effects(rng, 12, 12, 1.0, 1.0, 1.0), rng) for _ in range(trials)]
    covered = sum(low <= 3.0 <= high for low, high in found) / trials
    assert 0.85 <= covered <= 0.99  # the percentile method loses about 2 % with 12 of each; within three deviations


@pytest.mark.parametrize("transposed", [False, True])
def test_runs_that_share_a_seed_or_a_pair_are_not_counted_as_independent(transposed):
    """Where rows differ and nothing else does, only the number of rows counts, not that of runs."""
    rows = numpy.arange(10.0)
    values = numpy.repeat(rows[:, None], 40, axis=1)
    found = two_way_bootstrap_mean((values.T if transposed else values).tolist(), numpy.random.default_rng(0))
    assert found == pytest.approx(bootstrap_mean(rows.tolist(), numpy.random.default_rng(1)), abs=0.1)
    low, high = bootstrap_mean(values.ravel().tolist(), numpy.random.default_rng(2))
    assert found.high - found.low > 4 * (high - low)


def test_a_seed_or_pair_without_runs_changes_nothing():
    values = [[0.0, 1.0, 0.5], [1.0, 1.0, 0.0]]
    padded = [[*row, math.nan] for row in values] + [[math.nan] * 4]
    found = [two_way_bootstrap_mean(matrix, numpy.random.default_rng(3)) for matrix in (values, padded)]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "matrix", [[], [[]], [[1.0, 0.0]], [[1.0], [0.0]], [[math.nan, math.nan]] * 2, [[1.0, 0.0], [math.nan, math.nan]]]
)
def test_one_seed_or_one_pair_has_no_two_way_interval(matrix):
    assert two_way_bootstrap_mean(matrix, numpy.random.default_rng(0)) is None


@pytest.mark.parametrize(
    ("matrix", "message"), [([[1.0], [1.0, 0.0]], r"rows of \[1, 2\] columns"), ([[math.inf, 1.0]] * 2, "infinite")]
)
def test_what_is_no_matrix_of_runs_is_refused(matrix, message):
    with pytest.raises(ValueError, match=message):
        two_way_bootstrap_mean(matrix, numpy.random.default_rng(0))


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


@pytest.mark.parametrize("size", [2, 3, 7, 8, 9, 15, 16, 20, 23, 24, 128, 129, 300])
def test_intervals_of_many_samples_are_those_of_each_alone(size):
    rng = numpy.random.default_rng(size)
    drawn = [rng.random(size), rng.integers(0, 197, size) / 196, numpy.full(size, 0.3), rng.normal(size=size)]
    samples = numpy.stack(drawn)
    alone = [bootstrap_mean(sample.tolist(), numpy.random.default_rng(7)) for sample in samples]
    assert numpy.array(bootstrap_means(samples, 7)) == pytest.approx(numpy.array(alone), rel=1e-12, abs=1e-15)


def test_values_that_all_agree_have_an_interval_of_exactly_their_value():
    assert bootstrap_means(numpy.full((1, 20), 0.1), 0) == [(0.1, 0.1)]


def test_intervals_do_not_depend_on_the_order_in_which_a_machine_adds(monkeypatch):
    """With sums that round, another order of the runs, with draws to match, ends in other bits."""
    rng = numpy.random.default_rng(2)
    samples = rng.normal(size=(50, 20)) * numpy.exp2(rng.integers(-30, 30, size=(50, 1)))
    found = bootstrap_means(samples, 3)
    draws, order = _draws(20, 3, RESAMPLES), numpy.r_[0, 1 + rng.permutation(19)]
    monkeypatch.setattr(intervals, "_draws", lambda *_: draws[order])
    assert bootstrap_means(samples[:, order], 3) == found


def test_one_value_has_no_interval_and_one_that_is_not_finite_is_refused():
    assert bootstrap_means(numpy.zeros((3, 1)), 0) == [None] * 3
    with pytest.raises(ValueError, match="not finite"):
        bootstrap_means(numpy.array([[0.0, numpy.nan]]), 0)
