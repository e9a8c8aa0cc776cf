"""A card for each size: what its networks were trained on, their scores with intervals, and the limits of both.

Every number is one of the table ``summary`` of a study, with four significant digits. The sections are those of model
cards (Mitchell et al. 2019, arXiv 1810.03993), as far as they say something of networks this small.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from capacity.archive.executed_jobs import ExecutedJob
from capacity.dictionary.measures import MEASURES, OUTCOMES
from capacity.experiment.cell import parse_cell
from capacity.storage import code
from capacity.tables import markdown

FOLDER = "cards"
TEMPLATE = Path(__file__).with_name("card.md.j2")
SHOWN = (
    *("final_seen", "final_held_out", "final_facts_matched_prompts", "final_facts_paper_prompts", "final_stream_loss"),
    *("order_bits", "key_specific_bits_matched_prompts", "final_operands_0_19_beyond_digits"),
)
"""The measures of a card; the tables have all."""
_BY_NAME = {column.name: column for column in MEASURES}
MEASURES_SHOWN = tuple(_BY_NAME[name] for name in SHOWN)


def number(value: float) -> str:
    """Return a number with four significant digits, as cards show it; a dash for one that is missing."""
    return "-" if pd.isna(value) else f"{value:.4g}"


def cards(summaries: Mapping[str, pd.DataFrame], jobs: Sequence[ExecutedJob]) -> dict[str, str]:
    """Return the card of each size as Markdown, by the name of the size.

    Args:
        summaries: the table ``summary`` of each study, by the name of the study.
        jobs: that were executed, those that trained the networks among them.
    """
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    trained: dict[str, list[ExecutedJob]] = {}
    for job in jobs:
        if job.rule == "train":
            trained.setdefault(str(job.origin["cell"]), []).append(job)
    rows: dict[str, list[dict[str, Any]]] = {}
    for study, summary in summaries.items():
        for row in summary.to_dict("records"):
            rows.setdefault(str(row["size"]), []).append(
                {str(key): value for key, value in row.items()} | {"study": study}
            )
    return {size: template.render(_values(size, of_size, trained)) for size, of_size in rows.items()}


def _values(
    size: str, rows: Sequence[Mapping[str, Any]], trained: Mapping[str, Sequence[ExecutedJob]]
) -> dict[str, Any]:
    """Return what the template of a card reads."""
    shape = parse_cell(rows[0]["cell"]).size
    jobs = [job for cell in dict.fromkeys(row["cell"] for row in rows) for job in trained[cell]]
    parameters = sorted({int(row["parameters"]) for row in rows})
    return {
        "size": size,
        "shape": shape,
        "parameters": " or ".join(f"{count:,}" for count in parameters),
        "cells": [_cell(row) for row in rows],
        "measures": (*MEASURES_SHOWN, *OUTCOMES),
        "training": "\n".join(_training(rows)),
        "code": [_code(*alike) for alike in Counter(map(_trained_by, jobs)).items()],
        "single": sum(int(row["n"]) == 1 for row in rows),
        "diverged": sum(int(row["diverged"]) for row in rows),
        "outside_paper": sum(bool(row["departs"]) for row in rows),
    }


def _cell(row: Mapping[str, Any]) -> dict[str, Any]:
    cell = parse_cell(row["cell"])
    about = {"name": cell.name, "corpus": cell.corpus_name, "seeds": row["seeds"]}
    return about | {"study": row["study"], "task": cell.task, "departs": row["departs"], "scores": _scores(row)}


def _training(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the table of what the networks were trained on and how, a row for each study and cell."""
    heading = (
        *(
            "study",
            "task",
            "corpus",
            "held out",
            "stream",
            "updates",
            "batch",
            "learning rate",
            "weight decay",
            "dropout",
        ),
        *("runs", "departs from the paper"),
    )
    lines = []
    for row in rows:
        cell = parse_cell(row["cell"])
        values = (
            row["iterations"],
            row["batch"],
            *(row[name] for name in ("learning_rate", "weight_decay", "dropout")),
        )
        runs = markdown.count_runs(int(row["n"]), int(row["diverged"]))
        words = (row["study"], row["task"], f"`{cell.corpus_name}`", row["held_out"], row["stream"])
        lines.append((*words, *(f"{value:,}" for value in values), runs, row["departs"] or "no"))
    return markdown.table(heading, lines)


def _scores(row: Mapping[str, Any]) -> str:
    """Return the table of the scores of a cell in a study, a row for each measure that has a value."""
    lines = []
    for column in MEASURES_SHOWN:
        mean, low, high = (row.get(f"{column.name}_{part}") for part in ("mean", "low", "high"))
        if mean is not None and not pd.isna(mean):
            lines.append((f"`{column.name}`", number(mean), _interval(low, high), str(row["n"])))
    for column in OUTCOMES:
        count, share, low, high = (row[f"{column.name}_{part}"] for part in ("count", "share", "low", "high"))
        if not pd.isna(count):
            lines.append((f"`{column.name}`", number(share), _interval(low, high), f"{int(count)} of {row['n']}"))
    return "\n".join(markdown.table(("measure", "mean or share", "95 % interval", "runs"), lines))


def _interval(low: Any, high: Any) -> str:
    return "-" if low is None or pd.isna(low) else f"[{number(low)}, {number(high)}]"


def _trained_by(job: ExecutedJob) -> tuple[str, str, str, str]:
    """Return with which code and on what device the networks of a job were trained."""
    now = code.source_digest("train", str(job.origin["settings"]["task"]))
    whose = "the code of this archive" if job.origin["source_digest"] == now else "other code than that of this archive"
    device = f"{job.origin.get('kernel')} on {job.origin.get('device')}, {job.origin.get('precision')}"
    return whose, str(job.origin.get("git_commit") or "not recorded"), str(job.origin["source_digest"])[:16], device


def _code(trained_by: tuple[str, str, str, str], jobs: int) -> str:
    whose, commit, digest, device = trained_by
    return f"{jobs} {'job' if jobs == 1 else 'jobs'}: {whose} (commit {commit}, digest {digest}), {device}"
