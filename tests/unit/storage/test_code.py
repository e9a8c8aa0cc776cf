"""Digests of code: an edit changes the digest of the stages whose results it decides, and no other."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

from capacity.commands import COMMANDS
from capacity.storage import code
from tests.support.repository import PACKAGE, SOURCE

MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
STAGES = tuple(COMMANDS)
FIGURES = ("tradeoff", "curves", "dynamics", "answers", "held_out_histories")

# For each list of modules that it is given, in a process of its own: loads these, then what their functions import when
# they are called, and what that imports, until nothing is new, and lists the modules of the package that are loaded
# then. Other libraries are loaded once, before, and each source is read once.
LOADED = """
import ast, importlib, json, multiprocessing, pathlib, sys
import matplotlib.pyplot, numba, pandas, pyarrow.compute, pyarrow.parquet, rich.table, scipy.stats, torch
def loaded():
    return {name for name in sys.modules if name == "capacity" or name.startswith("capacity.")}
def imported_in_functions(path):
    functions = (node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.FunctionDef))
    statements = (node for function in functions for node in ast.walk(function) if isinstance(node, ast.ImportFrom))
    return [node.module for node in statements if node.module.startswith("capacity.")]
modules, paths = json.loads(sys.argv[1]), json.loads(sys.argv[2])
inner = {name: imported_in_functions(pathlib.Path(path)) for name, path in paths.items()}
def loaded_by(modules):
    for name in modules:
        importlib.import_module(name)
    done = set()
    while waiting := loaded() - done:
        for name in waiting:
            for imported in inner[name]:
                importlib.import_module(imported)
        done |= waiting
    return sorted(loaded())
assert not loaded()
with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
    print(json.dumps(pool.map(loaded_by, modules, chunksize=1)))
