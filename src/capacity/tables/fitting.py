"""How well runs fit what they see, by which learning rates are chosen: held-out items have no part in it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd


def seen_fit(runs: pd.DataFrame, seen: Sequence[str]) -> tuple[float, float]:
    """Return the mean accuracy of runs on what they see, and minus their mean loss: the larger, the better they fit.

    A diverged run has nothing right, and an endless loss.

    Args:
        runs: one or more rows of the table of runs.
        seen: the columns of accuracies on what is seen, which count alike.
    """
    diverged = runs["diverged"].astype(bool)
    right = runs[list(seen)].astype("float64").mean(axis=1).mask(diverged, 0.0).fillna(0.0)
    loss = runs["final_stream_loss"].astype("float64").mask(diverged, float("inf")).fillna(float("inf"))
    return float(right.mean()), -float(loss.mean())
