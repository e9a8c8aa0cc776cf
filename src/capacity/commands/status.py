"""Show what is running, waiting, trained and done: a table with every job.

The jobs are those of the newest run in the folder, whatever its command line said: of the studies that it builds, and
of whatever else is running there. Where nothing was run yet, config.yaml says what there is to do.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from capacity.commands.arguments import whole_number
from capacity.experiment.configuration import newest_configuration
from capacity.experiment.plan import make_plan
from capacity.experiment.status import current_studies, statuses, table
from capacity.experiment.table_plan import FOLDER

REFRESH_SECONDS = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--watch", action="store_true", help="refresh every two seconds until interrupted")
    parser.add_argument("--budget", help="budget to look at; default: that of the newest run, or of config.yaml")
    parser.add_argument("--study", nargs="+", help="studies to look at; default: those of the newest run")
    parser.add_argument("--root", type=Path, default=Path(), help="folder that holds config.yaml and results")
    parser.add_argument("--rows", type=whole_number(1), default=40, help="most rows to show")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""

    def current() -> Table:
        config = newest_configuration(arguments.root, arguments.budget)
        plan = make_plan(config, arguments.root / FOLDER)
        run_by_budget = config["budgets"][config["budget"]]["run"]
        studies = arguments.study or current_studies(plan, run_by_budget, arguments.root)
        return table(statuses(plan, studies, arguments.root, time.time()), arguments.rows)

    console = Console()
    if not arguments.watch:
        console.print(current())
        return
    with Live(current(), console=console, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(REFRESH_SECONDS)
                live.update(current(), refresh=True)
        except KeyboardInterrupt:
            return
