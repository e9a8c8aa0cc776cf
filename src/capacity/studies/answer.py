"""What a rule takes and gives: the tables of a study, and an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy
import pandas as pd

from capacity.statistics import intervals, trends

CANNOT_BE_TOLD = "cannot be told"
NOT_RUN = "not run"
DIFFERS = "differs"
"""Outcomes that every rule may have; the last where its parts have different ones."""

Value = str | int | float | None


@dataclass(frozen=True)
class Table:
    """A table of an answer.

    Attributes:
        title: what it shows, in a few words.
        columns: their names.
        rows: values, None where there is none.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True)
class Answer:
    """What a rule says of a study.

    Attributes:
        outcome: in a word or a few.
        sentence: the answer with its numbers.
        rule: how the one follows from the other, in words.
        change: what would change the answer.
        runs, diverged: the number of runs that it rests on, and of those that diverged.
        tables: what it rests on.
        missing: the runs that the rule needs and that are not there, in words.
    """

    outcome: str
    sentence: str
    rule: str
    change: str
    runs: int
    diverged: int
    tables: tuple[Table, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class StudyTables:
    """The tables of a study that rules read.

    Attributes:
        runs: one row per run.
        dynamics: one row per run with its times; no columns if the rule does not read it.
        history: one row per run and evaluation; likewise.
    """

    runs: pd.DataFrame
    dynamics: pd.DataFrame = field(default_factory=pd.DataFrame)
    history: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True)
class Draws:
    """The random generator of tests and intervals, and how many draws they make."""

    rng: numpy.random.Generator
    permutations: int = trends.PERMUTATIONS
    resamples: int = intervals.RESAMPLES


def together(outcomes: Sequence[str]) -> str:
    """Return the outcome of a whole from those of its parts: the one that all have, or that they differ."""
    distinct = list(dict.fromkeys(outcomes))
    return distinct[0] if len(distinct) == 1 else DIFFERS if distinct else NOT_RUN


def sentence_of(parts: Sequence[tuple[str, str]]) -> str:
    """Return ``n14: yes, 3 of 5; n28: no, 0 of 5.`` from labels and what is said of each; a part may have no label."""
    return "; ".join(f"{label}: {words}" if label else words for label, words in parts) + "."


def capitalized(words: str) -> str:
    """Return words that begin a sentence: with a capital letter, the rest as it is."""
    return words[:1].upper() + words[1:]


def p_words(p_value: float, family: int = 1) -> str:
    """Return ``p = 0.012``, with the number of tests if it was corrected for several."""
    corrected = f" after Holm over {family}" if family > 1 else ""
    return f"p = {p_value:.2g}{corrected}" if p_value >= 1e-4 else f"p < 0.0001{corrected}"


def not_run(rule: str, missing: Sequence[str], tables: Sequence[Table] = ()) -> Answer:
    """Return the answer where the runs that a rule needs are not there."""
    return Answer(
        NOT_RUN, f"Not run: {'; '.join(missing)}.", rule, "The missing runs.", 0, 0, tuple(tables), tuple(missing)
    )
