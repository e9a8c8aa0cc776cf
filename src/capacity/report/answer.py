"""The answer that the report opens on: the main figure, a verdict on each claim, and what came out in three sentences.

Every number in it is computed from the tables of verdicts and of the paper's numbers beside ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from capacity.claims.evidence import Kind
from capacity.claims.outcomes import Outcome
from capacity.report.pages import data_address, rendered

CLAIMS_ON_SIZES = ("C1", "C2", "C3")
"""The claims on what each size does when it is trained on one task."""
TEMPLATE = Path(__file__).parent / "answer.html.j2"
SIGNS = {
    Outcome.REPLICATED: "\u2713",
    Outcome.NOT_REPLICATED: "\u2717",
    Outcome.DEPENDS_ON_SEED: "\u2248",
    Outcome.INCONCLUSIVE: "?",
    Outcome.NOT_RUN: "\u2013",
}
"""A sign for each outcome, so that colour is not all that tells them apart."""
SAID = {
    Outcome.REPLICATED: ("is replicated", "are replicated"),
    Outcome.NOT_REPLICATED: ("is not replicated", "are not replicated"),
    Outcome.DEPENDS_ON_SEED: ("depends on the seed", "depend on the seed"),
    Outcome.INCONCLUSIVE: ("is inconclusive", "are inconclusive"),
    Outcome.NOT_RUN: ("was not run", "were not run"),
}
"""Each outcome as what is said of one claim, and of several."""


def answer_page(
    claims: pd.DataFrame, evidence: pd.DataFrame, replication: pd.DataFrame, budget: str, figure: bytes | None
) -> str:
    """Return the answer as HTML that can stand by itself and inside another page.

    Args:
        claims, evidence: the tables of the verdicts.
        replication: the table of the paper's numbers beside ours.
        budget: the budget that runs the studies.
        figure: the main figure as SVG; None where no study is run.
    """
    judged = claims.to_dict("records")
    return rendered(
        TEMPLATE,
        sentences=sentences(judged, evidence, replication, budget),
        claims=[claim | {"sign": SIGNS[Outcome(claim["outcome"])]} for claim in judged],
        departs=any(claim["departs"] for claim in judged),
        figure=None if figure is None else data_address(figure),
    )


def sentences(
    claims: Sequence[Mapping[Any, Any]], evidence: pd.DataFrame, replication: pd.DataFrame, budget: str
) -> tuple[str, str, str]:
    """Return what came out of the claims, how many runs did what the paper says of a size, and what that rests on."""
    tally = {outcome: [claim["claim"] for claim in claims if claim["outcome"] == outcome] for outcome in Outcome}
    verdicts = [
        f"{len(names)} {SAID[outcome][len(names) > 1]} ({', '.join(names)})"
        for outcome, names in tally.items()
        if names
    ]
    ours = replication[replication["cell"] != ""]
    to_the_letter = int((ours["departs"] == "").sum())
    return (
        f"Of the paper's {len(claims)} claims, {_listed(verdicts)}.",
        _of_sizes(evidence),
        f"This rests on {len(ours)} of the paper's {len(replication)} cells with "
        f"{int(ours['n'].sum()):,} runs, under the budget {budget}; {to_the_letter} of these cells "
        f"{'follows' if to_the_letter == 1 else 'follow'} the paper's protocol to the letter.",
    )


def _of_sizes(evidence: pd.DataFrame) -> str:
    """Say in how many runs each size did what the paper says of it."""
    of_sizes = evidence["claim"].isin(CLAIMS_ON_SIZES) & (evidence["kind"] == Kind.SHARE)
    lines = evidence[of_sizes & (evidence["outcome"] != "") & (evidence["n"] > 0)]
    said: dict[str, list[str]] = {}
    for line in lines.to_dict("records"):
        said.setdefault(line["description"], []).append(f"{line['label']} in {line['count']} of {line['n']} runs")
    if not said:
        return (
            "No run here is one of the cells of which the paper says what a size does when it is trained on one task."
        )
    properties = (f"{description}: {_listed(cells)}" for description, cells in said.items())
    return f"What the paper says of its sizes trained on one task holds so often: {'; '.join(properties)}."


def _listed(words: Iterable[str]) -> str:
    """Put words side by side, with *and* before the last."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
