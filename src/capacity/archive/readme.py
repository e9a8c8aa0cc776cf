"""The first page of the archive: what is in it, how to check it and how to use it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import jinja2

import capacity
from capacity.archive.contents import Contents
from capacity.archive.executed_jobs import ExecutedJob
from capacity.tables import markdown

TEMPLATE = Path(__file__).with_name("README.md.j2")


def readme(contents: Contents, jobs: Sequence[ExecutedJob], sizes: Mapping[str, str], commit: str | None) -> str:
    """Return the page as Markdown.

    Args:
        contents: what is archived.
        jobs: that were executed.
        sizes: the path of the card of each size.
        commit: of the code that archives; None outside git.
    """
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    trained = [job for job in jobs if job.rule == "train"]
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        budget=contents.budget,
        version=capacity.__version__,
        commit=commit or "not recorded",
        trained_by=Counter(str(job.origin.get("git_commit") or "not recorded") for job in trained),
        networks=sum(len(job.origin["seeds"]) for job in trained),
        studies=[(study, markdown.text(contents.plan.study(study).title)) for study in contents.studies],
        sizes=sizes,
        timed=sum(job.started is not None for job in jobs),
        jobs=len(jobs),
        example=next((str(job.origin["cell"]), int(job.origin["seeds"][0])) for job in trained),
    )
