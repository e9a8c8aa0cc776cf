"""The rules by name. To add one, write its file beside this one, and list it here and in the configuration's rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from capacity.studies import (
    any_value,
    arms,
    capacity,
    difference,
    rate_or_size,
    rule_or_table,
    shares,
    size_or_depth,
    threshold,
    trend,
    two_speeds,
    typical,
    variance_components,
)
from capacity.studies.answer import Answer, Draws, StudyTables

Answering = Callable[[Mapping[str, Any], StudyTables, Draws], Answer]

RULES: Mapping[str, Answering] = {
    "shares": shares.answer,
    "difference": difference.answer,
    "trend": trend.answer,
    "threshold": threshold.answer,
    "any-value": any_value.answer,
    "size-or-depth": size_or_depth.answer,
    "rate-or-size": rate_or_size.answer,
    "rule-or-table": rule_or_table.answer,
    "two-speeds": two_speeds.answer,
    "capacity": capacity.answer,
    "typical": typical.answer,
    "arms": arms.answer,
    "variance-components": variance_components.answer,
}
"""The function of each of :data:`capacity.experiment.answers.RULES`."""
