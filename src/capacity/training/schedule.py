"""TODO training.schedule."""

from __future__ import annotations

import math

from capacity.experiment.cell import Cell


def learning_rate(cell: Cell, iteration: int) -> float:
    """Linear warm-up, cosine to the final rate, then constant (paper, section 3.3; nanoGPT's schedule)."""
    if iteration < cell.warmup_iterations:
        return cell.learning_rate * (iteration + 1) / (cell.warmup_iterations + 1)
    if iteration >= cell.decay_iterations:
        return cell.final_learning_rate
    done = (iteration - cell.warmup_iterations) / (cell.decay_iterations - cell.warmup_iterations)
    share = 0.5 * (1.0 + math.cos(math.pi * done))
    return cell.final_learning_rate + share * (cell.learning_rate - cell.final_learning_rate)


def is_evaluation_due(cell: Cell, iteration: int) -> bool:
    """Whether the networks are evaluated before this update; the first and the last iteration always are."""
    return iteration % cell.evaluation_interval == 0 or iteration == cell.iterations


def evaluation_count(cell: Cell) -> int:
    """How many evaluations a run has: 121 for the paper's 30,000 iterations."""
    return sum(is_evaluation_due(cell, iteration) for iteration in range(cell.iterations + 1))


def updates_since_evaluation(cell: Cell, iteration: int) -> int:
    """How many updates lie between an evaluation and the one before it; 0 for the first."""
    return (iteration - 1) % cell.evaluation_interval + 1 if iteration else 0
