"""Stage 3: what the trained networks of one job know: JSON checked against a schema, and Parquet for single answers.

Three endpoints, each by name: the final iterate, the mean over the last 20 evaluations, and the checkpoint that the
paper's rule picks (the earliest maximum of an accuracy that includes the held-out expressions, so a choice made on
the test set: it is shown beside the others, and decides nothing).
"""

from __future__ import annotations

import argparse
import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import fastjsonschema
import jsonschema
import numpy
import pyarrow as pa
import pyarrow.compute as pc
import torch
import yaml
from numpy.typing import NDArray
from torch import Tensor

from capacity import bits, corpus, devices, errors, files, floors, model, operands, weights
from capacity.cells import Cell, parse_cell, parse_seeds
from capacity.errors import InputError
from capacity.scoring import Candidates, Examination, Item, candidates_by_task
from capacity.tasks import Line

AVERAGED_EVALUATIONS = 20  # of the paper's 121; a run with fewer evaluations averages the same share of them
PAPER_EVALUATIONS = 121
PAPER_RULE_SCORE = "combined_910"
ITEM_COLUMNS = {
    "seed": "an integer",
    "diverged": "true or false",
    **dict.fromkeys(("task", "operation", "split", "prompts", "prompt", "true", "answer"), "text"),
    "right": "true or false",
    **dict.fromkeys(("log_probability", "margin"), "a number"),
}
OPERAND_COLUMNS = {"seed": "an integer", "prompt": "text", "answer": "text"}
_TYPES = {"an integer": pa.int64(), "text": pa.string(), "true or false": pa.bool_(), "a number": pa.float64()}
ITEMS = pa.schema([pa.field(name, _TYPES[kind], kind == "a number") for name, kind in ITEM_COLUMNS.items()])
"""One row per run and question of the corpus: what was asked, answered and right, how likely the true answer is, and
how far above the best wrong one; the last two are missing where they are not finite."""

OPERANDS = pa.schema([pa.field(name, _TYPES[kind], False) for name, kind in OPERAND_COLUMNS.items()])
"""One row per run and prompt of :mod:`capacity.operands`."""

CHOICES = {
    "task": ("arithmetic", "facts"),
    "operation": ("addition", "subtraction", "recall"),
    "split": ("seen", "held_out"),
    "prompts": ("paper", "matched"),
}
OPERAND_PROMPT = "^<?[0-9]{1,2}[+-][0-9]{1,2}=$"
MOST_LOG_PROBABILITY = 0.001  # rounding takes it above 0

HISTORY_COLUMNS = {"seed": "an integer", "iteration": "an integer", "stream_loss": "a number"}


