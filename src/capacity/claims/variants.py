"""TODO claims.variants."""

from __future__ import annotations

import numpy
from scipy import stats

from capacity.claims.evidence import (
    INCONCLUSIVE,
    NOT_REPLICATED,
    NOT_RUN,
    REPLICATED,
    Evidence,
    Finding,
    combine,
    majority,
)
from capacity.claims.groups import Groups
from capacity.claims.single_cells import EXPECTED
from capacity.paper import published
from capacity.statistics import comparisons
from capacity.statistics.comparisons import ALPHA

VARIANTS_RULE = (
    "Each size of C1 to C4 is decided for the base cell and for the wd cell, by the rule of those claims. It is "
    "*not replicated* if the two decisions are opposite, or if the shares differ (Fisher's exact test, p below 0.05 "
    "after Holm over the cells compared). It is *replicated* if the two decisions are the same, whatever they are, "
    "else *inconclusive*. The claim needs every size. Beside stands the difference of the shares (wd less base) with "
    "its 90 % interval, and whether it is equivalent to none within 0.15 (TOST)."
)


def variants(found: Groups) -> Finding:
    """The finding on C5: whether any decision changes from a base cell to its wd cell."""
    pairs = []
    for name, expectations in EXPECTED.items():
        for expected in expectations:
            sides = [found[expected.task, expected.size, variant] for variant in published.VARIANTS]
            pairs.append((name, expected, sides, [majority(side, expected.wanted) for side in sides]))
    tested = {
        number: float(
            stats.fisher_exact(numpy.array([[counted(line), line.n - counted(line)] for line in lines])).pvalue
        )
        for number, (_, _, _, lines) in enumerate(pairs)
        if all(line.n for line in lines)
    }
    adjusted = dict(zip(tested, comparisons.holm(list(tested.values())), strict=True))
    evidence = []
    for number, (name, expected, sides, lines) in enumerate(pairs):
        label, words = sides[0].label, f"{name}, {expected.wanted.words}: the same with weight decay"
        if number not in tested:
            absent = [line.label for line in lines if not line.n]
            evidence.append(Evidence(label, words, NOT_RUN, note=f"not run: {', '.join(absent)}"))
            continue
        outcomes = {line.outcome for line in lines}
        outcome = INCONCLUSIVE
        if outcomes == {REPLICATED, NOT_REPLICATED} or adjusted[number] < ALPHA:
            outcome = NOT_REPLICATED
        elif len(outcomes) == 1 and INCONCLUSIVE not in outcomes:
            outcome = REPLICATED
        further = max((line.further_runs for line in lines if line.further_runs is not None), default=None)
        base, decayed = lines
        equal = comparisons.tost_proportions(counted(decayed), decayed.n, counted(base), base.n)
        shown = ", ".join(
            f"{variant} {line.count} of {line.n} ({line.outcome})"
            for variant, line in zip(published.VARIANTS, lines, strict=True)
        )
        evidence.append(
            Evidence(
                label=label,
                words=words,
                outcome=outcome,
                n=base.n + decayed.n,
                diverged=base.diverged + decayed.diverged,
                estimate=equal.difference,
                low=equal.low,
                high=equal.high,
                p_value=tested[number],
                adjusted_p_value=adjusted[number],
                further_runs=further if outcome == INCONCLUSIVE else None,
                note=f"{shown}; {'' if equal.equivalent else 'not '}equivalent (TOST p = {equal.p_value:.2g})",
            )
        )
    outcome, reason = combine(evidence)
    used = tuple(side for number in tested for side in pairs[number][2])
    return Finding(outcome, reason, VARIANTS_RULE, tuple(evidence), used)


def counted(line: Evidence) -> int:
    """How many runs have the property; 0 where there are none to count."""
    return line.count or 0
