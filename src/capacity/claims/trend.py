"""TODO claims.trend."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy
import pandas as pd
from scipy import stats

from capacity.claims.evidence import INCONCLUSIVE, MOST_FURTHER_RUNS, NOT_REPLICATED, NOT_RUN, REPLICATED
from capacity.claims.groups import Group
from capacity.experiment.cell import Cell
from capacity.experiment.plan import cell_of
from capacity.paper import protocol
from capacity.statistics import comparisons, trends
from capacity.statistics.comparisons import ALPHA
from capacity.statistics.trends import TrendTest

ORDER_BITS = "order_bits"
SIDES: tuple[trends.Alternative, ...] = ("decreasing", "increasing")
MEMORIZATION = {
    "arithmetic": (ORDER_BITS, "bits known of the order of the lines"),
    "facts": ("final_facts_paper_prompts", "share of the facts recalled (paper's prompts)"),
    "joint": ("final_facts_paper_prompts", "share of the facts recalled (paper's prompts)"),
}
GENERALIZATION = "runs with all held-out expressions right"


@dataclass(frozen=True)
class Permutations:
    """Where the permutation tests take their rearrangements from, and how many."""

    rng: numpy.random.Generator
    count: int = trends.PERMUTATIONS


@dataclass(frozen=True)
class Trend:
    """A test of one measure against size.

    Attributes:
        test: in the claimed direction; None where fewer than two sizes can be compared.
        statistic: standardised, positive where the measure goes in the claimed direction.
        opposite: whether there is a trend in the other direction.
        equivalent: whether the smallest and the largest size are equal to within the margin.
        groups: the sizes compared, smallest first.
        shown: the measure for each size, in words.
    """

    test: TrendTest | None
    statistic: float
    opposite: bool
    equivalent: bool
    groups: tuple[Group, ...]
    shown: str

    @property
    def p_value(self) -> float:
        """The permutation p, 1 where there is no test."""
        return 1.0 if self.test is None else self.test.p_value


def one_recipe(groups: Iterable[Group]) -> tuple[list[Group], list[Group]]:
    """The sizes that were trained with one recipe, smallest first, and those that were not.

    Two sizes share a recipe when they depart from the paper alike, so that MLT has its own learning rate if and only
    if it is the paper's, or when all their settings apart from the size are the same. Of several such sets the largest
    is taken, of equals the one that holds the smallest size.
    """
    ordered = sorted((group for group in groups if len(group.runs)), key=_parameters)
    sets = [[other for other in ordered if _alike(group, other)] for group in ordered]
    kept = max(sets, key=len, default=[])
    return kept, [group for group in ordered if group not in kept]


def generalization(
    groups: Iterable[Group],
    permutations: Permutations,
    scores: Callable[[Sequence[int]], list[float]] = trends.size_scores,
) -> Trend:
    """Whether the share of runs with all held-out expressions right falls over sizes that may be compared."""
    ordered = tuple(sorted(groups, key=_parameters))
    counts = [int(group.runs["generalizes"].fillna(False).sum()) for group in ordered]
    totals = [len(group.runs) for group in ordered]
    shown = ", ".join(f"{g.size} {count} of {n}" for g, count, n in zip(ordered, counts, totals, strict=True))
    equivalent = False
    if len(ordered) > 1:
        ends = (counts[0], totals[0], counts[-1], totals[-1])
        equivalent = comparisons.tost_proportions(*ends).equivalent
    values = scores([_parameters(group) for group in ordered])

    def tested(alternative: trends.Alternative) -> TrendTest | None:
        return trends.cochran_armitage(counts, totals, values, alternative, permutations.rng, permutations.count)

    test = tested("decreasing")
    statistic = 0.0 if test is None else -test.statistic
    return Trend(test, statistic, _is_opposite(test, lambda: tested("increasing")), equivalent, ordered, shown)


def memorization(groups: Iterable[Group], column: str, permutations: Permutations) -> Trend:
    """Whether a measure of memorization rises over sizes that may be compared; a diverged run has memorized nothing.

    A size is left out where the column does not exist or is empty, as for a stream whose lines have no order.
    """
    known = [group for group in groups if column in group.runs and group.runs[column].notna().any()]
    measured = tuple(sorted(known, key=_parameters))
    values = [_memorized(group.runs, column).tolist() for group in measured]
    shown = ", ".join(f"{g.size} {sum(v) / len(v):.3g} (n = {len(v)})" for g, v in zip(measured, values, strict=True))

    def tested(alternative: trends.Alternative) -> TrendTest | None:
        return trends.jonckheere_terpstra(values, alternative, permutations.rng, permutations.count)

    compared = None
    if len(measured) > 1 and column != ORDER_BITS:  # the margin is one of shares
        compared = comparisons.tost_means(values[0], values[-1])
    equivalent = compared is not None and compared.equivalent
    test = tested("increasing")
    statistic = 0.0 if test is None else test.statistic
    return Trend(test, statistic, _is_opposite(test, lambda: tested("decreasing")), equivalent, measured, shown)


def _is_opposite(test: TrendTest | None, other: Callable[[], TrendTest | None]) -> bool:
    """Whether the test of the other direction finds a trend. The two p add up to 1 or more, so it is seldom needed."""
    if test is None or test.p_value <= 0.5:
        return False
    found = other()
    return found is not None and found.p_value < ALPHA


def decide_trend(trend: Trend, p_value: float) -> str:
    """The outcome of a trend from its p, corrected or not."""
    if trend.test is None:
        return NOT_RUN
    if p_value < ALPHA:
        return REPLICATED
    return NOT_REPLICATED if trend.opposite or trend.equivalent else INCONCLUSIVE


def further_runs_of_trend(trend: Trend, level: float) -> int:
    """How many more runs of each size would bring the one-sided p below ``level``, should the trend go on as it is.

    The standardised statistic grows with the square root of the number of runs.
    """
    if trend.test is None:
        raise ValueError("a trend that was not tested asks for no number of runs")
    if trend.statistic <= 0:
        return MOST_FURTHER_RUNS + 1
    runs = max(len(group.runs) for group in trend.groups)
    wanted = runs * (float(stats.norm.isf(level)) / trend.statistic) ** 2
    return min(max(1, math.ceil(wanted - runs)), MOST_FURTHER_RUNS + 1)


def _alike(first: Group, second: Group) -> bool:
    one, other = (cell_of(str(group.runs["cell"].iloc[0])) for group in (first, second))
    same_change = one.departures_from_published() == other.departures_from_published()
    return same_change or _recipe(one) == _recipe(other)


def _recipe(cell: Cell) -> Cell:
    """The settings of a cell apart from its size. The final learning rate follows the peak, by the paper's ratio."""
    return replace(cell, size=protocol.MLT, final_learning_rate=0.0)


def _memorized(runs: pd.DataFrame, column: str) -> pd.Series:
    return runs[column].where(~runs["diverged"].astype(bool)).fillna(0.0).astype(float)


def _parameters(group: Group) -> int:
    return int(group.runs["parameters"].iloc[0])
