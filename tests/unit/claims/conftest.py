"""Studies in which the paper is right to the letter; take a copy to change one."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.support.handmade_studies import as_claimed


@pytest.fixture(scope="session")
def base() -> pd.DataFrame:
    """Twenty runs of every base cell."""
    return as_claimed("base")


@pytest.fixture(scope="session")
def decayed() -> pd.DataFrame:
    """Twenty runs of every cell with weight decay."""
    return as_claimed("wd")
