from __future__ import annotations

import math
from html.parser import HTMLParser

import markdown as python_markdown
import markdown_it
import pandas as pd
import pytest

from capacity.storage import files
from capacity.tables import markdown


def test_a_table_has_a_heading_a_rule_and_a_line_for_each_row():
    assert markdown.table(("a", "b"), [("1", "2"), ("3", "4")]) == ["| a | b |", "|---|---|", "| 1 | 2 |", "| 3 | 4 |"]


def test_what_is_missing_is_a_dash_and_one_value_has_no_interval():
    assert markdown.number(math.nan) == "-"
    assert markdown.number(0.25, 1) == "0.2"
    assert markdown.with_interval(0.5, math.nan, math.nan) == "0.500"
    assert markdown.with_interval(math.nan, 0.1, 0.2) == "-"
    assert markdown.with_interval(0.5, 0.25, 0.75, 2) == "0.50 [0.25, 0.75]"


def test_a_count_has_its_exact_interval():
    assert markdown.count_with_interval(3, 10) == "3 of 10 [0.067, 0.652]"
    assert markdown.count_with_interval(4, 4, "runs") == "4 of 4 runs [0.398, 1.000]"
    assert markdown.count_with_interval(0, 0) == "-"
    assert markdown.count_with_interval(pd.NA, 3) == "-"


def test_diverged_runs_are_said():
    assert (markdown.count_runs(3, 0), markdown.count_runs(3, 1)) == ("3", "3 (1 diverged)")


def test_cells_that_depart_alike_share_a_note_and_others_have_none():
    notes = markdown.Notes(["", "batch 32", "block 12", "batch 32"])
    assert [notes.mark(text) for text in ("batch 32", "", "block 12")] == ["[1]", "", "[2]"]
    assert [line.split(":")[0] for line in notes.lines()] == [
        "[1] Departs from the paper's protocol",
        "[2] Departs from the paper's protocol",
    ]


def test_a_page_is_written_whole(tmp_path):
    files.write_text(tmp_path / "page.md", "n14 †\n")
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == "n14 †\n"


HOSTILE = (
    "</script><script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "[a](javascript:alert(1)) ![b](c) <http://x.y> http://x.y www.x.y a@x.y",
    "*a* _b_ __c__ ~~d~~ `e` $f$ ^g^ #h #",
    "&lt;b&gt; &#60; &",
    "a | b \\| c \\",
    "# a",
    "- a",
    "1. a",
    "> a",
    "=== ",
    "[^1]: a",
    "{: onclick=a}",
    "<!-- a",
    "<![CDATA[ a",
    "a\\<b>c</b>",
)


@pytest.mark.parametrize(
    "render", [markdown_it.MarkdownIt("gfm-like", {"linkify": False}).render, python_markdown.markdown]
)
@pytest.mark.parametrize("title", HOSTILE)
def test_a_title_is_text_in_every_markdown(render, title):
    """As a heading, read by the two programs that show pages here: CommonMark's rules and those of the site."""
    page = Elements(render(f"# {markdown.text(title)}\n\nText.\n"))
    assert page.tags == ["h1", "p"]
    assert page.texts["h1"].split() == title.split()


class Elements(HTMLParser):
    """The elements of a page, and the text in each."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts = [], {}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        assert [name for name, _ in attributes if name != "id"] == []
        self.tags.append(tag)

    def handle_data(self, data):
        if self.tags:
            self.texts[self.tags[-1]] = self.texts.get(self.tags[-1], "") + data


def test_a_plain_title_is_written_as_it_is():
    title = 'The paper\'s 12 "wd" cells, with weight decay (0.1): n14 - n56; and 5 % more?'
    assert markdown.text(title) == title
