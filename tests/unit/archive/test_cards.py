"""A card says what the tables say: its numbers are read from its text, and compared with ``summary.parquet``."""

from __future__ import annotations

import re

import pandas as pd
import pyarrow.parquet as pq
import pytest

from capacity.archive.cards import SHOWN, cards, number
from capacity.archive.executed_jobs import ExecutedJob
from capacity.dictionary.measures import OUTCOMES
from capacity.storage import code

STUDIES = ("base", "weight-decay")


@pytest.fixture(scope="module")
def summaries(made):
    return {study: pq.read_table(made / f"results/tables/{study}/summary.parquet").to_pandas() for study in STUDIES}


@pytest.fixture(scope="module")
def card(unpacked):
    return (unpacked / "cards/n14.md").read_text(encoding="utf-8")


def scores_of(card):
    """The numbers of a card by study, cell and measure: value, interval and runs as they are written."""
    found = {}
    for heading, body in re.findall(r"^### (\w+, study \S+)\n(.*?)(?=^###? )", card, re.MULTILINE | re.DOTALL):
        cell = re.search(r"Cell `([^`]+)`", body)[1]
        for line in re.findall(r"^\| `(.*) \|$", body, re.MULTILINE):
            measure, value, interval, runs = line.replace("`", "").split(" | ")
            found[heading.rpartition(" ")[2], cell, measure] = (value, interval, runs)
    return found


def expected_scores(summaries):
    expected = {}
    for study, summary in summaries.items():
        for row in summary.to_dict("records"):
            for name in SHOWN:
                if not pd.isna(row.get(f"{name}_mean")):
                    low, high = f"{row[f'{name}_low']:.4g}", f"{row[f'{name}_high']:.4g}"
                    value = f"{row[f'{name}_mean']:.4g}"
                    expected[study, row["cell"], name] = (value, f"[{low}, {high}]", str(row["n"]))
            for outcome in OUTCOMES:
                if not pd.isna(count := row[f"{outcome.name}_count"]):
                    low, high = f"{row[f'{outcome.name}_low']:.4g}", f"{row[f'{outcome.name}_high']:.4g}"
                    value = f"{row[f'{outcome.name}_share']:.4g}"
                    expected[study, row["cell"], outcome.name] = (
                        *(value, f"[{low}, {high}]"),
                        f"{int(count)} of {row['n']}",
                    )
    return expected


def test_the_numbers_of_a_card_are_those_of_the_tables(card, summaries):
    expected = expected_scores(summaries)
    assert {("base", "final_seen"), ("weight-decay", "generalizes")} <= {(study, name) for study, _, name in expected}
    assert scores_of(card) == expected


def test_there_is_a_card_for_each_size(unpacked, summaries):
    sizes = {size for summary in summaries.values() for size in summary["size"]}
    assert {path.stem for path in (unpacked / "cards").iterdir()} == sizes


def test_a_card_says_what_each_network_was_trained_on(card, summaries):
    for study, summary in summaries.items():
        for row in summary.to_dict("records"):
            line = f"| {study} | {row['task']} | `{row['task']}` | 57 | fixed | 6 | 8 | 0.01 | {row['weight_decay']} |"
            assert line in card
            assert f"`results/cells/{row['cell']}/seeds=*/weights.safetensors`: seeds {row['seeds']}" in card


def job(cell, source_digest):
    origin = {"cell": cell, "settings": {"task": "arithmetic"}, "source_digest": source_digest, "git_commit": "abc"}
    return ExecutedJob("train", (f"results/cells/{cell}/seeds=0/weights.safetensors",), (), origin)


def handmade(summaries, **changes):
    """A summary of one row, with some values changed."""
    row = summaries["base"].iloc[:1].copy()
    for name, value in changes.items():
        row[name] = value
    return row


def test_a_card_names_its_limits(summaries):
    row = handmade(summaries, n=1, diverged=1, departs="")
    cell = row["cell"].iloc[0]
    (card,) = cards({"one": row}, [job(cell, code.source_digest("train", "arithmetic"))]).values()
    assert "1 of 1 cells above has a single run" in card
    assert "1 run diverged" in card
    assert "departs from the paper's" not in card
    assert "1 job: the code of this archive (commit abc" in card


def test_a_card_says_if_other_code_has_trained(summaries):
    row = handmade(summaries)
    (card,) = cards({"one": row}, [job(row["cell"].iloc[0], "f" * 64)]).values()
    assert "other code than that of this archive (commit abc, digest ffffffffffffffff)" in card


def test_a_number_that_is_missing_is_a_dash():
    assert (number(float("nan")), number(0.7875), number(600.649612)) == ("-", "0.7875", "600.6")
