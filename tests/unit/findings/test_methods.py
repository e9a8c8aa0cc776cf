from __future__ import annotations

import re
from dataclasses import replace

import pytest

from capacity.claims.outcomes import SHARE_RULE
from capacity.experiment.cell import make_cell
from capacity.findings.references import WORKS, references
from capacity.paper.protocol import SIZES, Size
from capacity.statistics import comparisons, intervals, trends
from capacity.studies.shares import RULE as RULE_OF_SHARES
from tests.support.handmade_findings import (
    COMMIT,
    OTHER,
    arithmetic,
    at,
    base_evaluations,
    lines_of,
    origin,
    other,
    put,
    row_of,
    sections,
    study_of,
)
from tests.support.handmade_methods import MACHINE, TEMPLATE, answer_of, methods_sources, text_of
from tests.support.handmade_results import evaluation, frames, run

MODELS, DATA, TRAINING, EVALUATION = "Models", "Data", "Training", "Evaluation"
STATISTICS, COMPUTATION, RUNS = "Statistics", "Computation", "Runs and exclusions"


@pytest.fixture(scope="module")
def sources():
    return methods_sources({"base": study_of(base_evaluations()).runs})


def of(*evaluations, **more):
    """The sections of the text about one study of some evaluations."""
    return sections(text_of(methods_sources({"base": frames(evaluations)[0]}, **more)))


def test_the_sections_are_there_in_order(sources):
    expected = ["Methods", MODELS, DATA, TRAINING, EVALUATION, STATISTICS, COMPUTATION, RUNS, "References"]
    assert list(sections(text_of(sources))) == expected


def test_the_template_holds_no_number_of_its_own():
    """Apart from the number of the table."""
    prose = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", " ", TEMPLATE, flags=re.DOTALL)
    assert set(re.findall(r"\w*\d[\w.]*", prose.replace("Table 1", ""))) == set()


@pytest.mark.parametrize("case", ["base", "variants", "empty"])
def test_every_block_of_the_text_is_whole(sources, case):
    """No heading, table or list runs into a paragraph, sentences have a space between them, and rows are even."""
    variants = {
        "base": study_of([arithmetic("n14"), arithmetic("n14", stream="reshuffled")]).runs,
        "decay": study_of([other("joint", "n28", 50, weight_decay=0.1), arithmetic("n14", stream="aligned")]).runs,
    }
    jobs = [origin(), origin("c" * 40, seeds=(1,), **MACHINE)]
    answers = [answer_of("base", "A rule."), answer_of("decay", left_out=["facts, mlt"])]
    text = {
        "base": lambda: text_of(sources),
        "variants": lambda: text_of(methods_sources(variants, answers, jobs)),
        "empty": lambda: text_of(methods_sources({"base": study_of(base_evaluations()).runs.iloc[:0]}, origins=[])),
    }[case]()
    for block in text.rstrip("\n").split("\n\n"):
        lines = block.splitlines()
        assert len(lines) == 1 or all(re.match(r"\||- |\[", line) for line in lines), block
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in lines if line.startswith("|")}
        assert len(widths) <= 1, block
        assert lines[0].startswith("|") or not re.search(r"[a-z)]\.[A-Z\[]|\S  +\S| \.| ,", block), block


def test_with_nothing_run_the_text_says_so_and_no_more():
    text = text_of(methods_sources({"base": study_of(base_evaluations()).runs.iloc[:0]}, origins=[]))
    assert list(sections(text)) == ["Methods"]
    assert text.endswith("\n\nNothing was run.\n")


def test_the_cells_that_depart_are_told_from_those_to_the_letter(sources):
    found = sections(text_of(sources))
    assert (
        "Of 7 cells, each a task, a size and a recipe, 6 followed it to the letter. The others (†)" in found["Methods"]
    )
    (note,) = lines_of(found[RUNS], "[1] Departs")
    assert "learning rate 0.001 (paper: 1e-05), batch 32 (paper: 882), iterations 800 (paper: 30000)" in note
    assert row_of(found[RUNS], "base", "arithmetic", "mlt†")[-1].strip() == "[1]"
    assert "Where a cell had another number of updates" in found[TRAINING]
    letter = of(arithmetic("n14"))
    assert "Of 1 cell, each a task, a size and a recipe, 1 followed it to the letter." in letter["Methods"]
    assert "†)" not in letter["Methods"]
    assert "another number of updates" not in letter[TRAINING]


