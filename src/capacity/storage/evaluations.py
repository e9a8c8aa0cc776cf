"""The files of an evaluation: what :mod:`capacity.evaluation.endpoints` writes and later stages read.

``evaluation.json`` holds the scores of every seed of a job, and fits ``evaluation.schema.yaml`` beside this module;
``answers.parquet`` and ``operands.parquet`` hold the single answers. Nothing here needs torch, and so no later stage
does: to import it takes longer than to make a table of a small study.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema_rs
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from capacity.errors import InputError
from capacity.experiment.cell import Cell
from capacity.storage import files, json_files, parquet

ANSWER_COLUMNS = {
    "seed": "an integer",
    "diverged": "true or false",
    **dict.fromkeys(("question_task", "operation", "split", "prompts", "prompt", "true", "answer"), "text"),
    "right": "true or false",
    **dict.fromkeys(("log_probability", "margin"), "a number"),
}
OPERAND_COLUMNS = {"seed": "an integer", "prompt": "text", "answer": "text"}
_TYPES = {"an integer": pa.int64(), "text": pa.string(), "true or false": pa.bool_(), "a number": pa.float64()}
ANSWERS = pa.schema([pa.field(name, _TYPES[kind], kind == "a number") for name, kind in ANSWER_COLUMNS.items()])
"""One row per run and question of the corpus: what was asked, answered and right, how likely the true answer is, and
how far above the best wrong one; the last two are missing where they are not finite."""

OPERANDS = pa.schema([pa.field(name, _TYPES[kind], False) for name, kind in OPERAND_COLUMNS.items()])
"""One row per run and prompt of :mod:`capacity.evaluation.operands`."""

CHOICES = {
    "question_task": ("arithmetic", "facts"),
    "operation": ("addition", "subtraction", "recall"),
    "split": ("seen", "held_out"),
    "prompts": ("paper", "matched"),
}
OPERAND_PROMPT = "^<?[0-9]{1,2}[+-][0-9]{1,2}=$"
SCHEMA = Path(__file__).parent / "evaluation.schema.yaml"
MOST_LOG_PROBABILITY = 0.001  # rounding takes it above 0

HISTORY_COLUMNS = {"seed": "an integer", "iteration": "an integer", "stream_loss": "a number"}


def read_history(path: str | Path, cell: Cell, seeds: Sequence[int]) -> pa.Table:
    """The history of a job. Raises InputError naming the file if it is damaged or of another job."""
    history = parquet.read_parquet(path)
    parquet.check_columns(path, history, HISTORY_COLUMNS)
    _check_runs(path, history, cell, seeds)
    return history


@functools.cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(yaml.safe_load(SCHEMA.read_text(encoding="utf-8")))


def check(evaluation: Any, source: str | Path) -> None:
    """Raises InputError naming the file and the key if an evaluation, as it is in its file, does not fit the schema."""
    try:
        _validator().validate(evaluation)
    except jsonschema_rs.ValidationError as error:
        key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
        raise InputError(f"{source}: ${key}: {error.message[:300]}") from error


def split(evaluation: Mapping[str, Any]) -> tuple[dict[str, Any], pa.Table, pa.Table]:
    """An evaluation without its single answers, and these as tables of :data:`ANSWERS` and :data:`OPERANDS`: most readers
    need no answers, which are nine tenths of an evaluation."""
    runs, items, answers = [], [], []
    for run in evaluation["runs"]:
        kept = {name: value for name, value in run.items() if name != "answers"}
        items += [{"seed": run["seed"], "diverged": run["diverged"]} | item for item in run["answers"]]
        if run["operands"] is not None:
            kept["operands"] = {name: value for name, value in run["operands"].items() if name != "answers"}
            said = run["operands"]["answers"].items()
            answers += [{"seed": run["seed"], "prompt": prompt, "answer": answer} for prompt, answer in said]
        runs.append(kept)
    tables = pa.Table.from_pylist(items, schema=ANSWERS), pa.Table.from_pylist(answers, schema=OPERANDS)
    return {**evaluation, "runs": runs}, *tables


def write(folder: str | Path, evaluation: Mapping[str, Any]) -> None:
    """``answers.parquet``, ``operands.parquet`` and then ``evaluation.json`` of a job.

    Raises InputError naming the file and the key if the evaluation does not fit what readers count on, and then writes
    nothing.
    """
    folder = Path(folder)
    kept, items, answers = split(evaluation)
    check(kept, folder / "evaluation.json")
    check_answers(items, folder / "answers.parquet")
    silent = sorted({run["seed"] for run in kept["runs"]}.difference(items["seed"].to_pylist()))
    if silent:
        raise InputError(f"{folder / 'answers.parquet'}: seed {silent[0]} was asked nothing")
    strange = answers.filter(pc.invert(pc.match_substring_regex(answers["prompt"], OPERAND_PROMPT)))
    if len(strange):
        raise InputError(f"{folder / 'operands.parquet'}: {strange['prompt'][0]} is not a prompt such as <12+5=")
    record = {"cell": evaluation["cell"], **evaluation["provenance"]}
    parquet.write_parquet(folder / "answers.parquet", items, record)
    parquet.write_parquet(folder / "operands.parquet", answers, record)
    json_files.write_sealed_json(folder / "evaluation.json", kept)


def check_answers(items: pa.Table, source: str | Path) -> None:
    """Raises InputError naming the file and the column if a table of answers is not what readers count on."""
    parquet.check_columns(source, items, ANSWER_COLUMNS)
    empty = [name for name in ANSWER_COLUMNS if name not in ("log_probability", "margin") and items[name].null_count]
    empty += [name for name in ("prompt", "true") if pc.any(pc.equal(items[name], "")).as_py()]
    if empty:
        raise InputError(f"{source}: the column {empty[0]!r} has an empty value; {files.REMEDY}")
    for name, choices in CHOICES.items():
        if wrong := set(pc.unique(items[name]).to_pylist()).difference(choices):
            raise InputError(
                f"{source}: {min(wrong)!r} in the column {name!r} is not one of {', '.join(choices)}; {files.REMEDY}"
            )
    if (pc.max(items["log_probability"]).as_py() or 0.0) > MOST_LOG_PROBABILITY:
        raise InputError(f"{source}: the column 'log_probability' has a value above 0; {files.REMEDY}")


def read_answers(path: str | Path, cell: Cell, seeds: Iterable[int]) -> pa.Table:
    """The answers of a job. Raises InputError naming the file if it is damaged, of another job, or lacks a seed."""
    items = parquet.read_parquet(path)
    check_answers(items, path)
    _check_runs(path, items, cell, seeds)
    return items


def _check_runs(path: str | Path, table: pa.Table, cell: Cell, seeds: Iterable[int]) -> None:
    found = parquet.provenance_of(table).get("cell")
    if found != cell.name:
        raise InputError(f"{path} is of {found}, not of {cell.name}; {files.REMEDY}")
    missing = sorted(set(seeds).difference(pc.unique(table["seed"]).to_pylist()))
    if missing:
        raise InputError(f"{path} has no rows of seed {missing[0]}; {files.REMEDY}")
