from __future__ import annotations

import re
import subprocess
from dataclasses import replace

import jinja2
import numpy
import pandas as pd
import pytest

from capacity.claims import groups, judge, replication
from capacity.claims.page import evidence_frame, verdicts_frame
from capacity.commands import findings
from capacity.experiment.cell import make_cell
from capacity.findings import page
from capacity.findings.arms import Sources, StudyTables
from capacity.findings.origins import commit_dates
from capacity.findings.page import render
from capacity.paper import published
from capacity.paper.protocol import SIZES
from capacity.statistics import intervals
from capacity.tables.frames import write_frame
from capacity.tables.runs import MEASURES
from capacity.tables.summary import summarise
from tests.support.commands import run_command
from tests.support.handmade_results import evaluation, frames, run

SEEDS = (1337, 0, 1, 2)
TEMPLATE = page.TEMPLATE.read_text(encoding="utf-8")
COMMIT, OTHER = "a" * 40, "b" * 40
DATES = {COMMIT: "2026-11-20", OTHER: "2026-11-24"}
NO_EVENTS = {"t_gen": pd.NA, "t_lose": pd.NA, "generalizes_ever": False, "generalizes_final": False, "kept_share": None}

# What each run answers: so many of the four held-out expressions, so many of the fifty facts.
HELD_OUT = {"n14": (4, 4, 4, 3), "n28": (0, 2, 0, 1), "n56": (0, 0, 0, 0)}
FACTS = {"n14": 5, "n28": 50}


def arithmetic(size="n14", right=None, **chosen):
    """The runs of one arithmetic cell, the first of the paper's seed."""
    cell = make_cell("arithmetic", SIZES[size], **chosen)
    counts = HELD_OUT[size] if right is None else right
    return evaluation(cell, [run(cell, seed, held_out=count) for seed, count in zip(SEEDS, counts, strict=False)])


def other(task, size, *facts, held_out=0, **chosen):
    cell = make_cell(task, SIZES[size], **chosen)
    return evaluation(
        cell, [run(cell, seed, facts=count, held_out=held_out) for seed, count in zip(SEEDS, facts, strict=False)]
    )


def base_evaluations():
    parts = [arithmetic(size) for size in HELD_OUT]
    parts.append(arithmetic("mlt", [1], iterations=800, batch=32, learning_rate=1e-3))
    parts += [other("facts", size, count) for size, count in FACTS.items()]
    return [*parts, other("joint", "n14", 4, 5)]


def study_of(evaluations):
    runs, summary = frames(evaluations)
    return StudyTables(runs, summary, eventless(runs))


def eventless(runs):
    """Dynamics in which nothing happens."""
    frame = runs[["cell", "task", "size", "variant", "seed", "diverged"]].assign(**NO_EVENTS)
    return frame.astype({"t_gen": "Int64", "t_lose": "Int64", "kept_share": "float64"})


def at(frame, task, size, seed=None):
    found = (frame["task"] == task) & (frame["size"] == size)
    return found if seed is None else found & (frame["seed"] == seed)


def put(frame, where, **values):
    copy = frame.copy()
    for column, value in values.items():
        copy.loc[where, column] = value
    return copy


def origin(commit=COMMIT, cell="task=arithmetic/size=n14/variant=paper", seeds=(0,), **changed):
    record = {"cell": cell, "seeds": list(seeds), "git_commit": commit, "source_digest": "5" * 64, "device": "cpu"}
    return record | {"threads": 1, "precision": "float32", "compile": False, "graph": False} | changed


def sources_of(studies, budget="laptop", origins=None):
    """The tables against the paper as the stages make them, with few permutations."""
    runs = {name: study.runs for name, study in studies.items()}
    paths = {name: f"results/tables/{name}/runs.parquet" for name in studies}
    verdicts = judge.judge(runs, paths, budget, numpy.random.default_rng(0), permutations=99)
    return Sources(
        budget=budget,
        claims=verdicts_frame(verdicts),
        evidence=evidence_frame(verdicts),
        replication=replication.replicate(groups.groups(runs), numpy.random.default_rng(0)),
        studies=studies,
        origins=[origin()] * bool(studies) if origins is None else origins,
        versions={"torch": "2.13.0", "capacity": "0.1.0"},
        commit=OTHER,
    )


