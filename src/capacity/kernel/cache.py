"""Compilation of kernels, and where the compiled ones are kept, since compiling takes longer than a short training run.

They are kept below ``NUMBA_CACHE_DIR``, which the jobs of the workflow set to a folder beside Snakemake's, or else in
the user's folder for caches. Numba looks only at the file of a function to see whether it changed, and not at those
that the file imports. So the folder is named by the content of all files that are compiled, and by the processor that
they are compiled for; where the files lie does not matter.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numba
from numba.core import caching, config, registry


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
    folder = kept_in()
    settings: dict[str, Any] = {"error_model": "numpy", "cache": folder is not None, "no_cfunc_wrapper": True}
    compile_: Any = numba.njit  # with options that its type does not know
    with nullcontext() if folder is None else _keeping_in(folder):
        return compile_(**settings, **options)(function)


class Locator(caching.UserProvidedCacheLocator):
    """Where a compiled function is kept: in the chosen folder itself, and not in one named by the path of its source.

    So a clone that is moved, and another clone of the same code, have nothing to compile.
    """

    @classmethod
    def get_suitable_cache_subpath(cls, py_file: str) -> str:
        """Return the path from the chosen folder."""
        return ""


@contextmanager
def _keeping_in(folder: Path) -> Iterator[None]:
    """Have Numba keep in a folder what is defined in the meantime, and leave other users of Numba their settings."""
    names = ("CACHE_DIR", "CACHE_LOCATOR_CLASSES")
    before = [getattr(config, name) for name in names]
    for name, value in zip(names, (str(folder), f"{__name__}.{Locator.__name__}"), strict=True):
        setattr(config, name, value)
    try:
        yield
    finally:
        for name, value in zip(names, before, strict=True):
            setattr(config, name, value)


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
    return folder


def _base() -> Path:
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    return Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _digest() -> str:
    processor = registry.cpu_target.target_context.codegen().magic_tuple()
    digest = hashlib.sha256(repr((numba.__version__, processor)).encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
