"""The claim of a trade-off: generalization (G) falls with size while memorization (M) rises.

G of a run is whether all held-out expressions are right at the final iterate. M is the recall of the facts, on the
paper's prompts, and for arithmetic alone the bits known of the order of the lines. Trends are tested over sizes that
were trained with one recipe; the primary family of tests is {G, M} x {arithmetic, facts, joint}, corrected by Holm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from capacity.claims.conditions import further_conditions
from capacity.claims.evidence import INCONCLUSIVE, REPLICATED, Evidence, Finding, combine
from capacity.claims.groups import Group, Groups
from capacity.claims.trend import (
    GENERALIZATION,
    MEMORIZATION,
    Permutations,
    Trend,
    decide_trend,
    further_runs_of_trend,
    generalization,
    memorization,
    one_recipe,
)
from capacity.paper import protocol
from capacity.statistics import comparisons, trends
from capacity.statistics.comparisons import ALPHA

FAMILY = tuple((task, mode) for task in protocol.TASKS for mode in ("G", "M"))
"""The primary family. G of the facts alone does not exist, and belongs to it as a p of 1."""

DECISIVE = (("arithmetic", "G"), ("facts", "M"))
"""The two trends that the claim is about."""

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