def evaluate(
    cell: Cell,
    lines: Sequence[Line],
    seeds: Sequence[int],
    parameters: model.Parameters,
    history: pa.Table,
    diverged_at: Sequence[int | None],
) -> dict[str, Any]:
    """The evaluation of every seed of a job, without its provenance; runs where the parameters are.

    ``diverged_at`` says of each seed what :class:`capacity.train.Trained` does. Raises ValueError if a seed is missing
    from the history, or is said not to have diverged and has parameters that are not finite.
    """
    vocabulary = corpus.vocabulary(lines)
    examination = Examination(lines, vocabulary, cell.block)
    heads = cell.size.heads
    with torch.no_grad():
        answers = examination.ask(parameters, heads)
        questions = len(examination.items)
        log_probability = torch.full((len(seeds), questions), math.nan)
        margin = torch.full((len(seeds), questions), math.nan)
        tables = {}
        for task, (numbers, candidates) in candidates_by_task(examination.items, vocabulary, cell.block).items():
            table = candidates.log_probabilities(parameters, heads)
            true, above = candidates.margins(table)
            log_probability[:, numbers], margin[:, numbers] = true.cpu(), above.cpu()
            tables[task] = (numbers, candidates, table.cpu().numpy())
        beyond_digits = operands.evaluate(parameters, heads, lines, vocabulary, cell.block)
    scores = examination.scores(answers)
    totals = examination.totals()
    lowest = floors.loss_floors(cell, lines)
    characters = sum(len(line.text) for line in corpus.stream_lines(lines))
    missing = [name for name in totals if name not in history.column_names]
    if missing:
        raise InputError(f"the history of {cell.name} has no column {missing[0]!r}; {files.REMEDY}")
    rows = history.to_pylist()
    runs = []
    for number, seed in enumerate(seeds):
        evaluations = [row for row in rows if row["seed"] == seed]
        if not evaluations:
            raise InputError(f"the history of {cell.name} has no rows of seed {seed}")
        if diverged_at[number] is None and not is_finite(parameters, number):
            raise InputError(f"seed {seed} of {cell.name} has weights that are not finite, and no record of diverging")
        last = evaluations[-1]
        final = {name: _score(int(count[number]), totals[name]) for name, count in scores.items()}
        items = [
            {
                "task": item.line.task,
                "operation": item.line.operation,
                "split": item.line.split,
                "prompts": item.prompts,
                "prompt": item.prompt,
                "true": item.line.answer,
                "answer": answers.continuations[number][index],
                "right": bool(answers.right[number, index]),
                "log_probability": finite(log_probability[number, index]),
                "margin": finite(margin[number, index]),
            }
            for index, item in enumerate(examination.items)
        ]
        known = {
            task: memorized_bits(task, [examination.items[each] for each in numbers], candidates, table[number])
            for task, (numbers, candidates, table) in tables.items()
        }
        order = bits.order_bits(last["stream_loss"], lowest, characters, cell.stream)
        runs.append(
            {
                "seed": seed,
                "diverged": diverged_at[number] is not None,
                "diverged_at": diverged_at[number],
                "final": _endpoint([last], final),
                "time_average": _averaged(evaluations[-averaged_evaluations(len(evaluations)) :], totals),
                "paper_best": _averaged([paper_best(evaluations)], totals),
                "bits": finite_tree(
                    {"order": order, "arithmetic": known.get("arithmetic"), "facts": known.get("facts")}
                ),
                "items": items,
                "operands": beyond_digits[number],
            }
        )
    total, without_positions = model.count_parameters(cell.size, len(vocabulary), cell.block)
    return {
        "cell": cell.name,
        "parameters": total,
        "parameters_without_positions": without_positions,
        "stream_characters": characters,
        "loss_floors": {"order_known": lowest.order_known, "order_unknown": lowest.order_unknown},
        "operand_baselines": operands.baselines(lines),
        "runs": runs,
    }


def memorized_bits(
    task: str, questions: Sequence[Item], candidates: Candidates, table: NDArray[numpy.float32]
) -> dict[str, Any]:
    """What :mod:`capacity.bits` says of one network's answers to the K questions of a task.

    ``table`` is (K, C), natural logarithms: question k answered by candidate c of ``candidates``.
    """
    lines = [item.line for item in questions]
    if task == "arithmetic":
        return bits.arithmetic_bits(lines, candidates.answers, table)
    variants = {}
    for prompts in ("paper", "matched"):
        numbers = [number for number, item in enumerate(questions) if item.prompts == prompts]
        facts = [lines[number] for number in numbers]
        variants[f"{prompts}_prompts"] = bits.fact_bits(facts, candidates.answers, table[numbers])
    return variants


def finite_tree(value: Any) -> Any:
    """Numbers in nested mappings, for JSON: None in place of NaN, the infinities and None."""
    if isinstance(value, Mapping):
        return {name: finite_tree(each) for name, each in value.items()}
    return None if value is None else finite(value)


def averaged_evaluations(evaluations: int) -> int:
    """How many evaluations at the end of a run the time average takes: 20, or their share of a run with fewer."""
    return min(AVERAGED_EVALUATIONS, max(1, round(evaluations * AVERAGED_EVALUATIONS / PAPER_EVALUATIONS)))


