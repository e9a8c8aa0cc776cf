"""Cells: a cell is everything that decides a training run except its seed, and has a canonical name.

A name is a path of three parts, such as ``task=arithmetic/size=n28/variant=iterations-3000_stream-reshuffled``:
the task, the size, and what departs from the paper's protocol, with keys sorted, or ``variant=paper`` if nothing does.
The cell can be made again from its name.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from capacity.errors import InputError
from capacity.experiment.splits import Pairs, chosen_split, normalise_pairs, number_of_pairs, pair_text, parse_pair
from capacity.paper import protocol
from capacity.paper.protocol import Size
from capacity.tasks.arithmetic import OPERAND_LIMIT, line_length
from capacity.tasks.registry import TASKS
from capacity.tasks.task import JointTask


@dataclass(frozen=True)
class Cell:
    """All settings of a training run; :func:`make_cell` fills in those that are not chosen.

    Learning rates are those of AdamW. ``block`` is in characters, and ``batch`` in windows, or in lines for streams
    with one line per row. ``iterations``, ``warmup_iterations``, ``decay_iterations`` and ``evaluation_interval`` are
    in updates. The operands of arithmetic are 0 to ``largest_operand``, and ``held_out_fraction`` is the share of their
    pairs that is held out. These are drawn by ``split_seed``, or are a list of their own where it is None.
    ``arithmetic_share`` is the share of arithmetic among the lines of the text. ``key_length`` and ``value_length`` are
    the letters of random facts, which ``fact_seed`` draws; these three decide nothing where facts are not random.
    ``initialisation_seed`` is that of the initial weights of every run, or None where the seed of a run decides these
    too, and not only its batches and dropout.
    """

    task: str
    size: Size
    largest_operand: int
    held_out: Pairs
    held_out_fraction: float
    split_seed: int | None
    facts: int
    answers: str
    fact_kind: str
    key_length: int
    value_length: int
    fact_seed: int
    mixing: str
    arithmetic_share: float
    corpus_seed: int
    stream: str
    learning_rate: float
    final_learning_rate: float
    weight_decay: float
    dropout: float
    block: int
    batch: int
    iterations: int
    warmup_iterations: int
    decay_iterations: int
    evaluation_interval: int
    initialisation_seed: int | None

    @functools.cached_property
    def name(self) -> str:
        """The canonical name, which is a relative path; :func:`parse_cell` makes the cell from it."""
        parts = [f"{key}-{_format(value)}" for key, value in sorted(self.departures().items())]
        return f"task={self.task}/size={self.size.name}/variant={'_'.join(parts) or 'paper'}"

    @property
    def variant(self) -> str:
        """The last part of the name: what departs from the paper's base cell, or ``paper``."""
        return self.name.rsplit("variant=", 1)[1]

    @functools.cached_property
    def corpus_name(self) -> str:
        """The name of the corpus that the cell reads: the task, and what departs from the paper's corpus."""
        parts = [f"{key}-{_format(value)}" for key, value in self.departures().items() if key in CORPUS_AXES]
        return "_".join([self.task, *sorted(parts)])

    @property
    def line_settings(self) -> dict[str, Any]:
        """The settings that decide the lines of the corpus, apart from the seed of their order, by axis."""
        return {axis: getattr(self, axis) for axis in LINE_AXES}

    def seed_of_weights(self, seed: int) -> int:
        """Return the seed of the initial weights of the run that has a seed."""
        return seed if self.initialisation_seed is None else self.initialisation_seed

    def departures(self) -> dict[str, Any]:
        """Return the axes that differ from the paper's base cell, without those that follow from another axis."""
        return dict(self._departures)

    @functools.cached_property
    def _departures(self) -> Mapping[str, Any]:
        base = base_cell(self.task, self.size)
        independent = {key: getattr(self, key) for key in _INDEPENDENT_AXES}
        chosen = {key: value for key, value in independent.items() if value != getattr(base, key)}
        default = make_cell(self.task, self.size, **chosen) if chosen else base
        derived = (*_DERIVED_AXES, "held_out_fraction" if self.split_seed is None else "held_out")
        pairs = {key: (getattr(self, key), getattr(default if key in derived else base, key)) for key in PARSERS}
        return {key: value for key, (value, reference) in pairs.items() if value != reference}

    def departures_from_published(self) -> dict[str, Any]:
        """Return the departures from every cell of the paper, where its "wd" variants count as published.

        A size or a task that is not the paper's is a departure too.
        """
        variant = protocol.weight_decay_variant(self.size)
        left = {key: value for key, value in self.departures().items() if variant.get(key) != value}
        if self.size not in protocol.SIZES.values():
            left["size"] = self.size.name
        if self.task not in protocol.TASKS:
            left["task"] = self.task
        return left

    def settings(self) -> dict[str, Any]:
        """Return all settings as JSON values, for provenance."""
        return {**asdict(self), "held_out": [list(pair) for pair in self.held_out]}


