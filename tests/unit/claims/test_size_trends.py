from __future__ import annotations

from capacity.claims.arms import Arm, published_arms
from capacity.claims.size_trends import split_by_recipe
from tests.support.handmade_studies import SMALL, retrained
from tests.support.handmade_tradeoffs import (
    only,
)


def kept_and_left_out(runs):
    found = [Arm("facts", name, "base", of, "") for name, of in runs.groupby("size")]
    kept, left_out = split_by_recipe(found)
    return [group.size for group in kept], [group.size for group in left_out]


def test_the_mlt_of_the_paper_enters_as_the_paper_has_it(base):
    kept, left_out = split_by_recipe(
        group for key, group in published_arms({"base": base}).items() if key[0] == "facts" and key[2] == "base"
    )
    assert ([group.size for group in kept], left_out) == (["n14", "n28", "n56", "mlt"], [])


def test_sizes_with_literally_the_same_settings_share_a_recipe(base):
    """MLT without decay and with a tenth of dropout departs from the paper in more than the others, to be as they."""
    same = {"learning_rate": 1e-3, "weight_decay": 0.0, "dropout": 0.1}
    facts = only(base, "facts")
    assert kept_and_left_out(retrained(facts, lambda cell: same)) == ([*SMALL, "mlt"], [])
    odd = retrained(facts, lambda cell: same | ({"batch": 3} if cell.size.name == "n28" else {}))
    assert kept_and_left_out(odd) == (["n14", "n56", "mlt"], ["n28"])
