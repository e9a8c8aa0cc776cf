"""Write the explorer: one page with all runs and the small networks themselves, which opens without a network."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from capacity.commands.arguments import add_origin_arguments
from capacity.dictionary.verdicts import CLAIMS, EVIDENCE
from capacity.errors import InputError
from capacity.experiment.table_plan import FOLDER, read_plan
from capacity.explorer.content import StudyTables, content
from capacity.explorer.networks import Stacks
from capacity.explorer.page import PageSources, page
from capacity.findings.verdict_tables import check_made_of, read_verdicts
from capacity.storage import files, provenance, records
from capacity.studies.answer_file import read_answer
from capacity.tables.expression_histories import checked_histories
from capacity.tables.origins import by_study, identities, read_tables

OF_STUDIES = {"runs": "runs", "history": "history", "expression_histories": "expression-histories"}
VERDICTS = {"claims": CLAIMS, "evidence": EVIDENCE}
LONGEST_TEXT = 10_000_000  # bytes of the text of methods


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    for name, option in OF_STUDIES.items():
        parser.add_argument(f"--{option}", nargs="+", required=True, type=Path, help=f"{name}.parquet of every study")
    parser.add_argument("--plans", nargs="+", required=True, type=Path, help="plan of the tables of every study")
    parser.add_argument("--cells", default=FOLDER, type=Path, help="folder of the trained cells")
    parser.add_argument("--answers", nargs="+", required=True, type=Path, help="answer.json of every study")
    for name in VERDICTS:
        parser.add_argument(f"--{name}", required=True, type=Path, help=f"table of the {name}")
    parser.add_argument("--methods", required=True, type=Path, help="text of methods")
    parser.add_argument("--budget", required=True, help="the budget that runs the studies")
    add_origin_arguments(parser)
    parser.add_argument("--output", required=True, type=Path, help="the page")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    if not len(arguments.answers) == len(arguments.plans) == len(arguments.runs):
        raise InputError("give as many answers and plans as there are tables of runs")
    paths = {name: getattr(arguments, option.replace("-", "_")) for name, option in OF_STUDIES.items()}
    origins, tables = read_tables(paths, arguments.record, arguments.digest)
    studies = by_study(origins, arguments.runs)
    answers = [read_answer(path, origin) for path, origin in zip(arguments.answers, origins, strict=True)]
    judged = {name: read_verdicts(getattr(arguments, name), columns) for name, columns in VERDICTS.items()}
    for name, (_, made_of) in judged.items():
        check_made_of(getattr(arguments, name), made_of["settings"], identities(origins), arguments.budget)
    _check_methods(arguments.methods, identities(origins), arguments.budget)
    tables["expression_histories"] = [checked_histories(each) for each in tables["expression_histories"]]
    plans = [
        read_plan(path, arguments.cells, origin.plan) for path, origin in zip(arguments.plans, origins, strict=True)
    ]
    jobs = [job for origin in origins for job in origin.runs]
    stacks = Stacks((job for plan in plans for job in plan.jobs), jobs)
    shown = content(
        {
            study: StudyTables(**{name: tables[name][number] for name in OF_STUDIES})
            for number, study in enumerate(studies)
        },
        jobs,
        stacks,
    )
    record = provenance.record("explorer", {"budget": arguments.budget, "tables": identities(origins)})
    sources = PageSources(
        budget=arguments.budget,
        claims=judged["claims"][0],
        evidence=judged["evidence"][0],
        answers=answers,
        methods=files.read_text(arguments.methods, LONGEST_TEXT),
        tables=[
            (study, origin.plan or "unknown", origin.identity) for study, origin in zip(studies, origins, strict=True)
        ],
        origins=jobs,
        versions=record["versions"],
        commit=record["git_commit"],
    )
    files.write_text(arguments.output, page(sources, shown))
    read = [*arguments.record, *(path for of_kind in paths.values() for path in of_kind), *arguments.plans]
    read += [*arguments.answers, arguments.claims, arguments.evidence, arguments.methods]
    read += sorted({Path(stacks.path((run["cell"], run["seed"]))) for run in shown["runs"] if "weights" in run})
    records.write_record(arguments.output.with_suffix(".json"), record, [arguments.output], read)


def _check_methods(path: Path, tables: Mapping[str, str], budget: str) -> None:
    """Raise InputError if the text of methods is not what its record says, or is of other runs or another budget."""
    record = records.read_record(path.with_suffix(".json"))
    if record[records.FILES].get(path.name) != files.sha256(path):
        raise InputError(f"{path} has changed since {path.with_suffix('.json')} was written; {files.REMEDY}")
    check_made_of(path, record["settings"], tables, budget)
