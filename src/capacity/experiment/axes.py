"""The axes of cells: what a cell says on each, which of them vary among some cells, and how values are written.

Tables and figures tell cells apart by the axes that vary and say once what all cells share. An axis that only follows
others, such as the final learning rate, does not count as one that varies.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from capacity.experiment.cell import LINE_AXES, RANDOM_FACT_AXES, SPLIT_AXES, Cell
from capacity.experiment.splits import pair_text, parse_pair
from capacity.paper import protocol
from capacity.tasks.registry import TASKS

SHAPE = ("layers", "width", "heads", "mlp_factor")
LABELS: Mapping[str, str] = {
    "task": "task",
    "size": "size",
    "layers": "layers",
    "width": "width",
    "heads": "heads",
    "mlp_factor": "MLP factor",
    "parameters": "parameters",
    "largest_operand": "largest operand",
    "held_out": "held-out pairs",
    "held_out_fraction": "held-out fraction",
    "split_seed": "split seed",
    "facts": "facts in the corpus",
    "answers": "answers",
    "fact_kind": "kind of facts",
    "key_length": "letters of a key",
    "value_length": "letters of a value",
    "fact_seed": "seed of the facts",
    "mixing": "mixing",
    "arithmetic_share": "share of arithmetic",
    "corpus_seed": "seed of the order of lines",
    "stream": "stream",
    "learning_rate": "learning rate",
    "final_learning_rate": "final learning rate",
    "weight_decay": "weight decay",
    "dropout": "dropout",
    "block": "block (characters)",
    "batch": "batch",
    "iterations": "updates",
    "warmup_iterations": "updates of warm-up",
    "decay_iterations": "updates of decay",
    "evaluation_interval": "updates between evaluations",
    "initialisation_seed": "initialisation seed",
}
"""Every axis, with its label on a figure and over a column."""

UNSET: Mapping[str, str] = {"split_seed": "none", "initialisation_seed": "of the run"}
"""The axes that a cell may have no value on, with what tables have then. Their values are seeds, which are names."""

NAMED = ("task", "size", "held_out", "answers", "fact_kind", "mixing", "stream", *UNSET)
"""The axes whose values are names."""

NUMERIC = tuple(axis for axis in LABELS if axis not in NAMED)
"""The axes whose values are numbers."""

FOLLOWERS: Mapping[str, tuple[str, ...]] = {
    "learning_rate": ("final_learning_rate",),
    "iterations": ("warmup_iterations", "decay_iterations", "evaluation_interval"),
}
"""The axes that change in proportion with another one, unless they are set."""

DERIVED = (*(axis for of_axis in FOLLOWERS.values() for axis in of_axis), "block", "arithmetic_share")
"""The axes that follow from others, unless they are set."""

DISTINGUISHING: tuple[str, ...] = (
    *("stream", "answers", "largest_operand", "held_out", *SPLIT_AXES, "facts", "fact_kind", *RANDOM_FACT_AXES),
    *("mixing", "arithmetic_share", "corpus_seed"),
    *(
        "learning_rate",
        "weight_decay",
        "dropout",
        "iterations",
        "batch",
        "block",
        "final_learning_rate",
        "warmup_iterations",
        "decay_iterations",
    ),
    *("evaluation_interval", "initialisation_seed"),
)
"""The axes apart from task and shape, in the order in which they are looked at for what tells cells apart."""

SHARED: tuple[str, ...] = (
    *("task", "size", "stream", "answers", "largest_operand", "held_out", *SPLIT_AXES),
    *("facts", "fact_kind", *RANDOM_FACT_AXES),
    *("mixing", "arithmetic_share", "learning_rate", "weight_decay", "dropout", "iterations", "batch"),
    "initialisation_seed",
)
"""The axes whose value is said where all cells share it; the others follow from these, or are as in the paper."""

UNUSUAL = (
    *("answers", "largest_operand", *SPLIT_AXES, "fact_kind", *RANDOM_FACT_AXES),
    *("mixing", "arithmetic_share", "initialisation_seed"),
)
"""The axes that are said only where cells depart from the paper on them: few studies have them."""

SEEDS = ("corpus_seed", "fact_seed")
"""The seeds that every cell has, which are written without a comma for thousands."""

_ORDERS = {
    "stream": protocol.STREAMS,
    "answers": protocol.ANSWERS,
    "fact_kind": protocol.FACT_KINDS,
    "mixing": protocol.MIXINGS,
}

ALL_PAIRS = 2  # pairs that are written out; of more, the first and how many


def value(cell: Cell, axis: str) -> Any:
    """Return the value of a cell on an axis, which can be compared and ordered among those of other cells.

    For ``parameters`` it is what decides their number, as only the tables have the number itself.
    """
    if axis == "size":
        return cell.size.name
    if axis == "parameters":
        return (cell.size.matrix_weights, cell.size, cell.task, cell.block)
    if axis in SHAPE:
        return getattr(cell.size, axis)
    return getattr(cell, axis)


def in_tables(axis: str, setting: Any) -> Any:
    """Return a value of a cell on an axis as tables have it: pairs of operands as text, as ``34 57``, and seeds."""
    if axis == "held_out" and not isinstance(setting, str):
        return " ".join(map(pair_text, setting))
    if axis in UNSET:
        return UNSET[axis] if setting is None else str(setting)
    return setting


def ordered(cells: Iterable[Cell], axis: str) -> list[Any]:
    """Return the values of some cells on an axis, each once, from small to large; names in their own order."""
    by_rank = {}
    for cell in cells:
        rank: Any = value(cell, axis)
        if axis == "size":
            rank = (cell.size.matrix_weights, cell.size)
        elif axis == "task":
            rank = list(TASKS).index(cell.task)
        elif axis in _ORDERS:
            rank = _ORDERS[axis].index(value(cell, axis))
        elif axis in UNSET:
            rank = (rank is not None, rank)
        by_rank[rank] = value(cell, axis)
    return [by_rank[rank] for rank in sorted(by_rank)]


def varying(cells: Iterable[Cell], told: Sequence[str] = ()) -> list[str]:
    """Return the axes that tell cells apart, as few as it takes, where those of ``told`` are told already.

    A network is told by its size, or by the layers, width and so on that it takes where several of them vary by
    themselves.
    """
    cells = list(cells)
    axes: list[str] = []
    keys = [_key(cell, told) for cell in cells]
    groups = len(set(keys))
    unsaid = left_unsaid(cells)
    for axis in ("task", *_shape_axes(cells, told), *(axis for axis in DISTINGUISHING if axis not in unsaid)):
        finer = [(*key, value(cell, axis)) for key, cell in zip(keys, cells, strict=True)]
        if (number := len(set(finer))) > groups:
            axes.append(axis)
            keys, groups = finer, number
    return axes


def all_varying(cells: Iterable[Cell], apart: str = "") -> list[str]:
    """Return every axis that varies, also one that only changes together with another.

    To compare cells along an axis, all else that varies has to be held fixed; :func:`varying` are too few for that. A
    setting varies if it has several values within a task and size, and not because it follows from another.

    Args:
        cells: to look at.
        apart: an axis to leave out, and with it the size or the shape where these decide it.
    """
    cells = list(cells)
    of_shape = () if apart in ("size", "parameters") else _shape_axes(cells, (apart,))
    axes = [axis for axis in ("task", *of_shape) if len({value(cell, axis) for cell in cells}) > 1]
    same: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in cells:
        same.setdefault((cell.task, cell.size), []).append(cell)
    axes += [axis for axis in DISTINGUISHING if any(_varies(axis, group) for group in same.values())]
    return [axis for axis in axes if axis != apart]


def _varies(axis: str, cells: Sequence[Cell]) -> bool:
    """Return whether an axis has several values among cells of one task and size, and not because it follows."""
    if len({value(cell, axis) for cell in cells}) < 2:
        return False
    follows = axis in (*DERIVED, "held_out", "held_out_fraction")
    return not follows or len({cell.departures().get(axis) for cell in cells}) > 1


def _key(cell: Cell, axes: Sequence[str]) -> tuple[Any, ...]:
    return tuple(value(cell, axis) for axis in axes)


def _shape_axes(cells: Sequence[Cell], told: Sequence[str]) -> tuple[str, ...]:
    """Return the axes by which the shapes of networks are told: the size, or those of :data:`SHAPE`."""
    sizes = {cell.size for cell in cells}
    numbers = {axis: len({getattr(size, axis) for size in sizes}) for axis in SHAPE}
    vary = [axis for axis in SHAPE if numbers[axis] > 1]
    if set(told) & set(SHAPE):
        return SHAPE
    if vary == ["width"] or (len(vary) > 1 and max(numbers.values()) == len(sizes)):
        return ("size",)
    return SHAPE


def shared(cells: Iterable[Cell]) -> list[str]:
    """Return the axes of :data:`SHARED` on which all cells have one value, and which their tasks have."""
    cells = list(cells)
    of_tasks = {axis for cell in cells for axis in TASKS[cell.task].axes}
    unsaid = left_unsaid(cells)
    axes = [axis for axis in SHARED if axis not in unsaid and (axis not in LINE_AXES or axis in of_tasks)]
    same = [axis for axis in axes if len({value(cell, axis) for cell in cells}) == 1]
    if "size" in same:
        return same
    shapes = [axis for axis in SHAPE if len({value(cell, axis) for cell in cells}) == 1]
    return [*same[:1], *shapes, *same[1:]] if "task" in same else [*shapes, *same]


def left_unsaid(cells: Iterable[Cell]) -> set[str]:
    """Return the axes of :data:`UNUSUAL` on which every cell is as in the paper, and ``held_out`` if all are drawn."""
    cells = list(cells)
    unsaid = set(UNUSUAL) - {axis for cell in cells for axis in cell.departures()}
    return unsaid | {"held_out"} if all(cell.split_seed is not None for cell in cells) else unsaid


def beside_size(cells: Iterable[Cell]) -> list[str]:
    """Return the axes that vary and that neither the task nor the name of a size says."""
    return [axis for axis in varying(cells) if axis not in ("task", "size")]


def in_every_cell(cells: Iterable[Cell], without: Iterable[str] = ()) -> list[str]:
    """Return in words what all cells share, apart from some axes."""
    cells = list(cells)
    return [in_words(axis, value(cells[0], axis)) for axis in shared(cells) if axis not in without]


def recipe(cell: Cell, without: Iterable[str] = ()) -> tuple[Any, ...]:
    """Return how a cell is trained, apart from its size and some axes: a line may join cells that agree in it."""
    left = {key: setting for key, setting in cell.departures().items() if key not in without}
    rates = {axis: getattr(cell, axis) for axis in ("learning_rate", "dropout", "weight_decay") if axis not in without}
    return (cell.task if "task" not in without else "", *sorted((left | rates).items()))


def name(axis: str) -> str:
    """Return the label of an axis, or of the seed of a run, as it stands in a sentence, without its unit."""
    return axis if axis == "seed" else LABELS[axis].partition(" (")[0]


@functools.cache
def short(axis: str, setting: Any) -> str:
    """Return a value as it stands under the label of its axis: ``0.001``, ``1,024``, ``(3, 4)``.

    The value is that of a cell or that of a table. Of many pairs it is the first and how many more, or the text of the
    table.
    """
    if axis == "held_out":
        pairs = [f"({left}, {right})" for left, right in map(parse_pair, in_tables(axis, setting).split())]
        if len(pairs) <= ALL_PAIRS:
            return ", ".join(pairs)
        return setting if isinstance(setting, str) else f"{pairs[0]} and {len(pairs) - 1} more"
    if axis in UNSET:
        return str(in_tables(axis, setting))
    if isinstance(setting, float):
        text = f"{setting:.6g}"
        return text.replace("e-0", "e-")
    return f"{setting:,}" if isinstance(setting, int) and axis not in SEEDS else str(setting)


def in_words(axis: str, setting: Any, text: str = "") -> str:
    """Return a value with its axis: ``n14``, ``2 layers``, ``learning rate 0.001``, ``held out (3, 4)``.

    The value is written as in ``text``, or as :func:`short` writes it if that is empty.
    """
    text = text or short(axis, setting)
    if axis in ("task", "size"):
        return text
    if axis in ("layers", "heads"):
        return f"{text} {axis if setting != 1 else axis.removesuffix('s')}"
    words = {
        "largest_operand": f"operands 0 to {text}",
        "held_out": f"held out {text}",
        "iterations": f"{text} updates",
        "answers": f"{text} answers",
    }
    if axis == "mixing":
        return f"tasks {'in blocks' if text == 'blocks' else text}"
    if axis == "fact_kind":
        return {"filler": "filler for facts", "synthetic": "synthetic facts"}.get(text, f"{text} as facts")
    if axis in ("key_length", "value_length"):
        return f"{name(axis).removeprefix('letters of a ')} of {text} letters"
    if axis in ("facts", "parameters"):
        return f"{text} {axis}"
    if axis in ("dropout", "weight_decay") and not setting:
        return f"no {name(axis)}"
    return words.get(axis, f"{name(axis)} {text}")


def texts(cells: Iterable[Cell], axis: str) -> dict[Any, str]:
    """Return each value of some cells on an axis, in order, with its text: in full if two would look alike."""
    values = ordered(cells, axis)
    written = [short(axis, each) for each in values]
    if len(set(written)) < len(written):
        written = [str(in_tables(axis, each)) for each in values]
    return dict(zip(values, written, strict=True))


def apart(cells: Mapping[str, Cell], shapes: bool = True) -> dict[str, str]:
    """Return in words what tells each of some cells from the others beside task and size; nothing where these do.

    Args:
        cells: by name.
        shapes: whether layers, width and so on are told where they vary by themselves, as the names of such sizes say
            little.
    """
    vary = beside_size(cells.values()) if shapes else varying(cells.values(), ("task", "size"))
    parts = [(axis, texts(cells.values(), axis)) for axis in vary]
    return {
        name: ", ".join(in_words(axis, value(cell, axis), written[value(cell, axis)]) for axis, written in parts)
        for name, cell in cells.items()
    }
