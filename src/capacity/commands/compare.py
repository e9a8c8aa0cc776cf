"""Compare two folders of results, or published results with those of a run.

Of two folders of results it compares what they say, apart from where it comes from: commits, digests of the code,
versions and times may differ; tensors, columns, values, figures and pages may not. If the first folder holds published
results (docs/results/laptop), the weights of each run are compared with the digests that are published, and each run
that differs is named with what may be the reason. The exit code is 1 if something differs that has no reason to.

python -m capacity compare ../another-clone/results results
python -m capacity compare docs/results/laptop results
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from capacity.findings.reproduction import PROVENANCE, compare_with_published, sentences
from capacity.storage.comparison import compare


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("first", type=Path, help="folder of the earlier run, or of published results")
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
    if (arguments.first / PROVENANCE).exists() and not (arguments.second / PROVENANCE).exists():
        reproduction = compare_with_published(arguments.first, arguments.second)
        print("\n".join(sentences(reproduction, arguments.first)))
        if not all(difference.reasons for difference in reproduction.differences):
            sys.exit(1)
        return
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
