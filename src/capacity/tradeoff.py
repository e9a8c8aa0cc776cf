"""The claim of a trade-off: generalization (G) falls with size while memorization (M) rises.

G of a run is whether all held-out expressions are right at the final iterate. M is the recall of the facts, on the
paper's prompts, and for arithmetic alone the bits known of the order of the lines. Trends are tested over sizes that
were trained with one recipe; the primary family of tests is {G, M} x {arithmetic, facts, joint}, corrected by Holm.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy
import pandas as pd
from scipy import stats

from capacity import comparisons, protocol, trends
from capacity.cells import Cell
from capacity.comparisons import ALPHA
from capacity.jobs import cell_of
from capacity.replication import Group, Groups
from capacity.trends import TrendTest
from capacity.verdicts import (
    INCONCLUSIVE,
    MOST_FURTHER_RUNS,
    NOT_REPLICATED,
    NOT_RUN,
    REPLICATED,
    Evidence,
    Finding,
    combine,
)

FAMILY = tuple((task, mode) for task in protocol.TASKS for mode in ("G", "M"))
"""The primary family. G of the facts alone does not exist, and belongs to it as a p of 1."""

ORDER_BITS = "order_bits"
SIDES: tuple[trends.Alternative, ...] = ("decreasing", "increasing")
MEMORIZATION = {
    "arithmetic": (ORDER_BITS, "bits known of the order of the lines"),
    "facts": ("final_facts_paper_prompts", "share of the facts recalled (paper's prompts)"),
    "joint": ("final_facts_paper_prompts", "share of the facts recalled (paper's prompts)"),
}
GENERALIZATION = "runs with all held-out expressions right"

DECISIVE = (("arithmetic", "G"), ("facts", "M"))
"""The two trends that the claim is about."""

FEWEST_RATES = 3
FEWEST_SEEDS = 20
FEWEST_PAIRS = 10

RULE = (
    "Two trends are tested over the sizes that were trained with one recipe, at the final iterate: G of arithmetic "
    "alone falls with the logarithm of the number of parameters (Cochran-Armitage), M of the facts alone rises with "
    "size (Jonckheere-Terpstra); one-sided permutation p, Holm over {G, M} x 3 tasks, where a test that does not exist "
    "or was not run counts as p = 1. A trend is there when its p is below 0.05; it is refuted when the opposite trend "
    "has p below 0.05, or when the smallest and the largest size are equivalent to within 0.15 (TOST). The claim needs "
    "both trends (intersection-union: p is the larger) and six further conditions, each of which is decided alike, "
    "without correction. *Replicated*: both trends are there and all conditions were run and hold. *Not replicated*: a "
    "trend or a condition is refuted. Else *inconclusive*: trends alone decide nothing while a condition is not run."
)


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


def assess(found: Groups, studies: Mapping[str, pd.DataFrame], permutations: Permutations) -> Finding:
    """The finding on the trade-off, from the base cells and, for the further conditions, every study there is."""
    kept: dict[str, list[Group]] = {}
    left_out: dict[str, list[Group]] = {}
    for task in protocol.TASKS:
        base = [group for group in found.values() if (group.task, group.variant) == (task, "base")]
        kept[task], left_out[task] = one_recipe(base)
    family = {}
    for task, mode in FAMILY:
        if mode == "M":
            family[task, mode] = memorization(kept[task], MEMORIZATION[task][0], permutations)
        elif task != "facts":
            family[task, mode] = generalization(kept[task], permutations)
    adjusted = dict(
        zip(FAMILY, comparisons.holm([family[key].p_value if key in family else 1.0 for key in FAMILY]), strict=True)
    )
    lines = {key: _line(key, trend, adjusted[key], left_out[key[0]]) for key, trend in family.items()}
    together = comparisons.intersection_union(*(adjusted[key] for key in DECISIVE))
    conditions = further_conditions([family[key] for key in DECISIVE], studies, permutations)
    deciding = [*(lines[key] for key in DECISIVE), *conditions]
    outcome, reason = combine(deciding)
    if outcome == INCONCLUSIVE and all(lines[key].outcome == REPLICATED for key in DECISIVE):
        reason = f"the trends are there, but a trade-off needs more than trends; {reason}"
    both = Evidence("arithmetic and facts", "both trends together (intersection-union)", adjusted_p_value=together)
    evidence = [
        *(lines[key] for key in DECISIVE),
        *([both] if all(family[key].test is not None for key in DECISIVE) else []),
        *(line for key, line in lines.items() if key not in DECISIVE),
        *_sensitivity("G", family["arithmetic", "G"], permutations),
        *_sensitivity("M", family["facts", "M"], permutations),
        *conditions,
    ]
    groups = tuple(group for key in DECISIVE for group in family[key].groups)
    return Finding(outcome, reason, RULE, tuple(evidence), groups)


def _line(key: tuple[str, str], trend: Trend, adjusted: float, left_out: Sequence[Group]) -> Evidence:
    task, mode = key
    words = f"G: {GENERALIZATION} fall with size" if mode == "G" else f"M: {MEMORIZATION[task][1]} rises with size"
    outcome = decide_trend(trend, adjusted)
    decides = key in DECISIVE
    others = [f"{group.size} left out: another recipe ({group.departs or 'the paper'})" for group in left_out]
    return Evidence(
        label=f"{task}, each size",
        words=words,
        outcome=outcome if decides else "",
        n=sum(len(group.runs) for group in trend.groups),
        diverged=sum(group.diverged for group in trend.groups),
        p_value=None if trend.test is None else trend.p_value,
        adjusted_p_value=None if trend.test is None else adjusted,
        further_runs=further_runs_of_trend(trend, ALPHA / len(FAMILY)) if decides and outcome == INCONCLUSIVE else None,
        note="; ".join([trend.shown or "not measured", *others]),
    )


def _sensitivity(mode: str, trend: Trend, permutations: Permutations) -> list[Evidence]:
    """The trend without MLT, and for G with ranks for sizes: on a log axis MLT decides nearly alone."""
    if trend.test is None:
        return []

    def again(groups: Sequence[Group]) -> Trend:
        column = MEMORIZATION[trend.groups[0].task][0]
        return generalization(groups, permutations) if mode == "G" else memorization(groups, column, permutations)

    others = []
    smaller = [group for group in trend.groups if group.size != protocol.MLT.name]
    if len(smaller) < len(trend.groups):
        others.append(("without MLT", again(smaller)))
    if mode == "G":
        others.append(("ranks of the sizes as scores", generalization(trend.groups, permutations, trends.rank_scores)))
    return [
        Evidence(
            f"{trend.groups[0].task}, each size",
            f"the {mode} trend, {words}",
            n=sum(len(group.runs) for group in other.groups),
            p_value=other.p_value,
            note=other.shown,
        )
        for words, other in others
        if other.test is not None
    ]


def further_conditions(
    base: Sequence[Trend], studies: Mapping[str, pd.DataFrame], permutations: Permutations
) -> list[Evidence]:
    """What a trade-off needs besides two trends, one line for each; found by what was trained, whatever its study.

    ``base`` holds the two decisive trends.
    """
    cells = _cells(studies)
    return [
        _both_trends("tuned learning rate", "each size at its best rate on seen items", _tuned(cells), permutations),
        _both_trends(
            "matched decay", "MLT and all other sizes with one recipe, decay included", _matched(cells), permutations
        ),
        _both_trends("reshuffled lines", "lines in a new order for every batch", _reshuffled(cells), permutations),
        _over_pairs(cells, permutations),
        _enough_seeds(base),
        _within_sizes(base[0].groups, permutations),
    ]


Trained = list[tuple[Cell, pd.DataFrame]]


def _cells(studies: Mapping[str, pd.DataFrame]) -> Trained:
    """Every cell of any study with its runs, each run once."""
    frames = [runs for runs in studies.values() if len(runs)]
    if not frames:
        return []
    runs = pd.concat(frames, ignore_index=True).drop_duplicates(["cell", "seed"])
    return [(cell_of(str(name)), group.reset_index(drop=True)) for name, group in runs.groupby("cell")]


def _is_paper_data(cell: Cell) -> bool:
    return (cell.held_out, cell.facts) == (protocol.HELD_OUT, protocol.FACTS)


def _widest(cells: Trained, key: Callable[[Cell], object]) -> Trained:
    """Of the sets of cells with one key, that with the most sizes, then the most runs, then the first."""
    sets: dict[object, Trained] = {}
    for cell, runs in cells:
        sets.setdefault(key(cell), []).append((cell, runs))
    extent = {
        name: (len({cell.size for cell, _ in each}), sum(len(runs) for _, runs in each)) for name, each in sets.items()
    }
    return sets[max(sets, key=lambda name: extent[name])] if sets else []


def _departures_but(*axes: str) -> Callable[[Cell], object]:
    """The departures of a cell from the paper, those on some axes left out."""
    return lambda cell: frozenset((name, value) for name, value in cell.departures().items() if name not in axes)


def _group(cell: Cell, runs: pd.DataFrame) -> Group:
    return Group(cell.task, cell.size.name, "base", runs, str(runs["departs"].iloc[0]))


def _tuned(cells: Trained) -> dict[str, list[Group]]:
    """For each task the best learning rate of each size that was trained with several."""
    found: dict[str, list[Group]] = {}
    for task, seen in (("arithmetic", "final_seen"), ("facts", "final_facts_matched_prompts")):
        mine = [(c, r) for c, r in cells if c.task == task and c.stream == "fixed" and _is_paper_data(c)]
        sweep = _widest(_several_rates(mine), _departures_but("learning_rate", "final_learning_rate"))
        for size in sorted({cell.size for cell, _ in sweep}):
            rates = [(cell, runs) for cell, runs in sweep if cell.size == size]
            best = max(rates, key=lambda each: (each[1][seen].mean(), -each[1]["final_stream_loss"].mean()))
            found.setdefault(task, []).append(_group(*best))
    return found


def _several_rates(cells: Trained) -> Trained:
    """The cells of a sweep: at least three learning rates, all else the same."""
    key = _departures_but("learning_rate", "final_learning_rate")
    rates: dict[object, set[float]] = {}
    for cell, _ in cells:
        rates.setdefault((cell.size, key(cell)), set()).add(cell.learning_rate)
    return [(cell, runs) for cell, runs in cells if len(rates[cell.size, key(cell)]) >= FEWEST_RATES]


def _matched(cells: Trained) -> dict[str, list[Group]]:
    """For each task the cells that differ in nothing but the size, where the four sizes of the paper are among them."""
    found = {}
    for task in ("arithmetic", "facts"):
        mine = [(c, r) for c, r in cells if c.task == task and c.stream == "fixed" and _is_paper_data(c)]
        alike = _widest(mine, _recipe)
        if {cell.size for cell, _ in alike} >= set(protocol.SIZES.values()):
            found[task] = [_group(cell, runs) for cell, runs in alike]
    return found


def _reshuffled(cells: Trained) -> dict[str, list[Group]]:
    """For each task the cells whose lines were shuffled anew for every batch."""
    found = {}
    for task in ("arithmetic", "facts"):
        mine = [(c, r) for c, r in cells if c.task == task and c.stream == "reshuffled" and _is_paper_data(c)]
        found[task] = [_group(cell, runs) for cell, runs in _widest(mine, _departures_but())]
    return found


def _both_trends(label: str, how: str, groups: Mapping[str, Sequence[Group]], permutations: Permutations) -> Evidence:
    """A condition under which both trends must be there again."""
    falls = generalization(groups.get("arithmetic", ()), permutations)
    rises = memorization(groups.get("facts", ()), MEMORIZATION["facts"][0], permutations)
    both = (falls, rises)
    outcomes = [decide_trend(trend, trend.p_value) for trend in both]
    if NOT_RUN in outcomes and NOT_REPLICATED not in outcomes:
        outcome = NOT_RUN
    else:
        outcome = next(each for each in (NOT_REPLICATED, INCONCLUSIVE, REPLICATED) if each in outcomes)
    open_trends = [trend for trend, each in zip(both, outcomes, strict=True) if each == INCONCLUSIVE]
    further = max((further_runs_of_trend(trend, ALPHA) for trend in open_trends), default=None)
    shown = [f"{name}: {trend.shown or 'not run'}" for name, trend in zip("GM", both, strict=True)]
    return Evidence(
        label=label,
        words=f"condition: both trends are there again, {how}",
        outcome=outcome,
        n=sum(len(group.runs) for trend in both for group in trend.groups),
        diverged=sum(group.diverged for trend in both for group in trend.groups),
        p_value=None if NOT_RUN in outcomes else comparisons.intersection_union(*(trend.p_value for trend in both)),
        further_runs=further if outcome == INCONCLUSIVE else None,
        note="; ".join(shown) if any(trend.groups for trend in both) else "",
    )


def _over_pairs(cells: Trained, permutations: Permutations) -> Evidence:
    """Whether G falls with size over other held-out pairs, a pair counted once with the share of its runs."""
    label, words = "other pairs", f"condition: G falls with size over at least {FEWEST_PAIRS} held-out sets"
    mine = [(c, r) for c, r in cells if (c.task, c.stream, c.facts) == ("arithmetic", "fixed", protocol.FACTS)]
    others = _widest([(c, r) for c, r in mine if c.held_out != protocol.HELD_OUT], _departures_but("held_out"))
    shares: dict[int, list[float]] = {}
    for _, runs in others:
        shares.setdefault(int(runs["parameters"].iloc[0]), []).append(float(runs["generalizes"].mean()))
    values = [shares[parameters] for parameters in sorted(shares) if len(shares[parameters]) >= FEWEST_PAIRS]

    def tested(alternative: trends.Alternative) -> TrendTest | None:
        return trends.jonckheere_terpstra(values, alternative, permutations.rng, permutations.count)

    test = tested("decreasing")
    if test is None:
        return Evidence(label, words, NOT_RUN)
    outcome = NOT_REPLICATED if _is_opposite(test, lambda: tested("increasing")) else INCONCLUSIVE
    return Evidence(
        label=label,
        words=words,
        outcome=REPLICATED if test.p_value < ALPHA else outcome,
        n=sum(len(runs) for _, runs in others),
        p_value=test.p_value,
        note=f"{min(len(each) for each in values)} or more held-out sets for each of {len(values)} sizes",
    )


def _enough_seeds(base: Sequence[Trend]) -> Evidence:
    """Whether every size of the two trends has its 20 seeds."""
    label, words = "each size of both", f"condition: at least {FEWEST_SEEDS} seeds at the final iterate"
    totals = [len(group.runs) for trend in base for group in trend.groups]
    if not totals or any(trend.test is None for trend in base):
        return Evidence(label, words, NOT_RUN)
    short = FEWEST_SEEDS - min(totals)
    return Evidence(
        label=label,
        words=words,
        outcome=REPLICATED if short <= 0 else INCONCLUSIVE,
        n=sum(totals),
        further_runs=short if short > 0 else None,
        note=f"the fewest are {min(totals)}",
    )


def _within_sizes(groups: Sequence[Group], permutations: Permutations) -> Evidence:
    """Whether the seeds of one size that know more of the order of the lines answer fewer held-out expressions."""
    label, words = (
        "seeds of one size",
        "condition: seeds with more bits of order answer fewer held-out (Kendall's tau-b)",
    )
    tested = []
    for group in groups:
        if ORDER_BITS not in group.runs:
            continue
        known = group.runs[~group.runs["diverged"].astype(bool)].dropna(subset=["final_held_out", ORDER_BITS])
        columns = (known["final_held_out"].tolist(), known[ORDER_BITS].tolist())
        less, more = (trends.kendall(*columns, side, permutations.rng, permutations.count) for side in SIDES)
        if less is not None and more is not None:
            tested.append((group.size, less, more.p_value, len(known)))
    if not tested:
        return Evidence(label, words, NOT_RUN, note="no size whose runs differ in both measures")
    less_p = comparisons.holm([less.p_value for _, less, _, _ in tested])
    more_p = comparisons.holm([p_value for _, _, p_value, _ in tested])
    outcome = REPLICATED if min(less_p) < ALPHA else INCONCLUSIVE
    return Evidence(
        label=label,
        words=words,
        outcome=NOT_REPLICATED if min(more_p) < ALPHA else outcome,
        n=sum(n for *_, n in tested),
        p_value=min(less_p),
        note=", ".join(f"{size} tau {less.tau:.2f} (n = {n})" for size, less, _, n in tested) + "; p after Holm",
    )


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
