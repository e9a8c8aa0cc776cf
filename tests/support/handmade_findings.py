"""Tables made by hand for the page of findings, and ways to look at the page."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy
import pandas as pd

from capacity.claims.arms import published_arms
from capacity.claims.judge import judge
from capacity.claims.replication import replication_table
from capacity.claims.verdicts import evidence_table, verdicts_table
from capacity.experiment.cell import make_cell
from capacity.findings.page import TEMPLATE as TEMPLATE_PATH
from capacity.findings.page import values
from capacity.findings.sources import Sources, StudyTables
from capacity.findings.template import render
from capacity.paper.protocol import SIZES
from tests.support.handmade_results import evaluation, frames, run

SEEDS = (1337, 0, 1, 2)


TEMPLATE = TEMPLATE_PATH.read_text(encoding="utf-8")


COMMIT, OTHER = "a" * 40, "b" * 40


DATES = {COMMIT: "2026-11-20", OTHER: "2026-11-24"}


NO_EVENTS = {
    **{
        "evaluations": 121,
        "last_iteration": 30_000,
        "t_fit": pd.NA,
        "t_fit_facts": pd.NA,
        "t_gen": pd.NA,
        "t_lose": pd.NA,
    },
    **{"generalizes_ever": False, "generalizes_final": False, "kept_share": None},
}


# What each run answers: so many of the four held-out expressions, so many of the fifty facts.
HELD_OUT = {"n14": (4, 4, 4, 3), "n28": (0, 2, 0, 1), "n56": (0, 0, 0, 0)}


FACTS = {"n14": 5, "n28": 50}


def arithmetic(size="n14", right=None, **chosen):
    """The runs of one arithmetic cell, the first of the paper's seed."""
    cell = make_cell("arithmetic", SIZES[size], **chosen)
    counts = HELD_OUT[size] if right is None else right
    return evaluation(cell, [run(cell, seed, held_out=count) for seed, count in zip(SEEDS, counts, strict=False)])


def other(task, size, *facts, held_out=0, **chosen):
    cell = make_cell(task, SIZES[size], **chosen)
    return evaluation(
        cell, [run(cell, seed, facts=count, held_out=held_out) for seed, count in zip(SEEDS, facts, strict=False)]
    )


def base_evaluations():
    parts = [arithmetic(size) for size in HELD_OUT]
    parts.append(arithmetic("mlt", [1], iterations=800, batch=32, learning_rate=1e-3))
    parts += [other("facts", size, count) for size, count in FACTS.items()]
    return [*parts, other("joint", "n14", 4, 5)]


def study_of(evaluations):
    runs, summary = frames(evaluations)
    return StudyTables(runs, summary, eventless(runs))


def eventless(runs):
    """Dynamics in which nothing happens."""
    frame = runs[["cell", "task", "size", "variant", "seed", "diverged"]].assign(**NO_EVENTS)
    return frame.astype(dict.fromkeys(("t_fit", "t_fit_facts", "t_gen", "t_lose"), "Int64") | {"kept_share": "float64"})


def at(frame, task, size, seed=None):
    found = (frame["task"] == task) & (frame["size"] == size)
    return found if seed is None else found & (frame["seed"] == seed)


def put(frame, where, **values):
    copy = frame.copy()
    for column, value in values.items():
        copy.loc[where, column] = value
    return copy


def origin(commit=COMMIT, cell="task=arithmetic/size=n14/variant=paper", seeds=(0,), **changed):
    record = {"cell": cell, "seeds": list(seeds), "git_commit": commit, "source_digest": "5" * 64, "device": "cpu"}
    return (
        record | {"threads": 1, "kernel": "torch", "precision": "float32", "compile": False, "graph": False} | changed
    )


def sources_of(studies, budget="laptop", origins=None):
    """The tables against the paper as the stages make them, with few permutations."""
    runs = {name: study.runs for name, study in studies.items()}
    paths = {name: f"results/tables/{name}/runs.parquet" for name in studies}
    verdicts = judge(runs, paths, budget, numpy.random.default_rng(0), permutations=99)
    return Sources(
        budget=budget,
        claims=verdicts_table(verdicts),
        evidence=evidence_table(verdicts),
        replication=replication_table(published_arms(runs), numpy.random.default_rng(0)),
        studies=studies,
        origins=[origin()] * bool(studies) if origins is None else origins,
        versions={"torch": "2.13.0", "capacity": "0.1.0"},
        commit=OTHER,
    )


def with_base(sources, **tables_of_base):
    return replace(sources, studies=sources.studies | {"base": replace(sources.studies["base"], **tables_of_base)})


def page_of(sources, dates=DATES):
    """The page, from the template of the package."""
    return render(values(sources, dates), TEMPLATE)


def sections(text):
    """The text of each section by its heading, and what stands before the first under the page's title."""
    parts = re.split(r"^#+ (.*)\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def lines_of(text, *words):
    """The lines that hold all words; of a table, the cells are words too."""
    return [line for line in text.splitlines() if all(word in line for word in words)]


def row_of(text, *first):
    """The one row of a table that begins with these cells, as its cells."""
    (row,) = [line for line in text.splitlines() if line.startswith(f"| {' | '.join(first)} |")]
    return row.strip("| ").split(" | ")


RUN, WHICH, SPREAD = "What was run", "Which claims replicated", "Seed spread"


TRANSIENT, ORDER, FIXED = "Transient generalization", "Order memorization", "Does a fixed order cost generalization?"


PROMPTS, JOINT, PROVENANCE = "The two prompts", "Both tasks jointly", "Provenance"


def generalizing(base, *events):
    """The dynamics of the base cells with events: (size, seed, t_gen, t_lose, final, kept share)."""
    frame = base.studies["base"].dynamics
    for size, seed, gained, lost, final, kept in events:
        values = {"t_gen": gained, "t_lose": lost, "generalizes_ever": True, "generalizes_final": final}
        frame = put(frame, at(frame, "arithmetic", size, seed), **values, kept_share=kept)
    return with_base(base, dynamics=frame)


def reshuffled(base, *evaluations):
    return sources_of(base.studies | {"reshuffled": study_of(evaluations)})


def changed_summary(sources, task, size, **values):
    summary = sources.studies["base"].summary
    return with_base(sources, summary=put(summary, at(summary, task, size), **values))


def changed_runs(sources, task, size, seed, **values):
    runs = sources.studies["base"].runs
    return with_base(sources, runs=put(runs, at(runs, task, size, seed), **values))
