from __future__ import annotations

import csv
import shlex

import numpy
import pandas as pd
import pytest
import yaml

from capacity.claims import judge as claims_judge
from capacity.claims import operands, published_cells
from capacity.claims.evidence import INCONCLUSIVE, NOT_REPLICATED, NOT_RUN, REPLICATED
from capacity.claims.page import evidence_frame, to_markdown, verdicts_frame
from capacity.claims.trend import ORDER_BITS
from capacity.experiment.cell import describe_departures, make_cell
from capacity.paper import published
from capacity.paper.protocol import MLT
from capacity.storage import parquet, provenance
from capacity.tables.frames import read_frame, write_frame
from tests.support.commands import run_command
from tests.support.handmade_results import evaluation, frames, run
from tests.support.handmade_studies import answering, as_claimed, at, changed, first_seeds, laptop, retrained

NAMES = [claim.name for claim in published.CLAIMS]
GROKKING = published_cells.grokking_cell()


@pytest.fixture(scope="module")
def base():
    return as_claimed("base")


@pytest.fixture(scope="module")
def decayed():
    return as_claimed("wd")


def judge(*names, **studies):
    """The verdicts on the claims named, or on all, by name."""
    studies = {name.replace("_", "-"): runs for name, runs in studies.items()}
    sources = {name: f"results/tables/{name}/runs.parquet" for name in studies}
    wanted = [claim for claim in published.CLAIMS if claim.name in (names or NAMES)]
    rng = numpy.random.default_rng(0)
    found = claims_judge.judge(studies, sources, "laptop", rng, permutations=199, wanted=wanted)
    assert [verdict.claim.name for verdict in found] == list(names or NAMES)
    return {verdict.claim.name: verdict for verdict in found}


def outcomes(verdicts):
    return {name: verdict.finding.outcome for name, verdict in verdicts.items()}


def lines(verdict):
    return [line for line in verdict.finding.evidence if line.outcome]


def long_run(*seeds, cell=GROKKING, **right):
    return frames([evaluation(cell, [run(cell, seed, **right) for seed in seeds])])[0]


def test_runs_that_do_as_claimed_replicate_the_first_four_claims(base):
    found = judge(base=base)
    assert outcomes(found) == dict.fromkeys(("C1", "C2", "C3", "C4"), REPLICATED) | {
        "C5": NOT_RUN,
        "C6": NOT_RUN,
        "C7": NOT_RUN,
        "C8": INCONCLUSIVE,
    }
    assert found["C1"].text == "replicated"
    assert (found["C1"].runs, found["C2"].runs, found["C3"].runs, found["C4"].runs) == (20, 60, 80, 80)
    assert found["C2"].protocol == "the paper's"
    assert found["C1"].sources == ("results/tables/base/runs.parquet",)


@pytest.mark.parametrize(
    ("right", "outcome"),
    [([4] * 15, REPLICATED), ([4] * 14, INCONCLUSIVE), ([4] * 6, INCONCLUSIVE), ([4] * 5, NOT_REPLICATED)],
)
def test_the_first_claim_goes_by_how_many_runs_have_all_four_right(base, right, outcome):
    runs = answering(base, "arithmetic", "n14", right + [3] * (20 - len(right)))
    verdict = judge("C1", base=runs)["C1"]
    assert verdict.finding.outcome == outcome
    (line,) = lines(verdict)
    assert (line.count, line.n) == (len(right), 20)


@pytest.mark.parametrize(
    ("size", "silent", "outcome"),
    [("n28", 15, REPLICATED), ("n28", 14, INCONCLUSIVE), ("mlt", 5, NOT_REPLICATED), ("n56", 0, NOT_REPLICATED)],
)
def test_the_second_claim_needs_every_size_to_answer_none(base, size, silent, outcome):
    """A run with one of the four right answers something."""
    runs = answering(base, "arithmetic", size, [0] * silent + [1] * (20 - silent))
    verdict = judge("C2", base=runs)["C2"]
    assert verdict.finding.outcome == outcome
    assert {line.label: line.count for line in lines(verdict)}[f"arithmetic {size}"] == silent
    if outcome == INCONCLUSIVE:
        assert verdict.finding.reason.startswith("needs ")
        assert verdict.finding.reason.endswith(f"of arithmetic {size}")


