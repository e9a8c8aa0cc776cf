from __future__ import annotations

import re
from dataclasses import replace

import jinja2
import pytest

from capacity.commands import findings
from capacity.findings.page import values
from capacity.findings.template import render
from capacity.tables.frames import write_frame
from capacity.tables.origins import identities, read_tables
from tests.support.commands import run_command
from tests.support.handmade_findings import (
    DATES,
    FIXED,
    JOINT,
    ORDER,
    PROMPTS,
    PROVENANCE,
    RUN,
    SPREAD,
    TEMPLATE,
    TRANSIENT,
    WHICH,
    arithmetic,
    at,
    changed_runs,
    changed_summary,
    generalizing,
    origin,
    page_of,
    put,
    reshuffled,
    sections,
)


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
        render(values(base, DATES), "{{ run.nosuch }}")


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
    about = {"versions": dict(sources.versions), "git_commit": sources.commit}
    arguments = []
    for kind in ("runs", "summary", "dynamics"):
        arguments.append(f"--{kind}")
        for name, study in sources.studies.items():
            path = folder / name / f"{kind}.parquet"
            write_frame(path, getattr(study, kind), {"runs": list(sources.origins)})
            arguments.append(str(path))
    origins, _ = read_tables({"runs": [folder / name / "runs.parquet" for name in sources.studies]})
    record = {"settings": {"budget": sources.budget, "tables": identities(origins)}} | about
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
