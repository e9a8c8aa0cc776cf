"""What is running, done and waiting: a table of every job of the studies that ``all`` builds, or of those named.

python -m capacity.status [--watch] [--budget paper] [--study grokking]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from capacity.experiment import configuration
from capacity.experiment import plan as experiment_plan
from capacity.experiment.status import statuses, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--watch", action="store_true", help="refresh every two seconds until interrupted")
    parser.add_argument("--budget", help="budget to look at; default: that of config.yaml")
    parser.add_argument("--study", nargs="+", help="studies to look at; default: those that `all` builds")
    parser.add_argument("--root", type=Path, default=Path(), help="folder that holds config.yaml and results")
    parser.add_argument("--rows", type=int, default=40, help="most rows to show")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    config = configuration.main_configuration(arguments.root, arguments.budget)
    studies = arguments.study or config["budgets"][config["budget"]]["run"]

    def current() -> Table:
        plan = experiment_plan.plan(config, arguments.root / "results/cells")
        return table(statuses(plan, studies, arguments.root, time.time()), arguments.rows)

    console = Console()
    if not arguments.watch:
        console.print(current())
        return
    with Live(current(), console=console, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(2)
                live.update(current(), refresh=True)
        except KeyboardInterrupt:
            return
