"""A folder of results with everything in it, made by the commands that the rules of the workflow run, in seconds."""

from __future__ import annotations

import hashlib
import itertools
import json
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from capacity.experiment.answers import RULES
from capacity.experiment.cell import parse_cell
from capacity.experiment.plan import (
    EXPRESSION_TASKS,
    MAIN_STUDY,
    figure_paths,
    make_plan,
    page_figures,
    page_path,
    record_paths,
)
from capacity.experiment.seeds import format_seeds
from capacity.storage import evaluations, files, json_files
from tests.support.commands import run_command
from tests.support.shipped_configuration import shipped_configuration

STUDIES = {
    "base": {
        "title": "Two cells",
        "question": "Do most runs generalize?",
        "answer": {"rule": "shares", "measure": "all-right"},
        "grids": [{"task": ["arithmetic", "facts"], "size": ["n14"]}],
        "figures": {
            "course": {"kind": "curves", "measure": ["seen", "facts"]},
            "times": {"kind": "dots", "measure": ["time-to-fit", "time-to-fit-facts"], "x": "task"},
        },
    },
    "weight-decay": {
        "title": "Decayed",
        "grids": [{"task": ["arithmetic"], "size": ["n14"], "weight_decay": [0.1]}],
    },
}


@dataclass(frozen=True)
class Stage:
    """A command as a rule runs it.

    Attributes:
        command: its name.
        arguments: on the command line.
        reads: the files that it reads.
        writes: the files that it writes.
    """

    command: str
    arguments: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]

    def run(self) -> None:
        """Run the command in the current folder."""
        run_command(self.command, *self.arguments)


def configure(iterations: int = 6, budget: str = "laptop", kernel: str = "auto") -> dict[str, Any]:
    """A configuration of cells of a few updates."""
    short = {"iterations": iterations, "batch": 8, "evaluation_interval": 2}
    cells = [{"set": short, "seeds": [0, 1]}]
    return {
        **shipped_configuration(),
        "budget": budget,
        "device": "cpu",
        "kernel": kernel,
        "studies": STUDIES,
        "budgets": {budget: {"run": list(STUDIES), "seeds_per_job": 2, "cells": cells}},
    }


def stages(config: Mapping[str, Any]) -> list[Stage]:
    """Every command that makes the results of a configuration, in an order in which each finds what it reads."""
    plan = make_plan(config, None)
    found: list[Stage] = []
    corpora = {cell.corpus_name: cell for cell in plan.cells.values()}
    for name, cell in corpora.items():
        path = f"results/corpora/{name}.parquet"
        found.append(Stage("corpus", (cell.name, "--output", path), (), (path,)))
    for name, seeds in ((name, seeds) for name, jobs in plan.jobs.items() for seeds in jobs):
        folder = f"results/cells/{name}/seeds={format_seeds(seeds)}"
        corpus = f"results/corpora/{parse_cell(name).corpus_name}.parquet"
        job = (name, "--seeds", format_seeds(seeds), "--corpus", corpus, "--output", folder, "--device", "cpu")
        made = tuple(f"{folder}/{each}" for each in ("weights.safetensors", "history.parquet"))
        record = (f"{folder}/run.json", f"{folder}/timing.json")
        found.append(Stage("train", (*job, "--kernel", config["kernel"]), (corpus,), made + record))
        answers = tuple(f"{folder}/{each}" for each in ("evaluation.json", *evaluations.BESIDE))
        found.append(Stage("evaluate", job, (corpus, *made), answers))
    for study in plan.studies.values():
        for table in (study.name, *(f"{study.name}/{task}" for task in study.tasks)):
            found += _tables(plan.table(table).files, table, study.title, plan.table(table).digest)
        found += _figures(plan, study)
        found += _own_figures(plan, study)
        found += [_answer(plan, study), _report_of_study(study)]
    found += _pages(plan, config["budget"])
    return found + _manifests(plan)


