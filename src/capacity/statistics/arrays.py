"""Numbers as arrays, refused where they make no sense."""

from __future__ import annotations

from collections.abc import Sequence

import numpy
from numpy.typing import NDArray

Floats = NDArray[numpy.float64]
Integers = NDArray[numpy.int64]
Flags = NDArray[numpy.bool_]


def finite(name: str, values: Sequence[float] | Floats) -> Floats:
    """Turn values into an array. Raises ValueError, with the name and their number, if some are not finite."""
    array = numpy.asarray(values, dtype=float)
    bad = int((~numpy.isfinite(array)).sum())
    if bad:
        advice = "count such runs as failures or leave them out"
        raise ValueError(f"{name} holds {bad} values of {array.size} that are not finite: {advice}")
    return array


def check_count(count: int, total: int) -> None:
    """Check that ``count`` of ``total`` is possible. Raises ValueError unless 0 <= count <= total."""
    if not 0 <= count <= total:
        raise ValueError(f"count {count} of {total} is not between 0 and the total")


def check_proportion(count: int, total: int) -> None:
    """Check that ``count`` of ``total`` is a proportion. Raises ValueError unless 0 <= count <= total and total > 0."""
    check_count(count, total)
    if total == 0:
        raise ValueError(f"count {count} of {total} is not a proportion")
