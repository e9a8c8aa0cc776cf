"""The page of a study: its question and answer, what was run, figures, tables, and what would change the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from capacity.experiment import axes
from capacity.studies.answer import NOT_RUN, Answer, Table, Value
from capacity.studies.answer_file import StudyAnswer
from capacity.studies.cells_run import CellsRun
from capacity.tables import markdown

NO_RULE = "No rule is configured for an answer."
FEWEST_IN_A_LIST = 3
"""Groups of runs whose answers stand in a list, one below the other."""
OUTSIDE_OF_BRACKETS = r"(?![^()]*\))"
"""What follows a place of a text that is not in round brackets."""
MOST_ROWS = 60
"""Rows of a table that the page shows; of a longer one it shows as many, evenly spaced."""


def to_markdown(said: StudyAnswer, run: CellsRun, figures: Sequence[str]) -> str:
    """Return the page of a study.

    Args:
        said: the study with its question and answer.
        run: what was run.
        figures: paths of PNG files from the folder of the page.
    """
    title = markdown.text(said.title)
    lines = [
        f"# {markdown.text(said.question) or title}",
        "",
        *([f"{title}. The study `{said.study}`.", ""] if said.question else [f"The study `{said.study}`.", ""]),
        *_answer_lines(said),
        "## What was run",
        "",
        *_run_lines(said, run),
        "## Figures" if len(figures) > 1 else "## Figure",
        "",
        *[line for figure in figures for line in (f"![{PurePosixPath(figure).stem}: {title}]({figure})", "")],
        *(_table_lines(said.answer) if said.answer is not None else []),
        *_change_lines(said.answer),
        "## Run it again",
        "",
        "```",
        said.command,
        "```",
        "",
        f"Every cell and endpoint: [summary](../../tables/{said.study}/summary.md). When runs fit and generalize: "
        f"[dynamics](../../tables/{said.study}/dynamics.md). The answer as data: [answer.json](answer.json).",
    ]
    return "\n".join(lines) + "\n"


def in_short(said: StudyAnswer) -> str:
    """Return the answer of a study for one row of a table."""
    if said.answer is None:
        return "no rule is configured"
    return f"**{markdown.text(said.answer.outcome)}**: {markdown.text(said.answer.sentence)}"


def _answer_lines(said: StudyAnswer) -> list[str]:
    if said.answer is None:
        return ["## Answer", "", NO_RULE, ""]
    heading = f"## Answer: {markdown.text(said.answer.outcome)}"
    diverged = f", {said.answer.diverged} of which diverged" if said.answer.diverged else ""
    lines = [
        heading,
        "",
        *_parts(said.answer.sentence),
        f"It rests on {said.answer.runs} runs{diverged}. **Rule** (`{said.settings['rule'] if said.settings else ''}`"
        f"{_options(said.settings or {})}). {markdown.text(said.answer.rule)}",
        "",
    ]
    if said.answer.missing:
        lines += [f"**Not run**, and needed: {markdown.text('; '.join(said.answer.missing))}. {_how_to_run(said)}", ""]
    return lines


def _parts(text: str) -> list[str]:
    """Return a sentence on several groups as a list with a line for each, and any other text as a paragraph."""
    question, mark, rest = text.rpartition("? ")
    parts = re.split(rf"; {OUTSIDE_OF_BRACKETS}", rest.removesuffix("."))
    if len(parts) < FEWEST_IN_A_LIST or re.search(rf"\. {OUTSIDE_OF_BRACKETS}", rest):
        return [markdown.text(text), ""]
    lead = [markdown.text(question + mark.rstrip()), ""] if question else []
    return [*lead, *(f"- {markdown.text(part)}" for part in parts), ""]


def _how_to_run(said: StudyAnswer) -> str:
    """Say how runs that are missing can be made."""
    if said.left_out:
        return _complete(said)
    return f"The grids of the study `{said.study}` in config.yaml do not have them: add them there."


def _complete(said: StudyAnswer) -> str:
    """Say how what the budget leaves out can be run."""
    if not said.complete_command:
        return "No budget has them: take them from `leave_out` in config.yaml, or give their grid `seeds`."
    return f"To run them: `{said.complete_command}`"


def _options(settings: Mapping[str, Any]) -> str:
    """Return the options of a rule in words."""
    words = []
    for name, value in settings.items():
        if name == "between":
            ((axis, values),) = value.items()
            words.append(f"between {axes.name(axis)} {axes.short(axis, values[0])} and {axes.short(axis, values[1])}")
        elif name == "by":
            words.append(f"by {', '.join(map(axes.name, value))}" if value else "all runs together")
        elif isinstance(value, Mapping):
            words.append(f"{name} {', '.join(axes.in_words(axis, each) for axis, each in value.items())}")
        elif isinstance(value, list):
            words.append(f"{name} {' and '.join(map(axes.name, value))}")
        elif name != "rule":
            words.append(f"{name} {axes.name(value) if name == 'along' else value}")
    return "".join(f", {markdown.text(each)}" for each in words)


def _run_lines(said: StudyAnswer, run: CellsRun) -> list[str]:
    diverged = f", of which {run.diverged} diverged" if run.diverged else ""
    cells = "1 cell" if run.cells == 1 else f"{run.cells} cells"
    lines = [f"{cells} and {run.runs} {'run' if run.runs == 1 else 'runs'}{diverged}.", ""]
    if run.varying:
        rows = [tuple(markdown.text(each) for each in row) for row in run.varying]
        lines += [*markdown.table(("varies", "values", "the paper's"), rows), ""]
    lines += [f"All share: {markdown.text('; '.join(run.shared))}.", ""] if run.shared else []
    lines += [f"Seeds: {markdown.text('; '.join(run.seeds))}.", ""]
    if run.departs:
        whose = "It departs" if run.cells == 1 else f"{run.departs} of the {run.cells} cells depart"
        lines += [
            f"{whose} from what the paper published; the [summary](../../tables/{said.study}/summary.md) says how.",
            "",
        ]
    if said.left_out:
        left_out = markdown.text("; ".join(said.left_out))
        lines += [f"**Not run** under this budget: {left_out}. {_complete(said)}", ""]
    return lines


def _table_lines(answer: Answer) -> list[str]:
    lines = ["## What the answer rests on", ""] if answer.tables else []
    for table in answer.tables:
        shown = _shown(table)
        lines += [f"{markdown.text(table.title)}:", ""]
        lines += markdown.table(
            [markdown.text(name) for name in table.columns], ([_cell(value) for value in row] for row in shown)
        )
        lines += [""]
        if len(shown) < len(table.rows):
            lines += [f"{len(shown)} of {len(table.rows)} rows, evenly spaced; all are in answer.json.", ""]
    return lines


def _shown(table: Table) -> Sequence[tuple[Value, ...]]:
    if len(table.rows) <= MOST_ROWS:
        return table.rows
    last = len(table.rows) - 1
    return [table.rows[round(number * last / (MOST_ROWS - 1))] for number in range(MOST_ROWS)]


def _cell(value: Value) -> str:
    """Return a value of a table as text."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return (
            f"{value:.3g}" if value == 0 or abs(value) < 1 else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
        )
    return f"{value:,}" if isinstance(value, int) else markdown.text(value)


def _change_lines(answer: Answer | None) -> list[str]:
    if answer is None:
        return []
    change = "The missing runs" if answer.outcome == NOT_RUN else answer.change
    return ["## What would change it", "", *_parts(change.rstrip(".") + ".")]
