"""The tables about the claims of the paper, read by the pages that are made from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from capacity.dictionary.column import Columns
from capacity.errors import InputError
from capacity.storage import files, parquet, provenance
from capacity.tables import table_bounds


def read_verdicts(path: Path, columns: Columns) -> tuple[pd.DataFrame, provenance.Provenance]:
    """Read a table about the claims of the paper, and its provenance."""
    table = parquet.read_parquet(path, table_bounds.verdicts(columns))
    parquet.check_columns(path, table, columns)
    record = parquet.provenance_of(table)
    if not all(isinstance(record.get(key), dict) for key in ("settings", "versions")) or "git_commit" not in record:
        raise InputError(f"{path} does not say with which settings, versions and commit it was made; {files.REMEDY}")
    return pd.DataFrame(table.to_pandas()), record


def check_made_of(path: Path, settings: Mapping[str, object], tables: Mapping[str, str], budget: str | None) -> None:
    """Raise InputError naming the file if it was made of other runs than these, or for another budget."""
    if settings.get("tables") != tables:
        raise InputError(
            f"{path} was made of the runs {settings.get('tables')}, and the tables here are of {tables}; {files.REMEDY}"
        )
    if budget is not None and settings.get("budget", budget) != budget:
        raise InputError(f"{path} is of the budget {settings['budget']}, and has to be of {budget}; {files.REMEDY}")
