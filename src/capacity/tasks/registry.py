"""The tasks by name.

To add one, describe it in a file beside this one that has its name, and list it in :data:`TASKS`. Nothing else here
decides a number, so that a new task trains no other task again (:data:`capacity.storage.code.TASK_STAGES`).
"""

from __future__ import annotations

from collections.abc import Mapping

from capacity.tasks.arithmetic import ARITHMETIC
from capacity.tasks.facts import FACTS
from capacity.tasks.joint import JOINT
from capacity.tasks.task import JointTask, Line, Task

TASKS: Mapping[str, Task | JointTask] = {
    task.name: task
    for task in (
        ARITHMETIC,
        FACTS,
        JOINT,
    )
}
"""Every task, in the order of tables and figures."""

PARTS: Mapping[str, Task] = {part.name: part for task in TASKS.values() for part in task.parts}
"""The tasks that lines are of, by the name in :attr:`Line.task`."""

SCORES = tuple(dict.fromkeys(score for part in PARTS.values() for score in part.scores))
"""Every score of any task, in the order of tables."""


def is_right(line: Line, continuation: str) -> bool:
    """Whether the text that follows the prompt of a line answers it, by the rule of its task."""
    return PARTS[line.task].is_right(line, continuation)