"""


@pytest.fixture(scope="module")
def loaded_modules() -> dict[str, set[str]]:
    """The modules of the package that are loaded for a stage, and for the command of training whole."""
    roots = {stage: code.ROOTS.get(stage, (f"capacity.commands.{stage.replace('-', '_')}",)) for stage in STAGES}
    roots["the command of training"] = ("capacity.commands.train",)
    done = subprocess.run(
        [sys.executable, "-c", LOADED, json.dumps(list(roots.values())), json.dumps(MODULES, default=str)],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(roots, map(set, json.loads(done.stdout)), strict=True))


@pytest.fixture
def copied_package(tmp_path, monkeypatch) -> Path:
    """A copy of the package whose sources :mod:`capacity.storage.code` reads instead of its own."""
    copied = tmp_path / "capacity"
    shutil.copytree(PACKAGE, copied, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "__file__", str(copied / "storage/code.py"))
    return copied


def digests() -> dict[str, str]:
    return {stage: code.source_digest(stage) for stage in STAGES}


def edited(path: Path, before: str, after: str) -> set[str]:
    """The stages whose digest changes when a text in a source, which must be there, is replaced."""
    first = digests()
    text = path.read_text(encoding="utf-8")
    assert before in text, path
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    second = digests()
    path.write_text(text, encoding="utf-8")
    return {stage for stage in STAGES if first[stage] != second[stage]}


def appended(path: Path, text: str) -> set[str]:
    """The stages whose digest changes when code is added to a source."""
    last = path.read_text(encoding="utf-8")
    return edited(path, last, last + text)


@pytest.mark.parametrize("stage", STAGES)
def test_the_modules_of_a_stage_are_those_that_its_import_loads_less_the_plumbing(stage, loaded_modules):
    loaded = loaded_modules[stage]
    modules = set(code.stage_modules(stage))
    assert modules <= loaded
    # What plumbing alone imports decides as little as the plumbing itself.
    behind_plumbing = loaded - modules - set(code.PLUMBING)
    assert {name for name in behind_plumbing if not is_behind_plumbing(name, modules)} == set()


def is_behind_plumbing(module: str, modules: set[str]) -> bool:
    """Whether no module of a stage imports this one, so that only plumbing can have loaded it."""
    pattern = re.compile(rf"^\s*(from|import) {re.escape(module)}\b", re.M)
    return not any(pattern.search(MODULES[name].read_text(encoding="utf-8")) for name in modules)


def test_every_module_of_the_plumbing_exists():
    assert set(code.PLUMBING) <= set(MODULES)
    assert {root for roots in code.ROOTS.values() for root in roots} <= set(MODULES)
    assert all((PACKAGE / name).is_file() for names in code.DATA_FILES.values() for name in names)


def test_a_job_of_training_runs_nothing_else_than_its_digest_the_plumbing_and_what_saves_its_results(loaded_modules):
    others = loaded_modules["the command of training"] - set(code.stage_modules("train")) - set(code.PLUMBING)
    saves_results = {"capacity.commands", "capacity.commands.train", "capacity.training.job", "capacity.model.weights"}
    describes_columns = {"capacity.dictionary"}
    modules = ("cells", "column", "histories", "jobs", "measures", "mechanism", "study_measures")
    describes_columns |= {f"capacity.dictionary.{name}" for name in modules}
    checks = {f"capacity.experiment.{name}" for name in ("seeds", "checks", "text")}
    assert others == saves_results | describes_columns | checks


def test_an_edit_of_the_optimizer_trains_everything_anew_and_remakes_no_table_by_itself(copied_package):
    path = copied_package / "training/optimizer.py"
    assert edited(path, "ADAM_EPSILON = 1e-8", "ADAM_EPSILON = 1e-7") == {"train"}


def test_an_edit_of_the_compiled_network_evaluates_anew_too_and_one_of_its_optimizer_only_trains(copied_package):
    before, after = "shape.layers - 1", "shape.layers - 2"
    assert edited(copied_package / "kernel/network.py", before, after) >= {"train", "evaluate"}
    assert edited(copied_package / "kernel/optimizer.py", "PARTS = 16", "PARTS = 32") == {"train"}


@pytest.mark.parametrize(
    ("module", "before", "after"),
    [
        ("training/schedule", "0.5 * (1.0", "0.4 * (1.0"),
        ("training/draws", "UPDATES_AT_ONCE = 100", "UPDATES_AT_ONCE = 99"),
        ("corpora/streams", "sliding_window_view(text, block + 1)", "sliding_window_view(text, block + 2)"),
        ("paper/protocol", "GRADIENT_CLIP = 1.0", "GRADIENT_CLIP = 2.0"),
        ("model/initialization", "INITIAL_DEVIATION = 0.02", "INITIAL_DEVIATION = 0.03"),
        ("exact/generator", "BLOCK = 16", "BLOCK = 32"),
        ("exact/elementary", "1.0 - (0.5 * square", "1.0 - (0.4 * square"),
        ("model/devices", "set_flags(_enabled=bfloat16)", "set_flags(_enabled=True)"),
    ],
)
def test_an_edit_that_decides_numbers_of_training_trains_anew(copied_package, module, before, after):
    assert "train" in edited(copied_package / f"{module}.py", before, after)


@pytest.mark.parametrize(
    "module",
    ["training/snapshots", "training/progress", "training/interruptions", "storage/parquet", "storage/files", "errors"],
)
def test_an_edit_of_the_plumbing_reruns_nothing(copied_package, module):
    assert appended(copied_package / f"{module}.py", "\n\nMORE = 1\n") == set()


def test_an_edit_of_a_message_a_docstring_or_a_comment_in_any_module_reruns_nothing(copied_package):
    before = digests()
    messages = 0
    for path in copied_package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Raise) and node.exc is not None]
        lines = text.split("\n")
        for node in sorted(nodes, key=lambda node: -node.lineno):
            start = lines[node.lineno - 1].encode()[: node.col_offset].decode()
            rest = lines[node.end_lineno - 1].encode()[node.end_col_offset :].decode()
            said = f'{start}raise ValueError(f"another message, é {{1}}"){rest}  # of an exception'
            lines[node.lineno - 1 : node.end_lineno] = [said]
            messages += 1
        text = "\n".join(lines).replace('"""', '"""Another docstring. ', 1).replace("\n\n", "\n# a comment\n\n")
        ast.parse(text)
        path.write_text(text, encoding="utf-8")
    assert messages > 100
    assert digests() == before


def test_another_condition_of_an_error_is_an_edit():
    assert code.deciding_code("if x > 1: raise E('a')\n") != code.deciding_code("if x > 2: raise E('a')\n")
    assert code.deciding_code("x = 1\nraise E('a')\n") != code.deciding_code("x = 1\n")


@pytest.mark.parametrize("figure", FIGURES)
def test_each_figure_has_a_digest_of_its_own(copied_package, figure):
    stages = appended(copied_package / f"figures/{figure}.py", "\n\nMORE = 1\n")
    assert stages == {f"draw-{figure.replace('_', '-')}"}


@pytest.mark.parametrize(
    ("name", "stage"), [(name, stage) for stage, names in code.DATA_FILES.items() for name in names]
)
def test_package_data_count_as_the_code_of_their_stage(copied_package, name, stage):
    assert (
        stage
        in edited(copied_package / name, "e", "E")
        <= {each for each in code.DATA_FILES if name in code.DATA_FILES[each]}
    )


def test_the_version_of_the_package_reruns_nothing(copied_package):
    assert appended(copied_package / "__init__.py", "\nMORE = 1\n") == set()


def test_code_in_the_file_of_a_package_counts(copied_package):
    assert "train" in appended(copied_package / "training/__init__.py", "\nMORE = 1\n")


def test_the_digest_of_a_copy_is_that_of_the_original(copied_package, monkeypatch):
    copied = digests()
    monkeypatch.undo()
    assert digests() == copied


def test_an_import_inside_a_function_counts(copied_package):
    assert "capacity.statistics.trends" not in code.stage_modules("corpus")
    with (copied_package / "tasks/vocabulary.py").open("a") as source:
        source.write(
            "\n\ndef later():\n    from capacity.statistics import trends\n    import capacity.model.weights\n"
        )
    assert {"capacity.statistics.trends", "capacity.model.weights"} <= set(code.stage_modules("corpus"))


@pytest.mark.parametrize("line", ["from . import vocabulary", "from .task import Line", "from ..paper import protocol"])
def test_a_relative_import_is_refused_by_file_and_line(copied_package, line):
    path = copied_package / "tasks/registry.py"
    path.write_text(f"{line}\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
    with pytest.raises(ValueError, match=r"tasks/registry\.py, line 1: .* write the full name of the module"):
        code.source_digest("corpus")


def test_no_module_imports_by_a_name_that_is_known_only_when_it_runs():
    """Which a digest could not follow; the command line and what notebooks import do, and no stage depends on them."""
    dynamic = {name for name, path in MODULES.items() if "import_module" in path.read_text(encoding="utf-8")}
    assert dynamic == {"capacity", "capacity.__main__"}
    assert dynamic - {"capacity.__main__"} <= set(code.PLUMBING)


def without_comments(text: str) -> str:
    """A source without its comments, each line as long as before it."""
    lines = text.split("\n")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    return "\n".join(lines)


@pytest.mark.parametrize("module", MODULES)
def test_what_decides_is_the_same_without_comments_and_blank_lines_in_other_places(module):
    text = MODULES[module].read_text(encoding="utf-8")
    deciding = code.deciding_code(text)
    bare = without_comments(text)
    assert code.deciding_code(bare) == deciding
    rows = sorted({node.lineno for node in ast.parse(bare).body} - {1})
    lines = bare.split("\n")
    for row in reversed(rows):
        lines[row - 1 : row - 1] = ["", "# a comment between statements"]
    assert code.deciding_code("\n".join(lines)) == deciding


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f():\n\treturn 1\n", "def f():\n    return 1  # é\n"),
        ('x = "é"  # ü\n', 'x = "é"\n'),
        ('def f():\n    """Outer."""\n    def g():\n        """Inner.\n\n        M.\n        """\n        return 1\n',
         "def f():\n    def g():\n        return 1\n"),
        ('X = 1\n"""What X is."""\n\n\n\nY = 2\n', "X = 1\nY = 2\n"),
        ("f(\n    1,\n    2,\n)\n", "f(1,\n  2,)\n"),
        ('if x: raise E(f"{x} é", "y")  # why\n', 'if x:  raise F("z")\n'),
        ('raise E(  # why\n    f"a {x!r:>{width}}"\n) from error\n', "raise E\n"),
    ],
)  # fmt: skip
def test_sources_that_decide_the_same(one, other):
    assert code.deciding_code(one) == code.deciding_code(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 'a b'\n", "x = 'a  b'\n"),
        ('x = """a\n\nb"""\n', 'x = """a\nb"""\n'),
        ('x = """a \nb"""\n', 'x = """a\nb"""\n'),
        ('x = f"a {y:.2f}"\n', 'x = f"a {y:.3f}"\n'),
        ('x = f"a # {y}"\n', 'x = f"a {y}"\n'),
        ("if x:\n    y()\nz()\n", "if x:\n    y()\n    z()\n"),
        ("x = 1\n", "x = 1.0\n"),
        ("x = '\u2028a'\ny = 1\n", "x = '\u2028b'\ny = 1\n"),
        ("try:\n    f()\nexcept E:\n    raise\n", "try:\n    f()\nexcept E:\n    pass\n"),
    ],
)
def test_sources_that_decide_something_else(one, other):
    assert code.deciding_code(one) != code.deciding_code(other)
