"""The answer of a study in the configuration: which rules there are, and what each may name.

A rule turns the table of runs into an answer; :mod:`capacity.studies` computes it. Here is what can be checked before
a job starts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from capacity.dictionary.study_measures import MEASURES
from capacity.errors import ConfigurationError
from capacity.experiment import axes
from capacity.experiment.cell import PARSERS, Cell
from capacity.experiment.checks import check_measured, check_name
from capacity.experiment.splits import normalise_pairs
from capacity.paper.protocol import Size

OF_RUNS = tuple(name for name, measure in MEASURES.items() if measure.table == "runs")
"""The measures of which every run has a value; a time is none where the run ends before the event."""

OUTCOMES = tuple(name for name, measure in MEASURES.items() if measure.is_outcome)


OF_SIZE = ("parameters", *axes.SHAPE)
"""The axes that say how large a network is."""

BITS = tuple(name for name in OF_RUNS if name.endswith("bits"))
"""The measures that are bits of a run."""


@dataclass(frozen=True)
class Rule:
    """What a rule takes in the configuration.

    Attributes:
        required, optional: the options that must and that may be given.
        measures: those that the option ``measure`` may name.
        measure: the default of that option.
        tables: the tables that it reads beside that of the runs.
    """

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    measures: tuple[str, ...] = OF_RUNS
    measure: str | None = None
    tables: tuple[str, ...] = ()

    @property
    def options(self) -> tuple[str, ...]:
        """Every option."""
        return (*self.required, *self.optional)


RULES: Mapping[str, Rule] = {
    "shares": Rule(("measure",), ("by",), OUTCOMES),
    "difference": Rule(("between", "measure"), ("by",)),
    "trend": Rule(("along", "measure"), ("by",)),
    "threshold": Rule(("along", "measure"), ("by",), OUTCOMES),
    "any-value": Rule(("along", "measure"), ("by",), OUTCOMES),
    "size-or-depth": Rule(optional=("measure",), measures=("held-out", "all-right"), measure="held-out"),
    "rate-or-size": Rule(("large",), ("primary",), tables=("dynamics", "history")),
    "rule-or-table": Rule(optional=("by",)),
    "two-speeds": Rule(("between", "along"), ("by",), tables=("dynamics",)),
    "capacity": Rule(("over",), ("measure", "by"), BITS, "bits"),
    "typical": Rule(("value", "measure"), ("by",)),
    "arms": Rule(("reference", "measure"), ("arms", "by")),
    "variance-components": Rule(("factors", "measure"), ("by",)),
}
"""Every rule by its name; :data:`capacity.studies.registry.RULES` has the functions."""


class UnfitRuleError(ConfigurationError):
    """The cells of a study do not have what a rule reads."""


def study_answer(
    settings: Mapping[str, Any] | None, cells: Sequence[Cell], config: Mapping[str, Any], key: str
) -> dict[str, Any] | None:
    """Return the answer of a study as :func:`check_answer` does; None without one.

    An answer with ``optional: true`` is left out where the cells do not have what its rule reads, as are those of
    grids that somebody has replaced. Raises ConfigurationError by the key that is wrong.
    """
    if settings is None:
        return None
    named = {option: value for option, value in settings.items() if option != "optional"}
    try:
        return check_answer(named, cells, config, key)
    except UnfitRuleError:
        if settings.get("optional", False):
            return None
        raise


def check_answer(
    answer: Mapping[str, Any], cells: Sequence[Cell], config: Mapping[str, Any], key: str
) -> dict[str, Any]:
    """Check the answer of a study against its cells, and return it with every option written out.

    Args:
        answer: as the configuration has it, its keys checked by the schema.
        cells: every cell of the study, those that the budget leaves out included.
        config: the configuration, whose sizes the answer may name.
        key: of the answer in the configuration, for messages.

    Sizes are returned by the names that tables have, and the option ``by``, if it is left out, as every other axis that
    varies. Raises ConfigurationError by the key that is wrong, and UnfitRuleError if the cells do not have what the
    rule reads.
    """
    check_name(answer["rule"], RULES, f"{key}.rule")
    rule = RULES[answer["rule"]]
    for option in (name for name in answer if name != "rule"):
        check_name(option, rule.options, f"{key}.{option}")
    for option in rule.required:
        if option not in answer:
            raise ConfigurationError(
                f"{key}.{option}: is missing; the rule {answer['rule']!r} needs {' and '.join(rule.required)}"
            )
    checked = dict(answer)
    if "measure" in rule.options:
        checked["measure"] = answer.get("measure", rule.measure)
        _check_measure(checked["measure"], rule, cells, f"{key}.measure")
    if "between" in answer:
        (axis, values) = next(iter(answer["between"].items()))
        check_name(axis, [name for name in axes.LABELS if name != "parameters"], f"{key}.between")
        present = {_value(cell, axis): None for cell in cells}
        arms = [_as_in_tables(axis, value, config) for value in values]
        for value, arm in zip(values, arms, strict=True):
            _check_arm(arm, value, present, f"{key}.between.{axis}")
        if arms[0] == arms[1]:
            raise ConfigurationError(f"{key}.between.{axis}: {values!r} are the same; give two values that differ")
        checked["between"] = {axis: arms}
    if "value" in answer:
        (axis, value) = next(iter(answer["value"].items()))
        check_name(axis, [name for name in axes.LABELS if name != "parameters"], f"{key}.value")
        checked["value"] = {axis: _checked_value(axis, value, cells, config, f"{key}.value.{axis}")}
    if "along" in answer:
        check_name(answer["along"], axes.NUMERIC, f"{key}.along")
        _check_varies(answer["along"], cells, f"{key}.along")
    if "over" in answer:
        check_name(answer["over"], [axis for axis in axes.NUMERIC if axis not in OF_SIZE], f"{key}.over")
        _check_varies(answer["over"], cells, f"{key}.over")
        _check_varies("size", cells, f"{key}.rule")
    for factor in answer.get("factors", ()):
        check_name(factor, [*axes.LABELS, "seed"], f"{key}.factors")
    if "large" in answer:
        check_name(answer["large"], config["sizes"], f"{key}.large")
        checked["large"] = Size(**config["sizes"][answer["large"]]).name
        _check_arm(checked["large"], answer["large"], {cell.size.name: None for cell in cells}, f"{key}.large")
        _check_varies("size", cells, f"{key}.large")
    if "primary" in answer:
        checked["primary"] = _check_primary(answer["primary"], cells, config, f"{key}.primary")
    if "reference" in answer:
        checked |= _check_reference(answer, cells, config, key)
    if answer["rule"] == "size-or-depth":
        for axis in ("layers", "width"):
            _check_varies(axis, cells, f"{key}.rule")
    if "by" in rule.options and "reference" not in answer:
        apart = [
            *([checked["along"]] if "along" in checked else []),
            *checked.get("between", {}),
            *checked.get("value", {}),
        ]
        apart += answer.get("factors", ())
        if "over" in answer:
            apart = ["parameters", answer["over"]]
        others = axes.all_varying(cells, apart[0] if apart else "")
        named = answer.get("by", [axis for axis in others if axis not in apart])
        checked["by"] = [named] if isinstance(named, str) else list(named)
        for axis in checked["by"]:
            check_name(axis, [name for name in axes.LABELS if name not in apart], f"{key}.by")
    return checked


def _check_measure(name: str, rule: Rule, cells: Sequence[Cell], key: str) -> None:
    """Raise ConfigurationError if a rule does not take a measure, or no cell has it."""
    check_name(name, rule.measures, key)
    try:
        check_measured(name, rule.measures, cells, key)
    except ConfigurationError as error:
        raise UnfitRuleError(str(error)) from error


def _check_primary(
    named: Mapping[str, Any], cells: Sequence[Cell], config: Mapping[str, Any], key: str
) -> dict[str, Any]:
    """Return the values of axes that name a recipe, as in tables. Raises ConfigurationError if no cell has one."""
    checked = {}
    for axis, value in named.items():
        check_name(axis, [name for name in PARSERS if name not in ("learning_rate", "final_learning_rate")], key)
        checked[axis] = _checked_value(axis, value, cells, config, f"{key}.{axis}")
    return checked


def _check_reference(
    answer: Mapping[str, Any], cells: Sequence[Cell], config: Mapping[str, Any], key: str
) -> dict[str, Any]:
    """Return the reference, the axes that tell arms apart, and those of groups: of the size, unless they are named.

    Raises ConfigurationError by the key that is wrong, also where the reference is more than one arm.
    """
    varying = axes.all_varying(cells)
    named = answer.get("by", [axis for axis in varying if axis in ("size", *axes.SHAPE)])
    by = [named] if isinstance(named, str) else list(named)
    arms = list(answer.get("arms", [axis for axis in varying if axis not in by]))
    for option, listed in (("by", by), ("arms", arms), ("reference", list(answer["reference"]))):
        for axis in listed:
            check_name(axis, [name for name in axes.LABELS if option == "by" or name not in by], f"{key}.{option}")
    reference = {
        axis: _checked_value(axis, value, cells, config, f"{key}.reference.{axis}")
        for axis, value in answer["reference"].items()
    }
    alike = [cell for cell in cells if all(_value(cell, axis) == value for axis, value in reference.items())]
    several = [axis for axis in arms if len({_value(cell, axis) for cell in alike}) > 1]
    if several:
        raise ConfigurationError(
            f"{key}.reference: it is several arms, which differ in {several[0]}; name its value too"
        )
    if not alike:
        raise ConfigurationError(f"{key}.reference: no cell of the study's grids has all of these values")
    return {"reference": reference, "arms": list(dict.fromkeys([*arms, *reference])), "by": by}


def _checked_value(axis: str, value: Any, cells: Sequence[Cell], config: Mapping[str, Any], key: str) -> Any:
    """Return a value of an axis as tables have it. Raises UnfitRuleError if no cell of the study has it."""
    arm = _as_in_tables(axis, value, config)
    _check_arm(arm, value, {_value(cell, axis): None for cell in cells}, key)
    return arm


def _check_arm(arm: Any, value: Any, present: Mapping[Any, Any], key: str) -> None:
    """Raise UnfitRuleError if no cell of the study has a value."""
    if arm not in present:
        there = ", ".join(str(each) for each in present)
        raise UnfitRuleError(f"{key}: {value!r} is not in the study's grids, which have {there}; add it to a grid")


def _check_varies(axis: str, cells: Sequence[Cell], key: str) -> None:
    """Raise UnfitRuleError if an axis has fewer than two values among the cells of the study."""
    if axis != "parameters" and len({_value(cell, axis) for cell in cells}) < 2:
        raise UnfitRuleError(f"{key}: {axis} does not vary in the study's grids; give them two values of it or more")


def _value(cell: Cell, axis: str) -> Any:
    """Return the value of an axis of a cell as tables have it."""
    return axes.in_tables(axis, axes.value(cell, axis))


def _as_in_tables(axis: str, value: Any, config: Mapping[str, Any]) -> Any:
    """Return a value of the configuration as tables have it; one that cannot be is returned as it is."""
    try:
        if axis == "size":
            return Size(**config["sizes"][value]).name
        if axis == "held_out":
            return axes.in_tables(axis, normalise_pairs(value))
        if axis in axes.UNSET and isinstance(value, int):
            return axes.in_tables(axis, value)
    except (KeyError, TypeError, ValueError):
        return repr(value)
    return value if isinstance(value, str | int | float) else repr(value)