@pytest.mark.parametrize(
    ("size", "recall", "outcome"),
    [
        ("n14", 0.2, REPLICATED),
        ("n14", 0.22, NOT_REPLICATED),
        ("n28", 0.98, NOT_REPLICATED),
        ("mlt", 0.0, NOT_REPLICATED),
    ],
)
def test_the_third_claim_is_about_the_recall_of_each_size(base, size, recall, outcome):
    runs = changed(base, "facts", size, 20, final_facts_paper_prompts=recall)
    assert judge("C3", base=runs)["C3"].finding.outcome == outcome


def test_the_third_claim_goes_by_the_paper_s_prompts_with_the_matched_ones_beside(base):
    runs = changed(base, "facts", "n28", 20, final_facts_paper_prompts=0.96)
    verdict = judge("C3", base=runs)["C3"]
    assert verdict.finding.outcome == NOT_REPLICATED
    (beside,) = [line for line in verdict.finding.evidence if line.label == "facts n28" and "matched" in line.words]
    assert (beside.count, beside.outcome) == (20, "")


@pytest.mark.parametrize(("answered", "outcome"), [(5, REPLICATED), (6, INCONCLUSIVE), (15, NOT_REPLICATED)])
def test_the_fourth_claim_is_about_both_tasks_together(base, answered, outcome):
    runs = answering(base, "joint", "n14", [2] * answered)
    assert judge("C4", base=runs)["C4"].finding.outcome == outcome


def test_the_final_iterate_decides_and_the_paper_s_rule_stands_beside(base):
    runs = changed(base, "arithmetic", "n28", 20, paper_best_held_out=1.0)
    verdict = judge("C2", base=runs)["C2"]
    assert verdict.finding.outcome == REPLICATED
    (beside,) = [
        line for line in verdict.finding.evidence if line.label == "arithmetic n28" and "paper's rule" in line.words
    ]
    assert (beside.count, beside.n, beside.outcome) == (0, 20, "")


def test_runs_that_fit_stand_beside_and_all_runs_decide(base):
    runs = changed(base, "arithmetic", "n14", 12, fits_arithmetic=False)
    runs = answering(runs, "arithmetic", "n14", [0] * 12)
    verdict = judge("C1", base=runs)["C1"]
    assert verdict.finding.outcome == INCONCLUSIVE
    (fitted,) = [line for line in verdict.finding.evidence if "that fit" in line.words]
    assert (fitted.count, fitted.n, fitted.outcome) == (8, 8, "")


def test_a_diverged_run_is_counted_and_supports_nothing(base):
    runs = changed(base, "arithmetic", "n28", 9, diverged=True, final_held_out=numpy.nan, generalizes=False)
    verdict = judge("C2", base=runs)["C2"]
    assert verdict.finding.outcome == INCONCLUSIVE
    line = next(line for line in lines(verdict) if line.label == "arithmetic n28")
    assert (line.count, line.n, line.diverged) == (11, 20, 9)
    assert (verdict.runs, verdict.diverged) == (60, 9)


def test_one_run_of_each_size_is_inconclusive_and_asks_for_five_more(base):
    found = judge(base=first_seeds(base, 1))
    assert found["C1"].text == "inconclusive (needs 5 more runs of arithmetic n14)"
    assert found["C2"].text == (
        "inconclusive (needs 5 more runs each of arithmetic n28, arithmetic n56, arithmetic mlt)"
    )


def test_five_runs_of_mlt_are_one_short(base):
    verdict = judge("C2", base=first_seeds(base, 5, "mlt"))["C2"]
    assert verdict.text == "inconclusive (needs 1 more run of arithmetic mlt)"


def test_a_size_that_was_not_run_leaves_its_claim_open(base):
    found = judge(base=base[base["size"] != "mlt"].reset_index(drop=True))
    assert found["C2"].text == "inconclusive (not run: arithmetic mlt)"
    assert found["C1"].text == "replicated"


def test_a_size_that_refutes_does_so_whatever_was_not_run(base):
    runs = answering(base, "arithmetic", "n28", [4] * 20)
    runs = runs[runs["size"] != "mlt"].reset_index(drop=True)
    assert judge("C2", base=runs)["C2"].text == "not replicated"


