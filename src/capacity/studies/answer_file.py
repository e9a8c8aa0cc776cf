"""The answer of a study in a file: what its page shows, as JSON values, for whatever reads answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from capacity.errors import ForeignFileError, InputError
from capacity.storage import files, json_files
from capacity.studies.answer import Answer, Table
from capacity.tables.origins import Origin


@dataclass(frozen=True)
class StudyAnswer:
    """A study with its question, and its answer if the configuration has a rule.

    Attributes:
        study, title, question: of the configuration; the question is empty if there is none.
        settings: the rule with its options; None if there is none.
        answer: what the rule says; None without a rule.
        run_count, diverged_count: of all runs of the study.
        left_out: tasks and sizes that the budget leaves out.
        command: that runs the study again.
        complete_command: that also runs what is left out; empty if no budget has it.
    """

    study: str
    title: str
    question: str
    settings: Mapping[str, Any] | None
    answer: Answer | None
    run_count: int
    diverged_count: int
    left_out: tuple[str, ...]
    command: str
    complete_command: str


def write_answer(path: Path, said: StudyAnswer, origin: Origin) -> None:
    """Write the answer of a study, sealed, with the identity of the runs that it is of."""
    provenance = {"table": origin.table, "plan": origin.plan, "identity": origin.identity}
    json_files.write_sealed_json(path, {**asdict(said), "provenance": provenance})


def read_answer(path: Path, origin: Origin) -> StudyAnswer:
    """Read an answer that has to be of some runs.

    Raises InputError naming the file if it is damaged, is no answer, or is of other runs.
    """
    content = json_files.read_sealed_json(path)
    try:
        made_of = content.pop("provenance")
        answer = content.pop("answer")
        if answer is not None:
            tables = tuple(
                Table(table["title"], tuple(table["columns"]), tuple(map(tuple, table["rows"])))
                for table in answer.pop("tables")
            )
            answer = Answer(**{**answer, "missing": tuple(answer["missing"])}, tables=tables)
        said = StudyAnswer(**{**content, "left_out": tuple(content["left_out"])}, answer=answer)
        for part in (said, *((answer, *answer.tables) if answer else ())):
            _check_kinds(part)
        plan, identity = made_of["plan"], made_of["identity"]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not the answer of a study ({error!r}); {files.REMEDY}") from error
    if (said.study, plan, identity) != (origin.table, origin.plan, origin.identity):
        raise ForeignFileError(
            f"{path} is of other runs, of {said.study} (plan {plan}), and has to be of those of {origin.described()} "
            f"in {origin.path}; put the right file there, or {files.REMEDY}"
        )
    return said


def _check_kinds(part: StudyAnswer | Answer | Table) -> None:
    """Raise TypeError naming a text or a number of an answer that is something else."""
    for field in fields(part):
        kind = {"str": str, "int": int}.get(str(field.type))
        if kind and type(getattr(part, field.name)) is not kind:
            raise TypeError(f"{field.name} is {getattr(part, field.name)!r}")
