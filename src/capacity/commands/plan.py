"""Write the plan of a table: the jobs whose files it is made from, with the seeds that it takes of each.

A table is named by a study, or by a study and one of its tasks: base, or base/arithmetic.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from capacity.errors import InputError
from capacity.experiment.configuration import validate
from capacity.experiment.configuration_files import read_configuration
from capacity.experiment.plan import make_plan
from capacity.experiment.table_plan import write_plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("table", help="a study, or a study and one of its tasks, such as base/arithmetic")
    parser.add_argument("--configuration", required=True, type=Path, help="YAML or JSON file, such as config.yaml")
    parser.add_argument("--cells", type=Path, help="folder of the trained cells; default: nothing is trained yet")
    parser.add_argument("--digest", help="digest that the plan must have, to be sure that it is the one expected")
    parser.add_argument("--output", required=True, type=Path, help="JSON file to write")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    config = read_configuration(arguments.configuration)
    plan = make_plan(config, arguments.cells, validate(config)).table(arguments.table)
    if arguments.digest not in (None, plan.digest):
        raise InputError(
            f"{arguments.configuration} has changed since this plan of {arguments.table} was asked for: its digest is "
            f"{plan.digest}, and not {arguments.digest}; run the same command again, and one at a time in a folder"
        )
    write_plan(arguments.output, plan)
