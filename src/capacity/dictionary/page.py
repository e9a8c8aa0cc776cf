"""The page of the data dictionary: every table with its columns, and queries to begin with."""

from __future__ import annotations

from dataclasses import dataclass

from capacity.dictionary import histories, jobs, studies, verdicts
from capacity.dictionary.column import Columns
from capacity.dictionary.queries import QUERIES

COMMAND = "python -m capacity data-dictionary --output docs/data-dictionary.md"
STUDY = "base"
"""The study that the queries of the page name."""


@dataclass(frozen=True)
class Table:
    """A table that the workflow writes.

    Attributes:
        name: what it is called, and the heading of its section.
        path: where it lies; braces stand for names.
        row: what one row is.
        columns: all columns, in the order of the file.
    """

    name: str
    path: str
    row: str
    columns: Columns


_JOB = "results/cells/task={task}/size={size}/variant={variant}/seeds={seeds}"

TABLES = (
    Table("corpus", "results/corpora/{corpus}.parquet", "One row per line of the corpus.", jobs.CORPUS),
    Table(
        "history of a job",
        f"{_JOB}/history.parquet",
        "One row per run and evaluation during training.",
        histories.JOB_HISTORY,
    ),
    Table("answers", f"{_JOB}/answers.parquet", "One row per run and question about the corpus.", jobs.ANSWERS),
    Table(
        "operands",
        f"{_JOB}/operands.parquet",
        "One row per run and expression with operands from 0 to 19; no rows for a task without arithmetic.",
        jobs.OPERANDS,
    ),
    Table(
        "mechanism",
        f"{_JOB}/mechanism.parquet",
        "One row per run: what its weights say of how it comes to its answers.",
        jobs.MECHANISM,
    ),
    Table("runs", "results/tables/{study}/runs.parquet", "One row per run: a cell and a seed.", studies.RUNS),
    Table("summary", "results/tables/{study}/summary.parquet", "One row per cell; also as CSV.", studies.SUMMARY),
    Table(
        "history",
        "results/tables/{study}/history.parquet",
        "One row per run and evaluation during training, of all jobs of the study.",
        histories.HISTORY,
    ),
    Table("dynamics", "results/tables/{study}/dynamics.parquet", "One row per run; also as CSV.", studies.DYNAMICS),
    Table(
        "expressions",
        "results/tables/{study}/expressions.parquet",
        "One row per cell and expression of arithmetic; no rows for a task without arithmetic.",
        studies.EXPRESSIONS,
    ),
    Table(
        "expression histories",
        "results/tables/{study}/expression_histories.parquet",
        "One row per run and expression of arithmetic: when it is answered right over training; no rows for a task "
        "without arithmetic.",
        studies.EXPRESSION_HISTORIES,
    ),
    Table(
        "replication",
        "results/tables/replication.parquet",
        "One row per cell that the paper published; also as CSV.",
        verdicts.REPLICATION,
    ),
    Table("claims", "results/tables/claims.parquet", "One row per claim of the paper; also as CSV.", verdicts.CLAIMS),
    Table(
        "evidence",
        "results/tables/claims_evidence.parquet",
        "One row per line of evidence on a claim; also as CSV.",
        verdicts.EVIDENCE,
    ),
)


def to_markdown() -> str:
    """The page, as Markdown."""
    lines = [
        "# Data dictionary",
        "",
        f"<!-- Written by `{COMMAND}`; edit src/capacity/dictionary instead. -->",
        "",
        "Every table that the workflow writes, with the meaning and unit of each column. The Parquet files carry the "
        "same descriptions as metadata of their fields: `pyarrow.parquet.read_schema(path).field(name).metadata`. They "
        "also carry their provenance, under the key `provenance` of the file's metadata. A table of one task of a "
        "study lies in a folder below that of the study, such as `results/tables/base/arithmetic/runs.parquet`.",
        "",
        "## Asking with DuckDB",
        "",
        "Any program that reads Parquet can read these tables. Three questions to begin with, for "
        "[DuckDB](https://duckdb.org), started in the folder of the repository:",
    ]
    for query in QUERIES:
        lines += ["", query.question, "", "```sql", query.sql.format(study=STUDY), "```"]
    for table in TABLES:
        lines += ["", f"## {table.name}", "", f"`{table.path}`. {table.row}", ""]
        lines += ["| column | kind | unit | meaning |", "|---|---|---|---|"]
        for column in table.columns:
            optional = " Missing where no task has it." if column.optional else ""
            lines.append(f"| `{column.name}` | {column.kind} | {column.unit} | {column.meaning}{optional} |")
    return "\n".join(lines) + "\n"
