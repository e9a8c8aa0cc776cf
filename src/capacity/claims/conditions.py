"""The conditions that a trade-off must meet besides its two trends.

A condition is looked for in every study there is: what counts is what was trained, not under which name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from capacity.claims.arms import Arm
from capacity.claims.evidence import Evidence, Kind
from capacity.claims.outcomes import Outcome
from capacity.claims.size_trends import (
    MEMORIZATION,
    ORDER_BITS,
    Permutations,
    Trend,
    decide_trend,
    further_runs_of_trend,
    generalization_trend,
    has_opposite,
    memorization_trend,
    recipe_of,
)
from capacity.claims.trained_cells import (
    LEARNING_RATES,
    Trained,
    departures_but,
    fitting_best,
    has_paper_data,
    on_fixed_lines,
    trained_cells,
    widest,
)
from capacity.experiment.cell import Cell
from capacity.paper import protocol
from capacity.statistics import comparisons, trends
from capacity.statistics.comparisons import ALPHA
from capacity.statistics.trends import TrendTest

FEWEST_RATES = 3
FEWEST_SEEDS = {"G": 20, "M": 10}
"""Seeds of each size of the two trends; in M the runs of one size differ little (docs/preregistration.md)."""

FEWEST_PAIRS = 10
SIDES: tuple[trends.Alternative, ...] = ("decreasing", "increasing")


def further_conditions(
    base: Sequence[Trend], studies: Mapping[str, pd.DataFrame], permutations: Permutations
) -> list[Evidence]:
    """Return one line of evidence for each condition; ``base`` holds the two decisive trends."""
    cells = trained_cells(studies)
    return [
        _both_trends("tuned learning rate", "each size at its best rate on seen items", _tuned(cells), permutations),
        _both_trends(
            "matched decay", "MLT and all other sizes with one recipe, decay included", _matched(cells), permutations
        ),
        _both_trends("reshuffled lines", "lines in a new order for every batch", _reshuffled(cells), permutations),
        _over_pairs(cells, permutations),
        _enough_seeds(base),
        _within_sizes(base[0].arms, permutations),
    ]


def _arm(cell: Cell, runs: pd.DataFrame) -> Arm:
    return Arm(cell.task, cell.size.name, "base", runs, str(runs["departs"].iloc[0]))


def _tuned(cells: Trained) -> dict[str, list[Arm]]:
    """Return for each task the best learning rate of each size that was trained with several."""
    tuned: dict[str, list[Arm]] = {}
    for task in ("arithmetic", "facts"):
        mine = on_fixed_lines(cells, task)
        sweep = widest(_several_rates(mine), departures_but(*LEARNING_RATES))
        for size in sorted({cell.size for cell, _ in sweep}):
            rates = [(cell, runs) for cell, runs in sweep if cell.size == size]
            tuned.setdefault(task, []).append(_arm(*fitting_best(rates)))
    return tuned


def _several_rates(cells: Trained) -> Trained:
    """Return the cells of sweeps: at least three learning rates, and all else the same."""
    key = departures_but(*LEARNING_RATES)
    rates: dict[object, set[float]] = {}
    for cell, _ in cells:
        rates.setdefault((cell.size, key(cell)), set()).add(cell.learning_rate)
    return [(cell, runs) for cell, runs in cells if len(rates[cell.size, key(cell)]) >= FEWEST_RATES]


def _matched(cells: Trained) -> dict[str, list[Arm]]:
    """Return for each task the cells that differ only in size, if the four sizes of the paper are among them."""
    matched = {}
    for task in ("arithmetic", "facts"):
        mine = on_fixed_lines(cells, task)
        alike = widest(mine, recipe_of)
        if {cell.size for cell, _ in alike} >= set(protocol.SIZES.values()):
            matched[task] = [_arm(cell, runs) for cell, runs in alike]
    return matched


def _reshuffled(cells: Trained) -> dict[str, list[Arm]]:
    """Return for each task the cells whose lines were shuffled anew for every batch."""
    reshuffled = {}
    for task in ("arithmetic", "facts"):
        mine = [(c, r) for c, r in cells if c.task == task and c.stream == "reshuffled" and has_paper_data(c)]
        reshuffled[task] = [_arm(cell, runs) for cell, runs in widest(mine, departures_but())]
    return reshuffled


def _both_trends(label: str, how: str, arms: Mapping[str, Sequence[Arm]], permutations: Permutations) -> Evidence:
    """Decide a condition under which both trends must be there again."""
    falls = generalization_trend(arms.get("arithmetic", ()), permutations)
    rises = memorization_trend(arms.get("facts", ()), MEMORIZATION["facts"].column, permutations)
    both = (falls, rises)
    outcomes = [decide_trend(trend, trend.p_value) for trend in both]
    if Outcome.NOT_RUN in outcomes and Outcome.NOT_REPLICATED not in outcomes:
        outcome = Outcome.NOT_RUN
    else:
        worst_first = (Outcome.NOT_REPLICATED, Outcome.INCONCLUSIVE, Outcome.REPLICATED)
        outcome = next(each for each in worst_first if each in outcomes)
    open_trends = [trend for trend, each in zip(both, outcomes, strict=True) if each == Outcome.INCONCLUSIVE]
    further = max((further_runs_of_trend(trend, ALPHA) for trend in open_trends), default=None)
    values = [f"{name}: {trend.values or 'not run'}" for name, trend in zip("GM", both, strict=True)]
    was_run = Outcome.NOT_RUN not in outcomes
    return Evidence(
        label=label,
        kind=Kind.CONDITION,
        measure=label.replace(" ", "_"),
        description=f"condition: both trends are there again, {how}",
        outcome=outcome,
        n=sum(trend.n for trend in both),
        diverged=sum(trend.diverged for trend in both),
        p_value=comparisons.intersection_union(*(trend.p_value for trend in both)) if was_run else None,
        further_runs=further if outcome == Outcome.INCONCLUSIVE else None,
        note="; ".join(values) if any(trend.arms for trend in both) else "",
    )


def _over_pairs(cells: Trained, permutations: Permutations) -> Evidence:
    """Decide whether G falls with size over other held-out pairs; a pair counts once, by the share of its runs."""
    label, measure = "other pairs", "other_pairs"
    description = f"condition: G falls with size over at least {FEWEST_PAIRS} held-out sets"
    asked = ("arithmetic", "fixed", "correct", protocol.LARGEST_OPERAND)
    mine = [(c, r) for c, r in cells if (c.task, c.stream, c.answers, c.largest_operand) == asked]
    others = widest([(c, r) for c, r in mine if c.held_out != protocol.HELD_OUT], departures_but("held_out"))
    shares: dict[int, list[float]] = {}
    for _, runs in others:
        shares.setdefault(int(runs["parameters"].iloc[0]), []).append(float(runs["generalizes"].mean()))
    values = [shares[parameters] for parameters in sorted(shares) if len(shares[parameters]) >= FEWEST_PAIRS]

    def tested(alternative: trends.Alternative) -> TrendTest | None:
        return trends.jonckheere_terpstra(values, alternative, permutations.rng, permutations.count)

    test = tested("decreasing")
    if test is None:
        return Evidence(label, Kind.CONDITION, measure, description, Outcome.NOT_RUN)
    opposite = has_opposite(test, lambda: tested("increasing"))
    outcome = Outcome.NOT_REPLICATED if opposite else Outcome.INCONCLUSIVE
    return Evidence(
        label=label,
        kind=Kind.CONDITION,
        measure=measure,
        description=description,
        outcome=Outcome.REPLICATED if test.p_value < ALPHA else outcome,
        n=sum(len(runs) for _, runs in others),
        p_value=test.p_value,
        note=f"{min(len(each) for each in values)} or more held-out sets for each of {len(values)} sizes",
    )


def _enough_seeds(base: Sequence[Trend]) -> Evidence:
    """Decide whether every size of the two trends has its seeds; ``base`` holds G and M."""
    label, measure = "each size of both", "enough_seeds"
    description = (
        f"condition: at least {FEWEST_SEEDS['G']} seeds at the final iterate for each size of the trend of G, and "
        f"{FEWEST_SEEDS['M']} for those of the trend of M"
    )
    if any(trend.test is None for trend in base):
        return Evidence(label, Kind.CONDITION, measure, description, Outcome.NOT_RUN)
    fewest = {mode: min(arm.n for arm in trend.arms) for mode, trend in zip(FEWEST_SEEDS, base, strict=True)}
    short = max(needed - fewest[mode] for mode, needed in FEWEST_SEEDS.items())
    return Evidence(
        label=label,
        kind=Kind.CONDITION,
        measure=measure,
        description=description,
        outcome=Outcome.REPLICATED if short <= 0 else Outcome.INCONCLUSIVE,
        n=sum(trend.n for trend in base),
        further_runs=short if short > 0 else None,
        note=f"the fewest are {fewest['G']} for G and {fewest['M']} for M",
    )


def _within_sizes(arms: Sequence[Arm], permutations: Permutations) -> Evidence:
    """Decide whether, of one size, the seeds that know more of the order answer fewer held-out expressions."""
    label, measure = "seeds of one size", "within_sizes"
    description = "condition: seeds with more bits of order answer fewer held-out (Kendall's tau-b)"
    tested = []
    for arm in arms:
        if ORDER_BITS not in arm.runs:
            continue
        ended = arm.runs[~arm.runs["diverged"].astype(bool)].dropna(subset=["final_held_out", ORDER_BITS])
        columns = (ended["final_held_out"].tolist(), ended[ORDER_BITS].tolist())
        less, more = (trends.kendall(*columns, side, permutations.rng, permutations.count) for side in SIDES)
        if less is not None and more is not None:
            tested.append((arm.size, less, more.p_value, len(ended)))
    if not tested:
        note = "no size whose runs differ in both measures"
        return Evidence(label, Kind.CONDITION, measure, description, Outcome.NOT_RUN, note=note)
    less_p = comparisons.holm([less.p_value for _, less, _, _ in tested])
    more_p = comparisons.holm([p_value for _, _, p_value, _ in tested])
    outcome = Outcome.REPLICATED if min(less_p) < ALPHA else Outcome.INCONCLUSIVE
    return Evidence(
        label=label,
        kind=Kind.CONDITION,
        measure=measure,
        description=description,
        outcome=Outcome.NOT_REPLICATED if min(more_p) < ALPHA else outcome,
        n=sum(n for *_, n in tested),
        p_value=min(less_p),
        note=", ".join(f"{size} tau {less.tau:.2f} (n = {n})" for size, less, _, n in tested) + "; p after Holm",
    )
