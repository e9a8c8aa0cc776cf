"""The history of a training job as a table: one row per seed and evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa


def history_table(history: Sequence[dict[str, Any]]) -> pa.Table:
    """Return the rows of a history as a table.

    ``seed`` and ``iteration`` are integers, ``questions_right`` is text, and all else 64-bit floats.
    """
    types = {"seed": pa.int64(), "iteration": pa.int64(), "questions_right": pa.string()}
    schema = pa.schema([(name, types.get(name, pa.float64())) for name in history[0]])
    return pa.Table.from_pylist(list(history), schema=schema)
