"""Fixtures of the tests of evaluations: random networks, what they are asked, and their evaluation."""

from __future__ import annotations

import pytest

from tests.support.random_evaluations import LINES, TOTALS, random_evaluation, random_networks


@pytest.fixture(scope="module")
def lines():
    return LINES


@pytest.fixture(scope="module")
def totals():
    return TOTALS


@pytest.fixture(scope="module")
def stack():
    return random_networks()


@pytest.fixture(scope="module")
def evaluated():
    return random_evaluation()
