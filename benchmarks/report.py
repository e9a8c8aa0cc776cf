"""The results as aligned plain text and as JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.contest import Timing
from benchmarks.goals import Goal
from benchmarks.measure import Summary, summarise
from benchmarks.results import CellResult

BUSY = 0.95
"""Below this share of processor time, a process on a CPU was kept waiting."""

NOTES = """\
Times are medians, ranges quartiles. Ratios are of the time of one update of one network, taken round by round.
floor: arithmetic and memory traffic of the dense batch at the rates above; less work than that can be below it.
dense GFLOP/s: operations of the dense batch over the time; distinct: of its distinct prefixes, which ours computes.
full run: all updates and evaluations and the start; ~ marks an extrapolation from the samples.
baseline, evaluation: a random sample of 10 prompts of each task, scaled to all of them.
evaluation after: updates that the networks had had; a trained network ends its answers sooner."""

HEADER = (
    *("cell", "contestant", "seeds", "ms per update", "quartiles", "rounds", "per seed", "of torch", "of JAX"),
    *(
        "of baseline",
        "of floor",
        "dense GFLOP/s",
        "distinct GFLOP/s",
        "s per evaluation",
        "after",
        "MiB",
        "start s",
        "full run",
    ),
)


def cells_table(results: Sequence[CellResult]) -> str:
    """One line per contestant, then how ours was executed, what failed and where the machine was busy."""
    rows = [_row(result, timing) for result in results for timing in result.timings]
    remarks = []
    for result in results:
        choices = ", ".join(f"{name} {value}" for name, value in result.execution.items())
        remarks.append(f"{result.setting.name}, ours: {choices}")
        remarks.extend(line for timing in result.timings for line in _remarks(result, timing))
    return "\n".join([aligned([HEADER, *rows], words=2), *remarks])


def goals_table(goals: Sequence[Goal]) -> str:
    rows = [(goal.text, goal.wanted, goal.measured, goal.verdict) for goal in goals]
    return aligned([("goal", "wanted", "measured", "verdict"), *rows], words=4)


def cell_record(result: CellResult) -> dict[str, Any]:
    """Every number of a cell, and what follows from them."""
    return {
        "cell": result.setting.cell.name,
        "execution": result.execution,
        "work": asdict(result.work),
        "distinct_operations": result.distinct_operations,
        "floor_seconds": result.floor_seconds,
        "differences": result.differences,
        "contestants": [_timing_record(result, timing) for timing in result.timings],
    }


def _timing_record(result: CellResult, timing: Timing) -> dict[str, Any]:
    record = asdict(timing)
    if timing.update_seconds:
        record["update"] = asdict(summarise(timing.update_seconds))
        record["processor_share"] = timing.processor_share
        record["of_floor"] = _of_floor(result, timing)
        record["evaluations_share"] = result.evaluations_share(timing)
        record["extrapolated_full_seconds"] = result.extrapolated_seconds(timing)
        for other in ("torch", "jax", "baseline"):
            ratio = result.ratio(timing, other)
            record[f"of_{other}"] = None if ratio is None else asdict(ratio)
    for name in ("evaluation", "start"):
        values = record[f"{name}_seconds"]
        record[name] = asdict(summarise(values)) if values else None
    return record


def _row(result: CellResult, timing: Timing) -> tuple[str, ...]:
    name = (result.setting.name, timing.contestant, str(timing.seeds))
    if not timing.update_seconds:
        return (*name, *[""] * (len(HEADER) - len(name)))
    update = summarise(timing.update_seconds)
    evaluation, full = result.evaluation_seconds(timing), result.full_seconds(timing)
    return (
        *name,
        f"{1e3 * update.median:.3f}",
        f"{1e3 * update.lower:.3f}-{1e3 * update.upper:.3f}",
        str(update.count),
        f"{1e3 * update.median / timing.seeds:.3f}",
        _ratio(result.ratio(timing, "torch")),
        _ratio(result.ratio(timing, "jax")),
        _ratio(result.ratio(timing, "baseline")),
        f"{_of_floor(result, timing):.2f}",
        f"{result.work.operations * timing.seeds / update.median / 1e9:.0f}",
        _distinct_rate(result, timing),
        "" if evaluation is None else f"{evaluation:.3f}",
        str(timing.updates_before_evaluation) if timing.evaluation_seconds else "",
        "" if timing.peak_bytes is None else f"{timing.peak_bytes / 2**20:.0f}",
        f"{summarise(timing.start_seconds).median:.2f}" if timing.start_seconds else "",
        "" if full is None else ("~" if timing.full_seconds is None else "") + _duration(full),
    )


def _remarks(result: CellResult, timing: Timing) -> list[str]:
    name = f"{result.setting.name}, {timing.contestant} x {timing.seeds}"
    remarks = []
    if timing.failure is not None:
        remarks.append(f"{name}: {timing.failure}")
    alone = result.setting.device == "cpu" and result.setting.threads == 1
    if alone and timing.update_seconds and timing.processor_share < BUSY:
        share = f"{timing.processor_share:.0%}"
        remarks.append(f"{name}: had the processor {share} of the time; other programs were running")
    return remarks


def _of_floor(result: CellResult, timing: Timing) -> float:
    return summarise(timing.update_seconds).median / timing.seeds / result.floor_seconds


def _distinct_rate(result: CellResult, timing: Timing) -> str:
    if result.distinct_operations is None or timing.contestant not in ("ours", "torch"):
        return ""
    return f"{result.distinct_operations * timing.seeds / summarise(timing.update_seconds).median / 1e9:.0f}"


def _ratio(ratio: Summary | None) -> str:
    return "" if ratio is None else f"{ratio.median:.2f}"


def _duration(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def aligned(rows: Sequence[Sequence[str]], words: int) -> str:
    """Columns of equal width: the first ``words`` of them to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column < words else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
