"""The claims about single cells, C1 to C4: whether most runs of each size have a property."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy
import pandas as pd

from capacity.claims import other_recipes
from capacity.claims.arms import Arm, PublishedArms
from capacity.claims.conclusions import WHOLE_RULE, Conclusion, Part, conclude
from capacity.claims.evidence import Evidence, Kind, share_evidence
from capacity.claims.outcomes import SHARE_RULE
from capacity.claims.properties import (
    ALL_RECALLED,
    ALL_RECALLED_MATCHED,
    ALL_RIGHT,
    ALL_RIGHT_PAPER_RULE,
    FEW_RECALLED,
    NONE_RIGHT,
    NONE_RIGHT_PAPER_RULE,
    SIZES,
    Property,
)
from capacity.statistics import intervals

RULE = (
    "For each size named, the runs that have the property at the final iterate are counted; a diverged run does not "
    f"have it. {SHARE_RULE} {WHOLE_RULE} {other_recipes.RULE} Lines without a decision are for comparison only."
)


@dataclass(frozen=True)
class Expectation:
    """What a claim says about one size.

    Attributes:
        task, size: of the cell.
        wanted: the property that decides.
        compared: another property, counted for comparison.
    """

    task: str
    size: str
    wanted: Property
    compared: Property | None = None


EXPECTED: Mapping[str, tuple[Expectation, ...]] = {
    "C1": (Expectation("arithmetic", "n14", ALL_RIGHT, ALL_RIGHT_PAPER_RULE),),
    "C2": tuple(Expectation("arithmetic", size, NONE_RIGHT, NONE_RIGHT_PAPER_RULE) for size in SIZES if size != "n14"),
    "C3": (
        Expectation("facts", "n14", FEW_RECALLED),
        *(Expectation("facts", size, ALL_RECALLED, ALL_RECALLED_MATCHED) for size in SIZES if size != "n14"),
    ),
    "C4": tuple(Expectation("joint", size, NONE_RIGHT, NONE_RIGHT_PAPER_RULE) for size in SIZES),
}
"""What each of the claims says, by its name."""


def assess(
    claim: str, arms: PublishedArms, studies: Mapping[str, pd.DataFrame], rng: numpy.random.Generator
) -> Conclusion:
    """Return the conclusion on one of the claims in :data:`EXPECTED`; its parts are the sizes that it names.

    Every study counts for what another recipe says of a size that was not run.
    """
    parts, evidence, used = [], [], []
    for expected in EXPECTED[claim]:
        arm = arms[expected.task, expected.size, "base"]
        used.append(arm)
        line = share_evidence(arm, expected.wanted)
        other = other_recipes.by_another_recipe(arm, expected.wanted, studies)
        parts.append(Part(expected.size, line, other))
        evidence += [line, *_for_comparison(arm, expected, rng), *other_recipes.lines_of([other])]
    return conclude(RULE, parts, evidence, used)


def _for_comparison(arm: Arm, expected: Expectation, rng: numpy.random.Generator) -> list[Evidence]:
    """Return what is shown beside a decision: another property, the runs that fit, and the mean score."""
    if not arm.n:
        return []
    lines = [share_evidence(arm, expected.compared)] if expected.compared else []
    if expected.task != "facts":
        fitted = replace(arm, runs=arm.runs[arm.runs["fits_arithmetic"].fillna(False).astype(bool)])
        description = f"{expected.wanted.description}, among the runs that fit the seen expressions"
        counted = share_evidence(fitted, expected.wanted)
        lines.append(replace(counted, kind=Kind.SHARE_OF_FITTED, description=description))
    measure, description = "final_held_out", "held-out share right, mean"
    if expected.task == "facts":
        measure, description = "final_facts_paper_prompts", "facts recalled (paper's prompts), mean"
    values = arm.runs[measure].dropna().tolist()
    low, high = intervals.bootstrap_mean(values, rng) or (None, None)
    mean = sum(values) / len(values) if values else None
    lines.append(Evidence(arm.label, Kind.MEAN, measure, description, n=len(values), estimate=mean, low=low, high=high))
    return [line.without_decision() for line in lines]
