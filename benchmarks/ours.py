"""This project's own training, as a run does it, by the compiled network or by torch.

This module loads no torch: what a process of the compiled network needs to start, and its memory, are measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

from benchmarks import torch_device
from benchmarks.measure import Sample, timed
from benchmarks.setting import Setting
from capacity.corpora import corpus
from capacity.imports import keep_from_loading
from capacity.training.execution import Execution
from capacity.training.path import Training, kernel_of, training_of
from capacity.training.schedule import is_evaluation_due


def enter(setting: Setting) -> Ours:
    ours = Ours(setting)
    if ours.kernel == "torch":
        torch_device.prepare(setting)
    else:
        keep_from_loading("train")
    return ours


class Ours:
    """The seeds of a cell: on a GPU one stack, on a CPU one network after another."""

    def __init__(self, setting: Setting) -> None:
        self._cell = setting.cell
        self._lines = corpus.build(self._cell)
        self._device = setting.device
        self._execution = execution(setting)
        self.kernel = setting.kernel or kernel_of(self._cell, self._device, self._execution)
        seeds = list(range(setting.seeds))
        self._stacks = [[seed] for seed in seeds] if setting.device == "cpu" else [seeds]
        self._iteration = 0

    def settings(self) -> dict[str, Any]:
        """How training is executed, with all that was left open resolved."""
        return self._execution.record(self._device) | {"kernel": self.kernel}

    def update(self, updates: int, untimed: int = 0) -> Sample:
        """Time of the updates alone: of several stacks each is made anew, as in a run, and is warm after an update."""
        if len(self._stacks) == 1:
            first = self._iteration + untimed
            self._advance(self._training, self._iteration, untimed)
            self._iteration = first + updates
            return self._timed(partial(self._advance, self._training, first, updates))
        samples = [self._update_alone(stack, updates) for stack in self._stacks]
        return sum(samples[1:], samples[0])

    def evaluate(self) -> Sample:
        if len(self._stacks) > 1:
            raise ValueError(f"seeds: {len(self._stacks)} are trained one after another; ask about one of them")
        return self._timed(self._training.measure)

    def losses(self) -> list[float]:
        """The loss before the latest update, of the only stack."""
        return [float(loss) for loss in self._training.losses()]

    def full_run(self) -> Sample:
        """A run from the first update to the last evaluation, for real."""
        return self._timed(self._run_all)

    def peak_bytes(self) -> int:
        """Most memory held so far; networks that follow one another are evaluated for it, as in a run."""
        if len(self._stacks) > 1:
            for stack in self._stacks:
                self._evaluate_alone(stack)
        return torch_device.peak_bytes(self._device)

    @cached_property
    def _training(self) -> Training:
        """Of the only stack, if there is but one: kept from block to block."""
        return self._make(self._stacks[0])

    def _update_alone(self, stack: Sequence[int], updates: int) -> Sample:
        """Here and not in a loop, so that one network is gone before the next is made."""
        training = self._make(stack)
        self._advance(training, 0, 1)
        return self._timed(partial(self._advance, training, 1, updates))

    def _evaluate_alone(self, stack: Sequence[int]) -> None:
        training = self._make(stack)
        self._advance(training, 0, 1)
        training.measure()

    def _make(self, stack: Sequence[int]) -> Training:
        if self.kernel == "numba":
            from capacity.training.kernel_training import KernelTraining

            return KernelTraining(self._cell, self._lines, stack[0])
        return training_of(self._cell, self._lines, stack, self._device, self._execution)

    def _advance(self, training: Training, first: int, updates: int) -> None:
        for iteration in range(first, first + updates):
            training.update(iteration % self._cell.iterations)

    def _run_all(self) -> None:
        for stack in self._stacks:
            self._run(self._make(stack))

    def _run(self, training: Training) -> None:
        for iteration in range(self._cell.iterations + 1):
            if is_evaluation_due(self._cell, iteration):
                training.measure()
            if iteration < self._cell.iterations:
                training.update(iteration)

    def _timed(self, work: Callable[[], object]) -> Sample:
        return timed(work, partial(torch_device.finish, self._device))


def execution(setting: Setting) -> Execution:
    """The choices that were made; the implementation's own where none was."""
    chosen = {name: getattr(setting, name) for name in ("precision", "compile", "graph", "threads")}
    kernel = "torch" if setting.kernel == "torch" else "auto"
    return Execution(kernel=kernel, **{name: value for name, value in chosen.items() if value is not None})
