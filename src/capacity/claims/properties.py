"""Yes-or-no properties of a run, which claims are about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from capacity.paper import protocol

FEW_FACTS = 0.2
"""The share of the facts that a run recalls at most to count as recalling few."""

SIZES = tuple(protocol.SIZES)


@dataclass(frozen=True)
class Property:
    """A yes-or-no property of a run.

    Attributes:
        key: its name in tables.
        description: the property in words.
        holds: a function from runs (N rows) to N answers, which may be missing.
    """

    key: str
    description: str
    holds: Callable[[pd.DataFrame], pd.Series]

    def of(self, runs: pd.DataFrame) -> pd.Series:
        """Tell for each run whether it has the property; a run that diverged or has no answer does not."""
        return self.holds(runs).fillna(False).astype(bool) & ~runs["diverged"].astype(bool)


ALL_RIGHT = Property("all_held_out_right", "all held-out expressions right", lambda runs: runs["generalizes"])
ALL_RIGHT_PAPER_RULE = Property(
    "all_held_out_right_paper_rule",
    "all held-out expressions right, by the paper's rule",
    lambda runs: runs["paper_best_held_out"] >= 1,
)
NOT_ALL_RIGHT = Property(
    "not_all_held_out_right",
    "not all held-out expressions right",
    lambda runs: runs["final_held_out"] < 1,
)
NONE_RIGHT = Property("no_held_out_right", "no held-out expression right", lambda runs: runs["final_held_out"] == 0)
NONE_RIGHT_PAPER_RULE = Property(
    "no_held_out_right_paper_rule",
    "no held-out expression right, by the paper's rule",
    lambda runs: runs["paper_best_held_out"] == 0,
)
SEEN_FITTED = Property("seen_fitted", "seen expressions fitted", lambda runs: runs["fits_arithmetic"])
FEW_RECALLED = Property(
    "few_facts_recalled",
    f"at most {100 * FEW_FACTS:g} % of the facts recalled (paper's prompts)",
    lambda runs: runs["final_facts_paper_prompts"] <= FEW_FACTS,
)
ALL_RECALLED = Property(
    "all_facts_recalled",
    "all facts recalled (paper's prompts)",
    lambda runs: runs["final_facts_paper_prompts"] >= 1,
)
ALL_RECALLED_MATCHED = Property(
    "all_facts_recalled_matched_prompts",
    "all facts recalled (matched prompts)",
    lambda runs: runs["final_facts_matched_prompts"] >= 1,
)
