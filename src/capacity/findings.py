"""Stage 8: the findings page, its prose filled from the tables of the studies that a budget ran.

The prose is a template, ``workflow/report/findings.md.j2``; every number in it comes from here, and here from a table,
:mod:`capacity.protocol` or :mod:`capacity.published`. The functions of the sections return what the template reads by
name; one that it reads and does not find is an error.

The page is dated without a clock, so that the same tables give the same bytes: records of runs hold no date, but they
hold the commit of the code that trained them, and a run is not older than its commit.
"""

from __future__ import annotations

import argparse
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jinja2
import numpy
import pandas as pd
from scipy import stats

from capacity import comparisons, errors, files, pages, protocol, statistics, tables, tasks
from capacity.cells import format_seeds
from capacity.claims import ALL_RIGHT, EXPECTED, NONE_RIGHT
from capacity.comparisons import ALPHA
from capacity.jobs import EXPRESSION_TASKS, cell_of
from capacity.replication import STUDIES, groups
from capacity.tradeoff import MEMORIZATION
from capacity.verdicts import INCONCLUSIVE, NOT_REPLICATED, NOT_RUN, REPLICATED, Property, supports

TEMPLATE = Path(__file__).parents[2] / "workflow/report/findings.md.j2"
OUTCOMES = (REPLICATED, NOT_REPLICATED, INCONCLUSIVE, NOT_RUN)
RESHUFFLED = "reshuffled"
FITTED = Property("seen expressions fitted", lambda runs: runs["fits_arithmetic"])
POWERED_SHARES = (0.8, 0.2)
"""Two shares that are far apart: the power to tell them from each other says what a test could have found."""

Values = dict[str, Any]


@dataclass(frozen=True, eq=False)
class StudyTables:
    """The tables of one study: one row per run, one per cell, and one per run with its times."""

    runs: pd.DataFrame
    summary: pd.DataFrame
    dynamics: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Sources:
    """Everything that the page is made from.

    Attributes:
        budget: that was run.
        claims, evidence, replication: the tables against the paper.
        studies: the tables of each study that the budget runs, by name.
        origins: for each training job the record of its runs, as the tables hold it.
        versions: of the environment that made the tables.
        commit: of the code that made the tables; None outside git.
    """

    budget: str
    claims: pd.DataFrame
    evidence: pd.DataFrame
    replication: pd.DataFrame
    studies: Mapping[str, StudyTables]
    origins: Sequence[Mapping[str, Any]]
    versions: Mapping[str, str]
    commit: str | None


@dataclass(frozen=True, eq=False)
class Arm:
    """The runs that stand for one of the paper's cells, or the same cell with its lines in a new order in every batch.

    Attributes:
        task, size, name: of the cell; ``name`` is a variant of the paper, or "reshuffled".
        study: whose tables the runs are in.
        summary: the row of the cell.
        runs, dynamics: one row per run.
    """

    task: str
    size: str
    name: str
    study: str
    summary: Mapping[str, Any]
    runs: pd.DataFrame
    dynamics: pd.DataFrame

    @property
    def departs(self) -> str:
        """How the cell departs from the published one, in words; empty where it does not."""
        return str(self.summary["departs"])

    @property
    def label(self) -> str:
        """The size, with a dagger where the cell departs from the paper's protocol."""
        return self.size + ("†" if self.departs else "")

    @property
    def n(self) -> int:
        """How many runs there are, diverged ones included."""
        return len(self.runs)

    @property
    def shown_runs(self) -> str:
        """How many runs there are, and how many of them diverged."""
        return pages.count_runs(self.n, int(self.runs["diverged"].sum()))

    def count(self, wanted: Property) -> int:
        """How many runs have a property; a diverged one has none."""
        return int(supports(self.runs, wanted).sum())

    def mean(self, measure: str, digits: int = 3) -> str:
        """The mean of a measure over the runs with its 95 % interval, as the summary has it."""
        mean, low, high = (self.summary[f"{measure}_{part}"] for part in ("mean", "low", "high"))
        return pages.with_interval(mean, low, high, digits)


