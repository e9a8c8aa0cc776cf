"""TODO tables.frames."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import pandas as pd
import pyarrow as pa

from capacity.storage import files, parquet, provenance

T = TypeVar("T")


def in_pieces(values: Iterable[T], most: int) -> Iterator[list[T]]:
    """Some values as lists of at most so many."""
    waiting = iter(values)
    while some := list(itertools.islice(waiting, most)):
        yield some


def write_frame(path: Path, frame: pd.DataFrame, record: provenance.Provenance) -> None:
    """A frame as Parquet with its provenance."""
    parquet.write_parquet(path, pa.Table.from_pandas(frame, preserve_index=False), record)


def write_table(folder: Path, name: str, frame: pd.DataFrame, record: provenance.Provenance) -> None:
    """A frame as ``name.parquet`` with its provenance and as ``name.csv``."""
    write_frame(folder / f"{name}.parquet", frame, record)
    with files.atomic(folder / f"{name}.csv") as temporary:
        frame.to_csv(temporary, index=False)


def read_frame(path: str | Path, columns: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The inverse of :func:`write_frame`. Raises InputError naming the file if it is damaged or a column is wrong."""
    table = parquet.read_parquet(path)
    parquet.check_columns(path, table, columns or {})
    return pd.DataFrame(table.to_pandas())


def read_frames(paths: Iterable[str | Path], columns: Mapping[str, str]) -> pd.DataFrame:
    """Frames below one another: those of some tasks of a study as one."""
    return pd.concat([read_frame(path, columns) for path in paths], ignore_index=True)
