"""TODO statistics.arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy
from numpy.typing import NDArray

Floats = NDArray[numpy.float64]
Integers = NDArray[numpy.int64]


def finite(name: str, values: Sequence[float]) -> Floats:
    """The values as an array. Raises ValueError, with the name and how many, where some are not finite."""
    array = numpy.asarray(values, dtype=float)
    bad = int((~numpy.isfinite(array)).sum())
    if bad:
        advice = "count such runs as failures or leave them out"
        raise ValueError(f"{name} holds {bad} values of {array.size} that are not finite: {advice}")
    return array
