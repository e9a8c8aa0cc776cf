"""The three endpoints of a run, by which tables and figures compare runs.

``final``         The final iterate.
``time_average``  The mean over the last 20 evaluations.
``paper_best``    The checkpoint that the paper's rule picks: the earliest maximum of an accuracy that includes the
                  held-out expressions. That is a choice made on the test set, so it is shown beside the others and
                  decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from capacity.tasks.task import CHECKPOINT_SCORE

AVERAGED_EVALUATIONS = 20  # of the paper's 121; a run with fewer evaluations averages the same share of them
PAPER_EVALUATIONS = 121


def averaged_evaluations(evaluations: int) -> int:
    """How many evaluations at the end of a run the time average takes: 20, or their share of a run with fewer."""
    return min(AVERAGED_EVALUATIONS, max(1, round(evaluations * AVERAGED_EVALUATIONS / PAPER_EVALUATIONS)))


def paper_best(evaluations: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The paper's checkpoint: the earliest of the evaluations with the largest :data:`CHECKPOINT_SCORE`."""
    return max(evaluations, key=lambda row: (row[CHECKPOINT_SCORE], -row["iteration"]))


def endpoint(evaluations: Sequence[dict[str, Any]], scores: dict[str, Any]) -> dict[str, Any]:
    """An endpoint over some evaluations of a run, rows of its history, with the scores given."""
    losses = [row["stream_loss"] for row in evaluations]
    return {
        "first_iteration": evaluations[0]["iteration"],
        "last_iteration": evaluations[-1]["iteration"],
        "evaluations": len(evaluations),
        "stream_loss": finite(math.fsum(losses) / len(losses)),
        "scores": scores,
    }


def average(evaluations: Sequence[dict[str, Any]], totals: dict[str, int]) -> dict[str, Any]:
    """An endpoint over some evaluations of a run with their mean scores; ``totals`` are the denominators of scores."""
    scores = {
        name: score(sum(round(row[name] * total) for row in evaluations), total * len(evaluations))
        for name, total in totals.items()
    }
    return endpoint(evaluations, scores)


def score(correct: int, total: int) -> dict[str, float | int]:
    """A score as numerator, denominator and fraction."""
    return {"correct": correct, "total": total, "fraction": correct / total}


def finite(value: float) -> float | None:
    """A number for JSON: None in place of NaN and the infinities."""
    number = float(value)
    return number if math.isfinite(number) else None
