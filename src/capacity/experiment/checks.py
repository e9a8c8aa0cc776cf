"""Checks of what one cell, size or name may be, whether it comes from the configuration or from a path.

The schema of the configuration bounds each key by itself. Here are the bounds on what several keys make together: a
value beyond them is a slip, and would end a job, or exhaust the memory of the machine.
"""

from __future__ import annotations

import difflib
import functools
import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from capacity.dictionary.study_measures import MEASURES
from capacity.errors import ConfigurationError
from capacity.experiment.cell import MOST_FACTS, RANDOM_FACT_AXES, Cell, base_cell
from capacity.experiment.seeds import LONGEST_RUNS_NAME
from capacity.experiment.splits import number_of_pairs
from capacity.paper import protocol
from capacity.paper.protocol import Size
from capacity.tasks.arithmetic import OPERAND_LIMIT
from capacity.tasks.random_facts import LETTERS
from capacity.tasks.registry import TASKS

LONGEST_NAME = LONGEST_RUNS_NAME - len("/seeds=4294967295")
"""Characters of the name of a cell, which leave room for any one seed."""
MOST_WEIGHTS = 10**9
"""Weights of one network."""
MOST_CHARACTERS = 10**7
"""Characters of one batch."""
LOWEST_SHARE = 0.01
"""Share of arithmetic among the lines of a text, below which the other lines would have to be repeated too often."""
MOST_EVALUATIONS = 10**6
"""Evaluations of one run, each of which is a row of its history."""


BOUNDS: Mapping[str, tuple[float, float]] = {
    "layers": (1, 64),
    "heads": (1, 256),
    "width": (1, 16384),
    "mlp_factor": (1, 64),
    "largest_operand": (protocol.LARGEST_OPERAND, OPERAND_LIMIT),
    "held_out_fraction": (0, 1),
    "split_seed": (0, 2**32 - 1),
    "facts": (1, max(MOST_FACTS.values())),
    "key_length": (1, 64),
    "value_length": (1, 19),
    "fact_seed": (0, 2**32 - 1),
    "corpus_seed": (0, 2**32 - 1),
    "arithmetic_share": (0, 1),
    "learning_rate": (math.nextafter(0, 1), 10),
    "final_learning_rate": (math.nextafter(0, 1), 10),
    "weight_decay": (0, 100),
    "dropout": (0, math.nextafter(1, 0)),
    "block": (2, 65536),
    "batch": (1, 1048576),
    "iterations": (1, 10**9),
    "warmup_iterations": (1, 10**9),
    "decay_iterations": (1, 10**9),
    "evaluation_interval": (1, 10**9),
    "initialisation_seed": (0, 2**32 - 1),
}
"""The lowest and the highest value of each axis that is a number.

The schema bounds what the configuration gives in the same way. What follows from it, and a cell that is named on the
command line, are held to these.
"""


def check_named_cell(cell: Cell) -> None:
    """Check that a cell named on the command line is one that a study could contain. Raises ConfigurationError."""
    _check_bounds(cell.size, cell.name)
    check_shape(cell.size, cell.name)
    check_cell(cell, cell.name)


def check_cell(cell: Cell, key: str) -> None:
    """Raise ConfigurationError if a setting is out of bounds, or settings contradict each other or are too large.

    Args:
        cell: to check.
        key: of the configuration that the message names.
    """
    _check_bounds(cell, key)
    _check_held_out(cell, key)
    if "mixing" not in TASKS[cell.task].axes and cell.fact_kind == "filler":
        raise ConfigurationError(f"{key}.fact_kind: 'filler' needs a task beside it, such as joint")
    if "mixing" in TASKS[cell.task].axes and not LOWEST_SHARE <= cell.arithmetic_share <= 1 - LOWEST_SHARE / 10:
        raise ConfigurationError(
            f"{key}.arithmetic_share: {cell.arithmetic_share:g} hardly leaves both tasks; give a share from "
            f"{LOWEST_SHARE:g} to {1 - LOWEST_SHARE:g}, or train on one task alone"
        )
    _check_facts(cell, key)
    # Which letters are drawn changes no length, so that one corpus is measured for all seeds of facts.
    settings = cell.line_settings | {"fact_seed": protocol.FACT_SEED}
    characters, longest = _text_lengths(cell.task, tuple(settings.items()))
    if cell.stream in ("fixed", "reshuffled") and cell.block >= characters:
        raise ConfigurationError(f"{key}.block: {cell.block} is not less than the text's {characters} characters")
    if cell.stream in ("fixed", "reshuffled") and cell.fact_kind in protocol.RANDOM_FACT_KINDS and cell.block < longest:
        raise ConfigurationError(
            f"{key}.block: {cell.block} is too short for lines of {longest} characters (key_length {cell.key_length}, "
            f"value_length {cell.value_length}); a window must hold a whole line, so give {longest} or more"
        )
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
    if len(cell.name) > LONGEST_NAME:
        raise ConfigurationError(
            f"{key}: the name of the cell {cell.name} has {len(cell.name)} characters, more than {LONGEST_NAME}; "
            "hold out fewer pairs, or write numbers with fewer digits"
        )


