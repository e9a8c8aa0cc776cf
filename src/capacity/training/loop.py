"""The training loop.

It is that of the paper (section 3.3): AdamW with warm-up, a cosine and clipped gradients. All seeds of a job are one
stack of networks. Each seed has generators of its own, so its result does not depend on the other seeds of its
job. On a CPU the seeds are trained one after another: that is as fast there, needs the memory of one network, and makes
the independence exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from capacity.corpora import corpus
from capacity.corpora.prefixes import Prefixes
from capacity.corpora.streams import Rows, Stream
from capacity.experiment.cell import Cell
from capacity.model import transformer
from capacity.paper import protocol
from capacity.tasks.task import Line
from capacity.training.batches import Batches
from capacity.training.dropout import dropout
from capacity.training.evaluator import Evaluator
from capacity.training.execution import Execution, Replay
from capacity.training.losses import prefix_losses, row_losses
from capacity.training.optimizer import AdamW, clip_per_seed
from capacity.training.randomness import generator
from capacity.training.schedule import is_evaluation_due, learning_rate, updates_since_evaluation
from capacity.training.snapshots import Snapshot, Snapshots

PLAIN = Execution()
NEVER = -1

Report = Callable[[int, Tensor], None]
"""Called before the first and after each update, with the updates done by all seeds, and the latest (S,) losses."""


@dataclass(frozen=True)
class Trained:
    """The result of training S seeds.

    Attributes:
        parameters: final parameters, each with a leading axis of S.
        history: one row per seed and evaluation.
        diverged_at: for each seed, the number of updates done when its loss, or in the end a parameter, was not finite
            for the first time; None for a seed that did not diverge.
    """

    parameters: transformer.Parameters
    history: list[dict[str, Any]]
    diverged_at: list[int | None]


class Training:
    """A stack of networks in training, all of which take part in each update.

    A single network without dropout on a CPU computes each distinct prefix of a batch once. Everything else computes
    every position of every row: a stack and a GPU need batches of one shape, and dropout makes equal rows unequal.

    Args:
        cell: the cell.
        lines: the lines of its corpus.
        seeds: S of them.
        device: ``cpu`` or ``cuda``.
        execution: how updates are executed.

    Raises InputError if the execution is not possible here.
    """

    def __init__(
        self, cell: Cell, lines: Sequence[Line], seeds: Sequence[int], device: str, execution: Execution = PLAIN
    ) -> None:
        execution.check(device)
        vocabulary = corpus.vocabulary(lines)
        stream = Stream(corpus.stream_lines(lines), vocabulary, cell.stream, cell.block)
        self.parameters = {
            name: value.to(device).requires_grad_()
            for name, value in transformer.initialise(cell.size, len(vocabulary), cell.block, seeds).items()
        }
        self._cell = cell
        self._device = device
        self._precision = execution.precision
        self._shares = device == "cpu" and len(seeds) == 1 and cell.dropout == 0.0
        self._batches = Batches(stream, cell.batch, seeds, device)
        self._evaluator = Evaluator(lines, stream, cell, device)
        self._generators = [generator(seed, "dropout", device) for seed in seeds]
        self._dropout = dropout(cell.dropout, self._generators)
        self._optimizer = AdamW(list(self.parameters.values()), cell.weight_decay)
        self._rate = torch.zeros((), device=device)
        losses = _losses_of_prefixes if self._shares else _losses_of_rows
        # Each batch has another number of prefixes: one program for all of them, or for batches of one shape.
        self._losses = torch.compile(losses, dynamic=self._shares) if execution.compile else losses
        self._replay: Replay | None = None
        if execution.graph and device == "cuda":
            self._replay = Replay(self._descend, self._generators if self._dropout else [])

    def update(self, iteration: int) -> Tensor:
        """Make one update, counted from 0, of every network, and return the losses before it, (S,), in nats."""
        self._rate.fill_(learning_rate(self._cell, iteration))
        batch = self._batches.prefixes() if self._shares else self._batches.rows().tensors()
        return self._descend(*batch) if self._replay is None else self._replay(*batch)

    def state(self) -> dict[str, Tensor]:
        """Return everything that updates change, by name, for :meth:`restore`."""
        tensors = {f"parameter.{name}": value.detach() for name, value in self.parameters.items()}
        tensors |= {f"optimizer.{name}": value for name, value in self._optimizer.state().items()}
        tensors |= {f"batches.{name}": value for name, value in self._batches.state().items()}
        return tensors | {f"dropout.{number}": each.get_state() for number, each in enumerate(self._generators)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue the training from which ``state`` was taken: one of the same cell, seeds and device."""
        with torch.no_grad():
            for name, value in self.parameters.items():
                value.copy_(state[f"parameter.{name}"])
            for name, value in self._optimizer.state().items():
                value.copy_(state[f"optimizer.{name}"])
        start = "batches."
        self._batches.restore({name.removeprefix(start): state[name] for name in state if name.startswith(start)})
        for number, each in enumerate(self._generators):
            each.set_state(state[f"dropout.{number}"])

    def measure(self) -> dict[str, list[float]]:
        """Return each measure of :class:`Evaluator` by name, with one value per seed."""
        return self._evaluator.measure(self.parameters, self._cell.size.heads)

    def _descend(self, *batch: Any) -> Tensor:
        with torch.autocast(self._device, torch.bfloat16, enabled=self._precision == "bfloat16"):
            losses = self._losses(self.parameters, self._cell.size.heads, self._dropout, *batch)
        tensors = list(self.parameters.values())
        gradients = torch.autograd.grad(losses.sum(), tensors)
        clip_per_seed(gradients, protocol.GRADIENT_CLIP)
        self._optimizer.step(gradients, self._rate)
        return losses.detach()


