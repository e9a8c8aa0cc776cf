"""C5: whether weight decay changes any decision on the claims C1 to C4."""

from __future__ import annotations

from dataclasses import dataclass

from capacity.claims.arms import Arm, PublishedArms
from capacity.claims.conclusions import Conclusion, conclude
from capacity.claims.evidence import Evidence, Kind, share_evidence
from capacity.claims.outcomes import Outcome
from capacity.claims.single_cells import EXPECTED, Expectation
from capacity.paper import published
from capacity.statistics import comparisons
from capacity.statistics.comparisons import ALPHA

RULE = (
    "Each size of C1 to C4 is decided for the base cell and for the wd cell, by the rule of those claims. It is "
    "*not replicated* if the two decisions are opposite, or if the shares differ (Fisher's exact test, p below 0.05 "
    "after Holm over the cells compared). It is *replicated* if the two decisions are the same, whatever they are, "
    "and *inconclusive* otherwise. The claim needs every size. For comparison, each line also gives the difference of "
    "the shares (wd minus base) with its 90 % interval, and says whether the shares are equivalent to within 0.15 "
    "(TOST)."
)


@dataclass(frozen=True, eq=False)
class Pair:
    """One size of one claim in the base cell and in the wd cell: the runs, and the evidence from each."""

    claim: str
    expected: Expectation
    arms: tuple[Arm, Arm]
    lines: tuple[Evidence, Evidence]

    @property
    def description(self) -> str:
        """What is compared, in words."""
        return f"{self.claim}, {self.expected.wanted.description}: the same with weight decay"

    @property
    def was_run(self) -> bool:
        """Whether both cells were run."""
        return all(arm.n for arm in self.arms)

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Runs with the property and runs in all, of the base cell and then of the wd cell."""
        base, decayed = self.arms
        wanted = self.expected.wanted
        return base.count(wanted), base.n, decayed.count(wanted), decayed.n


def assess(arms: PublishedArms) -> Conclusion:
    """Return the conclusion on C5: whether any decision changes from a base cell to its wd cell."""
    pairs = [_pair(claim, expected, arms) for claim, expectations in EXPECTED.items() for expected in expectations]
    p_values = [comparisons.fisher(*pair.counts) for pair in pairs if pair.was_run]
    tested = iter(zip(p_values, comparisons.holm(p_values), strict=True))
    evidence = [_compare(pair, *next(tested)) if pair.was_run else _not_run(pair) for pair in pairs]
    return conclude(RULE, evidence, (arm for pair in pairs if pair.was_run for arm in pair.arms))


def _pair(claim: str, expected: Expectation, arms: PublishedArms) -> Pair:
    base, decayed = (arms[expected.task, expected.size, variant] for variant in published.VARIANTS)
    lines = (share_evidence(base, expected.wanted), share_evidence(decayed, expected.wanted))
    return Pair(claim, expected, (base, decayed), lines)


def _not_run(pair: Pair) -> Evidence:
    absent = ", ".join(arm.label for arm in pair.arms if not arm.n)
    return Evidence(
        pair.arms[0].label,
        Kind.DIFFERENCE,
        pair.expected.wanted.key,
        pair.description,
        Outcome.NOT_RUN,
        note=f"not run: {absent}",
    )


def _compare(pair: Pair, p_value: float, adjusted_p_value: float) -> Evidence:
    """Decide whether weight decay changes one size of one claim."""
    outcomes = {line.outcome for line in pair.lines}
    outcome = Outcome.INCONCLUSIVE
    if outcomes == {Outcome.REPLICATED, Outcome.NOT_REPLICATED} or adjusted_p_value < ALPHA:
        outcome = Outcome.NOT_REPLICATED
    elif len(outcomes) == 1 and Outcome.INCONCLUSIVE not in outcomes:
        outcome = Outcome.REPLICATED
    further = max((line.further_runs for line in pair.lines if line.further_runs is not None), default=None)
    base_count, base_total, decayed_count, decayed_total = pair.counts
    equivalence = comparisons.tost_proportions(decayed_count, decayed_total, base_count, base_total)
    counts = ", ".join(
        f"{variant} {line.count} of {line.n} ({line.outcome})"
        for variant, line in zip(published.VARIANTS, pair.lines, strict=True)
    )
    return Evidence(
        label=pair.arms[0].label,
        kind=Kind.DIFFERENCE,
        measure=pair.expected.wanted.key,
        description=pair.description,
        outcome=outcome,
        n=base_total + decayed_total,
        diverged=sum(arm.diverged for arm in pair.arms),
        estimate=equivalence.difference,
        low=equivalence.low,
        high=equivalence.high,
        p_value=p_value,
        adjusted_p_value=adjusted_p_value,
        further_runs=further if outcome == Outcome.INCONCLUSIVE else None,
        note=f"{counts}; {'' if equivalence.equivalent else 'not '}equivalent (TOST p = {equivalence.p_value:.2g})",
    )
