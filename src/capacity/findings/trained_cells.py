"""The section on what was run: cells, seeds and departures from the paper's protocol."""

from __future__ import annotations

import pandas as pd

from capacity.experiment import axes
from capacity.experiment.cell import parse_cell
from capacity.experiment.seeds import format_seeds
from capacity.findings.prose import Values, cell_labels, table
from capacity.findings.sources import Sources, StudyTables
from capacity.paper import protocol
from capacity.tables import markdown

MOST_LISTED = 12
"""Cells of a study that have a row each: as many as the paper's base cells. A study with more has one row."""


def is_listed(tables: StudyTables) -> bool:
    """Return whether the cells of a study are listed one by one."""
    return len(tables.summary) <= MOST_LISTED


def what_was_run(sources: Sources, notes: markdown.Notes) -> Values:
    """Tell which cells were trained, for how long and with which seeds, and which of the paper's were not."""
    rows: list[tuple[str, ...]] = []
    for study, tables in sources.studies.items():
        rows += _cell_rows(study, tables, notes) if is_listed(tables) else [_study_row(study, tables)]
    frames = [tables.runs for tables in sources.studies.values() if len(tables.runs)]
    runs = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"cell": [], "seed": [], "diverged": []})
    runs = runs.drop_duplicates(["cell", "seed"])
    lost = runs[runs["diverged"].astype(bool)]
    paper = sources.replication
    ran = paper["n"] > 0
    return {
        "table": table(("study", "task", "size", "runs", "seeds", "iterations", "departs"), rows),
        "notes": notes.lines(),
        "runs": len(runs),
        "diverged": [f"{row['task']} {row['size']} seed {row['seed']}" for row in lost.to_dict("records")],
        "published": len(paper),
        "published_run": int(ran.sum()),
        "to_the_letter": cell_labels(paper[ran & (paper["departs"] == "")]),
        "absent": cell_labels(paper[~ran]),
        "mlt_run": int((ran & (paper["size"] == protocol.MLT.name)).sum()),
        "mlt_departs": int((ran & (paper["size"] == protocol.MLT.name) & (paper["departs"] != "")).sum()),
    }


def _cell_rows(study: str, tables: StudyTables, notes: markdown.Notes) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for cell in tables.summary.to_dict("records"):
        mine = tables.runs[tables.runs["cell"] == cell["cell"]]
        marked = cell["size"] + ("†" if cell["departs"] else "")
        rows.append((study, cell["task"], marked, *_runs(mine, [cell["iterations"]]), notes.mark(cell["departs"])))
    return rows


def _study_row(study: str, tables: StudyTables) -> tuple[str, ...]:
    """Return the row of a study of many cells: the axes along which they differ, and how many depart."""
    summary = tables.summary
    vary = [axes.name(axis) for axis in axes.all_varying([parse_cell(name) for name in summary["cell"]])]
    departing = int((summary["departs"] != "").sum())
    marked = f"{len(summary)} cells by {', '.join(vary)}" + ("†" if departing else "")
    tasks = ", ".join(dict.fromkeys(summary["task"]))
    departs = f"{departing} of {len(summary)}" if departing else ""
    return study, tasks, marked, *_runs(tables.runs, summary["iterations"].tolist()), departs


def _runs(runs: pd.DataFrame, iterations: list[int]) -> tuple[str, str, str]:
    """Return the number of some runs, their seeds, and the iterations of their cells, in words."""
    seeds = format_seeds(sorted(set(runs["seed"]))).replace("_", ", ")
    lengths = ", ".join(f"{each:,}" for each in sorted(set(iterations)))
    return markdown.count_runs(len(runs), int(runs["diverged"].sum())), seeds, lengths
