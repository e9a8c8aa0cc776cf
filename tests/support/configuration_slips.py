"""Configurations with one key changed, and what is said of them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from capacity.errors import ConfigurationError
from capacity.experiment import configuration

DELETED = Ellipsis  # one that tests name alike in every process


def with_change(config: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of a configuration in which one key, given as a path with dots, is set or deleted."""
    result = copy.deepcopy(config)
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    inner: Any = result
    for part in way:
        inner = inner[part]
    if value is DELETED:
        del inner[last]
    else:
        inner[last] = value
    return result


def message(config: Any) -> str:
    """What a configuration that cannot be run is refused with."""
    with pytest.raises(ConfigurationError) as caught:
        configuration.validate(config)
    return str(caught.value)
