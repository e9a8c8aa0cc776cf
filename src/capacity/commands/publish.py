"""Copy what the documentation shows out of ``results``, with a record of where it came from.

``python -m capacity publish base docs/results/laptop`` copies the figures and pages of the study ``base``. The verdicts
and the page of findings are about every study of the budget, and are copied with ``base``. With ``--networks``, the
folder gets an archive of the trained networks too.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from capacity.errors import InputError
from capacity.experiment import grid
from capacity.experiment.configuration import newest_configuration
from capacity.findings.network_archive import MOST_PARAMETERS
from capacity.findings.publication import publish


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("study", help="name of the study")
    parser.add_argument("target", type=Path, help="folder to copy to")
    parser.add_argument(
        "--networks", action="store_true", help=f"archive networks of up to {MOST_PARAMETERS:,} parameters too"
    )
    parser.add_argument("--budget", help="budget that was run; default: that of the newest run")
    parser.add_argument("--root", type=Path, default=Path(), help="folder that holds config.yaml and results")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    studies = grid.studies(newest_configuration(arguments.root, arguments.budget))
    if arguments.study not in studies:
        raise InputError(f"study {arguments.study!r} is not one of {', '.join(studies)}")
    for path in publish(studies[arguments.study], arguments.root, arguments.target, arguments.networks):
        print(path)