def test_the_models_are_those_that_were_trained():
    assert "We trained 1 size, with 1,582 parameters." in of(arithmetic("n14"))[MODELS]
    two = Size(2, 2, 14, 4)
    other_size = make_cell("arithmetic", two)
    found = of(arithmetic("n14"), evaluation(other_size, [run(other_size, 0)]))
    assert "We trained 2 sizes, from 1,582 to " in found[MODELS]
    assert "Of the paper's sizes, n14 was trained, and n28, n56, mlt were not." in found[MODELS]
    assert row_of(found[RUNS], "base", "arithmetic", f"{two.name}†")[3:8] == ["base", "2", "2", "14", "4"]
    assert (
        "None of the paper's sizes (n14, n28, n56, mlt) was trained."
        in of(evaluation(other_size, [run(other_size, 0)]))[MODELS]
    )


def test_the_data_are_those_of_the_tasks_that_were_trained(sources):
    found = sections(text_of(sources))[DATA]
    assert "*Arithmetic* had 200 lines, every sum and every difference of two digits" in found
    assert "Of these, 4 were held out, those of 5 and 7 in either order (5+7, 7+5, 5-7, 7-5): no model" in found
    assert "The other 196 were put in an order that was drawn once (seed 1337)." in found
    assert "*Facts* had 50 lines with capitals, such as `Capital of France is Paris`" in found
    assert "Of its 250 lines, 4 were held out." in found
    assert "reshuffled" not in found
    assert "*Facts*" not in of(arithmetic("n14"))[DATA]


def test_random_facts_are_told_from_capitals():
    settings = [{}, {"fact_kind": "synthetic", "facts": 80}, {"fact_kind": "strings", "value_length": 9}]
    cells = [make_cell("facts", SIZES["n14"], **each) for each in settings]
    found = of(*(evaluation(cell, [run(cell, 0)]) for cell in cells))
    assert "*Facts* had 50 to 80 lines, such as `" in found[DATA]
    assert "In 2 of 3 texts, the facts were random: a key of 6 letters" in found[DATA]
    assert "and a value of 6 to 9, all drawn uniformly from a to z (seed 1337)." in found[DATA]
    assert "In 1 of these, no space stood between the two." in found[DATA]
    assert "was the capital or the value, in capital or small letters" in found[EVALUATION]
    assert "The two differed for 2 of 50 facts" in found[EVALUATION]
    random = of(evaluation(cells[1], [run(cells[1], 0)]))
    assert "no space" not in random[DATA]
    assert "The two differed" not in random[EVALUATION]


def test_held_out_expressions_that_differ_by_cell_are_a_range():
    found = of(arithmetic("n14"), arithmetic("n14", held_out=[(1, 1)]))[DATA]
    assert "Of these, 2 to 4 were held out, so that no model of the cell was trained on them. Which ones" in found
    assert "The other 196 to 198 were put in an order" in found


def test_larger_operands_are_told_from_digits():
    large = [make_cell(task, SIZES["n14"], largest_operand=12, held_out=[(5, 12)]) for task in ("arithmetic", "joint")]
    alone = of(*(evaluation(cell, [run(cell, 0)]) for cell in large))[DATA]
    assert "*Arithmetic* had 338 lines, every sum and every difference of two operands from 0 to 12, such as" in alone
    assert "held out, those of 5 and 12 in either order (5+12, 12+5, 5-12, 12-5): no model" in alone
    assert alone.count("Operands were 0 to 12.") == 1
    assert "two digits" not in alone
    both = of(arithmetic("n14"), arithmetic("n14", largest_operand=12))[DATA]
    assert (
        "*Arithmetic* had 200 to 338 lines, every sum and every difference of two operands from 0 to 9 or to 12" in both
    )


