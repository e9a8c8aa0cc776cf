"""The learning rate of a size, chosen by what it sees: held-out expressions choose nothing."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from capacity.tables.fitting import seen_fit

CHOSEN_BY = "the highest mean accuracy on the seen expressions, then the lowest mean loss"


def chosen_rate(runs: pd.DataFrame) -> float:
    """Return the learning rate whose runs fit the seen expressions best: :data:`CHOSEN_BY`.

    Of rates that are equal in both the lowest is taken. Raises ValueError without runs.
    """
    if runs.empty:
        raise ValueError("without runs no learning rate can be chosen")
    rates: list[float] = sorted(runs["learning_rate"].unique().tolist())
    by_rate = {rate: runs[runs["learning_rate"] == rate] for rate in rates}
    return max(by_rate, key=lambda rate: seen_fit(by_rate[rate], ["final_seen"]))


def at_chosen_rates(runs: pd.DataFrame, axes: Sequence[str]) -> pd.DataFrame:
    """Return the runs of each group, by the values of some axes, that have the learning rate chosen for the group."""
    kept = [rows[rows["learning_rate"] == chosen_rate(rows)] for _, rows in runs.groupby(list(axes), sort=True)]
    return pd.concat(kept) if kept else runs