def arms(studies: Mapping[str, StudyTables]) -> list[Arm]:
    """The paper's cells that were run, in the paper's order, each followed by its reshuffled twin where that was run.

    A twin differs from its cell in nothing but the stream, so that a cell of another length is not compared.
    """
    found = []
    for group in groups({name: study.runs for name, study in studies.items()}).values():
        if not len(group.runs):
            continue
        own = str(group.runs["cell"].iloc[0])
        twin = replace(cell_of(own), stream=RESHUFFLED).name
        for cell, name, wanted in ((own, group.variant, STUDIES), (twin, RESHUFFLED, tuple(studies))):
            holders = [study for study in wanted if study in studies and (studies[study].runs["cell"] == cell).any()]
            if holders:
                found.append(_arm(studies[holders[0]], holders[0], cell, group.task, group.size, name))
    return found


def _arm(study: StudyTables, name: str, cell: str, task: str, size: str, arm: str) -> Arm:
    runs, summary, dynamics = (
        frame[frame["cell"] == cell].reset_index(drop=True) for frame in (study.runs, study.summary, study.dynamics)
    )
    row = {str(column): value for column, value in summary.iloc[0].items()}
    return Arm(task, size, arm, name, row, runs, dynamics)


def values(sources: Sources, dates: Mapping[str, str]) -> Values:
    """Everything the template reads; ``dates`` has the date of each commit that is known, as ``2026-11-20``."""
    found = arms(sources.studies)
    every = [study.summary["departs"] for study in sources.studies.values()]
    notes = pages.Notes(text for column in every for text in column)
    return {
        "budget": sources.budget,
        "studies": list(sources.studies),
        "protocol": protocol,
        "alpha": ALPHA,
        "confidence": statistics.CONFIDENCE,
        "run": what_was_run(sources, notes),
        "elsewhere": [study for study in sources.studies if study not in _studies(found)],
        "verdicts": verdicts(sources.claims, sources.evidence),
        "spread": seed_spread(found, notes),
        "transient": transient_generalization(found, notes),
        "order": order_memorization(found, sources.evidence, sources.replication, notes),
        "reshuffled": fixed_against_reshuffled(found),
        "prompts": two_prompts(found, notes),
        "joint": joint_against_alone(found, notes),
        "provenance": provenance(sources, dates),
    }


def what_was_run(sources: Sources, notes: pages.Notes) -> Values:
    """Which cells were trained, for how long and with which seeds, and what of the paper was not."""
    rows = []
    for study, found in sources.studies.items():
        for cell in found.summary.to_dict("records"):
            mine = found.runs[found.runs["cell"] == cell["cell"]]
            rows.append(
                (
                    study,
                    cell["task"],
                    cell["size"] + ("†" if cell["departs"] else ""),
                    pages.count_runs(len(mine), int(mine["diverged"].sum())),
                    format_seeds(mine["seed"]).replace("_", ", "),
                    f"{cell['iterations']:,}",
                    notes.mark(cell["departs"]),
                )
            )
    frames = [found.runs for found in sources.studies.values() if len(found.runs)]
    runs = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"cell": [], "seed": [], "diverged": []})
    runs = runs.drop_duplicates(["cell", "seed"])
    lost = runs[runs["diverged"].astype(bool)]
    paper = sources.replication
    ran = paper["n"] > 0
    return {
        "table": _table(("study", "task", "size", "runs", "seeds", "iterations", "departs"), rows),
        "notes": notes.lines(),
        "runs": len(runs),
        "diverged": [f"{row['task']} {row['size']} seed {row['seed']}" for row in lost.to_dict("records")],
        "published": len(paper),
        "published_run": int(ran.sum()),
        "to_the_letter": _labels(paper[ran & (paper["departs"] == "")]),
        "absent": _labels(paper[~ran]),
        "mlt_run": int((ran & (paper["size"] == protocol.MLT.name)).sum()),
        "mlt_departs": int((ran & (paper["size"] == protocol.MLT.name) & (paper["departs"] != "")).sum()),
    }