def test_departures_are_marked_and_told(base):
    found = judge(base=retrained(base, laptop))
    assert found["C1"].text == "replicated†"
    assert found["C1"].protocol == "† departs from the paper's: arithmetic n14: iterations 3600 (paper: 30000)"
    assert found["C2"].protocol == (
        "† departs from the paper's: arithmetic n28, arithmetic n56: iterations 3600 (paper: 30000); arithmetic mlt: "
        "learning rate 0.001 (paper: 1e-05), batch 32 (paper: 882), iterations 800 (paper: 30000)"
    )
    assert found["C8"].text.startswith("inconclusive† (")
    assert "mlt" not in found["C8"].protocol
    assert found["C5"].text == "not run"


def test_variants_that_change_nothing_are_replicated(base, decayed):
    verdict = judge("C5", base=base, weight_decay=decayed)["C5"]
    assert verdict.text == "replicated"
    assert len(lines(verdict)) == 12
    assert verdict.runs == 480
    assert verdict.sources == ("results/tables/base/runs.parquet", "results/tables/weight-decay/runs.parquet")
    assert all("; equivalent (TOST" in line.note for line in lines(verdict))


def test_variants_alike_in_not_doing_as_claimed_change_nothing(base, decayed):
    both = [answering(runs, "arithmetic", "n28", [4] * 20) for runs in (base, decayed)]
    found = judge(base=both[0], weight_decay=both[1])
    assert found["C2"].finding.outcome == NOT_REPLICATED
    assert found["C5"].finding.outcome == REPLICATED


def test_a_decision_that_turns_around_is_a_change(base, decayed):
    verdict = judge("C5", base=base, weight_decay=answering(decayed, "joint", "n56", [1] * 20))["C5"]
    assert verdict.finding.outcome == NOT_REPLICATED
    line = next(line for line in lines(verdict) if line.label == "joint n56")
    assert line.estimate == -1.0
    assert line.adjusted_p_value == pytest.approx(min(1.0, 12 * line.p_value))
    assert "base 20 of 20 (replicated), wd 0 of 20 (not replicated)" in line.note


def test_shares_that_differ_are_a_change_though_one_is_undecided(base, decayed):
    """20 of 20 against 10 of 20: Fisher's p is 0.0004, and 0.005 after Holm over twelve."""
    verdict = judge("C5", base=base, weight_decay=answering(decayed, "joint", "n56", [1] * 10))["C5"]
    line = next(line for line in lines(verdict) if line.label == "joint n56")
    assert line.adjusted_p_value == pytest.approx(0.005, abs=0.001)
    assert verdict.finding.outcome == NOT_REPLICATED


def test_variants_with_few_runs_are_open(base, decayed):
    found = judge(base=first_seeds(base, 5, "mlt"), weight_decay=first_seeds(decayed, 5, "mlt"))
    assert found["C5"].text == "inconclusive (needs 1 more run each of arithmetic mlt, facts mlt, joint mlt)"


def test_variants_that_were_run_for_some_sizes_are_open(base, decayed):
    found = judge(base=base, weight_decay=decayed[decayed["size"] != "mlt"].reset_index(drop=True))
    assert found["C5"].text == "inconclusive (not run: arithmetic mlt, facts mlt, joint mlt)"
    assert found["C5"].command == ""


@pytest.mark.parametrize(("runs", "outcome"), [(1, INCONCLUSIVE), (5, INCONCLUSIVE), (6, REPLICATED)])
def test_the_long_run_of_mlt_is_counted(runs, outcome):
    verdict = judge("C6", grokking=long_run(*range(runs), held_out=0))["C6"]
    assert verdict.finding.outcome == outcome
    assert (verdict.protocol, verdict.runs) == ("the paper's", runs)


def test_a_long_run_that_groks_refutes():
    assert judge("C6", grokking=long_run(*range(6), held_out=4))["C6"].finding.outcome == NOT_REPLICATED
    passing = long_run(*range(6), held_out=0).assign(paper_best_held_out=1.0)
    assert judge("C6", grokking=passing)["C6"].finding.outcome == NOT_REPLICATED


