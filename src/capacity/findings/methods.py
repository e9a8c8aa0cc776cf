"""The text of methods: what the methods section of a paper has to say about the runs of a budget.

The prose is a template, ``methods.md.j2``. Every number in it comes from a table of runs, the record beside it, the
answer of a study, the evidence on the claims, or the code that trained and judged. Times are left out, because two runs
of the same code differ in them and in nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from capacity.claims.outcomes import SHARE_RULE
from capacity.experiment.cell import Cell, parse_cell
from capacity.findings.corpora_used import corpora_used, prompts_asked
from capacity.findings.prose import Values
from capacity.findings.references import references
from capacity.findings.runs_counted import runs_counted
from capacity.findings.template import render
from capacity.findings.tests_made import tests_made
from capacity.findings.training_machines import training_machines
from capacity.model import initialization
from capacity.paper import protocol
from capacity.statistics import comparisons, intervals, trends
from capacity.studies.answer_file import StudyAnswer
from capacity.tables.runs import OUTCOMES
from capacity.tasks.registry import PARTS, TASKS

TEMPLATE = Path(__file__).parent / "methods.md.j2"


@dataclass(frozen=True, eq=False)
class MethodsSources:
    """Everything that the text is made from.

    Attributes:
        budget: the name of the budget that was run.
        runs: the table of runs of each study that the budget runs, by name.
        answers: of the same studies, with the rules of their answers.
        evidence: the table of the evidence on the paper's claims.
        origins: for each training job the record of where its runs come from, as the tables hold it.
        versions: the versions of the environment that made the tables.
        commit: the commit of the code that made the tables; None outside git.
    """

    budget: str
    runs: Mapping[str, pd.DataFrame]
    answers: Sequence[StudyAnswer]
    evidence: pd.DataFrame
    origins: Sequence[Mapping[str, Any]]
    versions: Mapping[str, str]
    commit: str | None


def values(sources: MethodsSources) -> Values:
    """Return everything the template reads."""
    cells = trained_cells(sources.runs)
    parameters = [int(number) for runs in sources.runs.values() for number in runs["parameters"]]
    return {
        "budget": sources.budget,
        "protocol": protocol,
        "initialization": initialization,
        "comparisons": comparisons,
        "intervals": intervals,
        "trends": trends,
        "share_rule": SHARE_RULE,
        "fitted": OUTCOMES["fits_arithmetic"][1],
        "new_characters": {name: task.new_characters for name, task in PARTS.items()},
        "sizes": sorted({cell.size.name for cell in cells}),
        "paper_sizes": [name for name, size in protocol.SIZES.items() if any(cell.size == size for cell in cells)],
        "absent_sizes": [name for name, size in protocol.SIZES.items() if all(cell.size != size for cell in cells)],
        "parameters": (min(parameters, default=0), max(parameters, default=0)),
        "recipes": _recipes(cells),
        "streams": [stream for stream in protocol.STREAMS if any(cell.stream == stream for cell in cells)],
        "has_operands": any(TASKS[cell.task].has_operands for cell in cells),
        "asks_facts": any(part.name == "facts" for cell in cells for part in TASKS[cell.task].parts),
        "random_facts": any(cell.fact_kind in protocol.RANDOM_FACT_KINDS for cell in cells),
        "corpora": corpora_used(cells),
        "prompts": prompts_asked(cells),
        "run": runs_counted(sources.runs, sources.answers),
        "tests": tests_made(sources.answers, sources.evidence),
        "machines": training_machines(sources.origins),
        "versions": ", ".join(f"{name} {version}" for name, version in sorted(sources.versions.items())),
        "commit": sources.commit,
    }


def page(sources: MethodsSources, template: str) -> str:
    """Return the text, with a reference for each method of statistics and each work that it names."""
    text = render(values(sources), template)
    works = references(text)
    return text + "\n" + "\n".join(["## References", "", *(f"- {work}" for work in works)]) + "\n" if works else text


def trained_cells(studies: Mapping[str, pd.DataFrame]) -> list[Cell]:
    """Return the cells of all studies, each once."""
    return [parse_cell(name) for name in dict.fromkeys(str(name) for runs in studies.values() for name in runs["cell"])]


def _recipes(cells: Sequence[Cell]) -> list[Values]:
    """Return the paper's recipes for the sizes of some cells."""
    recipes = [
        ("MLT", protocol.MLT_RECIPE, [cell for cell in cells if cell.size == protocol.MLT]),
        ("every other size", protocol.SMALL_RECIPE, [cell for cell in cells if cell.size != protocol.MLT]),
    ]
    return [{"sizes": sizes, **vars(recipe)} for sizes, recipe, mine in recipes if mine]