def verdicts(claims: pd.DataFrame, evidence: pd.DataFrame) -> Values:
    """The verdict on each claim, those with one outcome together, and the evidence that decided."""
    ordered = sorted(claims.to_dict("records"), key=lambda claim: OUTCOMES.index(claim["outcome"]))
    rows = [
        (
            claim["claim"],
            claim["statement"],
            f"**{claim['outcome']}{'†' if claim['departs'] else ''}**",
            pages.count_runs(claim["n"], claim["diverged"]),
            "; ".join(filter(None, (claim["reason"], claim["command"] and f"`{claim['command']}`"))) or "-",
        )
        for claim in ordered
    ]
    tally = {outcome: [claim["claim"] for claim in ordered if claim["outcome"] == outcome] for outcome in OUTCOMES}
    decided = []
    for claim in claims.to_dict("records"):
        mine = evidence[(evidence["claim"] == claim["claim"]) & ~evidence["outcome"].isin(("", NOT_RUN))]
        if len(mine):
            lines = [_decision(line) for line in mine.to_dict("records")]
            decided.append({"name": claim["claim"], "outcome": claim["outcome"], "lines": lines})
    return {
        "table": _table(("claim", "", "verdict", "runs", "what more it would take"), rows),
        "claims": len(claims),
        "tally": {outcome: names for outcome, names in tally.items() if names},
        "departing": [claim["claim"] for claim in claims.to_dict("records") if claim["departs"]],
        "decided": decided,
    }


def _decision(line: Mapping[Any, Any]) -> str:
    """One line of evidence that decided, in words."""
    interval = f" [{line['low']:.3f}, {line['high']:.3f}]" if pd.notna(line["low"]) else ""
    if pd.notna(line["count"]):
        measured = f"{line['count']} of {line['n']} runs{interval}"
    elif pd.notna(line["estimate"]):  # the difference of two shares, with the interval of a test of equivalence
        measured = f"n = {line['n']}, difference {line['estimate']:.3f}{interval} (at {1 - 2 * ALPHA:.0%})"
    else:
        measured = f"n = {line['n']}"
    if line["diverged"]:
        measured += f", {line['diverged']} diverged"
    for name, words in (("p_value", "p"), ("adjusted_p_value", "after Holm")):
        if pd.notna(line[name]):
            measured += f", {words} = {line[name]:.2g}"
    note = f" ({line['note']})" if line["note"] else ""
    return f"{line['label']}, {line['words']}: {measured}{note}: {line['outcome']}"


def seed_spread(found: Sequence[Arm], notes: pages.Notes) -> Values:
    """How many held-out expressions the seeds of each arithmetic cell answer, and what one seed would have shown."""
    mine = [arm for arm in found if arm.task == "arithmetic"]
    most = max((_asked(arm) for arm in mine), default=0)
    rows = []
    for arm in mine:
        ended = arm.runs[~arm.runs["diverged"].astype(bool)]
        right = (ended["final_held_out"] * _asked(arm)).round()
        own = arm.runs[arm.runs["seed"] == protocol.PAPER_SEED]
        rows.append(
            (
                arm.name,
                arm.label,
                arm.shown_runs,
                *(str(int((right == count).sum())) for count in range(most + 1)),
                arm.mean("final_held_out"),
                _share(arm, ALL_RIGHT),
                _share(arm, FITTED),
                _of_seed(own, _asked(arm)),
                notes.mark(arm.departs),
            )
        )
    heading = (
        *("arm", "size", "runs", *(f"{count} right" for count in range(most + 1))),
        *("share right, mean", "all right", "seen fitted", f"seed {protocol.PAPER_SEED}", "departs"),
    )
    base = {arm.size: arm for arm in mine if arm.name == "base"}
    expected = {each.size: each for name in ("C1", "C2") for each in EXPECTED[name]}
    wanted = {size: each.wanted for size, each in expected.items()}
    single = [
        {
            "size": base[size].label,
            "words": wanted[size].words,
            "n": base[size].n,
            "shown": _share(base[size], wanted[size]),
            "by_the_rule": _share(base[size], beside) if (beside := expected[size].beside) else "-",
            "paper_seed": _paper_seed_has(base[size], wanted[size]),
        }
        for size in wanted
        if size in base
    ]
    small = [base[size] for size in wanted if size in base and size != protocol.MLT.name]
    return {
        "table": _table(heading, rows),
        "asked": most,
        "fitted": tables.OUTCOMES["fits_arithmetic"][1],
        "studies": _studies(mine),
        "single": single,
        "pattern": _pattern(small, wanted),
    }