def make_cell(task: str, size: Size, **chosen: Any) -> Cell:
    """Return the paper's cell of a task and size, with the axes in ``chosen`` changed. A share or rate of -0.0 is 0.0.

    What the paper fixes in proportion stays in proportion unless it is chosen too: the schedule shrinks and grows with
    ``iterations``, and the final learning rate follows the peak. The block is at least as long as the longest line for
    random facts, and for streams that hold one line per row, and as a line of arithmetic for operands above 9. Raises
    InputError for an unknown task, value or axis.
    """
    if task not in TASKS:
        raise InputError(f"task {task!r} is not one of {', '.join(TASKS)}")
    if unknown := sorted(set(chosen) - set(PARSERS)):
        raise InputError(f"axis {unknown[0]!r} is not one of {', '.join(PARSERS)}")
    recipe = protocol.recipe(size)
    unused = {axis for axis in LINE_AXES if axis not in TASKS[task].axes}
    unused |= set(SPLIT_AXES) if "held_out" in unused else set()
    chosen = {axis: value for axis, value in chosen.items() if axis not in unused}
    largest_operand = int(chosen.get("largest_operand", protocol.LARGEST_OPERAND))
    listed, fraction, split_seed = (chosen.get(axis) for axis in ("held_out", *SPLIT_AXES))
    held_out, fraction, split_seed = chosen_split(listed, fraction, split_seed, _possible_operand(largest_operand))
    facts = chosen.get("facts", protocol.FACTS)
    answers = _one_of("answers", chosen.get("answers", "correct"), protocol.ANSWERS)
    fact_kind = _one_of("fact_kind", chosen.get("fact_kind", "capitals"), protocol.FACT_KINDS)
    key_length = chosen.get("key_length", protocol.KEY_LENGTH)
    value_length = chosen.get("value_length", protocol.VALUE_LENGTH)
    mixing = _one_of("mixing", chosen.get("mixing", "blocks"), protocol.MIXINGS)
    share = _number(chosen.get("arithmetic_share", _natural_share(task, largest_operand, held_out, facts, fact_kind)))
    stream = _one_of("stream", chosen.get("stream", "fixed"), protocol.STREAMS)
    learning_rate = _number(chosen.get("learning_rate", recipe.learning_rate))
    iterations = int(chosen.get("iterations", protocol.ITERATIONS))
    block = TASKS[task].block
    longest = _longest_line(task, largest_operand, facts, fact_kind, key_length, value_length)
    if stream in ("aligned", "answer-only"):
        block = max(block, longest - 1)
    elif fact_kind in protocol.RANDOM_FACT_KINDS:
        block = max(block, longest)
    elif largest_operand > protocol.LARGEST_OPERAND:
        block = max(block, line_length(_possible_operand(largest_operand)))

    def in_proportion(value: int) -> int:
        return max(1, round(value * iterations / protocol.ITERATIONS))

    warmup = int(chosen.get("warmup_iterations", in_proportion(protocol.WARMUP_ITERATIONS)))
    decay = max(in_proportion(protocol.DECAY_ITERATIONS), warmup + 1)
    ratio = recipe.final_learning_rate / recipe.learning_rate
    return Cell(
        task=task,
        size=size,
        largest_operand=largest_operand,
        held_out=held_out,
        held_out_fraction=fraction,
        split_seed=split_seed,
        facts=facts,
        answers=answers,
        fact_kind=fact_kind,
        key_length=key_length,
        value_length=value_length,
        fact_seed=chosen.get("fact_seed", protocol.FACT_SEED),
        mixing=mixing,
        arithmetic_share=share,
        corpus_seed=int(chosen.get("corpus_seed", protocol.CORPUS_SEED)),
        stream=stream,
        learning_rate=learning_rate,
        final_learning_rate=_number(chosen.get("final_learning_rate", _rounded(learning_rate * ratio))),
        weight_decay=_number(chosen.get("weight_decay", recipe.weight_decay)),
        dropout=_number(chosen.get("dropout", recipe.dropout)),
        block=int(chosen.get("block", block)),
        batch=int(chosen.get("batch", TASKS[task].batch)),
        iterations=iterations,
        warmup_iterations=warmup,
        decay_iterations=int(chosen.get("decay_iterations", decay)),
        evaluation_interval=int(chosen.get("evaluation_interval", in_proportion(protocol.EVALUATION_INTERVAL))),
        initialisation_seed=chosen.get("initialisation_seed"),
    )


