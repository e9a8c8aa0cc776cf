"""Configurations made at random, and what becomes of them: each is refused with a message, or runs as far as it says.

Most are nearly right: ordinary values with some at the edges of what is accepted, and now and then one that is beyond
them or of another kind. Of some, the text of the file is damaged afterwards.
"""

from __future__ import annotations

import json
import math
import random
import shlex
import signal
import struct
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import yaml

from capacity.commands import draw_measures, train
from capacity.dictionary.study_measures import MEASURES
from capacity.errors import LONGEST_MESSAGE, MOST_LINES, InputError
from capacity.experiment.answers import RULES
from capacity.experiment.axes import LABELS
from capacity.experiment.cell import parse_cell
from capacity.experiment.checks import BOUNDS, check_named_cell
from capacity.experiment.configuration_files import read_configuration
from capacity.experiment.plan import figure_paths, own_figure_paths
from capacity.experiment.seeds import format_seeds, parse_seeds
from capacity.experiment.study_figures import KINDS, ROLES
from capacity.experiment.workflow import Workflow
from capacity.paper.protocol import FACT_KINDS
from tests.support.commands import run_command

SECONDS = 20
"""After which a configuration counts as one that hangs; it is for machines that do much else."""
SAMPLE = 12
"""Cells and tables of each accepted configuration that are examined."""

SHAPE = ("layers", "heads", "width", "mlp_factor")
FLOATS = ("learning_rate", "final_learning_rate", "weight_decay", "dropout", "held_out_fraction", "arithmetic_share")
EDGES_OF_FLOATS = (
    *(0.1 * 0.1, 0.1 + 0.2, 1 / 3, -0.0, 0.0, 0, 1, 5e-324, 1e-300, 1e-12, 1.0e-5, 0.999, 0.9999999999999999),
    *(math.nextafter(1, 2), 0.1, 10, math.nextafter(10, 11), 100.0, 100.00000000000001, 2.2250738585072014e-308),
    *(float("nan"), float("inf"), 123456789.123456789, 1e16, 0.30000000000000004, 0.010000000000000002),
)
STRANGE: tuple[Any, ...] = (
    *(None, True, "", "1e-5", "0-9", [], {}, [[]], -1, 2**32, 10**18, 10**300, 10**5000, 1.5, float("nan")),
    *("a\x1b[31mb", "\u202egnp", "\ud800", "x" * 5000, [1, 1], {"a": {"b": 1}}, "a\nb", "../up", "{size}"),
)


def _chain(link: str) -> str:
    """Return YAML of which each of nine lines refers nine times to the line before."""
    lines = [link.format(before="x", here=0)]
    lines += [link.format(before=",".join([f"*a{number}"] * 9), here=number + 1) for number in range(9)]
    return "\n".join(lines) + "\n"


DAMAGES: tuple[Callable[[random.Random, str], str], ...] = (
    lambda draw, text: text[: draw.randrange(len(text))],
    lambda draw, text: _inserted(draw, text, draw.choice("\t\x07{}[]:#&*!|>'\"%@`,-?\ufeff\u2028é")),
    lambda draw, text: "".join(line * draw.choice((1,) * 30 + (2,)) for line in text.splitlines(keepends=True)),
    lambda draw, text: text.replace("\n", "\r\n"),
    lambda draw, text: text + "\nstudies: {}\n",
    lambda draw, text: f"{text}\nextra: {draw.choice(('[' * 3000, '{' * 3000, '- ' * 3000, '9' * 5000))}\n",
    lambda draw, text: (
        f"{text}\nextra: {draw.choice(('2001-99-99', '!!int x', '!!bool x', '0b_', '<<', '=', '.inf'))}\n"
    ),
    lambda draw, text: f"{text}\n{_chain('a{here}: &a{here} [{before}]')}",
    lambda draw, text: f"{text}\n{_chain('a{here}: &a{here} {{<<: [{before}], z{here}: 1}}').replace('[x]', '{}')}",
    lambda draw, text: text + "\nloop: &loop [*loop]\n",
    lambda draw, text: text.replace("studies", "\x00studies"),
    lambda draw, text: draw.choice(("", "[]", "null", "1", '"x"', "{", "---\n---\n", "a: b: c", "\\")),
)
"""Ways to damage the text of a file, each of a draw and a text that is not empty."""


