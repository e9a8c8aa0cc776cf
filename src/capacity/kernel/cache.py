"""Compilation of kernels, and where the compiled ones are kept, since compiling takes longer than a short training run.

They are kept below ``NUMBA_CACHE_DIR``, which the jobs of the workflow set to a folder beside Snakemake's, or else in
the user's folder for caches. Numba looks only at the file of a function to see whether it changed, and not at those
that the file imports. So the folder is named by the content of all files that are compiled.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core import config


def compiled(function: Callable[..., Any]) -> Any:
    """Return a function compiled by Numba, which other compiled functions call."""
    return _compiled(function, no_cpython_wrapper=True)


def entry(function: Callable[..., Any]) -> Any:
    """Return a function compiled by Numba, which Python calls; the way in takes long to compile for many arrays."""
    return _compiled(function, no_cpython_wrapper=False)


def within(function: Callable[..., Any]) -> Any:
    """Return a function that becomes part of each compiled function that calls it, which saves compiling it twice."""
    return _compiled(function, no_cpython_wrapper=True, inline="always")


def _compiled(function: Callable[..., Any], **options: Any) -> Any:
    kept = kept_in() is not None
    settings: dict[str, Any] = {"error_model": "numpy", "cache": kept, "no_cfunc_wrapper": True} | options
    compile_: Any = numba.njit  # with options that its type does not know
    return compile_(**settings)(function)


@functools.cache
def kept_in() -> Path | None:
    """Return the folder of compiled functions, which is made if necessary; None, said once, if it cannot be written."""
    folder = _base() / f"capacity-{_digest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(f"no permission to write in {folder}")
    except OSError as error:
        print(
            f"compiled kernels cannot be kept ({error}), so each job compiles its own; "
            "set NUMBA_CACHE_DIR to a folder that can be written",
            file=sys.stderr,
            flush=True,
        )
        return None
    config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    return folder


def _base() -> Path:
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    return Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _digest() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
