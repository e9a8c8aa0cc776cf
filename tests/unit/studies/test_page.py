"""The page of a study and that of the laboratory, and the file that holds an answer."""

from __future__ import annotations

import dataclasses
import re

import markdown as python_markdown
import pytest

from capacity.errors import InputError
from capacity.storage import json_files
from capacity.studies import difference, laboratory, page
from capacity.studies.answer import Table
from capacity.studies.answer_file import StudyAnswer, read_answer, write_answer
from capacity.studies.cells_run import describe
from capacity.tables.origins import Origin
from tests.support.handmade_answers import NOTHING, cell, draws, runs_of, tables

SETTINGS = {
    "rule": "difference",
    "between": {"stream": ["fixed", "reshuffled"]},
    "measure": "all-right",
    "by": ["size"],
}
COMMAND = "snakemake results/studies/order/index.md --config budget=laptop"
EVALUATIONS = [
    runs_of(cell("n14", stream=stream), 20, right, diverged=1) for stream, right in (("fixed", 2), ("reshuffled", 19))
]
RUNS = tables(EVALUATIONS).runs
ORIGIN = Origin("runs.json", "order", "digest", ({"cell": "x"},), None)


def said(question="Is it the order?", settings=SETTINGS, runs=RUNS, left_out=(), complete=COMMAND):
    study = dataclasses.replace(NOTHING, runs=runs)
    answer = difference.answer(settings, study, draws()) if settings else None
    diverged = int(runs["diverged"].sum())
    return StudyAnswer(
        "order", "Two orders", question, settings, answer, len(runs), diverged, left_out, COMMAND, complete
    )


def written(one, figures=("../../figures/order/tradeoff.png",), runs=RUNS):
    return page.to_markdown(one, describe(runs), figures)


def test_answers_of_three_groups_stand_in_a_list_and_of_fewer_in_a_sentence():
    sizes = [
        runs_of(cell(size, stream=stream), 20, right)
        for size in ("n14", "n28", "n56")
        for stream, right in (("fixed", 2), ("reshuffled", 19))
    ]
    text = written(said(runs=tables(sizes).runs))
    asked = (
        "Does the share of runs with all held-out expressions right differ between stream fixed and stream reshuffled?"
    )
    listed = re.search(rf"\n\n{re.escape(asked)}\n\n(- n14: yes.*\n- n28: yes.*\n- n56: yes.*)\n\nIt rests on", text)
    assert listed is not None
    assert "; n" not in listed[1]
    assert re.search(r"## What would change it\n\n- n14: .*\n- n28: .*\n- n56: .*\n\n", text)
    assert f"\n\n{asked} n14: yes" in written(said())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"factors": ["initialisation_seed", "seed"], "measure": "held-out"}, "factors initialisation seed and seed"),
        ({"large": "mlt", "primary": {"stream": "fixed", "iterations": 2000}}, "primary stream fixed, 2,000 updates"),
        ({"value": {"held_out": "57"}, "by": ["size"]}, r"value held out \(5, 7\), by size"),
        ({"reference": {"task": "joint", "mixing": "blocks"}}, "reference joint, tasks in blocks"),
    ],
)
def test_the_options_of_a_rule_are_said_in_words(settings, words):
    text = written(dataclasses.replace(said(), settings={"rule": "some-rule", **settings}))
    assert re.search(rf"\*\*Rule\*\* \(`some-rule`(?:, [^\n]*)?, {words}[,)]", text)


def test_the_page_has_the_question_the_answer_what_was_run_the_figure_and_the_command():
    text = written(said())
    assert text.startswith("# Is it the order?\n\nTwo orders. The study `order`.\n\n## Answer: yes\n")
    assert (
        "It rests on 40 runs, 2 of which diverged. **Rule** (`difference`, between stream fixed and reshuffled" in text
    )
    assert "![tradeoff: Two orders](../../figures/order/tradeoff.png)" in text
    assert "2 cells and 40 runs, of which 2 diverged." in text
    assert "Seeds: every cell has 20 seeds (0-19)." in text
    assert "## What would change it\n\nn14: 11 of the runs of one side would have had to come out otherwise." in text
    assert f"```\n{COMMAND}\n```" in text
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == [
        *("Answer: yes", "What was run", "Figure", "What the answer rests on", "What would change it", "Run it again")
    ]


def test_every_table_of_the_page_is_one_that_markdown_reads():
    html = python_markdown.markdown(written(said()), extensions=["tables"])
    assert html.count("<table>") == 2
    assert "|" not in re.sub(r"<[^>]*>", "", html)


