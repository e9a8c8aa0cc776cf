"""What the checks of jobs and of studies share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from capacity.errors import ForeignFileError, InputError
from capacity.storage import code, files
from capacity.verification.findings import DAMAGED, FOREIGN, STALE, Finding

T = TypeVar("T")

source_digest = functools.cache(code.source_digest)


def attempt(read: Callable[[], T], path: str, found: list[Finding]) -> T | None:
    """Return what a reader returns, or None and add what it finds wrong with its file.

    Args:
        read: reads the file, and raises InputError or OSError.
        path: of the file, from the folder of results.
        found: the findings so far.
    """
    try:
        return read()
    except ForeignFileError as error:
        found.append(Finding(FOREIGN, path, why(error, path), path))
    except (InputError, OSError) as error:
        found.append(Finding(DAMAGED, path, why(error, path), path))
    return None


def why(error: Exception, path: str) -> str:
    """Return what an error says of a file, without the path and the remedy, which a finding says itself."""
    said = str(error).removesuffix(f"; {files.REMEDY}")
    before, _, after = said.partition(path)
    return f"it{after}" if after.startswith(" ") and " " not in before else said


def check_code(path: str, record: Mapping[str, Any], stage: str, found: list[Finding], task: str | None = None) -> None:
    """Add a finding if the code that made a file is not that of today."""
    if record.get("source_digest") != source_digest(stage, task):
        was = str(record.get("source_digest"))[:16]
        now = source_digest(stage, task)[:16]
        found.append(Finding(STALE, path, f"it was made by the code {was} of {stage}, which is {now} now", path))
