"""The training loop.

It is that of the paper (section 3.3): AdamW with warm-up, a cosine and clipped gradients. All seeds of a job are one
stack of networks. Each seed has generators of its own, so its result does not depend on the other seeds of its
job. On a CPU the seeds are trained one after another: that is as fast there, needs the memory of one network, and makes
the independence exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray

from capacity.experiment.cell import Cell
from capacity.tasks.task import Line
from capacity.training.execution import Execution
from capacity.training.path import Training, training_of
from capacity.training.schedule import is_evaluation_due, learning_rate, updates_since_evaluation
from capacity.training.snapshots import Snapshot, Snapshots

PLAIN = Execution()

Losses = Callable[[], NDArray[Any]]
"""Returns the latest losses, (S,), in nats. To call it waits for a GPU."""

Report = Callable[[int, Losses], None]
"""Called before the first and after each update, with the updates done by all seeds, and the losses."""


@dataclass(frozen=True)
class Trained:
    """The result of training S seeds.

    Attributes:
        parameters: final parameters, each with a leading axis of S.
        history: one row per seed and evaluation.
        diverged_at: for each seed, the number of updates done when its loss, or in the end a parameter, was not finite
            for the first time; None for a seed that did not diverge.
    """

    parameters: dict[str, NDArray[numpy.float32]]
    history: list[dict[str, Any]]
    diverged_at: list[int | None]


def train(
    cell: Cell,
    lines: Sequence[Line],
    seeds: Sequence[int],
    device: str,
    report: Report,
    execution: Execution = PLAIN,
    snapshots: Snapshots | None = None,
) -> Trained:
    """Train the seeds of a cell.

    Args:
        cell: the cell.
        lines: the lines of its corpus.
        seeds: those to train.
        device: ``cpu`` or ``cuda``.
        report: called with the progress of all seeds together.
        execution: how updates are executed.
        snapshots: where training saves its state and resumes from; None for neither.

    Raises :class:`capacity.training.interruptions.InterruptedTrainingError` if the snapshots are asked to stop.
    """
    stacks = [[seed] for seed in seeds] if device == "cpu" else [list(seeds)]
    parts = []
    for number, stack in enumerate(stacks):
        before = number * cell.iterations

        def report_all(done: int, losses: Losses, before: int = before, width: int = len(stack)) -> None:
            report(before + done * width, losses)

        parts.append(train_stack(cell, lines, stack, device, report_all, execution, snapshots))
    names = parts[0].parameters
    return Trained(
        {name: numpy.concatenate([part.parameters[name] for part in parts]) for name in names},
        [row for part in parts for row in part.history],
        [each for part in parts for each in part.diverged_at],
    )


def train_stack(
    cell: Cell,
    lines: Sequence[Line],
    seeds: Sequence[int],
    device: str,
    report: Report,
    execution: Execution = PLAIN,
    snapshots: Snapshots | None = None,
) -> Trained:
    """Train one stack of networks, with the arguments of :func:`train`.

    A seed whose loss is not finite has diverged. The update makes all of its parameters NaN, and they stay so. On a
    CPU, where a stack is one seed, no further update is made.
    """
    training = training_of(cell, lines, seeds, device, execution)
    history: list[dict[str, Any]] = []
    start = 0
    saved = None if snapshots is None else snapshots.newest(seeds)
    if saved is not None:
        training.restore(saved.arrays)
        start, history = saved.updates, list(saved.history)

    def snapshot(updates: int) -> Snapshot:
        return Snapshot(updates, training.state(), history)

    for iteration in range(start, cell.iterations + 1):
        report(iteration, training.losses)
        if snapshots is not None:
            snapshots.offer(seeds, iteration, iteration == cell.iterations, snapshot)
        if is_evaluation_due(cell, iteration):
            history += _rows(cell, seeds, iteration, training)
        if iteration < cell.iterations:
            training.update(iteration)
    parameters = training.parameters()
    diverged_at = training.diverged_at()
    for number, updates in enumerate(diverged_at):
        if updates is None and not all(numpy.isfinite(value[number]).all() for value in parameters.values()):
            diverged_at[number] = cell.iterations
    return Trained(parameters, history, diverged_at)


def _rows(cell: Cell, seeds: Sequence[int], iteration: int, training: Training) -> Iterator[dict[str, Any]]:
    """Return the rows that an evaluation adds to the history, one per seed."""
    since = updates_since_evaluation(cell, iteration)
    sums = training.take_sums()
    means = (sums / since).tolist() if since else [None] * len(seeds)
    measures = training.measure()
    for number, seed in enumerate(seeds):
        row = {"seed": seed, "iteration": iteration, "learning_rate": learning_rate(cell, iteration)}
        yield row | {"training_loss": means[number]} | {name: values[number] for name, values in measures.items()}
