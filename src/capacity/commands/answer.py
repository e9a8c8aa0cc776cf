"""Write the page of a study: its question, what was run, and the answer that its rule computes from the runs.

The page is ``index.md``, and ``answer.json`` holds the answer with its tables.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy
import pandas as pd

from capacity.commands.arguments import add_origin_arguments, add_title_argument
from capacity.errors import InputError
from capacity.experiment.answers import RULES as DECLARED
from capacity.experiment.text import from_command
from capacity.statistics.intervals import RESAMPLING_SEED
from capacity.storage import files, provenance, records
from capacity.studies.answer import Draws, StudyTables
from capacity.studies.answer_file import StudyAnswer, write_answer
from capacity.studies.cells_run import describe
from capacity.studies.page import to_markdown
from capacity.studies.registry import RULES
from capacity.tables.origins import read_tables

PAGE, ANSWER, RECORD = "index.md", "answer.json", "index.json"
TABLES = ("runs", "dynamics", "history")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--runs", required=True, type=Path, help="table of runs")
    for name in TABLES[1:]:
        parser.add_argument(f"--{name}", nargs="*", default=[], type=Path, help=f"table {name}, if the rule reads it")
    add_origin_arguments(parser)
    add_title_argument(parser)
    parser.add_argument("--question", default="", type=from_command, help="what the study asks")
    parser.add_argument("--answer", default="", type=from_command, help="the rule with its options, as JSON")
    parser.add_argument("--left-out", nargs="*", default=[], help="tasks and sizes that the budget leaves out")
    parser.add_argument("--figures", nargs="*", default=[], help="paths of figures (PNG) from the folder of the page")
    parser.add_argument("--command", required=True, help="the command that runs the study again")
    parser.add_argument("--complete-command", default="", help="the command that also runs what is left out")
    parser.add_argument("--output", required=True, type=Path, help="folder of the page")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    settings = _settings(arguments.answer)
    paths = {"runs": [arguments.runs]} | {name: list(getattr(arguments, name)) for name in TABLES[1:]}
    paths = {name: of_kind for name, of_kind in paths.items() if of_kind}
    for needed in DECLARED[settings["rule"]].tables if settings else ():
        if needed not in paths:
            raise InputError(f"--{needed}: is missing; the rule {settings['rule']!r} reads this table")
    (origin,), tables = read_tables(paths, arguments.record, arguments.digest)
    frames: dict[str, pd.DataFrame] = {name: of_kind[0] for name, of_kind in tables.items()}
    runs = frames["runs"]
    answer = None
    if settings:
        draws = Draws(numpy.random.default_rng(RESAMPLING_SEED))
        answer = RULES[settings["rule"]](settings, StudyTables(**frames), draws)
    said = StudyAnswer(
        study=origin.table or arguments.runs.parent.name,
        title=arguments.title,
        question=arguments.question,
        settings=settings or None,
        answer=answer,
        run_count=len(runs),
        diverged_count=int(runs["diverged"].sum()),
        left_out=tuple(arguments.left_out),
        command=arguments.command,
        complete_command=arguments.complete_command,
    )
    write_answer(arguments.output / ANSWER, said, origin)
    files.write_text(arguments.output / PAGE, to_markdown(said, describe(runs), arguments.figures))
    record = provenance.record(
        "answer",
        {"table": origin.table, "plan": origin.plan, "question": said.question, "answer": settings or None},
        runs=origin.runs,
    )
    made = [arguments.output / name for name in (PAGE, ANSWER)]
    read = [*arguments.record, *(path for of_kind in paths.values() for path in of_kind)]
    records.write_record(arguments.output / RECORD, record, made, read)


def _settings(text: str) -> dict[str, Any]:
    """Return the rule with its options; empty if there is none. Raises InputError if it is not one."""
    try:
        settings: dict[str, Any] = json.loads(text) if text else {}
        if settings and settings["rule"] not in RULES:
            raise KeyError(settings["rule"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"--answer: {text!r:.200} is not a rule with its options ({error!r})") from error
    return settings
