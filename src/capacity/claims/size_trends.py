"""Trends with size: whether generalization (G) falls and memorization (M) rises with the number of parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy
import pandas as pd
import scipy

from capacity.claims.arms import Arm
from capacity.claims.outcomes import MOST_FURTHER_RUNS, Outcome
from capacity.experiment.cell import Cell, parse_cell
from capacity.paper import protocol
from capacity.statistics import comparisons, trends
from capacity.statistics.comparisons import ALPHA
from capacity.statistics.trends import TrendTest


class Measure(NamedTuple):
    """What a trend is about: a column of the table of runs, and its words."""

    column: str
    description: str


ORDER_BITS = "order_bits"
_RECALL = Measure("final_facts_paper_prompts", "share of the facts recalled (paper's prompts)")
MEMORIZATION = {
    "arithmetic": Measure(ORDER_BITS, "bits known of the order of the lines"),
    "facts": _RECALL,
    "joint": _RECALL,
}
"""The measure M of each task."""

GENERALIZATION = Measure("generalizes", "share of runs with all held-out expressions right")
"""The measure G."""


@dataclass(frozen=True)
class Permutations:
    """The random generator of permutation tests, and how many permutations each makes."""

    rng: numpy.random.Generator
    count: int = trends.PERMUTATIONS


@dataclass(frozen=True)
class Trend:
    """A test of one measure against size.

    Attributes:
        test: in the claimed direction; None if there are fewer than two sizes to compare.
        statistic: standardised, and positive if the measure goes in the claimed direction.
        opposite: whether there is a trend in the other direction.
        equivalent: whether the smallest and the largest size are equal to within the margin.
        arms: the sizes compared, smallest first.
        values: the measure for each size, in words.
    """

    test: TrendTest | None
    statistic: float
    opposite: bool
    equivalent: bool
    arms: tuple[Arm, ...]
    values: str

    @property
    def p_value(self) -> float:
        """The permutation p-value; 1 if there is no test."""
        return 1.0 if self.test is None else self.test.p_value

    @property
    def n(self) -> int:
        """The number of runs compared."""
        return sum(arm.n for arm in self.arms)

    @property
    def diverged(self) -> int:
        """How many of the runs diverged."""
        return sum(arm.diverged for arm in self.arms)


def split_by_recipe(arms: Iterable[Arm]) -> tuple[list[Arm], list[Arm]]:
    """Return the sizes that were trained with one recipe, smallest first, and those that were not.

    Two sizes share a recipe if they depart from the paper in the same way, so that MLT has its own learning rate
    exactly if it is the paper's, or if all their settings apart from the size are the same. Of several such sets the
    largest is taken, and of equally large ones the one with the smallest size.
    """
    ordered = sorted((arm for arm in arms if arm.n), key=_parameters)
    sets = [[other for other in ordered if _share_recipe(arm, other)] for arm in ordered]
    kept = max(sets, key=len, default=[])
    return kept, [arm for arm in ordered if arm not in kept]


def generalization_trend(
    arms: Iterable[Arm],
    permutations: Permutations,
    scores: Callable[[Sequence[int]], list[float]] = trends.size_scores,
) -> Trend:
    """Test whether the share of runs with all held-out expressions right falls over sizes of one recipe."""
    ordered = tuple(sorted(arms, key=_parameters))
    counts = [int(arm.runs[GENERALIZATION.column].fillna(False).sum()) for arm in ordered]
    totals = [arm.n for arm in ordered]
    values = ", ".join(f"{arm.size} {count} of {n}" for arm, count, n in zip(ordered, counts, totals, strict=True))
    equivalent = False
    if len(ordered) > 1:
        ends = (counts[0], totals[0], counts[-1], totals[-1])
        equivalent = comparisons.tost_proportions(*ends).equivalent
    size_scores = scores([_parameters(arm) for arm in ordered])

    def tested(alternative: trends.Alternative) -> TrendTest | None:
        return trends.cochran_armitage(counts, totals, size_scores, alternative, permutations.rng, permutations.count)

    test = tested("decreasing")
    statistic = 0.0 if test is None else -test.statistic
    return Trend(test, statistic, has_opposite(test, lambda: tested("increasing")), equivalent, ordered, values)


def memorization_trend(arms: Iterable[Arm], column: str, permutations: Permutations) -> Trend:
    """Test whether a measure of memorization rises over sizes of one recipe; a diverged run has memorized nothing.

    A size is left out if it lacks the column, or has no value in it, as for a stream whose lines have no order.
    """
    with_values = [arm for arm in arms if column in arm.runs and arm.runs[column].notna().any()]
    measured = tuple(sorted(with_values, key=_parameters))
    samples = [_memorized(arm.runs, column).tolist() for arm in measured]
    values = ", ".join(
        f"{arm.size} {sum(sample) / len(sample):.3g} (n = {len(sample)})"
        for arm, sample in zip(measured, samples, strict=True)
    )

    def tested(alternative: trends.Alternative) -> TrendTest | None:
        return trends.jonckheere_terpstra(samples, alternative, permutations.rng, permutations.count)

    equivalence = None
    if len(measured) > 1 and column != ORDER_BITS:  # the margin is one of shares
        equivalence = comparisons.tost_means(samples[0], samples[-1])
    equivalent = equivalence is not None and equivalence.equivalent
    test = tested("increasing")
    statistic = 0.0 if test is None else test.statistic
    return Trend(test, statistic, has_opposite(test, lambda: tested("decreasing")), equivalent, measured, values)


def has_opposite(test: TrendTest | None, test_opposite: Callable[[], TrendTest | None]) -> bool:
    """Tell whether the test of the other direction finds a trend.

    The two p-values add up to 1 or more, so the other test is made only if the first p-value is large.
    """
    if test is None or test.p_value <= 0.5:
        return False
    opposite = test_opposite()
    return opposite is not None and opposite.p_value < ALPHA


def decide_trend(trend: Trend, p_value: float) -> Outcome:
    """Return the outcome of a trend from its p-value, corrected or not."""
    if trend.test is None:
        return Outcome.NOT_RUN
    if p_value < ALPHA:
        return Outcome.REPLICATED
    return Outcome.NOT_REPLICATED if trend.opposite or trend.equivalent else Outcome.INCONCLUSIVE


def further_runs_of_trend(trend: Trend, level: float) -> int:
    """Return how many more runs of each size would bring the one-sided p below ``level``, if the trend goes on.

    The standardised statistic grows with the square root of the number of runs. Raises ValueError for a trend without
    a test.
    """
    if trend.test is None:
        raise ValueError("a trend without a test has no number of further runs; test at least two sizes")
    if trend.statistic <= 0:
        return MOST_FURTHER_RUNS + 1
    runs = max(arm.n for arm in trend.arms)
    enough = runs * (float(scipy.stats.norm.isf(level)) / trend.statistic) ** 2
    return min(max(1, math.ceil(enough - runs)), MOST_FURTHER_RUNS + 1)


def recipe_of(cell: Cell) -> Cell:
    """Return the settings of a cell with its size left out.

    The final learning rate is left out too: it follows the peak by the paper's ratio.
    """
    return replace(cell, size=protocol.MLT, final_learning_rate=0.0)


def _share_recipe(first: Arm, second: Arm) -> bool:
    one, other = (parse_cell(str(arm.runs["cell"].iloc[0])) for arm in (first, second))
    same_departures = one.departures_from_published() == other.departures_from_published()
    return same_departures or recipe_of(one) == recipe_of(other)


def _memorized(runs: pd.DataFrame, column: str) -> pd.Series:
    return runs[column].where(~runs["diverged"].astype(bool)).fillna(0.0).astype(float)


def _parameters(arm: Arm) -> int:
    return int(arm.runs["parameters"].iloc[0])
