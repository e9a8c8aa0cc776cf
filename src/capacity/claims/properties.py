"""TODO claims.properties."""

from __future__ import annotations

from capacity.claims.evidence import Property
from capacity.paper import protocol

FEW_FACTS = 0.2
SIZES = tuple(protocol.SIZES)

ALL_RIGHT = Property("all held-out expressions right", lambda runs: runs["generalizes"])
ALL_RIGHT_PAPER_RULE = Property(
    "all held-out expressions right, by the paper's rule", lambda runs: runs["paper_best_held_out"] >= 1
)
NONE_RIGHT = Property("no held-out expression right", lambda runs: runs["final_held_out"] == 0)
NONE_RIGHT_PAPER_RULE = Property(
    "no held-out expression right, by the paper's rule", lambda runs: runs["paper_best_held_out"] == 0
)
FEW_RECALLED = Property(
    f"at most {100 * FEW_FACTS:g} % of the facts recalled (paper's prompts)",
    lambda runs: runs["final_facts_paper_prompts"] <= FEW_FACTS,
)
ALL_RECALLED = Property("all facts recalled (paper's prompts)", lambda runs: runs["final_facts_paper_prompts"] >= 1)
ALL_RECALLED_MATCHED = Property(
    "all facts recalled (matched prompts)", lambda runs: runs["final_facts_matched_prompts"] >= 1
)
