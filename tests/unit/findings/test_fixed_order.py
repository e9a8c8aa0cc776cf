from __future__ import annotations

from capacity.experiment.cell import make_cell
from capacity.paper.protocol import SIZES
from tests.support.handmade_findings import (
    FIXED,
    SPREAD,
    arithmetic,
    lines_of,
    page_of,
    reshuffled,
    row_of,
    sections,
    sources_of,
    study_of,
)
from tests.support.handmade_results import evaluation, run


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
