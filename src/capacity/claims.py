"""Stage 7: a verdict on each claim of the paper, by a rule that stands beside it.

Verdicts are computed from the runs. A dagger marks one that rests on runs which depart from the paper's protocol.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy
import pandas as pd
from scipy import stats

from capacity import comparisons, errors, files, operands, pages, protocol, published, statistics, tables, tradeoff
from capacity.comparisons import ALPHA
from capacity.jobs import cell_of
from capacity.replication import RNG_SEED, STUDIES, Group, Groups, groups, read_runs
from capacity.tradeoff import Permutations
from capacity.trends import PERMUTATIONS
from capacity.verdicts import (
    INCONCLUSIVE,
    NOT_REPLICATED,
    NOT_RUN,
    REPLICATED,
    Evidence,
    Finding,
    Property,
    combine,
    majority,
)

GROKKING_STUDY = "grokking"
OPERANDS = "final_operands_0_19_beyond_digits"
FEW_FACTS = 0.2
SIZES = tuple(protocol.SIZES)

RULE = (
    "For each size named, the runs with the property are counted at the final iterate; a diverged run does not have "
    "it. A size is *replicated* if the lower end of the exact 95 % interval (Clopper-Pearson) of their share is above "
    "0.5, *not replicated* if the upper end is below 0.5, else *inconclusive*. The claim is replicated if every size "
    "is, and not replicated if one size is not. Lines without a decision stand beside and decide nothing."
)

ALL_RIGHT = Property("all held-out expressions right", lambda runs: runs["generalizes"])
ALL_RIGHT_PAPER_RULE = Property(
    "all held-out expressions right, by the paper's rule", lambda runs: runs["paper_best_held_out"] >= 1
)
NONE_RIGHT = Property("no held-out expression right", lambda runs: runs["final_held_out"] == 0)
NONE_RIGHT_PAPER_RULE = Property(
    "no held-out expression right, by the paper's rule", lambda runs: runs["paper_best_held_out"] == 0
)
FEW_RECALLED = Property(
    f"at most {100 * FEW_FACTS:g} % of the facts recalled (paper's prompts)",
    lambda runs: runs["final_facts_paper_prompts"] <= FEW_FACTS,
)
ALL_RECALLED = Property("all facts recalled (paper's prompts)", lambda runs: runs["final_facts_paper_prompts"] >= 1)
ALL_RECALLED_MATCHED = Property(
    "all facts recalled (matched prompts)", lambda runs: runs["final_facts_matched_prompts"] >= 1
)
NOT_GROKKED = Property(
    "all seen expressions fitted, and not all held-out ones right, neither at the end nor by the paper's rule",
    lambda runs: runs["fits_arithmetic"] & ~runs["generalizes"] & (runs["paper_best_held_out"] < 1),
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
    low, high = statistics.bootstrap_mean(values, rng) or (None, None)
    words = "facts recalled (paper's prompts), mean" if expected.task == "facts" else "held-out share right, mean"
    mean = sum(values) / len(values) if values else None
    lines.append(Evidence(group.label, words, n=len(values), estimate=mean, low=low, high=high))
    return [replace(line, outcome="", further_runs=None) for line in lines]


VARIANTS_RULE = (
    "Each size of C1 to C4 is decided for the base cell and for the wd cell, by the rule of those claims. It is "
    "*not replicated* if the two decisions are opposite, or if the shares differ (Fisher's exact test, p below 0.05 "
    "after Holm over the cells compared). It is *replicated* if the two decisions are the same, whatever they are, "
    "else *inconclusive*. The claim needs every size. Beside stands the difference of the shares (wd less base) with "
    "its 90 % interval, and whether it is equivalent to none within 0.15 (TOST)."
)


def variants(found: Groups) -> Finding:
    """The finding on C5: whether any decision changes from a base cell to its wd cell."""
    pairs = []
    for name, expectations in EXPECTED.items():
        for expected in expectations:
            sides = [found[expected.task, expected.size, variant] for variant in published.VARIANTS]
            pairs.append((name, expected, sides, [majority(side, expected.wanted) for side in sides]))
    tested = {
        number: float(
            stats.fisher_exact(numpy.array([[counted(line), line.n - counted(line)] for line in lines])).pvalue
        )
        for number, (_, _, _, lines) in enumerate(pairs)
        if all(line.n for line in lines)
    }
    adjusted = dict(zip(tested, comparisons.holm(list(tested.values())), strict=True))
    evidence = []
    for number, (name, expected, sides, lines) in enumerate(pairs):
        label, words = sides[0].label, f"{name}, {expected.wanted.words}: the same with weight decay"
        if number not in tested:
            absent = [line.label for line in lines if not line.n]
            evidence.append(Evidence(label, words, NOT_RUN, note=f"not run: {', '.join(absent)}"))
            continue
        outcomes = {line.outcome for line in lines}
        outcome = INCONCLUSIVE
        if outcomes == {REPLICATED, NOT_REPLICATED} or adjusted[number] < ALPHA:
            outcome = NOT_REPLICATED
        elif len(outcomes) == 1 and INCONCLUSIVE not in outcomes:
            outcome = REPLICATED
        further = max((line.further_runs for line in lines if line.further_runs is not None), default=None)
        base, decayed = lines
        equal = comparisons.tost_proportions(counted(decayed), decayed.n, counted(base), base.n)
        shown = ", ".join(
            f"{variant} {line.count} of {line.n} ({line.outcome})"
            for variant, line in zip(published.VARIANTS, lines, strict=True)
        )
        evidence.append(
            Evidence(
                label=label,
                words=words,
                outcome=outcome,
                n=base.n + decayed.n,
                diverged=base.diverged + decayed.diverged,
                estimate=equal.difference,
                low=equal.low,
                high=equal.high,
                p_value=tested[number],
                adjusted_p_value=adjusted[number],
                further_runs=further if outcome == INCONCLUSIVE else None,
                note=f"{shown}; {'' if equal.equivalent else 'not '}equivalent (TOST p = {equal.p_value:.2g})",
            )
        )
    outcome, reason = combine(evidence)
    used = tuple(side for number in tested for side in pairs[number][2])
    return Finding(outcome, reason, VARIANTS_RULE, tuple(evidence), used)


def counted(line: Evidence) -> int:
    """How many runs have the property; 0 where there are none to count."""
    return line.count or 0


GROKKING_RULE = (
    "The runs of the study `grokking` that fit the seen expressions and still do not have all held-out ones right, "
    "neither at the last of their iterations nor at the evaluation with the best accuracy, are counted and decided "
    "upon as in C1. A run that does not fit what it sees, or diverged, supports nothing. In the paper's own run the "
    "sum of learning rate times weight decay is 0.147, where studies that see grokking have about 40: its repetition "
    "says little about grokking under other settings."
)


def grokking(studies: Mapping[str, pd.DataFrame]) -> Finding:
    """The finding on C6, from the long run of MLT."""
    paper = published.grokking_cell()
    group = Group("arithmetic", "mlt", "long run", pd.DataFrame())
    runs = studies.get(GROKKING_STUDY, pd.DataFrame())
    distances = {}
    for name in runs["cell"].unique() if len(runs) else ():
        cell = cell_of(str(name))
        if (cell.task, cell.size) == (paper.task, paper.size):
            differs = published.differences(cell, paper)
            distances[differs.count("(paper:"), str(name)] = differs
    if distances:
        nearest = min(distances)
        mine = runs[runs["cell"] == nearest[1]].reset_index(drop=True)
        group = replace(group, runs=mine, departs=distances[nearest])
    line = majority(group, NOT_GROKKED)
    outcome, reason = combine([line])
    return Finding(outcome, reason, GROKKING_RULE, (line,), (group,))


def best_constant() -> float:
    """The best share of the expressions with an operand from 10 to 19 that one constant answer gets right."""
    every = operands.expressions()
    beyond = [every[number] for number in operands.groups(every)["beyond_digits"]]
    return operands.best_constant(beyond)[1] / len(beyond)


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


def verdicts_frame(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """One row per claim."""
    return pd.DataFrame(
        {
            "claim": verdict.claim.name,
            "statement": verdict.claim.statement,
            "verdict": verdict.text,
            "outcome": verdict.finding.outcome,
            "reason": verdict.finding.reason,
            "departs": bool(verdict.departing),
            "protocol": verdict.protocol,
            "n": verdict.runs,
            "diverged": verdict.diverged,
            "rule": verdict.finding.rule,
            "sources": " ".join(verdict.sources),
            "command": verdict.command,
        }
        for verdict in verdicts
    )


def evidence_frame(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """One row per line of evidence, with the claim it belongs to."""
    rows = [{"claim": verdict.claim.name} | asdict(line) for verdict in verdicts for line in verdict.finding.evidence]
    numbers = ["estimate", "low", "high", "p_value", "adjusted_p_value"]
    counts = ["n", "diverged", "count", "further_runs"]
    return pd.DataFrame(rows).astype(dict.fromkeys(numbers, "float64") | dict.fromkeys(counts, "Int64"))


def to_markdown(verdicts: Sequence[Verdict]) -> str:
    """The verdicts as a page: all of them at a glance, then each with its rule and evidence."""
    lines = [
        "# Verdicts on the paper's claims",
        "",
        "Computed from the runs by the rules below; nothing here is typed by hand. † The runs depart from the paper's "
        "protocol, so that the verdict is about another experiment than the paper's; how it departs stands with each "
        "claim. The paper's own protocol: `snakemake results/tables/claims.md --config budget=paper`.",
        "",
        *pages.table(
            ("claim", "", "verdict", "runs"),
            ((each.claim.name, each.claim.statement, f"**{each.text}**", _runs(each)) for each in verdicts),
        ),
    ]
    for verdict in verdicts:
        lines += ["", *_section(verdict)]
    return "\n".join(lines) + "\n"


def _section(verdict: Verdict) -> list[str]:
    finding = verdict.finding
    lines = [
        f"## {verdict.claim.name}: {verdict.text}",
        "",
        verdict.claim.statement,
        "",
        f"**Rule.** {finding.rule}",
        "",
        *pages.table(
            ("cells", "measured", "k of n", "estimate", "p", "p, Holm", "decision", "note"),
            (_evidence(line) for line in finding.evidence),
        ),
        "",
        f"**Protocol.** {verdict.protocol or 'No runs.'}",
        "",
        f"**Runs.** {_runs(verdict)}, from {', '.join(f'`{source}`' for source in verdict.sources) or 'no table'}.",
    ]
    if verdict.command:
        lines += ["", f"**Not run.** To run it: `{verdict.command}`"]
    elif finding.outcome == NOT_RUN:
        lines += ["", "**Not run.** The studies that were run do not hold what this claim is about."]
    return lines


def _evidence(line: Evidence) -> tuple[str, ...]:
    counted = f"{line.count} of {line.n}" if line.count is not None else f"n = {line.n}" if line.n else "-"
    interval = "" if line.low is None or line.high is None else f" [{line.low:.3f}, {line.high:.3f}]"
    return (
        line.label,
        line.words,
        counted + (f" ({line.diverged} diverged)" if line.diverged else ""),
        "-" if line.estimate is None else f"{line.estimate:.3f}{interval}",
        "-" if line.p_value is None else f"{line.p_value:.2g}",
        "-" if line.adjusted_p_value is None else f"{line.adjusted_p_value:.2g}",
        line.outcome,
        line.note,
    )


def _runs(verdict: Verdict) -> str:
    return pages.count_runs(verdict.runs, verdict.diverged)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", nargs="*", default=[], type=Path, help="runs.parquet of every study that was run")
    parser.add_argument("--budget", required=True, help="the budget they were run under")
    parser.add_argument("--output", required=True, type=Path, help="folder of the tables")
    arguments = parser.parse_args()

    sources = {path.parent.name: path.as_posix() for path in arguments.runs}
    rng = numpy.random.default_rng(RNG_SEED)
    verdicts = judge(read_runs(arguments.runs), sources, arguments.budget, rng)
    record = files.provenance("claims", {"runs": list(sources.values()), "budget": arguments.budget})
    tables.write_table(arguments.output, "claims", verdicts_frame(verdicts), record)
    tables.write_table(arguments.output, "claims_evidence", evidence_frame(verdicts), record)
    pages.write(arguments.output / "claims.md", to_markdown(verdicts))


if __name__ == "__main__":
    errors.run(main)
