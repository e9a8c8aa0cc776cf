"""Compilation of kernels, and where the compiled ones are kept, since compiling takes longer than a short training run.

They are kept below ``NUMBA_CACHE_DIR``, which the jobs of the workflow set to a folder beside Snakemake's, or else in
the user's folder for caches. The folder is named by the user, by the versions of what compiles, by the processor that
is compiled for, and by the content of all files that are compiled: Numba itself looks only at the file of a function
to see whether it changed, and not at those that the file imports. Where the files lie does not matter, so a clone
that is moved, and another clone of the same code, have nothing to compile.

Numba's own cache raises an error if a file is damaged or cannot be written, does not notice every damage, and can mix
up the functions of two processes that save at once. So each compiled function has a file here that begins with a
checksum. Whatever is wrong with the file costs the time to compile the function again, and a line in the log.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import platform
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy
from numba.core import caching, registry, serialize
from numba.core.compiler import CompileResult

CHECKSUM_BYTES = hashlib.sha256().digest_size


def compiled(function: Callable[..., Any]) -> Any:
    """Return a function compiled by Numba, which other compiled functions call.

    No references to arrays are counted in what is compiled here, which would take up to a tenth of an update. So the
    functions cannot make arrays: they are given those that they write to.
    """
    return _compiled(function, no_cpython_wrapper=True)


def entry(function: Callable[..., Any]) -> Any:
    """Return a function compiled by Numba, which Python calls; the way in takes long to compile for many arrays."""
    return _compiled(function, no_cpython_wrapper=False)


def within(function: Callable[..., Any]) -> Any:
    """Return a function that becomes part of each compiled function that calls it, which saves compiling it twice."""
    return _compiled(function, no_cpython_wrapper=True, inline="always")


def _compiled(function: Callable[..., Any], **options: Any) -> Any:
    compile_: Any = numba.njit  # with options that its type does not know
    made = compile_(error_model="numpy", no_cfunc_wrapper=True, _nrt=False, **options)(function)
    folder = kept_in()
    if folder is not None:
        made._cache = Kept(function, folder)  # as Numba's enable_caching does with its own
    return made


class Kept(caching.FunctionCache):
    """The compiled forms of a function, each for some types of arguments and in a file of its own.

    Numba calls the methods before and after it compiles.

    Args:
        function: the function.
        folder: where the files are.
    """

    def __init__(self, function: Callable[..., Any], folder: Path) -> None:
        # Without that of the base class, which chooses a folder. It reads these two attributes.
        self._py_func: Any = function
        self._cache_path = str(folder)
        self._source = Path(self._py_func.__code__.co_filename)
        self._source_digest = hashlib.sha256(self._source.read_bytes()).hexdigest()

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled form for some types of arguments; None if there is none that can be used."""
        target_context.refresh()
        file = self._file(sig, target_context)
        try:
            parts = serialize.loads(read(file))
            return CompileResult._rebuild(target_context, *parts)  # type: ignore[no-untyped-call]
        except FileNotFoundError:
            return None
        except Exception as error:  # unpickling raises errors of many kinds
            _say_once(error, file, "cannot be used", "the function is compiled again")
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled form, unless it holds addresses that are only right in this process."""
        file = self._file(sig, data.target_context)
        try:
            if not data.lifted and not data.library.has_dynamic_globals:
                write(file, serialize.dumps(data._reduce()))  # type: ignore[no-untyped-call]
        except Exception as error:  # a full disk, or another Numba
            _say_once(error, file, "cannot be written", "each job compiles the function again")

    def _file(self, sig: Any, target_context: Any) -> Path:
        code = self._py_func.__code__
        key = self._index_key(sig, target_context.codegen())  # type: ignore[no-untyped-call]
        digest = hashlib.sha256(repr((self._source_digest, code.co_firstlineno, key)).encode()).hexdigest()
        return Path(self._cache_path) / f"{self._source.stem}.{code.co_name}-{digest[:16]}.compiled"


def read(file: Path) -> bytes:
    """Return what :func:`write` wrote to a file.

    Raises OSError if the file cannot be read or someone else may have written it, and ValueError if it is damaged.
    """
    with file.open("rb") as opened:
        check_owner(file, os.fstat(opened.fileno()))
        checksum, content = opened.read(CHECKSUM_BYTES), opened.read()
    if checksum != _checksum(file, content):
        raise ValueError("its content does not fit its checksum")
    return content


def write(file: Path, content: bytes) -> None:
    """Write a file that only this user can write, whole or not at all. Raises OSError if that is not possible."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(_checksum(file, content) + content)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _checksum(file: Path, content: bytes) -> bytes:
    """Return the checksum of a file, which does not fit under another name."""
    return hashlib.sha256(file.name.encode() + b"\0" + content).digest()


def check_owner(path: Path, status: os.stat_result) -> None:
    """Raise PermissionError if another user can have written a file, or into a folder: to read it is to run it."""
    if status.st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "it belongs to another user", str(path))
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(errno.EPERM, "other users can write it", str(path))


@functools.cache
def kept_in() -> Path | None:
    """Return the folder of compiled functions, which is made if necessary; None, said once, if it cannot be used."""
    try:
        folder = _base() / f"capacity-{_digest()[:16]}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_owner(folder, folder.stat())
    except (OSError, RuntimeError) as error:  # the latter if the user has no home
        print(
            f"compiled functions cannot be kept ({error}), so each job compiles its own; "
            "set NUMBA_CACHE_DIR to a folder that you, and nobody else, can write",
            file=sys.stderr,
            flush=True,
        )
        return None
    return folder


def _base() -> Path:
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    return Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _digest() -> str:
    versions = (platform.python_version(), *(each.__version__ for each in (numba, llvmlite, numpy)))
    processor = registry.cpu_target.target_context.codegen().magic_tuple()
    digest = hashlib.sha256(repr((os.geteuid(), versions, processor)).encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


_said: set[int | Path] = set()


def _say_once(error: Exception, file: Path, what: str, consequence: str) -> None:
    """Write a line about a file. What the system says of many files, such as that the disk is full, is said once."""
    number = error.errno if isinstance(error, OSError) else None
    about = number or file
    if about not in _said:
        _said.add(about)
        why = error.strerror if isinstance(error, OSError) and number else str(error) or type(error).__name__
        print(f"{file} {what} ({why}), so {consequence}", file=sys.stderr, flush=True)
