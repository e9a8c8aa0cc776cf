"""TODO claims.single_cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy

from capacity.claims.evidence import Evidence, Finding, Property, combine, majority
from capacity.claims.groups import Group, Groups
from capacity.claims.properties import (
    ALL_RECALLED,
    ALL_RECALLED_MATCHED,
    ALL_RIGHT,
    ALL_RIGHT_PAPER_RULE,
    FEW_RECALLED,
    NONE_RIGHT,
    NONE_RIGHT_PAPER_RULE,
    SIZES,
)
from capacity.statistics import intervals

RULE = (
    "For each size named, the runs with the property are counted at the final iterate; a diverged run does not have "
    "it. A size is *replicated* if the lower end of the exact 95 % interval (Clopper-Pearson) of their share is above "
    "0.5, *not replicated* if the upper end is below 0.5, else *inconclusive*. The claim is replicated if every size "
    "is, and not replicated if one size is not. Lines without a decision stand beside and decide nothing."
)


@dataclass(frozen=True)
class Expectation:
    """What a claim says of one size: the property that decides, and another that stands beside it."""

    task: str
    size: str
    wanted: Property
    beside: Property | None = None


EXPECTED: Mapping[str, tuple[Expectation, ...]] = {
    "C1": (Expectation("arithmetic", "n14", ALL_RIGHT, ALL_RIGHT_PAPER_RULE),),
    "C2": tuple(Expectation("arithmetic", size, NONE_RIGHT, NONE_RIGHT_PAPER_RULE) for size in SIZES if size != "n14"),
    "C3": (
        Expectation("facts", "n14", FEW_RECALLED),
        *(Expectation("facts", size, ALL_RECALLED, ALL_RECALLED_MATCHED) for size in SIZES if size != "n14"),
    ),
    "C4": tuple(Expectation("joint", size, NONE_RIGHT, NONE_RIGHT_PAPER_RULE) for size in SIZES),
}
"""The claims about single cells."""


def single_cells(name: str, found: Groups, rng: numpy.random.Generator) -> Finding:
    """The finding on one of the claims in :data:`EXPECTED`."""
    evidence, used = [], []
    for expected in EXPECTED[name]:
        group = found[expected.task, expected.size, "base"]
        used.append(group)
        evidence += [majority(group, expected.wanted), *_beside(group, expected, rng)]
    outcome, reason = combine(evidence)
    return Finding(outcome, reason, RULE, tuple(evidence), tuple(used))


def _beside(group: Group, expected: Expectation, rng: numpy.random.Generator) -> list[Evidence]:
    """What stands beside a decision: another property, the runs that fit alone, and the mean score."""
    if not len(group.runs):
        return []
    lines = [majority(group, expected.beside)] if expected.beside else []
    if expected.task != "facts":
        fitted = group.runs["fits_arithmetic"].fillna(False).astype(bool)
        words = f"{expected.wanted.words}, among the runs that fit the seen expressions"
        lines.append(majority(replace(group, runs=group.runs[fitted]), replace(expected.wanted, words=words)))
    score = "final_facts_paper_prompts" if expected.task == "facts" else "final_held_out"
    values = group.runs[score].dropna().tolist()
    low, high = intervals.bootstrap_mean(values, rng) or (None, None)
    words = "facts recalled (paper's prompts), mean" if expected.task == "facts" else "held-out share right, mean"
    mean = sum(values) / len(values) if values else None
    lines.append(Evidence(group.label, words, n=len(values), estimate=mean, low=low, high=high))
    return [replace(line, outcome="", further_runs=None) for line in lines]
