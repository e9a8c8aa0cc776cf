"""Digests of the source code behind a stage of the workflow.

A rule carries the digest of the code that decides what it writes, so that an edit reruns what it affects and nothing
else. Comments, docstrings and the messages of exceptions decide nothing and are left out of a digest, and so are the
modules in :data:`PLUMBING`.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "capacity"

ROOTS = {
    "corpus": ("capacity.corpora.corpus",),
    "train": ("capacity.training.loop", "capacity.training.history"),
    "evaluate": ("capacity.evaluation.job", "capacity.storage.evaluations"),
}
"""The modules at which the code of a stage begins. Any other stage begins at its command."""

TASK_REGISTRY = "capacity.tasks.registry"
TASK_STAGES = ("corpus", "train")
"""The stages that read, of all tasks, only that of their cell: a new task makes none of their results again."""

DATA_FILES = {
    "evaluate": ("storage/evaluation.schema.yaml",),
    "findings": ("findings/findings.md.j2",),
}
"""Package data that a stage reads, which counts as its code."""

PLUMBING = (
    "capacity.errors",
    "capacity.versions",
    "capacity.commands.arguments",
    "capacity.experiment.assignment",
    "capacity.experiment.plan",
    "capacity.experiment.resources",
    "capacity.experiment.status",
    "capacity.experiment.table_plan",
    "capacity.experiment.workflow",
    "capacity.storage.code",
    "capacity.storage.files",
    "capacity.storage.json_files",
    "capacity.storage.parquet",
    "capacity.storage.provenance",
    "capacity.training.interruptions",
    "capacity.training.progress",
    "capacity.training.snapshots",
)
"""Modules that decide no number: they name, write, seal, resume and report. An edit to one reruns nothing."""


def stage_modules(stage: str, task: str | None = None) -> list[str]:
    """The modules whose code decides what a stage writes, by dotted name and in order.

    They are read from the source without running it. If a task is named, those of :data:`TASK_STAGES` have the module
    of that task instead of the registry, which imports every task. Raises ValueError if a module has a relative
    import, which could not be followed.
    """
    modules: set[str] = set()
    waiting = list(ROOTS.get(stage, (f"{PACKAGE}.commands.{stage.replace('-', '_')}",)))
    left_out = set(PLUMBING)
    if task is not None and stage in TASK_STAGES:
        waiting.append(f"{PACKAGE}.tasks.{task}")
        left_out.add(TASK_REGISTRY)
    while waiting:
        module = waiting.pop()
        if module not in modules and module not in left_out:
            modules.add(module)
            waiting.extend(_imported_modules(module))
    return sorted(modules)


def source_digest(stage: str, task: str | None = None) -> str:
    """SHA-256 over the code of :func:`stage_modules` and the :data:`DATA_FILES` of a stage, in hexadecimal."""
    digest = hashlib.sha256()
    for name in DATA_FILES.get(stage, ()):
        digest.update(name.encode() + b"\0" + Path(__file__).parents[1].joinpath(name).read_bytes() + b"\0")
    for module in stage_modules(stage, task):
        digest.update(module.encode() + b"\0" + deciding_code(_source(module).read_text("utf-8")).encode() + b"\0")
    return digest.hexdigest()


@functools.cache
def deciding_code(text: str) -> str:
    """A Python source without what decides nothing: comments, docstrings, messages of exceptions and blank lines."""
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode()))
    spans = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Raise) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        ):
            end = starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
            spans.append((starts[node.lineno - 1] + node.col_offset, end))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            line_number, column = token.start
            start = starts[line_number - 1] + len(lines[line_number - 1][:column].encode())
            spans.append((start, start + len(token.string.encode())))
    outermost: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if not outermost or start >= outermost[-1][1]:
            outermost.append((start, end))
    kept = text.encode()
    for start, end in reversed(outermost):
        kept = kept[:start] + kept[end:]
    return "\n".join(line.rstrip() for line in kept.decode().splitlines() if line.strip())


def _source(module: str) -> Path:
    """The file of a module of this package; it need not exist."""
    path = Path(__file__).parents[1].joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _imported_modules(module: str) -> Iterator[str]:
    """The modules of this package that a module imports, in functions too."""
    for node in ast.walk(ast.parse(_source(module).read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{_source(module)}, line {node.lineno}: write the import with its full name")
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.startswith(f"{PACKAGE}.") and _source(name).is_file())
