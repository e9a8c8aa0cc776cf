"""A page of the explorer made by hand: networks with random weights, and runs whose numbers are made up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from capacity.corpora import corpus
from capacity.experiment.cell import Cell, make_cell
from capacity.explorer.content import StudyTables, content
from capacity.explorer.networks import Network, Run
from capacity.explorer.page import PageSources, page
from capacity.model.initialization import count_parameters
from capacity.paper.protocol import Size
from capacity.studies.answer import Answer, Table
from capacity.studies.answer_file import StudyAnswer
from capacity.tasks.registry import TASKS
from tests.support.plain_transformer import random_stack

HOSTILE = "</script><script>window.owned = 1</script><img src=x onerror='window.owned = 2'> & <b>bold</b>"
TABLE = "| a | b |\n|---|---|\n| 1 | 2 |\n"
SIZES = (Size(1, 1, 14, 1), Size(1, 1, 28, 1), Size(1, 1, 56, 1), Size(3, 2, 12, 2))
CELLS = [
    make_cell(task, size, iterations=300, evaluation_interval=100)
    for task in ("arithmetic", "facts", "joint")
    for size in SIZES
]
LARGER_OPERANDS = make_cell(
    "arithmetic", SIZES[0], largest_operand=12, held_out=[(3, 4), (5, 12)], iterations=300, evaluation_interval=100
)
LARGE = make_cell("arithmetic", Size(6, 4, 64, 4), stream="reshuffled", learning_rate=0.003)
SEEDS = (1337, 2)
DIVERGED = (CELLS[1].name, 2)
EVALUATIONS = (0, 100, 200, 300)


def parameters_of(cell: Cell) -> Mapping[str, Any]:
    """The stack of a cell, which has one network for each of :data:`SEEDS`."""
    characters = len(corpus.vocabulary(corpus.build(cell)))
    stack = random_stack(cell.size, characters, cell.block, len(SEEDS))
    return {name: value.float().numpy() for name, value in stack.items()}


class RandomStacks:
    """Networks by run, as :class:`capacity.explorer.networks.Stacks` gives them."""

    def __init__(self, cells: Iterable[Cell] = CELLS) -> None:
        self._stacks = {cell.name: parameters_of(cell) for cell in cells}

    def path(self, run: Run) -> str:
        """The place of a network in an order."""
        return f"{run[0]}/{run[1]}"

    def network(self, run: Run) -> Network:
        """The network of a run."""
        stack = self._stacks[run[0]]
        return Network({name: value[SEEDS.index(run[1])] for name, value in stack.items()})


def is_right_at(cell: str, seed: int, left: int, right: int, evaluation: int) -> bool:
    """What the tables say of an expression at an evaluation."""
    return (left * 3 + right + seed + evaluation * 7 + len(cell)) % 5 > 1


def runs_of(cells: list[Cell]) -> pd.DataFrame:
    """Runs, of which one diverged. The smallest networks have all held-out expressions right."""
    rows = []
    for cell in cells:
        asks = {part.name for part in corpus_parts(cell)}
        characters = len(corpus.vocabulary(corpus.build(cell)))
        for seed in SEEDS:
            diverged = (cell.name, seed) == DIVERGED
            arithmetic = float(cell.size.width == 14), 0.9
            rows.append(
                {
                    "cell": cell.name,
                    "seed": seed,
                    "parameters": count_parameters(cell.size, characters, cell.block)[0],
                    "departs": "iterations 300 (paper: 30000)",
                    "diverged": diverged,
                    "loss_floor_order_known": 0.53,
                    "loss_floor_order_unknown": 0.77,
                    "final_held_out": arithmetic[0] if "arithmetic" in asks else None,
                    "final_seen": arithmetic[1] if "arithmetic" in asks else None,
                    "final_facts_matched_prompts": 0.5 if "facts" in asks else None,
                    "final_stream_loss": float("nan") if diverged else 0.8,
                }
            )
    return pd.DataFrame(rows)


def corpus_parts(cell: Cell) -> Any:
    """The tasks of a cell."""
    return TASKS[cell.task].parts


def tables_of(cells: list[Cell]) -> StudyTables:
    """The tables of a study of some cells."""
    runs = runs_of(cells)
    history, histories = [], []
    for cell in cells:
        asks = {part.name for part in corpus_parts(cell)}
        for seed in SEEDS:
            for number, iteration in enumerate(EVALUATIONS):
                row = {"cell": cell.name, "seed": seed, "iteration": iteration, "combined_910": 0.1 * number}
                row |= {"stream_loss": 2.5 - 0.5 * number}
                row |= {"seen": 0.3 * number, "held_out": 0.25 * number} if "arithmetic" in asks else {}
                row |= {"facts_matched_prompts": 0.2 * number} if "facts" in asks else {}
                history.append(row)
            for line in corpus.build(cell) if "arithmetic" in asks else ():
                if line.operands is not None:
                    left, right = line.operands
                    digits = (is_right_at(cell.name, seed, left, right, each) for each in range(len(EVALUATIONS)))
                    histories.append(
                        {
                            "cell": cell.name,
                            "seed": seed,
                            "operation": line.operation,
                            "left": left,
                            "right": right,
                            "answered": "".join(str(int(each)) for each in digits),
                        }
                    )
    columns = ["cell", "seed", "operation", "left", "right", "answered"]
    return StudyTables(runs, pd.DataFrame(history), pd.DataFrame(histories, columns=columns))


def handmade_content() -> dict[str, Any]:
    """What the page holds, of a study of small networks and one of a large one beside one of them."""
    studies = {"small": tables_of(CELLS), "large": tables_of([LARGE, CELLS[0]])}
    origins = [
        {
            "cell": cell.name,
            "seeds": list(SEEDS),
            "git_commit": "0123456789abcdef",
            "kernel": "numba",
            "device": HOSTILE,
        }
        for cell in (*CELLS, LARGE)
    ]
    return content(studies, origins, RandomStacks())


def content_of_larger_operands() -> dict[str, Any]:
    """What the page holds, of a study of a small network beside one with larger operands."""
    cells = [CELLS[0], LARGER_OPERANDS]
    return content({"range": tables_of(cells)}, [], RandomStacks(cells))


def handmade_page(held: Mapping[str, Any] | None = None) -> str:
    """The page, with hostile titles, claims, notes and methods, of :func:`handmade_content` or what else it holds."""
    claim = {
        "claim": "C1",
        "statement": f"It is {HOSTILE}.",
        "verdict": f"replicated ({HOSTILE})",
        "outcome": "replicated",
        "n": 20,
        "rule": f"It is *replicated*. {HOSTILE}",
        "protocol": HOSTILE,
        "sources": HOSTILE,
    }
    evidence = {"claim": "C1", "label": HOSTILE, "description": HOSTILE, "n": 20, "count": 8, "estimate": 0.4}
    evidence |= {"low": 0.2, "high": None, "p_value": float("nan"), "outcome": HOSTILE, "note": HOSTILE}
    table = Table(HOSTILE, ("a", HOSTILE), ((1, HOSTILE), (None, 0.25)))
    answer = Answer("yes", HOSTILE, HOSTILE, HOSTILE, 4, 0, (table,))
    said = StudyAnswer("small", HOSTILE, HOSTILE, {"rule": "shares"}, answer, 4, 0, (HOSTILE,), HOSTILE, "")
    without = StudyAnswer("large", HOSTILE, "", None, None, 4, 0, (), "snakemake", "")
    sources = PageSources(
        budget=HOSTILE,
        claims=pd.DataFrame([claim, claim | {"claim": "C2", "outcome": "not run", "verdict": "not run", "n": 0}]),
        evidence=pd.DataFrame([evidence]),
        answers=[said, without],
        methods=f"# Methods\n\n{HOSTILE}\n\n[a](javascript:window.owned=3) ![b](x.png)\n\n{TABLE}",
        tables=[("small", "digest", "identity"), (HOSTILE, HOSTILE, HOSTILE)],
        origins=[{"git_commit": HOSTILE}],
        versions={"python": HOSTILE},
        commit=HOSTILE,
    )
    return page(sources, handmade_content() if held is None else held)
