"""The files of the evaluation of a job: what :mod:`capacity.evaluation.job` finds and later stages read.

``evaluation.json`` holds the scores of every seed of a job and fits :func:`schema`; ``answers.parquet`` and
``operands.parquet`` hold the single answers, and ``mechanism.parquet`` what the weights say. Nothing here needs torch,
so no later stage has to import it, which would take longer than to make a table of a small study.
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

from capacity.dictionary import jobs
from capacity.dictionary.column import FLAG, INTEGER, NUMBER, TEXT, arrow_schema
from capacity.dictionary.histories import JOB_HISTORY
from capacity.errors import InputError
from capacity.storage import files, json_files, parquet, records
from capacity.storage.parquet_bounds import UNKNOWN, Bounds
from capacity.tasks.registry import PARTS, SCORES

_TYPES = {INTEGER: pa.int64(), TEXT: pa.string(), FLAG: pa.bool_(), NUMBER: pa.float64()}
ANSWERS = arrow_schema(jobs.ANSWERS, _TYPES, nullable=(NUMBER,))
"""Columns of ``answers.parquet``, one row per run and question: what was asked and answered, whether it is right, the
log-probability of the true answer (nats), and its margin over the best wrong one; the last two are missing where they
are not finite."""

OPERANDS = arrow_schema(jobs.OPERANDS, _TYPES, nullable=())
"""Columns of ``operands.parquet``, one row per run and prompt of :mod:`capacity.evaluation.operands`."""

MECHANISM = arrow_schema(jobs.MECHANISM, _TYPES, nullable=(NUMBER,))
"""Columns of ``mechanism.parquet``, one row per run, of :mod:`capacity.evaluation.mechanism`."""

BESIDE = ("answers.parquet", "operands.parquet", "mechanism.parquet")
"""The files whose checksums are in ``evaluation.json``."""

CHOICES = {
    "question_task": tuple(PARTS),
    "operation": tuple(dict.fromkeys(operation for task in PARTS.values() for operation in task.operations)),
    "split": ("seen", "held_out"),
    "prompts": ("paper", "matched"),
}
"""The values that columns of text may have."""

OPERAND_PROMPT = "^<?[0-9]{1,2}[+-][0-9]{1,2}=$"
SCHEMA = Path(__file__).parent / "evaluation.schema.yaml"
MOST_LOG_PROBABILITY = 0.001  # above 0 by rounding


def read_history(path: str | Path, cell: str, seeds: Sequence[int], bounds: Bounds = UNKNOWN) -> pa.Table:
    """The history of a job of the cell named.

    Raises InputError naming the file if it is damaged, out of bounds or of another job, or does not say how it was
    trained.
    """
    history = parquet.read_parquet(path, bounds)
    parquet.check_columns(path, history, JOB_HISTORY)
    check_training(parquet.provenance_of(history), path)
    _check_runs(path, history, cell, seeds)
    return history


@functools.cache
def schema() -> dict[str, Any]:
    """The JSON schema of ``evaluation.json``: that of :data:`SCHEMA` with the scores and bits of every task."""
    whole: dict[str, Any] = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    definitions = whole["$defs"]
    definitions["endpoint"]["properties"]["scores"]["propertyNames"] = {"enum": list(SCORES)}
    for task in PARTS.values():
        if task.bits is None:
            continue
        by_prompts = {f"{prompts}_prompts": {"$ref": "#/$defs/fact_bits"} for prompts in task.prompts}
        facts = {"type": ["object", "null"], "additionalProperties": False}
        facts |= {"required": list(by_prompts), "properties": by_prompts}
        definitions["bits"]["required"].append(task.name)
        definitions["bits"]["properties"][task.name] = {
            "answers": {"$ref": "#/$defs/answer_bits"},
            "facts": facts,
        }[task.bits]
    return whole


@functools.cache
def _validator(definition: str | None = None) -> jsonschema_rs.Draft202012Validator:
    """Return what validates an evaluation, or a part of it, by the name of its definition in the schema."""
    part = {"$ref": f"#/$defs/{definition}", "$defs": schema()["$defs"]}
    return jsonschema_rs.Draft202012Validator(schema() if definition is None else part)


def check(evaluation: Any, source: str | Path) -> None:
    """Check an evaluation without its answers. Raises InputError naming the file and the key that does not fit."""
    _check(_validator(), evaluation, source)


def check_training(record: Any, source: str | Path) -> None:
    """Check the record of the training that a file comes from.

    Raises InputError naming the file and the key that later stages cannot use.
    """
    _check(_validator("training"), record, source)


def _check(validator: jsonschema_rs.Draft202012Validator, value: Any, source: str | Path) -> None:
    try:
        validator.validate(value)
    except jsonschema_rs.ValidationError as error:
        key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
        raise InputError(f"{source}: ${key}: {error.message[:300]}; {files.REMEDY}") from error


def split(evaluation: Mapping[str, Any]) -> tuple[dict[str, Any], pa.Table, pa.Table]:
    """An evaluation without its single answers, and these as tables of :data:`ANSWERS` and :data:`OPERANDS`.

    They are apart because they are nine tenths of an evaluation, and most readers need none of them.
    """
    runs, answers, operands = [], [], []
    for run in evaluation["runs"]:
        kept = {name: value for name, value in run.items() if name != "answers"}
        answers += [{"seed": run["seed"], "diverged": run["diverged"]} | answer for answer in run["answers"]]
        if run["operands"] is not None:
            kept["operands"] = {name: value for name, value in run["operands"].items() if name != "answers"}
            by_prompt = run["operands"]["answers"].items()
            operands += [{"seed": run["seed"], "prompt": prompt, "answer": answer} for prompt, answer in by_prompt]
        runs.append(kept)
    tables = pa.Table.from_pylist(answers, schema=ANSWERS), pa.Table.from_pylist(operands, schema=OPERANDS)
    return {**evaluation, "runs": runs}, *tables


def write(folder: str | Path, evaluation: Mapping[str, Any], mechanism: Sequence[Mapping[str, float | None]]) -> None:
    """Write the files :data:`BESIDE` and then ``evaluation.json`` of a job.

    The provenance in ``evaluation.json`` has the checksums of the others. Raises InputError naming the file and the
    key if the evaluation is not what its readers expect, and then writes nothing.

    Args:
        folder: of the job.
        evaluation: of its runs, by :func:`capacity.evaluation.job.evaluate_job`, with its provenance.
        mechanism: of each of its runs, by :func:`capacity.evaluation.mechanism.mechanism`.
    """
    folder = Path(folder)
    kept, answers, operands = split(evaluation)
    check(kept, folder / "evaluation.json")
    check_answers(answers, folder / "answers.parquet")
    silent = sorted({run["seed"] for run in kept["runs"]}.difference(answers["seed"].to_pylist()))
    if silent:
        raise InputError(f"{folder / 'answers.parquet'}: seed {silent[0]} has no answers; every seed must have some")
    strange = operands.filter(pc.invert(pc.match_substring_regex(operands["prompt"], OPERAND_PROMPT)))
    if len(strange):
        raise InputError(f"{folder / 'operands.parquet'}: {strange['prompt'][0]} is not a prompt such as <12+5=")
    tables = (answers, operands, mechanism_table([run["seed"] for run in kept["runs"]], mechanism))
    record = {"cell": evaluation["cell"], **evaluation["provenance"]}
    for name, table in zip(BESIDE, tables, strict=True):
        parquet.write_parquet(folder / name, table, record)
    checksums = {name: files.sha256(folder / name) for name in BESIDE}
    origin = {**evaluation["provenance"], records.FILES: checksums}
    json_files.write_sealed_json(folder / "evaluation.json", {**kept, "provenance": origin})


def mechanism_table(seeds: Iterable[int], mechanism: Iterable[Mapping[str, float | None]]) -> pa.Table:
    """What the weights of each of some runs say, as a table of :data:`MECHANISM`."""
    rows = [{"seed": seed} | dict(measured) for seed, measured in zip(seeds, mechanism, strict=True)]
    return pa.Table.from_pylist(rows, schema=MECHANISM)


def check_answers(answers: pa.Table, source: str | Path) -> None:
    """Check a table of answers. Raises InputError naming the file and the column that readers cannot use."""
    parquet.check_columns(source, answers, jobs.ANSWERS)
    if empty := [name for name in ("prompt", "true") if pc.any(pc.equal(answers[name], "")).as_py()]:
        raise InputError(f"{source}: the column {empty[0]!r} has an empty value; {files.REMEDY}")
    for name, choices in CHOICES.items():
        if wrong := set(pc.unique(answers[name]).to_pylist()).difference(choices):
            raise InputError(
                f"{source}: {min(wrong)!r} in the column {name!r} is not one of {', '.join(choices)}; {files.REMEDY}"
            )
    if (pc.max(answers["log_probability"]).as_py() or 0.0) > MOST_LOG_PROBABILITY:
        raise InputError(f"{source}: the column 'log_probability' has a value above 0; {files.REMEDY}")


def read_answers(path: str | Path, cell: str, seeds: Iterable[int], bounds: Bounds = UNKNOWN) -> pa.Table:
    """The answers of a job of the cell named.

    Raises InputError naming the file if it is damaged, out of bounds, of another job, or lacks a seed.
    """
    answers = parquet.read_parquet(path, bounds)
    check_answers(answers, path)
    check_training(parquet.provenance_of(answers).get("training"), path)
    _check_runs(path, answers, cell, seeds)
    return answers


def read_mechanism(path: str | Path, cell: str, seeds: Iterable[int], bounds: Bounds = UNKNOWN) -> pa.Table:
    """What the weights of a job of the cell named say of each of its runs.

    Raises InputError naming the file if it is damaged, out of bounds, of another job, or lacks a seed.
    """
    mechanism = parquet.read_parquet(path, bounds)
    parquet.check_columns(path, mechanism, jobs.MECHANISM)
    check_training(parquet.provenance_of(mechanism).get("training"), path)
    _check_runs(path, mechanism, cell, seeds)
    return mechanism


def _check_runs(path: str | Path, table: pa.Table, cell: str, seeds: Iterable[int]) -> None:
    """Raises InputError naming the file if a table is of another cell or lacks the rows of a seed."""
    recorded = parquet.provenance_of(table).get("cell")
    if recorded != cell:
        raise InputError(f"{path} is of {recorded}, not of {cell}; {files.REMEDY}")
    missing = sorted(set(seeds).difference(pc.unique(table["seed"]).to_pylist()))
    if missing:
        raise InputError(f"{path} has no rows of seed {missing[0]}; {files.REMEDY}")
