"""The weights of trained networks as text that a page can hold, and which of them it has room for."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray

from capacity.errors import ForeignFileError
from capacity.experiment.assignment import WEIGHTS
from capacity.experiment.cell import Cell, parse_cell
from capacity.experiment.table_plan import Job
from capacity.model import weights
from capacity.model.initialization import shapes
from capacity.paper.protocol import PAPER_SEED
from capacity.storage import files

Run = tuple[str, int]
"""The name of a cell, and a seed."""


@dataclass(frozen=True)
class Network:
    """The parameters of one network, without the axis of a stack."""

    parameters: Mapping[str, NDArray[numpy.float32]]

    def to_text(self) -> str:
        """Return float32 numbers in base64, low byte first, in the order of :func:`layout`."""
        return base64.b64encode(b"".join(value.astype("<f4").tobytes() for value in self.parameters.values())).decode()


def layout(cell: Cell, characters: int) -> list[tuple[str, int, int]]:
    """Return name, rows and columns of each parameter of a network of a cell; a vector has one row."""
    sizes = shapes(cell.size, characters, cell.block)
    return [(name, 1, size[0]) if len(size) == 1 else (name, *size) for name, size in sizes.items()]  # type: ignore[misc]


class Stacks:
    """The networks of some jobs, of which one job at a time is held in memory.

    Args:
        jobs: of the plans of studies.
        origins: for each training job, where its runs come from, with the checksum of their weights.
    """

    def __init__(self, jobs: Iterable[Job], origins: Iterable[Mapping[str, Any]]) -> None:
        self._jobs = {(job.cell, seed): job for job in jobs for seed in job.seeds}
        self._checksums = {(job["cell"], seed): job.get("weights") for job in origins for seed in job["seeds"]}
        self._read: tuple[str, weights.Parameters] | None = None

    def path(self, run: Run) -> str:
        """Return the file with the weights of a run."""
        return f"{self._jobs[run].folder}/{WEIGHTS}"

    def network(self, run: Run) -> Network:
        """Return the network of a run. Raises InputError naming its file if it is damaged or of other runs."""
        job, (name, seed) = self._jobs[run], run
        if self._read is None or self._read[0] != job.folder:
            stack = weights.load(self.path(run), parse_cell(name), job.trained)
            if self._checksums.get(run) not in (None, weights.checksum(stack)):  # earlier versions did not write it
                raise ForeignFileError(
                    f"{self.path(run)} is not what the tables of {name} were made of; {files.REMEDY}"
                )
            self._read = job.folder, stack
        cell, number = parse_cell(name), job.trained.index(seed)
        stack = self._read[1]
        order = shapes(cell.size, stack["token_embedding"].shape[1], cell.block)
        return Network({parameter: stack[parameter][number] for parameter in order})


def in_rounds(runs: Sequence[Run], size: Mapping[str, int]) -> list[Run]:
    """Order runs so that each cell has its turn: the paper's seed of every cell, then a second seed of each, and so on.

    Args:
        runs: in any order.
        size: the number of parameters of each cell; in a round the smallest come first.
    """
    turns: dict[str, list[int]] = {}
    for cell, seed in sorted(set(runs)):
        turns.setdefault(cell, []).append(seed)
    turn = {
        (cell, seed): number
        for cell, seeds in turns.items()
        for number, seed in enumerate(sorted(seeds, key=lambda seed: (seed != PAPER_SEED, seed)))
    }
    return sorted(turn, key=lambda run: (turn[run], size[run[0]], run))


def that_fit(by_study: Sequence[Sequence[Run]], lengths: Mapping[Run, int], room: int) -> set[Run]:
    """Return the runs whose texts fit into a page together.

    Each study has an equal part of the room, which its runs take in their order, and then what others have left. A run
    that does not fit is passed over.

    Args:
        by_study: the runs of each study, in the order of :func:`in_rounds`.
        lengths: characters of the text of each run.
        room: characters in all.
    """
    taken: set[Run] = set()
    used = 0
    for number, study in enumerate(by_study, 1):
        used = _take(study, lengths, room * number // len(by_study), taken, used)
    for study in by_study:
        used = _take(study, lengths, room, taken, used)
    return taken


def _take(study: Sequence[Run], lengths: Mapping[Run, int], limit: int, taken: set[Run], used: int) -> int:
    for run in study:
        if run not in taken and used + lengths[run] <= limit:
            taken.add(run)
            used += lengths[run]
    return used