def test_a_long_run_that_does_not_fit_says_nothing_for_the_claim():
    (line,) = lines(judge("C6", grokking=long_run(*range(6), seen=100, held_out=0))["C6"])
    assert (line.count, line.n) == (0, 6)


def test_a_shorter_long_run_is_marked():
    cell = make_cell("arithmetic", MLT, learning_rate=1e-6, iterations=1000)
    verdict = judge("C6", grokking=long_run(*range(6), cell=cell, held_out=0))["C6"]
    assert verdict.text == "replicated†"
    assert "iterations 1000 (paper: 1500000)" in verdict.protocol
    assert "learning rate" not in verdict.protocol.replace("final learning rate", "")


def test_the_long_run_is_that_of_the_paper_where_the_study_has_others():
    cell = make_cell("arithmetic", MLT, learning_rate=1e-3, iterations=1000)
    small = make_cell("arithmetic", type(MLT)(1, 1, 14, 1), iterations=1000)
    parts = [long_run(0, cell=each, held_out=4) for each in (cell, small)] + [long_run(*range(6), held_out=0)]
    verdict = judge("C6", grokking=pd.concat(parts, ignore_index=True))["C6"]
    assert (verdict.text, verdict.runs) == ("replicated", 6)


def test_the_best_constant_answer_beyond_digits_is_nineteen():
    """The 20 sums of 19, all with an operand above 9, and the difference 19 - 0; of 600 expressions."""
    assert operands.best_constant() == pytest.approx(21 / 600)


@pytest.mark.parametrize(
    ("share", "outcome", "constant"),
    [(21 / 600, REPLICATED, 20), (22 / 600, REPLICATED, 0), (111 / 600, REPLICATED, 0), (112 / 600, NOT_REPLICATED, 0)],
)
def test_operands_beyond_digits_are_held_against_a_constant_and_the_margin(base, share, outcome, constant):
    """21 of 600 are right by a constant answer, and 90 more are 15 %."""
    verdict = judge("C7", base=base.assign(**{operands.OPERANDS: share}))["C7"]
    assert verdict.finding.outcome == outcome
    assert verdict.runs == 80
    beside = [line for line in verdict.finding.evidence if "constant" in line.words]
    assert {(line.count, line.outcome) for line in beside} == {(constant, "")}


def test_operands_that_some_runs_were_not_asked_leave_the_claim_open(base):
    runs = base.assign(**{operands.OPERANDS: 0.0})
    runs.loc[at(runs, "arithmetic", "n56"), operands.OPERANDS] = numpy.nan
    verdict = judge("C7", base=runs)["C7"]
    assert verdict.text == "inconclusive (not run: arithmetic n56)"
    assert verdict.runs == 60


def test_what_was_not_run_names_the_command_that_runs_it(base):
    found = judge(base=base)
    assert {name for name, verdict in found.items() if verdict.command} == {"C5", "C6"}
    words = shlex.split(found["C6"].command)
    assert words[:4] == ["snakemake", "results/tables/claims.md", "--config", "budget=laptop"]
    key, _, value = words[4].partition("=")
    assert key == "budgets"
    assert yaml.safe_load(value) == {"laptop": {"run": ["base", "grokking"]}}


@pytest.mark.parametrize("studies", [{}, {"base": pd.DataFrame(), "grokking": pd.DataFrame()}, {"own": "base"}])
def test_without_the_paper_s_cells_every_claim_is_not_run(base, studies):
    """A study of one's own with the same cells has another name, and other conditions that it may depart in."""
    studies = {name: base.iloc[:0] if isinstance(runs, str) else runs for name, runs in studies.items()}
    found = judge(**studies)
    assert set(outcomes(found).values()) == {NOT_RUN}
    page = to_markdown(list(found.values()))
    assert page.count("**not run**") == 8
    assert "nan" not in page.lower()
    assert verdicts_frame(found.values())["n"].tolist() == [0] * 8


def table_rows(text):
    return [line for line in text.splitlines() if line.startswith("|")]


