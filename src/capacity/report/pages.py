"""Pages of results as HTML for the report, with their figures inside and nothing that leads out of it.

The report holds each page by itself. So a link to a file beside the page would lead nowhere, and is its words alone;
links to other sites and within the page stay. HTML in a page is shown as text.
"""

from __future__ import annotations

import base64
import itertools
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

TEMPLATE = Path(__file__).parent / "page.html.j2"
ELSEWHERE = ("https://", "#")
"""What the links begin with that lead somewhere in the report too."""


def html_page(markdown: str, folder: str, figures: Mapping[str, bytes]) -> str:
    """Return a page as HTML.

    Args:
        markdown: the page, in Markdown.
        folder: its folder, from which the page names its figures, whatever their endings.
        figures: the figures that are put into the page, as SVG by path. Of any other the page has the description.
    """
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(markdown)
    drawn = {posixpath.splitext(path)[0]: content for path, content in figures.items()}
    for token in tokens:
        if token.children is not None:
            token.children = list(_in_the_report(token.children, folder, drawn))
    content = Markup(reader.renderer.render(tokens, reader.options, {}))
    return rendered(TEMPLATE, title=_title(tokens), content=content)


def rendered(template: Path, **values: Any) -> str:
    """Return a template of HTML with its values in place, which are escaped unless they are markup by their type."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(template.read_text(encoding="utf-8")).render(values)


def data_address(svg: bytes) -> str:
    """Return a figure as an address that holds it."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def _title(tokens: Sequence[Token]) -> str:
    """Return the words of the first heading."""
    for heading, words in itertools.pairwise(tokens):
        if heading.type == "heading_open":
            return "".join(token.content for token in words.children or ())
    return "Results"


def _in_the_report(tokens: Iterable[Token], folder: str, drawn: Mapping[str, bytes]) -> Iterable[Token]:
    """Yield what stands in a line, with the figures inside and without the links that would lead nowhere."""
    leads = [True]
    for token in tokens:
        if token.type == "link_open":
            leads.append(str(token.attrs.get("href", "")).startswith(ELSEWHERE))
        is_link = token.type in ("link_open", "link_close")
        if token.type == "image":
            name = posixpath.splitext(posixpath.normpath(posixpath.join(folder, str(token.attrs["src"]))))[0]
            if name in drawn:
                token.attrs["src"] = data_address(drawn[name])
                yield token
            else:
                yield Token("text", "", 0, content=token.content)
        elif not is_link or leads[-1]:
            yield token
        if token.type == "link_close":
            leads.pop()
