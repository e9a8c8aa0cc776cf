"""What the documentation shows is what the commands of today give."""

from __future__ import annotations

import csv
import json
import re
import shutil

import pytest

from capacity.experiment.configuration import main_configuration
from tests.support.published_results import partings
from tests.support.repository import REPOSITORY

RESULTS = REPOSITORY / "docs/results"
CONFIG = main_configuration(REPOSITORY)
FOLDERS = sorted(path.name for path in RESULTS.iterdir())
BUDGETS = [name for name in FOLDERS if name in CONFIG["budgets"]]
SHOWN = re.compile(r"!\[[^\]]*\]\((?:docs/)?results/([^/)]+)/")


def test_the_default_budget_is_published():
    assert CONFIG["budget"] in BUDGETS


@pytest.mark.parametrize("budget", BUDGETS)
def test_what_is_published_of_a_budget_is_what_the_budget_gives(budget):
    assert partings(RESULTS / budget, CONFIG, budget) == []


@pytest.mark.parametrize("name", [name for name in FOLDERS if name not in BUDGETS])
def test_what_no_budget_gives_says_so_and_of_which_version_it_is(name):
    page = " ".join((RESULTS / name / "README.md").read_text(encoding="utf-8").split())
    provenance = json.loads((RESULTS / name / "provenance.json").read_text(encoding="utf-8"))
    assert "# Results of an older version" in page
    assert "**Superseded.**" in page
    assert provenance["tables"]["git_commit"] in page


def test_pages_show_figures_of_todays_budgets_alone():
    """Pages may cite results of an older version, and say so."""
    pages = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
    shown = {folder for page in pages for folder in SHOWN.findall(page.read_text(encoding="utf-8"))}
    assert CONFIG["budget"] in shown
    assert shown <= set(BUDGETS)


def test_the_first_page_has_the_numbers_of_the_published_summary():
    """The table under "What came out": its three rows of numbers, each for n14, n28 and n56."""
    rows = summary_of("workstation")
    cells = [rows[f"task=arithmetic/size={size}/variant=paper"] for size in ("n14", "n28", "n56")]
    page = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    table = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    told = {line[0].split(" (")[0]: line[1:] for line in table}
    right = told["runs with all four held-out expressions right"]
    assert right == [f"{float(cell['generalizes_count']):.0f} of {cell['n']}" for cell in cells]
    share = told["share of the held-out expressions right"]
    assert share == [f"{100 * float(cell['final_held_out_mean']):.0f} %" for cell in cells]
    bits = next(line for first, line in told.items() if first.startswith("bits memorized about the order"))
    assert bits == [f"{float(cell['order_bits_mean']):.0f}" for cell in cells]


def summary_of(budget):
    with (RESULTS / budget / "summary.csv").open(encoding="utf-8", newline="") as file:
        return {row["cell"]: row for row in csv.DictReader(file)}


@pytest.fixture
def copy(tmp_path):
    """A copy of the published results of the laptop budget, and of the configuration."""
    folder = shutil.copytree(RESULTS / "laptop", tmp_path / "laptop")
    return folder, json.loads(json.dumps(CONFIG))


def edited(path, change):
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def more_seeds(folder, config):
    config["budgets"]["laptop"]["cells"][0]["seeds"] = [1337, "0-4"]


def other_lengths(folder, config):
    config["budgets"]["laptop"]["cells"][2]["set"]["iterations"] = 9000


def another_cell(folder, config):
    config["studies"]["base"]["grids"][0]["size"].remove("n28")


def another_study(folder, config):
    config["budgets"]["laptop"]["run"].append("reshuffled")


def an_older_figure(folder, config):
    shutil.copyfile(RESULTS / "torch/tradeoff.png", folder / "tradeoff.png")


def a_summary_of_another_length(folder, config):
    path = folder / "summary.csv"
    text = path.read_text(encoding="utf-8").replace(",30000,", ",20000,")
    path.write_text(text, encoding="utf-8")


def a_missing_figure(folder, config):
    (folder / "facts.png").unlink()


def a_figure_of_nothing(folder, config):
    (folder / "extra.png").write_bytes(b"")


def a_run_less(folder, config):
    edited(folder / "provenance.json", lambda content: content["tables"]["runs"].pop())


def weights_less(folder, config):
    edited(folder / "provenance.json", lambda content: content["weights"].popitem())


def no_digests(folder, config):
    edited(folder / "provenance.json", lambda content: content.pop("files"))


def a_modified_commit(folder, config):
    edited(folder / "provenance.json", lambda content: content["tables"].update(git_commit="0" * 40 + "-modified"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (more_seeds, r"run \('task=arithmetic/size=n14/variant=paper', 4\) is planned and not published"),
        (other_lengths, r"cell in summary.csv task=facts/size=n14/variant=.*iterations-9000.* is planned and not"),
        (another_cell, r"run \('task=arithmetic/size=n28/variant=paper', 0\) is published and not planned"),
        (another_study, "the study reshuffled is not published"),
        (an_older_figure, "tradeoff.png is not the file that was published"),
        (a_summary_of_another_length, "summary.csv has iterations 20000 of task=arithmetic"),
        (a_missing_figure, "file facts.png is planned and not published"),
        (a_figure_of_nothing, "file extra.png is published and not planned"),
        (a_run_less, "run .* is planned and not published"),
        (weights_less, "digest of weights .* is planned and not published"),
        (no_digests, "digest of a file .* is planned and not published"),
        (a_modified_commit, "the commit 0{40}-modified is not one"),
    ],
)
def test_results_that_part_from_their_budget_are_found(copy, change, told):
    folder, config = copy
    assert partings(folder, config, "laptop") == []
    change(folder, config)
    assert [each for each in partings(folder, config, "laptop") if re.search(told, each)]


def test_make_ends_with_what_was_reproduced():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"^all: .*\n((?:\t.*\n)+)", makefile, re.MULTILINE)[1]
    assert recipe.splitlines()[-1].startswith("\t@$(VENV)/bin/python -m capacity compare $(PUBLISHED) results")
    assert f"$(or $(BUDGET),{CONFIG['budget']})" in makefile
