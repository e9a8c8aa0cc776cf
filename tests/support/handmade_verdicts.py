"""Verdicts on studies made by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy
import pandas as pd

from capacity.claims.evidence import Evidence
from capacity.claims.judge import judge as judge_claims
from capacity.claims.outcomes import Outcome
from capacity.claims.verdicts import Verdict
from capacity.paper import published

CLAIMS = [claim.name for claim in published.CLAIMS]


def judge(*names: str, **studies: pd.DataFrame) -> dict[str, Verdict]:
    """The verdicts on the claims named, or on all, by name; an underscore in the name of a study is a hyphen."""
    studies = {name.replace("_", "-"): runs for name, runs in studies.items()}
    sources = {name: f"results/tables/{name}/runs.parquet" for name in studies}
    wanted = [claim for claim in published.CLAIMS if claim.name in (names or CLAIMS)]
    rng = numpy.random.default_rng(0)
    verdicts = judge_claims(studies, sources, "laptop", rng, permutations=199, wanted=wanted)
    assert [verdict.claim.name for verdict in verdicts] == list(names or CLAIMS)
    return {verdict.claim.name: verdict for verdict in verdicts}


def outcomes(verdicts: dict[str, Verdict]) -> dict[str, Outcome]:
    """The outcome of each claim."""
    return {name: verdict.conclusion.outcome for name, verdict in verdicts.items()}


def deciding_lines(verdict: Verdict) -> Sequence[Evidence]:
    """The lines of evidence that decide."""
    return [line for line in verdict.conclusion.evidence if line.outcome]