@functools.lru_cache(maxsize=1024)
def base_cell(task: str, size: Size) -> Cell:
    """Return the paper's cell of a task and size, made once."""
    return make_cell(task, size)


def corpus_cell(corpus: str) -> Cell:
    """Return a cell that reads a corpus, from the name of the corpus. Raises InputError if no corpus has this name."""
    task, _, settings = corpus.partition("_")
    cell = parse_cell(f"task={task}/size=n14/variant={settings or 'paper'}")
    if cell.corpus_name != corpus:
        raise InputError(f"corpus {corpus!r} is not the name of a corpus: it would be {cell.corpus_name!r}")
    return cell


@functools.cache
def parse_cell(name: str) -> Cell:
    """Return the cell of a canonical name, parsed once. Raises InputError if it is not the canonical name of a cell."""
    match = re.fullmatch(r"task=([a-z]+)/size=([a-z0-9]+)/variant=([a-z0-9_.+-]+)", name)
    if match is None:
        raise InputError(f"cell {name!r} is not of the form task=.../size=.../variant=...")
    task, size, variant = match.groups()
    chosen = {}
    if variant != "paper":
        for key, value in re.findall(r"([a-z0-9]+(?:_[a-z0-9]+)*)-([^_]+)(?:_|$)", variant):
            if key not in PARSERS:
                raise InputError(f"cell {name!r}: axis {key!r} is not one of {', '.join(PARSERS)}")
            try:
                chosen[key] = PARSERS[key](value)
            except (ValueError, LookupError) as error:
                raise InputError(f"cell {name!r}: {value!r} is not a value of {key}") from error
    cell = make_cell(task, Size.parse(size), **chosen)
    if cell.name != name:
        raise InputError(f"cell {name!r} is not canonical: write {cell.name!r}")
    return cell


@functools.cache
def describe_departures(cell: Cell) -> str:
    """Return every departure of a cell in words, such as ``iterations 4000 (paper: 30000)``, separated by commas.

    The text is empty for a cell that the paper published.
    """
    departures = cell.departures_from_published()
    usual = base_cell(cell.task, cell.size).settings()
    whose = "paper" if cell.task in protocol.TASKS else "default"
    words = []
    for name, value in departures.items():
        label = name.replace("_", " ")
        if name in ("size", "task"):
            words.append(f"{name} not in the paper")
        elif name == "held_out":
            words.append(f"held out {' '.join(map(pair_text, value))} ({whose}: 57)")
        elif name == "held_out_fraction":
            pairs = number_of_pairs(usual["largest_operand"])
            words.append(f"{label} {_format(value)} ({whose}: {len(usual['held_out'])} of {pairs})")
        elif usual[name] is None:
            words.append(f"{label} {_format(value)}")
        else:
            words.append(f"{label} {_format(value)} ({whose}: {_format(usual[name])})")
    return ", ".join(words)


def _one_of(axis: str, value: str, values: Sequence[str]) -> str:
    """Return a value of an axis whose values are names. Raises InputError for any other name."""
    if value not in values:
        raise InputError(f"{axis} {value!r} is not one of {', '.join(values)}")
    return value


def _format(value: Any) -> str:
    """Return a value as text from which the same value is read.

    A float has twelve significant digits where these are enough, so that 0.1 is ``0.1`` and 1.0 is ``1``, and otherwise
    as many as it takes, such as ``0.010000000000000002``.
    """
    if isinstance(value, tuple):
        return ".".join(map(pair_text, value))
    if isinstance(value, float):
        short, exact = f"{value:.12g}", repr(value)
        return short if float(short) == value and len(short) <= len(exact) else exact
    return str(value)


