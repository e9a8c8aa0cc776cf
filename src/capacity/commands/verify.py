"""Look for damaged, foreign, stale and missing files in a folder of results, and say which command mends each.

Every checksum is compared, and for each file where it says that it comes from: figure, table, evaluation, weights,
corpus and code. Nothing is changed. The exit code is that of the worst finding:

0  all is right
1  the folder cannot be checked
2  the command line is wrong
3  stale: made by other code, for another configuration, or of files that were made anew since
4  missing: something else was made of it or with it
5  foreign: of another study, cell or run than its place says, or not of this workflow
6  damaged: the content does not fit the checksum

Of an archive (results/archive.zip, wherever it lies), every file is compared with the digest in its manifest: 0 or 6.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

from capacity.archive import bundle
from capacity.errors import printable
from capacity.verification.findings import DAMAGED, EXIT_CODES, exit_code
from capacity.verification.results import verify


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("path", nargs="?", default=Path("results"), type=Path, help="folder of results, or archive")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    if arguments.path.suffix == ".zip":
        sys.exit(_verify_archive(arguments.path))
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), "files", TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=None)
        report = verify(arguments.path, lambda done, total: progress.update(bar, completed=done, total=total))
    for finding in report.findings:
        print(finding.line(arguments.path.as_posix()))
    numbers = Counter(finding.kind for finding in report.findings)
    said = ", ".join(f"{numbers[kind]} {kind}" for kind in reversed(EXIT_CODES) if numbers[kind])
    print(f"{report.files} files: {said or 'all is right'}")
    sys.exit(exit_code(report.findings))


def _verify_archive(path: Path) -> int:
    """Print a line for each file of an archive that is not as its manifest says, and return the exit code."""
    said = bundle.damages(path)
    for line in said:
        print(printable(f"{DAMAGED:8} {line}"))
    print(f"{bundle.count(path)} files: {f'{len(said)} {DAMAGED}' if said else 'all is right'}")
    return EXIT_CODES[DAMAGED] if said else 0
