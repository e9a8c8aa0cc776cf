"""Processes that hold one object each and work only when they are asked."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import time
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from benchmarks.setting import Setting


class ChildError(RuntimeError):
    """What went wrong in a child process, in one line."""


class Child:
    """One object of one module in a process of its own.

    Args:
        module: has a function ``enter``, which is given ``setting`` and returns the object.
        setting: also says how many threads the process gets, and on which device it works.

    Use it as a context manager: the process ends with the block.
    """

    def __init__(self, module: str, setting: Setting) -> None:
        self._started = time.perf_counter()
        spawn = multiprocessing.get_context("spawn")
        self._connection, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs, module, setting), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def call(self, method: str, *arguments: Any) -> Any:
        """What the object's method returns. Raises ChildError if it, or the object's making, failed."""
        try:
            self._connection.send((method, arguments))
            succeeded, answer = self._connection.recv()
        except (EOFError, OSError) as error:
            self._process.join(timeout=10)
            raise ChildError(f"the process ended with status {self._process.exitcode}") from error
        if not succeeded:
            raise ChildError(answer)
        return answer

    @property
    def seconds_since_start(self) -> float:
        return time.perf_counter() - self._started

    def close(self) -> None:
        self._connection.close()  # the child reads an end of file, and ends
        self._process.join(timeout=10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(connection: Connection, module: str, setting: Setting) -> None:
    """The child's side: make the object, then answer until the parent hangs up."""
    confine(setting)
    made: Any = None
    while True:
        try:
            method, arguments = connection.recv()
        except EOFError:
            return
        try:
            if made is None:
                made = importlib.import_module(module).enter(setting)
            answer = True, getattr(made, method)(*arguments)
        except Exception as error:
            answer = False, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        connection.send(answer)


def confine(setting: Setting) -> None:
    """Give this process its threads and no more. Libraries read these when they are first imported, not later."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(setting.threads)
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # JAX shares the GPU with the others
    if setting.device == "cpu":
        os.environ["JAX_PLATFORMS"] = "cpu"
        if setting.threads == 1:
            os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        if hasattr(os, "sched_setaffinity"):
            first = setting.first_processor
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[first : first + setting.threads])
