"""C8, the trade-off: generalization (G) falls with size while memorization (M) rises.

G of a run is whether all held-out expressions are right at the final iterate. M is the recall of the facts, on the
paper's prompts, and for arithmetic alone the bits known of the order of the lines. Trends are tested over sizes that
were trained with one recipe; the primary family of tests is {G, M} x {arithmetic, facts, joint}, corrected by Holm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from capacity.claims import other_recipes
from capacity.claims.arms import Arm, PublishedArms
from capacity.claims.conclusions import Conclusion, cells_not_run, needed_runs
from capacity.claims.conditions import further_conditions
from capacity.claims.evidence import Evidence, Kind
from capacity.claims.outcomes import Outcome
from capacity.claims.properties import ALL_RECALLED, NOT_ALL_RIGHT
from capacity.claims.size_trends import (
    GENERALIZATION,
    MEMORIZATION,
    Permutations,
    Trend,
    decide_trend,
    further_runs_of_trend,
    generalization_trend,
    memorization_trend,
    split_by_recipe,
)
from capacity.paper import protocol
from capacity.statistics import comparisons, trends
from capacity.statistics.comparisons import ALPHA

FAMILY = tuple((task, mode) for task in protocol.TASKS for mode in ("G", "M"))
"""The primary family. G of the facts alone does not exist; it belongs to the family as a p of 1."""

DECISIVE = (("arithmetic", "G"), ("facts", "M"))
"""The two trends that the claim is about."""

EXPECTED_OF_MLT = {"arithmetic": NOT_ALL_RIGHT, "facts": ALL_RECALLED}
"""What the claim says of the largest size; looked at by another recipe where the paper's was not run."""

RULE = (
    "Two trends are tested over the sizes that were trained with one recipe, at the final iterate: G of arithmetic "
    "alone falls with the logarithm of the number of parameters (Cochran-Armitage), and M of the facts alone rises "
    "with size (Jonckheere-Terpstra). Their p-values are one-sided, by permutation, with Holm's correction over {G, "
    "M} x 3 tasks, where a test that does not exist or was not run counts as p = 1. A trend is there if its p is "
    "below 0.05. It is refuted if the opposite trend has p below 0.05, or if the smallest and the largest size are "
    "equivalent to within 0.15 (TOST). The claim needs both trends (intersection-union: p is the larger) and six "
    "further conditions, each of which is decided in the same way, without correction. *Replicated*: both trends are "
    "there, and all conditions were run and hold. *Not replicated*: a trend or a condition is refuted. Otherwise "
    "*inconclusive*: trends alone decide nothing while a condition is not run. If MLT was not run, but any study "
    "has runs of it by another recipe, what the rule of C1 says of these stands beside, as in C2."
)


def assess(arms: PublishedArms, studies: Mapping[str, pd.DataFrame], permutations: Permutations) -> Conclusion:
    """Return the conclusion on the trade-off.

    The trends are those of the base cells; for the further conditions every study counts.
    """
    kept: dict[str, list[Arm]] = {}
    left_out: dict[str, list[Arm]] = {}
    for task in protocol.TASKS:
        base = [arm for arm in arms.values() if (arm.task, arm.variant) == (task, "base")]
        kept[task], left_out[task] = split_by_recipe(base)
    family = {}
    for task, mode in FAMILY:
        if mode == "M":
            family[task, mode] = memorization_trend(kept[task], MEMORIZATION[task].column, permutations)
        elif task != "facts":
            family[task, mode] = generalization_trend(kept[task], permutations)
    p_values = [family[key].p_value if key in family else 1.0 for key in FAMILY]
    adjusted = dict(zip(FAMILY, comparisons.holm(p_values), strict=True))
    lines = {key: _trend_evidence(key, trend, adjusted[key], left_out[key[0]]) for key, trend in family.items()}
    together = comparisons.intersection_union(*(adjusted[key] for key in DECISIVE))
    conditions = further_conditions([family[key] for key in DECISIVE], studies, permutations)
    outcome, reason = combine([*(lines[key] for key in DECISIVE), *conditions])
    if outcome == Outcome.INCONCLUSIVE and all(lines[key].outcome == Outcome.REPLICATED for key in DECISIVE):
        reason = f"the trends are there, but a trade-off needs more than trends; {reason}"
    mlt = {task: arms[task, protocol.MLT.name, "base"] for task in EXPECTED_OF_MLT}
    others = {task: other_recipes.by_another_recipe(mlt[task], EXPECTED_OF_MLT[task], studies) for task in mlt}
    beside = [f"{mlt[task].label}: {other.words}" for task, other in others.items() if other]
    both = Evidence(
        "arithmetic and facts",
        Kind.BOTH_TRENDS,
        "trade_off",
        "both trends together (intersection-union)",
        adjusted_p_value=together,
    )
    evidence = [
        *(lines[key] for key in DECISIVE),
        *([both] if all(family[key].test is not None for key in DECISIVE) else []),
        *(line for key, line in lines.items() if key not in DECISIVE),
        *_sensitivity("G", family["arithmetic", "G"], permutations),
        *_sensitivity("M", family["facts", "M"], permutations),
        *conditions,
        *other_recipes.lines_of(others.values()),
    ]
    used = tuple(arm for key in DECISIVE for arm in family[key].arms)
    return Conclusion(outcome, "; ".join(filter(None, (reason, *beside))), RULE, tuple(evidence), used)


