"""Arguments that several commands share."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path

from capacity.experiment.cell import Cell, parse_cell
from capacity.experiment.checks import check_named_cell
from capacity.experiment.table_plan import FOLDER
from capacity.experiment.text import from_command


def add_table_arguments(parser: argparse.ArgumentParser, output: str) -> None:
    """Add the arguments of a command that makes a table from the files of the jobs of a plan.

    Args:
        parser: of the command.
        output: what the command writes, in words.
    """
    parser.add_argument("--plan", required=True, type=Path, help="plan of the table, which the command plan writes")
    parser.add_argument("--digest", help="digest that the plan must have; default: any")
    parser.add_argument("--cells", default=FOLDER, type=Path, help="folder of the trained cells")
    parser.add_argument("--output", required=True, type=Path, help=output)


def add_origin_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which runs tables have to be of."""
    parser.add_argument(
        "--record", nargs="*", default=[], type=Path, help="record of the runs (runs.json), one for each study or task"
    )
    parser.add_argument("--digest", nargs="*", default=[], help="digests of their plans, in the same order")


def add_figure_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a command that draws a figure."""
    add_origin_arguments(parser)
    add_title_argument(parser)
    add_drawn_arguments(parser)


def add_drawn_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments for the files of a figure."""
    parser.add_argument("--pdf", required=True, type=Path, help="PDF file to write")
    parser.add_argument("--png", required=True, type=Path, help="PNG file to write")
    parser.add_argument("--svg", type=Path, help="SVG file to write too, as the report shows it; default: none")


def drawn_files(arguments: argparse.Namespace) -> list[Path]:
    """Return the files of a figure that a command has to write."""
    return [path for path in (arguments.pdf, arguments.png, arguments.svg) if path]


def add_title_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument for the title of a study."""
    parser.add_argument("--title", required=True, type=from_command, help="title of the study")


def named_cell(name: str) -> Cell:
    """Return the cell of a name on the command line. Raises InputError if there is none that a study could contain."""
    cell = parse_cell(name)
    check_named_cell(cell)
    return cell


def whole_number(lowest: int, highest: int = 10**9) -> Callable[[str], int]:
    """Return the type of an argument that is a whole number within bounds."""

    def number(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", text) or not lowest <= int(text) <= highest:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {lowest:,} to {highest:,}")
        return int(text)

    return number


def add_job_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a command that trains or evaluates the networks of a job."""
    parser.add_argument("cell", help="name of the cell, such as task=facts/size=n14/variant=paper")
    parser.add_argument("--seeds", required=True, help="seeds of the job, such as 0-4_1337")
    parser.add_argument("--corpus", required=True, type=Path, help="Parquet file of the corpus")
    parser.add_argument("--output", required=True, type=Path, help="folder to write to")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="where to compute")
    parser.add_argument("--threads", type=whole_number(1, 1024), default=1, help="CPU threads")
