"""The section on the fixed order of lines: whether it costs generalization."""

from __future__ import annotations

from collections.abc import Sequence

from capacity.claims.properties import ALL_RIGHT, NONE_RIGHT
from capacity.findings.arms import RESHUFFLED, TabulatedArm, studies_of
from capacity.findings.prose import Values, table
from capacity.statistics import comparisons
from capacity.statistics.comparisons import ALPHA

POWERED_SHARES = (0.8, 0.2)
"""Two shares that are far apart: the power to tell them apart says what a test could have found."""


def fixed_against_reshuffled(arms: Sequence[TabulatedArm]) -> Values:
    """Compare each arithmetic cell with its reshuffled twin, by Fisher's exact test of what C1 and C2 are about.

    The p-values of all sizes and both properties are corrected together (Holm).
    """
    arithmetic = [arm for arm in arms if arm.task == "arithmetic"]
    twins = {arm.size: arm for arm in arithmetic if arm.variant == RESHUFFLED}
    fixed = {arm.size: arm for arm in arithmetic if arm.variant == "base"}
    pairs = [(fixed[size], twins[size]) for size in fixed if size in twins]
    tested = [(pair, wanted) for pair in pairs for wanted in (ALL_RIGHT, NONE_RIGHT)]
    p_values = [
        comparisons.fisher(one.count(wanted), one.n, other.count(wanted), other.n) for (one, other), wanted in tested
    ]
    adjusted = comparisons.holm(p_values)
    rows, differing = [], []
    for ((one, other), wanted), p_value, corrected in zip(tested, p_values, adjusted, strict=True):
        power = comparisons.fisher_power(*POWERED_SHARES, one.n, other.n)
        rows.append(
            (
                one.marked_size,
                wanted.description,
                one.share(wanted),
                other.share(wanted),
                f"{p_value:.2g}",
                f"{corrected:.2g}",
                f"{power:.2f}",
            )
        )
        if corrected < ALPHA:
            differing.append(f"{one.marked_size} ({wanted.description})")
    heading = ("size", "runs with", "fixed order", "new order", "p", "p, Holm", "power")
    measures = ("final_held_out", "final_seen")
    shares = [(one.marked_size, *(arm.mean(each) for each in measures for arm in (one, other))) for one, other in pairs]
    shares_heading = ("size", "held out, fixed order", "held out, new order", "seen, fixed order", "seen, new order")
    return {
        "tested": len(tested),
        "table": table(heading, rows),
        "shares": table(shares_heading, shares),
        "differing": differing,
        "powered": POWERED_SHARES,
        "missing": [arm.marked_size for size, arm in fixed.items() if size not in twins],
        "fixed": len(fixed),
        "studies": studies_of(arm for pair in pairs for arm in pair),
    }