@dataclass(frozen=True)
class Outcome:
    """What became of a configuration.

    Attributes:
        kind: ``accepted``, ``refused``, or what must not be: ``hung``, ``traceback``, ``accepted and then refused``,
            ``bad message``.
        said: the message, if any.
        seconds: that it took.
        cells: number of cells, if it was accepted.
    """

    kind: str
    said: str
    seconds: float
    cells: int = 0


class HungError(BaseException):
    """A configuration took too long."""


def make_text(seed: int, number: int) -> tuple[str, str]:
    """Return the text of a configuration, and the suffix of its file: a function of the seed and the number alone."""
    draw = random.Random(f"{seed}:{number}")
    config = _configuration(draw)
    if draw.random() < 0.25:
        _spoil(draw, config)
    if draw.random() < 0.2:
        try:
            return json.dumps(config), ".json"
        except ValueError:
            return "{", ".json"
    text = _as_yaml(config)
    if draw.random() < 0.2:
        text = draw.choice(DAMAGES)(draw, text)
    return text, ".yaml"


def judge(text: str, suffix: str, folder: Path) -> Outcome:
    """Read, check and plan a configuration, and ask of its plan what the rules and their commands do."""
    path = folder / f"config{suffix}"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    start = time.perf_counter()
    try:
        with _limited(SECONDS):
            flow = Workflow(read_configuration(path), folder / "cells", folder / "configuration.json")
    except InputError as error:
        seconds = time.perf_counter() - start
        is_shown = all(character.isprintable() or character == "\n" for character in str(error))
        fits = len(str(error)) < 1.1 * LONGEST_MESSAGE and str(error).count("\n") < MOST_LINES
        kind = "refused" if is_shown and fits else "bad message"
        return Outcome(kind, str(error), seconds)
    except HungError:
        return Outcome("hung", "while it was planned", SECONDS)
    except Exception as error:  # whatever it is, a user would see a traceback
        return Outcome("traceback", repr(error), time.perf_counter() - start)
    seconds = time.perf_counter() - start
    cells = len(flow.plan.cells)
    try:
        with _limited(3 * SECONDS):
            _use(flow, folder, random.Random(text))
    except (InputError, SystemExit, AssertionError) as error:
        return Outcome("accepted and then refused", repr(error), seconds, cells)
    except HungError:
        return Outcome("hung", "after it was planned", seconds, cells)
    except Exception as error:
        return Outcome("traceback", f"after it was planned: {error!r}", seconds, cells)
    return Outcome("accepted", "", seconds, cells)


def _use(flow: Workflow, folder: Path, draw: random.Random) -> None:
    """Ask for some of the jobs of a plan what the rules ask, and give it to the commands.

    Raises an error where something that was accepted is refused.
    """
    flow.write_note()
    assert read_configuration(folder / "configuration.json") == flow.config
    parser = ArgumentParser()
    train.add_arguments(parser)
    names = sorted(flow.plan.cells)
    for name in draw.sample(names, min(SAMPLE, len(names))):
        cell = flow.plan.cells[name]
        assert parse_cell(name) == cell
        check_named_cell(parse_cell(name))
        for seeds in flow.plan.jobs[name]:
            text = format_seeds(seeds)
            assert parse_seeds(text) == seeds
            assert len(f"{name}/seeds={text}") <= 255  # SLURM's logs have both in one folder
        job = SimpleNamespace(cell=name, seeds=text)
        numbers = [flow.work(job), flow.training_mb(job, 1), flow.training_minutes(job, 1), flow.threads(job)]
        numbers += [flow.evaluation_mb(job, 2), flow.evaluation_minutes(job, 2)]
        assert all(isinstance(number, int) and number >= 0 for number in numbers)
        options = shlex.split(f"{flow.execution_options(job)} {flow.snapshot_options(job, [])}")
        words = [
            name,
            "--seeds",
            text,
            "--threads",
            str(flow.threads(job)),
            "--device",
            flow.config["device"],
            *options,
        ]
        parser.parse_args([*words, "--corpus", flow.corpus(job), "--output", "out"])
        corpus = flow.corpus_cell(SimpleNamespace(corpus=cell.corpus_name))
        assert parse_cell(corpus).corpus_name == cell.corpus_name
    run_command("corpus", name, "--output", folder / "corpora" / f"{cell.corpus_name}.parquet")
    studies = sorted(flow.plan.studies)
    for study in draw.sample(studies, min(2, len(studies))):
        assert figure_paths(flow.plan.studies[study])
        wildcards = SimpleNamespace(table=study)
        assert flow.title(wildcards)
        flow.departures(wildcards)
        words = [study, *flow.plan_sources(wildcards), "--digest", flow.plan_digest(wildcards)]
        run_command("plan", *words, "--output", folder / "plans" / f"{study}.json")
        _use_pages(flow, study)
    lists = [*flow.runs(), *flow.tables("summary.parquet"), *flow.tables("dynamics.parquet")]
    assert sum(len(path) + 3 for path in lists) < 2**17  # which is as long as one word of a command may be


