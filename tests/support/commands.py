"""The command line, run inside the process of a test."""

from __future__ import annotations

from pathlib import Path

from capacity.__main__ import main


def run_command(*argv: str | Path) -> None:
    """Run ``python -m capacity`` with these arguments; raises SystemExit as the command does."""
    main([str(argument) for argument in argv])
