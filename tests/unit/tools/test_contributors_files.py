"""What a contributor's tools read agrees with what `make lint` and the linters are told."""

from __future__ import annotations

import configparser
import re
import tomllib

import pytest
import yaml

from tests.support.repository import REPOSITORY

TEMPLATES = sorted((REPOSITORY / ".github/ISSUE_TEMPLATE").glob("*.yml"))
QUESTIONS = [path for path in TEMPLATES if path.name != "config.yml"]


def test_pre_commit_runs_the_commands_of_make_lint():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)[1]
    lint = recipe.replace("$(SNAKEMAKE)", ".venv/bin/snakemake").replace("$(VENV)", ".venv").split("\n\t")
    hooks = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    assert sorted(hook["entry"] for hook in hooks) == sorted(line.strip() for line in lint)


def test_pre_commit_downloads_nothing():
    repos = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [repo["repo"] for repo in repos] == ["local"]
    assert {hook["language"] for repo in repos for hook in repo["hooks"]} == {"system"}


def test_editors_break_lines_where_ruff_does():
    editor = configparser.ConfigParser()
    editor.read_string("[top]\n" + (REPOSITORY / ".editorconfig").read_text(encoding="utf-8"))
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert int(editor["*"]["max_line_length"]) == project["tool"]["ruff"]["line-length"]


@pytest.mark.parametrize("path", QUESTIONS, ids=lambda path: path.stem)
def test_every_issue_template_asks_something_under_names_of_their_own(path):
    template = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= set(template)
    names = [field["id"] for field in template["body"]]
    assert len(names) == len(set(names)) > 0
    assert any(field.get("validations", {}).get("required") for field in template["body"])


def test_there_is_a_template_for_a_bug_a_result_and_a_study():
    assert {path.stem for path in QUESTIONS} == {"bug_report", "result_question", "new_study"}