def test_the_streams_are_those_that_were_trained():
    found = of(*(arithmetic("n14", stream=stream) for stream in ("reshuffled", "aligned", "answer-only")))[DATA]
    for words in ("In the stream reshuffled,", "In the stream aligned,", "In the stream answer-only,"):
        assert found.count(words) == 1
    assert "(stream fixed)" not in found


def test_the_recipe_is_that_of_the_protocol_for_the_sizes_that_were_trained(sources):
    found = sections(text_of(sources))[TRAINING]
    assert "AdamW (beta 0.9 and 0.99, and the epsilon" in found
    assert "clipped to a norm of 1." in found
    assert "a run had 30,000 updates. The learning rate rose linearly over the first 2,000, fell with a cosine" in found
    assert "For MLT, it peaked at 1e-05 and ended at 1e-06, with a weight decay of 0.1 and a dropout of 0.2." in found
    assert "it peaked at 0.01 and ended at 0.0001, with no weight decay and no dropout." in found
    assert "variant wd" not in found
    assert "For MLT" not in of(arithmetic("n14"))[TRAINING]
    decayed = of(other("facts", "n14", 50, weight_decay=0.1))
    assert "variant wd (Table 1) had a weight decay of 0.1 for every size" in decayed[TRAINING]
    assert row_of(decayed[RUNS], "base", "facts", "n14", "wd")


def test_questions_and_prompts_are_those_of_the_tasks(sources):
    found = sections(text_of(sources))[EVALUATION]
    assert "(up to 4 characters were decoded)" in found
    assert "(up to 20 characters were decoded)" in found
    assert "differed for 2 of 50 facts: the paper asked `Capital of USA is` for `Capital of the USA is` and" in found
    assert "at least 99 % of the seen expressions right" in found
    assert "prompts" not in of(arithmetic("n14"))[EVALUATION]
    assert "expression" not in of(other("facts", "n14", 5))[EVALUATION]


def test_the_numbers_of_the_statistics_are_those_of_the_code(sources, monkeypatch):
    monkeypatch.setattr(intervals, "RESAMPLES", 777)
    monkeypatch.setattr(trends, "PERMUTATIONS", 7_777)
    monkeypatch.setattr(comparisons, "MARGIN", 0.77)
    monkeypatch.setattr(comparisons, "ALPHA", 0.007)
    found = sections(text_of(sources))[STATISTICS]
    assert SHARE_RULE in found
    for words in ("(777 resamples of", "(7,777 random rearrangements)", "to within 0.77", "all tests was 0.007"):
        assert words in found


def test_the_tests_are_those_that_were_made(sources):
    found = sections(text_of(sources))
    assert "(Cochran-Armitage)" in found[STATISTICS]
    assert "Armitage, P. (1955)" in found["References"]
    assert "Fisher's exact test" not in found[STATISTICS]
    one_size = of(arithmetic("n14"))
    assert "Cochran-Armitage" not in one_size[STATISTICS]
    assert "The level of all tests" not in one_size[STATISTICS]
    assert "Armitage" not in one_size["References"]
    both = sections(
        text_of(
            methods_sources(
                {
                    "base": study_of([arithmetic("n14")]).runs,
                    "weight-decay": study_of([arithmetic("n14", weight_decay=0.1)]).runs,
                }
            )
        )
    )
    assert "compared by Fisher's exact test, two-sided." in both[STATISTICS]


def test_studies_with_one_rule_share_a_line_and_questions_are_shown_as_they_are(sources):
    answers = [
        answer_of("base", RULE_OF_SHARES, "Is it [so]?"),
        answer_of("width", RULE_OF_SHARES, ""),
        answer_of("depth", "Jonckheere-Terpstra within strata."),
        answer_of("none"),
    ]
    found = sections(text_of(replace(sources, answers=answers)))[STATISTICS]
    assert len(lines_of(found, "- `")) == 2
    (line,) = lines_of(found, "- `base`")
    assert line.startswith("- `base` (Is it \\[so\\]?) and `width`: The exact 95 % interval")
    assert "`none`" not in found


