"""Whether the contestants compute the same thing: ratios of different computations would be worthless.

Our training by the compiled network and by torch, the baseline and the JAX program start from the same parameters and
make a few updates on the same batches; all others are held against the baseline's. Dropout is off, because its masks
cannot be the same, weight decay is on, so that it is checked for sizes that have none, and everything is in float32.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from benchmarks import torch_device
from benchmarks.baseline import Trainer
from benchmarks.ours import execution
from benchmarks.setting import Setting
from capacity.corpora import corpus
from capacity.corpora.streams import Stream
from capacity.experiment.cell import Cell
from capacity.training.batches import Batches
from capacity.training.path import Training, training_of
from capacity.training.schedule import learning_rate

UPDATES = 5  # one more than our training makes before it replays a captured one
ROWS = 128
LOSS_TOLERANCE = 1e-5
CHANGE_TOLERANCE = 3e-3
"""Of the norm of what the updates changed in a parameter. Wider, because the first steps of AdamW have the same length
whether a gradient is large or as small as its rounding error."""
RATE_TOLERANCE = 1e-4


Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Course:
    """What some updates did: the loss before each of them, and the parameters after all, by name."""

    losses: list[float]
    parameters: dict[str, Tensor]


def enter(setting: Setting) -> Check:
    torch_device.prepare(setting)
    return Check(setting)


class Check:
    """The comparison for one cell."""

    def __init__(self, setting: Setting) -> None:
        self._setting = replace(setting, precision="float32")
        self._cell = replace(setting.cell, dropout=0.0, weight_decay=0.1, batch=ROWS)

    def differences(self) -> dict[str, dict[str, float]]:
        """For each contestant, its largest relative differences of a loss and of a parameter's change.

        JAX is left out where it is not installed, or not for this device. Raises ValueError if a difference is larger
        than rounding explains.
        """
        cell, device = self._cell, self._setting.device
        training = training_of(cell, corpus.build(cell), [0], device, execution(self._setting))
        start = parameters_of(training)
        given = batches(cell, UPDATES)
        expected = baseline(cell, start, given, device)
        differences = {"ours": compare(ours(cell, training), expected, start)}
        if device == "cpu":
            by_torch = replace(self._setting, kernel="torch")
            training = training_of(cell, corpus.build(cell), [0], device, execution(by_torch))
            differences["torch"] = compare(ours(cell, training), expected, start)
        if self._jax_is_usable():
            differences["jax"] = compare(jax_program(cell, start, given), expected, start)
            differences["jax"]["learning_rate"] = rate_difference(cell)
        limits = {"loss": LOSS_TOLERANCE, "change": CHANGE_TOLERANCE, "learning_rate": RATE_TOLERANCE}
        for contestant, its_differences in differences.items():
            for name, difference in its_differences.items():
                if not difference <= limits[name]:  # nor NaN
                    raise ValueError(
                        f"{contestant} and the baseline compute different things for {cell.name}: {name} differs by "
                        f"{difference:.1e} of its value, and rounding by at most {limits[name]:.0e}"
                    )
        return differences

    def _jax_is_usable(self) -> bool:
        if importlib.util.find_spec("jax") is None:
            return False
        from benchmarks import jax_update

        return jax_update.has(self._setting.device)


def batches(cell: Cell, updates: int) -> list[Batch]:
    """What training with seed 0 reads, as inputs and targets of every row that is drawn, each (N, T)."""
    lines = corpus.build(cell)
    stream = Stream(corpus.stream_lines(lines), corpus.vocabulary(lines), cell.stream, cell.block, cell.mixing)
    drawn = Batches(stream, cell.batch, [0], "cpu")
    rows = [drawn.rows() for _ in range(updates)]
    return [(inputs[0], targets[0]) for inputs, targets, _ in rows]


def iteration(cell: Cell, update: int) -> int:
    """Around the peak of the schedule, where steps are long enough to see a difference."""
    return cell.warmup_iterations - 1 + update


def ours(cell: Cell, training: Training) -> Course:
    """The updates by our training, which draws the batches itself."""
    losses = []
    for number in range(UPDATES):
        training.update(iteration(cell, number))
        losses.append(float(training.losses()[0]))
    return Course(losses, parameters_of(training))


def parameters_of(training: Training) -> dict[str, Tensor]:
    """Copies of the parameters of the only network in training, by name, on the CPU."""
    return {name: torch.tensor(value[0]) for name, value in training.parameters().items()}


def baseline(cell: Cell, start: Mapping[str, Tensor], given: Sequence[Batch], device: str) -> Course:
    """The updates by the plain implementation."""
    trainer = Trainer(cell, start, device)
    losses = [
        float(trainer.update(inputs.to(device), targets.to(device), learning_rate(cell, iteration(cell, number))))
        for number, (inputs, targets) in enumerate(given)
    ]
    return Course(losses, {name: value.cpu() for name, value in trainer.parameters().items()})


def jax_program(cell: Cell, start: Mapping[str, Tensor], given: Sequence[Batch]) -> Course:
    """The updates by the JAX program, with its own learning rates."""
    import jax
    from jax import numpy as jnp

    from benchmarks import jax_update

    update = jax.jit(partial(jax_update.update, cell))
    state = jax_update.initial_state({name: jnp.asarray(value.numpy()) for name, value in start.items()})
    losses = []
    for number, (inputs, targets) in enumerate(given):
        rate = jax_update.learning_rate(cell, jnp.array(iteration(cell, number)))
        state, loss = update(state, jnp.asarray(inputs.numpy()), jnp.asarray(targets.numpy()), rate, jax.random.key(0))
        losses.append(float(loss))
    return Course(losses, {name: torch.tensor(jax.device_get(value)) for name, value in state.parameters.items()})


def rate_difference(cell: Cell) -> float:
    """Largest relative difference of the JAX program's learning rates from ours, over the whole schedule."""
    from jax import numpy as jnp

    from benchmarks import jax_update

    steps = range(0, cell.iterations, max(1, cell.iterations // 100))
    rates = ((learning_rate(cell, step), float(jax_update.learning_rate(cell, jnp.array(step)))) for step in steps)
    return max(abs(theirs / mine - 1.0) for mine, theirs in rates)


def compare(course: Course, expected: Course, start: Mapping[str, Tensor]) -> dict[str, float]:
    """Largest relative differences: of losses, and of each parameter's change (by Euclidean norms)."""
    losses = [abs(mine / theirs - 1.0) for mine, theirs in zip(course.losses, expected.losses, strict=True)]
    changes = [
        float((course.parameters[name] - value).norm() / (value - start[name]).norm())
        for name, value in expected.parameters.items()
    ]
    return {"loss": max(losses), "change": max(changes)}
