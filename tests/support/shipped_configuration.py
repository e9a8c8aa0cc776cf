"""What config.yaml says, whole or with some of its studies: each start of a configuration checks the cells of all."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from capacity.experiment.configuration_files import read_configuration
from tests.support.repository import REPOSITORY


@functools.cache
def shipped_configuration() -> Mapping[str, Any]:
    """What config.yaml says, read once; that it can be run is of other tests."""
    configuration: Mapping[str, Any] = read_configuration(REPOSITORY / "config.yaml")
    return configuration


def of_studies(*names: str) -> dict[str, Any]:
    """The shipped configuration without its other studies, which no budget runs then."""
    config = shipped_configuration()
    budgets = {
        budget: settings | {"run": [study for study in settings["run"] if study in names]}
        for budget, settings in config["budgets"].items()
    }
    return {**config, "studies": {name: config["studies"][name] for name in names}, "budgets": budgets}
