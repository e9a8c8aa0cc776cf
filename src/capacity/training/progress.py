"""How far a training job is, for its log and for the table of jobs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from numpy.typing import NDArray

from capacity.experiment.cell import Cell
from capacity.experiment.seeds import format_seeds
from capacity.storage import json_files

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Reports to the job's log and to ``progress.json``, which :mod:`capacity.experiment.status` reads.

    Args:
        cell: the cell that is trained.
        seeds: the seeds of the job.
        path: the JSON file.
        log: the log.
    """

    def __init__(self, cell: Cell, seeds: Sequence[int], path: Path, log: TextIO) -> None:
        self._total = cell.iterations * len(seeds)
        self._identity = {"cell": cell.name, "seeds": format_seeds(seeds), "updates_in_all": self._total}
        self._path = path
        self._log = log
        self._start: tuple[float, int] | None = None
        self._last_line = -math.inf

    def say(self, line: str) -> None:
        """Write a line to the log."""
        print(line, file=self._log, flush=True)

    def __call__(self, done: int, losses: Callable[[], NDArray[Any]]) -> None:
        """Report that ``done`` updates of all seeds together are made, if a report is due.

        Args:
            done: number of updates.
            losses: returns the latest ones of the stack in training, (S,), in nats.
        """
        now = time.monotonic()
        if self._start is None:
            self._start = now, done  # not 0 if the job resumes from a snapshot
        if now - self._last_line < SECONDS_BETWEEN_LINES and done < self._total:
            return
        loss = float(losses().mean()) if done else math.nan  # waits for a GPU, so only when a line is due
        self._last_line = now
        seconds, updates = now - self._start[0], done - self._start[1]
        rate = updates / seconds if updates else 0.0
        left = (self._total - done) / rate if rate else None
        state = {"updates": done, "loss": loss if math.isfinite(loss) else None, "updates_per_second": round(rate, 2)}
        json_files.write_json(
            self._path, self._identity | state | {"seconds_left": None if left is None else round(left)}
        )
        line = f"update {done} of {self._total}"
        if left is not None:
            line += f", loss {loss:.4f}" if math.isfinite(loss) else ""
            line += f", {rate:.1f} updates/s, time left {int(left) // 60}:{int(left) % 60:02d}"
        self.say(line)

    def remove(self) -> None:
        """Remove the JSON file when the job is done."""
        self._path.unlink(missing_ok=True)
