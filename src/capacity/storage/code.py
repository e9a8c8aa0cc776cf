"""Digests of the source code behind a stage of the workflow.

A rule carries the digest of the code that decides what it writes, so that an edit reruns what it affects and nothing
else. The code of a stage is that of the modules at which it begins, :data:`ROOTS`, and of every module that these
import, directly or through others. Comments, docstrings, line breaks and what an exception says decide nothing and are
left out of a digest, and so are the modules in :data:`PLUMBING`. The sources are read and not run, so that a plan is
made without loading torch.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import io
import token as kinds
import tokenize
from pathlib import Path

PACKAGE = "capacity"

# From Python 3.12 on an f-string is several tokens.
FSTRING_START, FSTRING_END = (getattr(kinds, name, None) for name in ("FSTRING_START", "FSTRING_END"))

ROOTS = {
    "corpus": ("capacity.corpora.corpus",),
    "train": ("capacity.training.loop", "capacity.training.history", "capacity.model.devices"),
    "evaluate": (
        "capacity.evaluation.job",
        "capacity.evaluation.mechanism",
        "capacity.storage.evaluations",
        "capacity.model.devices",
    ),
}
"""The modules at which the code of a stage begins: its arithmetic, the layout of its files, and the settings of torch
that decide how it rounds. Any other stage begins at its command."""

TASK_REGISTRY = "capacity.tasks.registry"
TASK_STAGES = ("corpus", "train")
"""The stages that read, of all tasks, only that of their cell: a new task makes none of their results again."""

DATA_FILES = {
    "archive": ("archive/README.md.j2", "archive/card.md.j2"),
    "evaluate": ("storage/evaluation.schema.yaml",),
    "explorer": tuple(
        f"explorer/{name}"
        for name in (
            "page.html.j2",
            "style.css",
            "transformer.js",
            "asking.js",
            "charts.js",
            "tradeoff.js",
            "run_panel.js",
            "explorer.js",
        )
    ),
    "findings": ("findings/findings.md.j2",),
    "methods": ("findings/methods.md.j2",),
    "report-of-all": ("report/answer.html.j2", "report/page.html.j2"),
    "report-of-study": ("report/page.html.j2",),
}
"""Package data that a stage reads, which counts as its code."""

PLUMBING = (
    "capacity",  # the version
    "capacity.errors",
    "capacity.versions",
    "capacity.commands.arguments",
    "capacity.experiment.assignment",
    "capacity.experiment.file_bounds",
    "capacity.experiment.plan",
    "capacity.experiment.refusals",
    "capacity.experiment.resources",
    "capacity.experiment.status",
    "capacity.experiment.table_plan",
    "capacity.experiment.workflow",
    "capacity.storage.code",
    "capacity.storage.files",
    "capacity.storage.json_files",
    "capacity.storage.parquet",
    "capacity.storage.parquet_bounds",
    "capacity.storage.provenance",
    "capacity.storage.records",
    "capacity.storage.thrift",
    "capacity.training.interruptions",
    "capacity.training.progress",
    "capacity.training.snapshots",
)
"""Modules that decide no number: they name, write, seal, resume and report. An edit to one reruns nothing."""


def stage_modules(stage: str, task: str | None = None) -> list[str]:
    """Return the modules whose code decides what a stage writes, by dotted name and in order.

    A module comes with the packages that it lies in. If a task is named, the stages of :data:`TASK_STAGES` have the
    module of that task instead of the registry, which imports every task. Raises ValueError if a module has a relative
    import, which is not followed.
    """
    modules: set[str] = set()
    waiting = list(ROOTS.get(stage, (f"{PACKAGE}.commands.{stage.replace('-', '_')}",)))
    left_out = set(PLUMBING)
    if task is not None and stage in TASK_STAGES:
        waiting.append(f"{PACKAGE}.tasks.{task}")
        left_out.add(TASK_REGISTRY)
    while waiting:
        module = waiting.pop()
        if module and module not in modules and module not in left_out:
            modules.add(module)
            waiting.append(module.rpartition(".")[0])
            waiting.extend(name for name in _imported_names(_source(module)) if _source(name).is_file())
    return sorted(modules)


def source_digest(stage: str, task: str | None = None) -> str:
    """Return the SHA-256, in hexadecimal, of the code of a stage: of :func:`stage_modules` and :data:`DATA_FILES`."""
    digest = hashlib.sha256()
    for name in DATA_FILES.get(stage, ()):
        digest.update(name.encode() + b"\0" + Path(__file__).parents[1].joinpath(name).read_bytes() + b"\0")
    for module in stage_modules(stage, task):
        digest.update(module.encode() + b"\0" + deciding_code(_source(module).read_text("utf-8")).encode() + b"\0")
    return digest.hexdigest()


@functools.cache
def deciding_code(text: str) -> str:
    """Return the words of a Python source that decide what it does, the same in every version of Python.

    Left out are comments, docstrings and other strings that are statements of their own, what follows ``raise``, and
    how the code is broken into lines.
    """
    lines = text.split("\n")
    spans = iter(_skipped_spans(text))
    skipped = next(spans, None)  # the first one that does not end before the token
    words: list[str] = []
    string_start: tuple[int, int] | None = None
    depth = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        while skipped is not None and skipped[1] < token.start:
            skipped = next(spans, None)
        is_skipped = skipped is not None and skipped[0] <= token.start and token.end <= skipped[1]
        if is_skipped or token.type in (tokenize.COMMENT, tokenize.NL):
            continue
        if token.type == FSTRING_START:  # the tokens of an f-string are put together again
            string_start, depth = string_start or token.start, depth + 1
        elif token.type == FSTRING_END:
            depth -= 1
            if not depth and string_start is not None:
                words.append(_between(lines, string_start, token.end))
                string_start = None
        elif depth:
            continue
        elif token.type in (tokenize.INDENT, tokenize.DEDENT):
            words.append(kinds.tok_name[token.type])
        elif token.type == tokenize.NEWLINE:
            if words and words[-1] not in ("\n", "INDENT", "DEDENT"):
                words.append("\n")
        else:
            words.append(token.string)
    return " ".join(words)


Position = tuple[int, int]
"""A line, counted from 1, and a character of it, counted from 0."""


def _skipped_spans(text: str) -> list[tuple[Position, Position]]:
    """Return where the strings that are statements, and what follows a ``raise``, begin and end, in order."""
    lines = text.split("\n")

    def position(line: int | None, byte: int | None) -> Position:
        number = line or 1
        return number, len(lines[number - 1].encode()[:byte].decode())

    spans = []
    for node in _statements(text):
        if isinstance(node, ast.Raise) and node.exc is not None:
            line, character = position(node.lineno, node.col_offset)
            spans.append(((line, character + len("raise")), position(node.end_lineno, node.end_col_offset)))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            start = position(node.lineno, node.col_offset)
            spans.append((start, position(node.end_lineno, node.end_col_offset)))
    return sorted(spans)


@functools.cache
def _statements(text: str) -> list[ast.AST]:
    """Return the imports, raises and expressions that are statements of a source, in functions and classes too."""
    kept: list[ast.AST] = []
    waiting: list[ast.AST] = [ast.parse(text)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom, ast.Raise, ast.Expr)):
            kept.append(node)
        for inner in ("body", "orelse", "finalbody", "handlers", "cases"):
            waiting.extend(getattr(node, inner, ()))
    return kept


def _between(lines: list[str], start: Position, end: Position) -> str:
    """Return the text from one position to another."""
    (first, left), (last, right) = start, end
    if first == last:
        return lines[first - 1][left:right]
    return "\n".join([lines[first - 1][left:], *lines[first : last - 1], lines[last - 1][:right]])


def _source(module: str) -> Path:
    """Return the file of a module of this package, whether it exists or not."""
    return _source_beside(__file__, module)


@functools.cache
def _source_beside(file: str, module: str) -> Path:
    """Return the file of a module in the package of this file. While a process runs, a module becomes no package."""
    path = Path(file).parents[1].joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _imported_names(source: Path) -> tuple[str, ...]:
    """Return the names in this package that a source imports, in functions too: modules, and things in modules.

    Raises ValueError naming file and line if it has a relative import.
    """
    return _names_imported_by(str(source), source.read_text("utf-8"))


@functools.cache
def _names_imported_by(path: str, text: str) -> tuple[str, ...]:
    names: list[str] = []
    for node in _statements(text):
        if isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(
                    f"{path}, line {node.lineno}: the digests of the code do not follow a relative import; write the "
                    f"full name of the module, as in `from {PACKAGE}.storage import files`"
                )
            names += [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return tuple(name for name in names if name.startswith(f"{PACKAGE}."))
