"""The schedule of a training run: its learning rate, and when the networks are evaluated."""

from __future__ import annotations

from capacity.exact import elementary
from capacity.experiment.cell import Cell


def learning_rate(cell: Cell, iteration: int) -> float:
    """Return the learning rate of an update, counted from 0.

    It rises linearly in the warm-up, falls with a cosine to the final rate, and stays there (paper, section 3.3; the
    schedule of nanoGPT). It is the same number on every machine.
    """
    if iteration < cell.warmup_iterations:
        return cell.learning_rate * (iteration + 1) / (cell.warmup_iterations + 1)
    if iteration >= cell.decay_iterations:
        return cell.final_learning_rate
    done = (iteration - cell.warmup_iterations) / (cell.decay_iterations - cell.warmup_iterations)
    _, cosine = elementary.sincospi(done)
    share = 0.5 * (1.0 + cosine)
    return cell.final_learning_rate + share * (cell.learning_rate - cell.final_learning_rate)


def is_evaluation_due(cell: Cell, iteration: int) -> bool:
    """Return whether the networks are evaluated before an update, counted from 0.

    They always are before the first update and after the last one.
    """
    return iteration % cell.evaluation_interval == 0 or iteration == cell.iterations


def evaluation_count(cell: Cell) -> int:
    """Return the number of evaluations of a run: 121 for the paper's 30,000 iterations."""
    return sum(is_evaluation_due(cell, iteration) for iteration in range(cell.iterations + 1))


def updates_since_evaluation(cell: Cell, iteration: int) -> int:
    """Return the number of updates between an evaluation and the one before it; 0 for the first evaluation."""
    return (iteration - 1) % cell.evaluation_interval + 1 if iteration else 0
