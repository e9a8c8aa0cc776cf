"""What the page of the explorer holds: runs, their training, their networks, and the lines that networks are asked.

Everything comes from the tables of studies and from weights. It is plain JSON, which the scripts of the page read.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import pandas as pd

from capacity.corpora import corpus
from capacity.errors import InputError
from capacity.experiment import axes
from capacity.experiment.cell import Cell, parse_cell
from capacity.explorer.networks import Run, Stacks, in_rounds, layout, that_fit
from capacity.storage import files
from capacity.tables.cells import axis_columns
from capacity.tasks.registry import PARTS, TASKS
from capacity.tasks.task import Line

MOST_PARAMETERS = 100_000
"""Of a network whose weights are in the page."""
ROOM_FOR_WEIGHTS = 5_000_000
ROOM_FOR_TRAINING = 2_000_000
"""Characters of the page. With the rest it stays below 8 MB, unless there are thousands of runs."""
MOST_EVALUATIONS = 150
"""Evaluations of a run that are shown; of more, evenly spaced ones."""

SCORES = {"seen": "seen", "held_out": "held_out", "facts": "facts_matched_prompts"}
"""The scores that are drawn, by their names in the page."""
_IN_THE_SIZE = [axes.LABELS[axis] for axis in axes.SHAPE]
ALL_QUESTIONS = "combined_910"
"""What is drawn of a task that has none of these."""


@dataclass(frozen=True, eq=False)
class StudyTables:
    """The tables of a study: of its runs, of their evaluations, and of when each run answers each expression."""

    runs: pd.DataFrame
    history: pd.DataFrame
    expression_histories: pd.DataFrame


def content(studies: Mapping[str, StudyTables], origins: Sequence[Mapping[str, Any]], stacks: Stacks) -> dict[str, Any]:
    """Return everything that the scripts of the page read, as JSON values.

    Args:
        studies: their tables, by name.
        origins: for each training job, where its runs come from.
        stacks: the networks of all runs.

    Raises InputError if the tables of a run have other evaluations or expressions, or naming a file of damaged weights.
    """
    runs = _runs(studies, origins)
    names = list(dict.fromkeys(run["cell"] for run in runs.values()))
    cells = {name: parse_cell(name) for name in names}
    lines = _Lines()
    corpora = {cell.corpus_name: cell for cell in cells.values()}
    content_of_corpora = {name: lines.corpus(cell) for name, cell in corpora.items()}
    sizes = {run["cell"]: run.pop("parameters") for run in runs.values()}
    iterations = _add_training(studies, runs, sizes, content_of_corpora, lines)
    left_out = {"training": _left_out("the training", sum("history" in run for run in runs.values()), len(runs))}
    floors = {run["cell"]: run.pop("floors") for run in runs.values()}
    departs = {run["cell"]: run.pop("departs") for run in runs.values()}
    _add_weights(studies, runs, sizes, stacks)
    with_weights = sum("weights" in run for run in runs.values())
    left_out["weights"] = (
        _left_out("the weights", with_weights, len(runs))
        + f" Networks of more than {MOST_PARAMETERS:,} parameters and diverged runs have none here."
    )
    labels = _labels(names)
    rows = list(runs.values())
    return {
        "tasks": [task for task in TASKS if any(cell.task == task for cell in cells.values())],
        "lines": lines.content,
        "corpora": content_of_corpora,
        "cells": {
            name: {
                "label": labels[name],
                "task": cell.task,
                "stream": cell.stream,
                "learning_rate": cell.learning_rate,
                "heads": cell.size.heads,
                "block": cell.block,
                "corpus": cell.corpus_name,
                "parameters": sizes[name],
                "departs": departs[name],
                "floors": floors[name],
                "evaluated": iterations.get(name, []),
                "shapes": layout(cell, len(content_of_corpora[cell.corpus_name]["characters"])),
            }
            for name, cell in cells.items()
        },
        "runs": rows,
        "first": first_runs(rows, sizes),
        "left_out": left_out,
    }


def to_json(values: Any) -> str:
    """Return values as JSON that may stand in a script of a page: no text in it ends the script or begins another."""
    text = json.dumps(values, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def first_runs(rows: Sequence[Mapping[str, Any]], sizes: Mapping[str, int]) -> dict[str, int]:
    """Return the numbers of the runs that the page begins with, by side.

    They are the smallest network that can be asked and answers all held-out expressions, and the largest of the same
    task that can be asked and does not; the first and the last that can be asked where there are none.
    """
    order = sorted(range(len(rows)), key=lambda number: (sizes[rows[number]["cell"]], number))
    askable = [number for number in order if "weights" in rows[number]] or order
    left = next((number for number in askable if rows[number]["held_out"] == 1), askable[0])
    study = rows[left]["studies"][0]
    others = [
        number
        for number in askable
        if study in rows[number]["studies"] and (rows[number]["held_out"] or 0) < 1 and number != left
    ]
    right = next(
        (number for number in reversed(others) if rows[number]["seed"] == rows[left]["seed"]),
        others[-1] if others else askable[-1],
    )
    return {"A": left, "B": right}


def number(value: Any) -> float | None:
    """Return a number with five significant digits; None if it is missing or not finite."""
    return None if value is None or pd.isna(value) or not math.isfinite(value) else float(f"{float(value):.5g}")


def _runs(studies: Mapping[str, StudyTables], origins: Sequence[Mapping[str, Any]]) -> dict[Run, dict[str, Any]]:
    """One mapping for each run, whichever studies have it, in the order of their tables."""
    trained = {(job["cell"], seed): job for job in origins for seed in job["seeds"]}
    runs: dict[Run, dict[str, Any]] = {}
    for study, tables in studies.items():
        for row in tables.runs.to_dict("records"):
            key = (str(row["cell"]), int(row["seed"]))
            if key in runs:
                runs[key]["studies"].append(study)
                continue
            runs[key] = {
                "cell": key[0],
                "seed": key[1],
                "studies": [study],
                "parameters": int(row["parameters"]),
                "departs": row["departs"],
                "floors": {name: number(row[f"loss_floor_{name}"]) for name in ("order_known", "order_unknown")},
                **{name: number(row[f"final_{score}"]) for name, score in SCORES.items()},
                "loss": None if row["diverged"] else number(row["final_stream_loss"]),
                "origin": _origin(trained.get(key, {})),
            }
    return runs


def _origin(job: Mapping[str, Any]) -> str:
    """Where a run comes from, in words."""
    commit, weights = str(job.get("git_commit") or "no commit")[:10], str(job.get("weights") or "")[:16]
    trained = f"{job.get('kernel', 'unknown')} on {job.get('device', 'unknown')}, code of {commit}"
    return f"{trained}, weights of its job {weights}" if weights else trained


def _labels(names: Sequence[str]) -> dict[str, str]:
    """A name of each cell for readers: task, size, and what else tells these cells apart."""
    headings, texts = axis_columns(names)
    labels = {}
    for name in names:
        cell = parse_cell(name)
        beside = [
            f"{heading} {text}"
            for heading, text in zip(headings, texts[name], strict=True)
            if heading not in _IN_THE_SIZE and text
        ]
        labels[name] = ", ".join([f"{cell.task} {cell.size.name}", *beside])
    return labels


class _Lines:
    """The lines of all corpora, each once.

    Attributes:
        content: a mapping for each line.
    """

    def __init__(self) -> None:
        self.content: list[dict[str, Any]] = []
        self._numbers: dict[tuple[Any, ...], int] = {}

    def corpus(self, cell: Cell) -> dict[str, Any]:
        """Return the characters of the corpus of a cell, and the numbers of its lines and of those held out.

        Lines come task by task, expressions in the order of their operands.
        """
        parts = list(PARTS)

        def place(line: Line) -> tuple[Any, ...]:
            operation = PARTS[line.task].operations.index(line.operation)
            return parts.index(line.task), operation, line.operands or (), line.position or 0

        lines = sorted(corpus.build(cell), key=place)
        numbers = [self._number(line) for line in lines]
        return {
            "characters": corpus.vocabulary(lines).characters,
            "lines": numbers,
            "held_out": [each for each, line in zip(numbers, lines, strict=True) if line.split == "held_out"],
        }

    def _number(self, line: Line) -> int:
        key = (line.task, line.prompt, line.paper_prompt, line.answer, line.operation, line.operands)
        if key not in self._numbers:
            self._numbers[key] = len(self.content)
            prompts = dict.fromkeys(line.prompt_of(kind) for kind in reversed(PARTS[line.task].prompts))
            row = {"task": line.task, "prompts": list(prompts), "answer": line.answer, "operation": line.operation}
            self.content.append(row | ({"operands": list(line.operands)} if line.operands else {}))
        return self._numbers[key]


def _add_training(
    studies: Mapping[str, StudyTables],
    runs: Mapping[Run, dict[str, Any]],
    sizes: Mapping[str, int],
    corpora: Mapping[str, Mapping[str, Any]],
    lines: _Lines,
) -> dict[str, list[int]]:
    """Add to runs the course of their training, as far as there is room, and return the updates at its evaluations."""
    histories: dict[Run, dict[str, Any]] = {}
    iterations: dict[str, list[int]] = {}
    for tables in studies.values():
        of_expressions = _by_run(tables.expression_histories)
        for run, rows in _by_run(tables.history).items():
            if run in histories:
                continue
            ordered = rows.sort_values("iteration")
            shown = _evenly(len(ordered))
            iterations[run[0]] = [int(value) for value in ordered["iteration"].iloc[shown]]
            histories[run] = {"history": _course(ordered.iloc[shown])}
            if run in of_expressions:
                corpus_lines = corpora[parse_cell(run[0]).corpus_name]["lines"]
                expressions = [lines.content[each] for each in corpus_lines if "operands" in lines.content[each]]
                histories[run] |= {"answered": _answered(of_expressions[run], expressions, shown)}
    lengths = {run: len(to_json(each)) for run, each in histories.items()}
    by_study = [in_rounds([run for run in _of_study(tables) if run in histories], sizes) for tables in studies.values()]
    for run in that_fit(by_study, lengths, ROOM_FOR_TRAINING):
        runs[run].update(histories[run])
    return iterations


def _by_run(table: pd.DataFrame) -> dict[Run, pd.DataFrame]:
    """The rows of a table by their run."""
    keys = zip(table["cell"], table["seed"], strict=True)
    places: dict[Run, list[int]] = {}
    for place, (cell, seed) in enumerate(keys):
        places.setdefault((str(cell), int(seed)), []).append(place)
    return {run: table.iloc[rows] for run, rows in places.items()}


def _course(rows: pd.DataFrame) -> dict[str, list[float | None]]:
    """The loss and the scores of a run at some evaluations."""
    course = {"loss": [number(value) for value in rows["stream_loss"]]}
    scores = {name: score for name, score in SCORES.items() if score in rows and rows[score].notna().any()}
    for name, score in (scores or {"combined": ALL_QUESTIONS}).items():
        course[name] = [number(value) for value in rows[score]]
    return course


def _answered(rows: pd.DataFrame, expressions: Sequence[Mapping[str, Any]], shown: Sequence[int]) -> str:
    """Whether a run answers each expression at each shown evaluation, as bits in base64, expression by expression."""
    digits = {
        (operation, int(left), int(right)): text
        for operation, left, right, text in rows[["operation", "left", "right", "answered"]].itertuples(index=False)
    }
    try:
        table = [[digits[line["operation"], *line["operands"]][each] == "1" for each in shown] for line in expressions]
    except LookupError as error:
        cell, seed = rows["cell"].iloc[0], rows["seed"].iloc[0]
        raise InputError(
            f"the table of expression histories has not every expression at every evaluation of {cell}, seed {seed}, "
            f"that the table of histories has ({error!r}); {files.REMEDY}"
        ) from error
    return base64.b64encode(numpy.packbits(numpy.array(table)).tobytes()).decode()


def _add_weights(
    studies: Mapping[str, StudyTables], runs: Mapping[Run, dict[str, Any]], sizes: Mapping[str, int], stacks: Stacks
) -> None:
    """Add to runs their weights, as far as there is room."""
    small = {run for run, row in runs.items() if sizes[run[0]] <= MOST_PARAMETERS and row["loss"] is not None}
    by_study = [in_rounds([run for run in _of_study(tables) if run in small], sizes) for tables in studies.values()]
    lengths = {run: 4 * math.ceil(4 * sizes[run[0]] / 3) for run in small}
    for run in sorted(that_fit(by_study, lengths, ROOM_FOR_WEIGHTS), key=stacks.path):
        runs[run]["weights"] = stacks.network(run).to_text()


def _of_study(tables: StudyTables) -> list[Run]:
    return [(str(cell), int(seed)) for cell, seed in zip(tables.runs["cell"], tables.runs["seed"], strict=True)]


def _evenly(evaluations: int) -> list[int]:
    """The numbers of the evaluations that are shown, the first and the last among them."""
    chosen = numpy.linspace(0, evaluations - 1, min(evaluations, MOST_EVALUATIONS)).round().astype(int)
    return [int(each) for each in numpy.unique(chosen)]


def _left_out(what: str, shown: int, runs: int) -> str:
    if shown == runs:
        return f"This page has {what} of all {runs} runs."
    return (
        f"This page has {what} of {shown} of {runs} runs: of every study as many as fit, the paper's seed of every "
        "cell first, and small networks before large ones."
    )
