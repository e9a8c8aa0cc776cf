"""C5: whether weight decay changes any decision on the claims C1 to C4."""

from __future__ import annotations

from dataclasses import dataclass

from capacity.claims.arms import Arm, PublishedArms
from capacity.claims.conclusions import Conclusion, Part, conclude
from capacity.claims.evidence import Evidence, Kind, share_evidence
from capacity.claims.outcomes import MOST_FURTHER_RUNS, Outcome, decide
from capacity.claims.single_cells import EXPECTED, Expectation
from capacity.paper import published
from capacity.statistics import comparisons
from capacity.statistics.comparisons import ALPHA
from capacity.statistics.shares import expected

RULE = (
    "Each size of C1 to C4 is decided for the base cell and for the wd cell, by the rule of those claims; *depends on "
    "the seed* is a decision like the other two. C5 is *not replicated* for the size if one cell is *replicated* and "
    "the other *not replicated*, or if the shares differ (Fisher's exact test, p below 0.05 after Holm over the cells "
    "compared). Otherwise it is *replicated* if both cells are decided alike, whatever the decision, and "
    "*inconclusive* if they are not. The claim as a whole is *not replicated* if one size of one claim is not, "
    "*inconclusive* if one of those that were run is, and otherwise *replicated*. Sizes of which one cell was not run "
    "are named beside it. For comparison, each line also gives the difference of the shares (wd minus base) with its "
    "90 % interval, and says whether the shares are equivalent to within 0.15 (TOST)."
)


Counts = tuple[int, int, int, int]
"""Runs with a property and runs in all, of a base cell and then of its wd cell."""


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
    def counts(self) -> Counts:
        """Those of the two cells."""
        base, decayed = self.arms
        wanted = self.expected.wanted
        return base.count(wanted), base.n, decayed.count(wanted), decayed.n


def assess(arms: PublishedArms) -> Conclusion:
    """Return the conclusion on C5: whether any decision changes from a base cell to its wd cell.

    Its parts are the sizes of each claim.
    """
    pairs = [_pair(claim, expected, arms) for claim, expectations in EXPECTED.items() for expected in expectations]
    p_values = [comparisons.fisher(*pair.counts) for pair in pairs if pair.was_run]
    tested = iter(zip(p_values, comparisons.holm(p_values), strict=True))
    evidence = [_compare(pair, *next(tested), len(p_values)) if pair.was_run else _not_run(pair) for pair in pairs]
    parts = [Part(line.label, line) for line in evidence]
    return conclude(RULE, parts, evidence, (arm for pair in pairs if pair.was_run for arm in pair.arms))


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


def decide_change(counts: Counts, p_value: float) -> Outcome:
    """Decide whether weight decay changes one size of one claim.

    ``p_value`` is that of Fisher's exact test of the two shares, after Holm's correction.
    """
    base_count, base_total, decayed_count, decayed_total = counts
    decisions = {decide(base_count, base_total), decide(decayed_count, decayed_total)}
    if decisions == {Outcome.REPLICATED, Outcome.NOT_REPLICATED} or p_value < ALPHA:
        return Outcome.NOT_REPLICATED
    if len(decisions) == 1 and Outcome.INCONCLUSIVE not in decisions:
        return Outcome.REPLICATED
    return Outcome.INCONCLUSIVE


def further_runs_of_change(counts: Counts, tests: int) -> int:
    """Return the fewest further runs of each cell after which :func:`decide_change` decides, if both shares go on.

    The p-value is corrected as the smallest of so many ``tests``. :data:`MOST_FURTHER_RUNS` + 1 stands for more.
    """
    for more in range(1, MOST_FURTHER_RUNS + 1):
        after = counts_after(counts, more)
        if decide_change(after, min(1.0, tests * comparisons.fisher(*after))) != Outcome.INCONCLUSIVE:
            return more
    return MOST_FURTHER_RUNS + 1


def counts_after(counts: Counts, more: int) -> Counts:
    """Return the counts after so many more runs of each cell, if both shares stay as they are."""
    base_count, base_total, decayed_count, decayed_total = counts
    base, decayed = expected(base_count, base_total, more), expected(decayed_count, decayed_total, more)
    return base, base_total + more, decayed, decayed_total + more


def _compare(pair: Pair, p_value: float, adjusted_p_value: float, tests: int) -> Evidence:
    """Return the evidence on one size of one claim, whose test is one of so many."""
    outcome = decide_change(pair.counts, adjusted_p_value)
    is_open = outcome == Outcome.INCONCLUSIVE
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
        further_runs=further_runs_of_change(pair.counts, tests) if is_open else None,
        note=f"{counts}; {'' if equivalence.equivalent else 'not '}equivalent (TOST p = {equivalence.p_value:.2g})",
    )