def _use_pages(flow: Workflow, study: str) -> None:
    """Ask for the figures of a study's own and its page what the rules ask, and give the options to the command."""
    parser = ArgumentParser()
    draw_measures.add_arguments(parser)
    for path in own_figure_paths(flow.plan.studies[study]):
        wildcards = SimpleNamespace(study=study, drawing=Path(path).stem)
        words = [*shlex.split(flow.figure_options(wildcards)), "--title=x", "--pdf", "x.pdf", "--png", "x.png"]
        for name in ("runs", "summary", "history", "dynamics"):
            if paths := flow.tables_of_figure(name)(wildcards):
                words += [f"--{name}", *paths]
        parser.parse_args(words)
    wildcards = SimpleNamespace(study=study)
    asked = (flow.question, flow.answer, flow.left_out, flow.run_again, flow.run_complete, flow.page_figures)
    assert all(each(wildcards) is not None for each in (*asked, flow.figure_links, flow.table_of_rule("dynamics")))


@contextmanager
def _limited(seconds: int) -> Iterator[None]:
    """Raise HungError if the block takes longer."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise HungError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _configuration(draw: random.Random) -> dict[str, Any]:
    sizes = {"n14": dict(zip(SHAPE, (1, 1, 14, 1), strict=True)), "mlt": dict(zip(SHAPE, (6, 6, 384, 4), strict=True))}
    for number in range(draw.randrange(3)):
        heads = draw.choice((1, 2, 3, 256))
        shape = (draw.choice((1, 2, 64)), heads, heads * draw.choice((1, 2, 7)), draw.choice((1, 2, 4, 64)))
        sizes[f"own{number}"] = dict(zip(SHAPE, shape, strict=True))
    studies = {
        draw.choice((f"study-{number}", f"s{number}", "base", "weight-decay")): {
            "title": draw.choice(("A title", 'It\'s <b>bold</b> & "quoted"; § 3', "x" * 120, "数", "a" * 119 + "é")),
            "grids": (grids := [_grid(draw, sizes) for _ in range(draw.choice((1, 1, 1, 2)))]),
            **_pages(draw, grids, sizes),
        }
        for number in range(draw.choice((1, 1, 2, 3)))
    }
    cells: list[dict[str, Any]] = [{"seeds": _seeds(draw)}]
    for _ in range(draw.randrange(3)):
        entry: dict[str, Any] = {"set": {axis: _value(draw, axis) for axis in draw.sample(SETTABLE, 1)}}
        if draw.random() < 0.5:
            names = draw.choice((("size", sizes), ("study", studies)))
            entry["where"] = {names[0]: draw.sample(sorted(names[1]), 1)}
        if draw.random() < 0.3:
            entry["seeds"] = _seeds(draw)
        cells.append(entry)
    budget: dict[str, Any] = {"run": sorted(studies), "cells": cells}
    budget["seeds_per_job"] = draw.choice((1, 1, 2, 20, 4096))
    if draw.random() < 0.1:
        budget["leave_out"] = [draw.choice(({"task": ["joint"]}, {"study": [min(studies)], "task": ["facts"]}))]
    return {
        "budget": "only",
        "device": draw.choice(("auto", "cpu", "cuda")),
        "threads": {"default": draw.choice((1, 2, 1024)), "sizes": {"mlt": 4} if draw.random() < 0.3 else {}},
        "precision": {"default": draw.choice(("float32", "bfloat16")), "sizes": {}},
        "kernel": draw.choice(("auto", "torch")),
        "compile": draw.random() < 0.5,
        "cuda_graph": draw.random() < 0.5,
        "container": draw.choice(("image.sif", "docker://example.org/image:1")),
        "snapshots": {"seconds": draw.choice((0, 60, 0.5, 1e-9, 10**9)), "updates": draw.choice((0, 1, 10**9))},
        "sizes": sizes,
        "studies": studies,
        "budgets": {"only": budget},
    }


UNSETTABLE = (
    *("facts", "key_length", "value_length", "fact_seed", "corpus_seed", "initialisation_seed"),
    *("largest_operand", "held_out_fraction", "split_seed", "arithmetic_share"),
)
SETTABLE = tuple(axis for axis in BOUNDS if axis not in (*SHAPE, *UNSETTABLE))


def _grid(draw: random.Random, sizes: dict[str, Any]) -> dict[str, Any]:
    grid: dict[str, Any] = {"task": draw.sample(("arithmetic", "facts", "joint"), draw.choice((1, 1, 2, 3)))}
    if draw.random() < 0.8:
        grid["size"] = draw.sample(sorted(sizes), draw.choice((1, 1, 2)))
    else:
        shape = draw.choice(list(sizes.values()))
        grid |= {axis: [value] for axis, value in shape.items()}
    for axis in _some(draw, (*SETTABLE, *UNSETTABLE)):
        values = [_value(draw, axis) for _ in range(draw.choice((1, 1, 1, 2, 3)))]
        grid[axis] = list({repr(value): value for value in values}.values())
    if draw.random() < 0.3:
        grid["stream"] = draw.sample(("fixed", "reshuffled", "aligned", "answer-only"), draw.choice((1, 2)))
    for axis, kinds in (("mixing", ("blocks", "shuffled")), ("fact_kind", FACT_KINDS)):
        if draw.random() < 0.1:
            grid[axis] = draw.sample(kinds, draw.choice((1, 2)))
    if draw.random() < 0.2:
        grid["answers"] = draw.sample(("correct", "permuted"), draw.choice((1, 2)))
    if draw.random() < 0.3:
        grid["held_out"] = [_held_out(draw) for _ in range(draw.choice((1, 2)))]
    if draw.random() < 0.1:
        grid.pop("held_out", None)
        grid |= {axis: [_value(draw, axis)] for axis in ("held_out_fraction", "split_seed")}
    if draw.random() < 0.5:
        grid["seeds"] = _seeds(draw)
    if draw.random() < 0.02:
        grid["learning_rate"] = [0.01 * (number + 1) / 9999 for number in range(draw.choice((500, 5000, 9999, 20_000)))]
    return grid


def _pages(draw: random.Random, grids: list[dict[str, Any]], sizes: dict[str, Any]) -> dict[str, Any]:
    """Return what a study may say of its page: a question, figures and an answer, mostly none that cannot be."""
    pages: dict[str, Any] = {}
    varying = [axis for axis in grids[0] if axis != "seeds" and len(grids[0][axis]) > 1]
    if varying and draw.random() < 0.5:  # what most studies would have
        axis = draw.choice(varying)
        measure = draw.choice(("loss", "seen", "held-out", "all-right", "order-bits", "facts"))
        pages["figures"] = {"own": {"kind": draw.choice(("lines", "dots")), "measure": measure, "x": axis}}
        pages["answer"] = draw.choice(
            (
                {"rule": "shares", "measure": draw.choice(("all-right", "all-facts")), "by": axis},
                {"rule": "difference", "between": {axis: grids[0][axis][:2]}, "measure": measure},
                {"rule": "trend", "along": axis, "measure": measure},
            )
        )
        return pages
    if draw.random() < 0.3:
        pages["question"] = draw.choice(("Is it size?", "数?", "x" * 200, "x" * 201, "<b>?</b>"))
    if draw.random() < 0.15:
        names = draw.sample(("map", "own", "by-rate", "index", "a1"), draw.choice((1, 1, 2)))
        pages["figures"] = {name: _figure(draw) for name in names}
    if draw.random() < 0.15:
        rule = draw.choice(sorted(RULES))
        named = (*RULES[rule].required, *draw.sample(("by", "measure"), draw.choice((0, 1, 2))))
        options = {name: _option(draw, name, sizes) for name in named}
        pages["answer"] = {"rule": rule, **{name: options[name] for name in options if name in RULES[rule].options}}
    return pages


def _figure(draw: random.Random) -> dict[str, Any]:
    measures = draw.sample(sorted(MEASURES), draw.choice((1, 1, 1, 2)))
    figure: dict[str, Any] = {"kind": draw.choice(KINDS), "measure": measures if len(measures) > 1 else measures[0]}
    common = ("size", "task", "stream", "learning_rate", "parameters")
    for role in draw.sample(ROLES, draw.choice((0, 1, 1, 2))):
        axis = draw.choice(common if draw.random() < 0.8 else (*LABELS, *MEASURES))
        figure[role] = [axis, draw.choice(common)] if role in ("colour", "facet") and draw.random() < 0.2 else axis
    return figure


def _option(draw: random.Random, name: str, sizes: dict[str, Any]) -> Any:
    """Return a value of an option of a rule, which the study may have no runs for."""
    axis = draw.choice(("size", "stream", "learning_rate", "task", "width"))
    return {
        "measure": draw.choice(sorted(MEASURES)),
        "by": draw.choice((axis, [axis], ["size", "stream"])),
        "along": draw.choice(("parameters", "learning_rate", "width", "stream")),
        "between": {"stream": ["fixed", draw.choice(("reshuffled", "fixed", "aligned"))]},
        "over": axis,
        "large": draw.choice(sorted(sizes)),
        "primary": {"stream": "fixed"},
        "reference": {"stream": "fixed"},
        "factors": ["corpus_seed", "seed"],
    }.get(name, axis)


def _some(draw: random.Random, axes: tuple[str, ...]) -> list[str]:
    return draw.sample(axes, draw.choice((0, 1, 1, 2, 3)))


def _value(draw: random.Random, axis: str) -> Any:
    """Return a value of an axis: mostly an ordinary one, sometimes at an edge, rarely beyond."""
    lowest, highest = BOUNDS[axis]
    chance = draw.random()
    if axis in FLOATS:
        most = {"learning_rate": 0.01, "final_learning_rate": 1e-4}.get(axis, min(highest, 1))
        if chance < 0.3:
            return draw.choice((0.1, 0.01, 1)) * most
        if chance < 0.8:
            return draw.uniform(0, most)
        if chance < 0.95:
            return draw.choice(EDGES_OF_FLOATS)
        return struct.unpack("<d", draw.randbytes(8))[0]
    if chance < 0.9:
        usual = {"iterations": 30_000, "decay_iterations": 25_000, "warmup_iterations": 2_000, "block": 24}
        return min(int(highest), max(int(lowest), draw.randrange(1, usual.get(axis, 300) + 1)))
    return draw.choice(
        (lowest, highest, lowest + 1, highest - 1, lowest - 1, highest + 1, 10**6, draw.randrange(10**4))
    )


def _held_out(draw: random.Random) -> list[list[int]]:
    operands = range(draw.choice((10, 10, 10, 20, 100)))
    pairs = [[left, right] for left in operands for right in operands]
    return draw.sample(pairs, draw.choice((1, 2, 2, 5, 5, 40, 100)))


def _seeds(draw: random.Random) -> list[Any]:
    return draw.choice(
        (
            [1337, 0],
            [1337, "0-18"],
            [draw.randrange(2**32)],
            sorted(draw.sample(range(10**6), 100)),
            sorted(draw.sample(range(2**32), 40)),
            [*range(0, 60, 2), "100-140"],
            [draw.choice(("0-9", "0-99", "0-999", "0-19999", "0-99999", "0-100000", "0-999999999", "9-0"))],
            [1, draw.choice(("0-2", "2-5", "3-9", "7-11"))],
            [3, "5-5", 4294967295],
        )
    )


def _spoil(draw: random.Random, config: dict[str, Any]) -> None:
    """Set, add or remove something somewhere."""
    place: Any = config
    for _ in range(draw.randrange(1, 7)):
        inner = list(place.values()) if isinstance(place, dict) else list(place)
        inner = [value for value in inner if isinstance(value, dict | list) and value]
        if not inner:
            break
        place = draw.choice(inner)
    what = draw.choice(STRANGE)
    if isinstance(place, list):
        place[draw.randrange(len(place))] = what
    elif draw.random() < 0.3:
        place.pop(draw.choice(sorted(map(str, place))), None)
    elif draw.random() < 0.3:
        place[draw.choice(("x", "", "a b", "\x1b", "1", "\u202e", "n14", "seeds"))] = what
    else:
        place[draw.choice(list(place))] = what


def _as_yaml(config: dict[str, Any]) -> str:
    try:
        return str(yaml.safe_dump(config, allow_unicode=True, sort_keys=False))
    except ValueError:  # an integer of thousands of digits, which Python does not print
        return "budget: " + "9" * 5000 + "\n"


def _inserted(draw: random.Random, text: str, character: str) -> str:
    place = draw.randrange(len(text))
    return text[:place] + character + text[place:]
