from __future__ import annotations

from dataclasses import replace

import pytest

from capacity.claims.evidence import Kind
from capacity.paper import published
from tests.support.handmade_findings import (
    ORDER,
    arithmetic,
    page_of,
    put,
    row_of,
    sections,
    sources_of,
    study_of,
)


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
    tested = (base.evidence["kind"] == Kind.TREND) & (base.evidence["measure"] == "order_bits")
    text = page_of(replace(base, evidence=put(base.evidence, tested, p_value=0.0123, adjusted_p_value=adjusted)))
    assert f"{said}, at 0.05 after Holm: one-sided permutation p = 0.012, after Holm {adjusted:.2g}" in text


def test_a_trend_that_was_not_tested_is_not_claimed():
    text = page_of(sources_of({"base": study_of([arithmetic("n14")])}))
    assert "Whether order bits rise with size was not tested" in text
    assert "rise with size, at" not in text