def _check_held_out(cell: Cell, key: str) -> None:
    """Raise ConfigurationError if no pair of operands is held out, or all, or one that the corpus does not have."""
    axis = "held_out" if cell.split_seed is None else "held_out_fraction"
    if not cell.held_out:
        raise ConfigurationError(f"{key}.{axis}: no pair of operands is held out; give at least one")
    if above := [pair for pair in cell.held_out if max(pair) > cell.largest_operand]:
        raise ConfigurationError(
            f"{key}.{axis}: {list(above[0])} is not a pair of operands from 0 to {cell.largest_operand}; give another "
            f"pair, or a largest_operand of {max(above[0])} or more"
        )
    pairs = number_of_pairs(cell.largest_operand)
    if "held_out" in TASKS[cell.task].axes and len(cell.held_out) >= pairs:
        raise ConfigurationError(
            f"{key}.{axis}: all {pairs} pairs of operands are held out; leave at least one to train on"
        )


def _check_facts(cell: Cell, key: str) -> None:
    """Raise ConfigurationError if there are not so many facts of a kind, or settings of random facts have no effect."""
    random_kinds = " or ".join(map(repr, protocol.RANDOM_FACT_KINDS))
    if cell.facts > MOST_FACTS[cell.fact_kind]:
        raise ConfigurationError(
            f"{key}.facts: {cell.facts} is more than {MOST_FACTS[cell.fact_kind]}, the most with fact_kind "
            f"{cell.fact_kind!r}; give fewer, or fact_kind {random_kinds}"
        )
    if cell.fact_kind not in protocol.RANDOM_FACT_KINDS:
        usual = base_cell(cell.task, cell.size)
        for axis in RANDOM_FACT_AXES:
            if getattr(cell, axis) != getattr(usual, axis):
                raise ConfigurationError(
                    f"{key}.{axis}: {getattr(cell, axis)} has no effect with fact_kind {cell.fact_kind!r}; leave it "
                    f"out, or give fact_kind {random_kinds}"
                )
    elif cell.facts > len(LETTERS) ** cell.key_length:
        raise ConfigurationError(
            f"{key}.key_length: {cell.key_length} makes {len(LETTERS) ** cell.key_length} keys, fewer than "
            f"{cell.facts} facts; give longer keys or fewer facts"
        )


def _check_bounds(settings: Cell | Size, key: str) -> None:
    """Raise ConfigurationError if a number is out of its bounds."""
    for axis, (lowest, highest) in BOUNDS.items():
        value = getattr(settings, axis, None)
        if value is not None and not lowest <= value <= highest:
            raise ConfigurationError(
                f"{key}.{axis}: {value!r} must be from {lowest:,} to {highest:,}, whether it is given or follows from "
                "other settings"
            )


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


def check_measured(name: str, names: Iterable[str], cells: Iterable[Cell], key: str) -> None:
    """Raise ConfigurationError if no cell has a measure; the message says which of some measures they have."""
    kinds = list(dict.fromkeys((cell.task, cell.stream, cell.largest_operand) for cell in cells))
    if not any(MEASURES[name].is_of(*kind) for kind in kinds):
        have = ", ".join(other for other in names if any(MEASURES[other].is_of(*kind) for kind in kinds))
        runs = " and ".join(
            f"{task} with stream {stream}" + f" and operands to {largest}" * (largest > protocol.LARGEST_OPERAND)
            for task, stream, largest in kinds
        )
        raise ConfigurationError(f"{key}: {name!r} is nothing that runs of {runs} have; they have {have or 'none'}")


def suggestion(name: Any, names: Iterable[str]) -> str:
    """Return the end of a message that names the closest of some names, or nothing if none is close."""
    close = difflib.get_close_matches(str(name), list(names), 1)
    return f" (did you mean {close[0]!r}?)" if close else ""


@functools.lru_cache(maxsize=1024)
def _text_lengths(task: str, settings: tuple[tuple[str, Any], ...]) -> tuple[int, int]:
    """Return the number of characters of all seen lines of a corpus, and of the longest of them.

    The order of the lines does not matter for either.
    """
    seen = [len(line.text) for line in TASKS[task].lines(**dict(settings)) if line.split != "held_out"]
    return sum(seen), max(seen)