def make(folder: Path, config: Mapping[str, Any]) -> None:
    """Make the results of a configuration below a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        json_files.write_sealed_json("results/configuration.json", config)
        for stage in stages(config):
            stage.run()


def copy_of(factory: pytest.TempPathFactory, config: Mapping[str, Any]) -> Path:
    """A folder with the results of a configuration, which all processes of a run of tests make once together."""
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
    original = made_once(factory, f"results {digest[:16]}", lambda folder: make(folder, config))
    return Path(shutil.copytree(original, factory.mktemp("whole") / "own copy"))


def made_once(factory: pytest.TempPathFactory, name: str, fill: Callable[[Path], None]) -> Path:
    """A folder that the first process to ask for it fills, and that nobody may change."""
    own = factory.getbasetemp()
    shared = own.parent if own.name.startswith("popen-") else own
    original = shared / name
    with FileLock(shared / f"{name}.lock"):
        if not original.exists():
            unfinished = shared / f"{name}, unfinished"
            unfinished.mkdir()
            fill(unfinished)
            unfinished.rename(original)
    return original


def _tables(files_of: Any, table: str, title: str, digest: str) -> list[Stage]:
    folder, plan = f"results/tables/{table}", f"results/plans/{table}.json"
    source = ("--configuration", "results/configuration.json", "--cells", "results/cells")
    found = [Stage("plan", (table, *source, "--digest", digest, "--output", plan), (), (plan,))]
    for command, kinds, output, written in (
        (
            "tabulate",
            ("evaluation", "mechanism"),
            folder,
            ("runs.json", "runs.parquet", "summary.parquet", "summary.csv", "summary.md"),
        ),
        ("histories", ("history",), f"{folder}/history.parquet", ("history.parquet", "history.json")),
        ("expressions", ("answers",), f"{folder}/expressions.parquet", ("expressions.parquet", "expressions.json")),
        (
            "expression-histories",
            ("history", "answers"),
            f"{folder}/expression_histories.parquet",
            ("expression_histories.parquet", "expression_histories.json"),
        ),
    ):
        arguments = ("--plan", plan, "--digest", digest, "--output", output)
        made = tuple(f"{folder}/{name}" for name in written)
        read = [path for each in kinds for path in files_of(each)]
        found.append(Stage(command, arguments, (plan, *read), made))
    reading = _Reading([table], [digest])
    tables = (*reading.of("--history", "history.parquet"), *reading.of("--summary", "summary.parquet"))
    made = tuple(f"{folder}/dynamics.{kind}" for kind in ("parquet", "csv", "md", "json"))
    words = (*tables, *reading.origin(), "--title", title, "--output", folder)
    found.append(Stage("dynamics", words, tuple(reading.paths), made))
    return found


class _Reading:
    """Arguments for files of some tables, and the paths that were named."""

    def __init__(self, tables: Sequence[str], digests: Sequence[str]) -> None:
        self._tables = tables
        self._digests = digests
        self.paths: list[str] = []

    def of(self, option: str, name: str) -> tuple[str, ...]:
        paths = [f"results/tables/{table}/{name}" for table in self._tables]
        self.paths += paths
        return option, *paths

    def origin(self) -> tuple[str, ...]:
        return *self.of("--record", "runs.json"), "--digest", *self._digests


def _drawn(pdf: str) -> tuple[str, ...]:
    """The options of a command that draws, with the files of a figure beside its PDF."""
    return tuple(
        word for kind in ("pdf", "png", "svg") for word in (f"--{kind}", Path(pdf).with_suffix(f".{kind}").as_posix())
    )


def _figures(plan: Any, study: Any) -> list[Stage]:
    found = []
    for path in figure_paths(study):
        name = Path(path).stem
        tasks = [task for task in study.tasks if task in EXPRESSION_TASKS]
        several = [f"{study.name}/{task}" for task in tasks]
        options = {
            "tradeoff": ([study.name], {"--runs": "runs", "--summary": "summary"}),
            "dynamics": (several, {"--history": "history", "--runs": "dynamics", "--summary": "summary"}),
            "answers": (several, {"--expressions": "expressions", "--summary": "summary"}),
            "held_out_histories": (several, {"--histories": "expression_histories", "--summary": "summary"}),
        }
        tables, read = options.get(name, ([f"{study.name}/{name}"], {"--history": "history", "--summary": "summary"}))
        reading = _Reading(tables, [plan.table(table).digest for table in tables])
        words = itertools.chain.from_iterable(reading.of(option, f"{kind}.parquet") for option, kind in read.items())
        output = ("--title", study.title, *_drawn(path))
        command = (f"draw-{name.replace('_', '-')}",) if name in options else ("draw-curves", name)
        arguments = (*command[1:], *words, *reading.origin(), *output)
        found.append(Stage(command[0], arguments, tuple(reading.paths), (*output[3::2], path.replace(".pdf", ".json"))))
    return found


def _own_figures(plan: Any, study: Any) -> list[Stage]:
    found = []
    for name, figure in study.figures.items():
        tables = [f"{study.name}/{task}" for task in figure.tasks(study.cells.values())]
        reading = _Reading(tables, [plan.table(table).digest for table in tables])
        read = itertools.chain.from_iterable(reading.of(f"--{kind}", f"{kind}.parquet") for kind in figure.tables)
        made = tuple(f"results/studies/{study.name}/{name}.{kind}" for kind in ("pdf", "png", "svg", "json"))
        words = (*shlex.split(figure.options()), *read, *reading.origin(), "--title", study.title)
        arguments = (*words, *_drawn(made[0]))
        found.append(Stage("draw-measures", arguments, tuple(reading.paths), made))
    return found


def _answer(plan: Any, study: Any) -> Stage:
    folder, reading = f"results/studies/{study.name}", _Reading([study.name], [plan.table(study.name).digest])
    tables = ("runs", *(RULES[study.answer["rule"]].tables if study.answer else ()))
    words = tuple(word for kind in tables for word in reading.of(f"--{kind}", f"{kind}.parquet"))
    words += (*reading.origin(), "--title", study.title, "--question", study.question, "--output", folder)
    words += ("--answer", json.dumps(study.answer) if study.answer else "", "--command", "snakemake")
    made = tuple(f"{folder}/{name}" for name in ("index.md", "answer.json", "index.json"))
    return Stage("answer", words, tuple(reading.paths), made)


def _report_of_study(study: Any) -> Stage:
    figures = tuple(Path(path).with_suffix(".svg").as_posix() for path in page_figures(study))
    tables = tuple(f"results/tables/{study.name}/{name}.md" for name in ("summary", "dynamics"))
    pages, folder = (page_path(study), *tables), f"results/report/{study.name}"
    made = tuple(f"{folder}/{name}" for name in ("index.html", "summary.html", "dynamics.html", "pages.json"))
    words = (study.name, "--pages", *pages, "--figures", *figures, "--output", folder)
    return Stage("report-of-study", words, (*pages, *figures), made)


def _report_of_all(budget: str) -> Stage:
    verdicts = {"claims": "claims", "evidence": "claims_evidence", "replication": "replication"}
    paths = {f"--{option}": f"results/tables/{name}.parquet" for option, name in verdicts.items()}
    names = ("findings", "tables/claims", "tables/replication", "methods", "laboratory")
    pages = tuple(f"results/{name}.md" for name in names)
    figure = f"results/figures/{MAIN_STUDY}/tradeoff.svg"
    words = (*itertools.chain.from_iterable(paths.items()), "--budget", budget, "--pages", *pages)
    made = tuple(f"results/report/{Path(name).name}.html" for name in ("answer", *names))
    arguments = (*words, "--figures", figure, "--output", "results/report")
    return Stage("report-of-all", arguments, (*paths.values(), *pages, figure), (*made, "results/report/pages.json"))


def _laboratory(plan: Any, budget: str, digests: Sequence[str]) -> Stage:
    reading = _Reading(list(plan.studies), digests)
    answers = tuple(f"results/studies/{study}/answer.json" for study in plan.studies)
    words = ("--answers", *answers, *reading.origin(), "--budget", budget, "--output", "results/laboratory.md")
    made = ("results/laboratory.md", "results/laboratory.json")
    return Stage("laboratory", words, (*reading.paths, *answers), made)


def _methods(plan: Any, budget: str, digests: Sequence[str]) -> Stage:
    reading = _Reading(list(plan.studies), digests)
    answers = tuple(f"results/studies/{study}/answer.json" for study in plan.studies)
    evidence = "results/tables/claims_evidence.parquet"
    words = (*reading.of("--runs", "runs.parquet"), *reading.origin(), "--answers", *answers, "--evidence", evidence)
    words += ("--budget", budget, "--output", "results/methods.md")
    made = ("results/methods.md", "results/methods.json")
    return Stage("methods", words, (*reading.paths, *answers, evidence), made)


def _explorer(plan: Any, budget: str, digests: Sequence[str]) -> Stage:
    reading = _Reading(list(plan.studies), digests)
    options = {"--runs": "runs", "--history": "history", "--expression-histories": "expression_histories"}
    tables = itertools.chain.from_iterable(reading.of(option, f"{kind}.parquet") for option, kind in options.items())
    beside = {
        "--plans": [f"results/plans/{study}.json" for study in plan.studies],
        "--answers": [f"results/studies/{study}/answer.json" for study in plan.studies],
        "--claims": ["results/tables/claims.parquet"],
        "--evidence": ["results/tables/claims_evidence.parquet"],
        "--methods": ["results/methods.md"],
    }
    words = (*tables, *reading.origin(), *(word for option, paths in beside.items() for word in (option, *paths)))
    read = [*reading.paths, *itertools.chain.from_iterable(beside.values())]
    jobs = [job for study in plan.studies for job in plan.table(study).jobs]
    read += dict.fromkeys(f"{job.folder}/weights.safetensors" for job in jobs)
    made = ("results/explorer.html", "results/explorer.json")
    return Stage("explorer", (*words, "--budget", budget, "--output", made[0]), tuple(read), made)


def _pages(plan: Any, budget: str) -> list[Stage]:
    digests = [plan.table(study).digest for study in plan.studies]
    found = [_laboratory(plan, budget, digests)]
    for command, options in (("replication", ()), ("claims", ("--budget", budget))):
        reading = _Reading(list(plan.studies), digests)
        words = (*reading.of("--runs", "runs.parquet"), *reading.origin(), *options, "--output", "results/tables")
        names = ("claims", "claims_evidence") if command == "claims" else (command,)
        made = [f"{name}.{kind}" for name in names for kind in ("parquet", "csv")] + [
            f"{command}.md",
            f"{command}.json",
        ]
        found.append(Stage(command, words, tuple(reading.paths), tuple(f"results/tables/{each}" for each in made)))
    found.append(_drawn_replication(plan, digests))
    reading = _Reading(list(plan.studies), digests)
    words = tuple(
        word for kind in ("runs", "summary", "dynamics") for word in reading.of(f"--{kind}", f"{kind}.parquet")
    )
    verdicts = {"claims": "claims", "evidence": "claims_evidence", "replication": "replication"}
    paths = {option: f"results/tables/{name}.parquet" for option, name in verdicts.items()}
    words += tuple(word for option, path in paths.items() for word in (f"--{option}", path))
    words += (*reading.origin(), "--budget", budget, "--output", "results/findings.md")
    made = ["results/findings.md", "results/findings.json"]
    found.append(Stage("findings", words, (*reading.paths, *paths.values()), tuple(made)))
    return [*found, _methods(plan, budget, digests), _explorer(plan, budget, digests), _report_of_all(budget)]


def _drawn_replication(plan: Any, digests: Sequence[str]) -> Stage:
    reading = _Reading(list(plan.studies), digests)
    table = "results/tables/replication.parquet"
    made = tuple(f"results/figures/replication.{kind}" for kind in ("pdf", "png", "svg", "json"))
    words = ("--replication", table, *reading.origin(), *_drawn(made[0]))
    return Stage("draw-replication", words, (*reading.paths, table), made)


@dataclass(frozen=True)
class Copy:
    """The rule that copies a figure of the main study."""

    command: str
    source: str
    target: str

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()

    def run(self) -> None:
        """Copy it."""
        with files.atomic(self.target) as temporary:
            temporary.write_bytes(Path(self.source).read_bytes())


def _manifests(plan: Any) -> list[Any]:
    found: list[Any] = []
    for study in plan.studies.values():
        copies = []
        if study.name == MAIN_STUDY:
            drawn = [Path(path).with_suffix(kind) for path in figure_paths(study) for kind in (".pdf", ".png")]
            copies = [f"results/figures/{path.name}" for path in drawn]
            found += [Copy("copy", path.as_posix(), copy) for path, copy in zip(drawn, copies, strict=True)]
        made_of, path = record_paths(study), f"results/manifests/{study.name}.sha256"
        words = (
            "--records",
            *made_of,
            "--copies",
            *copies,
            "--study",
            study.name,
            "--root",
            "results",
            "--output",
            path,
        )
        found.append(Stage("manifest", words, tuple(made_of), (path,)))
    against_the_paper = ("tables/replication", "figures/replication", "tables/claims", "findings")
    names = (*against_the_paper, "laboratory", "methods", "explorer", "report/pages")
    pages = tuple(f"results/{name}.json" for name in names)
    words = ("--records", *pages, "--root", "results", "--output", "results/manifest.sha256")
    return [*found, Stage("manifest", words, pages, ("results/manifest.sha256",))]
