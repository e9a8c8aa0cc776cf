"""A finished study of as many cells as wanted, with results that nobody trained: to see what later stages cost.

Each file that a stage reads is whole, sealed and as large as a real one. Evaluations are those of untrained networks,
with scores and losses drawn anew for every run; histories have the paper's 121 evaluations. Weights and the answers to
operands beyond the digits, which no stage after evaluation reads, are empty files.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy
import pyarrow as pa

from benchmarks.scale import SEEDS, STUDY, TASKS
from capacity.corpora import corpus
from capacity.evaluation.job import evaluate_job
from capacity.evaluation.mechanism import mechanism
from capacity.evaluation.questions import QuestionSet
from capacity.experiment.assignment import RECORD
from capacity.experiment.cell import Cell
from capacity.experiment.plan import make_plan
from capacity.experiment.seeds import runs_name
from capacity.model.initialization import initialise
from capacity.model.networks import networks_of
from capacity.storage import evaluations, json_files, parquet, provenance
from capacity.training.evaluator import as_digits
from capacity.training.execution import Execution
from capacity.training.history import history_table

VARIANTS = 50  # of each task: runs whose texts are written out once; every cell has twenty of them


def write_study(folder: Path, config: Mapping[str, Any]) -> None:
    """Everything up to the evaluations of the study, as if it had been trained in ``folder``."""
    plan = make_plan(config, folder / "results/cells")
    templates = {task: Template(next(cell for cell in plan.cells.values() if cell.task == task)) for task in TASKS}
    for corpus_name in sorted({cell.corpus_name for cell in plan.cells.values()}):
        path = folder / f"results/corpora/{corpus_name}.parquet"
        parquet.write_parquet(path, corpus.to_table(corpus.build(plan.cells[next(iter(plan.cells))])), {})
    for number, job in enumerate(plan.table(STUDY).jobs):
        cell, seeds = plan.cells[job.cell], job.seeds
        templates[cell.task].write(folder / "results/cells" / runs_name(cell, seeds), cell, number)


class Template:
    """Writes the results of any cell of one task."""

    def __init__(self, cell: Cell) -> None:
        rng = numpy.random.default_rng(0)
        lines = corpus.build(cell)
        vocabulary = corpus.vocabulary(lines)
        question_set = QuestionSet(lines, vocabulary, cell.block)
        self._totals, self._questions = question_set.totals(), len(question_set.questions)
        stack = initialise(cell.size, len(vocabulary), cell.block, SEEDS)
        history = self._history(cell, rng)
        networks = networks_of(stack, cell.size, "torch", "cpu", 1)
        found = evaluate_job(cell, lines, SEEDS, networks, history, [None] * len(SEEDS))
        whole, self._answers, _ = evaluations.split(found)
        self._mechanism = evaluations.mechanism_table(
            SEEDS, mechanism(stack, cell.size.heads, lines, vocabulary, cell.block)
        )
        self._head = json.dumps(
            {name: value for name, value in whole.items() if name not in ("cell", "runs")}, indent=1
        )
        runs = [self._drawn(whole["runs"][number % len(SEEDS)], rng) for number in range(VARIANTS)]
        self._runs = [json.dumps(run, indent=1).removeprefix("{") for run in runs]
        self._histories = [self._history(cell, rng) for _ in range(VARIANTS)]
        self._how = Execution().record("cpu") | {"device": "cpu", "threads": 1, "diverged_at": [None] * len(SEEDS)}
        self._record = provenance.record("train", {}) | self._how
        self._evaluation = provenance.record("evaluate", {})

    def write(self, folder: Path, cell: Cell, number: int) -> None:
        """The files of the job of a cell, the ``number``th."""
        settings = cell.settings()
        record = self._record | {"cell": cell.name, "seeds": list(SEEDS), "settings": settings}
        evaluation = self._evaluation | {"seeds": list(SEEDS), "settings": settings, "training": record}
        parquet.write_parquet(folder / "history.parquet", self._histories[number % VARIANTS], record)
        for name, table in (("answers.parquet", self._answers), ("mechanism.parquet", self._mechanism)):
            parquet.write_parquet(folder / name, table, evaluation | {"cell": cell.name})
        chosen = numpy.random.default_rng(number).integers(0, VARIANTS, len(SEEDS))
        runs = ",\n".join(f'{{"seed": {seed},{self._runs[each]}' for seed, each in zip(SEEDS, chosen, strict=True))
        head = self._head.removesuffix("\n}")
        text = f'{head},\n"cell": "{cell.name}",\n"runs": [{runs}],\n"provenance": {json.dumps(evaluation)}\n}}'
        (folder / "evaluation.json").write_text(json_files.sealed(text), encoding="utf-8")
        (folder / RECORD).write_text(json.dumps(record), encoding="utf-8")
        for name in ("weights.safetensors", "timing.json", "operands.parquet"):
            (folder / name).touch()

    def _drawn(self, run: Mapping[str, Any], rng: numpy.random.Generator) -> dict[str, Any]:
        """A run with other scores and losses, without its seed."""
        drawn = {name: value for name, value in run.items() if name != "seed"}
        for endpoint in ("final", "time_average", "paper_best"):
            scores = {name: self._score(rng, score["total"]) for name, score in run[endpoint]["scores"].items()}
            drawn[endpoint] = run[endpoint] | {"stream_loss": float(rng.uniform(0.2, 0.8)), "scores": scores}
        drawn["operands"] = {
            way: {name: self._score(rng, score["total"]) for name, score in scores.items()}
            for way, scores in run["operands"].items()
        }
        return drawn

    @staticmethod
    def _score(rng: numpy.random.Generator, total: int) -> dict[str, Any]:
        correct = int(rng.integers(0, total + 1))
        return {"correct": correct, "total": total, "fraction": correct / total}

    def _history(self, cell: Cell, rng: numpy.random.Generator) -> pa.Table:
        return history_table(list(self._rows(cell, rng)))

    def _rows(self, cell: Cell, rng: numpy.random.Generator) -> Iterator[dict[str, Any]]:
        """Histories in which losses fall and scores rise, unsteadily."""
        iterations = range(0, cell.iterations + 1, cell.evaluation_interval)
        for seed in SEEDS:
            for iteration in iterations:
                share = (iteration / cell.iterations) ** rng.uniform(0.2, 0.3)
                row: dict[str, Any] = {"seed": seed, "iteration": iteration, "learning_rate": cell.learning_rate}
                row |= {"training_loss": float(rng.uniform(0.2, 0.8)), "stream_loss": float(2 - share)}
                row |= {name: round(share * total) / total for name, total in self._totals.items()}
                row |= {"held_out_margin": float(rng.normal()), "held_out_smallest_margin": float(rng.normal())}
                row["questions_right"] = as_digits(rng.random(self._questions) < share)
                yield row


def main() -> None:
    """A process of its own makes the files, for a large one would count in the peak memory of those it starts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.synthetic", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder to write to")
    parser.add_argument("--config", required=True, type=Path, help="configuration of the study, as JSON")
    arguments = parser.parse_args()
    write_study(arguments.folder, json.loads(arguments.config.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
