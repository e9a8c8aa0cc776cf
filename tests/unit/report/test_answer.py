"""The answer that the report opens on: its sentences say what the tables say."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from capacity.claims.evidence import Kind
from capacity.claims.outcomes import Outcome
from capacity.report.answer import TEMPLATE, answer_page, sentences
from tests.support import colour_vision

COUNTS = pd.array([8, 17, 19, pd.NA, 20], dtype="Int64")
EVIDENCE = pd.DataFrame(
    {
        "claim": ["C1", "C2", "C2", "C3", "C7"],
        "kind": [Kind.SHARE] * 5,
        "label": ["arithmetic n14", "arithmetic n28", "arithmetic n56", "facts n14", "arithmetic n14"],
        "description": ["all right", "none right", "none right", "few recalled", "few right beyond digits"],
        "outcome": ["depends on the seed", "replicated", "replicated", "not run", "replicated"],
        "n": [20, 20, 20, 0, 20],
        "count": COUNTS,
    }
)
REPLICATION = pd.DataFrame({"cell": ["a", "b", ""], "departs": ["", "iterations 6", ""], "n": [20, 1500, 0]})


def claim(name, outcome, statement="It is so.", departs=False):
    return {"claim": name, "outcome": outcome.value, "statement": statement, "departs": departs}


def test_the_sentences_say_what_the_tables_say():
    claims = [claim("C1", Outcome.DEPENDS_ON_SEED), claim("C2", Outcome.REPLICATED), claim("C7", Outcome.REPLICATED)]
    tally, sizes, rests = sentences(claims, EVIDENCE, REPLICATION, "laptop")
    assert tally == "Of the paper's 3 claims, 2 are replicated (C2, C7) and 1 depends on the seed (C1)."
    assert "all right: arithmetic n14 in 8 of 20 runs; none right: arithmetic n28 in 17 of 20 runs and " in sizes
    assert "facts" not in sizes
    assert "beyond digits" not in sizes
    assert rests == (
        "This rests on 2 of the paper's 3 cells with 1,520 runs, under the budget laptop; 1 of these cells follows "
        "the paper's protocol to the letter."
    )


def test_where_nothing_was_run_the_sentences_say_so():
    claims = [claim("C1", Outcome.NOT_RUN), claim("C2", Outcome.NOT_RUN)]
    tally, sizes, rests = sentences(claims, EVIDENCE.iloc[3:4], REPLICATION.iloc[2:], "quick")
    assert tally == "Of the paper's 2 claims, 2 were not run (C1, C2)."
    assert sizes.startswith("No run here is one of the cells")
    assert "0 of the paper's 1 cells with 0 runs" in rests


@pytest.mark.parametrize("outcome", Outcome)
def test_each_verdict_has_its_words_beside_its_colour(outcome):
    claims = pd.DataFrame([claim("C1", outcome, "a < b </script>", departs=True)])
    text = answer_page(claims, EVIDENCE, REPLICATION, "laptop", b"<svg/>")
    assert f" {outcome}†</span> <span>a &lt; b &lt;/script&gt;</span>" in text
    assert "data:image/svg+xml;base64,PHN2Zy8+" in text
    assert "Runs that depart" in text


def test_without_a_study_there_is_no_figure():
    claims = pd.DataFrame([claim("C1", Outcome.NOT_RUN)])
    text = answer_page(claims, EVIDENCE.iloc[:0], REPLICATION, "laptop", None)
    assert "<img" not in text
    assert "†" not in text


BACKGROUNDS = re.findall(
    r"^\.answer \.(?:verdict|[a-z-]+) \{.*background: (#[0-9a-f]{6})", TEMPLATE.read_text("utf-8"), re.M
)


@pytest.mark.parametrize("vision", colour_vision.VISIONS)
def test_verdicts_are_told_apart_with_every_kind_of_colour_vision(vision):
    assert len(BACKGROUNDS) == len(Outcome)
    distance, *pair = colour_vision.nearest(BACKGROUNDS, vision)
    assert distance > 15, pair


def test_verdicts_are_read_on_their_colours():
    assert [colour for colour in BACKGROUNDS if colour_vision.contrast(colour, "#ffffff") < 4.5] == []
