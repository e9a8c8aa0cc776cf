"""The learning rate of a size, chosen by what it sees: held-out expressions choose nothing."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

CHOSEN_BY = "the highest mean accuracy on the seen expressions, then the lowest mean loss"


def chosen_rate(runs: pd.DataFrame) -> float:
    """Return the learning rate whose runs fit the seen expressions best: :data:`CHOSEN_BY`.

    A diverged run has seen nothing, and an endless loss. Of rates that are equal in both the lowest is taken. Raises
    ValueError without runs.
    """
    if runs.empty:
        raise ValueError("without runs no learning rate can be chosen")
    diverged = runs["diverged"].astype(bool)
    seen = runs["final_seen"].astype("float64").mask(diverged, 0.0)
    loss = runs["final_stream_loss"].astype("float64").mask(diverged, float("inf"))
    table = pd.DataFrame({"rate": runs["learning_rate"], "seen": seen, "loss": loss.fillna(float("inf"))})
    means = table.groupby("rate").agg({"seen": "mean", "loss": "mean"})
    best = means.sort_index().sort_values(["seen", "loss"], ascending=[False, True], kind="stable")
    return float(best.index[0])


def at_chosen_rates(runs: pd.DataFrame, axes: Sequence[str]) -> pd.DataFrame:
    """Return the runs of each group, by the values of some axes, that have the learning rate chosen for the group."""
    kept = [rows[rows["learning_rate"] == chosen_rate(rows)] for _, rows in runs.groupby(list(axes), sort=True)]
    return pd.concat(kept) if kept else runs
