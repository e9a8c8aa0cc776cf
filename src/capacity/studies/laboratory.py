"""The page of the laboratory: every study of a budget with its question, its answer, and how many runs it has."""

from __future__ import annotations

from collections.abc import Sequence

from capacity.studies.answer_file import StudyAnswer
from capacity.studies.page import in_short
from capacity.tables import markdown


def to_markdown(budget: str, studies: Sequence[StudyAnswer]) -> str:
    """Return the page: a row for each study."""
    rows = (
        (
            f"[{said.study}](studies/{said.study}/index.md)",
            markdown.text(said.question or said.title),
            in_short(said),
            markdown.count_runs(said.run_count, said.diverged_count),
        )
        for said in studies
    )
    lines = [
        "# The laboratory",
        "",
        f"The studies of the budget `{budget}`: what each asks, what its rule answers, and on how many runs. Every "
        "number is filled from the tables of the runs. Each page says by which rule, and what would change the answer.",
        "",
        *markdown.table(("study", "question", "answer", "runs"), rows),
        "",
        "To run them again:",
        "",
        "```",
        f"snakemake results/laboratory.md --config budget={budget}",
        "```",
    ]
    return "\n".join(lines) + "\n"
