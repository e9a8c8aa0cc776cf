"""Write docs/packages.svg and docs/packages.md: the packages of the library, their modules and what they import.

``python -m tools.package_picture`` reads the imports from the source, without running it, and writes both files.
The same source gives the same bytes, and a test compares them.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/capacity"
PICTURE = ROOT / "docs/packages.svg"
PAGE = ROOT / "docs/packages.md"

BOX_WIDTH, BOX_GAP, ROW_GAP, MARGIN = 226, 24, 44, 16  # pixels
LINE_HEIGHT, HEADER_HEIGHT, PADDING = 15, 24, 8
CHARACTERS_PER_LINE = 35

Graph = Mapping[str, frozenset[str]]
"""What each package imports from directly, by name."""


@dataclass(frozen=True)
class Package:
    """A folder of the library, or a module that lies beside the folders.

    Attributes:
        name: below ``capacity``.
        summary: the first sentence of its docstring.
        modules: the modules of the folder, in alphabetical order; none for a module.
        imports: the names of the other packages that its code imports.
    """

    name: str
    summary: str
    modules: tuple[str, ...]
    imports: frozenset[str]


def read_packages(folder: Path) -> list[Package]:
    """Return all packages of the library in a folder, in alphabetical order."""
    entries = [path.parent for path in folder.glob("*/__init__.py")]
    entries += [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    names = {entry.stem for entry in entries}
    packages = []
    for entry in sorted(entries, key=lambda path: path.stem):
        files = sorted(entry.glob("*.py")) if entry.is_dir() else [entry]
        trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in files}
        imported = {name for tree in trees.values() for name in imported_packages(tree)}
        docstring = ast.get_docstring(trees[files[0] if entry.is_file() else entry / "__init__.py"]) or ""
        modules = tuple(path.stem for path in files if entry.is_dir() and path.stem != "__init__")
        packages.append(
            Package(entry.stem, first_sentence(docstring), modules, frozenset(imported & names - {entry.stem}))
        )
    return packages


def imported_packages(tree: ast.Module) -> Iterable[str]:
    """Return the names, below ``capacity``, of what a module imports anywhere in its code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            dotted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            dotted = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (parts[1] for parts in (name.split(".") for name in dotted) if parts[0] == "capacity" and parts[1:])


def first_sentence(docstring: str) -> str:
    """Return the first paragraph of a docstring up to its first full stop, on one line."""
    paragraph = " ".join(docstring.split("\n\n")[0].split())
    return paragraph.split(". ")[0].rstrip(".") + "." if paragraph else ""


def reachable(graph: Graph, start: str) -> set[str]:
    """Return what a package imports, directly or through others."""
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += graph[name]
    return seen


def rows_of(graph: Graph) -> list[list[str]]:
    """Arrange packages in rows, top first, so that arrows lead downward.

    Packages that import each other share a row. A package lies one row above the highest that it imports.
    """
    below = {name: reachable(graph, name) for name in graph}
    levels: dict[str, int] = {}
    for name in sorted(graph, key=lambda name: (len(below[name] | {name}), name)):
        under = [levels[other] for other in below[name] if name not in below[other]]
        levels[name] = 1 + max(under, default=-1)
    return [sorted(name for name in graph if levels[name] == level) for level in sorted(set(levels.values()))[::-1]]


def drawn_arrows(graph: Graph) -> list[tuple[str, str]]:
    """Return the imports that are drawn: those that do not follow from other arrows."""
    below = {name: reachable(graph, name) for name in graph}
    return [
        (name, target)
        for name in sorted(graph)
        for target in sorted(graph[name])
        if not any(
            target in below[other]
            for other in graph[name] - {target}
            if name not in below[other] and other not in below[target]
        )
    ]


def ordered_rows(graph: Graph) -> list[list[str]]:
    """Order the packages of each row by the mean place of those that import them, so that fewer arrows cross."""
    places: dict[str, float] = {}
    rows = []
    for row in rows_of(graph):
        means = {name: mean_place_of_importers(graph, places, name) for name in row}
        rows.append(sorted(row, key=means.__getitem__))
        places.update({name: place / (len(row) + 1) for place, name in enumerate(rows[-1], start=1)})
    return rows


def mean_place_of_importers(graph: Graph, places: Mapping[str, float], name: str) -> float:
    """Return the mean horizontal place, from 0 to 1, of the packages above that import a package."""
    above = [place for other, place in places.items() if name in graph[other]]
    return sum(above) / len(above) if above else 0.5


