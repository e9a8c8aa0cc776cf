"""What stands where on the page of a figure."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from capacity.figures.style import STYLE

Texts = Sequence[tuple[str, Bbox]]


def drawn_texts(figure: Figure, monkeypatch: pytest.MonkeyPatch) -> Texts:
    """Every text that is really drawn, with its place on the page in pixels."""
    seen = []
    draw = Text.draw

    def watched(text, renderer):
        if text.get_visible() and text.get_text().strip():
            seen.append(text)
        draw(text, renderer)

    with monkeypatch.context() as patched, matplotlib.rc_context(STYLE):
        patched.setattr(Text, "draw", watched)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    return [(text.get_text(), text.get_window_extent(canvas.get_renderer())) for text in dict.fromkeys(seen)]


def overlaps(texts: Texts) -> list[tuple[str, str]]:
    """The pairs of texts that share more than a pixel."""
    return [
        (first, second)
        for number, (first, box) in enumerate(texts)
        for second, other in texts[:number]
        if min(box.x1, other.x1) - max(box.x0, other.x0) > 1 and min(box.y1, other.y1) - max(box.y0, other.y0) > 1
    ]


def outside(figure: Figure, texts: Texts) -> list[str]:
    """The texts, and legends, that leave the page by more than a pixel."""
    page = figure.bbox
    legends = [("legend", legend.get_window_extent()) for legend in figure.legends]
    return [
        text
        for text, box in [*texts, *legends]
        if box.x0 < page.x0 - 1 or box.x1 > page.x1 + 1 or box.y0 < page.y0 - 1 or box.y1 > page.y1 + 1
    ]