def combine(evidence: Iterable[Evidence]) -> tuple[Outcome, str]:
    """Return the outcome of a claim that needs every deciding line to have been run, and what it lacks.

    One line that is not replicated refutes the claim, whatever else was not run.
    """
    deciding = [line for line in evidence if line.outcome is not None]
    outcomes = {line.outcome for line in deciding}
    if Outcome.NOT_REPLICATED in outcomes:
        return Outcome.NOT_REPLICATED, ""
    if outcomes <= {Outcome.NOT_RUN}:
        return Outcome.NOT_RUN, ""
    if outcomes == {Outcome.REPLICATED}:
        return Outcome.REPLICATED, ""
    return Outcome.INCONCLUSIVE, "; ".join(filter(None, (needed_runs(deciding), cells_not_run(deciding))))


def _trend_evidence(key: tuple[str, str], trend: Trend, adjusted: float, left_out: Sequence[Arm]) -> Evidence:
    """Return the evidence from one trend of the family; only the decisive ones have an outcome."""
    task, mode = key
    measure = GENERALIZATION if mode == "G" else MEMORIZATION[task]
    direction = "falls" if mode == "G" else "rises"
    outcome = decide_trend(trend, adjusted)
    decides = key in DECISIVE
    is_open = decides and outcome == Outcome.INCONCLUSIVE
    others = [f"{arm.size} left out: another recipe ({arm.departs or 'the paper'})" for arm in left_out]
    return Evidence(
        label=f"{task}, each size",
        kind=Kind.TREND,
        measure=measure.column,
        description=f"{mode}: {measure.description} {direction} with size",
        outcome=outcome if decides else None,
        n=trend.n,
        diverged=trend.diverged,
        p_value=None if trend.test is None else trend.p_value,
        adjusted_p_value=None if trend.test is None else adjusted,
        further_runs=further_runs_of_trend(trend, ALPHA / len(FAMILY)) if is_open else None,
        note="; ".join([trend.values or "not measured", *others]),
    )


def _sensitivity(mode: str, trend: Trend, permutations: Permutations) -> list[Evidence]:
    """Return the trend without MLT, and for G with ranks as scores: on a log axis MLT decides nearly alone."""
    if trend.test is None:
        return []
    task = trend.arms[0].task
    measure = GENERALIZATION if mode == "G" else MEMORIZATION[task]

    def again(arms: Sequence[Arm]) -> Trend:
        if mode == "G":
            return generalization_trend(arms, permutations)
        return memorization_trend(arms, measure.column, permutations)

    others = []
    smaller = [arm for arm in trend.arms if arm.size != protocol.MLT.name]
    if len(smaller) < len(trend.arms):
        others.append(("without MLT", again(smaller)))
    if mode == "G":
        by_ranks = generalization_trend(trend.arms, permutations, trends.rank_scores)
        others.append(("ranks of the sizes as scores", by_ranks))
    return [
        Evidence(
            f"{task}, each size",
            Kind.SENSITIVITY,
            measure.column,
            f"the {mode} trend, {change}",
            n=other.n,
            p_value=other.p_value,
            note=other.values,
        )
        for change, other in others
        if other.test is not None
    ]
