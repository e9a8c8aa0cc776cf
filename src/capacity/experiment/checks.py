"""Checks of what one cell, size or name may be, whether it comes from the configuration or from a path.

The schema of the configuration bounds each key by itself. Here are the bounds on what several keys make together: a
value beyond them is a slip, and would end a job, or exhaust the memory of the machine.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Collection, Iterable
from typing import Any

from capacity.errors import ConfigurationError
from capacity.experiment.cell import Cell, Pairs
from capacity.paper.protocol import Size
from capacity.tasks.registry import TASKS

LONGEST_NAME = 200
"""Characters of the variant of a cell. A file system allows 255 bytes for one part of a path; suffixes need some."""
MOST_WEIGHTS = 10**9
"""Weights of one network."""
MOST_CHARACTERS = 10**7
"""Characters of one batch."""
MOST_EVALUATIONS = 10**6
"""Evaluations of one run, each of which is a row of its history."""


def check_cell(cell: Cell, key: str) -> None:
    """Raise ConfigurationError if settings of a cell contradict each other, or are too large together.

    Args:
        cell: to check.
        key: of the configuration that the message names.
    """
    if "held_out" in TASKS[cell.task].axes and len(cell.held_out) >= 55:
        raise ConfigurationError(f"{key}.held_out: all 55 pairs of digits are held out; leave at least one to train on")
    characters, longest = _text_lengths(cell.task, cell.held_out, cell.facts)
    if cell.stream in ("fixed", "reshuffled") and cell.block >= characters:
        raise ConfigurationError(f"{key}.block: {cell.block} is not less than the text's {characters} characters")
    if cell.stream in ("aligned", "answer-only") and cell.block < longest - 1:
        raise ConfigurationError(
            f"{key}.block: {cell.block} is too short for stream {cell.stream!r}; {longest - 1} or more"
        )
    if cell.warmup_iterations >= cell.decay_iterations:
        raise ConfigurationError(
            f"{key}.warmup_iterations: {cell.warmup_iterations} is not less than "
            f"decay_iterations, {cell.decay_iterations}"
        )
    if cell.warmup_iterations > cell.iterations:
        raise ConfigurationError(
            f"{key}.warmup_iterations: {cell.warmup_iterations} is above iterations, {cell.iterations}"
        )
    if cell.final_learning_rate > cell.learning_rate:
        raise ConfigurationError(
            f"{key}.final_learning_rate: {cell.final_learning_rate} is above learning_rate, {cell.learning_rate}"
        )
    if cell.evaluation_interval > cell.iterations:
        raise ConfigurationError(
            f"{key}.evaluation_interval: {cell.evaluation_interval} is above iterations, {cell.iterations}"
        )
    evaluations = cell.iterations // cell.evaluation_interval
    if evaluations > MOST_EVALUATIONS:
        raise ConfigurationError(
            f"{key}.evaluation_interval: {cell.evaluation_interval} makes {evaluations:,} evaluations of "
            f"{cell.iterations:,} iterations, more than {MOST_EVALUATIONS:,}; make it larger"
        )
    if cell.batch * cell.block > MOST_CHARACTERS:
        raise ConfigurationError(
            f"{key}.batch: {cell.batch} windows of {cell.block} characters are more than {MOST_CHARACTERS:,} characters"
        )
    if len(cell.variant) > LONGEST_NAME:
        raise ConfigurationError(f"{key}: the name of the cell {cell.name} is longer than {LONGEST_NAME} characters")


def check_shape(size: Size, key: str) -> None:
    """Raise ConfigurationError if the heads of a size do not divide its width, or it has too many weights."""
    if size.width % size.heads:
        raise ConfigurationError(f"{key}.heads: {size.heads} heads do not divide the width {size.width}")
    if size.matrix_weights > MOST_WEIGHTS:
        raise ConfigurationError(
            f"{key}.width: {size.width} makes {size.matrix_weights:,} weights with layers {size.layers} and mlp_factor "
            f"{size.mlp_factor}, more than {MOST_WEIGHTS:,}"
        )


def check_name(name: Any, names: Collection[str], key: str) -> None:
    """Raise ConfigurationError if a name is not one of some names; the message lists them, and the closest one."""
    if name not in names:
        raise ConfigurationError(
            f"{key}: {name!r} is not known; it must be one of {', '.join(names)}{suggestion(name, names)}"
        )


def suggestion(name: Any, names: Iterable[str]) -> str:
    """Return the end of a message that names the closest of some names, or nothing if none is close."""
    close = difflib.get_close_matches(str(name), list(names), 1)
    return f" (did you mean {close[0]!r}?)" if close else ""


@functools.lru_cache(maxsize=1024)
def _text_lengths(task: str, held_out: Pairs, facts: int) -> tuple[int, int]:
    """Return the number of characters of all seen lines of a corpus, and of the longest of them.

    The order of the lines does not matter for either.
    """
    seen = [len(line.text) for line in TASKS[task].lines(held_out=held_out, facts=facts) if line.split == "seen"]
    return sum(seen), max(seen)