def _asked(arm: Arm) -> int:
    """How many held-out expressions an arithmetic cell has."""
    cell = cell_of(str(arm.summary["cell"]))
    return sum(line.split == "held_out" for line in tasks.lines("arithmetic", cell.held_out, cell.facts))


def _of_seed(run: pd.DataFrame, asked: int) -> str:
    if not len(run):
        return "not run"
    if run["diverged"].iloc[0]:
        return "diverged"
    return f"{round(run['final_held_out'].iloc[0] * asked)} of {asked}"


def _paper_seed_has(arm: Arm, wanted: Property) -> bool | None:
    """Whether the run of the paper's seed has a property; None where there is none."""
    own = arm.runs["seed"] == protocol.PAPER_SEED
    return bool(supports(arm.runs, wanted)[own].any()) if own.any() else None


def _pattern(cells: Sequence[Arm], wanted: Mapping[str, Property]) -> Values | None:
    """In how many seeds that several sizes share all of them do at once as the paper says; None for fewer than two."""
    if len(cells) < 2:
        return None
    shared = set.intersection(*(set(arm.runs["seed"]) for arm in cells))
    holding = [set(arm.runs["seed"][supports(arm.runs, wanted[arm.size])]) for arm in cells]
    count = len(shared.intersection(*holding))
    return {"sizes": [arm.label for arm in cells], "n": len(shared), "shown": _counted(count, len(shared))}


def transient_generalization(found: Sequence[Arm], notes: pages.Notes) -> Values:
    """Which runs answer all held-out expressions at some evaluation, and which still do at the end."""
    mine = [arm for arm in found if arm.task in EXPRESSION_TASKS]
    rows = []
    totals: dict[tuple[str, str], dict[str, int]] = {}
    for arm in mine:
        ever = arm.dynamics["generalizes_ever"].fillna(False).astype(bool)
        final = arm.dynamics["generalizes_final"].fillna(False).astype(bool)
        lost = arm.dynamics["t_lose"].notna()
        flags = {"ever": ever, "final": final, "transient": ever & ~final, "lost": lost}
        counts = {"n": arm.n} | {name: int(flag.sum()) for name, flag in flags.items()}
        total = totals.setdefault((arm.task, arm.name), dict.fromkeys(counts, 0))
        for name, count in counts.items():
            total[name] += count
        kept = arm.dynamics["kept_share"].dropna()
        rows.append(
            (
                arm.task,
                arm.name,
                arm.label,
                arm.shown_runs,
                _counted(counts["ever"], arm.n),
                _counted(counts["final"], arm.n),
                str(counts["transient"]),
                _range(arm.dynamics["t_gen"]),
                f"{counts['lost']} of {counts['ever']}" if counts["ever"] else "-",
                _range(arm.dynamics["t_lose"]),
                "-" if kept.empty else f"{kept.mean():.0%}",
                f"{arm.summary['evaluation_interval']:,}",
                notes.mark(arm.departs),
            )
        )
    heading = (
        *("task", "arm", "size", "runs", "all right, ever", "all right, final", "ever and not final"),
        *("first right at update", "lost again", "first lost at update", "later evaluations right, mean"),
        *("looked at every", "departs"),
    )
    return {"table": _table(heading, rows), "totals": totals, "studies": _studies(mine)}


def order_memorization(
    found: Sequence[Arm], evidence: pd.DataFrame, replication: pd.DataFrame, notes: pages.Notes
) -> Values:
    """What the arithmetic runs know of the order of the lines, in bits, and how that goes with size."""
    mine = [arm for arm in found if arm.task == "arithmetic"]
    published = replication[replication["task"] == "arithmetic"].to_dict("records")
    paper = {(row["size"], row["variant"]): row["paper_final_loss"] for row in published}
    rows = []
    for arm in mine:
        known = arm.runs["order_bits"].dropna()
        rows.append(
            (
                arm.name,
                arm.label,
                arm.shown_runs,
                arm.mean("order_bits", 1),
                pages.number(arm.summary["order_bits_at_most"], 1),
                _counted(int((known > 0).sum()), len(known)),
                arm.mean("final_stream_loss"),
                pages.number(paper.get((arm.size, arm.name), numpy.nan)),
                pages.number(arm.summary["loss_floor_order_unknown"], 4),
                pages.number(arm.summary["loss_floor_order_known"], 4),
                notes.mark(arm.departs),
            )
        )
    heading = (
        *("arm", "size", "runs", "order bits", "of at most", "runs above 0", "loss", "loss, paper"),
        *("floor, order unknown", "floor, order known", "departs"),
    )
    words = MEMORIZATION["arithmetic"][1]
    tested = evidence[evidence["words"].str.contains(words, regex=False) & evidence["p_value"].notna()]
    trend = None
    if len(tested):
        line = tested.iloc[0]
        trend = {name: f"{line[name]:.2g}" for name in ("p_value", "adjusted_p_value")} | {"n": int(line["n"])}
        trend |= {"there": bool(line["adjusted_p_value"] < ALPHA), "note": line["note"]}
    return {"table": _table(heading, rows), "trend": trend, "studies": _studies(mine)}


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


