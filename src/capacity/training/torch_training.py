"""Training by torch: any network, on a CPU or a GPU, with dropout or without."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

from capacity.corpora import corpus
from capacity.corpora.streams import Stream
from capacity.experiment.cell import Cell
from capacity.model import devices, initialization, transformer
from capacity.model.torch_networks import TorchNetworks
from capacity.model.transformer import PrefixTensors
from capacity.paper import protocol
from capacity.tasks.task import Line
from capacity.training.batches import Batches
from capacity.training.dropout import dropout, dropout_generator
from capacity.training.evaluator import Evaluator, Measures
from capacity.training.execution import Execution
from capacity.training.losses import prefix_losses, row_losses
from capacity.training.optimizer import AdamW, clip_per_seed
from capacity.training.replay import Replay
from capacity.training.schedule import learning_rate

PLAIN = Execution()
NEVER = -1


class TorchTraining:
    """A stack of networks in training: :class:`capacity.training.path.Training` by torch.

    A single network without dropout on a CPU computes each distinct prefix of a batch once. Everything else computes
    every position of every row: a stack and a GPU need batches of one shape, and dropout makes equal rows unequal.

    Args:
        cell: the cell.
        lines: the lines of its corpus.
        seeds: S of them.
        device: ``cpu`` or ``cuda``.
        execution: how updates are executed.
    """

    def __init__(
        self, cell: Cell, lines: Sequence[Line], seeds: Sequence[int], device: str, execution: Execution = PLAIN
    ) -> None:
        devices.prepare(execution.threads, execution.precision == "bfloat16")
        vocabulary = corpus.vocabulary(lines)
        stream = Stream(corpus.stream_lines(lines), vocabulary, cell.stream, cell.block, cell.mixing)
        of_weights = [cell.seed_of_weights(seed) for seed in seeds]
        initial = initialization.initialise(cell.size, len(vocabulary), cell.block, of_weights)
        self._tensors = {name: torch.tensor(value, device=device).requires_grad_() for name, value in initial.items()}
        self._cell = cell
        self._device = device
        self._precision = execution.precision
        self._shares = device == "cpu" and len(seeds) == 1 and cell.dropout == 0.0
        self._batches = Batches(stream, cell.batch, seeds, device)
        self._evaluator = Evaluator(lines, stream, cell)
        self._networks = TorchNetworks(self._tensors, cell.size.heads)
        self._generators = [dropout_generator(seed, device) for seed in seeds]
        self._dropout = dropout(cell.dropout, self._generators)
        self._optimizer = AdamW(list(self._tensors.values()), cell.weight_decay)
        self._rate = torch.zeros((), device=device)
        losses = _losses_of_prefixes if self._shares else _losses_of_rows
        # Each batch has another number of prefixes: one program for all of them, or for batches of one shape.
        self._losses = torch.compile(losses, dynamic=self._shares) if execution.compile else losses
        self._replay: Replay | None = None
        if execution.graph and device == "cuda":
            self._replay = Replay(self._descend, self._generators if self._dropout else [])
        self._tracked = {
            "losses": torch.full((len(seeds),), math.nan, device=device),  # of the latest update
            "sums": torch.zeros(len(seeds), device=device),  # of losses since they were last taken
            "diverged_at": torch.full((len(seeds),), NEVER, device=device),
        }

    def update(self, iteration: int) -> None:
        """Make one update, counted from 0, of every network; none on a CPU if the network has diverged."""
        tracked = self._tracked
        diverged = tracked["diverged_at"] != NEVER
        if self._device != "cpu" or not bool(diverged.all()):  # a GPU is not waited for
            self._rate.fill_(learning_rate(self._cell, iteration))
            batch = self._batches.prefixes() if self._shares else self._batches.rows()
            tracked["losses"] = self._descend(*batch) if self._replay is None else self._replay(*batch)
        tracked["diverged_at"].masked_fill_(~diverged & ~tracked["losses"].isfinite(), iteration)
        tracked["sums"] += tracked["losses"]

    def losses(self) -> NDArray[Any]:
        """Return the losses before the latest update, (S,), in nats; NaN before the first one."""
        latest: NDArray[Any] = self._tracked["losses"].cpu().numpy()
        return latest

    def take_sums(self) -> NDArray[Any]:
        """Return the sums of the losses of all updates since they were last taken, (S,)."""
        taken: NDArray[Any] = self._tracked["sums"].cpu().numpy().copy()
        self._tracked["sums"].zero_()
        return taken

    def diverged_at(self) -> list[int | None]:
        """Return for each network how many updates were done when its loss was not finite for the first time."""
        return [None if each == NEVER else each for each in self._tracked["diverged_at"].tolist()]

    def measure(self) -> Measures:
        """Return each measure of :class:`Evaluator` by name, with one value per seed."""
        return self._evaluator.measure(self._networks)

    def parameters(self) -> dict[str, NDArray[numpy.float32]]:
        """Return the parameters by name, each with a leading axis of S."""
        return {name: value.detach().cpu().numpy() for name, value in self._tensors.items()}

    def state(self) -> dict[str, NDArray[Any]]:
        """Return everything that updates change, by name, for :meth:`restore`."""
        tensors = {f"parameter.{name}": value.detach() for name, value in self._tensors.items()}
        tensors |= {f"optimizer.{name}": value for name, value in self._optimizer.state().items()}
        tensors |= {f"dropout.{number}": each.get_state() for number, each in enumerate(self._generators)}
        tensors |= {f"tracked.{name}": value for name, value in self._tracked.items()}
        arrays = {name: value.cpu().numpy() for name, value in tensors.items()}
        return arrays | {f"batches.{name}": value for name, value in self._batches.state().items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue the training from which ``state`` was taken: one of the same cell, seeds and device."""
        with torch.no_grad():
            for name, value in self._tensors.items():
                value.copy_(torch.from_numpy(state[f"parameter.{name}"]))
            for name, value in self._optimizer.state().items():
                value.copy_(torch.from_numpy(state[f"optimizer.{name}"]))
        self._tracked = {name: torch.tensor(state[f"tracked.{name}"], device=self._device) for name in self._tracked}
        start = "batches."
        self._batches.restore({name.removeprefix(start): state[name] for name in state if name.startswith(start)})
        for number, each in enumerate(self._generators):
            each.set_state(torch.from_numpy(state[f"dropout.{number}"]))

    def _descend(self, *batch: Any) -> Tensor:
        with torch.autocast(self._device, torch.bfloat16, enabled=self._precision == "bfloat16"):
            losses = self._losses(self._tensors, self._cell.size.heads, self._dropout, *batch)
        tensors = list(self._tensors.values())
        gradients = torch.autograd.grad(losses.sum(), tensors)
        clip_per_seed(gradients, protocol.GRADIENT_CLIP)
        self._optimizer.step(gradients, self._rate)
        return losses.detach()


def _losses_of_prefixes(
    parameters: transformer.Parameters,
    heads: int,
    _: transformer.Dropout | None,
    prefixes: PrefixTensors,
    counts: Tensor,
) -> Tensor:
    return prefix_losses(transformer.forward_prefixes(parameters, prefixes, heads), counts)


def _losses_of_rows(
    parameters: transformer.Parameters,
    heads: int,
    drop: transformer.Dropout | None,
    inputs: Tensor,
    targets: Tensor,
    counted: Tensor,
) -> Tensor:
    return row_losses(transformer.forward(parameters, inputs, heads, drop), targets, counted)