def _losses_of_prefixes(
    parameters: transformer.Parameters, heads: int, _: transformer.Dropout | None, prefixes: Prefixes, counts: Tensor
) -> Tensor:
    return prefix_losses(transformer.forward_prefixes(parameters, prefixes, heads), counts)


def _losses_of_rows(
    parameters: transformer.Parameters, heads: int, drop: transformer.Dropout | None, *tensors: Tensor
) -> Tensor:
    rows = Rows(*tensors)
    return row_losses(transformer.forward(parameters, rows.inputs, heads, drop), rows)


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

        def report_all(done: int, losses: Tensor, before: int = before, width: int = len(stack)) -> None:
            report(before + done * width, losses)

        parts.append(train_stack(cell, lines, stack, device, report_all, execution, snapshots))
    names = parts[0].parameters
    return Trained(
        {name: torch.cat([part.parameters[name] for part in parts]) for name in names},
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
    training = Training(cell, lines, seeds, device, execution)
    history: list[dict[str, Any]] = []
    tracked = {
        "losses": torch.full((len(seeds),), math.nan, device=device),  # of the latest update
        "sums": torch.zeros(len(seeds), device=device),  # of losses since the latest evaluation
        "diverged_at": torch.full((len(seeds),), NEVER, device=device),
    }
    start = 0
    saved = None if snapshots is None else snapshots.newest(seeds)
    if saved is not None:
        training.restore(saved.tensors)
        tracked = {name: saved.tensors[name].to(device) for name in tracked}
        start, history = saved.updates, list(saved.history)

    def snapshot(updates: int) -> Snapshot:
        return Snapshot(updates, training.state() | tracked, history)

    for iteration in range(start, cell.iterations + 1):
        report(iteration, tracked["losses"])
        if snapshots is not None:
            snapshots.offer(seeds, iteration, iteration == cell.iterations, snapshot)
        if is_evaluation_due(cell, iteration):
            history += _rows(cell, seeds, iteration, tracked["sums"], training.measure())
            tracked["sums"].zero_()
        all_diverged = device == "cpu" and bool((tracked["diverged_at"] != NEVER).all())  # a GPU is not waited for
        if iteration == cell.iterations:
            break
        losses = tracked["losses"] if all_diverged else training.update(iteration)
        first = (tracked["diverged_at"] == NEVER) & ~losses.isfinite()
        tracked["diverged_at"].masked_fill_(first, iteration)
        tracked["losses"] = losses
        tracked["sums"] += losses
    broken = ~torch.stack([value.detach().isfinite().flatten(1).all(1) for value in training.parameters.values()]).all(
        0
    )
    tracked["diverged_at"].masked_fill_((tracked["diverged_at"] == NEVER) & broken, cell.iterations)
    return Trained(
        {name: value.detach().cpu() for name, value in training.parameters.items()},
        history,
        [None if each == NEVER else each for each in tracked["diverged_at"].tolist()],
    )


def _rows(
    cell: Cell, seeds: Sequence[int], iteration: int, sums: Tensor, measures: Mapping[str, list[float]]
) -> Iterator[dict[str, Any]]:
    """Return the rows that an evaluation adds to the history, one per seed."""
    since = updates_since_evaluation(cell, iteration)
    means = (sums / since).tolist() if since else [None] * len(seeds)
    for number, seed in enumerate(seeds):
        row = {"seed": seed, "iteration": iteration, "learning_rate": learning_rate(cell, iteration)}
        yield row | {"training_loss": means[number]} | {name: values[number] for name, values in measures.items()}