PAPER_PROMPTS, MATCHED_PROMPTS = "final_facts_paper_prompts", "final_facts_matched_prompts"


def two_prompts(found: Sequence[Arm], notes: pages.Notes) -> Values:
    """The facts recalled when asked as the paper asks, and when asked as they were trained."""
    mine = [arm for arm in found if arm.task in ("facts", "joint")]
    rows, totals = [], dict.fromkeys(("n", "more", "same", "fewer"), 0)
    for arm in mine:
        known = arm.runs[[PAPER_PROMPTS, MATCHED_PROMPTS]].dropna()
        gained = ((known[MATCHED_PROMPTS] - known[PAPER_PROMPTS]) * arm.summary["facts"]).round().astype(int)
        for name, counted in (("more", gained > 0), ("same", gained == 0), ("fewer", gained < 0)):
            totals[name] += int(counted.sum())
        totals["n"] += len(gained)
        rows.append(
            (
                arm.task,
                arm.name,
                arm.label,
                arm.shown_runs,
                arm.mean(PAPER_PROMPTS),
                arm.mean(MATCHED_PROMPTS),
                _range(gained, signed=True),
                _share(arm, _all_recalled(PAPER_PROMPTS)),
                _share(arm, _all_recalled(MATCHED_PROMPTS)),
                notes.mark(arm.departs),
            )
        )
    heading = (
        *("task", "arm", "size", "runs", "recalled, paper's prompts", "recalled, matched prompts"),
        *("facts gained", "all recalled, paper's prompts", "all recalled, matched prompts", "departs"),
    )
    every = tasks.lines("facts", (), protocol.FACTS)
    other = [line for line in every if line.prompt != line.paper_prompt]
    return {
        "table": _table(heading, rows),
        "totals": totals,
        "asked": [(line.paper_prompt, line.prompt) for line in other],
        "facts": len(every),
        "studies": _studies(mine),
    }


def _all_recalled(column: str) -> Property:
    return Property("all facts recalled", lambda runs: runs[column] >= 1)


def joint_against_alone(found: Sequence[Arm], notes: pages.Notes) -> Values:
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


def provenance(sources: Sources, dates: Mapping[str, str]) -> Values:
    """With which code and on what the runs were trained, and of which day the page is."""
    jobs = {(job["cell"], tuple(job["seeds"])): job for job in sources.origins}
    alike: dict[tuple[Any, ...], int] = {}
    for job in jobs.values():
        key = tuple(job[name] for name in tables.ORIGIN)
        alike[key] = alike.get(key, 0) + 1
    rows = [
        (str(count), str(commit or "not recorded"), _date(commit, dates), digest[:12], *(str(each) for each in how))
        for (commit, digest, *how), count in alike.items()
    ]
    heading = ("jobs", "commit", "dated", "source digest", *tables.ORIGIN[2:])
    commits = list(dict.fromkeys(job["git_commit"] for job in jobs.values()))
    dated = [_date(commit, dates) for commit in commits if _date(commit, dates) != "-"]
    return {
        "table": _table(heading, rows),
        "jobs": len(jobs),
        "date": max(dated, default=None),
        "undated": len(commits) - len(dated),
        "modified": any(str(commit).endswith(MODIFIED) for commit in commits),
        "commit": sources.commit,
        "versions": ", ".join(f"{name} {version}" for name, version in sorted(sources.versions.items())),
    }


