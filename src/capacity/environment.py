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


MEMORY = "MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=4294967296"
"""Settings of glibc. Tensors come and go by the megabyte: glibc is to keep their memory instead of returning it to the
system and asking for it again, which costs up to a tenth of the time of a small network."""


def job_prelude(folder: Path, import_path: Path | None, python: str | None) -> str:
    """Return the shell code that comes before the command of every job.

    At a time limit a batch system sends SIGTERM to everything that a job runs. With the trap, the shell waits for
    Python to save, and then leaves with its exit code; if it died first, the job would be over, and Python killed while
    it saves. What torch and Numba compile is kept in ``folder``, and not where all work of a user would share it;
    there is no other place for headers. A folder that the environment names for Numba is kept.

    Args:
        folder: in which Snakemake keeps what is its own.
        import_path: from which Python imports this package, if it is not installed.
        python: what ``python`` stands for, if not for that of an environment of the rule.
    """
    code = f"set -euo pipefail; trap : TERM; export {MEMORY}; "
    code += f"export TORCHINDUCTOR_CACHE_DIR={shlex.quote(str(folder / 'torchinductor'))} "
    numba = os.environ.get("NUMBA_CACHE_DIR") or str(folder / "numba")
    code += f"TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS=0 NUMBA_CACHE_DIR={shlex.quote(numba)}; "
    if import_path is not None:
        code += f"export PYTHONPATH={shlex.quote(str(import_path))}; "
    if python is not None:
        code += f'python() {{ {shlex.quote(python)} "$@"; }}; '
    return code


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
