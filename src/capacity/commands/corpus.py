"""Write the corpus that a cell trains on and is asked about, as a Parquet file with one row per line."""

from __future__ import annotations

import argparse

from capacity.commands.arguments import named_cell
from capacity.corpora.corpus import build, to_table
from capacity.dictionary.column import describe
from capacity.dictionary.jobs import CORPUS
from capacity.experiment.cell import CORPUS_AXES
from capacity.storage import parquet, provenance


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the cell and the file to write."""
    parser.add_argument("cell", help="a cell that reads this corpus, such as task=joint/size=n14/variant=paper")
    parser.add_argument("--output", required=True, help="Parquet file to write")


def run(arguments: argparse.Namespace) -> None:
    """Write the corpus of the cell."""
    cell = named_cell(arguments.cell)
    settings = {
        "corpus": cell.corpus_name,
        "task": cell.task,
        "held_out": [list(pair) for pair in cell.held_out],
        "facts": cell.facts,
        "corpus_seed": cell.corpus_seed,
        **{axis: value for axis, value in cell.departures().items() if axis in CORPUS_AXES},
    }
    table = describe(to_table(build(cell)), CORPUS)
    parquet.write_parquet(arguments.output, table, provenance.record("corpus", settings))
