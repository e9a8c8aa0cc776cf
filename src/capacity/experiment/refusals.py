"""How what a workflow refuses ends Snakemake: with the message alone."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any

from capacity.errors import InputError


class WithoutTraceback:
    """An object, such as a workflow, of which each function ends the process where it raises InputError.

    An exception of a function that Snakemake calls for a job would be shown with a traceback. Whoever names an unknown
    study as a target needs the names of those that there are.
    """

    def __init__(self, refusing: object) -> None:
        self._refusing = refusing

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._refusing, name)
        return _ending(value) if callable(value) else value


def _ending(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that ends the process where the given one, or a function that it returns, raises InputError."""

    @functools.wraps(function)
    def ask(*arguments: Any, **named: Any) -> Any:
        try:
            answer = function(*arguments, **named)
        except InputError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            raise SystemExit(1) from error
        return _ending(answer) if callable(answer) else answer

    vars(ask)["__signature__"] = inspect.signature(function)  # which Snakemake asks for with each job
    return ask
