"""The part of the methods on computation: on which devices, by which program and with which versions runs trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from capacity.findings.prose import Values, noun_count

PROGRAMS = {"numba": "by the compiled network of the package (Numba)", "torch": "by PyTorch"}
NOT_RECORDED = "[not recorded]"


def training_machines(origins: Sequence[Mapping[str, Any]]) -> Values:
    """Tell how the training jobs were carried out, from the records of where their runs come from.

    A job that several studies share counts once.
    """
    jobs = list({(job["cell"], tuple(job["seeds"])): job for job in origins}.values())
    return {
        "jobs": len(jobs),
        "ways": _counted(_way(job) for job in jobs),
        "environments": _counted(_environment(job) for job in jobs),
        "commits": _counted(str(job["git_commit"] or NOT_RECORDED) for job in jobs),
        "on_cpu": any(job["device"] == "cpu" for job in jobs),
    }


def _counted(words: Iterable[str]) -> str:
    """List different words, those of most jobs first and each with the number of its jobs, if there are several."""
    counts = Counter(words).most_common()
    if len(counts) == 1:
        return counts[0][0]
    return "; ".join(f"{each} ({noun_count(count, 'job')})" for each, count in counts)


def _way(job: Mapping[str, Any]) -> str:
    """Say how a job was carried out."""
    device = "a CPU" if job["device"] == "cpu" else str(job["device"])
    words = f"{PROGRAMS.get(job['kernel'], job['kernel'])} on {device} with {noun_count(job['threads'], 'thread')}"
    words += f", with matrix products in {job['precision']}"
    options = {"compile": "torch.compile", "graph": "CUDA graphs"}
    used = [name for option, name in options.items() if job[option]]
    return words + (f" and with {' and '.join(used)}" if used else "")


def _environment(job: Mapping[str, Any]) -> str:
    """Say with which versions and on which platform a job was carried out."""
    versions = ", ".join(f"{name} {version}" for name, version in sorted((job.get("versions") or {}).items()))
    return f"{job.get('platform') or NOT_RECORDED} with {versions or NOT_RECORDED}"
