"""The configuration: where it is read, what is checked across its keys, and what it says about one size."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from capacity.errors import ConfigurationError
from capacity.experiment.checks import check_name, check_shape
from capacity.experiment.configuration_files import read_configuration
from capacity.experiment.grid import Config, Study, seed_ranges, studies
from capacity.experiment.schema import check_keys
from capacity.paper import protocol
from capacity.paper.protocol import Size
from capacity.tasks.registry import TASKS

NEWEST = Path("results/configuration.json")
"""The whole configuration of the newest run of the workflow in a folder, whatever its command line said."""


def main_configuration(root: Path, budget: str | None = None) -> dict[str, Any]:
    """Return the checked configuration in ``config.yaml`` of a folder.

    Args:
        root: the folder.
        budget: replaces that of the file, if it is given.

    Raises ConfigurationError if the configuration, with this budget, cannot be run.
    """
    return _checked(read_configuration(root / "config.yaml"), budget)


def newest_configuration(root: Path, budget: str | None = None) -> dict[str, Any]:
    """Return the configuration of the newest run in a folder, or :func:`main_configuration` if nothing was run."""
    path = root / NEWEST
    if not path.exists():
        return main_configuration(root, budget)
    return _checked(read_configuration(path), budget)


def _checked(config: dict[str, Any], budget: str | None) -> dict[str, Any]:
    if budget is not None:
        config["budget"] = budget
    validate(config)
    return config


def validate(config: Config) -> dict[str, Study]:
    """Check a configuration, first each key and then across keys, and return its studies.

    Raises ConfigurationError for the first thing that is wrong.
    """
    check_keys(config)
    for name, shape in config["sizes"].items():
        _check_size(name, Size(**shape))
    check_name(config["budget"], config["budgets"], "budget")
    for key in ("threads", "precision"):
        _check_by_size(key, config)
    for budget, settings in config["budgets"].items():
        for study in settings["run"]:
            check_name(study, config["studies"], f"budgets.{budget}.run")
        for number, entry in enumerate(settings["cells"]):
            key = f"budgets.{budget}.cells[{number}]"
            _check_where(entry.get("where", {}), f"{key}.where", config)
            if "seeds" in entry:
                seed_ranges(entry["seeds"], f"{key}.seeds")
            elif "set" not in entry:
                raise ConfigurationError(f"{key}: {entry!r} decides nothing; give it set, seeds or both")
        for number, where in enumerate(settings.get("leave_out", ())):
            _check_where(where, f"budgets.{budget}.leave_out[{number}]", config)
    every, budget = studies(config), config["budget"]
    for study in config["budgets"][budget]["run"]:
        if study not in every:
            raise ConfigurationError(
                f"budgets.{budget}.leave_out: it leaves out all cells of the study {study!r}, which is in "
                f"budgets.{budget}.run; remove it from one of them"
            )
    return every


def threads(config: Config, size: Size) -> int:
    """Return the number of CPU threads of a job that trains a size."""
    return int(_by_size("threads", config, size))


def execution_options(config: Config, size: Size) -> str:
    """Return the options of the command ``train`` that say how updates of a size are carried out."""
    options = ["--precision", str(_by_size("precision", config, size))]
    options += ["--kernel", config["kernel"]] * (config["kernel"] != "auto")
    options += ["--compile"] * config["compile"] + ["--cuda-graph"] * config["cuda_graph"]
    return " ".join(options)


def snapshot_options(config: Config) -> str:
    """Return the options of the command ``train`` that say when it saves snapshots."""
    return " ".join(f"--snapshot-{name} {config['snapshots'][name]}" for name in ("seconds", "updates"))


def _check_where(where: Mapping[str, Any], key: str, config: Config) -> None:
    """Raise ConfigurationError if a pattern of cells names a study, a task or a size that does not exist."""
    for study in where.get("study", ()):
        check_name(study, config["studies"], f"{key}.study")
    for place, task in enumerate(where.get("task", ())):
        check_name(task, TASKS, f"{key}.task[{place}]")
    for size in where.get("size", ()):
        check_name(size, config["sizes"], f"{key}.size")


def _by_size(key: str, config: Config, size: Size) -> Any:
    """Return the value of a key for a size: by its shape, whatever its name, or else the default."""
    by_name = config[key].get("sizes", {})
    by_shape = {Size(**config["sizes"][name]): value for name, value in by_name.items()}
    return by_shape.get(size, config[key]["default"])


def _check_by_size(key: str, config: Config) -> None:
    """Raise ConfigurationError if a key gives a size that does not exist, or one shape two values by two names."""
    by_shape: dict[Size, tuple[str, Any]] = {}
    for name, value in config[key].get("sizes", {}).items():
        check_name(name, config["sizes"], f"{key}.sizes")
        other, chosen = by_shape.setdefault(Size(**config["sizes"][name]), (name, value))
        if chosen != value:
            raise ConfigurationError(
                f"{key}.sizes.{name}: {value!r}, but {other} has the same shape and {chosen!r}; give both the same"
            )


def _check_size(name: str, size: Size) -> None:
    """Raise ConfigurationError if a size cannot be, or has a name that stands for another shape."""
    check_shape(size, f"sizes.{name}")
    reserved = protocol.SIZES.get(name)
    if reserved is None:
        try:
            reserved = Size.parse(name)
        except ValueError:
            return
    if size != reserved:
        raise ConfigurationError(
            f"sizes.{name}: {size} is not the shape that this name stands for, {reserved}; choose another name"
        )
