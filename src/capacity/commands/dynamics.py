"""Make the tables of when runs fit, generalize and lose it again, from the histories of a study.

A run is seen only at its evaluations, so an event gets the time of the first evaluation that shows it; it happened
after the evaluation before. Times are in updates:

``t_fit``       the first evaluation with at least 99 % of the seen expressions right.
``t_fit_facts`` the first with all facts recalled, on the matched prompts.
``t_gen``       the first with all held-out expressions right.
``t_lose``      the first after ``t_gen`` at which not all of them are right, whether or not they all are again later.

An event that did not happen is None, and the run is right-censored at its last evaluation. So is a diverged run, which
counts like any other: it was watched to the end, and nothing happened. ``t_lose`` is looked for after ``t_gen`` only.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from capacity.commands.arguments import add_title_argument
from capacity.dictionary.studies import DYNAMICS, SUMMARY
from capacity.storage import files, parquet, provenance
from capacity.tables import frames
from capacity.tables.dynamics import cell_times, read_by_cell, run_times, to_markdown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--history", required=True, help="table of histories")
    parser.add_argument("--summary", required=True, help="table with one row per cell")
    add_title_argument(parser)
    parser.add_argument("--output", required=True, type=Path, help="folder of the tables")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    source = parquet.read_provenance(arguments.history)
    runs = pd.concat(map(run_times, read_by_cell(arguments.history)), ignore_index=True)
    cells = cell_times(runs, frames.read_frame(arguments.summary, SUMMARY))
    record = provenance.record("dynamics", source["settings"], runs=source["runs"])
    frames.write_table(arguments.output, "dynamics", runs, record, DYNAMICS)
    files.write_text(arguments.output / "dynamics.md", to_markdown(arguments.title, cells))
