"""Write the manifest of a study: the checksum of each of its tables, figures and pages, as ``sha256sum`` writes them.

The checksums are those that the stages wrote down when they made the files. To check them by hand:

cd results; sha256sum --quiet --check manifests/base.sha256
"""

from __future__ import annotations

import argparse
from pathlib import Path

from capacity.storage import files, records


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("--records", nargs="+", required=True, type=Path, help="records of the stages")
    parser.add_argument("--copies", nargs="*", default=[], type=Path, help="copies of figures, by their short names")
    parser.add_argument("--study", help="whose figures they are copies of")
    parser.add_argument("--root", required=True, type=Path, help="folder from which paths are given")
    parser.add_argument("--output", required=True, type=Path, help="the manifest")


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    copies = {path: path.parent / str(arguments.study) / path.name for path in arguments.copies}
    files.write_text(arguments.output, records.manifest(arguments.records, arguments.root, copies))
