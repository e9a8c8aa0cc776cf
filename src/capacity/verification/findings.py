"""What is found wrong with a file of results, and what puts it right."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

STALE, MISSING, FOREIGN, DAMAGED = "stale", "missing", "foreign", "damaged"
EXIT_CODES = {STALE: 3, MISSING: 4, FOREIGN: 5, DAMAGED: 6}
"""Kinds of findings, the worst last, each with the exit code of the command if nothing worse is found."""

LONGEST = 600
"""Characters of a line about a file."""


@dataclass(frozen=True)
class Finding:
    """Something wrong with a file.

    Attributes:
        kind: ``stale`` (made by other code, or for another configuration, than there is now, or of files that have
            been made anew since), ``missing``, ``foreign`` (of another study, cell or run than its place says, or
            not of this workflow) or ``damaged``.
        path: of the file, from the folder of results.
        why: what is wrong, in words.
        target: the file for which Snakemake is asked, after this one is deleted; empty if it is only to be deleted.
    """

    kind: str
    path: str
    why: str
    target: str = ""

    def line(self, root: str) -> str:
        """Return the line of a report, with the command that mends it.

        Args:
            root: the folder of results, as it was named.
        """
        remove = [] if self.kind == MISSING else [f"rm {shlex.quote(f'{root}/{self.path}')}"]
        make = [f"snakemake --cores all {shlex.quote(f'results/{self.target}')}"] if self.target else []
        said = f"{self.kind:8} {root}/{self.path}: {self.why}"
        mend = " && ".join([*remove, *make])
        return _printable(said) + (f"\n         {_printable(mend)}" if mend else "")


def exit_code(findings: Iterable[Finding]) -> int:
    """Return the exit code of the worst finding; 0 if there is none."""
    return max((EXIT_CODES[finding.kind] for finding in findings), default=0)


def _printable(text: str) -> str:
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}..."
