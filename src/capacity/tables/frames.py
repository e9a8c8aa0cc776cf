"""Frames as Parquet and CSV files, with the description of each column."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import pandas as pd
import pyarrow as pa

from capacity.dictionary.column import Columns, describe
from capacity.storage import files, parquet, provenance
from capacity.storage.parquet_bounds import UNKNOWN, Bounds

T = TypeVar("T")


def chunks(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Split values into lists of ``size``, the last of which may be shorter."""
    remaining = iter(values)
    while chunk := list(itertools.islice(remaining, size)):
        yield chunk


def write_frame(path: Path, frame: pd.DataFrame, record: provenance.Provenance, columns: Columns = ()) -> None:
    """Write a frame as Parquet, with its provenance and the description of each of ``columns``."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    parquet.write_parquet(path, describe(table, columns), record)


def write_table(
    folder: Path, name: str, frame: pd.DataFrame, record: provenance.Provenance, columns: Columns = ()
) -> None:
    """Write a frame as ``name.parquet``, as :func:`write_frame` does, and as ``name.csv``."""
    write_frame(folder / f"{name}.parquet", frame, record, columns)
    with files.atomic(folder / f"{name}.csv") as temporary:
        frame.to_csv(temporary, index=False)


def read_frame(path: str | Path, columns: Columns = (), bounds: Bounds = UNKNOWN) -> pd.DataFrame:
    """Read a frame that :func:`write_frame` wrote.

    Raises InputError naming the file if it is damaged or out of bounds, or if one of ``columns`` that is not optional
    is missing or of another kind.
    """
    table = parquet.read_parquet(path, bounds)
    parquet.check_columns(path, table, columns)
    return pd.DataFrame(table.to_pandas())
