"""The page of the data dictionary, and the tables that it describes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from capacity.dictionary.column import KINDS, Column, names
from capacity.dictionary.page import TABLES, to_markdown
from tests.support.commands import run_command
from tests.support.described_tables import check_table
from tests.support.handmade_jobs import make_table, write_jobs
from tests.support.repository import REPOSITORY

COLUMNS = [column for table in TABLES for column in table.columns]
BY_NAME = {table.name: table for table in TABLES}


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tables of the handmade study, as the commands write them."""
    folder = tmp_path_factory.mktemp("handmade")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        write_jobs(folder)
        make_table("tabulate", "hand")
        for command, name in (("histories", "history"), ("expressions", "expressions")):
            make_table(command, f"hand/{name}.parquet")
        make_table("expression-histories", "hand/expression_histories.parquet")
        inputs = ["--history", "hand/history.parquet", "--summary", "hand/summary.parquet", "--title", "By hand"]
        run_command("dynamics", *inputs, "--output", "hand")
        run_command("replication", "--runs", "hand/runs.parquet", "--output", "hand")
        run_command("claims", "--runs", "hand/runs.parquet", "--budget", "hand", "--output", "hand")
    return folder


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("answers", "results/cells/*/*/*/*/answers.parquet"),
        ("operands", "results/cells/*/*/*/*/operands.parquet"),
        ("mechanism", "results/cells/*/*/*/*/mechanism.parquet"),
        ("runs", "hand/runs.parquet"),
        ("summary", "hand/summary.parquet"),
        ("dynamics", "hand/dynamics.parquet"),
        ("expressions", "hand/expressions.parquet"),
        ("expression histories", "hand/expression_histories.parquet"),
        ("replication", "hand/replication.parquet"),
        ("claims", "hand/claims.parquet"),
        ("evidence", "hand/claims_evidence.parquet"),
    ],
)
def test_a_table_has_the_columns_of_the_dictionary_and_no_other(tables, name, path):
    paths = sorted(tables.glob(path))
    assert paths
    for each in paths:
        assert check_table(each, BY_NAME[name]) == set(names(BY_NAME[name].columns))


def test_a_history_has_no_column_that_the_dictionary_lacks(tables):
    check_table(tables / "hand/history.parquet", BY_NAME["history"])


def test_the_committed_page_is_what_the_code_gives(tmp_path):
    run_command("data-dictionary", "--output", tmp_path / "page.md")
    assert (tmp_path / "page.md").read_text("utf-8") == to_markdown()
    committed = (REPOSITORY / "docs/data-dictionary.md").read_text("utf-8")
    assert committed == to_markdown(), "run the command at the top of the page"


def test_the_page_names_every_column_of_every_table():
    sections = to_markdown().split("\n## ")[2:]
    assert [section.split("\n")[0] for section in sections] == list(BY_NAME)
    for section, table in zip(sections, TABLES, strict=True):
        described = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]
        assert described == [*names(table.columns)]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_no_two_columns_of_a_table_have_one_name(table):
    assert [name for name, count in Counter(names(table.columns)).items() if count > 1] == []


@pytest.mark.parametrize("column", dict.fromkeys(COLUMNS), ids=lambda column: column.name)
def test_a_column_says_what_it_means_in_a_whole_sentence(column: Column):
    assert column.kind in KINDS
    assert column.meaning[0].isupper()
    assert column.meaning.endswith(".")
    assert "|" not in column.meaning + column.unit
