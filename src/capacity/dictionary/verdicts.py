"""Columns of the tables that put the paper's numbers and claims beside the runs."""

from __future__ import annotations

from capacity.dictionary import cells, measures
from capacity.dictionary.column import FLAG, INTEGER, NUMBER, TEXT, Column, Columns
from capacity.dictionary.studies import DIVERGED_COUNT, RUN_COUNT, SEEDS

_PAPER = {
    "addition": "the additions",
    "subtraction": "the subtractions",
    "facts": "the facts",
    "combined": "all questions",
}
_REPEATED = (
    "paper_best_addition_910",
    "paper_best_subtraction_910",
    "paper_best_facts_paper_prompts",
    "paper_best_combined_910",
    "final_seen",
    "final_held_out",
    "final_facts_paper_prompts",
    "final_facts_matched_prompts",
    "final_stream_loss",
)


def _repeated(measure: Column) -> Columns:
    """A measure for the run of the paper's seed, and its mean over all runs with an interval."""
    about = measure.meaning[0].lower() + measure.meaning[1:]
    meanings = {
        "seed_1337": "Value of the run with the paper's seed",
        "mean": "Mean over the runs that have a value",
        "low": "Lower end of the 95 % bootstrap interval of the mean, empty for fewer than two runs",
        "high": "Upper end of the 95 % bootstrap interval of the mean, empty for fewer than two runs",
    }
    return tuple(
        Column(f"{measure.name}_{part}", NUMBER, f"{meaning}: {about}", measure.unit)
        for part, meaning in meanings.items()
    )


_MEASURES = {column.name: column for column in measures.MEASURES}

REPLICATION: Columns = (
    Column("task", TEXT, "Task of the published cell: arithmetic, facts or joint."),
    Column("size", TEXT, "Size of the published cell, by the paper's name."),
    Column("variant", TEXT, "Recipe of the published cell: base, or wd (the paper's variant with weight decay)."),
    *(
        Column(f"paper_{name}", NUMBER, f"Share of {asked} answered right, as the paper reports it.", measures.SHARE)
        for name, asked in _PAPER.items()
    ),
    Column(
        "paper_final_loss",
        NUMBER,
        "Loss at the end of training, read from the paper's released curves; empty where there is none.",
        measures.LOSS_UNIT,
    ),
    Column("cell", TEXT, "Canonical name of our cell that stands for the published one; empty where none was run."),
    cells.DEPARTS,
    RUN_COUNT,
    DIVERGED_COUNT,
    SEEDS,
    *(column for name in _REPEATED for column in _repeated(_MEASURES[name])),
    Column(
        "generalizes_count",
        INTEGER,
        "Number of runs with all held-out expressions right at the end; empty where none are asked.",
        "runs",
        nullable=True,
    ),
    Column(
        "generalizes_low",
        NUMBER,
        "Lower end of the exact (Clopper-Pearson) 95 % interval of the share of those runs.",
        measures.SHARE,
    ),
    Column(
        "generalizes_high",
        NUMBER,
        "Upper end of the exact (Clopper-Pearson) 95 % interval of the share of those runs.",
        measures.SHARE,
    ),
)
"""One row per published cell: the paper's numbers, and ours by the paper's rule and at the final iterate."""

_CLAIM = Column("claim", TEXT, "Short name of the claim, such as C1.")
_OUTCOME = "replicated, not replicated, depends on the seed, inconclusive or not run"

CLAIMS: Columns = (
    _CLAIM,
    Column("statement", TEXT, "The claim, in a sentence."),
    Column(
        "verdict",
        TEXT,
        "Verdict as it is printed: the outcome, a dagger where runs depart, and the reason; the parts if they differ.",
    ),
    Column("outcome", TEXT, f"Outcome of the claim as a whole: {_OUTCOME}."),
    Column(
        "parts",
        TEXT,
        "Outcome of each part of the claim, mostly a size, worst first; empty for a claim that is not decided by part.",
    ),
    Column("reason", TEXT, "What the verdict is short of: further runs, and what was not run; empty if of nothing."),
    Column("departs", FLAG, "Whether some of the runs depart from the paper's protocol."),
    Column("protocol", TEXT, "Protocol that the runs followed, in words; empty where there are no runs."),
    Column("n", INTEGER, "Number of runs that the verdict rests on, those that diverged included.", "runs"),
    DIVERGED_COUNT,
    Column("rule", TEXT, "How the verdict follows from the evidence, in words."),
    Column("sources", TEXT, "Tables of runs that the verdict was computed from, with spaces between."),
    Column("command", TEXT, "Command that would run the cells that are missing; empty where none are."),
    Column("cost", TEXT, "What it would take to run what an open claim is about, where that is much; empty elsewhere."),
)
"""One row per claim of the paper."""

EVIDENCE: Columns = (
    _CLAIM,
    Column("label", TEXT, "Cells whose runs the line is about, such as arithmetic n14."),
    Column(
        "kind",
        TEXT,
        "What the line is: share of runs, share of fitted runs, share of runs by another recipe, mean, difference of "
        "shares, trend with size, sensitivity of a trend, both trends, or condition.",
    ),
    Column(
        "measure",
        TEXT,
        "Key of what was measured: a property of runs, a column of the table of runs, or the name of a condition.",
    ),
    Column("description", TEXT, "What was measured, in words."),
    Column("outcome", TEXT, f"What this line alone decides: {_OUTCOME}; empty where it decides nothing."),
    RUN_COUNT,
    DIVERGED_COUNT,
    Column("count", INTEGER, "Number of runs with the property; empty where none are counted.", "runs", nullable=True),
    Column("estimate", NUMBER, "Share, mean or difference of shares that was estimated; the description says of what."),
    Column("low", NUMBER, "Lower end of the 95 % interval of the estimate; of a difference, of its 90 % interval."),
    Column("high", NUMBER, "Upper end of the 95 % interval of the estimate; of a difference, of its 90 % interval."),
    Column("p_value", NUMBER, "P-value of a test; empty where there is none.", "probability"),
    Column("adjusted_p_value", NUMBER, "P-value after Holm's correction over the tests of a family.", "probability"),
    Column(
        "further_runs",
        INTEGER,
        "Number of further runs of each cell that would decide, if they go on like those there are; 201 stands for "
        "more than 200.",
        "runs",
        nullable=True,
    ),
    Column("note", TEXT, "Anything else that there is to say."),
)
"""One row per line of evidence."""
