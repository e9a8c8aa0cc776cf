"""Tables made by hand for the text of methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import pandas as pd

from capacity.claims.judge import judge
from capacity.claims.verdicts import evidence_table
from capacity.findings.methods import TEMPLATE as TEMPLATE_PATH
from capacity.findings.methods import MethodsSources, page
from capacity.studies.answer import Answer
from capacity.studies.answer_file import StudyAnswer
from tests.support.handmade_findings import OTHER, origin

TEMPLATE = TEMPLATE_PATH.read_text(encoding="utf-8")
MACHINE = {"versions": {"python": "3.11.7", "torch": "2.13.0"}, "platform": "Linux x86_64"}


def answer_of(
    study: str, rule: str | None = None, question: str = "Does it?", left_out: Sequence[str] = ()
) -> StudyAnswer:
    """The answer of a study, by a rule in words if there is one."""
    said = None if rule is None else Answer("yes", "Yes.", rule, "Nothing.", 1, 0)
    return StudyAnswer(study, "A title", question, None, said, 1, 0, tuple(left_out), "snakemake", "")


def methods_sources(
    runs: Mapping[str, pd.DataFrame],
    answers: Sequence[StudyAnswer] | None = None,
    origins: Sequence[Mapping[str, Any]] | None = None,
) -> MethodsSources:
    """Everything that the text is made from, with the evidence as the stage makes it, of few permutations."""
    paths = {name: f"results/tables/{name}/runs.parquet" for name in runs}
    verdicts = judge(dict(runs), paths, "laptop", numpy.random.default_rng(0), permutations=99)
    return MethodsSources(
        budget="laptop",
        runs=runs,
        answers=[answer_of(name) for name in runs] if answers is None else answers,
        evidence=evidence_table(verdicts),
        origins=[origin(**MACHINE)] if origins is None else origins,
        versions={"torch": "2.13.0", "capacity": "0.1.0"},
        commit=OTHER,
    )


def text_of(sources: MethodsSources) -> str:
    """The text, from the template of the package."""
    return page(sources, TEMPLATE)
