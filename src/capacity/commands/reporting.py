"""What the commands that write pages for the report share: they read pages in Markdown and write them as HTML."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from capacity.report.pages import html_page
from capacity.storage import files, records

LONGEST_TEXT = 50_000_000
"""Bytes of a page, and of a figure."""
RECORD = "pages.json"
"""The name of the record of the pages in a folder."""


def add_page_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a command that writes pages for the report."""
    parser.add_argument("--pages", nargs="+", required=True, type=Path, help="pages in Markdown")
    parser.add_argument("--figures", nargs="*", default=[], type=Path, help="figures to put into them, as SVG")
    parser.add_argument("--output", required=True, type=Path, help="folder for the pages, by the same names")


def write_pages(pages: Sequence[Path], figures: Sequence[Path], folder: Path) -> list[Path]:
    """Write pages as HTML into a folder, and return what was written."""
    drawn = {path.as_posix(): read_unchanged(path).encode() for path in figures}
    html = {
        folder / f"{page.stem}.html": html_page(read_unchanged(page), page.parent.as_posix(), drawn) for page in pages
    }
    for path, text in html.items():
        files.write_text(path, text)
    return list(html)


def read_unchanged(path: Path) -> str:
    """Read a page or an SVG. Raises InputError naming it if it is not the one that the record beside it names."""
    records.check_unchanged(path)
    return files.read_text(path, LONGEST_TEXT)