def _number(value: float) -> float:
    """Return a number as a float, where -0.0 is 0.0."""
    return float(value) + 0.0


def _whole(text: str) -> int:
    """Return the integer that a few digits write; there are no bounds here, but none needs more."""
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise InputError(f"{text!r} is not a whole number")
    return int(text)


def _parse_pairs(text: str) -> Pairs:
    return normalise_pairs(map(parse_pair, text.split(".")))


def _rounded(value: float) -> float:
    """Return a value with twelve significant digits, so that it is the same number when it is read from a name."""
    return float(f"{value:.12g}")


@functools.lru_cache(maxsize=1024)
def _natural_share(task: str, largest_operand: int, held_out: Pairs, facts: int, fact_kind: str) -> float:
    """Return the share of arithmetic among the trained lines of a task, each of them taken once."""
    described = TASKS[task]
    if isinstance(described, JointTask):
        return described.natural_share(
            largest_operand=_possible_operand(largest_operand),
            held_out=held_out,
            facts=_possible_facts(facts, fact_kind),
            fact_kind=fact_kind,
        )
    return float(described.has_operands)


@functools.lru_cache(maxsize=1024)
def _longest_line(
    task: str, largest_operand: int, facts: int, fact_kind: str, key_length: int, value_length: int
) -> int:
    """Return the characters of the longest line of a task; all lines of random facts have the same length."""
    possible = 1 if fact_kind in protocol.RANDOM_FACT_KINDS else _possible_facts(facts, fact_kind)
    lines = TASKS[task].lines(
        largest_operand=_possible_operand(largest_operand),
        held_out=(),
        facts=possible,
        fact_kind=fact_kind,
        key_length=key_length,
        value_length=value_length,
    )
    return max(len(line.text) for line in lines)


def _possible_facts(facts: int, fact_kind: str) -> int:
    """Return a number of facts that there are; other numbers are refused when the cell is checked."""
    return min(max(facts, 1), MOST_FACTS[fact_kind])


def _possible_operand(largest_operand: int) -> int:
    """Return a largest operand that a corpus can have; other numbers are refused when the cell is checked."""
    return min(max(largest_operand, protocol.LARGEST_OPERAND), OPERAND_LIMIT)


PARSERS: Mapping[str, Callable[[str], Any]] = {
    "largest_operand": _whole,
    "held_out": _parse_pairs,
    "held_out_fraction": float,
    "split_seed": _whole,
    "facts": _whole,
    "answers": str,
    "fact_kind": str,
    "key_length": _whole,
    "value_length": _whole,
    "fact_seed": _whole,
    "mixing": str,
    "arithmetic_share": float,
    "corpus_seed": _whole,
    "stream": str,
    "learning_rate": float,
    "final_learning_rate": float,
    "weight_decay": float,
    "dropout": float,
    "block": _whole,
    "batch": _whole,
    "iterations": _whole,
    "warmup_iterations": _whole,
    "decay_iterations": _whole,
    "evaluation_interval": _whole,
    "initialisation_seed": _whole,
}
RANDOM_FACT_AXES = ("key_length", "value_length", "fact_seed")
"""Axes that decide random facts alone."""

LINE_AXES = (
    *("largest_operand", "held_out", "facts", "answers", "fact_kind"),
    *(*RANDOM_FACT_AXES, "mixing", "arithmetic_share"),
)
"""Axes that decide the lines of a corpus, of the tasks that name them."""

MOST_FACTS = {kind: 10_000 if kind in protocol.RANDOM_FACT_KINDS else protocol.FACTS for kind in protocol.FACT_KINDS}
"""The most facts of each kind: as many as the paper has, or so many random ones that evaluations take seconds."""

SPLIT_AXES = ("held_out_fraction", "split_seed")
"""Axes that decide what is held out instead of a list."""

CORPUS_AXES = (*LINE_AXES, *SPLIT_AXES, "corpus_seed")
_DERIVED_AXES = (
    "arithmetic_share",
    "final_learning_rate",
    "block",
    "warmup_iterations",
    "decay_iterations",
    "evaluation_interval",
)
_INDEPENDENT_AXES = tuple(axis for axis in PARSERS if axis not in _DERIVED_AXES)
