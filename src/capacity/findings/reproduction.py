"""Whether runs have the same weights as those that the documentation shows, and why they may have others.

``provenance.json`` of a published study holds a digest of the weights of each run. A digest is of one run, so it does
not matter how many seeds a job trains. Everything else that is published is computed from weights.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from capacity.errors import InputError
from capacity.experiment.cell import parse_cell
from capacity.experiment.seeds import seeds_of
from capacity.model import weights
from capacity.storage import json_files
from capacity.storage.files import REMEDY

PROVENANCE = "provenance.json"
EXECUTION = ("kernel", "device", "precision", "compile", "graph", "threads")
"""Keys of the record of a run that say how its updates are carried out, which decides how they round."""
SAME_EVERYWHERE = "Linux x86_64"
"""The platform on which the compiled network has the same bytes on every machine."""

Run = tuple[str, int]
"""The name of a cell, and a seed."""


@dataclass(frozen=True)
class Difference:
    """A run whose weights are not those of the published run.

    Attributes:
        run: the cell and the seed.
        reasons: why they may differ; none if nothing is known that may change them.
    """

    run: Run
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Reproduction:
    """The outcome of a comparison with published runs.

    Attributes:
        published: number of runs that are published.
        same: the runs with the same weights.
        differences: the runs with other weights.
    """

    published: int
    same: tuple[Run, ...]
    differences: tuple[Difference, ...]


def run_name(run: Run) -> str:
    """Return the name of a run, as the folder of a job that trains it alone."""
    return f"{run[0]}/seeds={run[1]}"


def weight_digests(cells: Path, seeds: Mapping[str, Sequence[int]]) -> dict[Run, str]:
    """Return a digest of the weights of each run that has been trained.

    Args:
        cells: the folder of all cells.
        seeds: those to look for, by the name of their cell.

    Raises InputError if weights are damaged.
    """
    return {run: digest for name in sorted(seeds) for run, (digest, _) in _trained(cells, name, seeds[name]).items()}


def compare_with_published(published: Path, results: Path) -> Reproduction:
    """Compare runs with published ones that have the same cell and seed.

    Args:
        published: a folder that ``python -m capacity publish`` has written.
        results: the folder of results.

    Raises InputError if either folder does not hold what is compared, or if weights are damaged.
    """
    path = published / PROVENANCE
    if not path.exists():
        raise InputError(
            f"{published} holds no {PROVENANCE}, so nothing is published there; name a folder that has one"
        )
    provenance = json_files.read_json(path)
    if "weights" not in provenance:
        raise InputError(f"{path} has no digests of weights: an earlier version published it; publish it again")
    records = {(job["cell"], seed): job for job in provenance["tables"]["runs"] for seed in job["seeds"]}
    expected = {run: provenance["weights"][run_name(run)] for run in records}
    seeds: dict[str, list[int]] = {}
    for name, seed in expected:
        seeds.setdefault(name, []).append(seed)
    same, differences = [], []
    for name in sorted(seeds):
        for run, (digest, record) in _trained(results / "cells", name, seeds[name]).items():
            if digest == expected[run]:
                same.append(run)
            else:
                there = {"versions": provenance["tables"].get("versions", {})} | records[run]
                differences.append(Difference(run, tuple(_reasons({"versions": {}} | record, there))))
    if not same and not differences:
        raise InputError(f"{results} holds none of the {len(expected)} runs of {published}; train some of them first")
    return Reproduction(len(expected), tuple(same), tuple(differences))


def sentences(reproduction: Reproduction, published: Path) -> list[str]:
    """Return what to tell of a comparison: a line on the runs of one layer and of more, then a line for each other."""
    lines = []
    every = [*reproduction.same, *(difference.run for difference in reproduction.differences)]
    for what, is_meant in (("one-layer", True), ("deeper", False)):
        runs = [run for run in every if (_layers(run[0]) == 1) == is_meant]
        same = sum(run in reproduction.same for run in runs)
        if runs:
            verb, noun = "has" if same == 1 else "have", "run" if len(runs) == 1 else "runs"
            lines.append(f"{same} of {len(runs)} {what} {noun} {verb} the same bytes as {published.as_posix()}")
    for difference in reproduction.differences:
        why = (
            "; ".join(difference.reasons) or "nothing that is known may change it, so this is a fault: please report it"
        )
        lines.append(f"  {run_name(difference.run)} differs: {why}")
    if absent := reproduction.published - len(every):
        lines.append(f"  ({absent} more of its {reproduction.published} runs were not trained here)")
    return lines


def _trained(cells: Path, name: str, seeds: Sequence[int]) -> dict[Run, tuple[str, dict[str, Any]]]:
    """Return the digest of the weights and the record of each run of a cell that is trained, for some seeds."""
    found: dict[Run, tuple[str, dict[str, Any]]] = {}
    for path in sorted((cells / name).glob("seeds=*/weights.safetensors")):
        trained = seeds_of(path.parent)
        if not set(trained).intersection(seeds) or not (path.parent / "run.json").exists():
            continue
        parameters = weights.load(path, parse_cell(name), trained)
        record = json_files.read_json(path.parent / "run.json")
        if not isinstance(record, dict):
            raise InputError(f"{path.parent / 'run.json'} is not the record of a run; {REMEDY}")
        for number, seed in enumerate(trained):
            if seed in seeds:
                alone = {key: value[number : number + 1] for key, value in parameters.items()}
                found.setdefault((name, seed), (weights.checksum(alone), record))
    return found


def _reasons(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """Return why a run may have other weights than a published one, by the records of both."""
    differs = [(key, here.get(key), there.get(key)) for key in EXECUTION]
    differs += [(name, here["versions"].get(name), version) for name, version in sorted(there["versions"].items())]
    reasons = [f"{name} is {ours} here and was {theirs} there" for name, ours, theirs in differs if ours != theirs]
    if here.get("source_digest") != there.get("source_digest"):
        commits = [(record.get("git_commit") or "unknown")[:12] for record in (there, here)]
        reasons.append(f"the code of training has changed, from commit {commits[0]} to {commits[1]}")
    if here.get("kernel") == there.get("kernel") == "torch":
        reasons.append("torch trained it, which rounds otherwise on another processor")
    elif here.get("platform") != SAME_EVERYWHERE:
        reasons.append(f"the bytes are those of {SAME_EVERYWHERE}, and this is {here.get('platform')}")
    return reasons


@functools.cache
def _layers(name: str) -> int:
    return parse_cell(name).size.layers
