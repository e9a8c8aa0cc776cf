"""Hooks of MkDocs: pages of the site that have no file of their own in docs/.

CONTRIBUTING.md and CHANGELOG.md lie in the root of the repository, where a contributor looks for them, and are shown
in the site too. The reference has one page for each package of the library, made of its docstrings. Cross-references in
docstrings show as plain code, because Markdown has no roles.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/capacity"
ROOT_PAGES = ("CONTRIBUTING.md", "CHANGELOG.md")
ROLE = re.compile(r":(?:mod|func|class|meth|data|attr):(?=<code>)")
LINK = re.compile(r"\[([^]]*)\]\(([^)\s]+)\)")


def packages() -> list[str]:
    """Return the names of the packages of the library, in alphabetical order."""
    return sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def page_in_site(text: str) -> str:
    """Return a page of the root with the links that it needs in the site.

    A link to a page in docs/ stays a link; one to any other file of the repository becomes the text alone.
    """

    def replace(match: re.Match[str]) -> str:
        label, target = match.groups()
        if target.startswith("docs/"):
            return f"[{label}]({target.removeprefix('docs/')})"
        if target in ROOT_PAGES:
            return f"[{label}]({target.lower()})"
        return match.group() if target.startswith(("#", "https://", "http://")) else label

    return LINK.sub(replace, text)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of reference into the navigation."""
    if config.nav is None:
        raise ValueError("mkdocs.yml: nav is missing")
    config.nav.append({"Reference": [{name: f"reference/{name}.md"} for name in packages()]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the root and the pages of reference."""
    for name in ROOT_PAGES:
        text = page_in_site((ROOT / name).read_text(encoding="utf-8"))
        files.append(File.generated(config, name.lower(), content=text))
    for name in packages():
        content = f"# capacity.{name}\n\n::: capacity.{name}\n"
        files.append(File.generated(config, f"reference/{name}.md", content=content))
    return files


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Take away the roles before names in docstrings, as in ``:func:`name` ``, and leave the names as code."""
    return ROLE.sub("", html)
