"""What a task is: the lines that networks are trained on, what is asked of them, and what counts as right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

CHECKPOINT_SCORE = "combined_910"
"""The score that the paper's choice of a checkpoint looks at, and that every task therefore has."""


@dataclass(frozen=True)
class Line:
    """One line of a corpus, its newline included.

    Attributes:
        text: The whole line, as it is trained on.
        prompt: What is asked, a prefix of ``text``: the matched prompt.
        paper_prompt: What the paper asks; it differs from ``prompt`` for two facts.
        answer: What is to follow the prompt.
        terminator: What follows the answer in ``text``.
        task: Name of the :class:`Task` that the line is of, in the text of a :class:`JointTask` too.
        operation: Kind of line within its task, one of :attr:`Task.operations`, such as ``addition``.
        operands: The two numbers of an expression, or None for any other line.
        split: ``seen``, ``held_out``, or ``filler``: trained on, and never asked about.
        position: Number of the line in the training stream, or None if it is held out.
    """

    text: str
    prompt: str
    paper_prompt: str
    answer: str
    terminator: str
    task: str
    operation: str
    operands: tuple[int, int] | None
    split: str
    position: int | None = None

    def prompt_of(self, prompts: str) -> str:
        """The prompt of one kind of prompts, ``paper`` or ``matched``."""
        return self.paper_prompt if prompts == "paper" else self.prompt


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task, as one file of this folder describes it and :mod:`capacity.tasks.registry` lists it.

    Attributes:
        name: Letters a to z.
        block: Characters that a network reads at a time, in the paper.
        batch: Rows of a training batch, in the paper.
        axes: Settings of a cell that decide the lines, such as ``held_out`` (pairs of operands) and ``facts`` (a
            number).
        make_lines: Makes every line, seen or held out, from keyword arguments with the names of ``axes``. Those without
            a default have to be given.
        is_shuffled: Whether the lines are trained on in an order drawn from the corpus seed; otherwise, as they come.
        operations: The kinds of lines.
        prompts: The kinds of prompts that every line is asked with, of ``paper`` and ``matched``.
        new_characters: The most characters of an answer that are decoded.
        is_right: Whether the text that follows the prompt of a line answers it.
        scores: Names of the scores, in the order of tables; a new name gets a column in every table of runs. One is
            :data:`CHECKPOINT_SCORE`; ``seen`` and ``held_out`` are drawn in figures.
        scores_of: The scores that count a line asked with one kind of prompts, as names. The denominator of a score is
            the number of questions that it counts.
        has_operands: Whether the lines are expressions with two operands, which figures show on a grid.
        bits: The code lengths of answers that are measured, see :mod:`capacity.evaluation.bits`: of ``answers``, which
            a rule gives for each operation, or of ``facts``, each known by heart. None measures none.
    """

    name: str
    block: int
    batch: int
    axes: tuple[str, ...] = ()
    make_lines: Callable[..., list[Line]]
    is_shuffled: bool
    operations: tuple[str, ...]
    prompts: tuple[str, ...] = ("paper",)
    new_characters: int
    is_right: Callable[[Line, str], bool]
    scores: tuple[str, ...]
    scores_of: Callable[[Line, str], list[str]]
    has_operands: bool = False
    bits: Literal["answers", "facts"] | None = None

    def __post_init__(self) -> None:
        if CHECKPOINT_SCORE not in self.scores:
            raise ValueError(f"task {self.name!r}: scores {self.scores} lack {CHECKPOINT_SCORE!r}; every task has it")

    @property
    def parts(self) -> tuple[Task, ...]:
        """The tasks whose lines are trained on: this one."""
        return (self,)

    def copies(self, **_: Any) -> tuple[int, ...]:
        """How often the text has each trained line of each of :attr:`parts`."""
        return (1,)

    def lines(self, **settings: Any) -> list[Line]:
        """Every line, held-out ones included, before any shuffling; settings that are no axis are ignored."""
        return self.make_lines(**{axis: settings[axis] for axis in self.axes if axis in settings})


SHARE_TOLERANCE = 0.01
"""How far the share of lines in a text may be from what was asked for."""
MOST_COPIES = 20
"""Copies of the lines of the task that has fewer of them."""


@dataclass(frozen=True, kw_only=True)
class JointTask:
    """Several tasks in one text: all lines of the first, then all of the next, or the lines of all shuffled together.

    Attributes:
        name: Letters a to z.
        block: Characters that a network reads at a time, in the paper.
        batch: Rows of a training batch, in the paper.
        parts: The tasks whose lines are trained on, in the order of the text.
    """

    name: str
    block: int
    batch: int
    parts: tuple[Task, ...]

    @property
    def axes(self) -> tuple[str, ...]:
        """Settings of a cell that decide the lines of any part, and those that decide how they stand in one text."""
        own = ("mixing", "arithmetic_share") if len(self.parts) > 1 else ()
        return tuple(dict.fromkeys([axis for part in self.parts for axis in part.axes] + list(own)))

    @property
    def has_operands(self) -> bool:
        """Whether any part has expressions with two operands."""
        return any(part.has_operands for part in self.parts)

    def natural_share(self, **settings: Any) -> float:
        """The share of the first part among the trained lines, each of them taken once."""
        counts = [sum(line.split != "held_out" for line in part.lines(**settings)) for part in self.parts]
        return counts[0] / sum(counts)

    def copies(self, **settings: Any) -> tuple[int, ...]:
        """How often the text has each trained line of each of :attr:`parts`.

        All lines of a part are there equally often: so often that the share of the lines of the first part is
        ``arithmetic_share`` to within :data:`SHARE_TOLERANCE`, with as few lines as it takes; without this setting,
        once. Raises ValueError for a share that cannot be had.
        """
        share = settings.get("arithmetic_share")
        if share is None or len(self.parts) != 2:
            return (1,) * len(self.parts)
        natural = self.natural_share(**settings)
        odds = share / (1 - share) if share < 1 else 0.0  # lines of the first part for each of the other
        ratio = odds * (1 - natural) / natural  # copies of the first part for each of the other
        fewest = range(1, MOST_COPIES + 1)
        pairs = [(max(1, round(few * ratio)), few) for few in fewest]
        pairs += [(few, max(1, round(few / ratio))) for few in fewest] if ratio > 0 else []

        def shown(first: int, second: int) -> float:
            return first * natural / (first * natural + second * (1 - natural))

        close = [pair for pair in pairs if abs(shown(*pair) - share) <= SHARE_TOLERANCE]
        if not close:
            raise ValueError(f"arithmetic_share: {share} cannot be had by repeating lines; it must be between 0 and 1")
        return min(close, key=lambda pair: pair[0] * natural + pair[1] * (1 - natural))

    def lines(self, **settings: Any) -> list[Line]:
        """Every line, held-out ones included, before any shuffling; trained lines as often as the text has them."""
        lines: list[Line] = []
        for part, copies in zip(self.parts, self.copies(**settings), strict=True):
            every = part.lines(**settings)
            trained = [line for line in every if line.split != "held_out"]
            lines += every + trained * (copies - 1)
        return lines
