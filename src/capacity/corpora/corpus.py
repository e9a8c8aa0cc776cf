"""A corpus: the lines that a cell trains on and is asked about, also as a Parquet file with one row per line."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from capacity.errors import InputError
from capacity.experiment.cell import Cell
from capacity.storage import files, parquet
from capacity.tasks.registry import TASKS
from capacity.tasks.task import Line
from capacity.tasks.vocabulary import Vocabulary

_CATEGORY = pa.dictionary(pa.int8(), pa.string())
SCHEMA = pa.schema(
    [
        pa.field("text", pa.string(), nullable=False),
        pa.field("prompt", pa.string(), nullable=False),
        pa.field("paper_prompt", pa.string(), nullable=False),
        pa.field("answer", pa.string(), nullable=False),
        pa.field("terminator", _CATEGORY, nullable=False),
        pa.field("task", _CATEGORY, nullable=False),
        pa.field("operation", _CATEGORY, nullable=False),
        pa.field("left", pa.int8()),
        pa.field("right", pa.int8()),
        pa.field("split", _CATEGORY, nullable=False),
        pa.field("position", pa.int32()),
    ]
)
"""Columns of a corpus file: the attributes of a :class:`~capacity.tasks.task.Line`. ``left`` and ``right`` are its
operands, null where it has none; ``position`` is its number in the stream, null if it is held out."""


def corpus_lines(
    task: str, held_out: Iterable[tuple[int, int]], facts: int, seed: int, mixing: str = "blocks", **more: Any
) -> list[Line]:
    """The lines of a task: seen lines in stream order with their positions, then the held-out ones.

    The text of a joint task is that of one part after the other. Within a part the lines are shuffled once by ``seed``,
    or keep the order of the task where it says so; where the text has them several times, in the same order each time.
    With the ``mixing`` shuffled, all of these lines are then shuffled together. ``more`` are further settings of a cell
    that decide lines.
    """
    stream: list[Line] = []
    unseen: list[Line] = []
    settings = {"held_out": tuple(held_out), "facts": facts, "corpus_seed": seed, **more}
    for part, copies in zip(TASKS[task].parts, TASKS[task].copies(**settings), strict=True):
        every = part.lines(**settings)
        seen = [line for line in every if line.split != "held_out"]
        if part.is_shuffled:
            random.Random(seed).shuffle(seen)
        stream += seen * copies
        unseen += [line for line in every if line.split == "held_out"]
    if mixing == "shuffled":
        random.Random(f"mixing {seed}").shuffle(stream)
    return [replace(line, position=number) for number, line in enumerate(stream)] + unseen


def build(cell: Cell) -> list[Line]:
    """The lines that a cell trains on and is asked about."""
    return corpus_lines(cell.task, seed=cell.corpus_seed, **cell.line_settings)


def to_table(lines: Sequence[Line]) -> pa.Table:
    """Lines as a table of :data:`SCHEMA`."""
    columns = {name: [getattr(line, name) for line in lines] for name in SCHEMA.names if name not in ("left", "right")}
    columns["left"] = [line.operands[0] if line.operands else None for line in lines]
    columns["right"] = [line.operands[1] if line.operands else None for line in lines]
    return pa.table(columns, schema=SCHEMA)


def from_table(table: pa.Table) -> list[Line]:
    """The inverse of :func:`to_table`."""
    lines = []
    for row in table.to_pylist():
        left, right = row.pop("left"), row.pop("right")
        lines.append(Line(**row, operands=None if left is None else (left, right)))
    return lines


def read(path: str | Path, cell: Cell | None = None) -> list[Line]:
    """The lines of a corpus file. Raises InputError naming the file if it is not a corpus, or not that of ``cell``."""
    table = parquet.read_parquet(path)
    if not table.schema.equals(SCHEMA):
        raise InputError(
            f"{path} is not a corpus: its columns are {_columns(table.schema)}, not {_columns(SCHEMA)}; {files.REMEDY}"
        )
    lines = from_table(table)
    if cell is not None and lines != build(cell):
        raise InputError(f"{path} is not the corpus of {cell.name}, {cell.corpus_name}; {files.REMEDY}")
    return lines


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in schema)


def stream_lines(lines: Sequence[Line]) -> list[Line]:
    """The seen lines in the order in which they are trained on."""
    seen = [(line.position, line) for line in lines if line.position is not None]
    return [line for _, line in sorted(seen, key=lambda pair: pair[0])]


def vocabulary(lines: Sequence[Line]) -> Vocabulary:
    """The characters of a corpus, held-out lines included, so that the vocabulary does not depend on the split."""
    return Vocabulary([line.text for line in lines])
