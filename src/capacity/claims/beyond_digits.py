"""C7: whether any size extends to operands beyond the digits that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from capacity.claims import other_recipes
from capacity.claims.arms import PublishedArms
from capacity.claims.conclusions import WHOLE_RULE, Conclusion, Part, conclude
from capacity.claims.evidence import Evidence, Kind, share_evidence
from capacity.claims.outcomes import Outcome
from capacity.claims.properties import SIZES, Property
from capacity.evaluation import operands
from capacity.statistics import comparisons

BEYOND_DIGITS = "final_operands_0_19_beyond_digits"
"""The column of the share of expressions with an operand above 9 that a run gets right."""

RULE = (
    "The 600 sums and differences of operands from 0 to 19 with at least one above 9 are asked with the paper's "
    "prompts. One constant answer gets {constant:.1f} % of them right. A run extends beyond digits if it gets more "
    "right than that by more than the margin of equivalence, 15 % of them: more than {most:.1f} % in all. The runs "
    "that do not extend are counted, and the count of each size is decided as in C1. {whole} {other} For comparison, "
    "the runs that get no more right than the constant answer are counted as well."
)


def best_constant_share() -> float:
    """Return the largest share of the expressions with an operand above 9 that one constant answer gets right."""
    every = operands.expressions()
    beyond = [every[number] for number in operands.groups(every)["beyond_digits"]]
    return operands.best_constant(beyond)[1] / len(beyond)


def assess(arms: PublishedArms, studies: Mapping[str, pd.DataFrame]) -> Conclusion:
    """Return the conclusion on C7, whose parts are the sizes.

    A cell counts as not run if its runs were not asked for operands beyond digits. Every study counts for what another
    recipe says of a size that was not run.
    """
    constant = best_constant_share()
    most = constant + comparisons.MARGIN
    not_extending = Property(
        "few_right_beyond_digits",
        f"at most {100 * most:.1f} % right beyond digits",
        lambda runs: runs[BEYOND_DIGITS] <= most,
    )
    no_better = Property(
        "no_better_than_constant_beyond_digits",
        "no more right than the best constant answer",
        lambda runs: runs[BEYOND_DIGITS] <= constant,
    )
    parts, evidence, used = [], [], []
    for size in SIZES:
        arm = arms["arithmetic", size, "base"]
        if BEYOND_DIGITS not in arm.runs or arm.runs[BEYOND_DIGITS].isna().all():
            note = f"the runs have no {BEYOND_DIGITS}" if arm.n else ""
            line = Evidence(
                arm.label, Kind.SHARE, not_extending.key, not_extending.description, Outcome.NOT_RUN, note=note
            )
            other = other_recipes.by_another_recipe(arm, not_extending, studies, BEYOND_DIGITS)
            parts.append(Part(size, line, other))
            evidence += [line, *other_recipes.lines_of([other])]
            continue
        used.append(arm)
        values = arm.runs[BEYOND_DIGITS].dropna()
        parts.append(Part(size, share_evidence(arm, not_extending)))
        evidence += [
            parts[-1].line,
            share_evidence(arm, no_better).without_decision(),
            Evidence(
                arm.label,
                Kind.MEAN,
                BEYOND_DIGITS,
                "share right beyond digits, mean",
                n=len(values),
                estimate=float(values.mean()),
            ),
        ]
    shares = {"constant": 100 * constant, "most": 100 * most}
    return conclude(RULE.format(**shares, whole=WHOLE_RULE, other=other_recipes.RULE), parts, evidence, used)
