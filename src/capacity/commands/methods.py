"""Write the text of methods: what the methods section of a paper says about the runs of a budget, ready to paste."""

from __future__ import annotations

import argparse
from pathlib import Path

from capacity.commands.arguments import add_origin_arguments
from capacity.dictionary.verdicts import EVIDENCE
from capacity.errors import InputError
from capacity.findings.methods import TEMPLATE, MethodsSources, page
from capacity.findings.verdict_tables import check_made_of, read_verdicts
from capacity.storage import files, provenance, records
from capacity.studies.answer_file import read_answer
from capacity.tables.origins import by_study, identities, read_tables


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--runs", nargs="+", required=True, type=Path, help="runs.parquet of every study")
    parser.add_argument("--answers", nargs="+", required=True, type=Path, help="answer.json of every study")
    parser.add_argument("--evidence", required=True, type=Path, help="table of the evidence on the claims")
    parser.add_argument("--budget", required=True, help="the budget that runs the studies")
    add_origin_arguments(parser)
    parser.add_argument("--output", required=True, type=Path, help="the text")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    if len(arguments.answers) != len(arguments.runs):
        raise InputError("give as many answers as there are tables of runs")
    origins, tables = read_tables({"runs": arguments.runs}, arguments.record, arguments.digest)
    studies = by_study(origins, arguments.runs)
    answers = [read_answer(path, origin) for path, origin in zip(arguments.answers, origins, strict=True)]
    evidence, made_of = read_verdicts(arguments.evidence, EVIDENCE)
    check_made_of(arguments.evidence, made_of["settings"], identities(origins), arguments.budget)
    sources = MethodsSources(
        budget=arguments.budget,
        runs=dict(zip(studies, tables["runs"], strict=True)),
        answers=answers,
        evidence=evidence,
        origins=[job for origin in origins for job in origin.runs],
        versions=made_of["versions"],
        commit=made_of["git_commit"],
    )
    files.write_text(arguments.output, page(sources, TEMPLATE.read_text(encoding="utf-8")))
    record = provenance.record("methods", {"budget": arguments.budget, "tables": identities(origins)})
    read = [*arguments.record, *arguments.runs, *arguments.answers, arguments.evidence]
    records.write_record(arguments.output.with_suffix(".json"), record, [arguments.output], read)
