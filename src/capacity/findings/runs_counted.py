"""The part of the methods on runs: how many there are, the table of cells, and what counts as a failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from capacity.experiment.cell import Cell, parse_cell
from capacity.experiment.seeds import format_seeds
from capacity.findings.prose import Values, table
from capacity.paper import protocol
from capacity.studies.answer_file import StudyAnswer
from capacity.tables import markdown
from capacity.tables.runs import OUTCOMES

HEADING = (
    *("study", "task", "size", "variant", "L", "H", "d", "m", "parameters", "updates"),
    *("runs", "seeds", "diverged", "not fitted", "departs"),
)


def runs_counted(studies: Mapping[str, pd.DataFrame], answers: Sequence[StudyAnswer]) -> Values:
    """Count the runs of all studies, each run once, and name those that diverged or did not fit what they saw."""
    notes = markdown.Notes(text for runs in studies.values() for text in dict.fromkeys(runs["departs"]))
    rows = [
        _row(study, runs[runs["cell"] == name], notes)
        for study, runs in studies.items()
        for name in dict.fromkeys(runs["cell"])
    ]
    frames = [runs for runs in studies.values() if len(runs)]
    columns = ["cell", "seed", "task", "size", "diverged", "departs", *_FITS]
    runs = pd.concat([frame[columns] for frame in frames]) if frames else pd.DataFrame(columns=columns)
    unique = runs.drop_duplicates(["cell", "seed"])
    cells = unique.drop_duplicates("cell")
    diverged = unique["diverged"].astype(bool)
    return {
        "table": table(HEADING, rows),
        "notes": notes.lines(),
        "studies": len(studies),
        "runs": len(unique),
        "cells": len(cells),
        "shared": len(runs) - len(unique),
        "variants": any(variant_of(parse_cell(name)) != "base" for name in cells["cell"]),
        "to_the_letter": int((cells["departs"] == "").sum()),
        "departing": int((cells["departs"] != "").sum()),
        "diverged": [f"{row['task']} {row['size']} seed {row['seed']}" for row in unique[diverged].to_dict("records")],
        "unfitted": [
            {
                "outcome": outcome,
                "asked": int(unique[outcome].notna().sum()),
                "count": int(_fails(unique, outcome).sum()),
            }
            for outcome in _FITS
        ],
        "left_out": [
            {"study": said.study, "cells": "; ".join(map(markdown.text, said.left_out))}
            for said in answers
            if said.left_out
        ],
    }


_FITS = tuple(outcome for outcome in OUTCOMES if outcome.startswith("fits_"))


def _fails(runs: pd.DataFrame, outcome: str) -> pd.Series:
    """Tell which runs ended, were asked, and did not fit what they saw."""
    return ~runs["diverged"].astype(bool) & ~runs[outcome].fillna(True).astype(bool)


def _row(study: str, runs: pd.DataFrame, notes: markdown.Notes) -> tuple[str, ...]:
    """The row of a cell in one study."""
    cell = parse_cell(str(runs["cell"].iloc[0]))
    size, departs = cell.size, str(runs["departs"].iloc[0])
    fails = pd.concat([_fails(runs, outcome) for outcome in _FITS], axis=1).any(axis=1)
    return (
        study,
        cell.task,
        size.name + ("†" if departs else ""),
        variant_of(cell),
        *(str(value) for value in (size.layers, size.heads, size.width, size.mlp_factor)),
        f"{int(runs['parameters'].iloc[0]):,}",
        f"{cell.iterations:,}",
        str(len(runs)),
        _seeds(runs),
        _seeds(runs[runs["diverged"].astype(bool)], len(runs)),
        _seeds(runs[fails], len(runs)),
        notes.mark(departs),
    )


def _seeds(runs: pd.DataFrame, total: int | None = None) -> str:
    """Return the seeds of some runs: a dash for none, and ``all`` if they are so many of several."""
    if not len(runs):
        return "-"
    return "all" if len(runs) == total and total > 1 else format_seeds(runs["seed"]).replace("_", ", ")


def variant_of(cell: Cell) -> str:
    """Return ``wd`` if a cell has what the paper's variant of that name changes for its size, else ``base``."""
    changed, departures = protocol.weight_decay_variant(cell.size), cell.departures()
    return "wd" if any(departures.get(axis) == value for axis, value in changed.items()) else "base"
