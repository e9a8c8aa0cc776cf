"""TODO claims.conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from capacity.claims.evidence import INCONCLUSIVE, NOT_REPLICATED, NOT_RUN, REPLICATED, Evidence
from capacity.claims.groups import Group
from capacity.claims.trend import (
    MEMORIZATION,
    ORDER_BITS,
    SIDES,
    Permutations,
    Trend,
    _is_opposite,
    _recipe,
    decide_trend,
    further_runs_of_trend,
    generalization,
    memorization,
)
from capacity.experiment.cell import Cell
from capacity.experiment.plan import cell_of
from capacity.paper import protocol
from capacity.statistics import comparisons, trends
from capacity.statistics.comparisons import ALPHA
from capacity.statistics.trends import TrendTest

FEWEST_RATES = 3
FEWEST_SEEDS = 20
FEWEST_PAIRS = 10


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