def box_lines(package: Package) -> list[str]:
    """Return the lines of text below the name in the box of a package."""
    return textwrap.wrap(", ".join(package.modules), CHARACTERS_PER_LINE)


def draw(packages: Sequence[Package]) -> str:
    """Return the picture of the packages that are folders, as SVG."""
    by_name = {package.name: package for package in packages if package.modules}
    graph = {name: package.imports & set(by_name) for name, package in by_name.items()}
    rows = ordered_rows(graph)
    width = max(len(row) for row in rows) * (BOX_WIDTH + BOX_GAP) - BOX_GAP + 2 * MARGIN
    boxes: dict[str, tuple[int, int, int]] = {}
    top = MARGIN
    for row in rows:
        height = HEADER_HEIGHT + PADDING + LINE_HEIGHT * max(len(box_lines(by_name[name])) for name in row)
        left = (width - len(row) * (BOX_WIDTH + BOX_GAP) + BOX_GAP) // 2
        for index, name in enumerate(row):
            boxes[name] = (left + index * (BOX_WIDTH + BOX_GAP), top, height)
        top += height + ROW_GAP
    height = top - ROW_GAP + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif">',
        "<title>The packages of capacity: an arrow leads from a package to one that it imports</title>",
        '<marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 Z" fill="#0072b2"/></marker>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    parts += [arrow(boxes[source], boxes[target]) for source, target in drawn_arrows(graph)]
    parts += [box(by_name[name], *place) for row in rows for name, place in ((name, boxes[name]) for name in row)]
    return "\n".join([*parts, "</svg>"]) + "\n"


def arrow(source: tuple[int, int, int], target: tuple[int, int, int]) -> str:
    """Return an arrow from the lower edge of a box to the upper edge of another, or to its side in the same row."""
    x, y = source[0] + BOX_WIDTH // 2, source[1] + source[2]
    end_x, end_y = target[0] + BOX_WIDTH // 2, target[1]
    if source[1] == target[1]:
        y = end_y = source[1] + HEADER_HEIGHT // 2
        x, end_x = (source[0] + BOX_WIDTH, target[0]) if source[0] < target[0] else (source[0], target[0] + BOX_WIDTH)
    bend = (end_y - y) // 2
    path = f"M{x} {y} C{x} {y + bend} {end_x} {end_y - bend} {end_x} {end_y}"
    return f'<path d="{path}" fill="none" stroke="#0072b2" stroke-width="1.2" marker-end="url(#tip)"/>'


def box(package: Package, left: int, top: int, height: int) -> str:
    """Return the box of a package: its name, and below it the names of its modules."""
    baseline = top + HEADER_HEIGHT - 7
    parts = [
        f'<rect x="{left}" y="{top}" width="{BOX_WIDTH}" height="{height}" rx="5" fill="#ffffff" stroke="#555555"/>',
        f'<text x="{left + PADDING}" y="{baseline}" font-size="14" font-weight="bold">{escape(package.name)}</text>',
    ]
    parts += [
        f'<text x="{left + PADDING}" y="{baseline + LINE_HEIGHT * number}" font-size="11" fill="#333333">'
        f"{escape(line)}</text>"
        for number, line in enumerate(box_lines(package), start=1)
    ]
    return "\n".join(parts)


def page(packages: Sequence[Package]) -> str:
    """Return the page in Markdown: the picture, and a table of what each package is and imports."""
    by_name = {package.name: package for package in packages}
    order = [name for row in rows_of({package.name: package.imports for package in packages}) for name in row]
    lines = [
        "# The packages of the library",
        "",
        "Made from the source by `python -m tools.package_picture`; a test compares it with the source.",
        "",
        "An arrow leads from a package to one that it imports; an import that follows from other arrows is left out.",
        "The names in a box are the modules of the package. The table has every import, and also the modules that lie",
        "beside the packages.",
        "",
        "![The packages of capacity and their imports](packages.svg)",
        "",
        "| package | what it is | imports |",
        "|---|---|---|",
    ]
    for name in order:
        summary = by_name[name].summary.replace("``", "`")
        lines.append(f"| `{name}` | {summary} | {names(by_name[name].imports)} |")
    return "\n".join(lines) + "\n"


def names(values: Iterable[str]) -> str:
    """Return names as a list of code in Markdown, in alphabetical order; a dash for none."""
    return ", ".join(f"`{value}`" for value in sorted(values)) or "-"


def main() -> None:
    """Write the picture and the page."""
    packages = read_packages(PACKAGE)
    PICTURE.write_text(draw(packages), encoding="utf-8")
    PAGE.write_text(page(packages), encoding="utf-8")


if __name__ == "__main__":
    main()
