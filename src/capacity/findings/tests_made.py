"""The part of the methods on statistics: which tests were made, on the claims and in the answers of studies."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from capacity.claims.evidence import Kind
from capacity.claims.size_trends import GENERALIZATION
from capacity.findings.prose import Values
from capacity.studies.answer_file import StudyAnswer
from capacity.tables import markdown

WITHIN_SIZES = "within_sizes"
"""The condition on the runs of one size, whose test is one of association."""


def tests_made(answers: Sequence[StudyAnswer], evidence: pd.DataFrame) -> Values:
    """Tell which kinds of tests the evidence on the claims has, and by which rule each study is answered."""
    tested = evidence[evidence["p_value"].notna()]
    trends = tested[tested["kind"].isin((Kind.TREND, Kind.SENSITIVITY))]
    conditions = tested[tested["kind"] == Kind.CONDITION]
    return {
        "claims": list(dict.fromkeys(evidence["claim"][evidence["n"] > 0])),
        "generalization": bool((trends["measure"] == GENERALIZATION.column).any()) or len(conditions) > 0,
        "memorization": bool((trends["measure"] != GENERALIZATION.column).any()) or len(conditions) > 0,
        "both": bool((tested["kind"] == Kind.BOTH_TRENDS).any()),
        "association": bool((conditions["measure"] == WITHIN_SIZES).any()),
        "difference": bool((tested["kind"] == Kind.DIFFERENCE).any()),
        "any": len(tested) > 0,
        "rules": [
            {"studies": " and ".join(studies), "rule": markdown.text(rule)}
            for rule, studies in _by_rule(answers).items()
        ],
    }


def _by_rule(answers: Sequence[StudyAnswer]) -> dict[str, list[str]]:
    """Return the studies that are answered by each rule, with their questions."""
    studies: dict[str, list[str]] = {}
    for said in answers:
        if said.answer is not None:
            asked = f" ({markdown.text(said.question)})" if said.question else ""
            studies.setdefault(said.answer.rule, []).append(f"`{said.study}`{asked}")
    return studies
