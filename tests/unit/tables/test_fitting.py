from __future__ import annotations

import math

import pandas as pd
import pytest

from capacity.tables.fitting import seen_fit


def runs(seen, loss, diverged=None):
    return pd.DataFrame(
        {"final_seen": seen, "final_stream_loss": loss, "diverged": diverged or [False] * len(seen), "other": 0.5}
    )


def test_the_mean_accuracy_counts_first_and_then_the_mean_loss():
    assert seen_fit(runs([1.0, 0.5], [0.25, 0.75]), ["final_seen"]) == (0.75, -0.5)
    assert seen_fit(runs([1.0], [9.0]), ["final_seen"]) > seen_fit(runs([0.9], [0.1]), ["final_seen"])
    assert seen_fit(runs([1.0], [0.1]), ["final_seen"]) > seen_fit(runs([1.0], [0.2]), ["final_seen"])


@pytest.mark.parametrize("loss", [math.nan, 0.1])
def test_a_diverged_run_has_nothing_right_and_an_endless_loss(loss):
    assert seen_fit(runs([1.0, 1.0], [0.5, loss], [False, True]), ["final_seen"]) == (0.5, -math.inf)


def test_several_accuracies_count_alike():
    assert seen_fit(runs([1.0], [0.5]), ["final_seen", "other"]) == (0.75, -0.5)
