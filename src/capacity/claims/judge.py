"""A verdict on each claim of the paper, computed from the runs by the rule that is written beside it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

import numpy
import pandas as pd

from capacity.claims import beyond_digits, grokking, single_cells, tradeoff, variants
from capacity.claims.arms import PUBLISHED_STUDIES, published_arms
from capacity.claims.size_trends import Permutations
from capacity.claims.verdicts import Verdict
from capacity.paper import published
from capacity.statistics.trends import PERMUTATIONS

NEEDED_STUDIES = {"C5": PUBLISHED_STUDIES, "C6": (grokking.GROKKING_STUDY,)}
"""The studies that a claim is about; all other claims are about the first, the paper's base cells."""


def judge(
    studies: Mapping[str, pd.DataFrame],
    sources: Mapping[str, str],
    budget: str,
    rng: numpy.random.Generator,
    permutations: int = PERMUTATIONS,
    wanted: Sequence[published.Claim] = published.CLAIMS,
) -> list[Verdict]:
    """Return the verdict on every claim, or on those wanted.

    Args:
        studies: the runs of each study that was run, by name.
        sources: the file that they were read from, by study.
        budget: the name of the budget that they were run under, for the commands that would run the rest.
        rng: the generator of bootstrap resamples and permutations.
        permutations: how many each test of trend makes.
        wanted: the claims to judge.
    """
    arms = published_arms(studies)
    verdicts = []
    for claim in wanted:
        needs: tuple[str, ...] = NEEDED_STUDIES.get(claim.name, PUBLISHED_STUDIES[:1])
        if claim.name in single_cells.EXPECTED:
            conclusion = single_cells.assess(claim.name, arms, studies, rng)
        elif claim.name == "C5":
            conclusion = variants.assess(arms)
        elif claim.name == "C6":
            conclusion = grokking.assess(studies)
        elif claim.name == "C7":
            conclusion = beyond_digits.assess(arms, studies)
        else:
            conclusion = tradeoff.assess(arms, studies, Permutations(rng, permutations))
            needs = (*needs, *(study for study in studies if study not in needs))
        absent = [study for study in needs if study not in studies]
        command = run_command(budget, [*studies, *absent]) if absent else ""
        others = {study: sources[study] for part in conclusion.parts if part.other for study in part.other.studies}
        read = tuple(sources[study] for study in needs if study in sources)
        beside = tuple(source for study, source in others.items() if study not in needs)
        verdicts.append(Verdict(claim, conclusion, read, command, beside))
    return verdicts


def run_command(budget: str, run: Sequence[str]) -> str:
    """Return the command that runs these studies under a budget and makes the verdicts again."""
    studies = shlex.quote(f"budgets={{{budget}: {{run: [{', '.join(run)}]}}}}")
    return f"snakemake results/tables/claims.md --config budget={budget} {studies}"