def test_a_study_without_a_question_has_its_title_and_one_without_a_rule_says_so():
    text = written(said(question="", settings=None))
    assert text.startswith("# Two orders\n\nThe study `order`.\n\n## Answer\n\nNo rule is configured for an answer.\n")
    assert "What would change it" not in text


def test_a_missing_arm_says_not_run_and_how_to_run_it():
    runs = RUNS[RUNS["stream"] == "fixed"]
    text = written(said(runs=runs, left_out=("arithmetic, n28",)), runs=runs)
    assert "## Answer: not run" in text
    assert "**Not run**, and needed: n14, stream reshuffled. To run them: `snakemake" in text
    assert "**Not run** under this budget: arithmetic, n28. To run them: `snakemake" in text
    lost = written(said(runs=runs, left_out=("arithmetic, n28",), complete=""), runs=runs)
    assert "No budget has them: take them from `leave_out` in config.yaml" in lost
    assert "in config.yaml do not have them: add them there" in written(said(runs=runs), runs=runs)


def test_text_that_would_be_markup_is_shown_as_it_is():
    one = dataclasses.replace(said(), title="<b>*A*</b> [x](y)", question="Is _this_ <i>it</i>?")
    text = written(one)
    assert "<b>" not in text
    assert "<i>" not in text
    assert "# Is \\_this\\_ &lt;i&gt;it&lt;/i&gt;?" in text


def test_a_long_table_is_cut_on_the_page_and_says_so():
    columns, rows = ("recipe", "iteration"), tuple(("x", number) for number in range(200))
    answer = dataclasses.replace(said().answer, tables=(Table("Over training", columns, rows),))
    text = written(dataclasses.replace(said(), answer=answer))
    shown = re.findall(r"^\| x \| (\d+) \|$", text, re.MULTILINE)
    assert (len(shown), shown[0], shown[-1]) == (page.MOST_ROWS, "0", "199")
    assert "60 of 200 rows, evenly spaced; all are in answer.json." in text


def test_the_laboratory_has_a_row_for_each_study():
    plain = dataclasses.replace(said(question="", settings=None), study="plain", diverged_count=0)
    text = laboratory.to_markdown("laptop", [said(), plain])
    rows = [line for line in text.splitlines() if line.startswith("| [")]
    assert rows[0].startswith("| [order](studies/order/index.md) | Is it the order? | **yes**: Does the share of runs")
    assert rows[0].endswith(" | 40 (2 diverged) |")
    assert rows[1] == "| [plain](studies/plain/index.md) | Two orders | no rule is configured | 40 |"
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 5 for row in rows)


@pytest.mark.parametrize("settings", [SETTINGS, None])
def test_an_answer_is_read_as_it_was_written(tmp_path, settings):
    one, path = said(settings=settings), tmp_path / "answer.json"
    write_answer(path, one, ORIGIN)
    assert read_answer(path, ORIGIN) == one
    assert json_files.read_sealed_json(path)["run_count"] == 40


def test_an_answer_of_other_runs_or_no_answer_is_refused_by_name(tmp_path):
    path = tmp_path / "answer.json"
    write_answer(path, said(), ORIGIN)
    for other in (
        dataclasses.replace(ORIGIN, table="base"),
        dataclasses.replace(ORIGIN, plan="another"),
        dataclasses.replace(ORIGIN, runs=()),
    ):
        with pytest.raises(InputError, match=r"answer.json is of other runs"):
            read_answer(path, other)
    json_files.write_sealed_json(path, {"x": 1})
    with pytest.raises(InputError, match=r"answer.json is not the answer of a study"):
        read_answer(path, ORIGIN)


@pytest.mark.parametrize("key", ["question", "run_count", "command"])
def test_an_answer_whose_text_or_number_is_something_else_is_refused_by_name(tmp_path, key):
    path = tmp_path / "answer.json"
    write_answer(path, said(), ORIGIN)
    content = json_files.read_sealed_json(path)
    json_files.write_sealed_json(path, content | {key: None})
    with pytest.raises(InputError, match=rf"answer.json is not the answer of a study.*{key} is None"):
        read_answer(path, ORIGIN)
    content["answer"]["sentence"] = 3
    json_files.write_sealed_json(path, content)
    with pytest.raises(InputError, match="sentence is 3"):
        read_answer(path, ORIGIN)
