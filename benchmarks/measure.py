"""Samples of time and memory, and what is said of many of them. Free of torch and JAX, so that both can use it."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """Time that some work took, in seconds: by the clock, and of the processor.

    With one thread the two differ by what other programs took away.
    """

    seconds: float
    processor_seconds: float

    def __add__(self, other: Sample) -> Sample:
        return Sample(self.seconds + other.seconds, self.processor_seconds + other.processor_seconds)

    def __mul__(self, factor: float) -> Sample:
        return Sample(self.seconds * factor, self.processor_seconds * factor)


def timed(work: Callable[[], object], finish: Callable[[], object] = lambda: None) -> Sample:
    """The time of ``work``; ``finish`` waits for a device that works on its own, before and after."""
    finish()
    start, processor_start = time.perf_counter(), time.process_time()
    work()
    finish()
    return Sample(time.perf_counter() - start, time.process_time() - processor_start)


@dataclass(frozen=True)
class Summary:
    """Median and quartiles of ``count`` values, in the unit of the values."""

    median: float
    lower: float
    upper: float
    count: int


def summarise(values: Sequence[float]) -> Summary:
    """Raises ValueError if there are no values."""
    if not values:
        raise ValueError("values: there are none to summarise; at least one is needed")
    if len(values) == 1:
        return Summary(values[0], values[0], values[0], 1)
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    return Summary(median, lower, upper, len(values))


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> Summary:
    """The ratio round by round: what disturbs a whole round disturbs both alike."""
    return summarise([above / below for above, below in zip(numerators, denominators, strict=False)])


def peak_resident_bytes() -> int:
    """The largest resident set of this process so far."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what the parent held when it started this process
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def processor_name() -> str:
    """The processor as it names itself."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown"
