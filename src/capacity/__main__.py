"""The command line: ``python -m capacity <command>``."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from capacity.commands import COMMANDS
from capacity.errors import TOO_LITTLE_MEMORY, InputError, is_of_memory, printable
from capacity.imports import keep_from_loading
from capacity.versions import check_versions


class Parser(argparse.ArgumentParser):
    """A parser whose errors quote nothing that a terminal would obey."""

    def error(self, message: str) -> NoReturn:
        """End the process with a message."""
        super().error(printable(message))


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command.

    An error that a user can put right, and one of too little memory, ends the process with one line on standard error,
    any other with a traceback.

    Args:
        argv: the command and its arguments; those of the process if it is None.
    """
    check_versions()
    given = list(sys.argv[1:] if argv is None else argv)
    parser = Parser(prog="python -m capacity", description=__doc__)
    commands = parser.add_subparsers(metavar="command", required=True)
    try:
        for name, summary in COMMANDS.items():
            described = commands.add_parser(name, help=summary, add_help=name in given[:1])
            if name in given[:1]:
                module = importlib.import_module(f"capacity.commands.{name.replace('-', '_')}")
                described.description = module.__doc__
                described.formatter_class = argparse.RawDescriptionHelpFormatter
                module.add_arguments(described)
                described.set_defaults(run=module.run)
        arguments = parser.parse_args(given)
        arguments.run(arguments)
    except Exception as error:
        if is_of_memory(error):
            sys.exit(f"error: {TOO_LITTLE_MEMORY}")
        if isinstance(error, InputError | OSError):
            sys.exit(f"error: {printable(str(error))}")
        raise


if __name__ == "__main__":
    keep_from_loading(sys.argv[1] if len(sys.argv) > 1 else "")
    os.environ["MPLBACKEND"] = "agg"  # a notebook asks for its own, which need not be there, and figures go to files
    main()
