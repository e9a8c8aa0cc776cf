"""What the tests of this folder share."""

from tests.support.evaluation_fixtures import evaluated, lines, stack, totals

__all__ = ["evaluated", "lines", "stack", "totals"]
