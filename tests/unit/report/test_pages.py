"""Pages of results as HTML: nothing leads out of them, and what they are made of is text."""

from __future__ import annotations

import base64
from html.parser import HTMLParser

import pytest

from capacity.report.pages import html_page

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
HOSTILE = '<script>owned=1</script><b onclick="owned=1">b</b> [a](javascript:owned=1) </title><!--'


class Elements(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def page(markdown, figures=None):
    return Elements(html_page(markdown, "results/studies/own", figures or {}))


def test_the_title_of_a_page_is_its_first_heading():
    assert "<title>A &amp; B, c</title>" in html_page("Before\n\n# A & B, `c`\n\n## D\n", "results", {})
    assert "<title>Results</title>" in html_page("No heading\n", "results", {})


def test_markup_in_a_page_is_text():
    made = page(f"# {HOSTILE}\n\n{HOSTILE}\n\n| a |\n|---|\n| {HOSTILE} |\n")
    assert {name for name, _ in made.elements} == {
        *("html", "head", "meta", "title", "style", "body", "h1", "p", "table", "thead", "tbody", "tr", "th", "td"),
    }
    assert made.text.count("<script>owned=1</script>") == 4  # the title of the page among them


@pytest.mark.parametrize(
    ("link", "stays"),
    [("https://x.org", True), ("#rule", True), ("../base/summary.md", False), ("answer.json", False)],
)
def test_a_link_that_would_lead_nowhere_is_its_words_alone(link, stays):
    made = page(f"see [the *summary*]({link}) and [here](#here)\n")
    assert [each["href"] for each in made.of("a")] == [link] * stays + ["#here"]
    assert "see the summary and here" in made.text


@pytest.mark.parametrize("source", ["map.png", "../own/map.png", "map.pdf"])
def test_a_figure_is_inside_the_page(source):
    (figure,) = page(f"![map: own]({source})", {"results/studies/own/map.svg": SVG}).of("img")
    assert figure["alt"] == "map: own"
    assert base64.b64decode(figure["src"].removeprefix("data:image/svg+xml;base64,")) == SVG


@pytest.mark.parametrize("source", ["other.png", "https://x.org/map.png", "../base/map.png"])
def test_of_another_figure_there_is_the_description(source):
    made = page(f"![map: own]({source})", {"results/studies/own/map.svg": SVG})
    assert made.of("img") == []
    assert "map: own" in made.text