def paper_best(evaluations: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The paper's checkpoint: the earliest evaluation with the largest 910-style accuracy, held-out items included."""
    return max(evaluations, key=lambda row: (row[PAPER_RULE_SCORE], -row["iteration"]))


def is_finite(parameters: model.Parameters, number: int) -> bool:
    """Whether every parameter of one network of a stack is finite."""
    return all(bool(value[number].isfinite().all()) for value in parameters.values())


def finite(value: float | Tensor) -> float | None:
    """A number for JSON: None in place of NaN and the infinities."""
    number = float(value)
    return number if math.isfinite(number) else None


def _score(correct: int, total: int) -> dict[str, float | int]:
    return {"correct": correct, "total": total, "fraction": correct / total}


def _endpoint(evaluations: Sequence[dict[str, Any]], scores: dict[str, Any]) -> dict[str, Any]:
    losses = [row["stream_loss"] for row in evaluations]
    return {
        "first_iteration": evaluations[0]["iteration"],
        "last_iteration": evaluations[-1]["iteration"],
        "evaluations": len(evaluations),
        "stream_loss": finite(sum(losses) / len(losses)),
        "scores": scores,
    }


def _averaged(evaluations: Sequence[dict[str, Any]], totals: dict[str, int]) -> dict[str, Any]:
    scores = {
        name: _score(sum(round(row[name] * total) for row in evaluations), total * len(evaluations))
        for name, total in totals.items()
    }
    return _endpoint(evaluations, scores)


def read_history(path: str | Path, cell: Cell, seeds: Sequence[int]) -> pa.Table:
    """The history of a job. Raises InputError naming the file if it is damaged or of another job."""
    history = files.read_parquet(path)
    files.check_columns(path, history, HISTORY_COLUMNS)
    _check_runs(path, history, cell, seeds)
    return history


@functools.cache
def _validators() -> tuple[Callable[[Any], Any], jsonschema.Draft202012Validator]:
    """A validator that is fast, and one that says in words what is wrong."""
    schema = yaml.safe_load(files.EVALUATION_SCHEMA.read_text(encoding="utf-8"))
    return fastjsonschema.compile(schema, use_default=False), jsonschema.Draft202012Validator(schema)


def check(evaluation: Any, source: str | Path) -> None:
    """Raises InputError naming the file and the key if an evaluation, as it is in its file, does not fit the schema."""
    accept, validator = _validators()
    try:
        accept(evaluation)
    except fastjsonschema.JsonSchemaValueException as fault:
        error = next(validator.iter_errors(evaluation), None)
        said = f"$: {fault.message}" if error is None else f"{error.json_path}: {error.message}"
        raise InputError(f"{source}: {said[:300]}") from fault


def split(evaluation: Mapping[str, Any]) -> tuple[dict[str, Any], pa.Table, pa.Table]:
    """An evaluation without its single answers, and these as tables of :data:`ITEMS` and :data:`OPERANDS`: most readers
    need no answers, which are nine tenths of an evaluation."""
    runs, items, answers = [], [], []
    for run in evaluation["runs"]:
        kept = {name: value for name, value in run.items() if name != "items"}
        items += [{"seed": run["seed"], "diverged": run["diverged"]} | item for item in run["items"]]
        if run["operands"] is not None:
            kept["operands"] = {name: value for name, value in run["operands"].items() if name != "answers"}
            said = run["operands"]["answers"].items()
            answers += [{"seed": run["seed"], "prompt": prompt, "answer": answer} for prompt, answer in said]
        runs.append(kept)
    tables = pa.Table.from_pylist(items, schema=ITEMS), pa.Table.from_pylist(answers, schema=OPERANDS)
    return {**evaluation, "runs": runs}, *tables


def write(folder: str | Path, evaluation: Mapping[str, Any]) -> None:
    """``items.parquet``, ``operands.parquet`` and then ``evaluation.json`` of a job.

    Raises InputError naming the file and the key if the evaluation does not fit what readers count on, and then writes
    nothing.
    """
    folder = Path(folder)
    kept, items, answers = split(evaluation)
    check(kept, folder / "evaluation.json")
    check_items(items, folder / "items.parquet")
    silent = sorted({run["seed"] for run in kept["runs"]}.difference(items["seed"].to_pylist()))
    if silent:
        raise InputError(f"{folder / 'items.parquet'}: seed {silent[0]} was asked nothing")
    strange = answers.filter(pc.invert(pc.match_substring_regex(answers["prompt"], OPERAND_PROMPT)))
    if len(strange):
        raise InputError(f"{folder / 'operands.parquet'}: {strange['prompt'][0]} is not a prompt such as <12+5=")
    record = {"cell": evaluation["cell"], **evaluation["provenance"]}
    files.write_parquet(folder / "items.parquet", items, record)
    files.write_parquet(folder / "operands.parquet", answers, record)
    files.write_sealed_json(folder / "evaluation.json", kept)


def check_items(items: pa.Table, source: str | Path) -> None:
    """Raises InputError naming the file and the column if a table of answers is not what readers count on."""
    files.check_columns(source, items, ITEM_COLUMNS)
    empty = [name for name in ITEM_COLUMNS if name not in ("log_probability", "margin") and items[name].null_count]
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


def read_items(path: str | Path, cell: Cell, seeds: Iterable[int]) -> pa.Table:
    """The answers of a job. Raises InputError naming the file if it is damaged, of another job, or lacks a seed."""
    items = files.read_parquet(path)
    check_items(items, path)
    _check_runs(path, items, cell, seeds)
    return items


def _check_runs(path: str | Path, table: pa.Table, cell: Cell, seeds: Iterable[int]) -> None:
    found = files.provenance_of(table).get("cell")
    if found != cell.name:
        raise InputError(f"{path} is of {found}, not of {cell.name}; {files.REMEDY}")
    missing = sorted(set(seeds).difference(pc.unique(table["seed"]).to_pylist()))
    if missing:
        raise InputError(f"{path} has no rows of seed {missing[0]}; {files.REMEDY}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cell", help="name of the cell, such as task=facts/size=n14/variant=paper")
    parser.add_argument("--seeds", required=True, help="seeds of the job, such as 0-4_1337")
    parser.add_argument("--corpus", required=True, help="Parquet file of the corpus")
    parser.add_argument("--weights", required=True, help="safetensors file of the stack")
    parser.add_argument("--history", required=True, help="Parquet file of the histories")
    parser.add_argument("--output", required=True, type=Path, help="folder to write to")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    arguments = parser.parse_args()

    devices.prepare(arguments.threads)
    device = devices.resolve(arguments.device)
    with devices.placed(device):
        run(arguments, device)


def run(arguments: argparse.Namespace, device: str) -> None:
    """The job that the command line describes, on ``cpu`` or ``cuda``, from weights to the evaluation."""
    cell, seeds = parse_cell(arguments.cell), parse_seeds(arguments.seeds)
    parameters = {name: value.to(device) for name, value in weights.load(arguments.weights, cell, seeds).items()}
    history = read_history(arguments.history, cell, seeds)
    diverged_at = files.provenance_of(history)["diverged_at"]
    evaluation = evaluate(cell, corpus.read(arguments.corpus, cell), seeds, parameters, history, diverged_at)
    evaluation["provenance"] = files.provenance(
        "evaluate",
        cell.settings(),
        seeds=list(seeds),
        device=devices.name(device),
        threads=arguments.threads,
        training=files.provenance_of(history),
    )
    write(arguments.output, evaluation)
    print(f"evaluated {len(seeds)} seeds of {cell.name}")


if __name__ == "__main__":
    errors.run(main)
