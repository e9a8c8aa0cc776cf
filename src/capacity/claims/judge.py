"""Stage 7: a verdict on each claim of the paper, by a rule that stands beside it.

Verdicts are computed from the runs. A dagger marks one that rests on runs which depart from the paper's protocol.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy
import pandas as pd

from capacity.claims import tradeoff
from capacity.claims.evidence import Finding
from capacity.claims.grokking import GROKKING_STUDY, grokking
from capacity.claims.groups import STUDIES, Group, groups
from capacity.claims.operands import beyond_digits
from capacity.claims.single_cells import EXPECTED, single_cells
from capacity.claims.trend import Permutations
from capacity.claims.variants import variants
from capacity.paper import published
from capacity.statistics.trends import PERMUTATIONS


@dataclass(frozen=True)
class Verdict:
    """A claim, what was found, and what that rests on.

    Attributes:
        claim: of the paper.
        finding: the outcome, with its rule and evidence.
        sources: the tables of runs it was computed from.
        command: what would run the cells that are missing; empty where none are.
    """

    claim: published.Claim
    finding: Finding
    sources: tuple[str, ...]
    command: str = ""

    @property
    def departing(self) -> list[Group]:
        """The groups of runs that do not follow the paper's protocol."""
        return [group for group in self.finding.groups if len(group.runs) and group.departs]

    @property
    def text(self) -> str:
        """The verdict as it is printed: the outcome, a dagger where runs depart, and what it is short of."""
        dagger = "†" if self.departing else ""
        return f"{self.finding.outcome}{dagger}" + (f" ({self.finding.reason})" if self.finding.reason else "")

    @property
    def protocol(self) -> str:
        """Which protocol the runs followed, in words."""
        if not any(len(group.runs) for group in self.finding.groups):
            return ""
        labels: dict[str, list[str]] = {}
        for group in self.departing:
            labels.setdefault(group.departs, []).append(group.label)
        departures = "; ".join(f"{', '.join(dict.fromkeys(found))}: {how}" for how, found in labels.items())
        return f"† departs from the paper's: {departures}" if departures else "the paper's"

    @property
    def runs(self) -> int:
        """How many runs the verdict rests on."""
        return sum(len(group.runs) for group in self.finding.groups)

    @property
    def diverged(self) -> int:
        """How many of the runs diverged."""
        return sum(group.diverged for group in self.finding.groups)


NEEDS = {"C5": STUDIES, "C6": (GROKKING_STUDY,)}
"""The studies that a claim is about; all others are about the first, the paper's base cells."""


def judge(
    studies: Mapping[str, pd.DataFrame],
    sources: Mapping[str, str],
    budget: str,
    rng: numpy.random.Generator,
    permutations: int = PERMUTATIONS,
    wanted: Sequence[published.Claim] = published.CLAIMS,
) -> list[Verdict]:
    """The verdict on every claim, or on those wanted.

    Args:
        studies: the runs of each study that was run, by name.
        sources: where they were read from, by study.
        budget: name of the budget that they were run under, for the commands that would run the rest.
        rng: for bootstrap resamples and permutations.
        permutations: of each test of trend.
        wanted: the claims to judge.
    """
    found = groups(studies)
    verdicts = []
    for claim in wanted:
        needs: tuple[str, ...] = NEEDS.get(claim.name, STUDIES[:1])
        if claim.name in EXPECTED:
            finding = single_cells(claim.name, found, rng)
        elif claim.name == "C5":
            finding = variants(found)
        elif claim.name == "C6":
            finding = grokking(studies)
        elif claim.name == "C7":
            finding = beyond_digits(found)
        else:
            finding = tradeoff.assess(found, studies, Permutations(rng, permutations))
            needs = (*needs, *(study for study in studies if study not in needs))
        absent = [study for study in needs if study not in studies]
        command = run_command(budget, [*studies, *absent]) if absent else ""
        read = tuple(sources[study] for study in needs if study in sources)
        verdicts.append(Verdict(claim, finding, read, command))
    return verdicts


def run_command(budget: str, run: Sequence[str]) -> str:
    """The command that makes the verdicts again after running these studies under a budget."""
    studies = shlex.quote(f"budgets={{{budget}: {{run: [{', '.join(run)}]}}}}")
    return f"snakemake results/tables/claims.md --config budget={budget} {studies}"
