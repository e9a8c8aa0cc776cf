"""The documentation site is built without a warning, holds every package, and needs nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.support.repository import PACKAGE, REPOSITORY
from tools import site_hooks

# What a browser fetches by itself, rather than a link that a reader follows.
FETCHED = re.compile(r"<(?:script|img|link|iframe)\b[^>]*\b(?:src|href)=\"(https?://[^\"]+)\"")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    # Not --quiet: MkDocs would not count its warnings then.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    run = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert "WARNING" not in run.stdout
    return folder


def test_every_package_has_a_page_of_reference(site):
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert {path.stem for path in (site / "reference").glob("*.html")} == packages
    assert 'id="capacity.statistics.intervals.clopper_pearson"' in (site / "reference/statistics.html").read_text()


def test_the_pages_of_the_root_are_in_the_site(site):
    assert "Unreleased" in (site / "changelog.html").read_text()
    assert 'href="extending.html"' in (site / "contributing.html").read_text()


def test_no_page_fetches_anything_from_elsewhere(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 20
    fetched = {url for page in pages for url in FETCHED.findall(page.read_text(encoding="utf-8"))}
    assert fetched == set()


def test_no_role_of_a_docstring_is_left_in_a_page(site):
    pages = sorted((site / "reference").glob("*.html"))
    assert [page.name for page in pages if site_hooks.ROLE.search(page.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("link", "in_site"),
    [
        ("[a](docs/extending.md#use)", "[a](extending.md#use)"),
        ("[the changes](CHANGELOG.md)", "[the changes](changelog.md)"),
        ("[tests](tests/README.md)", "tests"),
        ("[paper](https://arxiv.org/abs/2506.09099)", "[paper](https://arxiv.org/abs/2506.09099)"),
        ("[above](#top)", "[above](#top)"),
        ("![picture](docs/packages.svg)", "![picture](packages.svg)"),
    ],
)
def test_links_of_a_page_of_the_root_become_those_of_the_site(link, in_site):
    assert site_hooks.page_in_site(f"See {link}.") == f"See {in_site}."
