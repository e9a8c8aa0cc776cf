"""The page of findings, filled from the tables of the studies that a budget runs.

The prose is a template, ``findings.md.j2``. Every number in it comes from here, and here from a table,
:mod:`capacity.paper.protocol` or :mod:`capacity.paper.published`. Each section has a module with a function that
returns what the template reads of it, by name. It is an error if the template reads a name that has no value.

The page is dated without a clock, so that the same tables give the same bytes: records of runs hold no date, but they
hold the commit of the code that trained them, and a run is not older than its commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from capacity.findings.arms import studies_of, tabulated_arms
from capacity.findings.claim_outcomes import claim_outcomes
from capacity.findings.fixed_order import fixed_against_reshuffled
from capacity.findings.joint_training import joint_against_alone
from capacity.findings.order_memorization import order_memorization
from capacity.findings.origins import training_origins
from capacity.findings.prose import Values
from capacity.findings.seed_spread import seed_spread
from capacity.findings.sources import Sources
from capacity.findings.trained_cells import is_listed, what_was_run
from capacity.findings.transient_generalization import transient_generalization
from capacity.findings.two_prompts import two_prompts
from capacity.paper import protocol
from capacity.statistics import intervals
from capacity.statistics.comparisons import ALPHA
from capacity.tables import markdown

TEMPLATE = Path(__file__).parent / "findings.md.j2"


def values(sources: Sources, dates: Mapping[str, str]) -> Values:
    """Return everything the template reads.

    Args:
        sources: the tables.
        dates: the date of each commit that is known, such as ``2026-11-20``.
    """
    arms = tabulated_arms(sources.studies)
    cells_of_arms = {arm.summary["cell"] for arm in arms}
    departures = [
        study.summary["departs"][study.summary["cell"].isin(cells_of_arms) | is_listed(study)]
        for study in sources.studies.values()
    ]
    notes = markdown.Notes(text for column in departures for text in column)
    return {
        "budget": sources.budget,
        "studies": list(sources.studies),
        "protocol": protocol,
        "alpha": ALPHA,
        "confidence": intervals.CONFIDENCE,
        "run": what_was_run(sources, notes),
        "elsewhere": [study for study in sources.studies if study not in studies_of(arms)],
        "verdicts": claim_outcomes(sources.claims, sources.evidence),
        "spread": seed_spread(arms, notes),
        "transient": transient_generalization(arms, notes),
        "order": order_memorization(arms, sources.evidence, sources.replication, notes),
        "reshuffled": fixed_against_reshuffled(arms),
        "prompts": two_prompts(arms, notes),
        "joint": joint_against_alone(arms, notes),
        "provenance": training_origins(sources, dates),
    }
