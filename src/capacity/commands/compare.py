"""Compare two folders of results: what they say, apart from where it comes from.

Commits, digests of the code, versions and times may differ; tensors, columns, values, figures and pages may not. The
exit code is 1 if something differs.

python -m capacity compare results ../another-clone/results
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from capacity.storage.comparison import compare


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("first", type=Path, help="folder of the earlier run")
    parser.add_argument("second", type=Path, help="folder of the later run")
    parser.add_argument(
        "--renamed",
        nargs="*",
        default=[],
        metavar="OLD=NEW",
        type=_renaming,
        help="files and columns that have another name in the second folder",
    )
    parser.add_argument("--ignore", nargs="*", default=[], metavar="NAME", help="columns and keys that may differ")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    comparison = compare(arguments.first, arguments.second, dict(arguments.renamed), arguments.ignore)
    for difference in comparison.differences:
        print(f"{difference.path}: {', '.join(difference.parts)}")
    print(f"{comparison.same} files are the same, {len(comparison.differences)} are not")
    if comparison.differences:
        sys.exit(1)


def _renaming(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form OLD=NEW")
    return old, new