def test_the_machines_are_those_of_the_records(sources):
    jobs = [
        origin(**MACHINE),
        origin(**MACHINE),
        origin("c" * 40, seeds=(1,), kernel="numba", threads=2),
        origin(seeds=(2,), device="NVIDIA H100", graph=True, precision="bfloat16", **MACHINE),
    ]
    found = sections(text_of(replace(sources, origins=jobs)))[COMPUTATION]
    assert "trained in 3 jobs" in found  # the second is the first, read from another study's table
    assert "by PyTorch on a CPU with 1 thread, with matrix products in float32 (1 job)" in found
    assert "(Numba) on a CPU with 2 threads, with matrix products in float32 (1 job)" in found
    assert "on NVIDIA H100 with 1 thread, with matrix products in bfloat16 and with CUDA graphs (1 job)" in found
    assert (
        "Linux x86_64 with python 3.11.7, torch 2.13.0 (2 jobs); [not recorded] with [not recorded] (1 job)." in found
    )
    assert f"commit {COMMIT} (2 jobs); {'c' * 40} (1 job)." in found
    assert f"by the code of commit {OTHER} with capacity 0.1.0, torch 2.13.0." in found
    assert "[Name the processor.]" in found
    gpu = sections(text_of(replace(sources, origins=jobs[3:])))[COMPUTATION]
    assert "[Name the processor.]" not in gpu
    assert f"The code was that of commit {COMMIT}. Tables" in gpu


def test_runs_are_counted_once_and_none_is_left_out():
    runs = study_of([arithmetic("n14"), arithmetic("n28")]).runs
    runs = put(runs, at(runs, "arithmetic", "n14", 1), diverged=True, fits_arithmetic=False)
    runs = put(runs, at(runs, "arithmetic", "n28"), fits_arithmetic=False)
    again = runs[runs["size"] == "n14"].reset_index(drop=True)
    answers = [answer_of("base", left_out=["facts, mlt"]), answer_of("again")]
    found = sections(text_of(methods_sources({"base": runs, "again": again}, answers)))[RUNS]
    assert "8 runs of 2 cells in 2 studies were trained. A run that stands in the tables of several" in found
    assert "None was excluded. 1 run diverged (arithmetic n14 seed 1), and counted as a failure" in found
    assert "Of 8 runs that saw expressions, 4 ended without divergence and with fewer than 99 %" in found
    assert "saw facts" not in found
    assert "Of the study `base`, the budget left out facts, mlt." in found
    assert row_of(found, "base", "arithmetic", "n14")[9:14] == ["30,000", "4", "0-2, 1337", "1", "-"]
    assert row_of(found, "base", "arithmetic", "n28")[9:14] == ["30,000", "4", "0-2, 1337", "-", "all"]
    assert row_of(found, "again", "arithmetic", "n14")


def test_without_divergence_the_text_says_so():
    found = of(other("facts", "n14", 50, 5))[RUNS]
    assert "2 runs of 1 cell in 1 study were trained. None was excluded. No run diverged." in found
    assert "Of 2 runs that saw facts, 1 ended without divergence and without recalling all of them" in found
    assert row_of(found, "base", "facts", "n14")[12:14] == ["-", "0"]


def test_references_are_the_works_behind_what_is_named():
    assert references("Nothing is named.") == []
    assert [work[:4] for work in references("By Kaplan-Meier and Holm.")] == ["Fay,", "Holm", "Kapl"]
    works = [work for named in WORKS.values() for work in named]
    assert len(works) == len(set(works))
    assert all(re.search(r"\(\d{4}\)\. .*\.$", work) for work in works)


def test_sizes_of_the_paper_alone_are_all_named():
    found = of(*(arithmetic(size, [4]) for size in SIZES if size != "mlt"), arithmetic("mlt", [1]))
    assert "Of the paper's sizes" not in found[MODELS]
