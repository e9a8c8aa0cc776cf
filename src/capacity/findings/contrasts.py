"""TODO findings.contrasts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy
import pandas as pd
from scipy import stats

from capacity.claims.evidence import Property, supports
from capacity.claims.properties import ALL_RIGHT, NONE_RIGHT
from capacity.findings.arms import FITTED, RESHUFFLED, Arm, Values
from capacity.findings.memorization import PAPER_PROMPTS
from capacity.findings.words import _share, _studies, _table
from capacity.statistics import comparisons
from capacity.statistics.comparisons import ALPHA
from capacity.tables import markdown

POWERED_SHARES = (0.8, 0.2)
"""Two shares that are far apart: the power to tell them from each other says what a test could have found."""


def fixed_against_reshuffled(found: Sequence[Arm]) -> Values:
    """Each arithmetic cell beside its twin, with Fisher's exact test of what C1 and C2 are about.

    The p-values of all sizes and both properties are corrected together (Holm).
    """
    arithmetic = [arm for arm in found if arm.task == "arithmetic"]
    twins = {arm.size: arm for arm in arithmetic if arm.name == RESHUFFLED}
    fixed = {arm.size: arm for arm in arithmetic if arm.name == "base"}
    pairs = [(fixed[size], twins[size]) for size in fixed if size in twins]
    tested = [(pair, wanted) for pair in pairs for wanted in (ALL_RIGHT, NONE_RIGHT)]
    p_values = [_fisher(*pair, wanted) for pair, wanted in tested]
    adjusted = comparisons.holm(p_values)
    rows, differing = [], []
    for ((one, other), wanted), p_value, corrected in zip(tested, p_values, adjusted, strict=True):
        power = comparisons.fisher_power(*POWERED_SHARES, one.n, other.n)
        rows.append(
            (
                one.label,
                wanted.words,
                _share(one, wanted),
                _share(other, wanted),
                f"{p_value:.2g}",
                f"{corrected:.2g}",
                f"{power:.2f}",
            )
        )
        if corrected < ALPHA:
            differing.append(f"{one.label} ({wanted.words})")
    heading = ("size", "runs with", "fixed order", "new order", "p", "p, Holm", "power")
    measures = ("final_held_out", "final_seen")
    shares = [(one.label, *(arm.mean(each) for each in measures for arm in (one, other))) for one, other in pairs]
    shares_heading = ("size", "held out, fixed order", "held out, new order", "seen, fixed order", "seen, new order")
    return {
        "tested": len(tested),
        "table": _table(heading, rows),
        "shares": _table(shares_heading, shares),
        "differing": differing,
        "powered": POWERED_SHARES,
        "missing": [arm.label for size, arm in fixed.items() if size not in twins],
        "fixed": len(fixed),
        "studies": list(dict.fromkeys(arm.study for pair in pairs for arm in pair)),
    }


def _fisher(one: Arm, other: Arm, wanted: Property) -> float:
    counts = numpy.array([[arm.count(wanted), arm.n - arm.count(wanted)] for arm in (one, other)])
    return float(stats.fisher_exact(counts).pvalue)


def joint_against_alone(found: Sequence[Arm], notes: markdown.Notes) -> Values:
    """Each size on both tasks beside the same size on one; only sizes that were trained jointly."""
    base = {(arm.task, arm.size): arm for arm in found if arm.name == "base"}
    together = [arm for (task, _), arm in base.items() if task == "joint"]
    measures = (("final_held_out", "arithmetic"), ("final_seen", "arithmetic"), (PAPER_PROMPTS, "facts"))
    rows = []
    unlike = []
    for arm in together:
        if any(alone.departs != arm.departs for (_, size), alone in base.items() if size == arm.size):
            unlike.append(arm.label)
        entries = [arm.label, arm.shown_runs]
        for measure, task in measures:
            alone = base.get((task, arm.size))
            entries += ["not run" if alone is None else f"{alone.mean(measure)} (n = {alone.n})", arm.mean(measure)]
        rows.append((*entries, notes.mark(arm.departs)))
    heading = (
        *("size", "joint runs", "held out, alone", "held out, jointly", "seen, alone", "seen, jointly"),
        *("facts, alone", "facts, jointly", "departs"),
    )
    fitted, silent = (_joined(together, wanted) for wanted in (FITTED, NONE_RIGHT))
    return {
        "table": _table(heading, rows),
        "n": sum(arm.n for arm in together),
        "unlike": unlike,
        "silent": int(silent.sum()),
        "fitted": int(fitted.sum()),
        "silent_and_fitted": int((silent & fitted).sum()),
        "studies": _studies(list(base.values())) if together else [],
    }


def _joined(found: Sequence[Arm], wanted: Property) -> pd.Series:
    """Which runs of several cells have a property."""
    parts = [supports(arm.runs, wanted) for arm in found]
    return pd.concat(parts, ignore_index=True) if parts else pd.Series([], dtype=bool)
