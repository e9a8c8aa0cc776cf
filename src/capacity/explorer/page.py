"""The page of the explorer as one HTML file, with its styles, scripts and data inside.

Whatever a study, a claim or a network is called is text in the page: the template escapes it, and scripts set it as
text. The page says itself that it runs no other script and loads nothing (its Content-Security-Policy).
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markdown_it import MarkdownIt
from markupsafe import Markup

from capacity.explorer.content import to_json
from capacity.studies.answer_file import StudyAnswer

FOLDER = Path(__file__).parent
TEMPLATE = FOLDER / "page.html.j2"
STYLE = FOLDER / "style.css"
SCRIPTS = tuple(
    FOLDER / name for name in ("transformer.js", "asking.js", "charts.js", "tradeoff.js", "run_panel.js", "explorer.js")
)
MISSING = "\u2013"
"""A dash, where a table has no value."""
HEADING_SHIFT = 2
"""The title of the methods, of the first level in its own file, is below a section of the page."""


@dataclass(frozen=True, eq=False)
class PageSources:
    """What the page shows beside :func:`capacity.explorer.content.content`.

    Attributes:
        budget: the name of the budget.
        claims, evidence: the tables of the verdicts.
        answers: of the studies.
        methods: the text of methods, as Markdown.
        tables: name, digest of the plan and identity of the runs of each study.
        origins: for each training job, where its runs come from.
        versions: of the programs that make the page.
        commit: of the code that makes it; None outside git.
    """

    budget: str
    claims: pd.DataFrame
    evidence: pd.DataFrame
    answers: Sequence[StudyAnswer]
    methods: str
    tables: Sequence[tuple[str, str, str]]
    origins: Sequence[Mapping[str, Any]]
    versions: Mapping[str, str]
    commit: str | None


def page(sources: PageSources, content: Mapping[str, Any]) -> str:
    """Return the page."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["short"] = short
    environment.filters["emphasised"] = emphasised
    style, script = STYLE.read_text(encoding="utf-8"), _script()
    evidence = sources.evidence.to_dict("records")
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        budget=sources.budget,
        claims=[
            claim | {"evidence": [line for line in evidence if line["claim"] == claim["claim"]]}
            for claim in sources.claims.to_dict("records")
        ],
        answers=sources.answers,
        methods=_html(sources.methods),
        tables=sources.tables,
        trained_by=Counter(job.get("git_commit") or "no commit" for job in sources.origins),
        versions=sources.versions,
        commit=sources.commit or "no commit",
        left_out=content["left_out"],
        run_count=len(content["runs"]),
        largest_operand=max((max(line["operands"]) for line in content["lines"] if "operands" in line), default=0),
        style=Markup(style),
        script=Markup(script),
        style_digest=_digest(style),
        script_digest=_digest(script),
        data=Markup(to_json(content)),
    )


def short(value: Any) -> str:
    """Return a value of a table with three significant digits; a dash if it is missing."""
    if value is None or value is pd.NA or value != value:
        return MISSING
    if isinstance(value, float):
        return f"{value:.3g}" if value != int(value) or abs(value) >= 1e6 else f"{int(value):,}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def emphasised(text: str) -> Markup:
    """Return a sentence as HTML, in which ``*replicated*`` is emphasised, and everything else is text."""
    return Markup(MarkdownIt("zero").enable("emphasis").renderInline(text))


def _script() -> str:
    """The scripts as one function, so that their names are no names of the page but the one for its console."""
    sources = "\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS)
    begin = '(() => {\n"use strict";\nconst data = JSON.parse(document.querySelector("#data").textContent);\n'
    end = "window.explorer = { data, networkOf, logitsOf, ask, panels, principalComponents };\n})();\n"
    return f"{begin}{sources}\n{end}"


def _digest(text: str) -> str:
    """The digest by which a page allows a script or a style that is inside it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _html(markdown: str) -> Markup:
    """The text of methods as HTML: without images, with links to other sites alone, and HTML in it shown as text."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    reader.validateLink = lambda url: url.startswith("https://")  # type: ignore[method-assign]
    tokens = reader.parse(markdown)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1:]) + HEADING_SHIFT)}"
    return Markup(reader.renderer.render(tokens, reader.options, {}))
