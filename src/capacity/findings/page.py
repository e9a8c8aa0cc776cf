"""Stage 8: the findings page, its prose filled from the tables of the studies that a budget ran.

The prose is a template, ``findings.md.j2``; every number in it comes from here, and here from a table,
:mod:`capacity.paper.protocol` or :mod:`capacity.paper.published`. The functions of the sections return what the template reads by
name; one that it reads and does not find is an error.

The page is dated without a clock, so that the same tables give the same bytes: records of runs hold no date, but they
hold the commit of the code that trained them, and a run is not older than its commit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from capacity.claims.evidence import INCONCLUSIVE, NOT_REPLICATED, NOT_RUN, REPLICATED
from capacity.experiment.seeds import format_seeds
from capacity.findings.arms import Sources, Values, arms
from capacity.findings.contrasts import fixed_against_reshuffled, joint_against_alone
from capacity.findings.memorization import order_memorization, two_prompts
from capacity.findings.origins import provenance
from capacity.findings.spread import seed_spread, transient_generalization
from capacity.findings.words import _labels, _noun, _studies, _table
from capacity.paper import protocol
from capacity.statistics import intervals
from capacity.statistics.comparisons import ALPHA
from capacity.tables import markdown

TEMPLATE = Path(__file__).parent / "findings.md.j2"
OUTCOMES = (REPLICATED, NOT_REPLICATED, INCONCLUSIVE, NOT_RUN)


def values(sources: Sources, dates: Mapping[str, str]) -> Values:
    """Everything the template reads; ``dates`` has the date of each commit that is known, as ``2026-11-20``."""
    found = arms(sources.studies)
    every = [study.summary["departs"] for study in sources.studies.values()]
    notes = markdown.Notes(text for column in every for text in column)
    return {
        "budget": sources.budget,
        "studies": list(sources.studies),
        "protocol": protocol,
        "alpha": ALPHA,
        "confidence": intervals.CONFIDENCE,
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


def what_was_run(sources: Sources, notes: markdown.Notes) -> Values:
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
                    markdown.count_runs(len(mine), int(mine["diverged"].sum())),
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
            markdown.count_runs(claim["n"], claim["diverged"]),
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
