"""The part of the methods on data: the lines of each task that was trained, and which of them were held out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from capacity.corpora import corpus
from capacity.experiment.cell import Cell
from capacity.findings.prose import Values, number_range
from capacity.paper import protocol
from capacity.tasks.registry import PARTS, TASKS
from capacity.tasks.task import Line


def corpora_used(cells: Sequence[Cell]) -> list[Values]:
    """Return what the cells of each task were trained on and asked about, in the order of the registry of tasks.

    Where cells of a task differ in their corpora, numbers are ranges.
    """
    by_task = {task: [cell for cell in cells if cell.task == task] for task in TASKS}
    return [_of_task(task, mine) for task, mine in by_task.items() if mine]


def prompts_asked(cells: Sequence[Cell]) -> Values:
    """Return which facts of any cell the paper asks by another prompt than they are trained with."""
    of_paper = [cell for cell in _by_corpus(cells).values() if cell.fact_kind == "capitals"]
    lines = dict.fromkeys(line for cell in of_paper for line in corpus.build(cell) if _is_fact(line))
    prompts = dict.fromkeys((line.paper_prompt, line.prompt) for line in lines)
    other = [(paper, trained) for paper, trained in prompts if paper != trained]
    return {
        "facts": len(prompts),
        "other": other,
        "words": " and ".join(f"`{paper.strip()}` for `{trained.strip()}`" for paper, trained in other),
    }


def _by_corpus(cells: Sequence[Cell]) -> dict[str, Cell]:
    return {cell.corpus_name: cell for cell in cells}


def _is_fact(line: Line) -> bool:
    return PARTS[line.task].prompts != ("paper",)


def _of_task(task: str, cells: Sequence[Cell]) -> Values:
    corpora = _by_corpus(cells)
    lines = {name: corpus.build(cell) for name, cell in corpora.items()}
    seen = {name: corpus.stream_lines(each) for name, each in lines.items()}
    random = [cell for cell in corpora.values() if cell.fact_kind in protocol.RANDOM_FACT_KINDS]
    largest = sorted({cell.largest_operand for cell in cells})
    first = next(iter(lines))
    pairs = dict.fromkeys(cell.held_out for cell in cells)
    return {
        "name": task,
        "corpora": len(corpora),
        "lines": _range(len(each) for each in lines.values()),
        "seen": _range(len(each) for each in seen.values()),
        "held_out": _range(len(lines[name]) - len(seen[name]) for name in lines),
        "operands": f"0 to {' or to '.join(str(each) for each in largest)}",
        "has_digits_alone": largest == [protocol.LARGEST_OPERAND],
        "pairs": [f"{left} and {right}" for left, right in next(iter(pairs))] if len(pairs) == 1 else [],
        "held_out_texts": [line.prompt.strip("<=") for line in lines[first] if line.position is None],
        "shuffled": sum(cell.mixing == "shuffled" for cell in corpora.values()),
        "kinds": {kind: sum(cell.fact_kind == kind for cell in corpora.values()) for kind in protocol.FACT_KINDS},
        "key_letters": _range(cell.key_length for cell in random) if random else "",
        "value_letters": _range(cell.value_length for cell in random) if random else "",
        "fact_seeds": ", ".join(str(seed) for seed in dict.fromkeys(cell.fact_seed for cell in random)),
        "shares": sorted(
            {cell.arithmetic_share for cell in corpora.values() if "arithmetic_share" in cell.departures()}
        ),
        "permuted": sum(cell.answers == "permuted" for cell in corpora.values()),
        "example": seen[first][0].text.strip(),
        "characters": _range(len(corpus.vocabulary(each)) for each in lines.values()),
        "text": _range(sum(len(line.text) for line in each) for each in seen.values()),
        "seeds": ", ".join(str(seed) for seed in dict.fromkeys(cell.corpus_seed for cell in cells)),
        "block": _range(cell.block for cell in cells),
        "batch": _range(cell.batch for cell in cells),
    }


def _range(numbers: Iterable[int]) -> str:
    return number_range(pd.Series(list(numbers), dtype="int64"))
