"""Studies of which a page of findings is made."""

from __future__ import annotations

import pytest

from capacity.statistics import intervals
from tests.support.handmade_findings import (
    base_evaluations,
    sources_of,
    study_of,
)


@pytest.fixture(scope="module", autouse=True)
def few_resamples():
    """What an interval is, is tested elsewhere; here only that it arrives."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(intervals, "RESAMPLES", 100)
        yield


@pytest.fixture(scope="session")
def base():
    return sources_of({"base": study_of(base_evaluations())})


@pytest.fixture(scope="session")
def empty():
    return sources_of({})