@pytest.fixture(scope="module", autouse=True)
def few_resamples():
    """What an interval is, is tested elsewhere; here only that it arrives."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(intervals, "RESAMPLES", 100)
        yield


@pytest.fixture(scope="module")
def base():
    return sources_of({"base": study_of(base_evaluations())})


@pytest.fixture(scope="module")
def empty():
    return sources_of({})


def with_base(sources, **tables_of_base):
    return replace(sources, studies=sources.studies | {"base": replace(sources.studies["base"], **tables_of_base)})


def page_of(sources, dates=DATES):
    return render(page.values(sources, dates), TEMPLATE)


def sections(text):
    """The text of each section by its heading, and what stands before the first under the page's title."""
    parts = re.split(r"^#+ (.*)\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def lines_of(text, *words):
    """The lines that hold all words; of a table, the cells are words too."""
    return [line for line in text.splitlines() if all(word in line for word in words)]


def row_of(text, *first):
    """The one row of a table that begins with these cells, as its cells."""
    (row,) = [line for line in text.splitlines() if line.startswith(f"| {' | '.join(first)} |")]
    return row.strip("| ").split(" | ")


RUN, WHICH, SPREAD = "What was run", "Which claims replicated", "Seed spread"
TRANSIENT, ORDER, FIXED = "Transient generalization", "Order memorization", "Does a fixed order cost generalization?"
PROMPTS, JOINT, PROVENANCE = "The two prompts", "Both tasks jointly", "Provenance"


def test_the_sections_are_there_in_order(base):
    expected = ["Findings", RUN, WHICH, SPREAD, TRANSIENT, ORDER, FIXED, PROMPTS, JOINT, PROVENANCE]
    assert list(sections(page_of(base))) == expected


def test_with_nothing_run_every_section_says_so(empty):
    found = sections(page_of(empty))
    assert "Not dated: there are no runs." in found["Findings"]
    assert "It runs no study." in found["Findings"]
    assert "Nothing was run. 0 of the paper's 24 cells were run, 0 of them by the paper's protocol" in found[RUN]
    assert "**MLT was not run**" in found[RUN]
    assert "8 not run (C1, C2, C3, C4, C5, C6, C7, C8)." in found[WHICH]
    assert "What decided" not in found[WHICH]
    for name in (SPREAD, ORDER, FIXED):
        assert "no arithmetic cell of the paper was run" in found[name].lower()
    assert "No cell with held-out expressions was run." in found[TRANSIENT]
    assert "No cell with facts was run." in found[PROMPTS]
    assert "No joint cell of the paper was run." in found[JOINT]
    assert "No training job." in found[PROVENANCE]
    assert "|" not in "".join(text for name, text in found.items() if name != WHICH)


def test_what_was_run_is_listed_with_seeds_and_departures(base):
    text = sections(page_of(base))[RUN]
    assert text.strip().startswith("17 runs in all, 0 diverged. 7 of the paper's 24 cells were run, 6 of them by")
    assert "(arithmetic n14, arithmetic n28, arithmetic n56, facts n14, facts n28, joint n14)" in text
    assert "Not run: arithmetic n14 wd" in text
    assert row_of(text, "base", "arithmetic", "n14")[3:6] == ["4", "0-2, 1337", "30,000"]
    assert row_of(text, "base", "arithmetic", "mlt†")[3:] == ["1", "1337", "800", "[1]"]
    assert lines_of(text, "[1] Departs", "iterations 800 (paper: 30000)")
    assert "**No run of MLT follows the paper's protocol**" in text


def test_mlt_by_the_paper_s_protocol_is_not_marked():
    text = page_of(sources_of({"base": study_of([arithmetic("mlt", [0])])}))
    assert "mlt†" not in text
    assert "**MLT" not in text
    assert "of MLT follows" not in text


def test_mlt_partly_by_the_paper_s_protocol_is_counted():
    parts = [arithmetic("mlt", [0]), other("facts", "mlt", 50, batch=16)]
    assert "**1 of the 2 cells of MLT** do not follow" in page_of(sources_of({"base": study_of(parts)}))


def test_a_run_of_two_studies_is_counted_once(base):
    again = replace(base, studies=base.studies | {"again": base.studies["base"]})
    assert sections(page_of(again))[RUN].strip().startswith("17 runs in all")


def test_a_study_of_other_cells_is_named_and_kept_out_of_the_prose(base):
    own = study_of([arithmetic("n14", [0, 0, 0, 0], batch=16)])
    page = page_of(replace(base, studies=base.studies | {"own": own}))
    assert "Of own this page has the next table and the verdicts only." in sections(page)[RUN]
    assert sections(page)[SPREAD] == sections(page_of(base))[SPREAD]
    assert "this page has the next table" not in page_of(base)


def test_verdicts_are_those_of_the_table_grouped_by_outcome(base):
    judged = base.claims.copy()
    judged["outcome"] = ["not run", "replicated", *["inconclusive"] * 5, "not replicated"]
    judged["reason"] = ["", "", "needs 17 more runs of joint n14", *[""] * 5]
    text = sections(page_of(replace(base, claims=judged)))[WHICH]
    assert (
        "Of the paper's 8 claims: 1 replicated (C2); 1 not replicated (C8); 5 inconclusive (C3, C4, C5, C6, C7); "
        "1 not run (C1)."
    ) in text
    rows = [line.split(" | ")[0].strip("| ") for line in lines_of(text, "| **")]
    assert rows == ["C2", "C8", "C3", "C4", "C5", "C6", "C7", "C1"]
    assert row_of(text, "C3")[2:] == ["**inconclusive**", "2", "needs 17 more runs of joint n14"]


def test_a_claim_that_was_not_run_names_the_command(base):
    row = row_of(sections(page_of(base))[WHICH], "C6")
    assert row[2:4] == ["**not run**", "0"]
    assert row[4].startswith("`snakemake results/tables/claims.md --config budget=laptop")


def test_a_verdict_on_runs_that_depart_has_a_dagger(base):
    text = sections(page_of(base))[WHICH]
    assert row_of(text, "C2")[2] == "**inconclusive†**"
    assert row_of(text, "C1")[2] == "**inconclusive**"
    (said,) = re.findall(r"protocol are behind (.*) \(†\)", text)
    assert said == ", ".join(base.claims["claim"][base.claims["departs"]])


def test_the_evidence_that_decided_has_its_counts_and_no_cell_that_was_not_run(base):
    text = sections(page_of(base))[WHICH]
    assert lines_of(text, "arithmetic n14, all held-out expressions right: 3 of 4 runs [0.194, 0.994]: inconclusive")
    assert lines_of(text, "facts n14, at most 20 % of the facts recalled", "1 of 1 runs")
    decided = text.split("What decided")[1]
    assert "facts n56" not in decided
    assert "**C6" not in decided


def test_the_interval_of_a_difference_is_named_as_the_narrower_one_it_is(base):
    decayed = [arithmetic("n14", [4, 4, 4, 4], weight_decay=0.1)]
    both = sources_of(base.studies | {"weight-decay": study_of(decayed)})
    (line,) = lines_of(sections(page_of(both))[WHICH], "C1, all held-out", "the same with weight decay")
    known = both.evidence[(both.evidence["claim"] == "C5") & both.evidence["estimate"].notna()].iloc[0]
    assert f"n = 8, difference 0.250 [{known['low']:.3f}, {known['high']:.3f}] (at 90%), p = 1" in line
    assert "base 3 of 4" in line


def test_seeds_are_counted_by_how_many_expressions_they_answer(base):
    text = sections(page_of(base))[SPREAD]
    row = row_of(text, "base", "n28")
    assert row[2:8] == ["4", "2", "1", "1", "0", "0"]
    assert row[8].startswith("0.188 [")
    assert row[9:12] == ["0 of 4 [0.000, 0.602]", "4 of 4 [0.398, 1.000]", "0 of 4"]
    assert row_of(text, "base", "n14")[6:8] == ["1", "3"]


def test_what_one_seed_would_have_shown_is_set_against_all(base):
    text = sections(page_of(base))[SPREAD]
    rule = "of its seeds at the final iterate, 3 of 4 [0.194, 0.994] by the paper's rule; seed 1337 does so at"
    assert f"- n14 (all held-out expressions right): 3 of 4 [0.194, 0.994] {rule} the final iterate.\n" in text
    assert "- n28 (no held-out expression right): 2 of 4 [0.068, 0.932] of its seeds at the final" in text
    assert "- mlt† (no held-out expression right): 0 of 1" in text
    assert "seed 1337 does not do so at the final iterate. One seed shows no spread." in text
    assert "All of n14, n28, n56 at once do as the paper says in 2 of 4 [0.068, 0.932] of the seeds" in text


def test_the_paper_s_rule_stands_beside_the_final_iterate(base):
    runs = base.studies["base"].runs
    runs = put(runs, at(runs, "arithmetic", "n28"), paper_best_held_out=1.0)
    (line,) = lines_of(sections(page_of(with_base(base, runs=runs)))[SPREAD], "- n28 (")
    assert "2 of 4 [0.068, 0.932] of its seeds at the final iterate, 0 of 4 [0.000, 0.602] by the paper's rule" in line


def test_one_seed_has_no_interval_and_no_spread():
    text = page_of(sources_of({"base": study_of([arithmetic("n14", [4])])}))
    assert row_of(sections(text)[SPREAD], "base", "n14")[8] == "1.000"
    assert "One seed shows no spread." in text
    assert "Fewer than two of the one-layer sizes were run" in text


def test_seeds_that_no_two_sizes_share_show_no_pattern():
    n14, n28 = (make_cell("arithmetic", SIZES[size]) for size in ("n14", "n28"))
    parts = [evaluation(n14, [run(n14, 1)]), evaluation(n28, [run(n28, 2)])]
    text = sections(page_of(sources_of({"base": study_of(parts)})))[SPREAD]
    assert "No seed was run for all of n14, n28" in text
    assert text.count("seed 1337 was not run.") == 2
    assert row_of(text, "base", "n14")[-1] == "not run"  # the last cell, of departures, is empty


def test_a_diverged_seed_is_named_counted_and_shows_nothing():
    """NaN in all scores: neither all nor none of the expressions is right."""
    runs, _ = frames([arithmetic("n14", [4, 4]), arithmetic("n28", [0, 0]), other("facts", "n14", 5, 5)])
    lost = (runs["seed"] == 1337) & runs["size"].isin(["n14", "n28"])
    gone = [name for name in MEASURES if name in runs]
    runs = put(runs, lost, diverged=True, generalizes=False, fits_arithmetic=False, **dict.fromkeys(gone, numpy.nan))
    summary = summarise(runs)
    found = sections(page_of(sources_of({"base": StudyTables(runs, summary, eventless(runs))})))
    assert "3 diverged (arithmetic n14 seed 1337, arithmetic n28 seed 1337, facts n14 seed 1337)" in found[RUN]
    shown = "1 of 2 [0.013, 0.987]"
    assert row_of(found[SPREAD], "base", "n14")[2:10] == ["2 (1 diverged)", "0", "0", "0", "0", "1", "1.000", shown]
    assert row_of(found[SPREAD], "base", "n28")[-1] == "diverged"
    assert (
        "n28 (no held-out expression right): 1 of 2 [0.013, 0.987] of its seeds at the final iterate, " in found[SPREAD]
    )
    assert "Of 1 run asked for facts, 0 recalled more" in found[PROMPTS]
    assert not re.search(r"\bnan\b", "".join(found.values()).lower())


def generalizing(base, *events):
    """The dynamics of the base cells with events: (size, seed, t_gen, t_lose, final, kept share)."""
    frame = base.studies["base"].dynamics
    for size, seed, gained, lost, final, kept in events:
        values = {"t_gen": gained, "t_lose": lost, "generalizes_ever": True, "generalizes_final": final}
        frame = put(frame, at(frame, "arithmetic", size, seed), **values, kept_share=kept)
    return with_base(base, dynamics=frame)


def test_runs_that_generalize_for_a_while_only_are_counted(base):
    events = [("n28", 0, 500, 750, False, 0.25), ("n28", 1, 1500, 1750, False, 0.75), ("n14", 0, 250, 500, True, 0.5)]
    text = sections(page_of(generalizing(base, *events)))[TRANSIENT]
    assert (
        "- Arithmetic alone, base: of 13 runs, 3 had all held-out expressions right at one evaluation or more, and 1"
        in text
    )
    assert "2 **generalized for a while only**. 3 lost it at least once" in text
    row = row_of(text, "arithmetic", "base", "n28")
    assert row[4:] == [
        *("2 of 4 [0.068, 0.932]", "0 of 4 [0.000, 0.602]", "2", "500 to 1,500", "2 of 2", "750 to 1,750", "50%"),
        "250",
    ]
    assert row_of(text, "arithmetic", "base", "n14")[6:11] == ["0", "250", "1 of 1", "500", "50%"]
    assert "- Jointly, base: of 2 runs, 0 had" in text


def test_without_a_transient_run_none_is_claimed(base):
    kept = sections(page_of(generalizing(base, ("n14", 0, 250, pd.NA, True, 1.0))))[TRANSIENT]
    assert "None generalized for a while only. 0 lost it at least once" in kept
    never = sections(page_of(base))[TRANSIENT]
    assert "generalized for a while only" not in never
    assert "lost it" not in never


def test_order_bits_stand_beside_their_bound_and_the_paper_s_loss(base):
    text = sections(page_of(base))[ORDER]
    row = row_of(text, "base", "n14")
    bound = base.studies["base"].summary["order_bits_at_most"].iloc[0]
    assert row[3:7] == ["100.0 [100.0, 100.0]", f"{bound:.1f}", "4 of 4 [0.398, 1.000]", "0.500 [0.500, 0.500]"]
    assert row[7:10] == [f"{published.FINAL_LOSS['arithmetic', 'n14']:.3f}", "0.7500", "0.2500"]


@pytest.mark.parametrize(
    ("adjusted", "said"), [(0.049, "Order bits rise with size"), (0.051, "Order bits are not shown to rise with size")]
)
def test_whether_order_bits_rise_goes_by_the_test(base, adjusted, said):
    tested = base.evidence["words"].str.contains("bits known of the order")
    text = page_of(replace(base, evidence=put(base.evidence, tested, p_value=0.0123, adjusted_p_value=adjusted)))
    assert f"{said}, at 0.05 after Holm: one-sided permutation p = 0.012, after Holm {adjusted:.2g}" in text


def test_a_trend_that_was_not_tested_is_not_claimed():
    text = page_of(sources_of({"base": study_of([arithmetic("n14")])}))
    assert "Whether order bits rise with size was not tested" in text
    assert "rise with size, at" not in text


def reshuffled(base, *evaluations):
    return sources_of(base.studies | {"reshuffled": study_of(evaluations)})


def test_without_a_reshuffled_cell_the_cost_of_the_order_is_not_known(base):
    text = sections(page_of(base))[FIXED]
    assert text.strip().startswith("Not known here")
    assert "|" not in text


def test_a_reshuffled_cell_of_another_length_is_not_compared(base):
    other_length = reshuffled(base, arithmetic("n28", [4, 4, 4, 4], stream="reshuffled", iterations=3600))
    assert sections(page_of(other_length))[FIXED].strip().startswith("Not known here")


def test_reshuffled_cells_stand_beside_the_fixed_ones_with_an_exact_test(base):
    """0 of 4 against 4 of 4: two of the 70 tables with these margins are as extreme, so p = 2/70; Holm over four."""
    twins = [arithmetic(size, [4, 4, 4, 4], stream="reshuffled") for size in ("n28", "n56")]
    found = sections(page_of(reshuffled(base, *twins)))
    text = found[FIXED]
    row = row_of(text, "n28", "all held-out expressions right")
    assert row[2:6] == ["0 of 4 [0.000, 0.602]", "4 of 4 [0.398, 1.000]", "0.029", "0.11"]
    assert row_of(text, "n28", "no held-out expression right")[4] == "0.43"
    assert row_of(text, "n56", "all held-out expressions right")[4] == "0.029"
    assert "Holm over the 4 tests" in text
    assert "Not run in a new order: n14, mlt†." in text
    assert "No difference has p after Holm below 0.05, which is not evidence that there is none." in text
    assert lines_of(text, "| n28 | 0.188 [", "| 1.000 [1.000, 1.000] |")
    assert row_of(found[SPREAD], "reshuffled", "n28†")[2:8] == ["4", "0", "0", "0", "0", "4"]
    assert "`results/tables/base/runs.parquet`, `results/tables/reshuffled/runs.parquet`" in text


def test_a_difference_that_survives_the_correction_is_named():
    cells = [make_cell("arithmetic", SIZES["n14"], **chosen) for chosen in ({}, {"stream": "reshuffled"})]
    fixed, twin = (
        evaluation(cell, [run(cell, seed, held_out=count) for seed in range(6)])
        for cell, count in zip(cells, (0, 4), strict=True)
    )
    text = sections(page_of(sources_of({"base": study_of([fixed]), "reshuffled": study_of([twin])})))[FIXED]
    assert "for n14 (all held-out expressions right), n14 (no held-out expression right); which way" in text
    assert "No difference" not in text
    assert "Not run in a new order" not in text


def test_the_two_prompts_are_compared_run_by_run(base):
    runs = base.studies["base"].runs
    runs = put(runs, at(runs, "facts", "n28"), final_facts_paper_prompts=0.96)
    runs = put(runs, at(runs, "joint", "n14", 0), final_facts_matched_prompts=0.08)  # of 5 facts by the other prompts
    changed = with_base(base, runs=runs, summary=summarise(runs))
    text = sections(page_of(changed))[PROMPTS]
    assert "The paper asks 2 of the 50 facts by another prompt" in text
    assert "`Capital of USA is ` for `Capital of the USA is `" in text
    said = "Of 4 runs asked for facts, 1 recalled more by the prompts of training than by the paper's, 2 as many and 1"
    assert f"{said} fewer." in text
    row = row_of(text, "facts", "base", "n28")
    assert row[4:9] == ["0.960", "1.000", "+2", "0 of 1 [0.000, 0.975]", "1 of 1 [0.025, 1.000]"]
    assert row_of(text, "joint", "base", "n14")[6] == "-1 to 0"


def test_joint_runs_stand_beside_the_same_size_alone(base):
    text = sections(page_of(base))[JOINT]
    assert "2 of 2 joint runs answer no held-out expression. 2 of 2 fit the seen expressions, and 2 of those 2" in text
    row = row_of(text, "n14", "2")
    assert row[2].startswith("0.938 [")
    assert row[2].endswith("(n = 4)")
    assert row[3] == "0.000 [0.000, 0.000]"
    assert row[6:8] == ["0.100 (n = 1)", "0.090 [0.080, 0.100]"]


def test_joint_runs_that_do_not_fit_are_no_evidence_on_generalization(base):
    runs = put(base.studies["base"].runs, base.studies["base"].runs["task"] == "joint", fits_arithmetic=False)
    text = sections(page_of(with_base(base, runs=runs)))[JOINT]
    assert "0 of 2 fit the seen expressions: a run that does not fit" in text


def test_joint_runs_of_another_protocol_than_the_runs_alone_are_named(base):
    assert "do not follow one protocol" not in sections(page_of(base))[JOINT]
    text = sections(page_of(changed_summary(base, "joint", "n14", departs="iterations 3000 (paper: 30000)")))[JOINT]
    assert "Of n14† the runs alone and the joint ones do not follow one protocol" in text


def test_a_joint_size_that_was_not_run_alone_says_so():
    text = sections(page_of(sources_of({"base": study_of([other("joint", "n28", 50)])})))[JOINT]
    assert row_of(text, "n28", "1")[2:8] == ["not run", "0.000", "not run", "1.000", "not run", "1.000"]


def test_the_page_has_the_day_of_the_newest_code_that_trained(base):
    jobs = [origin(), origin(), origin(OTHER, seeds=(1,)), origin(seeds=(2,), device="cuda")]
    found = sections(page_of(replace(base, origins=jobs)))
    assert found["Findings"].strip().startswith("Dated 2026-11-24, the day of the newest code that trained")
    assert "3 training jobs" in found[PROVENANCE]  # the second is the first, read from another study's table
    (row,) = lines_of(found[PROVENANCE], OTHER, "2026-11-24")
    assert row.startswith("| 1 | ")
    assert lines_of(found[PROVENANCE], COMMIT, "cuda")
    assert "could not be dated" not in found[PROVENANCE]
    assert f"code of commit `{OTHER}` with capacity 0.1.0, torch 2.13.0." in found[PROVENANCE]


def test_a_commit_that_is_not_known_or_was_changed_is_said_to_be(base):
    jobs = [origin(f"{COMMIT}-modified"), origin("c" * 40, seeds=(1,)), origin(None, seeds=(2,))]
    found = sections(page_of(replace(base, origins=jobs)))
    assert "Dated 2026-11-20" in found["Findings"]
    assert "2 commits could not be dated. `-modified`: with changes" in found[PROVENANCE]
    assert lines_of(found[PROVENANCE], "| not recorded | - |")
    assert "Not dated: records of runs hold no date" in page_of(base, dates={})


def test_commits_are_dated_by_the_repository_and_by_nothing_without_one(tmp_path):
    def git(*arguments):
        names = [f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL", "DATE")]
        values = ["someone", "someone@example.org", "2026-11-20T12:00:00+0000"] * 2
        environment = dict(zip(names, values, strict=True)) | {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
        done = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    folder = tmp_path / "repository"
    folder.mkdir()
    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "--message", "first")
    commit = git("rev-parse", "HEAD")
    assert commit_dates([f"{commit}-modified", None, COMMIT], folder) == {commit: "2026-11-20"}
    assert commit_dates([commit], tmp_path) == {}


CHANGES = {
    "claims": (WHICH, lambda s: replace(s, claims=put(s.claims, s.claims["claim"] == "C4", n=777)), "777"),
    "evidence": (WHICH, lambda s: replace(s, evidence=put(s.evidence, s.evidence["outcome"] != "", n=777)), "777 runs"),
    "budget": ("Findings", lambda s: replace(s, budget="workstation"), "`workstation`"),
    "iterations": (RUN, lambda s: changed_summary(s, "arithmetic", "n28", iterations=777), "| 777 |"),
    "mean share": (SPREAD, lambda s: changed_summary(s, "arithmetic", "n28", final_held_out_mean=0.777), "0.777 ["),
    "one run": (
        SPREAD,
        lambda s: changed_runs(s, "arithmetic", "n28", 2, final_held_out=0.75),
        "| 2 | 0 | 1 | 1 | 0 |",
    ),
    "interval of looks": (TRANSIENT, lambda s: changed_summary(s, "joint", "n14", evaluation_interval=777), "| 777 |"),
    "order bits": (ORDER, lambda s: changed_summary(s, "arithmetic", "n56", order_bits_mean=-77.7), "-77.7 ["),
    "bits of one run": (ORDER, lambda s: changed_runs(s, "arithmetic", "n56", 0, order_bits=-1.0), "3 of 4 [0.194,"),
    "floor": (ORDER, lambda s: changed_summary(s, "arithmetic", "n56", loss_floor_order_known=0.7777), "0.7777"),
    "paper's loss": (
        ORDER,
        lambda s: replace(
            s, replication=put(s.replication, at(s.replication, "arithmetic", "n56"), paper_final_loss=0.777)
        ),
        "0.777",
    ),
    "recall": (PROMPTS, lambda s: changed_summary(s, "facts", "n14", final_facts_paper_prompts_mean=0.777), "0.777"),
    "joint": (JOINT, lambda s: changed_summary(s, "joint", "n14", final_seen_mean=0.777), "0.777 ["),
    "origin": (PROVENANCE, lambda s: replace(s, origins=[origin(threads=777)]), "| 777 |"),
    "versions": (PROVENANCE, lambda s: replace(s, versions={"torch": "7.7.7"}), "torch 7.7.7"),
}


def changed_summary(sources, task, size, **values):
    summary = sources.studies["base"].summary
    return with_base(sources, summary=put(summary, at(summary, task, size), **values))


def changed_runs(sources, task, size, seed, **values):
    runs = sources.studies["base"].runs
    return with_base(sources, runs=put(runs, at(runs, task, size, seed), **values))


@pytest.mark.parametrize("name", CHANGES)
def test_the_numbers_of_a_section_are_those_of_the_tables(base, name):
    section, change, shown = CHANGES[name]
    assert shown not in sections(page_of(base))[section]
    assert shown in sections(page_of(change(base)))[section]


def test_the_template_holds_no_number_of_its_own():
    """Apart from the names of two claims, and the 0 that bits are below or above."""
    prose = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", " ", TEMPLATE, flags=re.DOTALL)
    assert set(re.findall(r"\w*\d[\w.]*", prose)) == {"C1", "C2", "0"}


def test_a_value_that_is_missing_is_an_error(base):
    with pytest.raises(jinja2.UndefinedError, match="nosuch"):
        render(page.values(base, DATES), "{{ run.nosuch }}")


def test_paragraphs_are_lines_and_tables_stay_as_they_are():
    page = "# Title\n\n\nOne\n  two.\n\n| a |\n|---|\n\n- one\n  - two\n\n"
    assert render({}, page) == "# Title\n\nOne two.\n\n| a |\n|---|\n\n- one\n  - two\n"


@pytest.mark.parametrize("case", ["base", "empty", "more"])
def test_every_block_of_the_page_is_whole(base, empty, case):
    """No heading, table or list runs into a paragraph, and every row of a table has the cells of its heading."""
    more = generalizing(base, ("n28", 0, 500, 750, False, 0.25))
    if case == "more":
        more = reshuffled(more, arithmetic("n28", [4, 4, 4, 4], stream="reshuffled"))
    for block in page_of({"base": base, "empty": empty, "more": more}[case]).rstrip("\n").split("\n\n"):
        lines = block.splitlines()
        assert len(lines) == 1 or all(re.match(r"\||- |  - |\[", line) for line in lines), block
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in lines if line.startswith("|")}
        assert len(widths) <= 1, block


def written(folder, sources):
    """The tables as the stages write them; returns the arguments of the stage."""
    record = {"settings": {"budget": sources.budget}, "versions": dict(sources.versions), "git_commit": sources.commit}
    arguments = []
    for kind in ("runs", "summary", "dynamics"):
        arguments.append(f"--{kind}")
        for name, study in sources.studies.items():
            path = folder / name / f"{kind}.parquet"
            write_frame(path, getattr(study, kind), {"runs": list(sources.origins)})
            arguments.append(str(path))
    for kind in ("claims", "evidence", "replication"):
        write_frame(folder / f"{kind}.parquet", getattr(sources, kind), record)
        arguments += [f"--{kind}", str(folder / f"{kind}.parquet")]
    return arguments


@pytest.mark.parametrize("case", ["base", "empty"])
def test_the_same_tables_give_the_same_bytes(base, empty, case, tmp_path, monkeypatch):
    """Read from files, the page is the one made from the frames: nothing else enters it."""
    sources = {"base": base, "empty": empty}[case]
    arguments = written(tmp_path, sources)
    monkeypatch.setattr(findings, "commit_dates", lambda commits, folder: DATES)
    for name in ("one.md", "two.md"):
        run_command("findings", *arguments, "--output", tmp_path / name)
    assert (tmp_path / "one.md").read_bytes() == (tmp_path / "two.md").read_bytes()
    assert (tmp_path / "one.md").read_text(encoding="utf-8") == page_of(sources)
