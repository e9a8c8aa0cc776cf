from __future__ import annotations

from capacity.claims.page import to_markdown
from tests.support.handmade_studies import changed, laptop, retrained
from tests.support.handmade_verdicts import CLAIMS, judge


def table_rows(text):
    return [line for line in text.splitlines() if line.startswith("|")]


def test_the_page_gives_each_claim_its_verdict_rule_evidence_and_runs(base):
    runs = changed(retrained(base, laptop), "arithmetic", "n28", 2, diverged=True)
    found = judge(base=runs)
    page = to_markdown(list(found.values()))
    glance, *sections = page.split("\n## ")
    assert len(table_rows(glance)) == 2 + 8
    assert "| **replicated†** | 60 (2 diverged) |" in glance
    assert [section.split(":")[0] for section in sections] == CLAIMS
    for section, verdict in zip(sections, found.values(), strict=True):
        assert section.startswith(f"{verdict.claim.name}: {verdict.text}\n")
        assert verdict.claim.statement in section
        assert f"**Rule.** {verdict.conclusion.rule}" in section
        assert len(table_rows(section)) == 2 + len(verdict.conclusion.evidence)
        assert {line.count("|") for line in table_rows(section)} == {9}
    second = sections[1]
    assert (
        "| arithmetic n28 | no held-out expression right | 18 of 20 (2 diverged) | 0.900 [0.683, 0.988] | - | - "
        "| replicated |  |"
    ) in second
    assert "**Runs.** 60 (2 diverged), from `results/tables/base/runs.parquet`." in second
    assert "**Protocol.** † departs from the paper's: arithmetic n28, arithmetic n56: iterations 3600" in second
    assert f"To run it: `{found['C5'].command}`" in sections[4]


def test_the_same_runs_give_the_same_page(base):
    pages = [to_markdown(list(judge(base=base).values())) for _ in range(2)]
    assert pages[0] == pages[1]