def test_the_page_gives_each_claim_its_verdict_rule_evidence_and_runs(base):
    runs = changed(retrained(base, laptop), "arithmetic", "n28", 2, diverged=True)
    found = judge(base=runs)
    page = to_markdown(list(found.values()))
    glance, *sections = page.split("\n## ")
    assert len(table_rows(glance)) == 2 + 8
    assert "| **replicated†** | 60 (2 diverged) |" in glance
    assert [section.split(":")[0] for section in sections] == NAMES
    for section, verdict in zip(sections, found.values(), strict=True):
        assert section.startswith(f"{verdict.claim.name}: {verdict.text}\n")
        assert verdict.claim.statement in section
        assert f"**Rule.** {verdict.finding.rule}" in section
        assert len(table_rows(section)) == 2 + len(verdict.finding.evidence)
        assert {line.count("|") for line in table_rows(section)} == {9}
    second = sections[1]
    assert (
        "| arithmetic n28 | no held-out expression right | 18 of 20 (2 diverged) | 0.900 [0.683, 0.988] | - | - "
        "| replicated |  |"
    ) in second
    assert "**Runs.** 60 (2 diverged), from `results/tables/base/runs.parquet`." in second
    assert "**Protocol.** † departs from the paper's: arithmetic n28, arithmetic n56: iterations 3600" in second
    assert f"To run it: `{found['C5'].command}`" in sections[4]


def test_the_frames_hold_what_the_page_says(base):
    found = judge(base=base)
    frame = verdicts_frame(found.values())
    assert frame["claim"].tolist() == NAMES
    assert frame["verdict"].tolist() == [verdict.text for verdict in found.values()]
    evidence = evidence_frame(found.values())
    assert len(evidence) == sum(len(verdict.finding.evidence) for verdict in found.values())
    row = evidence[(evidence["claim"] == "C1") & (evidence["outcome"] == REPLICATED)].iloc[0]
    assert (row["label"], row["count"], row["n"]) == ("arithmetic n14", 20, 20)
    assert row["low"] == pytest.approx(0.832, abs=5e-4)


def test_the_same_runs_give_the_same_page(base):
    pages = [to_markdown(list(judge(base=base).values())) for _ in range(2)]
    assert pages[0] == pages[1]


ABSENT = {ORDER_BITS: "float64", operands.OPERANDS: "float64"}


def test_the_stage_writes_verdicts_and_evidence(base, tmp_path):
    path = tmp_path / "base/runs.parquet"
    whole = first_seeds(base, 2).reindex(columns=[*base.columns, ORDER_BITS, operands.OPERANDS]).astype(ABSENT)
    write_frame(path, whole, provenance.record("tabulate", {}))
    run_command("claims", "--runs", path, "--budget", "paper", "--output", tmp_path)
    frame = read_frame(tmp_path / "claims.parquet")
    assert frame["claim"].tolist() == NAMES
    assert frame["sources"][0] == path.as_posix()
    assert frame["verdict"][0] == "inconclusive (needs 4 more runs of arithmetic n14)"
    assert "budget=paper" in frame["command"][4]
    with (tmp_path / "claims.csv").open(encoding="utf-8", newline="") as file:
        assert [row["verdict"] for row in csv.DictReader(file)] == frame["verdict"].tolist()
    evidence = read_frame(tmp_path / "claims_evidence.parquet")
    with (tmp_path / "claims_evidence.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(evidence)
    assert (tmp_path / "claims.md").read_text(encoding="utf-8").startswith("# Verdicts on the paper's claims\n")
    record = parquet.provenance_of(parquet.read_parquet(tmp_path / "claims.parquet"))
    assert (record["stage"], record["settings"]["budget"]) == ("claims", "paper")


def test_the_stage_runs_without_any_study(tmp_path):
    run_command("claims", "--runs", "--budget", "laptop", "--output", tmp_path)
    assert read_frame(tmp_path / "claims.parquet")["outcome"].tolist() == [NOT_RUN] * 8


def test_the_departures_of_handmade_cells_are_those_of_the_tables():
    """What the other tests rest on: a cell that is given another name says how it departs."""
    runs = retrained(as_claimed("base"), laptop)
    cell = make_cell("arithmetic", MLT, **laptop(make_cell("arithmetic", MLT)))
    mine = runs[at(runs, "arithmetic", "mlt")]
    assert mine["cell"].unique().tolist() == [cell.name]
    assert mine["departs"].unique().tolist() == [describe_departures(cell)]