MODIFIED = "-modified"
"""How :func:`capacity.files.git_commit` marks a commit whose files were changed."""


def _date(commit: str | None, dates: Mapping[str, str]) -> str:
    return dates.get((commit or "").removesuffix(MODIFIED), "-")


def commit_dates(commits: Iterable[str | None], folder: Path) -> dict[str, str]:
    """The date of each commit that the repository of a folder has, as ``2026-11-20``; nothing without git."""
    found = {}
    for commit in {(each or "").removesuffix(MODIFIED) for each in commits} - {""}:
        command = ["git", "show", "--no-patch", "--format=%cs", commit]
        try:
            said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        found[commit] = said.stdout.strip()
    return found


def render(found: Values, template: str) -> str:
    """The page: a template filled. Raises jinja2.UndefinedError, with the name, for one that has no value."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["of"] = _noun
    return _flow(environment.from_string(template).render(found))


def _flow(text: str) -> str:
    """Each paragraph as one line, blocks one blank line apart: where values stand, a template cannot break lines well.

    Tables, lists and notes stay as they are.
    """
    blocks = [block for block in re.split(r"\n\s*\n", text.strip("\n")) if block.strip()]
    kept = [block if block.startswith(("|", "- ", "[")) else " ".join(block.split()) for block in blocks]
    return "\n\n".join(kept) + "\n"


def _noun(count: int, noun: str) -> str:
    """``1 run``, ``2 runs``."""
    return f"{count} {noun}" + "s" * (count != 1)


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(pages.table(heading, rows))


def _labels(rows: pd.DataFrame) -> list[str]:
    """``arithmetic n14``, with the variant unless it is the base."""
    return [
        f"{row['task']} {row['size']}" + (f" {row['variant']}" if row["variant"] != "base" else "")
        for row in rows.to_dict("records")
    ]


def _studies(found: Iterable[Arm]) -> list[str]:
    return list(dict.fromkeys(arm.study for arm in found))


def _share(arm: Arm, wanted: Property) -> str:
    return _counted(arm.count(wanted), arm.n)


def _counted(count: int, total: int) -> str:
    """``3 of 10 [0.067, 0.652]``, with the exact 95 % interval (Clopper-Pearson); a dash of none."""
    if not total:
        return "-"
    low, high = statistics.clopper_pearson(count, total)
    return f"{count} of {total} [{low:.3f}, {high:.3f}]"


def _range(numbers: pd.Series, signed: bool = False) -> str:
    """``720``, or ``720 to 1,500`` where they differ; a dash where there are none."""
    known = numbers.dropna()
    sign = "+" if signed else ""
    ends = dict.fromkeys(f"{int(each):{sign},}" if each else "0" for each in (known.min(), known.max()) if len(known))
    return " to ".join(ends) or "-"


def read(arguments: argparse.Namespace) -> Sources:
    """The tables, by the paths of the command line."""
    studies, origins = {}, []
    for paths in zip(arguments.runs, arguments.summary, arguments.dynamics, strict=True):
        studies[paths[0].parent.name] = StudyTables(*(tables.read_frame(path) for path in paths))
        origins += files.provenance_of(files.read_parquet(paths[0]))["runs"]
    judged = files.provenance_of(files.read_parquet(arguments.claims))
    return Sources(
        budget=judged["settings"]["budget"],
        claims=tables.read_frame(arguments.claims),
        evidence=tables.read_frame(arguments.evidence),
        replication=tables.read_frame(arguments.replication),
        studies=studies,
        origins=origins,
        versions=judged["versions"],
        commit=judged["git_commit"],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("runs", "summary", "dynamics"):
        parser.add_argument(f"--{name}", nargs="*", default=[], type=Path, help=f"{name}.parquet of every study")
    for name in ("claims", "evidence", "replication"):
        parser.add_argument(f"--{name}", required=True, type=Path, help=f"table of the {name}")
    parser.add_argument("--output", required=True, type=Path, help="the page")
    sources = read(arguments := parser.parse_args())
    dates = commit_dates((job["git_commit"] for job in sources.origins), Path(__file__).parent)
    pages.write(arguments.output, render(values(sources, dates), TEMPLATE.read_text(encoding="utf-8")))


if __name__ == "__main__":
    errors.run(main)
