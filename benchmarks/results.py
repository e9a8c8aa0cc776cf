"""What was measured of the cells, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from benchmarks.contest import Timing
from benchmarks.floor import Work
from benchmarks.measure import Summary, ratios, summarise
from benchmarks.setting import Setting


@dataclass(frozen=True)
class CellResult:
    """One cell.

    Attributes:
        setting: the cell and the machine; its number of seeds means nothing here.
        execution: how our training was executed.
        work: of one update of one network.
        distinct_operations: of one update if nothing is computed twice; None if it has to be, as dropout demands.
        floor_seconds: the least time of that work on this machine.
        differences: of each contestant from the reference, as far as they were compared.
        timings: of the contestants, ours first, fewest seeds first.
    """

    setting: Setting
    execution: dict[str, Any]
    work: Work
    distinct_operations: float | None
    floor_seconds: float
    differences: dict[str, dict[str, float]]
    timings: list[Timing]

    def timing(self, contestant: str, seeds: int = 1) -> Timing | None:
        """None if there is none, or if it failed before anything was timed."""
        matches = (each for each in self.timings if (each.contestant, each.seeds) == (contestant, seeds))
        return next((each for each in matches if each.update_seconds), None)

    def ratio(self, timing: Timing, other: str) -> Summary | None:
        """Time of one update of one network, as a fraction of the other contestant's in the same round."""
        reference = self.timing(other)
        if reference is None or not timing.update_seconds:
            return None
        each = [seconds / timing.seeds for seconds in timing.update_seconds]
        return ratios(each, reference.update_seconds)

    def evaluation_seconds(self, timing: Timing) -> float | None:
        """One evaluation of all seeds; on a CPU they are evaluated one after another."""
        if timing.evaluation_seconds:
            return summarise(timing.evaluation_seconds).median
        one = self.timing(timing.contestant)
        if timing.is_evaluated or one is None or not one.evaluation_seconds:
            return None
        return timing.seeds * summarise(one.evaluation_seconds).median

    def training_seconds(self, timing: Timing) -> float:
        """All updates of a full run, from the median of the sample."""
        return self.setting.cell.iterations * summarise(timing.update_seconds).median

    def evaluations_share(self, timing: Timing) -> float | None:
        """All evaluations of a full run, as a fraction of its updates."""
        evaluation = self.evaluation_seconds(timing)
        return None if evaluation is None else self.setting.evaluations * evaluation / self.training_seconds(timing)

    def extrapolated_seconds(self, timing: Timing) -> float | None:
        """A full run, start included, from the samples."""
        share = self.evaluations_share(timing)
        if share is None or not timing.start_seconds:
            return None
        return summarise(timing.start_seconds).median + self.training_seconds(timing) * (1.0 + share)

    def full_seconds(self, timing: Timing) -> float | None:
        """The same for real, where the run was made."""
        return self.extrapolated_seconds(timing) if timing.full_seconds is None else timing.full_seconds


def find(results: Iterable[CellResult], size: str, task: str) -> CellResult | None:
    return next((each for each in results if (each.setting.size, each.setting.task) == (size, task)), None)
