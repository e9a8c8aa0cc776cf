"""The picture of the packages is that of the source, and small graphs are drawn as one would by hand."""

from __future__ import annotations

import ast

import pytest

from tools import package_picture

# commands imports claims and tables, claims imports tables, tables and storage import each other.
GRAPH = {
    "commands": frozenset({"claims", "tables"}),
    "claims": frozenset({"tables"}),
    "tables": frozenset({"storage"}),
    "storage": frozenset({"tables", "tasks"}),
    "tasks": frozenset[str](),
}


@pytest.fixture(scope="module")
def packages():
    return package_picture.read_packages(package_picture.PACKAGE)


def test_the_picture_and_the_page_are_those_of_the_source(packages):
    advice = "run `python -m tools.package_picture` and commit what it writes"
    assert package_picture.PICTURE.read_text(encoding="utf-8") == package_picture.draw(packages), advice
    assert package_picture.PAGE.read_text(encoding="utf-8") == package_picture.page(packages), advice


def test_every_package_has_a_summary_and_its_modules(packages):
    by_name = {package.name: package for package in packages}
    assert {package.name for package in packages if not package.summary} == set()
    assert by_name["model"].modules == tuple(
        sorted(path.stem for path in (package_picture.PACKAGE / "model").glob("*.py") if path.stem != "__init__")
    )
    assert by_name["errors"].modules == ()
    assert "storage" in by_name["tables"].imports


def test_each_row_imports_from_rows_below_and_a_cycle_shares_a_row():
    assert package_picture.rows_of(GRAPH) == [["commands"], ["claims"], ["storage", "tables"], ["tasks"]]


def test_an_arrow_that_follows_from_others_is_left_out():
    assert package_picture.drawn_arrows(GRAPH) == [
        ("claims", "tables"),
        ("commands", "claims"),
        ("storage", "tables"),
        ("storage", "tasks"),
        ("tables", "storage"),
    ]


@pytest.mark.parametrize(
    ("code", "imported"),
    [
        ("import capacity.tasks.lines", ["tasks"]),
        ("from capacity import errors, storage", ["errors", "storage"]),
        ("from capacity.model import weights", ["model"]),
        ("def later():\n    from capacity.figures import style", ["figures"]),
        ("import torch\nimport capacity", []),
    ],
)
def test_imports_of_each_form_are_read(code, imported):
    assert list(package_picture.imported_packages(ast.parse(code))) == imported


@pytest.mark.parametrize(
    ("docstring", "sentence"),
    [
        ("Tables. Nothing else.", "Tables."),
        ("One line\nand another.\n\nMore.", "One line and another."),
        ("", ""),
    ],
)
def test_the_first_sentence_of_a_docstring(docstring, sentence):
    assert package_picture.first_sentence(docstring) == sentence
