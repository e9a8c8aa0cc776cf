"""TODO claims.operands."""

from __future__ import annotations

from dataclasses import replace

from capacity.claims.evidence import NOT_RUN, Evidence, Finding, Property, combine, majority
from capacity.claims.groups import Groups
from capacity.claims.properties import SIZES
from capacity.evaluation import operands as evaluation_operands
from capacity.evaluation.operands import expressions, groups
from capacity.statistics import comparisons

OPERANDS = "final_operands_0_19_beyond_digits"


def best_constant() -> float:
    """The best share of the expressions with an operand from 10 to 19 that one constant answer gets right."""
    every = expressions()
    beyond = [every[number] for number in groups(every)["beyond_digits"]]
    return evaluation_operands.best_constant(beyond)[1] / len(beyond)


OPERANDS_RULE = (
    "Of the 600 sums and differences of operands from 0 to 19 with one above 9, on the paper's prompts, one constant "
    "answer gets {constant:.1f} % right. A run extends when it gets more right than that by more than the margin of "
    "equivalence, 15 % of them: {most:.1f} % in all. The runs that do not are counted and decided upon as in C1. "
    "Beside stand those that get no more right than the constant answer."
)


def beyond_digits(found: Groups) -> Finding:
    """The finding on C7; a cell counts as not run where its table has no column for the operands from 0 to 19."""
    constant = best_constant()
    most = constant + comparisons.MARGIN
    wanted = Property(f"at most {100 * most:.1f} % right beyond digits", lambda runs: runs[OPERANDS] <= most)
    strict = Property("no more right than the best constant answer", lambda runs: runs[OPERANDS] <= constant)
    evidence, used = [], []
    for size in SIZES:
        group = found["arithmetic", size, "base"]
        if OPERANDS not in group.runs or group.runs[OPERANDS].isna().all():
            note = f"the runs have no {OPERANDS}" if len(group.runs) else ""
            evidence.append(Evidence(group.label, wanted.words, NOT_RUN, note=note))
            continue
        used.append(group)
        values = group.runs[OPERANDS].dropna()
        words = "share right beyond digits, mean"
        evidence.append(majority(group, wanted))
        evidence.append(replace(majority(group, strict), outcome="", further_runs=None))
        evidence.append(Evidence(group.label, words, n=len(values), estimate=float(values.mean())))
    outcome, reason = combine(evidence)
    rule = OPERANDS_RULE.format(constant=100 * constant, most=100 * most)
    return Finding(outcome, reason, rule, tuple(evidence), tuple(used))
