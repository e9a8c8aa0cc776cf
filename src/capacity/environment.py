"""Links through which jobs reach the Python and the package that Snakemake itself runs with.

Both are made in the working folder of Snakemake, which every node of a cluster sees.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from capacity.errors import InputError

PACKAGE = Path(__file__).parent


def needs_quotes(path: str) -> bool:
    """Return whether a shell would misread a path that is not quoted, such as one with a space."""
    return shlex.quote(path) != path


def unquoted_python(folder: Path, start: Path) -> str:
    """Return a path to the running Python that a shell command can hold without quotes.

    Snakemake starts the jobs of a batch system, and those of ``run:`` rules, by ``sys.executable`` without quotes. If
    that path needs quotes, ``folder`` gets a link to the environment of this Python, and the path through the link is
    returned, relative to ``start``, the folder in which Snakemake starts jobs. ``sys.executable`` is returned as it is
    if it needs no quotes, or if there is no better path: the link cannot be made, or leads through a folder whose name
    needs quotes.
    """
    if not needs_quotes(sys.executable):
        return sys.executable
    environment = Path(sys.executable).parent.parent
    link = folder / "environment"
    python = os.path.relpath(link / Path(sys.executable).relative_to(environment), start)
    if needs_quotes(python):
        return sys.executable
    try:
        _link(link, environment.resolve())
    except OSError:
        return sys.executable
    return python


def check_python(executable: str) -> None:
    """Raise InputError if a batch system could not start jobs by this path, because it would have to be quoted."""
    if needs_quotes(executable):
        raise InputError(
            f"the Python that runs Snakemake is {executable}, and Snakemake does not quote this path when it submits "
            "jobs: use a Python environment in a folder without spaces or other special characters in its name"
        )


def import_folder(folder: Path) -> Path:
    """Return a folder from which a Python of another environment can import this package and nothing else.

    In a clone that is its ``src``. If the package is installed among others, ``folder`` gets a link to it, because the
    other packages there may not fit the other Python.
    """
    if not any(PACKAGE.parent.glob("*.dist-info")):
        return PACKAGE.parent
    _link(folder / "import" / PACKAGE.name, PACKAGE)
    return folder / "import"


def _link(link: Path, target: Path) -> None:
    """Make ``link`` a symbolic link to ``target``, in one step, because jobs do it side by side."""
    if link.is_symlink() and link.readlink() == target:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    new = link.with_name(f"{link.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)
